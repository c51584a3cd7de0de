"""What became of each slice of a stream, and what that means for the stream."""

import logging
import threading
import time
from dataclasses import dataclass, field

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.errors import traced

LOGGER = logging.getLogger("airbyte")

# So many refusals in a row are not about single campaigns any more.
REFUSALS_IN_A_ROW = 10
_SLICES_BETWEEN_PROGRESS_LINES = 100


@dataclass
class Ledger:
    """The book of one stream in one sync, shared by its reader and its cursor; safe to use from many threads.

    A stream ends at once when a failure is not about one campaign (`end`): slices that have not begun then make
    no request, and their number is not counted as read. Failures of single campaigns are collected, so that the
    stream tells them in one error when the last slice is done (`verdict`).
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

    def miss(self, stream_slice: StreamSlice) -> None:
        """A slice that made no request, or failed, after the stream had ended."""
        with self._lock:
            self._missing.add(stream_slice)

    def succeed(self, records: int, label: str) -> None:
        with self._lock:
            self.read += 1
            self.records += records
            self._refusals_in_a_row = 0
            self._log_progress(label)

    def leave_out(self, message: str) -> None:
        """A campaign that the vendor deleted since it was listed."""
        with self._lock:
            self.read += 1
            self.gone.append(message)
            LOGGER.warning("%s: %s", self.stream_name, message)

    def refuse(self, stream_slice: StreamSlice, message: str) -> AirbyteTracedException | None:
        """A campaign that the vendor refuses; the error that ends the stream if there are too many of them."""
        with self._lock:
            self._missing.add(stream_slice)
            self.refused.append(message)
            self._refusals_in_a_row += 1
            LOGGER.warning("%s: %s", self.stream_name, message)
            if self._refusals_in_a_row < REFUSALS_IN_A_ROW:
                return None
            return traced(
                f"{self.stream_name}: {REFUSALS_IN_A_ROW} refusals in a row, so the stream was stopped. "
                f"The last one: {message}",
                FailureType.config_error,
            )

    def end(self, error: BaseException) -> bool:
        """Ends the stream; False if it has ended before, so that one failure is told once."""
        with self._lock:
            if self.has_ended:
                return False
            self.ended_by = error
            return True

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

    def _log_progress(self, label: str) -> None:
        done = self.read + len(self.refused)
        if self.planned is None or done == self.planned:
            return
        if self.unit == "days" or done % _SLICES_BETWEEN_PROGRESS_LINES == 0:
            seconds_left = (time.monotonic() - self.started) / done * (self.planned - done)
            LOGGER.info(
                "%s: %s, %s of %s %s, %s records so far, about %s left",
                self.stream_name,
                label,
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
