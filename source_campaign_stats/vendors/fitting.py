"""Records that fit the schema: what a vendor wrote in another way is put right, what means something else is told.

Most records fit as they come, and to find that out costs little: msgspec compares them with a type made from the
schema. Any other is read once more, exactly, and fitted value by value. The rules: docs/campaign-stats.md.
"""

import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache, partial
from typing import Any

import msgspec
import orjson

from source_campaign_stats.http.answers import NoNumber, Unreadable, WrittenNumber, exactly, number_of
from source_campaign_stats.output.errors import UnfitValueError

Item = dict[str, Any]
# Objects of an answer -> the records that they are.
Shape = Callable[[Iterator[Item]], Iterable[Item]]
_Fit = Callable[[Any], Any]

_DECODER = msgspec.json.Decoder()
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_TYPES: dict[str, Any] = {"integer": int, "number": int | float, "boolean": bool, "string": str}
_OWN: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,), "string": (str,)}
_WANTED = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "an array",
    "object": "an object",
}
_HELD = "a number that a computer can hold"


class Columns:
    """The declared columns of a stream, at whatever depth; `columns_of` makes them ready once."""

    def __init__(self, schema: Mapping[str, Any], names_as_sent: Mapping[str, str] | None = None) -> None:
        self._fit = _fit_of(schema, "")
        self._records = list[_type_of(schema)]  # type: ignore[misc]
        # msgspec crashes the process when two threads make it learn a type at the same time.
        msgspec.convert([], self._records)
        self._as_sent = msgspec.json.Decoder(_type_of(schema, names_as_sent)) if names_as_sent else None

    def read_fitting(self, text: msgspec.Raw) -> Item:
        """An object as it was sent, if all that it has is declared and fits; else raises `msgspec.ValidationError`."""
        if self._as_sent is None:
            raise msgspec.ValidationError
        return msgspec.to_builtins(self._as_sent.decode(text))  # type: ignore[no-any-return]

    def raise_for_misfits(self, records: Sequence[Item]) -> None:
        """Raises `msgspec.ValidationError` if a value does not have the type of its column already."""
        msgspec.convert(records, self._records)

    def fitted(self, record: Item) -> Item:
        """The same record, its values made to fit; raises `UnfitValueError` for the first that can't be.

        In: an object as `exactly` reads it. Example, `sent` a whole number, `ctr` a number, `name` a text:
        `{"sent": "12", "ctr": " 1.5 ", "name": 7}` -> `{"sent": 12, "ctr": 1.5, "name": "7"}`.
        """
        fitted: Item = self._fit(record)
        return fitted

    def fitting_of(self, record: Item, names: Iterable[str]) -> Item:
        """Those of the named columns that the record has and that can be made to fit."""
        found: Item = {}
        for name in names:
            try:
                found |= self.fitted({name: record[name]} if name in record else {})
            except UnfitValueError:
                continue
        return found


def fitted(texts: Sequence[msgspec.Raw], shape: Shape, columns: Columns) -> Iterable[Item]:
    """The records that some objects of an answer are, every value fit for its column.

    `shape` makes records of the objects. Raises `UnfitValueError`, which names the column and what stands there.
    """
    try:
        return [*shape(map(columns.read_fitting, texts))]
    except msgspec.ValidationError:
        pass
    try:
        records = [*shape(map(_DECODER.decode, texts))]
        columns.raise_for_misfits(records)
        return records
    except msgspec.ValidationError:
        return [columns.fitted(record) for record in shape(map(exactly, texts))]


def listed(
    items: Iterable[msgspec.Raw], shape: Callable[[Item], Item], columns: Columns, names: Sequence[str]
) -> Iterator[Item]:
    """The records of a list; in the place of an item that can't be made to fit an `Unreadable`.

    `names` are the columns that tell which item it is: `["id", "name", "created_date"]`.
    """
    for item in items:
        try:
            yield from fitted([item], partial(map, shape), columns)
        except UnfitValueError as error:
            yield Unreadable(columns.fitting_of(shape(exactly(item)), names), error.message or "")


@cache
def columns_of(stream_name: str, **names_as_sent: str) -> Columns:
    """The columns that the schema of a stream declares.

    `names_as_sent` are the vendor's names of those that have another, for records so wide that it pays to compare
    them while they are parsed: breakdowns may then be arrays or maps, and nothing else may differ from the schema.
    """
    return Columns(schema_of(stream_name), names_as_sent)


