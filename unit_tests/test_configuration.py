"""The configuration: cleaned, completed, and refused in plain words before any request."""

from typing import Any

import pytest
import requests_mock as requests_mocking

from source_campaign_stats.output.secrets import secrets_in
from unit_tests.builders import ANDROID_KEY, IOS_KEY, ConfigBuilder, app, check, cleaned, complaint, read

SECRET = "s3cret-part-one"
OTHER = "part-two-s3cret"


def everything() -> ConfigBuilder:
    return ConfigBuilder().with_batch().with_legacy().with_moengage()


def wrong(name: str, value: Any) -> dict[str, Any]:
    return everything().with_setting(name, value).build()


def missing(name: str) -> dict[str, Any]:
    return everything().without(name).build()


def apps(*values: Any) -> dict[str, Any]:
    return wrong("batch_legacy.apps", list(values))


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing configured": ({"start_date": "2026-11-01"}, "No vendor is read"),
    "nothing at all": ({}, '"Start date" is missing'),
    "groups that are null": ({"start_date": "2026-11-01", "batch": None, "moengage": None}, "No vendor is read"),
    "no start date": (missing("start_date"), '"Start date" is missing'),
    "a start date in the future": (wrong("start_date", "2026-11-22"), "in the future"),
    "a start date that is none": (wrong("start_date", "2026-02-30"), "YYYY-MM-DD"),
    "a start date in another form": (wrong("start_date", "01/02/2026"), "YYYY-MM-DD"),
    "a start date with a time": (wrong("start_date", "2026-01-01T00:00:00Z"), "YYYY-MM-DD"),
    "a start date in a short form": (wrong("start_date", "20260101"), "YYYY-MM-DD"),
    "a start date as a number": (wrong("start_date", 20260101), "YYYY-MM-DD"),
    "a start date as a list": (wrong("start_date", ["2026-01-01"]), "YYYY-MM-DD"),
    "an unknown time zone": (wrong("timezone", "Mars/Phobos"), 'time zone "Mars/Phobos" is not known'),
    "an empty time zone": (wrong("timezone", ""), "time zone"),
    "a folder of time zones": (wrong("timezone", "America"), "time zone"),
    "a path as time zone": (wrong("timezone", "../../etc/passwd"), "time zone"),
    "a time zone as a list": (wrong("timezone", ["UTC"]), "time zone"),
    "too many workers": (wrong("num_workers", 41), '"Number of workers" has to be a whole number from 2 to 40'),
    "too few workers": (wrong("num_workers", 1), "2 to 40"),
    "workers as a text": (wrong("num_workers", "ten"), "2 to 40"),
    "no apps": (apps(), '"Apps" of "Batch MEP (legacy)" is missing. Add one entry for each app'),
    "apps that are missing": (missing("batch_legacy.apps"), '"Apps" of "Batch MEP (legacy)" is missing'),
    "apps as one object": (wrong("batch_legacy.apps", app("iOS", SECRET)), "has to be a list of entries"),
    "apps as a text": (wrong("batch_legacy.apps", SECRET), "has to be a list of entries"),
    "an app as a text": (apps(SECRET), "has to be a list of entries"),
    "an app as a text beside another one": (apps(app("iOS", SECRET), OTHER), "has to be a list of entries"),
    "an app without a name": (
        apps({"api_key": SECRET}),
        '"Name" in entry 1 of "Apps" of "Batch MEP',
    ),
    "an app with an empty name": (
        apps(app("  ", SECRET)),
        '"Name" in entry 1 of "Apps" of "Batch MEP',
    ),
    "an app without a key": (apps({"name": "iOS"}), '"Live API key" in entry 1 of "Apps"'),
    "two apps of the same name": (apps(app("iOS", SECRET), app("iOS", OTHER)), 'Two apps are named "iOS"'),
    "two apps of nearly the same name": (apps(app("iOS", SECRET), app(" iOS ", OTHER)), 'Two apps are named "iOS"'),
    "two apps of the same key": (apps(app("iOS", SECRET), app("Web", f" {SECRET}")), 'apps "iOS" and "Web"'),
    "tokens as a text": (apps(app("iOS", SECRET) | {"campaign_tokens": "abc"}), '"Campaign tokens" in entry 1'),
    "a token with a space": (apps(app("iOS", SECRET, "ab cd")), "white space"),
    "an unknown data center": (wrong("moengage.data_center", "07"), '"Data center"'),
    "a data center with a host": (wrong("moengage.data_center", "01.evil.example/"), '"Data center"'),
    "no data center": (missing("moengage.data_center"), '"Data center"'),
    "a data center as a number": (wrong("moengage.data_center", 7), '"Data center"'),
    "ids as a text": (wrong("moengage.campaign_ids", "abc"), "list of ids"),
    "an id as an object": (wrong("batch.skip_orchestration_ids", [{"id": 1}]), "list of ids"),
    "a group that is a text": (wrong("batch", SECRET), 'The settings of "Batch"'),
    "a group that is a list": (wrong("moengage", [SECRET]), 'The settings of "MoEngage"'),
    "a group that is true": (wrong("batch_legacy", True), 'The settings of "Batch MEP (legacy)"'),
    "a lookback as a text": (
        wrong("batch.lookback_days", "thirty"),
        '"Days to read again" of "Batch" has to be a whole',
    ),
    "a lookback that is too long": (wrong("moengage.lookback_days", 91), "whole number from 0 to 90"),
    "a lookback that is true": (wrong("batch_legacy.lookback_days", True), "whole number from 0 to 3650"),
    "a lookback in halves": (wrong("batch.lookback_days", 1.5), "whole number from 0 to 180"),
    "today as a text": (wrong("include_today", "yes"), '"Read today as well" has to be true or false'),
    "an unknown metric type": (
        wrong("moengage.metric_type", "ALL"),
        '"Metric type" of "MoEngage" has to be one of',
    ),
    "an empty metric type": (wrong("moengage.metric_type", ""), '"Metric type" of "MoEngage" has to be one of'),
}
for _name, _label in {
    "batch.rest_api_key": '"REST API key" of "Batch"',
    "batch.project_key": '"Project key" of "Batch"',
    "batch_legacy.rest_api_key": '"REST API key" of "Batch MEP (legacy)"',
    "moengage.workspace_id": '"Workspace ID" of "MoEngage"',
    "moengage.api_key": '"API key" of "MoEngage"',
}.items():
    ERRORS |= {
        f"{_name} is missing": (missing(_name), f"{_label} is missing"),
        f"{_name} is empty": (wrong(_name, "  "), f"{_label} is missing"),
        f"{_name} has a line break inside": (wrong(_name, f"{SECRET}\n{OTHER}"), _label),
        f"{_name} has a space inside": (wrong(_name, f"{SECRET} {OTHER}"), _label),
        f"{_name} has a no-break space inside": (wrong(_name, f"{SECRET}\u00a0{OTHER}"), _label),
        f"{_name} has a character of no key": (wrong(_name, f"{SECRET}\u200b{OTHER}é"), _label),
        f"{_name} is a list": (wrong(_name, [SECRET]), _label),
        f"{_name} is an object": (wrong(_name, {"key": SECRET}), _label),
        f"{_name} is true": (wrong(_name, True), _label),
    }
