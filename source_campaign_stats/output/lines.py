"""Records as lines of the Airbyte protocol, written by the worker that read them.

In the CDK every record goes alone to the main thread, which makes a message of it, counts it, writes the JSON and
prints it. That takes most of the time of a large sync (docs/performance.md). Here a worker hands over the text of many
records as one record, and the main thread only prints it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.sources.types import Record, StreamSlice

# Each text wakes the main thread, so it should be large.
_BYTES_AT_ONCE = 250_000
# The only column of a record that holds lines; no vendor has a column of this name.
_LINES = "\x00lines"


@dataclass(frozen=True)
class Lines:
    """Some records of one slice, as the text that is printed for them, and their number."""

    stream_name: str
    text: str
    count: int


def in_lines(records: Iterable[Record], stream_name: str, stream_slice: StreamSlice) -> Iterator[Record]:
    """The records in the same order, many packed into one (`lines_of` gets them out). At the end none is held back."""
    waiting: list[bytes] = []
    size = 0
    for record in records:
        line = record_line(stream_name, record.data)
        waiting.append(line)
        size += len(line)
        if size >= _BYTES_AT_ONCE:
            yield _together(waiting, stream_name, stream_slice)
            waiting, size = [], 0
    if waiting:
        yield _together(waiting, stream_name, stream_slice)


def lines_of(message: AirbyteMessage) -> Lines | None:
    """The lines inside a message of the type RECORD; None for any other message."""
    lines: Lines | None = message.record.data.get(_LINES) if message.record else None
    return lines


def record_line(stream_name: str, data: Mapping[str, Any]) -> bytes:
    """The line that the CDK prints for a record: columns that are null are left out.

    Example: `{"type":"RECORD","record":{"stream":"acme_campaigns","data":{"id":"a"},"emitted_at":1763769600000}}`.
    """
    if None in data.values():
        data = {column: value for column, value in data.items() if value is not None}
    return b'{"type":"RECORD","record":{"stream":"%b","data":%b,"emitted_at":%d}}\n' % (
        stream_name.encode(),
        _as_json(data),
        time.time_ns() // 1_000_000,
    )


def _as_json(data: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        # orjson writes no whole number beyond 64 bits. msgspec does, but is a third slower.
        return msgspec.json.encode(data)


def _together(lines: list[bytes], stream_name: str, stream_slice: StreamSlice) -> Record:
    return Record({_LINES: Lines(stream_name, b"".join(lines).decode(), len(lines))}, stream_name, stream_slice)
