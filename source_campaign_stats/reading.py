"""How the slices of a stream are read: one policy for every stream, whatever its vendor."""

import logging
import pickle
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, cast

from airbyte_cdk.sources.declarative.retrievers import Retriever, SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats import turns
from source_campaign_stats.days import FIRST_DAY, LAST_DAY
from source_campaign_stats.errors import (
    ItemGoneError,
    ItemRefusedError,
    in_plain_words,
    transient_error,
)
from source_campaign_stats.ledger import Ledger, in_words
from source_campaign_stats.lines import in_lines

LOGGER = logging.getLogger("airbyte")

# More repeats than this are no list that moved while it was paged, but one that goes round in circles.
_REPEATS_OF_A_MOVING_LIST = 1000
_RECORDS_PACKED_TOGETHER = 100


@dataclass
class SliceReader(Retriever):
    """Reads the slices of a statistics stream, several at once, and enters what became of each in the ledger.

    Out: the records of the slice, once per key, and only those of the days asked; as lines when they are only printed.
    """

    retriever: SimpleRetriever
    ledger: Ledger
    primary_key: list[str]
    places: threading.Semaphore
    as_lines: bool = False

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        assert stream_slice is not None
        records = self._read(records_schema, stream_slice)
        try:
            yield from in_lines(records, self.ledger.stream_name, stream_slice) if self.as_lines else records
        finally:
            turns.TURN.give_back()
            self.places.release()

    def _read(self, records_schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterable[Record]:
        if self.ledger.has_ended:
            self.ledger.miss(stream_slice)
            return
        records = 0
        try:
            for record in self._records(records_schema, stream_slice):
                if self.ledger.has_ended:
                    # No further page either: the stream has failed whatever comes.
                    self.ledger.miss(stream_slice)
                    return
                records += 1
                yield record
            self.ledger.succeed(records, _label(stream_slice))
        except ItemGoneError as error:
            # A campaign that a person named is no campaign that was deleted while syncing, but a wrong name.
            if stream_slice.extra_fields.get("configured"):
                self._refuse(error, stream_slice)
            else:
                self.ledger.leave_out(f"{_label(stream_slice)}: {error.message}")
        except ItemRefusedError as error:
            self._refuse(error, stream_slice)
        except Exception as error:
            self._end(in_plain_words(error, _subject(self.ledger.stream_name, stream_slice)), stream_slice)

    def _records(self, records_schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterable[Record]:
        first, last = stream_slice[FIRST_DAY], stream_slice[LAST_DAY]
        keys = set()
        repeats = 0
        key_of = itemgetter(*self.primary_key)
        for record in _records_of(self.retriever, records_schema, stream_slice):
            data = record.data
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
                self.ledger.stream_name,
                repeats,
                _label(stream_slice),
            )

    def _refuse(self, error: AirbyteTracedException, stream_slice: StreamSlice) -> None:
        too_many = self.ledger.refuse(stream_slice, f"{_label(stream_slice)}: {error.message}")
        if too_many:
            self._end(too_many, stream_slice)

    def _end(self, error: AirbyteTracedException, stream_slice: StreamSlice) -> None:
        if self.ledger.end(error):
            raise error
        self.ledger.miss(stream_slice)
        LOGGER.info("%s: failed likewise after the stream had ended", _label(stream_slice))


@dataclass
class ListReader(Retriever):
    """Reads the slices of a list stream, each of them once in a sync, although two streams need them.

    A slice is held whole before its first record is handed on, so that nobody acts on half a list; a list that
    failed fails for everyone without asking the vendor again. Items that two slices have (a campaign that
    changed its status meanwhile) belong to the slice that saw them first. What is held is packed: 10,000 campaigns
    are 25 MB as objects, and 3 MB as bytes.
    """

    retriever: SimpleRetriever
    stream_name: str
    primary_key: list[str]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _slice_locks: dict[StreamSlice, threading.Lock] = field(default_factory=dict)
    _read: dict[StreamSlice, list[bytes]] = field(default_factory=dict)
    _owner: dict[tuple[Any, ...], StreamSlice] = field(default_factory=dict)
    _failure: Exception | None = None
    _failure_told: bool = False

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        """The records of a slice, for the list's own stream: it tells a failure once, whatever its slices."""
        try:
            return self.whole_slice(stream_slice)
        except Exception as error:
            with self._lock:
                if self._failure_told:
                    return iter(())
                self._failure_told = True
            raise in_plain_words(error, _subject(self.stream_name, stream_slice)) from error

    def whole_slice(self, stream_slice: StreamSlice | None) -> Iterator[Record]:
        """The records of a slice, read at the first call; whatever ended the list is raised before the first record."""
        key = stream_slice or StreamSlice(partition={}, cursor_slice={})
        with self._lock:
            slice_lock = self._slice_locks.setdefault(key, threading.Lock())
        with slice_lock:
            if key not in self._read:
                if self._failure:
                    raise self._failure
                try:
                    self._read[key] = self._walk(key)
                except Exception as error:
                    self._failure = error
                    raise
                finally:
                    turns.TURN.give_back()
        packed = self._read[key]
        return (Record(data, self.stream_name, key) for several in packed for data in pickle.loads(several))

    def _walk(self, stream_slice: StreamSlice) -> list[bytes]:
        """Every record of a slice, once, packed by the hundred."""
        packed: list[bytes] = []
        unpacked: list[Mapping[str, Any]] = []
        listed = repeats = 0
        began = time.monotonic()
        # Without a schema the records stay the objects that the extractor made.
        for record in _records_of(self.retriever, {}, stream_slice):
            if self._failure:
                raise self._failure
            key = tuple(record.data[name] for name in self.primary_key)
            with self._lock:
                if key not in self._owner:
                    self._owner[key] = stream_slice
                    unpacked.append(record.data)
                    listed += 1
                elif self._owner[key] == stream_slice:
                    repeats += 1
            if repeats > _REPEATS_OF_A_MOVING_LIST + listed:
                raise transient_error("the list repeats itself and does not come to an end. Try again later.")
            if len(unpacked) == _RECORDS_PACKED_TOGETHER:
                packed.append(pickle.dumps(unpacked))
                unpacked = []
        packed.append(pickle.dumps(unpacked))
        LOGGER.info(
            "%s: %s records listed in %s, %s came again because the list moved",
            _subject(self.stream_name, stream_slice),
            f"{listed:,}",
            in_words(time.monotonic() - began),
            repeats,
        )
        return packed


def _records_of(
    retriever: SimpleRetriever, records_schema: Mapping[str, Any], stream_slice: StreamSlice
) -> Iterable[Record]:
    """A SimpleRetriever only ever yields records, which its type does not say."""
    return cast(Iterable[Record], retriever.read_records(records_schema, stream_slice))


def _subject(stream_name: str, stream_slice: StreamSlice | None) -> str:
    """What an error is about: the stream, and the app whose key it can be."""
    app = stream_slice.partition.get("app") if stream_slice else None
    return f'{stream_name}, app "{app}"' if app else stream_name


def _label(stream_slice: StreamSlice) -> str:
    """What a slice is called in messages: `orchestration_x "Summer sale"`, or the day."""
    if not stream_slice.partition:
        return str(stream_slice[FIRST_DAY])
    label = ", ".join(str(value) for value in stream_slice.partition.values())
    name = stream_slice.extra_fields.get("name")
    return f'{label} "{name}"' if name else label