for _what, _key in {
    "a line break inside": f"{SECRET}\n{OTHER}",
    "a tab inside": f"{SECRET}\t{OTHER}",
    "a list": [SECRET],
}.items():
    ERRORS[f"an app's key with {_what}"] = (apps(app("iOS", _key)), '"Live API key" in entry 1 of "Apps"')  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ERRORS)
def test_a_wrong_configuration_is_reported_without_a_secret(
    name: str, specification: dict[str, Any], http: requests_mocking.Mocker
) -> None:
    config, words = ERRORS[name]

    message = complaint(cleaned(config, specification), specification)

    assert message is not None, "nothing was found wrong"
    assert words in message
    for secret in (SECRET, OTHER, IOS_KEY, "evil"):
        assert secret not in message, f"the message quotes a secret: {message}"


@pytest.mark.parametrize("name", [*ERRORS][::4])
def test_no_request_is_made_before_the_configuration_is_valid(name: str, http: requests_mocking.Mocker) -> None:
    config, words = ERRORS[name]

    sync = read(config, "orchestrations", "legacy_campaign_stats", "moengage_campaign_stats")
    with pytest.raises(Exception) as error:  # noqa: PT011
        check(config)

    assert words in str(sync.failure)
    assert words in str(error.value)
    assert http.call_count == 0
    assert SECRET not in sync.everything + repr(error.value)


def test_a_stream_whose_group_is_not_configured_is_a_configuration_error(http: requests_mocking.Mocker) -> None:
    sync = read(ConfigBuilder().with_batch().build(), "orchestrations", "moengage_campaigns", "legacy_campaigns")

    assert "moengage_campaigns" in str(sync.failure)
    assert "legacy_campaigns" in str(sync.failure)
    assert getattr(sync.failure, "failure_type").value == "config_error"  # noqa: B009
    assert http.call_count == 0


