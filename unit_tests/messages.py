"""The messages that the guide explains, and whether a text consists of them and of the settings' descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from source_campaign_stats.settings.manifest import read_manifest

GUIDE = Path(__file__).parents[1] / "docs" / "campaign-stats.md"
CHANGING = "…"


@cache
def explained_messages() -> frozenset[str]:
    """The messages of the guide's tables, with `…` for what changes."""
    section = re.split(r"\n#{2,3} ", GUIDE.read_text(encoding="utf-8").split("\n### Error messages\n")[1])[0]
    found = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\| (?!message )", section, re.MULTILINE)), "a row begins with no message"
    assert len(found) == len(set(found)), "a message stands twice in the table"
    return frozenset(re.sub(r"<[^<>]+>", CHANGING, message) for message in found)


@cache
def _patterns() -> list[re.Pattern[str]]:
    """One for each message, the longest first; its groups are the words that never change."""
    descriptions = _descriptions(read_manifest()["spec"])
    sentences = {part for text in descriptions for part in re.split(r"(?<=\.) (?=[A-Z])", text)}
    fixed = [[part for part in text.split(CHANGING) if part] for text in explained_messages() | sentences]
    fixed.sort(key=lambda parts: len("".join(parts)), reverse=True)
    return [re.compile(".*?".join(f"({_whole_words(part)})" for part in parts), re.DOTALL) for parts in fixed]


def _descriptions(part: Any) -> Iterator[str]:
    if isinstance(part, dict) and isinstance(part.get("description"), str):
        yield part["description"]
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _descriptions(inner)


def _whole_words(part: str) -> str:
    return (
        (r"\b" if part[0].isalpha() else "")
        + re.escape(part)
        + (r"(?!\w)" if part[-1].isalpha() or part[-1] in ".?" else "")
    )


def unexplained(text: str) -> str:
    """The sentences of a text that the guide does not explain.

    Example: `unexplained("stats: the list is long. Batch did not answer in time.")` -> `"the list is long."`.
    """
    for pattern in _patterns():
        while found := pattern.search(text):
            for number in reversed(range(1, len(found.groups()) + 1)):
                text = f"{text[: found.start(number)]}\0{text[found.end(number) :]}"
    # What stands in quotation marks is no sentence, and neither is what stands before a colon.
    left = re.split(r'\0|: |"[^"\n]*"|`[^`]*`', text)
    words = [part.strip() for part in left if len(re.findall(r"[A-Za-z]+", part)) >= 2]
    return " ".join(part for part in words if re.search(r"[.?](\s|$|[A-Z])", part))
