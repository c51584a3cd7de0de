"""Stream `orchestration_stats`: one call per orchestration for the window, one record a day."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from unit_tests.builders import (
    BATCH_KEY,
    MAINTENANCE,
    NULL,
    PROJECT,
    Answer,
    Asked,
    BatchCep,
    ConfigBuilder,
    Sync,
    assert_fits_schema,
    day,
    days_between,
    every_day,
    one_shot,
    orchestration,
    read,
)
from unit_tests.documented import ORCHESTRATION_STATS

STREAM = "orchestration_stats"
LIST = "orchestrations"
CONFIG = ConfigBuilder().with_batch(lookback_days=3).build()
REFUSAL = Answer({"error_message": "malformed", "error_code": "BAD"}, status=400)
GONE = Answer({"error_message": "unknown", "error_code": "NOT_FOUND"}, status=404)


def keys(sync: Sync) -> list[tuple[str, str]]:
    return sorted((record["orchestration_id"], record["date"]) for record in sync.records(STREAM))


def one_day(cep: BatchCep, **numbers: Any) -> dict[str, Any]:
    """The record that comes out when the vendor answers a day with these numbers."""
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-20", **numbers))
    sync = read(CONFIG, STREAM).succeeded()
    assert_fits_schema(STREAM, sync.records(STREAM))
    return sync.only(STREAM)


# --- Full refresh -----------------------------------------------------------------------------------------------------


def test_a_first_sync_asks_each_orchestration_once_for_its_whole_window(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    cep.with_days("o1", day("2026-11-01"), day("2026-11-20")).with_days("o2", day("2026-11-05"))

    sync = read(CONFIG, STREAM).succeeded()

    assert keys(sync) == [("o1", "2026-11-01"), ("o1", "2026-11-20"), ("o2", "2026-11-05")]
    assert cep.ids_asked == ["o1", "o2"]
    assert cep.windows_asked == {("2026-11-01", "2026-11-20")}


def test_the_orchestrations_of_every_page_of_the_list_are_asked(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")], [orchestration("o3")])

    read(CONFIG, STREAM).succeeded()

    assert cep.ids_asked == ["o1", "o2", "o3"]


def test_the_oldest_orchestration_is_asked_first(cep: BatchCep) -> None:
    created = {name: f"2026-10-{number:02}T00:00:00Z" for number, name in enumerate("jihgfedcba", 1)}
    cep.with_orchestrations(*(orchestration(name, created_date=at) for name, at in created.items()))

    read(ConfigBuilder().with_batch().with_setting("num_workers", 2).build(), STREAM).succeeded()

    assert cep.stats.asked[0].param("orchestration_id") in ("j", "i"), "two workers begin with the first two"


def test_a_project_without_orchestrations_asks_nothing_and_its_state_moves(cep: BatchCep) -> None:
    sync = read(CONFIG, STREAM).succeeded()

    assert cep.stats.asked == []
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_the_breakdown_by_platform_is_asked_for_and_the_keys_are_sent(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))

    read(CONFIG, STREAM).succeeded()

    asked = cep.stats.asked[0]
    assert asked.param("include_platforms") == "true"
    assert asked.headers["Authorization"] == f"Bearer {BATCH_KEY}"
    assert asked.headers["X-Batch-Project"] == PROJECT


def test_a_record_is_the_day_with_the_orchestration_and_the_project_it_belongs_to(cep: BatchCep) -> None:
    record = one_day(cep, total_revenue=149.99, revenue_per_mille=9999.33)

    assert record == {
        "orchestration_id": "o1",
        "project_key": PROJECT,
        "date": "2026-11-20",
        "sent": 972,
        "delivered": 847,
        "total_revenue": 149.99,
        "revenue_per_mille": 9999.33,
    }


@pytest.mark.parametrize("orchestration_id", ["123456789012345678901e23", "1e5000000000000000000007", "1_000", "007"])
def test_an_id_that_looks_like_a_number_stays_text(cep: BatchCep, orchestration_id: str) -> None:
    cep.with_orchestrations(orchestration(orchestration_id)).with_days(orchestration_id, day("2026-11-20"))

    sync = read(CONFIG, STREAM).succeeded()

    assert cep.stats.params("orchestration_id") == [orchestration_id]
    assert sync.only(STREAM)["orchestration_id"] == orchestration_id


# --- The shapes of an answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "platform",
    [
        {"android": {"sent": 376}, "IOS": {"sent": 1}},
        [{"platform": "ANDROID", "sent": 376}, {"platform": "ios", "sent": 1}],
    ],
    ids=["map", "array"],
)
def test_platforms_are_the_same_whether_a_map_or_an_array_was_sent(cep: BatchCep, platform: Any) -> None:
    record = one_day(cep, platform=platform)

    assert record["platforms"] == [{"platform": "android", "sent": 376}, {"platform": "ios", "sent": 1}]
    assert "platform" not in record


@pytest.mark.parametrize("part", [{"versions": "version"}, {"message_steps": "step_id"}], ids=["versions", "steps"])
@pytest.mark.parametrize(
    "platform", [{"android": {"sent": 1}}, [{"platform": "ANDROID", "sent": 1}]], ids=["map", "array"]
)
def test_versions_and_steps_have_platforms_of_the_same_form(cep: BatchCep, part: dict[str, str], platform: Any) -> None:
    [(name, key)] = part.items()

    record = one_day(cep, **{name: [{key: "a", "sent": 530, "platform": platform}, {key: "b", "sent": 442}]})

    assert record[name] == [
        {key: "a", "sent": 530, "platforms": [{"platform": "android", "sent": 1}]},
        {key: "b", "sent": 442},
    ]


def test_versions_of_an_in_app_orchestration_have_no_name(cep: BatchCep) -> None:
    versions = [{"delivered": 5, "unique_click": 2, "total_click": 3, "dismissed": 1}]

    assert one_day(cep, versions=versions)["versions"] == versions


def test_an_undocumented_metric_goes_to_other_metrics_and_stays_in_place_inside_arrays(
    cep: BatchCep,
) -> None:
    new = {"adjusted_open": 3}

    record = one_day(
        cep,
        **new,
        platform=[{"platform": "ANDROID", **new}],
        versions=[{"version": "a", **new}],
        message_steps=[{"step_id": "s", **new}],
    )

    assert (record["other_metrics"], "adjusted_open" in record) == (new, False)
    assert record["platforms"] == [{"platform": "android", **new}]
    assert record["versions"] == [{"version": "a", **new}]
    assert record["message_steps"] == [{"step_id": "s", **new}]


def test_every_documented_metric_is_a_column_and_nothing_else_is_left_over(cep: BatchCep) -> None:
    numbers = {name: number for number, name in enumerate(ORCHESTRATION_STATS, 1)}

    record = one_day(cep, **numbers)

    assert record == {"project_key": PROJECT, "orchestration_id": "o1", "date": "2026-11-20"} | numbers


@pytest.mark.parametrize("value", [7, None, "text", {"a": {"b": [1]}}, [{"a": 1}]])
@pytest.mark.parametrize(
    "name", ["project_key", "orchestration_id", "platforms", "other_metrics", "in_total", "campaign_id", "app", ""]
)
def test_a_metric_with_the_name_of_one_of_our_columns_overwrites_nothing(cep: BatchCep, name: str, value: Any) -> None:
    record = one_day(cep, platform={"ios": {"sent": 1}}, **{name: value})

    assert record == {
        "project_key": PROJECT,
        "orchestration_id": "o1",
        "date": "2026-11-20",
        "sent": 972,
        "delivered": 847,
        "platforms": [{"platform": "ios", "sent": 1}],
        "other_metrics": {name: value},
    }
    assert_fits_schema(STREAM, [record])


def test_revenue_per_mille_is_passed_on_and_not_recomputed(cep: BatchCep) -> None:
    assert one_day(cep, sent=1000, total_revenue=10.0, revenue_per_mille=7594.44)["revenue_per_mille"] == 7594.44


def test_a_day_sent_twice_is_put_out_once(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-20"), day("2026-11-20"))

    assert keys(read(CONFIG, STREAM).succeeded()) == [("o1", "2026-11-20")]


def test_days_outside_the_window_are_left_out(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    cep.days["o1"] = Answer({"id": "o1", "details": every_day("2026-10-30", "2026-11-22")})

    dates = [record["date"] for record in read(CONFIG, STREAM).succeeded().records(STREAM)]

    assert dates == days_between("2026-11-01", "2026-11-20")


def test_a_day_that_is_written_with_a_time_is_that_day(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    cep.days["o1"] = Answer({"id": "o1", "details": [day("2026-11-20T00:00:00Z")]})

    assert keys(read(CONFIG, STREAM).succeeded()) == [("o1", "2026-11-20")]


# --- The window -------------------------------------------------------------------------------------------------------


def test_a_start_date_that_batch_no_longer_has_is_clamped_and_logged_in_one_line(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    config = ConfigBuilder().with_setting("start_date", "2024-01-01").with_batch().build()

    sync = read(config, STREAM).succeeded()

    [(first, last)] = cep.windows_asked
    six_months_ago = date(2026, 5, 21)
    assert first is not None
    assert six_months_ago < date.fromisoformat(first) <= six_months_ago + timedelta(days=10), first
    assert last == "2026-11-20"
    lines = [line for line in sync.logs if "2024-01-01" in line]
    assert len(lines) == 1, lines
    assert first in lines[0]


@pytest.mark.parametrize("now", ["2026-08-31T12:00:00Z", "2026-08-28T12:00:00Z", "2027-03-01T00:00:00Z"])
def test_the_clamp_is_inside_six_months_of_every_length(cep: BatchCep, clock: FrozenDateTimeFactory, now: str) -> None:
    """From the end of August, six months reach back to the end of a February: 181 days."""
    clock.move_to(now)
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_setting("start_date", "2024-01-01").with_batch().build()

    read(config, STREAM).succeeded()

    [(first, _)] = cep.windows_asked
    assert date.fromisoformat(str(first)) >= date.fromisoformat(now[:10]) - timedelta(days=179)


def test_a_start_date_of_today_reads_nothing(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_setting("start_date", "2026-11-21").with_batch().build()

    sync = read(config, STREAM).succeeded()

    assert cep.stats.asked == []
    assert sync.records(STREAM) == []


def test_today_is_read_when_it_is_included(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_setting("include_today", True).with_batch().build()

    sync = read(config, STREAM).succeeded()

    assert cep.windows_asked == {("2026-11-01", "2026-11-21")}
    assert sync.state(STREAM) == {"date": "2026-11-21"}


@pytest.mark.parametrize(
    ("time_zone", "last"), [("Pacific/Kiritimati", "2026-11-21"), ("UTC", "2026-11-20"), ("Etc/GMT+12", "2026-11-20")]
)
def test_the_time_zone_decides_what_yesterday_is(cep: BatchCep, time_zone: str, last: str) -> None:
    """At noon UTC it is already the 22nd in Kiritimati."""
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_setting("timezone", time_zone).with_batch().build()

    read(config, STREAM).succeeded()

    assert cep.windows_asked == {("2026-11-01", last)}


def test_just_before_midnight_the_day_is_not_over(cep: BatchCep, clock: FrozenDateTimeFactory) -> None:
    clock.move_to("2026-11-21T22:59:59Z")
    cep.with_orchestrations(orchestration("o1"))

    read(ConfigBuilder().with_setting("timezone", "Europe/Paris").with_batch().build(), STREAM).succeeded()

    assert cep.windows_asked == {("2026-11-01", "2026-11-20")}


# --- Incremental ------------------------------------------------------------------------------------------------------


def test_the_state_is_the_last_day_asked_and_nothing_else(cep: BatchCep) -> None:
    cep.with_orchestrations(*(orchestration(f"o{number}") for number in range(20)))
    cep.with_days("o1", day("2026-11-03"))

    assert read(CONFIG, STREAM).succeeded().state(STREAM) == {"date": "2026-11-20"}


def test_with_a_state_the_lookback_is_read_again(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", *every_day("2026-11-01", "2026-11-20"))

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}}).succeeded()

    assert cep.windows_asked == {("2026-11-15", "2026-11-20")}
    assert keys(sync) == [("o1", of) for of in days_between("2026-11-15", "2026-11-20")]


def test_the_lookback_does_not_reach_before_the_start_date(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))

    read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-02"}}).succeeded()

    assert cep.windows_asked == {("2026-11-01", "2026-11-20")}


@pytest.mark.parametrize("lookback", [0, 1, 7])
def test_a_week_of_daily_syncs_with_one_missed_leaves_no_gap(
    cep: BatchCep, clock: FrozenDateTimeFactory, lookback: int
) -> None:
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_batch(lookback_days=lookback).build()
    state: dict[str, Any] = {}
    windows: list[tuple[date, date]] = []
    for today in ("2026-11-21", "2026-11-22", "2026-11-23", "2026-11-25", "2026-11-26", "2026-11-27"):
        clock.move_to(f"{today}T03:00:00Z")
        cep.stats.asked.clear()

        sync = read(config, STREAM, state={STREAM: state} if state else None).succeeded()

        state = sync.state(STREAM)
        [(first, last)] = cep.windows_asked
        windows.append((date.fromisoformat(str(first)), date.fromisoformat(str(last))))
    for (_, last), (first, _) in itertools.pairwise(windows):
        overlap = (last - first).days + 1
        assert lookback <= overlap <= lookback + 2, f"overlap of {overlap} days: {windows}"


def test_a_restated_day_comes_again_with_its_new_numbers(cep: BatchCep, clock: FrozenDateTimeFactory) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-19", sent=1))
    first = read(CONFIG, STREAM).succeeded()
    cep.with_days("o1", day("2026-11-19", sent=2))
    clock.move_to("2026-11-22T12:00:00Z")

    second = read(CONFIG, STREAM, state={STREAM: first.state(STREAM)}).succeeded()

    assert [first.only(STREAM)["sent"], second.only(STREAM)["sent"]] == [1, 2]


def test_an_orchestration_that_appears_later_arrives_with_its_days_of_the_lookback(
    cep: BatchCep, clock: FrozenDateTimeFactory
) -> None:
    cep.with_orchestrations(orchestration("o1"))
    state = read(CONFIG, STREAM).succeeded().state(STREAM)
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    cep.with_days("o2", *every_day("2026-11-10", "2026-11-21"))
    clock.move_to("2026-11-22T12:00:00Z")

    sync = read(CONFIG, STREAM, state={STREAM: state}).succeeded()

    assert keys(sync) == [("o2", of) for of in days_between("2026-11-17", "2026-11-21")]


def test_a_second_sync_asks_only_those_that_can_still_change(cep: BatchCep, clock: FrozenDateTimeFactory) -> None:
    past = [one_shot(f"past{number}", status="completed", start_time="2026-11-05T10:00:00Z") for number in range(20)]
    cep.with_orchestrations(*past, one_shot("new", start_time="2026-11-20T10:00:00Z"), orchestration("weekly"))
    state = read(CONFIG, STREAM).succeeded().state(STREAM)
    assert len(cep.stats.asked) == 22
    cep.stats.asked.clear()
    clock.move_to("2026-11-22T12:00:00Z")

    sync = read(CONFIG, STREAM, state={STREAM: state}).succeeded()

    assert cep.ids_asked == ["new", "weekly"]
    why = f"the others can have no rows between {cep.stats.asked[0].param('from')} and 2026-11-21"
    assert f"{STREAM}: asked 2 of 22 orchestrations, {why}" in sync.logs


@pytest.mark.parametrize(
    "state",
    [
        {"date": "2026-11-18"},
        {"use_global_cursor": True, "state": {"date": "2026-11-18"}, "lookback_window": 1},
        {"use_global_cursor": True, "state": {"date": "2026-11-18"}, "lookback_window": 1, "parent_state": {}},
    ],
    ids=["ours", "global cursor", "global cursor with parent"],
)
def test_states_of_every_known_shape_are_read(cep: BatchCep, state: dict[str, Any]) -> None:
    cep.with_orchestrations(orchestration("o1"))

    sync = read(CONFIG, STREAM, state={STREAM: state}).succeeded()

    assert cep.windows_asked == {("2026-11-15", "2026-11-20")}
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_an_empty_state_is_a_first_sync(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))

    read(CONFIG, STREAM, state={STREAM: {}}).succeeded()

    assert cep.windows_asked == {("2026-11-01", "2026-11-20")}


def test_a_state_that_is_no_date_says_what_to_do(cep: BatchCep) -> None:
    sync = read(CONFIG, STREAM, state={STREAM: {"date": "yesterday"}})

    assert "Refresh the stream" in str(sync.failure)


# --- Together with the list -------------------------------------------------------------------------------------------


def test_the_list_is_walked_once_for_both_streams(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")])

    sync = read(CONFIG, LIST, STREAM).succeeded()

    assert len(cep.list.asked) == 2
    assert len(sync.records(LIST)) == 2
    assert cep.ids_asked == ["o1", "o2"]


def test_the_list_is_walked_anew_in_the_next_sync(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    read(CONFIG, LIST, STREAM).succeeded()
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))

    assert len(read(CONFIG, LIST, STREAM).succeeded().records(LIST)) == 2


def test_no_orchestration_is_asked_before_the_whole_list_was_read(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")])
    order: list[str] = []
    list_says, stats_say = cep.list._say, cep.stats._say
    cep.list._say = lambda asked: (order.append("list"), list_says(asked))[1]
    cep.stats._say = lambda asked: (order.append("stats"), stats_say(asked))[1]

    read(CONFIG, STREAM).succeeded()

    assert order == ["list", "list", "stats", "stats"]


@pytest.mark.parametrize("streams", [(STREAM,), (LIST, STREAM)])
def test_a_list_that_fails_on_page_two_asks_nothing_and_moves_no_state(cep: BatchCep, streams: tuple[str, ...]) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")])
    list_says = cep.list._say
    cep.list._say = lambda asked: list_says(asked) if asked.param("from") is None else MAINTENANCE

    sync = read(CONFIG, *streams, state={STREAM: {"date": "2026-11-18"}})

    assert sync.failure is not None
    assert cep.stats.asked == []
    assert sync.state(STREAM) == {"date": "2026-11-18"}
    assert [len(sync.errors_of(stream)) for stream in streams] == [1] * len(streams), sync


# --- Failures ---------------------------------------------------------------------------------------------------------


def with_many(cep: BatchCep, number: int = 5) -> list[str]:
    names = [f"o{n:02}" for n in range(number)]
    cep.with_orchestrations(*(orchestration(name, name=f"Sale {name}") for name in names))
    for name in names:
        cep.with_days(name, day("2026-11-20"))
    return names


def test_one_refused_orchestration_is_missing_alone_and_owed(cep: BatchCep) -> None:
    with_many(cep)
    cep.days["o02"] = REFUSAL

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert [of for of, _ in keys(sync)] == ["o00", "o01", "o03", "o04"]
    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["o02", "2026-11-15"]]}
    [message] = sync.errors_of(STREAM)
    for words in ("o02", "Sale o02", "contact Batch", '"Orchestrations to skip"'):
        assert words in message
    assert sync.failure is not None


@pytest.mark.parametrize("is_hidden", [False, True], ids=["", "hidden from one reading of the list"])
def test_an_orchestration_that_is_owed_is_asked_also_if_it_has_no_rows_in_the_new_days(
    cep: BatchCep, is_hidden: bool
) -> None:
    old = one_shot("old", status="completed", start_time="2026-11-04T12:00:00Z")
    cep.with_orchestrations(orchestration("new"), old).with_days("old", day("2026-11-04"))
    if is_hidden:
        cep.list.first = [Answer({"orchestrations": [orchestration("new")], "has_more": False, "count": 1})]

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-19", "owed": [["old", "2026-11-02"]]}})

    assert keys(sync.succeeded()) == [("old", "2026-11-04")]
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_a_skipped_orchestration_is_not_asked(cep: BatchCep) -> None:
    with_many(cep)
    cep.days["o02"] = REFUSAL
    config = ConfigBuilder().with_batch(skip_orchestration_ids=[" o02 "]).build()

    sync = read(config, STREAM).succeeded()

    assert cep.ids_asked == ["o00", "o01", "o03", "o04"]
    assert sync.state(STREAM) == {"date": "2026-11-20"}
    (told,) = [line for line in sync.logs if " asked 4 of 5 " in line]
    assert told.endswith(" and 2026-11-20 or are among the 1 to skip")


def delete_when_asked(cep: BatchCep, *ids: str) -> None:
    """The orchestrations are listed at first. When their statistics are asked for, they are gone from both."""
    say = cep.stats._say

    def deleted(asked: Asked) -> Answer:
        if asked.param("orchestration_id") not in ids:
            return say(asked)
        cep.pages = [[item for item in page if item["id"] not in ids] for page in cep.pages]
        return GONE

    cep.stats._say = deleted


def test_an_orchestration_deleted_meanwhile_is_logged_and_skipped(cep: BatchCep) -> None:
    with_many(cep)
    delete_when_asked(cep, "o02")

    sync = read(CONFIG, STREAM).succeeded()

    assert [of for of, _ in keys(sync)] == ["o00", "o01", "o03", "o04"]
    assert sync.state(STREAM) == {"date": "2026-11-20"}
    assert any("o02" in line and "deleted" in line for line in sync.logs)


def test_orchestrations_that_are_listed_but_unknown_to_the_statistics_are_all_missing(cep: BatchCep) -> None:
    for name in with_many(cep):
        cep.days[name] = GONE

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert len(sync.errors_of(STREAM)) == 1
    assert [key for key, _ in sync.state(STREAM)["owed"]] == ["o00", "o01", "o02", "o03", "o04"]


def test_ten_refusals_in_a_row_end_the_stream(cep: BatchCep) -> None:
    for name in with_many(cep, 60):
        cep.days[name] = REFUSAL

    sync = read(ConfigBuilder().with_setting("num_workers", 4).with_batch().build(), STREAM)

    assert 20 <= len(cep.stats.asked) <= 28, f"each is asked twice: {len(cep.stats.asked)}"
    assert len(sync.errors_of(STREAM)) == 1
    assert sync.state(STREAM) == {}


def test_a_refused_key_ends_the_stream_with_one_error(cep: BatchCep) -> None:
    with_many(cep, 60)
    cep.stats.always = Answer({"error_message": "no", "error_code": "AUTH"}, status=401)

    sync = read(
        ConfigBuilder().with_setting("num_workers", 4).with_batch().build(),
        STREAM,
        state={STREAM: {"date": "2026-11-18"}},
    )

    assert len(cep.stats.asked) <= 5
    assert len(sync.errors_of(STREAM)) == 1, sync.errors
    assert '"REST API key"' in sync.errors_of(STREAM)[0]
    assert sync.state(STREAM) == {"date": "2026-11-18"}


@pytest.mark.parametrize(
    "answer",
    [
        MAINTENANCE,
        NULL,
        Answer(""),
        Answer([]),
        Answer({"id": "o1"}),
        Answer({"details": None}),
        Answer({"details": [{"sent": 1}]}),
        Answer({"details": [{"date": None}]}),
        Answer({"details": [{"date": 20261120}]}),
        Answer("", status=500),
    ],
    ids=lambda answer: f"{answer.status} {answer.body!r:.40}",
)
def test_one_answer_that_is_not_the_documented_one_is_survived(cep: BatchCep, answer: Answer) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-20"))
    cep.stats.first = [answer]

    assert keys(read(CONFIG, STREAM).succeeded()) == [("o1", "2026-11-20")]


def test_a_maintenance_page_that_stays_fails_the_stream_and_keeps_the_state(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    cep.stats.always = MAINTENANCE

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert "not the documented answer" in sync.errors_of(STREAM)[0]
    assert sync.state(STREAM) == {"date": "2026-11-18"}


def test_the_list_still_finishes_when_the_statistics_fail(cep: BatchCep) -> None:
    with_many(cep)
    cep.stats.always = Answer("", status=401)

    sync = read(CONFIG, LIST, STREAM)

    assert len(sync.records(LIST)) == 5
    assert sync.errors_of(LIST) == []
    assert len(sync.errors_of(STREAM)) == 1
