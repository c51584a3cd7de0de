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
    table = GUIDE.read_text(encoding="utf-8").split("\n### Error messages\n")[1].split("\n### ")[0]
    found = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
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
    return (r"\b" if part[0].isalpha() else "") + re.escape(part) + (r"\b" if part[-1].isalpha() else "")


def unexplained(text: str) -> str:
    """The sentences of a text that the guide does not explain.

    Example: `unexplained("stats: the list is long. Batch did not answer in time.")` -> `"the list is long."`.
    """
    for pattern in _patterns():
        while found := pattern.search(text):
            for number in reversed(range(1, len(found.groups()) + 1)):
                text = f"{text[: found.start(number)]}\0{text[found.end(number) :]}"
    text = re.sub(r'"[^"]*"|\([^)]*\)', "\0", text)
    return " ".join(re.findall(r"(?:[A-Za-z']+,? )+[A-Za-z']+[.?]", text))
