"""A small warehouse: loads the records that a sync printed into DuckDB, with the types of the schemas.

It does in a hundred lines what Airbyte's destinations do, so that the demo only needs DuckDB. Each stream has a table
in the schema `campaign_stats` with one row per primary key; dates, numbers and timestamps have their types, and nested
columns are JSON.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

# The schema of the streams' tables, as in a warehouse that Airbyte fills. The reports are in `main`.
SCHEMA = "campaign_stats"

# Each line of the file is a message of the Airbyte protocol.
MESSAGES = """
SELECT record.data AS data, to_timestamp(record.emitted_at / 1000.0) AS emitted
FROM read_json(?, format = 'newline_delimited', maximum_object_size = 100000000,
               columns = {record: 'STRUCT(stream VARCHAR, data JSON, emitted_at BIGINT)'})
WHERE record.stream = ?
"""


def column_type(schema: Mapping[str, Any]) -> str:
    """The DuckDB type of a property of a JSON schema."""
    kinds = schema.get("type", "object")
    kind = next(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")
    if kind == "string":
        return {"date": "DATE", "date-time": "TIMESTAMPTZ"}.get(schema.get("format", ""), "VARCHAR")
    return {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}.get(kind, "JSON")


def columns(stream: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a stream of the catalog, with their types."""
    return {name: column_type(schema) for name, schema in stream["json_schema"]["properties"].items()}


def primary_key(stream: Mapping[str, Any]) -> list[str]:
    """The key of a stream of the catalog: the protocol writes each column as a path."""
    return [path[0] for path in stream["source_defined_primary_key"]]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class Warehouse:
    """A DuckDB file with one table for each stream of a catalog. Rows that are already in the file stay."""

    def __init__(self, path: Path, catalog: Mapping[str, Any]) -> None:
        self.streams: Sequence[Mapping[str, Any]] = catalog["streams"]
        self.connection = duckdb.connect(str(path))
        # Timestamps are shown in UTC, whatever the time zone of the machine.
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        self.connection.execute(f"SET search_path = 'main,{SCHEMA}'")
        for stream in self.streams:
            self._create_table(stream)

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def load(self, records: Path) -> None:
        """Load the records of a sync. Lists are replaced; statistics are upserted by primary key."""
        for stream in self.streams:
            table = f"{SCHEMA}.{quoted(stream['name'])}"
            with_dates = bool(stream.get("source_defined_cursor"))
            if not with_dates:
                self.connection.execute(f"DELETE FROM {table}")
            values = ", ".join(_value(name, kind) for name, kind in columns(stream).items())
            # If a key came twice in one sync, the last record counts.
            keys = ", ".join(f"data ->> {_path(name)}" for name in primary_key(stream))
            self.connection.execute(
                f"INSERT OR REPLACE INTO {table} SELECT {values}, emitted FROM ({MESSAGES}) "
                f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY emitted DESC) = 1",
                [str(records), stream["name"]],
            )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query, by the names of its columns."""
        cursor = self.connection.execute(sql)
        names = [name for name, *_ in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns_of(self, table: str) -> dict[str, str]:
        """The columns that come from the vendor, with their types."""
        return columns(next(stream for stream in self.streams if stream["name"] == table))

    def records(self, table: str) -> list[dict[str, Any]]:
        """The rows as the connector printed them: only what is not null, days and moments as text."""
        shown = ", ".join(_as_text(name, kind) for name, kind in self.columns_of(table).items())
        rows = self.query(f"SELECT to_json(row) FROM (SELECT {shown} FROM {quoted(table)}) AS row")
        return [json.loads(text) for (text,) in rows]

    def count(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) FROM {quoted(table)}")[0][0])

    def _create_table(self, stream: Mapping[str, Any]) -> None:
        fields = [f"{quoted(name)} {kind}" for name, kind in columns(stream).items()]
        fields.append("_airbyte_extracted_at TIMESTAMPTZ")
        fields.append(f"PRIMARY KEY ({', '.join(quoted(name) for name in primary_key(stream))})")
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{quoted(stream['name'])} ({', '.join(fields)})")


def _path(name: str) -> str:
    # JSONPath between double quotes, inside an SQL string.
    return "'$.\"" + name.replace("'", "''") + "\"'"


def _as_text(name: str, kind: str) -> str:
    if kind == "TIMESTAMPTZ":
        return f"strftime({quoted(name)}, '%Y-%m-%dT%H:%M:%SZ') AS {quoted(name)}"
    return quoted(name)


def _value(name: str, kind: str) -> str:
    if kind == "JSON":
        return f"CASE WHEN json_type(data, {_path(name)}) <> 'NULL' THEN data -> {_path(name)} END"
    return f"(data ->> {_path(name)})::{kind}"
