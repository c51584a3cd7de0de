"""What readers of slices and of lists have in common: the records of a retriever, and what messages call them."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from airbyte_cdk.sources.declarative.retrievers import SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.sync.days import FIRST_DAY
from source_campaign_stats.sync.state import Key


class RowOfAnswer(dict[str, Any]):
    """A row of a day that comes in several answers. All rows of a group have to come from the same answer."""

    group: str
    answer: object


def latest_of_each_group(records: Iterable[Record]) -> Iterator[Record]:
    """Of each group, the records of the last answer that has it: two answers can differ, so they must not mix.

    Records that are no `RowOfAnswer` are handed on at once.
    """
    held: dict[str, tuple[object, list[Record]]] = {}
    for record in records:
        row = record.data
        if not isinstance(row, RowOfAnswer):
            yield record
        elif row.group in held and held[row.group][0] is row.answer:
            held[row.group][1].append(record)
        else:
            held[row.group] = (row.answer, [record])
    for _, rows in held.values():
        yield from rows


def records_of(retriever: SimpleRetriever, stream_slice: StreamSlice) -> Iterable[Record]:
    """The records of a slice as the extractor made them. The cast is for mypy: the CDK's type allows more."""
    return cast(Iterable[Record], retriever.read_records({}, stream_slice))


def subject(stream_name: str, stream_slice: StreamSlice | None) -> str:
    """What an error is about: the stream, and the app, whose key can be the cause."""
    app = stream_slice.partition.get("app") if stream_slice else None
    return f'{stream_name}, app "{app}"' if app else stream_name


def key_of_slice(stream_slice: StreamSlice) -> Key:
    """What a slice is about: the values of its partition, or its day."""
    return tuple(map(str, stream_slice.partition.values())) or (str(stream_slice[FIRST_DAY]),)


def label(stream_slice: StreamSlice) -> str:
    """What a slice is called in messages: `campaign_x "Summer sale"`, or the day."""
    if not stream_slice.partition:
        return str(stream_slice[FIRST_DAY])
    words = ", ".join(str(value) for value in stream_slice.partition.values())
    name = stream_slice.extra_fields.get("name")
    return f'{words} "{name}"' if name else words
