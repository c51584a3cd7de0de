"""The state of a statistics stream, as the platform keeps it between two syncs."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from airbyte_cdk.models import AirbyteStateMessage

from source_campaign_stats.output.errors import config_error

# What the CDK writes for a stream that has no state, and for one that was read in full.
_NO_STATE = {"__ab_no_cursor_state_message", "__ab_full_refresh_sync_complete"}
_GLOBAL = {"use_global_cursor", "state", "lookback_window", "parent_state", "states"}


def state_of(day: date, cursor_field: str) -> dict[str, str]:
    """The state that says: no day up to this one is missing. Example: `{"date": "2026-11-20"}`."""
    return {cursor_field: day.isoformat()}


def day_in_state(state: Mapping[str, Any], cursor_field: str) -> date | None:
    """The last day up to which no day is missing, from the state of this or an older version; None for no state.

    Shapes: `{"date": "2026-11-20"}` (this version's), and the CDK's global cursor
    `{"use_global_cursor": true, "state": {"date": "2026-11-20"}, "lookback_window": 1}`. Empty are `{}`,
    `{"date": ""}`, `{"date": null}` and what the CDK writes where there is nothing to remember.
    Raises ValueError for any other shape, and for a date that is none.
    """
    if not state or state.keys() <= _NO_STATE:
        return None
    if state.get("use_global_cursor") is True and state.keys() <= _GLOBAL:
        inner = state.get("state") or {}
        return day_in_state(inner, cursor_field) if isinstance(inner, Mapping) else _no_day()
    if set(state) != {cursor_field}:
        return _no_day()
    text = state[cursor_field]
    if text in (None, ""):
        return None
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", text):
        return _no_day()
    return date.fromisoformat(text[:10])


def raise_for_foreign_states(states: Sequence[AirbyteStateMessage], known: Collection[str]) -> None:
    """Raises a configuration error for the state of something else than one of the known streams."""
    named = []
    for state in states:
        if state.stream is None:
            # The oldest kind of state is none if it has no data.
            if state.data or state.global_:
                raise config_error(
                    "The saved state is not one by stream, as this connector writes it. Refresh all streams."
                )
            continue
        named.append(state.stream.stream_descriptor.name)
    if unknown := [name for name in named if name not in known]:
        raise config_error(
            f"There is a saved state of streams that there are not: {', '.join(unknown)}. Take it out of the states, "
            f"or refresh the streams. There are: {', '.join(known)}."
        )
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise config_error(f"There is more than one saved state of {', '.join(twice)}. Leave the last one of each in.")


def _no_day() -> date:
    raise ValueError("no day")
