"""What a person sees and saves in Airbyte's form, and what API users write instead, for any choice of vendors."""

import itertools
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
import requests_mock as requests_mocking

from source_campaign_stats.settings.specification import required_of, settings_of
from unit_tests.airbyte_form import Form
from unit_tests.builders import (
    IOS_KEY,
    BatchCep,
    BatchLegacy,
    ConfigBuilder,
    MoEngage,
    check,
    cleaned,
    complaint,
    discover,
    read,
    vendor_groups,
)

WRITTEN = ConfigBuilder().with_batch().with_legacy().with_moengage().build()
VENDORS = ["batch", "batch_legacy", "moengage"]
STREAMS = {
    "batch": {"orchestrations", "orchestration_stats"},
    "batch_legacy": {"legacy_campaigns", "legacy_campaign_stats"},
    "moengage": {"moengage_campaigns", "moengage_campaign_stats"},
}
CHOICES = [set(chosen) for number in (1, 2, 3) for chosen in itertools.combinations(VENDORS, number)]
CHOICE_IDS = ["+".join(sorted(chosen)) for chosen in CHOICES]


def filled_form(specification: Mapping[str, Any], vendors: set[str]) -> Form:
    """A new form in which the start date and the required fields of these vendors were filled in."""
    form = Form(specification).fill("start_date", "2026-11-01")
    for vendor in sorted(vendors):
        form.choose(vendor, "Read")
        for name, value in WRITTEN[vendor].items():
            form.fill(f"{vendor}.{name}", value)
    return form


def written(vendors: set[str]) -> dict[str, Any]:
    """What an API user writes for these vendors, without any `use`."""
    return {"start_date": "2026-11-01"} | {vendor: deepcopy(WRITTEN[vendor]) for vendor in sorted(vendors)}


@pytest.mark.parametrize("vendors", CHOICES, ids=CHOICE_IDS)
def test_any_choice_of_vendors_can_be_saved_and_is_what_is_read(
    specification: dict[str, Any], vendors: set[str]
) -> None:
    form = filled_form(specification, vendors)

    assert form.blocked_by() == []
    jsonschema.validate(form.sent(), specification)
    config = cleaned(form.sent(), specification)
    assert complaint(config, specification) is None
    assert {vendor for vendor in VENDORS if vendor in config} == vendors


@pytest.mark.parametrize("vendors", CHOICES, ids=CHOICE_IDS)
def test_what_the_form_sends_works_in_check_discover_and_read(
    specification: dict[str, Any], vendors: set[str], cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage
) -> None:
    config = filled_form(specification, vendors).sent()
    streams = set().union(*(STREAMS[vendor] for vendor in vendors))

    assert check(config).status.value == "SUCCEEDED"
    assert {stream.name for stream in discover(config).streams} == streams
    assert read(config, *sorted(streams)).failure is None


@pytest.mark.parametrize("vendors", CHOICES, ids=CHOICE_IDS)
def test_a_saved_source_is_still_valid_when_it_is_opened_and_saved_again(
    specification: dict[str, Any], vendors: set[str]
) -> None:
    saved = filled_form(specification, vendors).sent()

    opened = Form(specification, saved)

    assert {vendor for vendor in VENDORS if opened.chosen(vendor) == "Read"} == vendors
    assert opened.blocked_by() == []
    assert opened.sent() == saved


@pytest.mark.parametrize("vendors", CHOICES, ids=CHOICE_IDS)
def test_a_configuration_written_without_a_choice_is_valid_and_can_be_opened_in_the_form(
    specification: dict[str, Any], vendors: set[str]
) -> None:
    config = written(vendors)

    jsonschema.validate(config, specification)
    assert Form(specification, config).blocked_by() == []
    assert Form(specification, config).sent() == config
    result = cleaned(config, specification)
    assert complaint(result, specification) is None
    assert {vendor for vendor in VENDORS if vendor in result} == vendors


def test_a_form_in_which_no_vendor_was_chosen_can_be_saved_and_check_says_what_to_do(
    specification: dict[str, Any], http: requests_mocking.Mocker
) -> None:
    config = filled_form(specification, set()).sent()

    jsonschema.validate(config, specification)
    with pytest.raises(Exception, match='Choose "Read" for at least one of "Batch", "Batch MEP'):
        check(config)


def defaults_of(specification: dict[str, Any], vendor: str) -> dict[str, Any]:
    settings = settings_of(specification["properties"][vendor])
    return {name: schema["default"] for name, schema in settings.items() if "default" in schema}


