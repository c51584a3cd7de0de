"""Ways to break the connector on purpose, so that a test can see the simulator find them (`worker --break`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from source_campaign_stats.output import lines
from source_campaign_stats.sync import cursor, slices
from source_campaign_stats.vendors.batch import NextFrom


def forget_the_lookback() -> None:
    """No past day is read again."""
    real = cursor.window_to_ask
    cursor.window_to_ask = lambda state, start, last, lookback, earliest=None: real(  # type: ignore[assignment]
        state, start, last, timedelta(0), earliest
    )


def read_the_first_page_only() -> None:
    """A list of orchestrations ends with its first page."""
    NextFrom.next_page_token = lambda *_, **__: None  # type: ignore[method-assign]


def move_past_what_is_missing() -> None:
    """The state says that a campaign that was refused was read."""
    real = cursor.DayCursor._finish

    def finish(self: Any) -> None:
        if self._router is not None and self._window:
            self._move_state(self._window.last)
        real(self)

    cursor.DayCursor._finish = finish  # type: ignore[method-assign]


def lose_the_last_row() -> None:
    """Of every slice the last row is not printed."""

    def all_but_the_last(records: Iterable[Any], *names: Any) -> Iterator[Any]:
        kept = list(records)
        return lines.in_lines(iter(kept[:-1]), *names)

    slices.in_lines = all_but_the_last
