"""What readers of slices and of lists have in common: the records of a retriever, and what messages call them."""

from collections.abc import Iterable
from typing import cast

from airbyte_cdk.sources.declarative.retrievers import SimpleRetriever
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.sync.days import FIRST_DAY


def records_of(retriever: SimpleRetriever, stream_slice: StreamSlice) -> Iterable[Record]:
    """The records of a slice, as the extractor made them; the type of a SimpleRetriever allows more than that."""
    return cast(Iterable[Record], retriever.read_records({}, stream_slice))


def subject(stream_name: str, stream_slice: StreamSlice | None) -> str:
    """What an error is about: the stream, and the app whose key it can be."""
    app = stream_slice.partition.get("app") if stream_slice else None
    return f'{stream_name}, app "{app}"' if app else stream_name


def label(stream_slice: StreamSlice) -> str:
    """What a slice is called in messages: `campaign_x "Summer sale"`, or the day."""
    if not stream_slice.partition:
        return str(stream_slice[FIRST_DAY])
    words = ", ".join(str(value) for value in stream_slice.partition.values())
    name = stream_slice.extra_fields.get("name")
    return f'{words} "{name}"' if name else words
