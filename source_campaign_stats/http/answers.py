"""Answers: read once, compared with the documented shape, and split into records."""

import json
import math
import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
import requests

_DECODED = "_decoded_answers"
_DAY = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}(?!\d)")]
_TYPES = {"boolean": bool, "integer": int, "object": dict[str, msgspec.Raw], "text": str, "day": _DAY}

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A whole surrogate pair, half of one, or another escape: matched too, so that an escaped backslash begins no pair.
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD]([89a-fA-F])[0-9a-fA-F]{2}|\\.", re.DOTALL)
_TEXTS_AND_CONSTANTS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|NaN|Infinity', re.DOTALL)
# JSON has no NaN and no Infinity, but Python writes them. They become valid numbers that are too large to hold.
_CONSTANTS = {b"NaN": b"1e9999901", b"Infinity": b"1e9999902"}
_NAMES_OF_CONSTANTS = {number.decode(): name.decode() for name, number in _CONSTANTS.items()}


_LEARNING = threading.Lock()


class WrittenNumber(float):
    """A number with a point or an exponent, and how the vendor wrote it: `1e5`, `1.10`."""

    text: str


class NoNumber:
    """Stands for a number that no machine can hold: `1e400`, `NaN`, `-Infinity`."""

    def __init__(self, text: str) -> None:
        sign = "-" if text.startswith("-") else ""
        self.text = sign + _NAMES_OF_CONSTANTS.get(text.removeprefix("-"), text.removeprefix("-"))

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoNumber) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Unreadable(dict[str, Any]):
    """An item of a list that can't be read: only the columns that identify it, and `reason`, a message for people.

    Example: `{"id": "summer_1", "name": "Summer"}`, reason `The column "capping" holds 1e400 where …`.
    """

    reason: str

    def __init__(self, columns: Mapping[str, Any], reason: str) -> None:
        super().__init__(columns)
        self.reason = reason


def read(body: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The body as the decoder's type. Raises what msgspec raises if the text is not JSON of that type.

    A byte order mark is skipped and half a surrogate pair is read as U+FFFD: JSON allows both, and neither is a reason
    to lose rows. `NaN` and `Infinity` become numbers that are too large (see `exactly`), so that only the record that
    holds one can't be read.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        return decoder.decode(text)
    except msgspec.DecodeError:
        repaired = _repaired(text)
        if repaired == text:
            raise
        return decoder.decode(repaired)


def decoded(response: requests.Response, form: Any = None) -> Any:
    """The body as JSON. It is parsed once for each form, although error handler, paginator and extractor all need it.

    `form` is the type of an answer whose records stay text until they are used (`msgspec.Raw`, see `taken`): half a
    year of a campaign with 20 steps is 5 MB of text and 40 MB of objects. Without a form, a number that no
    machine can hold is a `NoNumber`.
    Example: with a form that has `details: list[msgspec.Raw]`, `{"details": [{"sent": 3}]}` -> its `details` is a list
    of the text `{"sent": 3}`.
    """
    answers = response.__dict__.setdefault(_DECODED, {})
    if form not in answers:
        try:
            answers[form] = read(response.content, _decoder_of(form))
        except msgspec.ValidationError:
            if form is not None:
                raise
            answers[form] = exactly(_repaired(response.content.removeprefix(_BYTE_ORDER_MARK)))
    return answers[form]


def taken(records: list[msgspec.Raw]) -> Iterator[msgspec.Raw]:
    """The records of an answer, one at a time; the list is empty afterwards.

    One record stays in the processor's cache, where the objects of half a year do not fit (docs/performance.md).
    """
    records.reverse()
    while records:
        yield records.pop()


def exactly(text: bytes | msgspec.Raw) -> Any:
    """A text as objects whose numbers are exact; slower than msgspec.

    Whole numbers are exact, others `WrittenNumber`; a number that no machine can hold is a `NoNumber`.
    Example: `{"a": 18446744073709551616, "b": 1.10, "c": 1e400}`.
    """
    try:
        return json.loads(str(text, "utf-8"), parse_float=number_of)
    except ValueError:
        # A whole number has more digits than Python reads. `parse_int` from the start would slow down all other texts.
        return json.loads(str(text, "utf-8"), parse_float=number_of, parse_int=number_of)


def number_of(text: str) -> int | WrittenNumber | NoNumber:
    """A number as `exactly` reads it; raises ValueError if the text is no number."""
    if text.lstrip("+-").isdecimal():
        try:
            return int(text)
        except ValueError:
            # Python reads and prints at most 4,300 digits.
            return NoNumber(text)
    number = WrittenNumber(text)
    number.text = text
    return NoNumber(text) if math.isinf(number) else number


def days_in(shape: Any) -> list[str]:
    """The columns of a documented shape that are days.

    Example: `{"details": [{"date": "day"}]}` -> `["date"]`.
    """
    if isinstance(shape, list):
        return days_in(shape[0])
    if not isinstance(shape, dict):
        return []
    return [name for key, part in shape.items() for name in ([key] if part == "day" else days_in(part))]


def documented_type(shape: Any) -> Any:
    """A type for msgspec that accepts the answers of a documented shape. msgspec's error says how another one differs.

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
    # Frozen, so that a set of rows shows whether a key comes twice.
    return msgspec.defstruct("Documented", columns, gc=False, frozen=True)


@cache
def _decoder_of(form: Any) -> msgspec.json.Decoder[Any]:
    # msgspec crashes the process when two threads make it learn a type at the same time.
    with _LEARNING:
        return msgspec.json.Decoder(form or Any)


def _repaired(text: bytes) -> bytes:
    """The text with half surrogate pairs as U+FFFD and constants as numbers; unchanged if it has neither."""
    if b"\\u" in text:
        text = _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], text)
    if any(constant in text for constant in _CONSTANTS):
        text = _TEXTS_AND_CONSTANTS.sub(lambda found: _CONSTANTS.get(found[0], found[0]), text)
    return text