@cache
def schema_of(stream_name: str) -> Mapping[str, Any]:
    """The JSON schema of a stream."""
    schema = pkgutil.get_data("source_campaign_stats", f"schemas/{stream_name}.json")
    assert schema is not None
    parsed: Mapping[str, Any] = orjson.loads(schema)
    return parsed


def says_nothing(value: Any) -> bool:
    """Whether a value says as much as null does: a blank text, an empty array or object."""
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _kind_of(schema: Mapping[str, Any]) -> str:
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


def _type_of(schema: Mapping[str, Any], names_as_sent: Mapping[str, str] | None = None) -> Any:
    """The type of the values that fit as they are, for msgspec; without names as sent it lets through all else."""
    kind = _kind_of(schema)
    if kind == "array":
        item = _type_of(schema["items"], names_as_sent) | None
        is_breakdown = names_as_sent and _kind_of(schema["items"]) == "object"
        return list[item] | dict[str, item] if is_breakdown else list[item]  # type: ignore[valid-type]
    if kind != "object":
        return _TYPES[kind]
    if "properties" not in schema:
        return dict[str, Any]
    fields, names = [], {}
    for number, (name, part) in enumerate(schema["properties"].items()):
        fields.append((f"field_{number}", _type_of(part, names_as_sent) | None | msgspec.UnsetType, msgspec.UNSET))
        names[f"field_{number}"] = (names_as_sent or {}).get(name, name)
    closed = bool(names_as_sent)
    return msgspec.defstruct("Fitting", fields, rename=names, forbid_unknown_fields=closed, gc=False)


def _fit_of(schema: Mapping[str, Any], column: str) -> _Fit:
    kind = _kind_of(schema)
    own: tuple[type, ...] = _OWN.get(kind, ())
    if kind == "array":
        convert = _array_of(_fit_of(schema["items"], column))
    elif kind == "object":
        convert = _object_of(schema.get("properties", {}), column)
    else:
        convert = _CONVERSIONS[kind]

    def fit(value: Any) -> Any:
        if value is None or type(value) in own:
            return value
        fitting = convert(value)
        if fitting is None and not says_nothing(value):
            raise UnfitValueError(column, value, _HELD if isinstance(value, NoNumber) else _WANTED[kind])
        return fitting

    return fit


# Each of these gives None for what can't be made to fit.


def _array_of(fit: _Fit) -> _Fit:
    def as_array(value: Any) -> list[Any] | None:
        if isinstance(value, list):
            return [fit(item) for item in value]
        # Of one the array is sometimes left out.
        return None if isinstance(value, dict) or says_nothing(value) else [fit(value)]

    return as_array


def _object_of(properties: Mapping[str, Any], column: str) -> _Fit:
    place = f"{column}." if column else ""
    fits = {name: _fit_of(part, f"{place}{name}") for name, part in properties.items()}

    def as_object(value: Any) -> Item | None:
        if not isinstance(value, dict):
            return None
        for name, part in value.items():
            value[name] = fits[name](part) if name in fits else _as_it_is(part, f"{place}{name}")
        return value

    return as_object


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return value.text if isinstance(value, WrittenNumber) else str(value) if isinstance(value, int | float) else None


def _as_truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _as_number(value: Any) -> int | float | None:
    number = _number(value)
    return float(number) if isinstance(number, float) else number


def _as_whole_number(value: Any) -> int | None:
    number = _number(value)
    if isinstance(number, float):
        exact = Decimal(number.text if isinstance(number, WrittenNumber) else number)
        return int(exact) if int(exact) == exact else None
    return number


_CONVERSIONS: dict[str, _Fit] = {
    "integer": _as_whole_number,
    "number": _as_number,
    "boolean": _as_truth,
    "string": _as_text,
}


def _as_it_is(value: Any, column: str) -> Any:
    """What the schema does not declare, but for what no line can hold."""
    if isinstance(value, NoNumber):
        raise UnfitValueError(column, value, _HELD)
    if isinstance(value, dict):
        return {name: _as_it_is(part, f"{column}.{name}") for name, part in value.items()}
    if isinstance(value, list):
        return [_as_it_is(item, column) for item in value]
    return float(value) if isinstance(value, WrittenNumber) else value


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        text = value.strip()
        value = number_of(text) if _NUMBER.fullmatch(text) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
