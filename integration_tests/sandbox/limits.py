"""The vendors' rate limits, as sliding windows on a clock that a test may speed up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass
class Limits:
    """How many calls are allowed. The defaults are too high to slow a test; `strict` sets the vendors' own limits."""

    batch_per_second: int = 100
    legacy_per_minute: int = 600
    moengage_per_minute: int = 1000
    moengage_list_per_second: int = 100
    moengage_list_per_minute: int = 1000
    strict: bool = False

    def __post_init__(self) -> None:
        if self.strict:
            self.batch_per_second = min(self.batch_per_second, 1)
            self.legacy_per_minute = min(self.legacy_per_minute, 60)
            self.moengage_per_minute = min(self.moengage_per_minute, 100)
            self.moengage_list_per_second = min(self.moengage_list_per_second, 10)
            self.moengage_list_per_minute = min(self.moengage_list_per_minute, 100)


class Window:
    """A sliding window: at most `limit` calls within `seconds`. Refused calls do not count."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._taken: deque[float] = deque()

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()

    def has_room(self, now: float) -> bool:
        """Whether one more call is allowed."""
        self._forget(now)
        return len(self._taken) < self.limit

    def take(self, now: float) -> None:
        """Count a call."""
        self._taken.append(now)

    def remaining(self) -> int:
        """Return how many calls are left."""
        return max(self.limit - len(self._taken), 0)

    def resets_in(self, now: float) -> float:
        """Return the seconds until the oldest call is forgotten."""
        return max(self._taken[0] + self.seconds - now, 0.0) if self._taken else 0.0
