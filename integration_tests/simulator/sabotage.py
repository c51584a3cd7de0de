"""Ways to break the connector on purpose, so that a test can see the simulator find them (`worker --break`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from source_campaign_stats.http import error_handler
from source_campaign_stats.output import lines
from source_campaign_stats.sync import cursor, slices, state
from source_campaign_stats.vendors.batch import NextFrom


def forget_the_lookback() -> None:
    """The lookback is 0: no past day is read again."""
    real = cursor.window_to_ask
    cursor.window_to_ask = lambda state, start, last, lookback, earliest=None: real(
        state, start, last, timedelta(0), earliest
    )


def read_the_first_page_only() -> None:
    """A list of orchestrations ends with its first page."""
    NextFrom.next_page_token = lambda *_, **__: None  # type: ignore[method-assign]


def forget_what_is_owed() -> None:
    """The state does not name the campaigns that are missing."""
    real = state.StreamState.written

    def written(self: Any, cursor_field: str) -> dict[str, Any]:
        return {name: value for name, value in real(self, cursor_field).items() if name != "owed"}

    state.StreamState.written = written  # type: ignore[method-assign]


def leave_out_the_rest() -> None:
    """A resumed sync believes that every campaign was asked."""
    cursor.asked_before = lambda places, *_: {place[1:] for place in places}


def believe_what_comes_once() -> None:
    """A refusal or an empty page is believed without asking again."""
    error_handler._comes_first = lambda *_: False


def lose_the_last_row() -> None:
    """The last row of every slice is not printed."""

    def all_but_the_last(records: Iterable[Any], *names: Any) -> Iterator[Any]:
        kept = list(records)
        return lines.in_lines(iter(kept[:-1]), *names)

    slices.in_lines = all_but_the_last  # type: ignore[assignment]
