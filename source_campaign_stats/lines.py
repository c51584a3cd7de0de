"""Records as lines of the Airbyte protocol, made by the worker that read them.

The CDK hands the records over one by one to the main thread, which alone makes a message of each, counts it, turns it
into JSON and prints it: that and the waiting for each other was most of what a large sync cost (docs/performance.md).
Here a worker hands over the text of many records at once, and the main thread only prints it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from airbyte_cdk.models import AirbyteMessage, Type
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.streams.concurrent.partitions.types import QueueItem
from airbyte_cdk.sources.types import Record, StreamSlice

# Large enough that handing over costs little: each wakes the main thread.
_BYTES_AT_ONCE = 250_000
# As much may wait for the output as keeps memory flat: 20 times 250 kB of lines. The CDK lets 10,000 items wait.
_ITEMS_IN_QUEUE = 20
# The CDK keeps 10,000 finished tasks; never more than the 40 workers' are under way.
_TASKS_KEPT = 500


class RecordLines(Record):
    """Some records of one slice, as the lines that are printed for them."""

    def __init__(self, lines: list[bytes], stream_name: str, stream_slice: StreamSlice) -> None:
        # The CDK takes a record without columns for the end of all records.
        super().__init__({"records": len(lines)}, stream_name, stream_slice)
        self.text = b"".join(lines).decode()
        self.count = len(lines)


@dataclass
class RecordLinesMessage(AirbyteMessage):
    """The message for `lines`, which stand for that many record messages."""

    lines: RecordLines = field(kw_only=True)


def in_lines(records: Iterable[Record], stream_name: str, stream_slice: StreamSlice) -> Iterator[RecordLines]:
    """The records in the same order, many at a time; none is held back when the last one was read."""
    waiting: list[bytes] = []
    size = 0
    for record in records:
        line = record_line(stream_name, record.data)
        waiting.append(line)
        size += len(line)
        if size >= _BYTES_AT_ONCE:
            yield RecordLines(waiting, stream_name, stream_slice)
            waiting, size = [], 0
    if waiting:
        yield RecordLines(waiting, stream_name, stream_slice)


def record_line(stream_name: str, data: Mapping[str, Any]) -> bytes:
    """The line that the CDK prints for a record: columns that are null are left out.

    Example: `{"type":"RECORD","record":{"stream":"orchestrations","data":{"id":"a"},"emitted_at":1763769600000}}`.
    """
    if None in data.values():
        data = {column: value for column, value in data.items() if value is not None}
    return b'{"type":"RECORD","record":{"stream":"%b","data":%b,"emitted_at":%d}}\n' % (
        stream_name.encode(),
        orjson.dumps(data),
        time.time_ns() // 1_000_000,
    )


class ConcurrentSourceOfLines(ConcurrentSource):
    """The CDK's reading of all streams at once, for which lines are as many records as they stand for."""

    @classmethod
    def of(cls, made: ConcurrentSource) -> "ConcurrentSourceOfLines":
        """The same source, with bounds that keep memory flat."""
        made._queue.maxsize = _ITEMS_IN_QUEUE
        made._threadpool._max_concurrent_tasks = _TASKS_KEPT
        return cls(
            threadpool=made._threadpool,
            logger=made._logger,
            slice_logger=made._slice_logger,
            queue=made._queue,
            message_repository=made._message_repository,
            initial_number_partitions_to_generate=made._initial_number_partitions_to_generate,
        )

    def _handle_item(
        self, queue_item: QueueItem, concurrent_stream_processor: ConcurrentReadProcessor
    ) -> Iterable[AirbyteMessage]:
        messages = super()._handle_item(queue_item, concurrent_stream_processor)
        if not isinstance(queue_item, RecordLines):
            yield from messages
            return
        for message in messages:
            if message.type == Type.RECORD:
                message = RecordLinesMessage(type=Type.RECORD, record=message.record, lines=queue_item)
            yield message
        # The CDK counted one; its log line about the stream tells the number of records.
        concurrent_stream_processor._record_counter[queue_item.stream_name] += queue_item.count - 1
