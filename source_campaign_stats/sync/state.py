"""The state of a statistics stream, as the platform keeps it between two syncs."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NoReturn

from airbyte_cdk.models import AirbyteStateMessage

from source_campaign_stats.output.errors import config_error

# What identifies a campaign: the values of its slice's partition, in their order.
Key = tuple[str, ...]
# When a campaign was created, then its key.
Place = tuple[str, ...]
OWED, UNDER_WAY = "owed", "under_way"
# What the CDK writes for a stream that has no state, and for one that was read in full.
_NO_STATE = {"__ab_no_cursor_state_message", "__ab_full_refresh_sync_complete"}
_GLOBAL = {"use_global_cursor", "state", "lookback_window", "parent_state", "states"}


@dataclass(frozen=True)
class UnderWay:
    """How far an unfinished sync of the days from `first` to `last` came.

    Campaigns are asked in the order of their creation (`Place`). Those up to `place` were asked, and those in `beyond`.
    `checksums` tell whether the campaigns up to the place are still the same (`sync.order.Checksums`).
    """

    first: date
    last: date
    place: Place | None = None
    beyond: frozenset[Key] = frozenset()
    checksums: str = ""


@dataclass(frozen=True)
class StreamState:
    """What a sync knows of the syncs before it.

    `day` is the last day up to which nothing is missing except what is `owed`: campaigns whose numbers are missing,
    each from a day on. `day` is None if no sync was whole yet.
    """

    day: date | None = None
    owed: Mapping[Key, date] = field(default_factory=dict)
    under_way: UnderWay | None = None

    def written(self, cursor_field: str) -> dict[str, Any]:
        """The state as the platform keeps it.

        Example: `{"date": "2026-11-20"}`; with a campaign that is missing `{"date": "2026-11-20", "owed": [["id",
        "2026-11-01"]]}`; of a sync that is under way `{"date": "2026-11-19", "under_way": {"first": "2026-10-20",
        "last": "2026-11-20", "place": ["2026-01-31T10:00:00Z", "id"], "beyond": [["id2"]], "checksums": "0f…"}}`.
        """
        state: dict[str, Any] = {}
        if self.day:
            state[cursor_field] = self.day.isoformat()
        if self.owed:
            state[OWED] = [[*key, day.isoformat()] for key, day in sorted(self.owed.items())]
        if now := self.under_way:
            state[UNDER_WAY] = {
                "first": now.first.isoformat(),
                "last": now.last.isoformat(),
                "place": list(now.place) if now.place else None,
                "beyond": [list(key) for key in sorted(now.beyond)],
                "checksums": now.checksums,
            }
        return state


def state_in(state: Mapping[str, Any], cursor_field: str) -> StreamState:
    """Reads a state that this or an older version wrote; raises ValueError for any other shape.

    Shapes: what `StreamState.written` writes, and the CDK's global cursor
    `{"use_global_cursor": true, "state": {"date": "2026-11-20"}, "lookback_window": 1}`. Empty are `{}`,
    `{"date": ""}`, `{"date": null}` and what the CDK writes where there is nothing to remember.
    """
    if not state or state.keys() <= _NO_STATE:
        return StreamState()
    if state.get("use_global_cursor") is True and state.keys() <= _GLOBAL:
        inner = state.get("state") or {}
        return state_in(inner, cursor_field) if isinstance(inner, Mapping) else _other_shape()
    if not state.keys() <= {cursor_field, OWED, UNDER_WAY}:
        return _other_shape()
    day = None if state.get(cursor_field) in (None, "") else _day(state[cursor_field])
    try:
        owed = {tuple(map(_text, key)): _day(since) for *key, since in state.get(OWED) or []}
        now = state.get(UNDER_WAY)
        return StreamState(day, owed, _under_way(now) if now else None)
    except (TypeError, KeyError, AttributeError):
        return _other_shape()


def _under_way(now: Mapping[str, Any]) -> UnderWay:
    return UnderWay(
        _day(now["first"]),
        _day(now["last"]),
        tuple(map(_text, now["place"])) if now["place"] else None,
        frozenset(tuple(map(_text, key)) for key in now["beyond"]),
        _text(now["checksums"]),
    )


def raise_for_foreign_states(states: Sequence[AirbyteStateMessage], known: Collection[str]) -> None:
    """Raises a configuration error for states of unknown streams, and for two states of one stream."""
    named = []
    for state in states:
        if state.stream is None:
            # Without data, the oldest kind of state is no state.
            if state.data or state.global_:
                raise config_error(
                    "The saved state is not one by stream, as this connector writes it. Refresh all streams."
                )
            continue
        named.append(state.stream.stream_descriptor.name)
    if unknown := [name for name in named if name not in known]:
        raise config_error(
            f"There is a saved state of unknown streams: {', '.join(unknown)}. Take it out of the states, "
            f"or refresh the streams. There are: {', '.join(known)}."
        )
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise config_error(f"There is more than one saved state of {', '.join(twice)}. Leave the last one of each in.")


def _day(text: Any) -> date:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", text):
        _other_shape()
    return date.fromisoformat(text[:10])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _other_shape()


def _other_shape() -> NoReturn:
    raise ValueError("another shape")
