"""Stream `legacy_transactional_stats`: the groups of transactional messages that the settings name."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.vendors import batch_legacy
from unit_tests.builders import (
    ANDROID_KEY,
    IOS_KEY,
    LEGACY_KEY,
    MAINTENANCE,
    Answer,
    BatchLegacy,
    ConfigBuilder,
    Sync,
    app,
    assert_fits_schema,
    check,
    days_between,
    discover,
    legacy_campaign,
    read,
    transactional_day,
)
from unit_tests.documented import LEGACY_TRANSACTIONAL_STATS

STREAM = "legacy_transactional_stats"
CAMPAIGNS = "legacy_campaign_stats"
UNKNOWN = Answer({"code": 20, "message": "ROUTE_NOT_FOUND"}, status=404)
BROKEN = Answer({"code": 0, "message": "SERVER_ERROR"}, status=500)


def groups(name: str, api_key: str, *group_ids: Any) -> dict[str, Any]:
    return app(name, api_key) | {"transactional_group_ids": list(group_ids)}


def config(*apps: dict[str, Any], start_date: str = "2026-11-01", **settings: Any) -> dict[str, Any]:
    given = apps or (groups("iOS", IOS_KEY, "welcome"),)
    settings = {"lookback_days": 3} | settings
    return ConfigBuilder().with_setting("start_date", start_date).with_legacy(*given, **settings).build()


def keys(sync: Sync) -> list[tuple[str, str, str]]:
    return sorted((record["app"], record["group_id"], record["date"]) for record in sync.records(STREAM))


def all_days(first: str, last: str) -> list[dict[str, Any]]:
    return [transactional_day(of) for of in days_between(first, last)]


# --- The catalog ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [None, [], ["", " "]], ids=str)
def test_without_a_group_there_is_no_such_stream_and_nothing_more_is_asked(legacy: BatchLegacy, named: Any) -> None:
    settings = ConfigBuilder().with_legacy(app("iOS", IOS_KEY) | {"transactional_group_ids": named}).build()
    legacy.with_campaigns(legacy_campaign("c1"))

    read(settings, "legacy_campaigns", CAMPAIGNS).succeeded()

    assert {stream.name for stream in discover(settings).streams} == {"legacy_campaigns", CAMPAIGNS}
    assert check(settings).status.value == "SUCCEEDED"
    assert legacy.transactional.asked == []


def test_one_app_with_a_group_brings_the_stream_and_only_that_app_is_asked(legacy: BatchLegacy) -> None:
    settings = config(app("Android", ANDROID_KEY), groups("iOS", IOS_KEY, "welcome"))
    legacy.with_group("welcome", transactional_day("2026-11-20"))

    sync = read(settings, STREAM).succeeded()

    assert STREAM in {stream.name for stream in discover(settings).streams}
    assert keys(sync) == [("iOS", "welcome", "2026-11-20")]
    assert [IOS_KEY in asked.path for asked in legacy.transactional.asked] == [True]
    assert legacy.list.asked == []


def test_a_catalog_with_the_stream_but_no_group_says_where_to_enter_one(legacy: BatchLegacy) -> None:
    sync = read(ConfigBuilder().with_legacy().build(), STREAM)

    assert str(sync.failure) == (
        "This connection reads legacy_transactional_stats, but no setting says what of it. Enter at least one group "
        'under "Transactional groups" of an app, or deselect the stream.'
    )
    assert legacy.transactional.asked == []


def test_without_the_vendor_the_stream_gets_the_same_message_as_other_streams(legacy: BatchLegacy) -> None:
    sync = read(ConfigBuilder().with_moengage().build(), STREAM)

    assert 'Choose "Read" for that vendor' in str(sync.failure)


# --- Requests and rows ------------------------------------------------------------------------------------------------


def test_a_record_is_the_day_with_its_group_and_app(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", transactional_day("2026-11-20", novelty=1, group_id=2, versions={"a": 1}))

    record = read(config(), STREAM).succeeded().only(STREAM)

    others = {"other_metrics": {"novelty": 1, "group_id": 2, "versions": {"a": 1}}}
    assert record == transactional_day("2026-11-20") | {"app": "iOS", "group_id": "welcome"} | others
    assert_fits_schema(STREAM, [record])


def test_every_documented_metric_is_a_column_and_nothing_else_is_left_over(legacy: BatchLegacy) -> None:
    numbers = {name: number for number, name in enumerate(LEGACY_TRANSACTIONAL_STATS, 1)}
    legacy.with_group("welcome", transactional_day("2026-11-20", **numbers))

    record = read(config(), STREAM).succeeded().only(STREAM)

    assert record == {"app": "iOS", "group_id": "welcome", "date": "2026-11-20"} | numbers


@pytest.mark.parametrize(
    ("group", "segment"),
    [
        ("order/confirm é", "order%2Fconfirm%20%C3%A9"),
        ("1e5", "1e5"),
        ("a?b#c&d=1", "a%3Fb%23c%26d%3D1"),
        ("50 % off", "50%20%25%20off"),
        ("a%2Fb", "a%252Fb"),
        ("{{ config }}", "%7B%7B%20config%20%7D%7D"),
        ("[1, 2]", "%5B1%2C%202%5D"),
    ],
)
def test_any_text_is_a_group_and_one_segment_of_the_path(legacy: BatchLegacy, group: str, segment: str) -> None:
    legacy.with_group(group, transactional_day("2026-11-20"))

    sync = read(config(groups("iOS", IOS_KEY, group)), STREAM).succeeded()

    [asked] = legacy.transactional.asked
    assert asked.path == f"/1.1/{IOS_KEY}/transactional/stats/{segment}"
    assert asked.headers["X-Authorization"] == LEGACY_KEY
    assert keys(sync) == [("iOS", group, "2026-11-20")]
    assert IOS_KEY not in sync.everything


def test_the_same_group_of_two_apps_is_two(legacy: BatchLegacy) -> None:
    settings = config(groups("iOS", IOS_KEY, "welcome", "welcome"), groups("Android", ANDROID_KEY, "welcome"))
    legacy.with_group("welcome", transactional_day("2026-11-20"))

    sync = read(settings, STREAM).succeeded()

    assert keys(sync) == [("Android", "welcome", "2026-11-20"), ("iOS", "welcome", "2026-11-20")]
    assert len(legacy.transactional.asked) == 2


def test_days_outside_the_window_are_left_out(legacy: BatchLegacy) -> None:
    legacy.groups["welcome"] = Answer({"group_id": "welcome", "detail": all_days("2026-10-25", "2026-11-22")})

    sync = read(config(), STREAM).succeeded()

    assert keys(sync) == [("iOS", "welcome", of) for of in days_between("2026-11-01", "2026-11-20")]


def test_years_are_asked_in_windows_of_178_days_without_gap_or_overlap(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", *all_days("2024-01-01", "2026-11-21"))

    sync = read(config(start_date="2024-01-01"), STREAM).succeeded()

    windows = [(since, until) for _, since, until in legacy.windows_asked]
    days = [of for since, until in windows for of in days_between(str(since), str(until))]
    assert days == days_between("2024-01-01", "2026-11-20")
    assert {len(days_between(str(since), str(until))) for since, until in windows[:-1]} == {178}
    assert keys(sync) == [("iOS", "welcome", of) for of in days_between("2024-01-01", "2026-11-20")]


@pytest.mark.parametrize("windows_before", [0, 1, 3])
def test_a_single_day_is_asked_with_the_next_one_which_is_left_out(legacy: BatchLegacy, windows_before: int) -> None:
    first = date(2026, 11, 20) - timedelta(days=178 * windows_before)
    legacy.with_group("welcome", *all_days("2024-01-01", "2026-11-22"))

    sync = read(config(start_date=str(first)), STREAM).succeeded()

    assert len(legacy.windows_asked) == windows_before + 1
    assert legacy.windows_asked[-1] == ("welcome", "2026-11-20", "2026-11-21")
    assert [of for _, _, of in keys(sync)] == days_between(str(first), "2026-11-20")


def test_a_sync_says_how_many_requests_its_windows_take(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome").with_group("reset")

    sync = read(config(groups("iOS", IOS_KEY, "welcome", "reset"), start_date="2025-01-01"), STREAM).succeeded()

    assert len(legacy.windows_asked) == 8
    assert any(line.startswith(f"{STREAM}: 8 requests, which take about") for line in sync.logs)


def test_check_counts_with_the_days_of_a_request_that_the_manifest_has() -> None:
    step = read_manifest()["definitions"]["batch_legacy"][STREAM]["incremental_sync"]["step"]

    assert step == f"P{batch_legacy._DAYS_OF_A_REQUEST}D"


def test_every_window_is_shorter_than_the_shortest_six_months() -> None:
    # From the end of August to the end of February: 181 days.
    assert batch_legacy._DAYS_OF_A_REQUEST <= 181


# --- Incremental ------------------------------------------------------------------------------------------------------


def test_the_stream_has_a_state_of_its_own_and_reads_the_lookback_again(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", *all_days("2026-11-01", "2026-11-21"))
    state = {STREAM: {"date": "2026-11-18"}, CAMPAIGNS: {"date": "2026-11-10"}}

    sync = read(config(), STREAM, CAMPAIGNS, state=state).succeeded()

    assert legacy.windows_asked == [("welcome", "2026-11-15", "2026-11-20")]
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_a_week_of_daily_syncs_with_one_missed_leaves_no_gap(legacy: BatchLegacy, clock: FrozenDateTimeFactory) -> None:
    legacy.with_group("welcome", *all_days("2026-10-01", "2026-12-31"))
    state: dict[str, Any] = {}
    read_days: list[list[str]] = []
    for today in ("2026-11-21", "2026-11-22", "2026-11-24", "2026-11-25", "2026-11-26"):
        clock.move_to(f"{today}T03:00:00Z")

        sync = read(config(lookback_days=0), STREAM, state={STREAM: state} if state else None).succeeded()

        state = sync.state(STREAM)
        read_days.append(sorted(record["date"] for record in sync.records(STREAM)))
    assert sorted({of for days in read_days for of in days}) == days_between("2026-11-01", "2026-11-25")
    assert [len(set(before) & set(after)) for before, after in itertools.pairwise(read_days)] == [1, 1, 1, 1]


@pytest.mark.parametrize(("zone", "last"), [("Pacific/Auckland", "2026-11-20"), ("America/Los_Angeles", "2026-11-19")])
def test_the_time_zone_decides_which_day_is_the_last(
    legacy: BatchLegacy, clock: FrozenDateTimeFactory, zone: str, last: str
) -> None:
    clock.move_to("2026-11-20T23:30:00Z" if zone.startswith("Pacific") else "2026-11-21T01:00:00Z")
    legacy.with_group("welcome", *all_days("2026-11-01", "2026-11-22"))

    sync = read(config() | {"timezone": zone}, STREAM).succeeded()

    assert max(of for _, _, of in keys(sync)) == last
    assert sync.state(STREAM) == {"date": last}


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_group_that_is_refused_twice_is_missing_owed_and_named_and_the_others_are_read(
    legacy: BatchLegacy, status: int
) -> None:
    legacy.with_group("welcome", transactional_day("2026-11-20"))
    legacy.groups["wrong"] = Answer({"code": 20, "message": "ROUTE_NOT_FOUND"}, status=status)
    settings = config(groups("iOS", IOS_KEY, "wrong", "welcome"))

    sync = read(settings, STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert keys(sync) == [("iOS", "welcome", "2026-11-20")]
    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "wrong", "2026-11-15"]]}
    [message] = sync.errors_of(STREAM)
    for words in ("1 of 2 groups", "iOS, wrong", f"({status}", '"Transactional groups"', "ROUTE_NOT_FOUND"):
        assert words in message
    assert [group for group, _, _ in legacy.windows_asked] == ["welcome", "wrong", "wrong"]


def test_a_refusal_that_came_once_costs_nothing(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", transactional_day("2026-11-20"))
    legacy.transactional.first = [UNKNOWN]

    assert keys(read(config(), STREAM).succeeded()) == [("iOS", "welcome", "2026-11-20")]


def test_the_many_windows_of_a_refused_group_are_one_refusal(legacy: BatchLegacy) -> None:
    known = [f"known {number}" for number in range(3)]
    for group in known:
        legacy.with_group(group, *all_days("2020-01-01", "2026-11-20"))

    sync = read(config(groups("iOS", IOS_KEY, "wrong", *known), start_date="2020-01-01"), STREAM)

    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "wrong", "2020-01-01"]]}
    assert len([group for group, _, _ in legacy.windows_asked if group == "wrong"]) == 2
    assert len(sync.records(STREAM)) == 3 * len(days_between("2020-01-01", "2026-11-20"))


def test_what_is_owed_comes_from_its_day_on_as_soon_as_the_group_answers(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", *all_days("2025-01-01", "2026-11-20"))
    legacy.with_group("late", *all_days("2025-01-01", "2026-11-20"))
    state = {STREAM: {"date": "2026-11-20", "owed": [["iOS", "late", "2025-03-01"]]}}

    sync = read(config(groups("iOS", IOS_KEY, "late", "welcome"), start_date="2025-01-01"), STREAM, state=state)

    late = [of for _, group, of in keys(sync.succeeded()) if group == "late"]
    assert late == days_between("2025-03-01", "2026-11-20")
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_a_group_that_is_taken_out_of_the_settings_owes_nothing(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", transactional_day("2026-11-20"))
    state = {STREAM: {"date": "2026-11-19", "owed": [["iOS", "wrong", "2026-11-01"]]}}

    sync = read(config(), STREAM, state=state).succeeded()

    assert sync.state(STREAM) == {"date": "2026-11-20"}
    assert {group for group, _, _ in legacy.windows_asked} == {"welcome"}


def test_a_group_that_is_owed_stays_owed_and_an_error_until_it_answers(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", transactional_day("2026-11-20"))
    owed = {"date": "2026-11-20", "owed": [["iOS", "wrong", "2026-11-01"]]}

    sync = read(config(groups("iOS", IOS_KEY, "wrong", "welcome")), STREAM, state={STREAM: owed})

    assert sync.state(STREAM) == owed
    assert len(sync.errors_of(STREAM)) == 1


def test_if_the_only_group_breaks_it_is_owed(legacy: BatchLegacy) -> None:
    legacy.groups["welcome"] = BROKEN

    sync = read(config(), STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "welcome", "2026-11-15"]]}
    [message] = sync.errors_of(STREAM)
    assert "an error of its own (500" in message


def test_one_group_that_breaks_beside_others_is_missing_alone(legacy: BatchLegacy) -> None:
    legacy.groups["broken"] = BROKEN
    legacy.with_group("welcome", *all_days("2020-01-01", "2026-11-20"))

    sync = read(config(groups("iOS", IOS_KEY, "broken", "welcome"), start_date="2020-01-01"), STREAM)

    assert sync.state(STREAM)["owed"] == [["iOS", "broken", "2020-01-01"]]
    assert len(sync.records(STREAM)) == len(days_between("2020-01-01", "2026-11-20"))
    # The request that shows whether the vendor answers is no longer either.
    assert max(len(days_between(str(since), str(until))) for _, since, until in legacy.windows_asked) == 178


def test_a_window_that_breaks_half_way_makes_its_whole_group_missing(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome", *all_days("2025-01-01", "2026-11-20"))
    legacy.with_group("other", *all_days("2025-01-01", "2026-11-20"))
    say = legacy.transactional._say
    legacy.transactional._say = lambda asked: (
        MAINTENANCE if "welcome" in asked.path and asked.param("since") == "2025-06-28" else say(asked)
    )

    sync = read(config(groups("iOS", IOS_KEY, "welcome", "other"), start_date="2025-01-01"), STREAM)

    assert sync.state(STREAM)["owed"] == [["iOS", "welcome", "2025-01-01"]]
    assert [of for _, group, of in keys(sync) if group == "other"] == days_between("2025-01-01", "2026-11-20")


def test_a_refused_key_ends_the_stream_at_once_and_the_message_names_app_and_key(legacy: BatchLegacy) -> None:
    legacy.transactional.always = Answer({"code": 10, "message": "AUTHENTICATION_INVALID"}, status=401)

    sync = read(config(groups("iOS", IOS_KEY, *(f"group {number}" for number in range(60)))), STREAM)

    assert len(legacy.transactional.asked) <= 11
    [message] = sync.errors_of(STREAM)
    assert 'app "iOS"' in message
    assert '"Live API key"' in message
    assert sync.state(STREAM) == {}


def test_a_group_without_rows_is_logged_even_if_the_same_group_of_another_app_has_rows(
    legacy: BatchLegacy,
) -> None:
    settings = config(groups("iOS", IOS_KEY, "welcome", "quiet"), groups("Android", ANDROID_KEY, "welcome"))
    legacy.with_group("quiet")
    legacy.with_group("welcome", transactional_day("2026-11-20"))
    say = legacy.transactional._say
    legacy.transactional._say = lambda asked: (
        Answer({"group_id": "welcome", "detail": []}) if ANDROID_KEY in asked.path else say(asked)
    )

    sync = read(settings, STREAM).succeeded()

    told = [line for line in sync.logs if "no rows came for" in line]
    assert told == [
        '"Transactional groups" of the app "iOS": no rows came for quiet. Check these ids if you expect some.',
        '"Transactional groups" of the app "Android": no rows came for welcome. Check these ids if you expect some.',
    ]


# --- Check and settings -----------------------------------------------------------------------------------------------


def test_check_asks_one_day_of_each_group(legacy: BatchLegacy) -> None:
    for group in ("welcome", "order/confirm é"):
        legacy.with_group(group)

    status = check(config(groups("iOS", IOS_KEY, "welcome", "order/confirm é"), app("Android", ANDROID_KEY)))

    assert status.status.value == "SUCCEEDED"
    assert legacy.windows_asked == [
        ("order/confirm é", "2026-11-20", "2026-11-21"),
        ("welcome", "2026-11-20", "2026-11-21"),
    ]


def test_check_names_the_group_that_is_unknown_and_its_app(legacy: BatchLegacy) -> None:
    legacy.with_group("welcome")

    status = check(config(groups("iOS", IOS_KEY, "welcome", "wrong")))

    assert status.status.value == "FAILED"
    assert str(status.message).startswith(
        'Batch MEP (legacy), app "iOS", transactional group "wrong": Batch refused it (404: ROUTE_NOT_FOUND). Check it'
    )
    assert "welcome" not in str(status.message)


def test_check_asks_no_more_groups_than_the_vendor_allows_in_its_time(
    legacy: BatchLegacy, caplog: pytest.LogCaptureFixture
) -> None:
    named = [f"group {number}" for number in range(200)]
    for group in named:
        legacy.with_group(group)

    with caplog.at_level("INFO", "airbyte"):
        status = check(config(groups("iOS", IOS_KEY, *named)))

    assert status.status.value == "SUCCEEDED"
    assert len(legacy.windows_asked) == 28
    assert [line for line in caplog.messages if "A check asks" in line] == [
        "A check asks for 28 of the 200 transactional groups, because Batch allows 60 requests a minute. A sync tells "
        "of the others."
    ]


@pytest.mark.parametrize(("apps", "groups_asked"), [(9, 20), (28, 1), (29, 0), (40, 0), (70, 0)])
def test_a_check_asks_the_apps_and_groups_that_the_vendor_allows_in_a_minute(
    legacy: BatchLegacy, apps: int, groups_asked: int
) -> None:
    named = [f"group {number}" for number in range(60)]
    for group in named:
        legacy.with_group(group)
    others = [app(f"app {number}", f"live-key-{number:03}") for number in range(1, apps)]

    status = check(config(groups("iOS", IOS_KEY, *named), *others))

    assert status.status.value == "SUCCEEDED"
    assert len(legacy.list.asked) == min(apps, 50)
    assert len(legacy.windows_asked) == groups_asked


def test_check_says_what_a_first_sync_of_the_groups_costs(
    legacy: BatchLegacy, caplog: pytest.LogCaptureFixture
) -> None:
    legacy.with_group("welcome").with_group("reset")

    with caplog.at_level("INFO", "airbyte"):
        check(config(groups("iOS", IOS_KEY, "welcome", "reset"), start_date="2025-11-21"))

    assert "And 6 for the transactional groups, one for each group and 178 days; they take about 1 s." in caplog.text


@pytest.mark.parametrize(
    ("typed", "asked"),
    [([" welcome "], "welcome"), ([123], "123"), ([7.0], "7"), (["welcome", "", "welcome"], "welcome")],
    ids=str,
)
def test_the_groups_are_cleaned_as_other_lists_are(legacy: BatchLegacy, typed: list[Any], asked: str) -> None:
    legacy.with_group(asked)

    read(config(groups("iOS", IOS_KEY, *typed)), STREAM).succeeded()

    assert [group for group, _, _ in legacy.windows_asked] == [asked]


@pytest.mark.parametrize("group", ["two words", "a, b", '"quoted"', "https://example.com/x", "Été 🌞", "a;b|c"])
def test_a_group_may_have_characters_that_other_ids_can_not_have(legacy: BatchLegacy, group: str) -> None:
    legacy.with_group(group)

    assert check(config(groups("iOS", IOS_KEY, group))).status.value == "SUCCEEDED"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["welcome\nreset"], "contains a line break"),
        (["half \ud83d"], "a character that no text has"),
        ("welcome", "has to be a list of texts"),
        ([["welcome"]], "has to be a list of texts"),
    ],
    ids=ascii,
)
def test_what_can_not_be_a_list_of_groups_is_reported(legacy: BatchLegacy, typed: Any, words: str) -> None:
    settings = config(app("iOS", IOS_KEY) | {"transactional_group_ids": typed})

    sync = read(settings, STREAM)

    assert '"Transactional groups" in entry 1 of "Apps" of "Batch MEP (legacy)"' in str(sync.failure)
    assert words in str(sync.failure)
    assert legacy.transactional.asked == []


def test_a_key_that_was_pasted_as_a_group_is_reported_and_not_shown(legacy: BatchLegacy) -> None:
    sync = read(config(groups("iOS", IOS_KEY, IOS_KEY)), STREAM)

    assert "holds the same text as" in str(sync.failure)
    assert IOS_KEY not in sync.everything
    assert legacy.transactional.asked == []
