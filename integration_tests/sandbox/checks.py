"""Checks of parameters that more than one vendor makes."""

from __future__ import annotations

import re
from datetime import date


def parse_day(text: object) -> date | None:
    """Return the day of a yyyy-MM-dd text, or None."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def parse_count(text: str) -> int | None:
    """Return a number written with digits only, or None."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
