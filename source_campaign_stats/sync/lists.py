"""Lists of campaigns: each is read whole, and once in a sync."""

import logging
import pickle
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.sources.declarative.retrievers import Retriever, SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.output.errors import in_plain_words, transient_error
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.sync.rows import records_of, subject

LOGGER = logging.getLogger("airbyte")

# More repeats than this are no list that moved while it was paged, but one that goes round in circles.
_REPEATS_OF_A_MOVING_LIST = 1000
_RECORDS_PACKED_TOGETHER = 100


@dataclass
class ListReader(Retriever):
    """Reads the slices of a list stream, each of them once in a sync, although two streams need them.

    A slice is held whole before its first record is handed on, so that nobody acts on half a list; a list that
    failed fails for everyone without asking the vendor again. Items that two slices have (a campaign that
    changed its status meanwhile) belong to the slice that saw them first. What is held is packed: 10,000 campaigns
    are 21 MB as objects, and 3 MB as bytes.
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
            raise in_plain_words(error, subject(self.stream_name, stream_slice)) from error

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
        packed = self._read[key]
        return (Record(data, self.stream_name, key) for several in packed for data in pickle.loads(several))

    def has_read(self, stream_slice: StreamSlice) -> bool:
        """Whether a slice was read whole, so that it can be had without a request."""
        return stream_slice in self._read

    def _walk(self, stream_slice: StreamSlice) -> list[bytes]:
        """Every record of a slice, once, packed by the hundred."""
        packed: list[bytes] = []
        unpacked: list[Mapping[str, Any]] = []
        listed = repeats = 0
        began = time.monotonic()
        # Without a schema the records stay the objects that the extractor made.
        for record in records_of(self.retriever, stream_slice):
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
            subject(self.stream_name, stream_slice),
            f"{listed:,}",
            in_words(time.monotonic() - began),
            repeats,
        )
        return packed
