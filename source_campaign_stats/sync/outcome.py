"""The outcome of each slice of a stream, and what it means for the stream."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import SaidLastError, traced
from source_campaign_stats.settings.vendor import Pace
from source_campaign_stats.sync.days import windows_of
from source_campaign_stats.sync.rows import key_of_slice, label
from source_campaign_stats.sync.state import Key

LOGGER = logging.getLogger("airbyte")

# With so many failures in a row, or more missing campaigns than this, the cause is not a single campaign.
REFUSALS_IN_A_ROW = 10
MOST_OWED = 100
_MOST_IN_A_MESSAGE = 20
_SECONDS_BETWEEN_PROGRESS_LINES = 30
# More calls than the limit of any vendor counts.
_CALLS_REMEMBERED = 200


class Fate(Enum):
    """What can become of a slice."""

    READ = "all of its rows were handed on"
    REFUSED = "the vendor refuses this one campaign or day: its rows are missing"
    BROKEN = "no answer about this one campaign or day can be used: its rows are missing"
    FAILED = "the stream can't go on"
    NOT_ASKED = "the stream had ended before it was read whole"


MISSING = (Fate.REFUSED, Fate.BROKEN)


@dataclass(frozen=True)
class Outcome:
    """What became of one slice: with the number of its records, or the vendor's message, or the error."""

    fate: Fate
    records: int = 0
    calls: int = 0
    message: str | None = None
    error: AirbyteTracedException | None = None


