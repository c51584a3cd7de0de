"""Reads a slice: its requests, its rows and its outcome."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.retrievers import Retriever, SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.http.tries import SECONDS_OF_DOUBT, Patience, patience
from source_campaign_stats.output.errors import (
    ItemRefusedError,
    UnfitValueError,
    WaitTooLongError,
    in_plain_words,
    is_about_a_limit,
)
from source_campaign_stats.output.lines import in_lines
from source_campaign_stats.sync.days import FIRST_DAY, LAST_DAY, windows_of
from source_campaign_stats.sync.engine import SyncEndedError
from source_campaign_stats.sync.outcome import Fate, Outcome, Outcomes
from source_campaign_stats.sync.rows import key_of_slice, label, latest_of_each_group, records_of, subject

LOGGER = logging.getLogger("airbyte")

# A campaign that was missing before gets fewer tries than others.
_TRIES_OF_A_KNOWN_ONE = 2


@dataclass
class SliceReader(Retriever):
    """Reads the slices of a statistics stream, several at once; the cursor makes the state from their outcomes.

    Out: the records of a slice, each key once, and only of the days asked; as lines if they are only printed.
    """

    retriever: SimpleRetriever
    outcomes: Outcomes
    primary_key: list[str]
    places: threading.Semaphore
    as_lines: bool = False
    # The column of the ids that a person named; `_seen` has the ids that had a row, by partition.
    named_column: str | None = None
    _seen: defaultdict[frozenset[tuple[str, Any]], set[str]] = field(default_factory=lambda: defaultdict(set))
    _one_asks_for_another: threading.Lock = field(default_factory=threading.Lock)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        assert stream_slice is not None
        rows = self._rows(stream_slice)
        is_read = False
        try:
            yield from in_lines(rows, self.outcomes.stream_name, stream_slice) if self.as_lines else rows
            is_read = True
        finally:
            if not is_read and not self.outcomes.has_ended:
                # Nobody takes the rows any more: whoever hands out slices must not wait for this one.
                self.outcomes.end(SyncEndedError())
            self.places.release()

    def seen_in(self, partition: Mapping[str, Any]) -> set[str]:
        """The ids that had a row, in the slices that have at least this partition."""
        return set().union(*(ids for seen_in, ids in self._seen.copy().items() if partition.items() <= seen_in))

    def _rows(self, stream_slice: StreamSlice) -> Generator[Record, None, None]:
        """The rows of a slice; after the last one its outcome is settled. Raises the error that ends the stream."""
        is_known = key_of_slice(stream_slice) in self.outcomes.known
        calls: list[None] = []
        with self._patience(_TRIES_OF_A_KNOWN_ONE if is_known else None, calls):
            outcome = replace((yield from self._asked(stream_slice)), calls=len(calls))
        if outcome.fate is Fate.BROKEN and not is_known:
            outcome = self._of_one_or_of_all(stream_slice, outcome)
        error = self.outcomes.settle(stream_slice, outcome)
        if error:
            raise error

    def _patience(self, tries: int | None, calls: list[None]) -> AbstractContextManager[None]:
        def on_send() -> None:
            if self.outcomes.has_ended:
                # It ended while this request waited to be sent again.
                raise SyncEndedError
            calls.append(None)
            self.outcomes.was_called()

        return patience(Patience(tries, lambda: self.outcomes.has_ended, on_send))

    def _asked(self, stream_slice: StreamSlice) -> Generator[Record, None, Outcome]:
        rows: set[Any] = set()
        try:
            for part in self._parts(stream_slice):
                try:
                    yield from self._each_once(part, rows)
                except UnfitValueError as error:
                    # It can pass, like an answer that is not the documented one.
                    LOGGER.info(
                        "%s, %s: %s It is asked again in %s s.",
                        self.outcomes.stream_name,
                        label(stream_slice),
                        error.message,
                        SECONDS_OF_DOUBT,
                    )
                    time.sleep(SECONDS_OF_DOUBT)
                    yield from self._each_once(part, rows)
        except ItemRefusedError as error:
            return Outcome(Fate.REFUSED, message=error.message)
        except Exception as error:
            told = in_plain_words(error, subject(self.outcomes.stream_name, stream_slice))
            is_about_all = told.failure_type is FailureType.config_error or isinstance(error, WaitTooLongError)
            is_about_all = is_about_all or is_about_a_limit(error)
            words = str(told).removeprefix(f"{subject(self.outcomes.stream_name, stream_slice)}: ")
            return Outcome(Fate.FAILED if is_about_all else Fate.BROKEN, message=words, error=told)
        return Outcome(Fate.NOT_ASKED) if self.outcomes.has_ended else Outcome(Fate.READ, len(rows))

    def _of_one_or_of_all(self, stream_slice: StreamSlice, broken: Outcome) -> Outcome:
        """Asks for another campaign once: if that fails too, the problem is not this campaign but the vendor."""
        with self._one_asks_for_another:
            if self.outcomes.has_ended:
                return Outcome(Fate.NOT_ASKED)
            other = self.outcomes.another(stream_slice)
            if other is None:
                return broken if self.outcomes.can_be_alone else Outcome(Fate.FAILED, error=broken.error)
            LOGGER.info(
                "%s: %s is asked for once, to see whether the vendor answers", self.outcomes.stream_name, label(other)
            )
            try:
                with self._patience(1, []):
                    next(iter(records_of(self.retriever, self._parts(other)[0])), None)
            except ItemRefusedError:
                return broken
            except Exception as error:
                told = in_plain_words(error, subject(self.outcomes.stream_name, other))
                is_about_all = told.failure_type is FailureType.config_error
                return Outcome(Fate.FAILED, error=told if is_about_all else broken.error)
            return broken

    def _parts(self, stream_slice: StreamSlice) -> list[StreamSlice]:
        """The slice as the requests that it takes."""
        if self.outcomes.step is None:
            return [stream_slice]
        windows = windows_of(stream_slice, self.outcomes.step)
        return [StreamSlice(partition=stream_slice.partition, cursor_slice=window.as_slice()) for window in windows]

    def _each_once(self, stream_slice: StreamSlice, keys: set[Any]) -> Iterable[Record]:
        """The rows whose keys have not come yet. Once the stream has ended: no more rows, and no further page."""
        if self.outcomes.has_ended:
            return
        first, last = stream_slice[FIRST_DAY], stream_slice[LAST_DAY]
        seen = self._seen[frozenset(stream_slice.partition.items())] if self.named_column else set()
        repeats = 0
        key_of = itemgetter(*self.primary_key)
        for record in latest_of_each_group(records_of(self.retriever, stream_slice)):
            if self.outcomes.has_ended:
                return
            data = record.data
            if self.named_column:
                seen.add(data[self.named_column])
            if not first <= data["date"] <= last:
                continue
            key = key_of(data)
            if key in keys:
                repeats += 1
            else:
                keys.add(key)
                yield record
        if repeats:
            # In one answer the numbers are the same: otherwise the error handler asks again.
            LOGGER.info("%s: %s rows of %s came twice", self.outcomes.stream_name, repeats, label(stream_slice))
