"""The specification: what a person sees in the form of Airbyte."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest

from source_campaign_stats.settings.specification import required_of, settings_of
from unit_tests.builders import ConfigBuilder, cleaned, complaint, vendor_groups

SECRETS = {"batch.rest_api_key", "batch_legacy.rest_api_key", "batch_legacy.apps[].api_key", "moengage.api_key"}
CONTRACT = {
    "start_date": None,
    "timezone": "UTC",
    "batch": None,
    "batch.rest_api_key": None,
    "batch.project_key": None,
    "batch.lookback_days": 30,
    "batch.requests_per_second": 1,
    "batch.skip_orchestration_ids": None,
    "batch_legacy": None,
    "batch_legacy.rest_api_key": None,
    "batch_legacy.apps": None,
    "batch_legacy.apps[].name": None,
    "batch_legacy.apps[].api_key": None,
    "batch_legacy.apps[].campaign_tokens": None,
    "batch_legacy.apps[].transactional_group_ids": None,
    "batch_legacy.lookback_days": 30,
    "batch_legacy.skip_campaign_tokens": None,
    "moengage": None,
    "moengage.workspace_id": None,
    "moengage.api_key": None,
    "moengage.data_center": None,
    "moengage.attribution_type": "TOTAL_CONVERSIONS",
    "moengage.metric_type": "TOTAL",
    "moengage.campaign_ids": None,
    "moengage.lookback_days": 7,
    "include_today": False,
    "num_workers": 20,
}
BOUNDS = {
    "num_workers": (2, 40),
    "batch.lookback_days": (0, 180),
    "batch.requests_per_second": (1, 100),
    "batch_legacy.lookback_days": (0, 3650),
    "moengage.lookback_days": (0, 90),
}


def all_settings_of(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Every setting and group with its path, and whether it is required."""
    for name, part in settings_of(schema).items():
        yield f"{path}{name}", part, name in required_of(schema)
        yield from all_settings_of(part, f"{path}{name}.")
        yield from all_settings_of(part.get("items", {}), f"{path}{name}[].")


@pytest.fixture
def settings(specification: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {path: part for path, part, _ in all_settings_of(specification)}


def test_the_settings_and_their_defaults_are_the_contract(settings: dict[str, Mapping[str, Any]]) -> None:
    assert {path: part.get("default") for path, part in settings.items()} == CONTRACT


@pytest.mark.parametrize("word", ["title", "description", "order", "type"])
def test_every_setting_has_the_field(settings: dict[str, Mapping[str, Any]], word: str) -> None:
    assert [path for path, part in settings.items() if word not in part] == []


def test_every_setting_that_is_no_group_has_examples(settings: dict[str, Mapping[str, Any]]) -> None:
    assert [path for path, part in settings.items() if part["type"] != "object" and not part.get("examples")] == []


def test_the_order_within_a_group_names_each_place_once(specification: dict[str, Any]) -> None:
    parts = [part.get("items", part) for _, part, _ in all_settings_of(specification)]
    for group in [specification, *(choice for part in parts for choice in part.get("oneOf", [part]))]:
        orders = [part["order"] for part in group.get("properties", {}).values()]
        assert orders == list(range(len(orders))), group.get("title")


def test_required_is_what_the_contract_says(specification: dict[str, Any]) -> None:
    assert {path for path, _, is_required in all_settings_of(specification) if is_required} == {
        "start_date",
        "batch.rest_api_key",
        "batch.project_key",
        "batch_legacy.rest_api_key",
        "batch_legacy.apps",
        "batch_legacy.apps[].name",
        "batch_legacy.apps[].api_key",
        "moengage.workspace_id",
        "moengage.api_key",
        "moengage.data_center",
    }


def test_every_default_and_every_example_is_valid(settings: dict[str, Mapping[str, Any]]) -> None:
    for part in settings.values():
        values = [*part.get("examples", []), *([part["default"]] if "default" in part else [])]
        for value in values:
            jsonschema.validate(value, part)


def test_the_secrets_are_marked(settings: dict[str, Mapping[str, Any]]) -> None:
    assert {path for path, part in settings.items() if part.get("airbyte_secret")} == SECRETS


def test_no_rule_of_the_specification_can_make_the_validator_print_a_secret(
    settings: dict[str, Mapping[str, Any]],
) -> None:
    for path in SECRETS | {"batch.project_key", "moengage.workspace_id"}:
        rules = settings[path].keys() & {"pattern", "minLength", "maxLength", "enum", "const", "format"}
        assert not rules, f"{path}: {rules}"


def test_bounds_are_those_of_the_contract(settings: dict[str, Mapping[str, Any]]) -> None:
    assert {path: (settings[path]["minimum"], settings[path]["maximum"]) for path in BOUNDS} == BOUNDS


def test_the_data_centers_are_the_contract(settings: dict[str, Mapping[str, Any]]) -> None:
    assert settings["moengage.data_center"]["enum"] == ["01", "02", "03", "04", "05", "06", "101"]


def test_the_choice_of_a_vendor_is_called_use_and_is_on_or_off(specification: dict[str, Any]) -> None:
    for vendor, schema in vendor_groups(specification).items():
        constants = [choice["properties"]["use"]["const"] for choice in schema["oneOf"]]
        assert constants == ["off", "on"], vendor


def test_a_setting_that_changes_older_rows_mentions_a_refresh(settings: dict[str, Mapping[str, Any]]) -> None:
    for path in (
        "start_date",
        "timezone",
        "batch.skip_orchestration_ids",
        "batch_legacy.apps",
        "batch_legacy.apps[].campaign_tokens",
        "batch_legacy.apps[].transactional_group_ids",
        "batch_legacy.skip_campaign_tokens",
        "moengage.attribution_type",
        "moengage.metric_type",
        "moengage.campaign_ids",
    ):
        assert "refresh" in settings[path]["description"].lower(), path


def test_a_configuration_of_every_group_is_valid(specification: dict[str, Any]) -> None:
    config = cleaned(ConfigBuilder().with_batch().with_legacy().with_moengage().build(), specification)

    jsonschema.validate(config, specification)
    assert complaint(config, specification) is None


def test_no_setting_sends_requests_to_another_host(settings: dict[str, Mapping[str, Any]]) -> None:
    assert [path for path in settings if any(word in path for word in ("url", "host", "proxy", "endpoint"))] == []
