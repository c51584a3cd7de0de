"""The vendors' documented metrics, the schemas, the extractors and the tables in docs/metrics.md say the same."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.vendors.records import documented_metrics
from unit_tests.builders import PACKAGE, schema_of
from unit_tests.documented import (
    CONVERSION_GOAL_STATS,
    DELIVERY_FUNNEL,
    LEGACY_CAMPAIGN_STATS,
    LEGACY_TRANSACTIONAL_STATS,
    LEGACY_VERSIONS,
    ORCHESTRATION_STATS,
    PERFORMANCE_STATS,
)

STREAMS = sorted(path.stem for path in (PACKAGE / "schemas").glob("*.json"))
DOCS = Path(__file__).parent.parent / "docs" / "metrics.md"

# A place in a schema, the metrics that are there, and the other columns beside them.
PLACES: list[tuple[str, str, dict[str, str], set[str]]] = [
    (
        "orchestration_stats",
        "",
        ORCHESTRATION_STATS,
        {"project_key", "orchestration_id", "date", "other_metrics", "platforms", "versions", "message_steps"},
    ),
    ("orchestration_stats", "platforms", ORCHESTRATION_STATS, {"platform"}),
    ("orchestration_stats", "versions", ORCHESTRATION_STATS, {"version", "platforms"}),
    ("orchestration_stats", "versions.platforms", ORCHESTRATION_STATS, {"platform"}),
    ("orchestration_stats", "message_steps", ORCHESTRATION_STATS, {"step_id", "platforms"}),
    ("orchestration_stats", "message_steps.platforms", ORCHESTRATION_STATS, {"platform"}),
    (
        "legacy_campaign_stats",
        "",
        LEGACY_CAMPAIGN_STATS,
        {"app", "campaign_token", "date", "other_metrics", "versions"},
    ),
    ("legacy_campaign_stats", "versions", LEGACY_VERSIONS, {"version"}),
    (
        "legacy_transactional_stats",
        "",
        LEGACY_TRANSACTIONAL_STATS,
        {"app", "group_id", "date", "other_metrics"},
    ),
    (
        "moengage_campaign_stats",
        "",
        PERFORMANCE_STATS,
        {"workspace_id", "date", "campaign_id", "platform", "locale", "variation", "attribution_type", "metric_type"}
        | {"in_total", "other_metrics", "delivery_funnel", "conversion_goal_stats", "failure_breakdown"},
    ),
    ("moengage_campaign_stats", "delivery_funnel", DELIVERY_FUNNEL, set()),
    ("moengage_campaign_stats", "conversion_goal_stats", CONVERSION_GOAL_STATS, {"goal_name"}),
    ("moengage_campaign_stats", "failure_breakdown", {"count": "integer"}, {"reason"}),
]
TABLES = {
    "orchestration_stats": ORCHESTRATION_STATS,
    "legacy_campaign_stats": LEGACY_CAMPAIGN_STATS,
    "legacy_transactional_stats": LEGACY_TRANSACTIONAL_STATS,
    "moengage_campaign_stats": PERFORMANCE_STATS,
    "moengage_campaign_stats: delivery_funnel": DELIVERY_FUNNEL,
    "moengage_campaign_stats: conversion_goal_stats": CONVERSION_GOAL_STATS,
}


def properties_at(stream: str, place: str) -> dict[str, Any]:
    schema = schema_of(stream)
    for name in place.split(".") if place else ():
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
    properties: dict[str, Any] = schema["properties"]
    return properties


def parts_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and every item of an array, each with its path."""
    for name, part in schema.get("properties", {}).items():
        yield f"{path}{name}", part
        yield from parts_of(part, f"{path}{name}.")
    if isinstance(schema.get("items"), dict):
        yield f"{path}[]", schema["items"]
        yield from parts_of(schema["items"], f"{path}[].")


@cache
def documented_in_docs() -> dict[str, list[str]]:
    assert DOCS.exists(), f"{DOCS} is missing: it has a table of the metrics of each statistics stream"
    tables: dict[str, list[str]] = {}
    heading = ""
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        elif row := re.match(r"\| `([^`]+)` \|", line):
            tables.setdefault(heading, []).append(row[1])
    return tables


@pytest.mark.parametrize(("stream", "place", "metrics", "others"), PLACES, ids=[f"{p[0]} {p[1]}" for p in PLACES])
def test_a_schema_has_the_documented_metrics_and_no_others(
    stream: str, place: str, metrics: dict[str, str], others: set[str]
) -> None:
    properties = properties_at(stream, place)

    assert set(properties) - set(metrics) - others == set(), "in the schema, but no page names it"
    assert set(metrics) - set(properties) == set(), "documented, but not in the schema"
    assert others - set(properties) == set(), "a column of ours is missing"


@pytest.mark.parametrize(("stream", "place", "metrics", "others"), PLACES, ids=[f"{p[0]} {p[1]}" for p in PLACES])
def test_a_metric_has_the_type_that_the_vendor_says(
    stream: str, place: str, metrics: dict[str, str], others: set[str]
) -> None:
    properties = properties_at(stream, place)

    types = {name: set(properties[name]["type"]) - {"null"} for name in metrics if name in properties}

    assert types == {name: {kind} for name, kind in metrics.items() if name in properties}


@pytest.mark.parametrize("stream", [name for name in STREAMS if name.endswith("_stats")])
def test_the_extractor_takes_the_documented_metrics_for_columns_and_no_others(stream: str) -> None:
    assert documented_metrics(stream) == set(TABLES[stream])


@pytest.mark.parametrize("heading", TABLES)
def test_the_docs_list_the_documented_metrics_and_no_others(heading: str) -> None:
    listed = documented_in_docs().get(heading, [])

    assert sorted(listed) == sorted(TABLES[heading]), f"docs/metrics.md, table under '## {heading}'"


def test_the_docs_have_no_table_of_metrics_that_no_test_compares() -> None:
    assert set(documented_in_docs()) == set(TABLES)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_property_is_described(stream: str) -> None:
    bare = [path for path, part in parts_of(schema_of(stream)) if "[]" not in path[-2:] and not part.get("description")]

    assert bare == []


@pytest.mark.parametrize("stream", STREAMS)
def test_every_property_is_typed_and_nullable(stream: str) -> None:
    strict = [
        path
        for path, part in parts_of(schema_of(stream))
        if not path.endswith("[]") and not (isinstance(part.get("type"), list) and "null" in part["type"])
    ]

    assert strict == []


@pytest.mark.parametrize("stream", STREAMS)
def test_every_object_is_open_for_what_the_vendor_adds(stream: str) -> None:
    schema = schema_of(stream)
    closed = [
        path
        for path, part in [("", schema), *parts_of(schema)]
        if "object" in part.get("type", []) and part.get("additionalProperties") is not True
    ]

    assert closed == []


@pytest.mark.parametrize("stream", STREAMS)
def test_a_schema_is_a_schema(stream: str) -> None:
    jsonschema.Draft7Validator.check_schema(schema_of(stream))


def test_there_is_a_schema_for_each_stream() -> None:
    names = {item["$ref"].rpartition("/")[2] for group in read_manifest()["streams"] for item in group["streams"]}

    assert set(STREAMS) == names


def test_no_schema_has_a_column_for_a_person() -> None:
    assert "created_by" not in schema_of("moengage_campaigns")["properties"]
