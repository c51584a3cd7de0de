"""What the records of all vendors have in common."""

import logging
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import timezone
from functools import cache
from typing import Any

from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse

from source_campaign_stats.output.errors import UnfitValueError
from source_campaign_stats.vendors.fitting import says_nothing, schema_of

LOGGER = logging.getLogger("airbyte")


def as_timestamp(value: Any) -> str | None:
    """A vendor's timestamp in the one form that the schema's type accepts; None if it can't be read.

    Without an offset it is taken as UTC.
    Example: `2025-06-30T14:38:19` and `2025-06-30T16:38:19+02:00` -> `2025-06-30T14:38:19Z`.
    """
    if value is None or value == "":
        return None
    try:
        # The parser takes a bare number for seconds since 1970.
        if not isinstance(value, str) or not re.match(r"\s*\d{4}-\d{2}-\d{2}", value):
            raise ValueError("not a timestamp")
        moment = ab_datetime_parse(value.strip())
        return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None


@cache
def documented_metrics(stream_name: str) -> frozenset[str]:
    """The metrics that the vendor documents for a statistics stream: the columns of its schema that are numbers.

    Example: `documented_metrics("legacy_campaign_stats")` -> `{"sent", "sent_optins", "direct_open", …}`.
    """
    columns = schema_of(stream_name)["properties"]
    return frozenset(name for name, column in columns.items() if {"integer", "number"} & set(column["type"]))


def taken_out(numbers: dict[str, Any], known: Set[str]) -> dict[str, Any] | None:
    """Moves the unknown names out of `numbers`, for the column `other_metrics`; None if there are none.

    They are moved, so that they can't overwrite a column of the same name.
    Example: known are `{"sent"}`; of `{"sent": 3, "date": 7}` stays `{"sent": 3}`, and `{"date": 7}` is returned.
    """
    if numbers.keys() <= known:
        return None
    return {name: numbers.pop(name) for name in [name for name in numbers if name not in known]}


def as_array(parts: Any, name: str, column: str) -> list[dict[str, Any]] | None:
    """A breakdown as an array of objects, whether the API sent it as an array or as a map from `name`.

    The objects are those of `parts`; those of a map get their name. Raises `UnfitValueError` about the column.
    Example, with the name `version`: `{"a": {"sent": 1}}` -> `[{"version": "a", "sent": 1}]`.
    """
    if isinstance(parts, list):
        return [part if isinstance(part, dict) else as_object(part, column) for part in parts]
    if isinstance(parts, dict):
        array = [part if isinstance(part, dict) else as_object(part, column) for part in parts.values()]
        for key, part in zip(parts, array, strict=True):
            # The key names the part, whatever stands inside.
            part[name] = key
        return array
    if says_nothing(parts):
        return None
    raise UnfitValueError(column, parts, "an array or an object")


def as_object(part: Any, column: str) -> dict[str, Any]:
    """Values that have names; none at all where the API sent nothing. Raises `UnfitValueError` about the column."""
    if isinstance(part, dict):
        return part
    if says_nothing(part):
        return {}
    raise UnfitValueError(column, part, "an object")


def with_timestamps(item: Mapping[str, Any], names: Iterable[str], subject: str) -> dict[str, Any]:
    """A copy of the item in which the named timestamps, where present, are in one form.

    One that can't be read is left empty and logged, with what it belongs to.
    """
    read = {name: as_timestamp(item[name]) for name in names if name in item}
    for name, moment in read.items():
        if moment is None and item[name] not in (None, ""):
            LOGGER.warning("%s: %s can't be read as a time and is left empty: %r", subject, name, item[name])
    return {**item, **read}


@dataclass
class NameOrigin(RecordTransformation):
    """Writes into each record where it comes from, exactly as configured (Jinja would turn ids into numbers).

    `from_slice` maps a column to a field of the slice, `from_settings` one to the path of a setting.
    Example: `{"from_slice": {"date": "start_time"}, "from_settings": {"account": ["acme", "account_id"]}}`.
    """

    from_slice: Mapping[str, str] = field(default_factory=dict)
    from_settings: Mapping[str, list[str]] = field(default_factory=dict)

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> None:
        assert config is not None
        assert stream_slice is not None
        for column, name in self.from_slice.items():
            record[column] = stream_slice[name]
        for column, (group, name) in self.from_settings.items():
            record[column] = config[group][name]
