"""Mistakes of new users in the settings: the message says what is wrong and where, and shows no key."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests_mock as requests_mocking

from unit_tests.builders import (
    ANDROID_KEY,
    BATCH_KEY,
    IOS_KEY,
    LEGACY_KEY,
    MOENGAGE_KEY,
    Answer,
    BatchCep,
    ConfigBuilder,
    MoEngage,
    app,
    check,
    cleaned,
    complaint,
    moengage_campaign,
    orchestration,
    read,
)

Config = dict[str, Any]
OTHER_KEY = "s3cret-of-nobody-77"
KEYS = [BATCH_KEY, LEGACY_KEY, IOS_KEY, ANDROID_KEY, MOENGAGE_KEY, OTHER_KEY]
STREAMS = ["orchestrations", "legacy_campaigns", "moengage_campaigns"]


def everything() -> Config:
    return ConfigBuilder().with_batch().with_legacy().with_moengage().build()


def but(*path: Any, is_now: Any) -> Config:
    """The right configuration with one other value."""
    config = everything()
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = is_now
    return config


def renamed(*path: Any, to: str) -> Config:
    config = everything()
    place = config
    for name in path[:-1]:
        place = place[name]
    place[to] = place.pop(path[-1])
    return config


def moved(*path: Any, to: tuple[str, ...] = ()) -> Config:
    config = everything()
    place = config
    for name in path[:-1]:
        place = place[name]
    value = place.pop(path[-1])
    target = config
    for name in to:
        target = target[name]
    target[path[-1]] = value
    return config


APP = ("batch_legacy", "apps", 0)

NAMES: dict[str, tuple[Config, str]] = {
    "a letter too few": (
        renamed("moengage", to="moengag"),
        'The setting "moengag" is not known. Did you mean "moengage"?',
    ),
    "an underscore": (but("time_zone", is_now="UTC"), 'Did you mean "timezone"?'),
    "capitals": (renamed("start_date", to="startDate"), 'Did you mean "start_date"?'),
    "the title": (renamed("start_date", to="Start date"), 'Did you mean "start_date"?'),
    "a letter too few in a group": (
        but("batch", "lookback_day", is_now=3),
        '"batch.lookback_day" is not known. Did you mean "batch.lookback_days"?',
    ),
    "a part of a name": (renamed("batch", "rest_api_key", to="api_key"), 'Did you mean "batch.rest_api_key"?'),
    "a part of a name in an entry": (
        but(*APP, "tokens", is_now=["t"]),
        'Did you mean "batch_legacy.apps.campaign_tokens"',
    ),
    "a short name in an entry": (renamed(*APP, "api_key", to="key"), '"batch_legacy.apps.api_key" (entry 1)'),
    "one level too high": (but("lookback_days", is_now=3), '"batch.lookback_days" or "batch_legacy.lookback_days"'),
    "a key one level too high": (moved("moengage", "api_key"), "moengage.api_key"),
    "one level too deep": (moved("start_date", to=("batch",)), '"start_date" at the top level'),
    "in another vendor": (moved("batch", "project_key", to=("moengage",)), '"batch.project_key"'),
    "a vendor in a vendor": (moved("moengage", to=("batch",)), '"moengage" at the top level'),
    "everything inside configuration": (
        {"configuration": everything()},
        "Put what stands inside it (start_date, batch, batch_legacy, moengage) one level higher.",
    ),
    "the whole request to Airbyte": (
        {"name": "x", "workspaceId": "y", "configuration": everything()},
        'The setting "configuration" is not known. Put what stands inside it',
    ),
    "everything inside another name": ({"connectionConfiguration": everything()}, "one level higher"),
    "a group in a group": (but("batch", is_now={"settings": everything()["batch"]}), '"batch.settings"'),
    "the choice of a vendor": (but("batch", "us", is_now="off"), 'Did you mean "batch.use"?'),
}

SHAPES: dict[str, tuple[Config, str]] = {
    "words for a number": (but("batch", "lookback_days", is_now="30 days"), '"Days to read again" of "Batch"'),
    "a text out of bounds": (
        but("moengage", "lookback_days", is_now="91"),
        '"MoEngage" has to be a whole number from 0 to 90',
    ),
    "a negative number": (but("batch", "lookback_days", is_now=-1), "from 0 to 180"),
    "not a number": (
        but("num_workers", is_now=float("nan")),
        '"Number of workers" has to be a whole number from 2 to 40',
    ),
    "a number for true": (but("include_today", is_now=1), '"Read today as well" has to be true or false'),
    "a list for a text": (but("timezone", is_now=["UTC"]), "The time zone is not known"),
    "a list for a key": (
        but("batch", "rest_api_key", is_now=[OTHER_KEY]),
        '"REST API key" of "Batch" has to be a text',
    ),
    "an object for a key": (
        but("moengage", "api_key", is_now={"k": OTHER_KEY}),
        '"API key" of "MoEngage" has to be a text',
    ),
    "a date with a time": (but("start_date", is_now="2026-01-31T00:00:00Z"), '"2026-01-31T00:00:00Z" is not a date'),
    "a date in other digits": (but("start_date", is_now="٢٠٢٦-٠١-٣١"), "The start date is not a date"),
    "a text for a list of ids": (but("moengage", "campaign_ids", is_now="a,b"), "has to be a list of ids"),
    "an object for a list of ids": (
        but("batch", "skip_orchestration_ids", is_now={"id": "a"}),
        "has to be a list of ids",
    ),
    "an object for a list of apps": (
        but("batch_legacy", "apps", is_now={"Shop": OTHER_KEY}),
        "has to be a list of entries",
    ),
    "an app as a text": (but("batch_legacy", "apps", is_now=["Shop iOS"]), "has to be a list of entries"),
    "an app as a text beside a right one": (
        but("batch_legacy", "apps", is_now=[app("iOS", IOS_KEY), "Shop"]),
        "has to be a list of entries",
    ),
    "nothing in the place of an app": (
        but("batch_legacy", "apps", is_now=[app("iOS", IOS_KEY), None]),
        "has to be a list of entries",
    ),
    "an empty app": (but("batch_legacy", "apps", is_now=[app("iOS", IOS_KEY), {}]), '"Name" in entry 2 of "Apps"'),
    "commas in an id": (but("moengage", "campaign_ids", is_now=["a,b"]), "several ids in one text"),
    "semicolons in a token": (but(*APP, "campaign_tokens", is_now=["a;b"]), "several ids in one text"),
    "quotation marks around an id": (but("moengage", "campaign_ids", is_now=['"a"']), "quotation marks"),
    "half a character": (but("batch", "rest_api_key", is_now="ab\ud800cd"), "a character that no key has"),
    "an address as an id": (but(*APP, "campaign_tokens", is_now=["https://dash/x/1"]), "contains an address"),
    "objects as a date": (but("start_date", is_now=[{"value": "2026-06-01"}]), "The start date is not a date"),
    "objects as a number": (
        but("batch", "lookback_days", is_now=[{"value": 3}]),
        "has to be a whole number from 0 to 180",
    ),
    "objects as an id": (
        but("batch", "project_key", is_now=[{"value": "p"}]),
        '"Project key" of "Batch" has to be a text',
    ),
    "an id that lost digits": (but("moengage", "campaign_ids", is_now=[1.2345e22]), "has to be a list of ids"),
}

PLACES: dict[str, tuple[Config, str]] = {
    "name and key swapped": (but(*APP, is_now=app(IOS_KEY, "Shop iOS")), '"Name" and "Live API key" in entry 1'),
    "name and key swapped, a short name": (but(*APP, is_now=app(IOS_KEY, "iOS")), "seem to be swapped"),
    "a key as the name of its app": (but(*APP, "name", is_now=IOS_KEY), '"Name" in entry 1'),
    "a key inside the name": (but(*APP, "name", is_now=f"Shop {IOS_KEY}"), 'the same text as "Live API key"'),
    "what can only be a key as a name": (but(*APP, "name", is_now="A1B2C3D4E5F60718293A4B5C"), "looks like a key"),
    "a key as project key": (but("batch", "project_key", is_now=BATCH_KEY), '"Project key" of "Batch" holds the same'),
    "a key in other capitals": (
        but("batch", "project_key", is_now=BATCH_KEY.upper()),
        '"Project key" of "Batch" holds',
    ),
    "a key of another vendor as an id": (
        but("moengage", "workspace_id", is_now=BATCH_KEY),
        '"Workspace ID" of "MoEngage"',
    ),
    "project key and key swapped": (
        but("batch", is_now={"rest_api_key": "project_abc", "project_key": OTHER_KEY}),
        'begins with "project_"',
    ),
    "a key as time zone": (but("timezone", is_now=OTHER_KEY), "The time zone is not known"),
    "a key as start date": (but("start_date", is_now=OTHER_KEY), "The start date is not a date"),
    "a key as data center": (but("moengage", "data_center", is_now=OTHER_KEY), '"Data center" of "MoEngage"'),
    "a key among ids": (but("moengage", "campaign_ids", is_now=[MOENGAGE_KEY]), '"Campaign ids" of "MoEngage" holds'),
    "the company's key for an app": (but(*APP, "api_key", is_now=LEGACY_KEY), '"Live API key" in entry 1'),
    "Bearer": (but("batch", "rest_api_key", is_now=f"Bearer {OTHER_KEY}"), 'like "Bearer"'),
    "the name of a header": (but("batch", "rest_api_key", is_now=f"X-Authorization:{OTHER_KEY}"), "not part of it"),
    "quotation marks": (but("batch", "rest_api_key", is_now=f'"{OTHER_KEY}"'), "quotation marks"),
    "typographic quotation marks": (but("moengage", "api_key", is_now=f"“{OTHER_KEY}”"), "quotation marks"),
    "the mask": (but("batch_legacy", "rest_api_key", is_now="**********"), "is the mask"),
    "a variable": (but("batch", "rest_api_key", is_now="${BATCH_KEY}"), "is a placeholder"),
    "another variable": (but("batch", "project_key", is_now="{{ project }}"), "is a placeholder"),
    "the example": (but("batch", "rest_api_key", is_now="your-rest-api-key"), "is a placeholder"),
    "angle brackets": (but(*APP, "api_key", is_now="<LIVE_KEY>"), "is a placeholder"),
    "a word for later": (but("moengage", "api_key", is_now="changeme"), "is a placeholder"),
    "the dashboard's address": (
        but("moengage", "data_center", is_now="dashboard-03.moengage.com"),
        "dashboard-03.moengage.com is data center 03",
    ),
    "names that differ in capitals": (
        but("batch_legacy", "apps", is_now=[app("Shop iOS", IOS_KEY), app("shop ios", ANDROID_KEY)]),
        "differ only in capitals or blanks",
    ),
    "names that differ in blanks": (
        but("batch_legacy", "apps", is_now=[app("ShopiOS", IOS_KEY), app("Shop  iOS", ANDROID_KEY)]),
        "differ only in capitals or blanks",
    ),
}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        pytest.param(*told, id=f"{kind}: {name}")
        for kind, table in (("names", NAMES), ("shapes", SHAPES), ("places", PLACES))
        for name, told in table.items()
    ],
)
def test_a_mistake_in_the_settings_is_reported_before_any_request_and_without_a_key(
    http: requests_mocking.Mocker, config: Config, words: str
) -> None:
    given = copy.deepcopy(config)
    sync = read(config, *STREAMS)
    with pytest.raises(Exception) as refused:  # noqa: PT011
        check(config)

    assert words in str(refused.value)
    assert words in str(sync.failure)
    assert http.call_count == 0
    assert not [key for key in KEYS if key.lower() in (str(refused.value) + sync.everything + str(sync.logs)).lower()]
    assert json.dumps(config) == json.dumps(given)


@pytest.mark.parametrize(
    ("path", "typed", "taken"),
    [
        (("batch", "lookback_days"), "7", 7),
        (("batch", "lookback_days"), " 7 ", 7),
        (("batch", "lookback_days"), 7.0, 7),
        (("include_today",), "true", True),
        (("include_today",), "False", False),
        (("timezone",), "utc", "utc"),
        (("timezone",), " Europe/Paris ", "Europe/Paris"),
        (("moengage", "data_center"), 1, "01"),
        (("moengage", "data_center"), " 01 ", "01"),
        (("moengage", "data_center"), "101", "101"),
        (("moengage", "metric_type"), "unique", "UNIQUE"),
        (("moengage", "attribution_type"), "view-through", "VIEW_THROUGH"),
        (("moengage", "campaign_ids"), [123, " 456 ", ""], ["123", "456"]),
        (("start_date",), " 2026-11-01 ", "2026-11-01"),
    ],
    ids=str,
)
def test_what_is_plainly_meant_is_taken(
    specification: dict[str, Any], path: tuple[str, ...], typed: Any, taken: Any
) -> None:
    result = cleaned(but(*path, is_now=typed), specification)

    value: Any = result
    for name in path:
        value = value[name]
    assert (value, type(value)) == (taken, type(taken))
    assert complaint(result, specification) is None


def test_all_mistakes_are_reported_at_once() -> None:
    config = but("batch", is_now={"rest_api_key": "****", "lookback_days": 999})
    config["start_date"] = "tomorrow"
    config["moengage"]["metric_typ"] = "TOTAL"

    message = str(read(config, *STREAMS).failure)

    for words in ("metric_type", "start date", "is the mask", "from 0 to 180"):
        assert words in message
    assert "is missing" not in message, "the setting may be there under a wrong name"


def test_a_wrapped_configuration_gets_one_message_and_no_other() -> None:
    message = str(read({"name": "x", "configuration": everything()}, *STREAMS).failure)

    assert message.count("is not known") == 1
    assert "is missing" not in message


def test_hundreds_of_mistakes_are_reported_in_twenty_lines() -> None:
    config = but("batch_legacy", "apps", is_now=[app(f"a{n}", "****") for n in range(300)])

    lines = str(read(config, *STREAMS).failure).split("\n")

    assert len(lines) == 21
    assert lines[-1] == "There are 280 more of this kind."


# --- What is worth a line in the log ----------------------------------------------------------------------------------


def logged(config: Config, cep: BatchCep, caplog: pytest.LogCaptureFixture) -> tuple[list[str], list[str]]:
    """What `check` and `read` log of a configuration that both accept."""
    cep.with_orchestrations(orchestration("o1"))
    caplog.set_level("INFO")
    assert check(config).status.value == "SUCCEEDED"
    of_check = list(caplog.messages)
    caplog.clear()
    return of_check, read(config, "orchestrations").succeeded().logs


NOTES: dict[str, tuple[Callable[[Config], Any], str]] = {
    "a name like none": (lambda c: c.update(remark="x"), 'The setting "remark" is not known and does nothing.'),
    "a name like none in a group": (lambda c: c["batch"].update(remark="x"), '"batch.remark"'),
    "a zone that is turned round": (lambda c: c.update(timezone="Etc/GMT+2"), "Etc/GMT+2 is 2 h behind UTC"),
    "a zone that is turned round the other way": (lambda c: c.update(timezone="Etc/GMT-3"), "is 3 h ahead of UTC"),
    "a name that can be a key": (lambda c: c.update({OTHER_KEY: 1}), "whose name is not shown here"),
}


@pytest.mark.parametrize("name", NOTES)
def test_settings_without_the_effect_they_seem_to_have_are_warnings_of_check_and_read(
    cep: BatchCep, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    change, words = NOTES[name]
    config = ConfigBuilder().with_batch().build()
    change(config)

    of_check, of_read = logged(config, cep, caplog)

    assert len([line for line in of_check if words in line]) == 1, of_check
    assert len([line for line in of_read if words in line]) == 1, of_read
    assert OTHER_KEY not in str(of_check) + str(of_read)


def test_names_of_airbyte_are_no_settings_and_no_mistake(cep: BatchCep, caplog: pytest.LogCaptureFixture) -> None:
    config = ConfigBuilder().with_batch(__own="x").with_setting("__injected_declarative_manifest", {"a": 1}).build()

    of_check, of_read = logged(config, cep, caplog)

    assert not [line for line in of_check + of_read if "is not known" in line]


def test_names_in_a_vendor_that_is_not_used_do_not_matter(cep: BatchCep, caplog: pytest.LogCaptureFixture) -> None:
    config = ConfigBuilder().with_batch().with_setting("moengage", {"use": "off", "api_kee": "x"}).build()

    of_check, _ = logged(config, cep, caplog)

    assert not [line for line in of_check if "is not known" in line]


def test_check_says_how_many_days_a_first_sync_reads_and_how_long_that_takes(
    cep: BatchCep, moengage: MoEngage, caplog: pytest.LogCaptureFixture
) -> None:
    config = ConfigBuilder().with_setting("start_date", "2021-01-01").with_batch().with_moengage().build()
    caplog.set_level("INFO")

    assert check(config).status.value == "SUCCEEDED"

    assert "A first sync reads 2,150 days, from 2021-01-01 to 2026-11-20." in caplog.messages
    assert any(
        line.startswith("MoEngage: 2,150 requests for every ten campaigns") and "22 min 44 s" in line
        for line in caplog.messages
    )
    start = "Batch: one request for each orchestration that can have numbers in the last 178 days; 1,000 of them take"
    assert any(line.startswith(start) for line in caplog.messages)


def test_check_says_what_the_days_of_named_campaigns_cost(moengage: MoEngage, caplog: pytest.LogCaptureFixture) -> None:
    ids = [f"c{number}" for number in range(11)]
    moengage.with_campaigns(*map(moengage_campaign, ids))
    caplog.set_level("INFO")

    assert check(ConfigBuilder().with_moengage(campaign_ids=ids).build()).status.value == "SUCCEEDED"

    [line] = [line for line in caplog.messages if line.startswith("MoEngage: ")]
    assert line.startswith("MoEngage: 40 requests for these 11 campaigns, which take about")


def test_an_item_that_no_version_can_read_is_reported_without_a_class_name(cep: BatchCep) -> None:
    items = [{"id": "o1", "message_steps": 5, "channels": 7}, {"id": "o2"}]
    cep.list.always = Answer({"orchestrations": items, "has_more": False})

    sync = read(ConfigBuilder().with_batch().build(), "orchestrations", "orchestration_stats")

    assert [record["id"] for record in sync.records("orchestrations")] == ["o2"]
    assert cep.ids_asked == ["o1", "o2"]
    assert "1 items of the list can't be read" in sync.errors_of("orchestrations")[0]
    assert "belongs" in sync.errors_of("orchestrations")[0]
    assert "Error" not in " ".join([*sync.errors, str(sync.failure)])


# --- Streams and states of a connection -------------------------------------------------------------------------------

BATCH = ConfigBuilder().with_batch().build()


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        (["orchestration_stat"], "orchestration_stat. Did you mean orchestration_stats? There are: orchestrations, "),
        (["nothing_like_it"], "There are: orchestrations, orchestration_stats, legacy_campaigns"),
        (["orchestrations", "orchestrations"], "has a stream more than once: orchestrations"),
        ([], "has no stream"),
        (["moengage_campaigns"], "the vendor of it is not read"),
    ],
    ids=str,
)
def test_a_stream_that_can_not_be_read_is_reported(
    http: requests_mocking.Mocker, streams: list[str], words: str
) -> None:
    sync = read(BATCH, *streams)

    assert words in str(sync.failure)
    assert sync.failure.failure_type.value == "config_error"  # type: ignore[union-attr]
    assert http.call_count == 0


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "no date": ({"orchestration_stats": {"date": "soon"}}, "Refresh the stream"),
    "another shape": ({"orchestration_stats": {"cursor": "2026-11-20"}}, "Refresh the stream"),
    "more than a date": ({"orchestration_stats": {"date": "2026-11-20", "x": 1}}, "Refresh the stream"),
    "by partition": ({"orchestration_stats": {"states": [{"cursor": {"date": "2026-11-20"}}]}}, "Refresh the stream"),
    "three days ahead": ({"orchestration_stats": {"date": "2026-11-24"}}, "refresh the stream"),
    "years ahead": ({"orchestration_stats": {"use_global_cursor": True, "state": {"date": "2036-01-01"}}}, "refresh"),
    "an unknown stream": ({"orchestration_stat": {"date": "2026-11-20"}}, "refresh the streams. There are: orch"),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_this_connector_never_wrote_is_reported(http: requests_mocking.Mocker, name: str) -> None:
    state, words = STATES[name]

    sync = read(BATCH, "orchestration_stats", state=state)

    assert words in str(sync.failure)
    assert sync.failure.failure_type.value == "config_error"  # type: ignore[union-attr]
    assert http.call_count == 0


def test_a_broken_state_of_a_stream_that_is_not_read_disturbs_no_other(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))

    sync = read(BATCH, "orchestrations", state={"orchestration_stats": {"date": "2036-01-01"}}).succeeded()

    assert len(sync.records("orchestrations")) == 1


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"date": ""},
        {"date": None},
        {"__ab_no_cursor_state_message": True},
        {"__ab_full_refresh_sync_complete": True},
    ],
    ids=str,
)
def test_an_empty_state_reads_from_the_start(cep: BatchCep, state: dict[str, Any]) -> None:
    cep.with_orchestrations(orchestration("o1"))

    read(BATCH, "orchestration_stats", state={"orchestration_stats": state}).succeeded()

    assert cep.windows_asked == {("2026-11-01", "2026-11-20")}


def test_a_state_of_tomorrow_reads_up_to_the_last_whole_day_and_stays(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_batch(lookback_days=3).build()

    sync = read(config, "orchestration_stats", state={"orchestration_stats": {"date": "2026-11-22"}}).succeeded()

    assert cep.windows_asked == {("2026-11-17", "2026-11-20")}
    assert sync.state("orchestration_stats") == {"date": "2026-11-22"}


def test_the_last_message_of_a_failed_sync_names_the_streams_and_quotes_no_exception(cep: BatchCep) -> None:
    cep.list.always = Answer({"message": "no"}, status=401)

    sync = read(BATCH, "orchestrations", "orchestration_stats")

    assert str(sync.failure).startswith("2 of 2 streams were not read to their end: ")
    assert sync.failure.failure_type.value == "config_error"  # type: ignore[union-attr]
    assert "Exception" not in str(sync.failure)
    assert all(trace.trace.error.stack_trace is None for trace in sync.messages if trace.trace and trace.trace.error)
