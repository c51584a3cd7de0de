"""Writes records into raw tables as the destinations do, with each of the types that they can give a column."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from integration_tests.databases import Query
from integration_tests.warehouse import column_type

Row = dict[str, Any]

SCHEMAS = Path(__file__).parents[1] / "source_campaign_stats" / "schemas"


@dataclass(frozen=True)
class Layout:
    """How a destination writes: the types of columns, by the type in the demo's warehouse, and the form of values."""

    types: Mapping[str, str]
    # Numbers inside JSON are written with a decimal point: 12.0.
    points: bool = False
    # Nested columns without a value hold JSON null and not SQL null.
    json_nulls: bool = False
    # The table has no columns without a value, as if it was loaded before these columns existed.
    drops_empty: bool = False
    # The offset of timestamps in text columns, as in 2026-11-20T12:00:00+02:00.
    offset: str = ""
    # The type of `_airbyte_extracted_at`.
    extracted: str = "TIMESTAMP"


_PYAIRBYTE_POSTGRES = {
    **{"VARCHAR": "character varying", "DATE": "date", "TIMESTAMPTZ": "timestamp", "BIGINT": "bigint"},
    **{"DOUBLE": "numeric", "BOOLEAN": "boolean", "JSON": "json"},
}
LAYOUTS: Mapping[str, Mapping[str, Layout]] = {
    "duckdb": {
        "pyairbyte": Layout({"TIMESTAMPTZ": "TIMESTAMP", "DOUBLE": "DECIMAL(38,9)"}, points=True),
        "loose": Layout(
            {"BIGINT": "DOUBLE", "DATE": "VARCHAR", "TIMESTAMPTZ": "VARCHAR", "JSON": "VARCHAR"},
            json_nulls=True,
            drops_empty=True,
            offset="Z",
            extracted="VARCHAR",
        ),
        "zones": Layout({"BIGINT": "DECIMAL(38,9)", "TIMESTAMPTZ": "VARCHAR"}, offset="+05:30"),
        "json": Layout({"BIGINT": "JSON", "DOUBLE": "JSON"}, points=True, json_nulls=True, extracted="TIMESTAMPTZ"),
    },
    "postgres": {
        "airbyte": Layout(
            {**_PYAIRBYTE_POSTGRES, "TIMESTAMPTZ": "timestamp with time zone", "JSON": "jsonb"},
            points=True,
            json_nulls=True,
            extracted="timestamp with time zone",
        ),
        "pyairbyte": Layout(_PYAIRBYTE_POSTGRES, points=True, drops_empty=True),
        "loose": Layout(
            {
                **{"VARCHAR": "text", "DATE": "text", "TIMESTAMPTZ": "text", "BIGINT": "double precision"},
                **{"DOUBLE": "double precision", "BOOLEAN": "boolean", "JSON": "text"},
            },
            offset="+05:30",
            extracted="text",
        ),
        "json": Layout({**_PYAIRBYTE_POSTGRES, "BIGINT": "jsonb", "DOUBLE": "jsonb", "JSON": "jsonb"}, json_nulls=True),
    },
}


def columns_of(stream: str) -> dict[str, str]:
    """The columns of a stream, with the types that the demo's warehouse gives them."""
    schema = json.loads((SCHEMAS / f"{stream}.json").read_text(encoding="utf-8"))
    return {name: column_type(kind) for name, kind in schema["properties"].items()}


def lay(
    query: Query,
    schema: str,
    records: Mapping[str, Sequence[Row]],
    layout: Layout,
    extracted_at: datetime | None = None,
) -> None:
    """Make a schema with a raw table for each stream in the records; an existing schema of this name is replaced."""
    query(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")
    query(f"CREATE SCHEMA {quoted(schema)}")
    moment = extracted_at or datetime.now(timezone.utc)
    for stream, rows in records.items():
        columns = columns_of(stream)
        if layout.drops_empty:
            columns = {name: kind for name, kind in columns.items() if any(row.get(name) is not None for row in rows)}
        types = {name: layout.types.get(kind, kind) for name, kind in columns.items()}
        own = {"_airbyte_raw_id": "VARCHAR", "_airbyte_extracted_at": layout.extracted, "_airbyte_meta": "VARCHAR"}
        table = f"{quoted(schema)}.{stream}"
        fields = ", ".join(f"{quoted(name)} {kind}" for name, kind in (types | own).items())
        query(f"CREATE TABLE {table} ({fields})")
        for first in range(0, len(rows), 500):
            written = [
                [_written(row.get(name), kind, types[name], layout) for name, kind in columns.items()]
                + [_literal(f"raw-{n}"), _literal(moment.strftime("%Y-%m-%d %H:%M:%S+00")), "NULL"]
                for n, row in enumerate(rows[first : first + 500], first)
            ]
            query(f"INSERT INTO {table} VALUES " + ", ".join(f"({', '.join(values)})" for values in written))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _written(value: Any, kind: str, laid_as: str, layout: Layout) -> str:
    if kind == "JSON":
        if value is None:
            return "'null'" if layout.json_nulls else "NULL"
        return _literal(json.dumps(_pointed(value) if layout.points else value, ensure_ascii=False))
    if value is None:
        return "NULL"
    if kind == "TIMESTAMPTZ":
        return _literal(_moment(value, laid_as, layout.offset))
    if laid_as.lower() in ("json", "jsonb"):
        return _literal(json.dumps(_pointed(value) if layout.points else value))
    return _literal(value) if isinstance(value, str) else str(value)


def _moment(text: str, laid_as: str, offset: str) -> str:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if laid_as.lower() in ("varchar", "text") and offset not in ("", "Z"):
        return moment.astimezone(datetime.strptime(offset, "%z").tzinfo).isoformat()
    return (
        moment.isoformat() if "zone" in laid_as.lower() or laid_as == "TIMESTAMPTZ" else text.removesuffix("Z") + offset
    )


def _pointed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pointed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_pointed(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
