"""Writes tables between the markers of docs/performance.md."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose first column is text and the others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Puts the text between `<!-- name:begin -->` and `<!-- name:end -->`."""
    before = page.read_text(encoding="utf-8")
    page.write_text(_pattern(name).sub(lambda _: _marked(name, text), _checked(before, name)), encoding="utf-8")


def get(name: str, page: Path = PAGE) -> str:
    """What stands between the markers."""
    found = _pattern(name).search(page.read_text(encoding="utf-8"))
    return found.group(1).strip() if found else ""


def _marked(name: str, text: str) -> str:
    return f"<!-- {name}:begin -->\n\n{text.strip()}\n\n<!-- {name}:end -->"


def _pattern(name: str) -> "re.Pattern[str]":
    return re.compile(rf"<!-- {name}:begin -->(.*?)<!-- {name}:end -->", re.DOTALL)


def _checked(page: str, name: str) -> str:
    if not _pattern(name).search(page):
        raise ValueError(f"the page has no markers {name}:begin and {name}:end")
    return page
