"""The way of a slice: asked, answered, its rows, and what became of it."""

import logging
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from airbyte_cdk.sources.declarative.retrievers import Retriever, SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.output.errors import ItemGoneError, ItemRefusedError, in_plain_words
from source_campaign_stats.output.lines import in_lines
from source_campaign_stats.sync.days import FIRST_DAY, LAST_DAY
from source_campaign_stats.sync.outcome import Fate, Outcome, Outcomes
from source_campaign_stats.sync.rows import label, records_of, subject

LOGGER = logging.getLogger("airbyte")


@dataclass
class SliceReader(Retriever):
    """Reads the slices of a statistics stream, several at once; `DayCursor` makes a state of what became of them.

    Out: the records of the slice, once per key, and only those of the days asked; as lines when they are only printed.
    """

    retriever: SimpleRetriever
    outcomes: Outcomes
    primary_key: list[str]
    places: threading.Semaphore
    as_lines: bool = False
    # The column of the ids that a person named, and those of them that had a row.
    named_column: str | None = None
    seen: set[str] = field(default_factory=set)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        assert stream_slice is not None
        rows = self._rows(stream_slice)
        try:
            yield from in_lines(rows, self.outcomes.stream_name, stream_slice) if self.as_lines else rows
        finally:
            self.places.release()

    def _rows(self, stream_slice: StreamSlice) -> Generator[Record, None, None]:
        """The rows of a slice; when the last one was taken, its outcome is settled. Raises what ends the stream."""
        outcome = yield from self._asked(stream_slice)
        error = self.outcomes.settle(stream_slice, outcome)
        if error:
            raise error

    def _asked(self, stream_slice: StreamSlice) -> Generator[Record, None, Outcome]:
        records = 0
        try:
            if self.outcomes.has_ended:
                return Outcome(Fate.NOT_ASKED)
            for record in self._each_once(stream_slice):
                if self.outcomes.has_ended:
                    # No further page either: the stream has failed whatever comes.
                    return Outcome(Fate.NOT_ASKED)
                records += 1
                yield record
        except ItemGoneError as error:
            # A campaign that a person named is no campaign that was deleted while syncing, but a wrong name.
            is_named = stream_slice.extra_fields.get("configured")
            return Outcome(Fate.REFUSED if is_named else Fate.GONE, message=error.message)
        except ItemRefusedError as error:
            return Outcome(Fate.REFUSED, message=error.message)
        except Exception as error:
            return Outcome(Fate.FAILED, error=in_plain_words(error, subject(self.outcomes.stream_name, stream_slice)))
        return Outcome(Fate.READ, records)

    def _each_once(self, stream_slice: StreamSlice) -> Iterable[Record]:
        first, last = stream_slice[FIRST_DAY], stream_slice[LAST_DAY]
        keys = set()
        repeats = 0
        key_of = itemgetter(*self.primary_key)
        for record in records_of(self.retriever, stream_slice):
            data = record.data
            if self.named_column:
                self.seen.add(data[self.named_column])
            if not first <= data["date"] <= last:
                continue
            key = key_of(data)
            if key in keys:
                repeats += 1
            else:
                keys.add(key)
                yield record
        if repeats:
            # A list of campaigns that moved while it was paged; rows of one page never repeat.
            LOGGER.warning(
                "%s: %s rows of %s came more than once; the first of each was kept",
                self.outcomes.stream_name,
                repeats,
                label(stream_slice),
            )
