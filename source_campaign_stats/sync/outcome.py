"""What became of each slice of a stream, and what that means for the stream."""

import logging
import threading
import time
from dataclasses import dataclass, field
from enum import Enum

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import traced
from source_campaign_stats.sync.rows import label

LOGGER = logging.getLogger("airbyte")

# So many refusals in a row are not about single campaigns any more.
REFUSALS_IN_A_ROW = 10
_SLICES_BETWEEN_PROGRESS_LINES = 100


class Fate(Enum):
    """What can become of a slice."""

    READ = "all of its rows were handed on"
    GONE = "the vendor does not know this one campaign any more, so it has no rows"
    REFUSED = "the vendor refuses this one campaign: its rows are missing"
    FAILED = "the stream can't go on"
    NOT_ASKED = "the stream had ended before it was read whole"


@dataclass(frozen=True)
class Outcome:
    """What became of one slice: with the number of its records, or the vendor's message, or the error."""

    fate: Fate
    records: int = 0
    message: str | None = None
    error: AirbyteTracedException | None = None


@dataclass
class Outcomes:
    """The outcomes of one stream in one sync; many threads settle them, `DayCursor` moves the state by them.

    A stream ends at once when a failure is not about one campaign: slices that have not begun then make no request.
    Failures of single campaigns are collected, so that the stream tells them in one error when the last slice is done
    (`verdict`).
    """

    stream_name: str
    unit: str = "slices"
    planned: int | None = None
    read: int = 0
    records: int = 0
    gone: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ended_by: BaseException | None = None
    started: float = field(default_factory=time.monotonic)
    _missing: set[StreamSlice] = field(default_factory=set)
    _refusals_in_a_row: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def has_ended(self) -> bool:
        return self.ended_by is not None

    def is_missing(self, stream_slice: StreamSlice) -> bool:
        """Whether rows of this slice are missing, so that no state may say it was read."""
        with self._lock:
            return stream_slice in self._missing

    def settle(self, stream_slice: StreamSlice, outcome: Outcome) -> AirbyteTracedException | None:
        """Enters what became of a slice; the error that ends the stream, if it is this one."""
        with self._lock:
            if outcome.fate is Fate.READ:
                self.read += 1
                self.records += outcome.records
                self._refusals_in_a_row = 0
                self._log_progress(label(stream_slice))
                return None
            message = f"{label(stream_slice)}: {outcome.message}"
            if outcome.fate is Fate.GONE:
                self.read += 1
                self.gone.append(message)
                LOGGER.warning("%s: %s", self.stream_name, message)
                return None
            self._missing.add(stream_slice)
            if outcome.fate is Fate.REFUSED:
                return self._refuse(stream_slice, message)
            return self._end_by(outcome.error, stream_slice) if outcome.error else None

    def end(self, error: BaseException) -> None:
        """Ends the stream before its first slice."""
        with self._lock:
            self.ended_by = self.ended_by or error

    def _refuse(self, stream_slice: StreamSlice, message: str) -> AirbyteTracedException | None:
        self.refused.append(message)
        self._refusals_in_a_row += 1
        LOGGER.warning("%s: %s", self.stream_name, message)
        if self._refusals_in_a_row < REFUSALS_IN_A_ROW:
            return None
        too_many = traced(
            f"{self.stream_name}: {REFUSALS_IN_A_ROW} refusals in a row, so the stream was stopped. "
            f"The last one: {message}",
            FailureType.config_error,
        )
        return self._end_by(too_many, stream_slice)

    def _end_by(self, error: AirbyteTracedException, stream_slice: StreamSlice) -> AirbyteTracedException | None:
        """One failure is told once: those that were under way when the stream ended mostly have the same reason."""
        if self.has_ended:
            LOGGER.info("%s: failed likewise after the stream had ended", label(stream_slice))
            return None
        self.ended_by = error
        return error

    def verdict(self) -> AirbyteTracedException | None:
        """What the stream has to say when all its slices are done; None when every row was read."""
        with self._lock:
            if self.has_ended:
                return None
            if self.refused:
                self.ended_by = traced(
                    f"{self.stream_name}: the numbers of {len(self.refused)} of {self.planned} {self.unit} are "
                    f"missing; all others were read, and the next sync asks for all of them again. "
                    + " ".join(self.refused[:20]),
                    FailureType.config_error,
                )
            elif self.gone and len(self.gone) == self.planned:
                self.ended_by = traced(
                    f"{self.stream_name}: the vendor knows none of the {self.planned} {self.unit} that it lists. "
                    f"The first one: {self.gone[0]}",
                    FailureType.system_error,
                )
            return self.ended_by if isinstance(self.ended_by, AirbyteTracedException) else None

    def _log_progress(self, name: str) -> None:
        done = self.read + len(self.refused)
        if self.planned is None or done == self.planned:
            return
        if self.unit == "days" or done % _SLICES_BETWEEN_PROGRESS_LINES == 0:
            seconds_left = (time.monotonic() - self.started) / done * (self.planned - done)
            LOGGER.info(
                "%s: %s, %s of %s %s, %s records so far, about %s left",
                self.stream_name,
                name,
                f"{done:,}",
                f"{self.planned:,}",
                self.unit,
                f"{self.records:,}",
                in_words(seconds_left),
            )

    def log_summary(self) -> None:
        LOGGER.info(
            "%s: %s records from %s of %s %s, %s deleted, %s refused, in %s%s",
            self.stream_name,
            f"{self.records:,}",
            f"{self.read:,}",
            f"{self.planned or 0:,}",
            self.unit,
            len(self.gone),
            len(self.refused),
            in_words(time.monotonic() - self.started),
            "; ended by an error" if self.has_ended else "",
        )


def in_words(seconds: float) -> str:
    """`3725` becomes `1 h 02 min`, `61` becomes `1 min 01 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