def blanks_of(specification: dict[str, Any], vendor: str) -> dict[str, Any]:
    """The settings of a vendor with every text blank and every list of blank items."""
    blank = {"string": " ", "array": ["", {"name": ""}]}
    settings = settings_of(specification["properties"][vendor])
    return {name: blank[schema["type"]] for name, schema in settings.items() if schema["type"] in blank}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_group_in_which_nothing_is_filled_in_is_off(specification: dict[str, Any], vendor: str) -> None:
    defaults, blanks = defaults_of(specification, vendor), blanks_of(specification, vendor)
    shapes = [None, {}, {"use": None}, {"use": ""}, defaults, blanks, defaults | blanks, {"use": "off"}]
    shapes.append({name: float(value) if isinstance(value, int) else value for name, value in defaults.items()})
    other = next(name for name in VENDORS if name != vendor)

    for shape in shapes:
        config = cleaned(written({other}) | {vendor: shape}, specification)

        assert vendor not in config, shape
        assert complaint(config, specification) is None, shape


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_is_not_used_is_off_whatever_old_settings_are_still_there(
    specification: dict[str, Any], vendor: str, http: requests_mocking.Mocker
) -> None:
    other = next(name for name in VENDORS if name != vendor)
    config = written({vendor, other})
    config[vendor]["use"] = "off"

    jsonschema.validate(config, specification)
    assert {stream.name for stream in discover(config).streams} == STREAMS[other]


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_setting_that_is_no_default_turns_a_group_on(specification: dict[str, Any], vendor: str) -> None:
    config = cleaned({"start_date": "2026-11-01", vendor: {"lookback_days": 5}}, specification)

    assert "is missing" in str(complaint(config, specification))


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("settings", [{}, {"lookback_days": 3}, {"rest_api_key": "", "api_key": None}], ids=str)
def test_what_is_missing_for_a_vendor_that_is_read_is_reported(
    specification: dict[str, Any], vendor: str, settings: dict[str, Any]
) -> None:
    config = cleaned({"start_date": "2026-11-01", vendor: {"use": "on", **settings}}, specification)

    first = next(iter(settings_of(specification["properties"][vendor]).values()))
    title = specification["properties"][vendor]["title"]
    assert str(complaint(config, specification)).startswith(f'"{first["title"]}" of "{title}" is missing. Copy ')


@pytest.mark.parametrize("use", ["yes", "ON", " on", "", True, False, 0, 1, ["on"], {"on": "on"}], ids=repr)
@pytest.mark.parametrize("vendor", VENDORS)
def test_any_other_choice_is_reported(specification: dict[str, Any], vendor: str, use: Any) -> None:
    config = written(set(VENDORS))
    config[vendor]["use"] = use

    message = complaint(cleaned(config, specification), specification)

    title = specification["properties"][vendor]["title"]
    assert message == f'The choice "use" of "{title}" has to be "on" (Read) or "off" (Not used).'


# --- What a person sees -----------------------------------------------------------------------------------------------


def test_no_two_fields_under_the_same_heading_share_a_title(specification: dict[str, Any]) -> None:
    seen = [(field.heading, field.title) for field in Form(specification).fields()]

    assert [field for field in seen if seen.count(field) > 1] == []
    assert all(title for _, title in seen)


def test_start_date_time_zone_and_the_vendors_are_seen_first_and_without_unfolding_anything(
    specification: dict[str, Any],
) -> None:
    top = [field for field in Form(specification).fields() if field.heading == ""]

    assert [field.title for field in top if not field.is_folded] == [
        "Start date",
        "Time zone",
        "Batch",
        "Batch MEP (legacy)",
        "MoEngage",
    ]
    assert [field.title for field in top if field.is_folded] == ["Read today as well", "Number of workers"]


def test_what_a_vendor_needs_is_seen_without_unfolding_anything(specification: dict[str, Any]) -> None:
    for vendor, schema in vendor_groups(specification).items():
        shown = [field for field in Form(specification).fields() if field.heading == f"{schema['title']} > "]
        needed = {settings_of(schema)[name]["title"] for name in required_of(schema)}
        assert {field.title for field in shown if not field.is_folded} == needed, vendor


def test_of_an_app_only_name_and_key_are_seen_without_unfolding_anything(specification: dict[str, Any]) -> None:
    of_an_app = [field for field in Form(specification).fields() if field.heading.endswith("Apps > ")]

    assert [(field.title, field.is_folded) for field in of_an_app] == [
        ("Name", False),
        ("Live API key", False),
        ("Campaign tokens", True),
        ("Transactional groups", True),
    ]


def test_groups_that_were_entered_in_the_form_bring_their_stream(
    specification: dict[str, Any], legacy: BatchLegacy
) -> None:
    app = {"name": "iOS", "api_key": IOS_KEY, "transactional_group_ids": ["order/confirm é"]}
    form = filled_form(specification, {"batch_legacy"}).fill("batch_legacy.apps", [app])
    legacy.with_group("order/confirm é")

    jsonschema.validate(form.sent(), specification)
    assert form.blocked_by() == []
    assert check(form.sent()).status.value == "SUCCEEDED"
    assert "legacy_transactional_stats" in {stream.name for stream in discover(form.sent()).streams}


def test_every_choice_is_titled_and_begins_with_the_vendor_not_used(specification: dict[str, Any]) -> None:
    for vendor, schema in vendor_groups(specification).items():
        assert [option["title"] for option in schema["oneOf"]] == ["Not used", "Read"], vendor
        assert all(part["title"] for option in schema["oneOf"] for part in option["properties"].values()), vendor
        assert Form(specification).chosen(vendor) == "Not used"