@dataclass
class Outcomes:
    """The outcomes of one stream in one sync. Many threads settle them; the cursor derives the state from them.

    A stream ends at once when a failure is not about one campaign: slices that have not begun then make no request.
    Campaigns that are missing are collected, so that one error names them all after the last slice (`verdict`).

    `known` are campaigns that were missing before this sync. `pace` is what the vendor's limit allows. `way_out` says
    how a person gets rid of a campaign that stays missing. With `can_be_alone`, the only slice of a stream can be
    missing; without it, a failure of the only slice ends the stream, since no other slice shows that the vendor works.
    """

    stream_name: str
    unit: str = "slices"
    planned: int | None = None
    pace: Pace | None = None
    way_out: str = ""
    known: Collection[Key] = ()
    can_be_alone: bool = False
    # The requests of one slice; None: as many as the first slice took.
    calls_a_slice: int | None = 1
    # The days of one request: a longer slice takes several requests, and is still one slice.
    step: timedelta | None = None
    read: int = 0
    records: int = 0
    missing: dict[Key, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    ended_by: BaseException | None = None
    started: float = field(default_factory=time.monotonic)
    # The slices of this sync. When one fails, another one shows whether the vendor answers.
    slices: Sequence[StreamSlice] = ()
    on_end: Callable[[], None] = lambda: None
    _last_read: StreamSlice | None = None
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=_CALLS_REMEMBERED))
    _calls: int = 0
    _fates: dict[Key, Fate] = field(default_factory=dict)
    _with_rows: set[Key] = field(default_factory=set)
    _in_a_row: list[Key] = field(default_factory=list)
    _told_at: float = field(default_factory=time.monotonic)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def has_ended(self) -> bool:
        return self.ended_by is not None

    def fate_of(self, key: Key) -> Fate | None:
        with self._lock:
            return self._fates.get(key)

    def has_rows(self, key: Key) -> bool:
        with self._lock:
            return key in self._with_rows

    def is_in_doubt(self, key: Key) -> bool:
        """Whether a failure can still become one of too many in a row, which are not about single campaigns."""
        with self._lock:
            return key in self._in_a_row

    def begins(self, slices: Sequence[StreamSlice]) -> None:
        """Adds slices that are asked from now on, and logs how many requests they take if that is known."""
        with self._lock:
            if self.planned is None:
                self.started = self._told_at = time.monotonic()
            self.planned = (self.planned or 0) + len(slices)
            self.slices = [*self.slices, *slices]
        if self.calls_a_slice:
            windows = sum(len(windows_of(one, self.step)) for one in slices) if self.step else len(slices)
            self._tell_the_cost(windows * self.calls_a_slice)

    def _tell_the_cost(self, calls: int) -> None:
        if calls and self.pace:
            LOGGER.info(
                "%s: %s requests, which take about %s",
                self.stream_name,
                f"{calls:,}",
                in_words(self.pace.seconds_for(calls)),
            )

    def another(self, stream_slice: StreamSlice) -> StreamSlice | None:
        """Another slice of this sync, one that was read if there is one; None for the only one."""
        with self._lock:
            if self._last_read is not None:
                return self._last_read
            key = key_of_slice(stream_slice)
            others = (one for one in self.slices if (it := key_of_slice(one)) != key and it not in self.missing)
            return next(others, None)

    def was_called(self) -> None:
        """Notes that a request of this stream is sent."""
        with self._lock:
            self._calls += 1
            self._sent.append(time.monotonic())

    def settle(self, stream_slice: StreamSlice, outcome: Outcome) -> AirbyteTracedException | None:
        """Stores the outcome of a slice; returns the error if this outcome ends the stream."""
        key = key_of_slice(stream_slice)
        with self._lock:
            if outcome.fate is Fate.READ:
                # A day that is asked again counts once.
                self.read += self._fates.get(key) is not Fate.READ
                if outcome.records:
                    self._with_rows.add(key)
                self.records += outcome.records
                self._last_read = stream_slice
                self._in_a_row.clear()
                self._fates[key] = outcome.fate
                if self.calls_a_slice is None:
                    self.calls_a_slice = outcome.calls
                    self._tell_the_cost((self.planned or 0) * outcome.calls)
                self._log_progress(label(stream_slice))
                return None
            if outcome.fate in MISSING and self.has_ended:
                # Not remembered as missing: the next sync asks for it as if this one had not.
                outcome = Outcome(Fate.NOT_ASKED)
            self._fates[key] = outcome.fate
            if outcome.fate in MISSING:
                outcome = replace(outcome, error=self._miss(stream_slice, key, outcome))
        return self.end(outcome.error, label(stream_slice)) if outcome.error else None

    def end(self, error: BaseException, name: str = "") -> AirbyteTracedException | None:
        """Ends the stream; returns only the first error, because later ones mostly have the same reason."""
        with self._lock:
            if self.has_ended:
                LOGGER.info("%s: %s was not read either", self.stream_name, name)
                return None
            self.ended_by = error
        self.on_end()
        return error if isinstance(error, AirbyteTracedException) else None

    def was_deleted(self, key: Key) -> None:
        """Takes a campaign out of the missing ones: the list does not have it any more."""
        with self._lock:
            message = self.missing.pop(key)
            self.deleted.append(message)
            LOGGER.warning("%s: the list does not have it any more, so it was deleted: %s", self.stream_name, message)

    def _miss(self, stream_slice: StreamSlice, key: Key, outcome: Outcome) -> AirbyteTracedException | None:
        message = f"{label(stream_slice)}: {outcome.message}"
        self.missing[key] = message
        LOGGER.warning("%s: %s could not be read. The end of the sync says why.", self.stream_name, label(stream_slice))
        if key in self.known:
            return None
        self._in_a_row.append(key)
        too_many = len(self._in_a_row) == REFUSALS_IN_A_ROW
        owed_before = {one for one in self.known if self._fates.get(one) is not Fate.READ}
        if not too_many and len(owed_before | self.missing.keys()) <= MOST_OWED:
            return None
        counted = f"{REFUSALS_IN_A_ROW} {self.unit} in a row" if too_many else f"More than {MOST_OWED} {self.unit}"
        return traced(
            f"{self.stream_name}: {counted} could not be read, so the stream was stopped: this is not about single "
            f"{self.unit} any more. {self.way_out} The last one: {message}",
            FailureType.config_error if outcome.fate is Fate.REFUSED else FailureType.transient_error,
        )

    def verdict(self) -> AirbyteTracedException | None:
        """What the stream has to say when all its slices are done; None when every row was read."""
        with self._lock:
            if not self.missing or self.has_ended:
                return None
            told = list(self.missing.values())[:_MOST_IN_A_MESSAGE]
            if more := len(self.missing) - len(told):
                told.append(f"And {more} more.")
            is_new = not any(key in self.known or self._fates[key] is Fate.REFUSED for key in self.missing)
            error = SaidLastError(
                f"{self.stream_name}: the numbers of {len(self.missing)} of {self.planned} {self.unit} are missing; "
                f"all others were read. The next sync asks for them again. {self.way_out} {' '.join(told)}",
                FailureType.transient_error if is_new else FailureType.config_error,
            )
            self.ended_by = error
            return error

    def _log_progress(self, name: str) -> None:
        done, now = self.read + len(self.missing), time.monotonic()
        if self.planned is None or done >= self.planned or now < self._told_at + _SECONDS_BETWEEN_PROGRESS_LINES:
            return
        self._told_at = now
        LOGGER.info(
            "%s: %s, %s of %s %s, %s records so far, about %s left",
            self.stream_name,
            name,
            f"{done:,}",
            f"{self.planned:,}",
            self.unit,
            f"{self.records:,}",
            in_words(self._seconds_left(done, now)),
        )

    def _seconds_left(self, done: int, now: float) -> float:
        assert self.planned is not None
        left = self.planned - done
        calls = round(left * self._calls / done)
        by_the_limit = self.pace.seconds_for(calls, [*self._sent], now) if self.pace else 0.0
        return max(by_the_limit, (now - self.started) / done * left)

    def log_summary(self) -> None:
        LOGGER.info(
            "%s: %s records from %s of %s %s, %s deleted, %s missing, in %s%s",
            self.stream_name,
            f"{self.records:,}",
            f"{self.read:,}",
            f"{self.planned or 0:,}",
            self.unit,
            len(self.deleted),
            len(self.missing),
            in_words(time.monotonic() - self.started),
            "; ended by an error" if self.has_ended else "",
        )


def in_words(seconds: float) -> str:
    """`3725` becomes `1 h 02 min`, `61` becomes `1 min 01 s`."""
    whole = max(round(seconds), 1)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
