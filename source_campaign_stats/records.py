"""What the records of all vendors have in common."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timezone
from typing import Any

from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse

LOGGER = logging.getLogger("airbyte")


def as_timestamp(value: Any) -> str | None:
    """A vendor's timestamp in the one form that the schema's type accepts; None for what is none.

    Without an offset it is taken as UTC.
    Example: `2025-06-30T14:38:19` and `2025-06-30T16:38:19+02:00` -> `2025-06-30T14:38:19Z`.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        moment = ab_datetime_parse(value.strip())
    except ValueError:
        LOGGER.warning("A timestamp can't be read and is left empty: %r", value)
        return None
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def with_timestamps(item: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A copy of the item in which the named timestamps, where present, are in one form."""
    return {**item, **{name: as_timestamp(item[name]) for name in names if name in item}}


@dataclass
class NameOrigin(RecordTransformation):
    """Writes into each record where it comes from, exactly as configured (Jinja would turn ids into numbers).

    `from_slice` maps a column to a field of the slice, `from_settings` one to the path of a setting.
    Example: `{"from_slice": {"date": "start_time"}, "from_settings": {"project_key": ["batch", "project_key"]}}`.
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
