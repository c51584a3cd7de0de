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

from source_campaign_stats.http.answers import Unreadable
from source_campaign_stats.http.tries import SECONDS_OF_DOUBT
from source_campaign_stats.output.errors import in_plain_words, transient_error
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.sync.rows import records_of, subject

LOGGER = logging.getLogger("airbyte")

# A list may be read three times, so an item can come three times. More often means that the paging never ends.
_MOST_WALKS = 3
_REPEATS_OF_A_MOVING_LIST = 1000
_MOST_IN_A_MESSAGE = 20


@dataclass
class ListReader(Retriever):
    """Reads the slices of a list stream, each of them once in a sync, although two streams need them.

    A slice is read to its end before its first record is handed on, so that nobody acts on half a list. A list that
    failed fails for both streams, without a second request. If an item comes twice, the later answer counts.
    What is held is packed: 10,000 campaigns are 21 MB as objects, and 5 MB as bytes.
    """

    retriever: SimpleRetriever
    stream_name: str
    primary_key: list[str]
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _slice_locks: dict[StreamSlice, threading.Lock] = field(default_factory=dict)
    # The items of each slice that came so far; `_whole` has the slices that were read to their end.
    _items: dict[StreamSlice, dict[tuple[Any, ...], bytes]] = field(default_factory=dict)
    _whole: set[StreamSlice] = field(default_factory=set)
    _unreadable: dict[StreamSlice, list[str]] = field(default_factory=dict)
    _failure: Exception | None = None
    _failure_told: bool = False

    def anew(self) -> "ListReader":
        """A reader of the same list that has read nothing yet."""
        return ListReader(self.retriever, self.stream_name, self.primary_key)

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        """The records of a slice, for the list's own stream.

        If the list fails, what came before is handed on. The error is raised once, however many slices the list has.
        """
        key = stream_slice or StreamSlice(partition={}, cursor_slice={})
        try:
            self.whole_slice(key)
        except Exception as error:
            yield from self._readable(key)
            with self._lock:
                if self._failure_told:
                    return
                self._failure_told = True
            raise in_plain_words(error, subject(self.stream_name, stream_slice)) from error
        yield from self._readable(key)
        if unreadable := self._unreadable[key]:
            raise transient_error(
                f"{subject(self.stream_name, stream_slice)}: {len(unreadable)} items of the list can't be read, all "
                f"others were. Run the sync again later. {' '.join(unreadable[:_MOST_IN_A_MESSAGE])}"
            )

    def whole_slice(self, stream_slice: StreamSlice | None) -> Iterator[Record]:
        """The records of a slice, read at the first call; an error of the list is raised before the first record.

        An item that can't be read is among them as an `Unreadable`, with its key.
        """
        key = stream_slice or StreamSlice(partition={}, cursor_slice={})
        with self._lock:
            slice_lock = self._slice_locks.setdefault(key, threading.Lock())
        with slice_lock:
            if key not in self._whole:
                if self._failure:
                    raise self._failure
                try:
                    self._walk(key)
                except Exception as error:
                    self._failure = error
                    raise
        return self._held(key)

    def has_read(self, stream_slice: StreamSlice) -> bool:
        """Whether a slice was read whole, so that it can be had without a request."""
        return stream_slice in self._whole

    def _held(self, key: StreamSlice) -> Iterator[Record]:
        return (Record(pickle.loads(item), self.stream_name, key) for item in self._items.get(key, {}).values())

    def _readable(self, key: StreamSlice) -> Iterator[Record]:
        return (record for record in self._held(key) if not isinstance(record.data, Unreadable))

    def _walk(self, stream_slice: StreamSlice) -> None:
        """Reads a slice and keeps its records; reads it a second time if items can't be read."""
        began = time.monotonic()
        items = self._items[stream_slice] = {}
        unreadable = self._enter(stream_slice, items)
        if unreadable:
            LOGGER.info(
                "%s: some items can't be read. The list is read again in %s s.",
                subject(self.stream_name, stream_slice),
                SECONDS_OF_DOUBT,
            )
            time.sleep(SECONDS_OF_DOUBT)
            unreadable |= self._enter(stream_slice, items)
        # An item that the second reading lacks is still one that can't be read.
        self._unreadable[stream_slice] = [
            reason for key, reason in unreadable.items() if isinstance(pickle.loads(items[key]), Unreadable)
        ]
        self._whole.add(stream_slice)
        LOGGER.info(
            "%s: %s records listed in %s",
            subject(self.stream_name, stream_slice),
            f"{len(items):,}",
            in_words(time.monotonic() - began),
        )

    def _enter(self, stream_slice: StreamSlice, items: dict[tuple[Any, ...], bytes]) -> dict[tuple[Any, ...], str]:
        """Reads the slice once and adds its records to `items`; returns why some of them can't be read, by key."""
        unreadable: dict[tuple[Any, ...], str] = {}
        repeats = 0
        # `records_of` gives no schema, so an `Unreadable` that the extractor made stays one.
        for record in records_of(self.retriever, stream_slice):
            if self._failure:
                raise self._failure
            key = tuple(record.data[name] for name in self.primary_key)
            repeats += key in items
            items[key] = pickle.dumps(record.data)
            unreadable.pop(key, None)
            if isinstance(record.data, Unreadable):
                unreadable[key] = record.data.reason
            if repeats > _REPEATS_OF_A_MOVING_LIST + _MOST_WALKS * len(items):
                raise transient_error("the list repeats itself and does not come to an end. Try again later.")
        return unreadable
