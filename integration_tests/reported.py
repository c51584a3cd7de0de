"""Databases in which dbt builds the reports, and the reports built on what PyAirbyte loaded."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from integration_tests.databases import Query, Settings, query_duckdb, query_postgres
from integration_tests.dbt_package import Dbt, duckdb_output, needs_dbt, postgres_output
from integration_tests.dbt_truth import Records, reports
from integration_tests.needs import needs
from integration_tests.raw_tables import LAYOUTS, lay, quoted
from integration_tests.synced import SCHEMA, STREAMS, Synced

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A database. Raw tables are written into some of its schemas, and dbt builds into another schema."""

    database: str
    dbt: Dbt
    server: Settings | None

    @classmethod
    def of(cls, database: str, folder: Path, server: Settings | None) -> "Place":
        needs_dbt()
        if database == "duckdb":
            return cls(database, Dbt(folder, duckdb_output(folder / "campaigns.duckdb", "models")), None)
        needs("postgresql", server)
        assert server
        return cls(database, Dbt(folder, postgres_output(server, "models")), server)

    def into(self, schema: str, **variables: Any) -> "Place":
        """The same database, with another schema for the models and other variables."""
        output = {**self.dbt.output, "schema": schema}
        return replace(self, dbt=replace(self.dbt, output=output, variables=variables))

    @property
    def raw_schema(self) -> str:
        """The schema of the raw tables, when there is one connection."""
        return str(self.dbt.variables["campaign_stats_schema"])

    @contextmanager
    def query(self) -> Iterator[Query]:
        """A connection for a short time: DuckDB lets only one process write, and dbt is another one."""
        if self.server:
            with query_postgres(self.server, "public") as query:
                yield query
        else:
            with query_duckdb(Path(self.dbt.output["path"]), "main") as query:
                yield query

    def lay(self, schema: str, records: Records, layout: str, extracted_at: datetime | None = None) -> None:
        with self.query() as query:
            lay(query, schema, records, LAYOUTS[self.database][layout], extracted_at)

    def tables(self, schema: str) -> list[str]:
        with self.query() as query:
            rows = query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
        return [name for (name,) in rows]

    def columns(self, model: str) -> dict[str, str]:
        with self.query() as query:
            return dict(
                query(
                    "SELECT column_name, data_type FROM information_schema.columns WHERE "
                    f"table_schema = '{self.dbt.output['schema']}' AND table_name = '{model}' ORDER BY ordinal_position"
                )
            )

    def rows(self, model: str) -> list[Row]:
        names = self.columns(model)
        with self.query() as query:
            rows = query(f"SELECT * FROM {quoted(self.dbt.output['schema'])}.{model}")
        return [dict(zip(names, row, strict=True)) for row in rows]


@dataclass(frozen=True)
class Reported:
    """The reports on PyAirbyte's tables, built before and after `changed`, and their expected rows, by database."""

    places: Mapping[str, Place]
    records: Mapping[str, Records]
    truth: Mapping[str, Mapping[str, list[Row]]]

    def place(self, database: str) -> Place:
        if database == "postgres":
            needs("postgresql", database in self.places)
        return self.places[database]


# `changed` adds so many sends to each row of Batch on the last day.
MORE_SENDS = 7


def report(synced: Synced, folder: Path, server: Settings | None) -> Reported:
    """Build the reports on copies of the tables, because other tests compare the tables as PyAirbyte left them."""
    needs_dbt()
    shutil.copy(synced.duckdb_file, folder / "campaigns.duckdb")
    places, records = {"duckdb": Place.of("duckdb", folder, None)}, {}
    if server:
        places["postgres"] = Place.of("postgres", folder / "postgres", server)
        with query_postgres(server, "public") as query:
            query("CREATE SCHEMA copied")
            for stream in STREAMS:
                query(f"CREATE TABLE copied.{stream} AS TABLE {SCHEMA}.{stream}")
    for database, place in places.items():
        schema = SCHEMA if database == "duckdb" else "copied"
        places[database] = place = place.into("reports", campaign_stats_schema=schema, campaign_stats_history=True)
        place.dbt.build()
        with place.query() as query:
            records[database] = changed(query, schema, synced.truth)
        place.dbt.build()
    truth = {database: reports({places[database].raw_schema: known}) for database, known in records.items()}
    return Reported(places, records, truth)


def changed(query: Query, schema: str, records: Records) -> Records:
    """Restate sends, and delete from each list the campaign with the most days; returns what the tables then hold."""
    day = last_day(records)
    query(f"UPDATE {schema}.orchestration_stats SET sent = sent + {MORE_SENDS} WHERE date = '{day}'")
    found: dict[str, Sequence[Row]] = {
        **records,
        "orchestration_stats": [
            {**row, "sent": row["sent"] + MORE_SENDS} if row["date"] == day and row.get("sent") is not None else row
            for row in records["orchestration_stats"]
        ],
    }
    for stats, id_, listed, its_id in (
        ("orchestration_stats", "orchestration_id", "orchestrations", "id"),
        ("legacy_campaign_stats", "campaign_token", "legacy_campaigns", "campaign_token"),
        ("moengage_campaign_stats", "campaign_id", "moengage_campaigns", "campaign_id"),
    ):
        ((gone, _),) = Counter(row[id_] for row in records[stats]).most_common(1)
        query(f"DELETE FROM {schema}.{listed} WHERE {its_id} = '{gone}'")
        found[listed] = [row for row in records[listed] if row[its_id] != gone]
    # PyAirbyte makes a number of the workspace id in PostgreSQL, see `test_pyairbyte.py`.
    ((workspace,),) = query(f"SELECT DISTINCT workspace_id FROM {schema}.moengage_campaign_stats")
    for stream in ("moengage_campaigns", "moengage_campaign_stats"):
        found[stream] = [{**row, "workspace_id": workspace} for row in found[stream]]
    return found


def last_day(records: Records) -> str:
    return str(max(row["date"] for row in records["orchestration_stats"]))
