"""The state of a statistics stream, as the platform keeps it between two syncs."""

from collections.abc import Mapping
from datetime import date
from typing import Any


def state_of(day: date, cursor_field: str) -> dict[str, str]:
    """The state that says: no day up to this one is missing. Example: `{"date": "2026-11-20"}`."""
    return {cursor_field: day.isoformat()}


def day_in_state(state: Mapping[str, Any], cursor_field: str) -> date | None:
    """The last day up to which no day is missing, from the state of this or an older version.

    Shapes: `{"date": "2026-11-20"}` (this version's), and the CDK's global cursor
    `{"use_global_cursor": true, "state": {"date": "2026-11-20"}, "lookback_window": 1}`.
    Raises ValueError for a date that is none.
    """
    inner = state.get("state")
    text = (inner if isinstance(inner, Mapping) else state).get(cursor_field)
    return date.fromisoformat(str(text)[:10]) if text else None
