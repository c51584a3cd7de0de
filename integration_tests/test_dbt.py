"""The dbt package on raw tables with odd records, every type that a column can have, and gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.databases import DATABASES, Settings
from integration_tests.dbt_package import PACKAGE
from integration_tests.dbt_truth import (
    CAMPAIGN,
    DIMENSIONS,
    GOAL_METRICS,
    KEYS,
    METRICS,
    Records,
    differences_of,
    reports,
)
from integration_tests.odd_records import odd_records
from integration_tests.process import differences
from integration_tests.raw_tables import LAYOUTS
from integration_tests.reported import Place, Reported, Row

MODELS = tuple(KEYS)
TYPES = {
    "duckdb": {"text": "VARCHAR", "integer": "BIGINT", "number": "DECIMAL(38,9)", "day": "DATE", "moment": "TIMESTAMP"},
    "postgres": {"number": "numeric", "integer": "bigint", "day": "date", "moment": "timestamp without time zone"},
}


@pytest.fixture(scope="module", params=DATABASES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: Settings | None
) -> Place:
    return Place.of(request.param, tmp_path_factory.mktemp(f"dbt-{request.param}"), postgres_server)


# --- the numbers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """A database in which dbt has built the models, and the rows that they have to hold."""

    place: Place
    truth: Mapping[str, list[Row]]


@pytest.fixture(scope="module")
def united(place: Place) -> Built:
    """The models on a connection for each layout, one with a single table, and one whose schema does not exist."""
    connections: dict[str, Records] = {}
    for seed, layout in enumerate(LAYOUTS[place.database]):
        connections[f"it's « {layout} »"] = odd_records(seed)
        place.lay(f"Raw-{layout}", connections[f"it's « {layout} »"], layout)
    connections["one table"] = {"moengage_campaign_stats": odd_records(9)["moengage_campaign_stats"]}
    place.lay("one_table", connections["one table"], "pyairbyte")
    given = [{"name": f"it's « {layout} »", "schema": f"Raw-{layout}"} for layout in LAYOUTS[place.database]]
    given += [{"name": "one table", "schema": "one_table"}, {"name": "nothing", "schema": "not_there"}]
    place = place.into("united", campaign_stats_sources=given)
    place.dbt.build()
    return Built(place, reports(connections))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_holds_exactly_what_the_records_say(united: Built, model: str) -> None:
    assert united.truth[model]
    assert not differences(united.place.rows(model), united.truth[model], KEYS[model])


@pytest.mark.parametrize("model", MODELS)
def test_columns_have_the_documented_order_and_types(united: Built, model: str) -> None:
    kinds = {"revenue": "number", "date_day": "day", "first_day": "day", "last_day": "day", "is_listed": "flag"}
    kinds |= {"created_at": "moment", "started_at": "moment"} | dict.fromkeys(set(METRICS) - {"revenue"}, "integer")
    types = TYPES[united.place.database] | {"flag": "BOOLEAN" if united.place.database == "duckdb" else "boolean"}
    expected = {name: types.get(kinds.get(name, "text"), "text") for name in columns_of(model)}
    assert list(united.place.columns(model).items()) == list(expected.items())


def columns_of(model: str) -> list[str]:
    if model == "campaign_stats__campaigns":
        further = ("campaign_type", "status", "created_at", "started_at", "is_listed", "first_day", "last_day")
        return [*CAMPAIGN, "campaign_name", "channel", *further]
    names = ("step_name",) if model == "campaign_stats__daily_by_step" else ()
    metrics = GOAL_METRICS if model == "campaign_stats__daily_by_goal" else METRICS
    return [*CAMPAIGN, "campaign_name", "channel", "date_day", *DIMENSIONS[model], *names, *metrics]


def test_every_column_of_every_model_is_described(united: Built) -> None:
    described = [model for path in PACKAGE.glob("models/**/*.yml") for model in models_in(path)]
    files = {path.stem for path in PACKAGE.glob("models/**/*.sql")}
    assert {model["name"] for model in described} == files
    for model in described:
        columns = {column["name"]: column.get("description") for column in model["columns"]}
        assert all([model["description"], *columns.values()]), model["name"]
        if model["name"] != "campaign_stats__changes":
            assert set(columns) == set(united.place.columns(model["name"])), model["name"]


def models_in(path: Path) -> list[Row]:
    found: list[Row] = yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
    return found


# --- missing tables -------------------------------------------------------------------------------------------------


def test_a_vendor_without_tables_gives_no_rows_and_no_error(place: Place) -> None:
    """With default variables there is one connection, named after its schema. Here a list is missing and two tables are
    empty.
    """
    legacy = odd_records(1)["legacy_campaign_stats"]
    records: Records = {"legacy_campaign_stats": legacy, "moengage_campaigns": [], "moengage_campaign_stats": []}
    place.lay("campaign_stats", records, "pyairbyte")
    place = place.into("gaps")

    done = place.dbt.build()
    # Airbyte's destination does this when it overwrites a table. It would fail if a view depended on the table.
    with place.query() as query:
        for stream in records:
            query(f"DROP TABLE campaign_stats.{stream}")

    truth = reports({"campaign_stats": {"legacy_campaign_stats": legacy}})
    assert not done.warnings()
    for model in MODELS:
        assert not differences(place.rows(model), truth[model], KEYS[model]), model


def test_without_any_raw_table_every_model_is_there_and_empty(place: Place) -> None:
    place = place.into("nothing", campaign_stats_schema="never_loaded")

    assert not place.dbt.build().warnings()

    for model in MODELS:
        assert list(place.columns(model)) == columns_of(model)
        assert place.rows(model) == []


# --- what dbt warns about -------------------------------------------------------------------------------------------


def leaf(platform: str, locale: str = "all_locales", variation: str = "all_variations", **columns: Any) -> Row:
    key = {"workspace_id": "w", "campaign_id": "c", "date": "2026-02-01", "metric_type": "TOTAL", "sent": 1}
    return {**key, "platform": platform, "locale": locale, "variation": variation, "in_total": True, **columns}


# For each connection: its leaves, and the tests that warn about them.
WARNED: Mapping[str, tuple[list[Row], set[str]]] = {
    "parts": ([leaf("ANDROID"), leaf("ios"), leaf("ios", "en", in_total=False)], set()),
    "apart": ([leaf("all_platforms"), leaf("ios", campaign_id="d"), leaf("ios", date="2026-02-02")], set()),
    "platforms": ([leaf("ALL_PLATFORMS"), leaf("ios")], {"total_without_parts"}),
    "locales": ([leaf("ios", "ALL_LOCALES"), leaf("ios", "en"), leaf("web", "en")], {"total_without_parts"}),
    "variations": ([leaf("ios", "en"), leaf("ios", "en", "Variation 1")], {"total_without_parts"}),
    "older_row": ([leaf("ios"), leaf("web", in_total=None)], {"not_null_in_raw"}),
    # The column has no value, and the layout of this test leaves out such columns.
    "older_table": ([leaf("ios", in_total=None)], {"not_null_in_raw"}),
}


def test_a_total_beside_its_parts_and_rows_without_in_total_are_warned_about(place: Place) -> None:
    for name, (leaves, _) in WARNED.items():
        place.lay(name, {"moengage_campaign_stats": leaves}, "pyairbyte" if place.server else "loose")
    place = place.into("warned", campaign_stats_sources=[{"name": name, "schema": name} for name in WARNED])

    done = place.dbt.build("--store-failures", "--select", "+int_campaign_stats__moengage_leaves")

    for test in ("total_without_parts", "not_null_in_raw"):
        (table,) = [name for name in place.tables("warned_dbt_test__audit") if test in name]
        with place.query() as query:
            found = {name for (name,) in query(f"SELECT source_relation FROM warned_dbt_test__audit.{table}")}
        assert found == {name for name, (_, tests) in WARNED.items() if test in tests}
    assert len(done.warnings()) == 2


def test_freshness_warns_of_tables_loaded_36_hours_ago_and_not_of_missing_tables(place: Place) -> None:
    """Of several connections the oldest load counts, whatever the type of `_airbyte_extracted_at`."""
    now, records, given = datetime.now(timezone.utc), odd_records(3), []
    streams = ("orchestrations", "orchestration_stats", "legacy_campaigns", "moengage_campaigns")
    for stream, layout in zip(streams, LAYOUTS[place.database], strict=True):
        for age, name in ((35, "fresh"), (37, "stale")):
            place.lay(f"{name}_{layout}", {stream: records[stream]}, layout, now - timedelta(hours=age))
        # The list of MoEngage is fresh everywhere.
        names = ("fresh", "stale") if stream != "moengage_campaigns" else ("fresh",)
        given += [{"name": f"{name} {layout}", "schema": f"{name}_{layout}"} for name in names]
    given.append({"name": "not there", "schema": "not_there"})

    done = place.into("freshness", campaign_stats_sources=given).dbt.run("source", "freshness")

    assert done.exit_code == 0, done.text
    assert len(done.statuses) == 6
    assert [name.split(".")[-1] for name in done.warnings()] == sorted(streams[:3])


def test_a_repeated_row_in_a_raw_table_is_an_error_and_no_report_is_built(place: Place) -> None:
    place.lay("twice", {"moengage_campaign_stats": [leaf("ios"), leaf("ios")]}, "pyairbyte")
    place = place.into("doubled", campaign_stats_schema="twice")

    done = place.dbt.run("build", "--select", "+campaign_stats__daily")

    assert done.exit_code == 1
    assert done.statuses["model.campaign_stats.campaign_stats__daily"] == "skipped"


# --- what changed ---------------------------------------------------------------------------------------------------


def test_changes_are_what_a_later_run_found_different(place: Place) -> None:
    key = {"project_key": "p", "orchestration_id": "o"}
    first: list[Row] = [
        {**key, "date": "2026-02-01", "sent": 10, "total_open": 3, "total_revenue": 1.5},
        {**key, "date": "2026-02-02", "sent": 20, "total_click": 0},
        {**key, "date": "2026-02-03", "sent": 30},
    ]
    second: list[Row] = [
        # Restated numbers, a new number, and one that is gone.
        {**key, "date": "2026-02-01", "sent": 10, "total_open": 4, "total_revenue": 1.75},
        {**key, "date": "2026-02-02", "sent": 20, "total_conversion": 0},
        {**key, "date": "2026-02-03", "sent": 30},
        {**key, "date": "2026-02-04", "sent": 0},
    ]
    place = place.into("history", campaign_stats_schema="kept", campaign_stats_history=True)
    began = datetime.now(timezone.utc).replace(tzinfo=None)
    seen = []
    for records in (first, second):
        place.lay("kept", {"orchestration_stats": records}, "pyairbyte")
        place.dbt.build("--select", "+campaign_stats__changes")
        seen.append(place.rows("campaign_stats__changes"))

    began_with, changes = seen
    assert began_with == []
    assert all(began <= row["changed_at"] <= datetime.now(timezone.utc).replace(tzinfo=None) for row in changes)
    assert {tuple(row[name] for name in CAMPAIGN) for row in changes} == {("kept", "batch", "p", "o")}
    found = [(row["date_day"].day, row["metric"], row["value_before"], row["value_after"]) for row in changes]
    assert sorted(found, key=lambda change: change[:2]) == [
        (1, "opens", 3, 4),
        (1, "revenue", Decimal("1.5"), Decimal("1.75")),
        (2, "clicks", 0, None),
        (2, "conversions", None, 0),
        (4, "sends", None, 0),
    ]


def test_the_history_is_not_built_unless_it_is_asked_for(united: Built) -> None:
    assert united.place.columns("campaign_stats__changes") == {}
    assert united.place.columns("campaign_stats__daily_history") == {}


# --- on what PyAirbyte loaded ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("database", DATABASES)
def test_a_report_on_what_pyairbyte_loaded_holds_exactly_the_truth_of_the_account(
    reported: Reported, database: str, model: str
) -> None:
    place, truth = reported.place(database), reported.truth[database][model]
    assert truth
    assert not differences_of(place.rows(model), truth, model)


# --- in another project ---------------------------------------------------------------------------------------------


def test_the_package_can_be_installed_into_another_project(tmp_path: Path) -> None:
    place, records = Place.of("duckdb", tmp_path, None), odd_records(4)
    place.lay("shop", records, "pyairbyte")
    project = {
        **{"name": "shop", "profile": "campaign_stats"},
        "vars": {"campaign_stats_sources": [{"name": "Shop", "schema": "shop"}]},
        "models": {"campaign_stats": {"staging": {"+schema": "staging"}}},
    }
    (tmp_path / "dbt_project.yml").write_text(yaml.safe_dump(project))
    (tmp_path / "packages.yml").write_text(yaml.safe_dump({"packages": [{"local": str(PACKAGE)}]}))
    dbt = replace(place.dbt, project=tmp_path)

    installed = dbt.run("deps")
    dbt.build("--select", "+campaign_stats__daily")

    model = "campaign_stats__daily"
    assert installed.exit_code == 0, installed.text
    assert not differences(place.rows(model), reports({"Shop": records})[model], KEYS[model])
    assert "stg_campaign_stats__orchestrations" in place.tables("models_staging")
