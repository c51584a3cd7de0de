"""Answers: read once, held against the documented shape, and taken apart record by record."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import orjson
import requests

from source_campaign_stats.output.errors import transient_error

_DECODED = "_decoded_answer"
_DAY = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}(?!\d)")]
_TYPES = {"boolean": bool, "integer": int, "object": dict[str, msgspec.Raw], "text": str, "day": _DAY}


def decoded(response: requests.Response, form: type | None = None) -> Any:
    """The body as JSON, parsed once for error handler, paginator and extractor.

    `form` is the type of an answer whose records stay text until they are used (`msgspec.Raw`, see `taken`): half a
    year of a campaign with 20 steps is 5 MB of text and 40 MB of objects.
    Example: with a form that has `details: list[msgspec.Raw]`, `{"details": [{"sent": 3}]}` -> its `details` is a list
    of the text `{"sent": 3}`.
    """
    if _DECODED not in response.__dict__:
        body = response.content
        response.__dict__[_DECODED] = msgspec.json.decode(body, type=form) if form else _parsed(body)
    return response.__dict__[_DECODED]


def taken(records: list[msgspec.Raw]) -> Iterator[Any]:
    """The records of an answer as objects, one at a time; the list is empty afterwards.

    One record stays in the processor's cache, where the objects of half a year do not fit (docs/performance.md).
    """
    records.reverse()
    while records:
        yield _parsed(memoryview(records.pop()))


def documented_type(shape: Any) -> Any:
    """The type of the answers that have the documented shape, for msgspec, which then tells how an answer differs.

    Shapes: `[shape]` is an array of that; `{details: shape}` an object with at least these keys, `{"*": shape}` one
    whose every value is that; `boolean`, `integer`, `object`, `text` and `day` (YYYY-MM-DD, a time after it allowed)
    a value of that type.
    Example: `{"details": [{"date": "day"}]}` -> a type with `details`, an array of a type with `date`; of the answer
    `{}` msgspec then says "Object missing required field `details`".
    """
    if isinstance(shape, list):
        return list[documented_type(shape[0])]  # type: ignore[misc]
    if not isinstance(shape, dict):
        return _TYPES[shape]
    if "*" in shape:
        return dict[str, documented_type(shape["*"])]  # type: ignore[misc]
    columns = [(key, documented_type(value)) for key, value in shape.items()]
    # Frozen: rows are compared by their key.
    return msgspec.defstruct("Documented", columns, gc=False, frozen=True)


def _parsed(text: bytes | memoryview) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Only a number that is too large passes the comparison with the documented shape.
        raise transient_error("An answer can't be read as JSON. Run the sync again later.") from error


class Unreadable(dict[str, Any]):
    """An item of a list that can't be read: its key columns, and the reason."""

    reason: str = ""
