"""Makes records fit the schema: values that only look different are put right, any other is an error.

Most records fit as they come; msgspec finds that out cheaply with a type made from the schema. Any other record is read
once more, exactly, and fitted value by value. The rules: docs/campaign-stats.md.
"""

import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from decimal import Decimal
from functools import cache, partial
from threading import Lock
from typing import Any

import msgspec
import orjson

from source_campaign_stats.http.answers import NoNumber, Unreadable, WrittenNumber, exactly, number_of
from source_campaign_stats.output.errors import UnfitValueError

Item = dict[str, Any]
# Makes records from the objects of an answer.
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
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
# Each name costs a millisecond, once. A vendor that uses ids as names would have no end of them.
_NAMES_LEARNT = 50
_HELD = "a number that a computer can hold"


class Columns:
    """The declared columns of a stream, at whatever depth; `columns_of` makes them ready once."""

    def __init__(self, schema: Mapping[str, Any], names_as_sent: Mapping[str, str] | None = None) -> None:
        self._fit = _fit_of(schema, "")
        self._type = _type_of(schema)
        # msgspec crashes the process when two threads make it learn a type at the same time.
        self.raise_for_misfit({})
        self.as_sent = _AsSent(schema, names_as_sent) if names_as_sent else None

    def raise_for_misfit(self, record: Item) -> None:
        """Raises `msgspec.ValidationError` if a value does not have the type of its column already."""
        msgspec.convert(record, self._type)

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


class _AsSent:
    """Reads objects as they are sent, and compares them with the schema while it parses them.

    That takes half the time of a comparison afterwards, which matters for records with 20 steps and three platforms. It
    works for a stream whose objects differ from its schema only in names, and in breakdowns that are maps. A name that
    the vendor adds is learnt when it first comes.
    """

    def __init__(self, schema: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._schema, self._names = schema, names
        self.added: frozenset[str] = frozenset()
        self._refused: set[str] = set()
        self._lock = Lock()
        self._decoder = self._made(self.added)

    def read(self, text: msgspec.Raw) -> Item:
        """An object all of whose values fit; raises `msgspec.ValidationError` if one does not."""
        while True:
            decoder = self._decoder
            try:
                return msgspec.to_builtins(decoder.decode(text))  # type: ignore[no-any-return]
            except msgspec.ValidationError as error:
                unknown = _UNKNOWN.search(str(error))
                if not unknown or not self._learns(unknown[1], decoder):
                    raise

    def _learns(self, name: str, failed: msgspec.json.Decoder[Any]) -> bool:
        """Whether the decoder is no longer the one that failed."""
        with self._lock:
            if self._decoder is not failed:
                return True
            # The schema's own name would come out as the column without being compared with it. msgspec's message cuts
            # a name at a backtick, so it can be one that was learnt.
            if name in self._names or name in self.added or name in self._refused or len(self.added) == _NAMES_LEARNT:
                return False
            try:
                self._decoder = self._made(self.added | {name})
            except ValueError:
                # msgspec makes no type with a quote, a backslash or a control character in a name.
                if len(self._refused) < _NAMES_LEARNT:
                    self._refused.add(name)
                return False
            self.added |= {name}
            return True

    def _made(self, added: Set[str]) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(_type_as_sent(self._schema, self._names, added))


def fitted(texts: Sequence[msgspec.Raw], shape: Shape, columns: Columns) -> Iterable[Item]:
    """The records of some objects of an answer, with every value made to fit its column.

    `shape` makes records of the objects. Raises `UnfitValueError`, which names the column and what stands there.
    """
    if columns.as_sent:
        with suppress(msgspec.ValidationError):
            return [*shape(map(columns.as_sent.read, texts))]
    try:
        records = [*shape(map(_DECODER.decode, texts))]
        for record in records:
            columns.raise_for_misfit(record)
        return records
    except msgspec.ValidationError:
        return [columns.fitted(record) for record in shape(map(exactly, texts))]


def listed(
    items: Iterable[msgspec.Raw], shape: Callable[[Item], Item], columns: Columns, names: Sequence[str]
) -> Iterator[Item]:
    """The records of a list; an item that can't be made to fit becomes an `Unreadable`.

    `names` are the columns that tell which item it is: `["id", "name", "created_date"]`.
    """
    for item in items:
        try:
            yield from fitted([item], partial(map, shape), columns)
        except UnfitValueError as error:
            yield Unreadable(columns.fitting_of(shape(exactly(item)), names), error.message or "")


@cache
def columns_of(stream_name: str, **names_as_sent: str) -> Columns:
    """The columns that the schema of a stream declares; with the vendor's names of some of them, see `_AsSent`."""
    return Columns(schema_of(stream_name), names_as_sent)


@cache
def schema_of(stream_name: str) -> Mapping[str, Any]:
    """The JSON schema of a stream."""
    schema = pkgutil.get_data("source_campaign_stats", f"schemas/{stream_name}.json")
    assert schema is not None
    parsed: Mapping[str, Any] = orjson.loads(schema)
    return parsed


def says_nothing(value: Any) -> bool:
    """Whether a value means the same as null: a blank text, an empty array or object."""
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _kind_of(schema: Mapping[str, Any]) -> str:
    kinds = schema["type"]
    return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")


def _type_of(schema: Mapping[str, Any]) -> Any:
    """The type of the values that fit as they are, for msgspec; what the schema does not declare is let through."""
    kind = _kind_of(schema)
    if kind == "array":
        return list[_type_of(schema["items"]) | None]  # type: ignore[misc]
    if kind != "object":
        return _TYPES[kind]
    if "properties" not in schema:
        return dict[str, Any]
    # The vendor's name may be one that Python does not allow.
    names = {f"field_{number}": name for number, name in enumerate(schema["properties"])}
    fields = [(field, _type_of(schema["properties"][name]) | None, None) for field, name in names.items()]
    return msgspec.defstruct("Fitting", fields, rename=names, gc=False)


def _type_as_sent(schema: Mapping[str, Any], names: Mapping[str, str], added: Set[str]) -> Any:
    """A type for msgspec of objects that become fitting records; a name that is neither declared nor added fails."""
    kind = _kind_of(schema)
    if kind == "array":
        item = _type_as_sent(schema["items"], names, added) | None
        return list[item] | dict[str, item] if _kind_of(schema["items"]) == "object" else list[item]  # type: ignore[valid-type]
    if kind != "object" or "properties" not in schema:
        return _type_of(schema)
    declared = {names.get(name, name): _type_as_sent(part, names, added) for name, part in schema["properties"].items()}
    types = dict.fromkeys(added, Any) | declared
    fields = [(f"field_{n}", part | None | msgspec.UnsetType, msgspec.UNSET) for n, part in enumerate(types.values())]
    spelt = {field[0]: name for field, name in zip(fields, types, strict=True)}
    return msgspec.defstruct("AsSent", fields, rename=spelt, forbid_unknown_fields=True, gc=False)


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
        # An array of one item is sometimes sent as the item alone.
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
    """A value that the schema does not declare, unchanged; raises for a number that no line can hold."""
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
