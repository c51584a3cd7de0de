"""Which days a sync asks for: arithmetic with dates, without any request."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

ONE_DAY = timedelta(days=1)
# The names under which a slice holds its first and last day; the manifest's `stream_interval` has them too.
FIRST_DAY = "start_time"
LAST_DAY = "end_time"


@dataclass(frozen=True)
class Window:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return [self.first + ONE_DAY * n for n in range((self.last - self.first).days + 1)]

    def parts(self, most: int) -> list["Window"]:
        """Windows of at most so many days that make up this one, without gap or overlap.

        Example: 2026-11-01 … 2026-11-05, at most 2 -> 01 … 02, 03 … 04, 05 … 05.
        """
        firsts = self.days[::most]
        return [Window(first, min(first + ONE_DAY * (most - 1), self.last)) for first in firsts]

    def as_slice(self) -> dict[str, str]:
        return {FIRST_DAY: self.first.isoformat(), LAST_DAY: self.last.isoformat()}


def windows_of(stream_slice: Mapping[str, Any], step: timedelta) -> list[Window]:
    """The windows of a slice, one request each, if one request can ask for `step` days.

    Example: a slice of 2026-11-01 … 2026-11-05 and a step of 3 days -> 01 … 03, 04 … 05.
    """
    whole = Window(date.fromisoformat(stream_slice[FIRST_DAY]), date.fromisoformat(stream_slice[LAST_DAY]))
    return whole.parts(step.days)


def window_to_ask(
    state: date | None, start: date, last: date, lookback: timedelta, earliest: date | None = None
) -> Window | None:
    """The days that a sync asks for; None when there is nothing to ask.

    `state` is the last day that was asked before; it is read again together with the `lookback` before it, since
    the vendors restate past days. `earliest` is the oldest day that the vendor still has.
    Example: state 2026-11-19, lookback 7 days, last 2026-11-20 -> 2026-11-12 … 2026-11-20.
    """
    first = max(start, state - lookback) if state else start
    first = max(first, earliest) if earliest else first
    return Window(first, last) if first <= last else None