def test_a_start_date_of_today_is_today_in_the_configured_time_zone(specification: dict[str, Any]) -> None:
    config = everything().with_setting("start_date", "2026-11-22")

    assert complaint(cleaned(config.build(), specification), specification) is not None
    config.with_setting("timezone", "Pacific/Kiritimati")
    assert complaint(cleaned(config.build(), specification), specification) is None


def test_white_space_around_a_key_is_removed(specification: dict[str, Any]) -> None:
    config = (
        ConfigBuilder()
        .with_batch(rest_api_key=" k\n", project_key="\tp ")
        .with_moengage(workspace_id=" w ", api_key=" m\r\n")
    )
    config.with_legacy(app(" iOS ", f" {IOS_KEY}\n", " t1 ", "t1"), app("Web", ANDROID_KEY), rest_api_key=" l ")

    result = cleaned(config.build(), specification)

    assert (result["batch"]["rest_api_key"], result["batch"]["project_key"]) == ("k", "p")
    assert (result["moengage"]["workspace_id"], result["moengage"]["api_key"]) == ("w", "m")
    assert result["batch_legacy"]["rest_api_key"] == "l"
    assert result["batch_legacy"]["apps"][0] == {"name": "iOS", "api_key": IOS_KEY, "campaign_tokens": ["t1"]}
    assert complaint(result, specification) is None


def test_a_key_given_as_a_number_becomes_text(specification: dict[str, Any]) -> None:
    result = cleaned(ConfigBuilder().with_batch(rest_api_key=1234567890).build(), specification)

    assert result["batch"]["rest_api_key"] == "1234567890"
    assert complaint(result, specification) is None


def test_defaults_come_from_the_specification(specification: dict[str, Any]) -> None:
    specification["properties"]["moengage"]["oneOf"][1]["properties"]["lookback_days"]["default"] = 5

    result = cleaned(everything().build(), specification)

    assert (result["timezone"], result["include_today"], result["num_workers"]) == ("UTC", False, 20)
    assert (result["batch"]["lookback_days"], result["batch"]["requests_per_second"]) == (30, 1)
    assert result["batch_legacy"]["lookback_days"] == 30
    assert result["moengage"]["lookback_days"] == 5
    assert result["moengage"]["attribution_type"] == "TOTAL_CONVERSIONS"


def test_a_value_of_zero_is_not_replaced_by_the_default(specification: dict[str, Any]) -> None:
    result = cleaned(ConfigBuilder().with_batch(lookback_days=0).build(), specification)

    assert result["batch"]["lookback_days"] == 0


def test_a_group_that_is_absent_stays_absent(specification: dict[str, Any]) -> None:
    assert "moengage" not in cleaned(ConfigBuilder().with_batch().build(), specification)


@pytest.mark.parametrize("empty", [[], [""], [" "], None])
def test_an_empty_list_is_no_list(specification: dict[str, Any], empty: Any) -> None:
    config = ConfigBuilder().with_moengage(campaign_ids=empty).with_batch(skip_orchestration_ids=empty)
    config.with_legacy(app("iOS", IOS_KEY) | {"campaign_tokens": empty})

    result = cleaned(config.build(), specification)

    assert "campaign_ids" not in result["moengage"]
    assert "skip_orchestration_ids" not in result["batch"]
    assert "campaign_tokens" not in result["batch_legacy"]["apps"][0]
    assert complaint(result, specification) is None


def test_the_configuration_that_was_given_is_not_changed(specification: dict[str, Any]) -> None:
    config = everything().build()

    cleaned(config, specification)

    assert config == everything().build()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ConfigBuilder().with_batch(rest_api_key="k1").build(), {"k1"}),
        (ConfigBuilder().with_batch(rest_api_key=12345).build(), {"12345"}),
        (ConfigBuilder().with_batch(rest_api_key=["k1", {"a": "k2"}]).build(), {"k1", "k2"}),
        (ConfigBuilder().with_legacy(app("a", "k1"), app("b", "k2"), rest_api_key="k3").build(), {"k1", "k2", "k3"}),
        ({"batch": "k1"}, {"k1"}),
        ({"batch": ["k1"]}, {"k1"}),
        ({"batch_legacy": {"apps": "k1"}}, {"k1"}),
        ({"batch_legacy": {"apps": app("a", "k1")}}, {"k1"}),
        ({"batch_legacy": {"apps": ["k1"]}}, {"k1"}),
        ({"start_date": "2026-01-01", "moengage": {"workspace_id": "w"}}, set()),
        ({"batch": None}, set()),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_secrets_are_found_wherever_they_were_put(
    specification: dict[str, Any], config: dict[str, Any], expected: set[str]
) -> None:
    assert expected <= secrets_in(config, specification)
    if not expected:
        assert secrets_in(config, specification) == set()
