"""Stream `legacy_campaign_stats`: every campaign of every app, of which the API sends all days each time."""

import itertools
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from unit_tests.builders import (
    ANDROID_KEY,
    IOS_KEY,
    LEGACY_KEY,
    MAINTENANCE,
    NULL,
    Answer,
    Asked,
    BatchLegacy,
    ConfigBuilder,
    Sync,
    app,
    assert_fits_schema,
    days_between,
    legacy_campaign,
    legacy_day,
    read,
)
from unit_tests.documented import LEGACY_CAMPAIGN_STATS

STREAM = "legacy_campaign_stats"
LIST = "legacy_campaigns"
CONFIG = ConfigBuilder().with_legacy(lookback_days=3).build()
TWO_APPS = ConfigBuilder().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY)).build()
MISUSE = Answer({"code": 12, "message": "API_MISUSE"}, status=403)
GONE = Answer({"code": 20, "message": "ROUTE_NOT_FOUND"}, status=404)


def keys(sync: Sync) -> list[tuple[str, str, str]]:
    return sorted((record["app"], record["campaign_token"], record["date"]) for record in sync.records(STREAM))


def all_days(first: str, last: str, **numbers: Any) -> list[dict[str, Any]]:
    return [legacy_day(of, **numbers) for of in days_between(first, last)]


def test_a_first_sync_reads_every_day_since_the_start_date(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", *all_days("2026-10-25", "2026-11-21"))

    sync = read(CONFIG, STREAM).succeeded()

    assert keys(sync) == [("iOS", "c1", of) for of in days_between("2026-11-01", "2026-11-20")]
    assert len(legacy.stats.asked) == 1


def test_campaigns_of_several_pages_and_apps_are_asked(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"i{number:03}") for number in range(120)))
    legacy.with_campaigns(legacy_campaign("a1"), key=ANDROID_KEY)

    read(TWO_APPS, STREAM).succeeded()

    assert legacy.tokens_asked == ["a1", *(f"i{number:03}" for number in range(120))]


def test_an_app_without_campaigns_asks_nothing_and_its_state_moves(legacy: BatchLegacy) -> None:
    sync = read(CONFIG, STREAM).succeeded()

    assert legacy.stats.asked == []
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_a_record_is_the_day_with_its_campaign_and_app(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", legacy_day("2026-11-20"))

    sync = read(CONFIG, STREAM).succeeded()

    assert sync.only(STREAM) == legacy_day("2026-11-20") | {"app": "iOS", "campaign_token": "c1"}
    assert_fits_schema(STREAM, sync.records(STREAM))


def test_the_keys_stand_in_path_and_header(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))

    sync = read(CONFIG, STREAM).succeeded()

    assert legacy.stats.asked[0].path == f"/1.1/{IOS_KEY}/campaigns/stats/c1"
    assert legacy.stats.asked[0].headers["X-Authorization"] == LEGACY_KEY
    assert IOS_KEY not in sync.everything


@pytest.mark.parametrize("token", ["123456789012345678901e23", "1e5000000000000000000007", "007"])
@pytest.mark.parametrize("configured", [True, False])
def test_a_token_that_looks_like_a_number_stays_text(legacy: BatchLegacy, token: str, configured: bool) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY, *([token] if configured else []))).build()
    legacy.with_campaigns(legacy_campaign(token)).with_days(token, legacy_day("2026-11-20"))

    sync = read(config, STREAM).succeeded()

    assert legacy.tokens_asked == [token]
    assert sync.only(STREAM)["campaign_token"] == token


def test_the_map_of_versions_becomes_an_array(legacy: BatchLegacy) -> None:
    versions = {"a": {"sent": 486, "sent_optins": 459}, "b": {"sent": 268, "reengaged": 3}}
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", {"date": "2026-11-20", "sent": 754, "versions": versions})

    sync = read(CONFIG, STREAM).succeeded()

    assert sync.only(STREAM)["versions"] == [
        {"version": "a", "sent": 486, "sent_optins": 459},
        {"version": "b", "sent": 268, "reengaged": 3},
    ]
    assert_fits_schema(STREAM, sync.records(STREAM))


def test_an_undocumented_metric_goes_to_other_metrics_and_stays_in_place_inside_versions(
    legacy: BatchLegacy,
) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", legacy_day("2026-11-20", novelty=1, versions={"a": {"novelty": 2}}))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert (record["other_metrics"], "novelty" in record) == ({"novelty": 1}, False)
    assert record["versions"] == [{"version": "a", "novelty": 2}]


def test_every_documented_metric_is_a_column_and_nothing_else_is_left_over(legacy: BatchLegacy) -> None:
    numbers = {name: number for number, name in enumerate(LEGACY_CAMPAIGN_STATS, 1)}
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", legacy_day("2026-11-20", **numbers))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert record == {"app": "iOS", "campaign_token": "c1", "date": "2026-11-20"} | numbers


def test_metrics_with_the_names_of_our_columns_overwrite_nothing(legacy: BatchLegacy) -> None:
    named_like_ours = {"app": 1, "campaign_token": {"a": 2}, "other_metrics": [3], "in_total": True, "platform": None}
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", legacy_day("2026-11-20", **named_like_ours))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert record == {"app": "iOS", "campaign_token": "c1", "other_metrics": named_like_ours} | legacy_day("2026-11-20")
    assert_fits_schema(STREAM, [record])


def test_a_day_sent_twice_is_put_out_once(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", legacy_day("2026-11-20"), legacy_day("2026-11-20"))

    assert len(read(CONFIG, STREAM).succeeded().records(STREAM)) == 1


def test_a_day_may_be_written_with_a_time(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.with_days("c1", legacy_day("2026-11-20T00:00:00Z"))

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["date"] == "2026-11-20"


def test_campaigns_in_dev_mode_are_listed_and_not_asked(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*map(legacy_campaign, ("c1", "c2")), *(legacy_campaign(dev, dev_only=True) for dev in "de"))

    sync = read(ConfigBuilder().with_legacy(skip_campaign_tokens=["c2"]).build(), LIST, STREAM).succeeded()

    assert legacy.tokens_asked == ["c1"]
    assert sorted(record["campaign_token"] for record in sync.records(LIST)) == ["c1", "c2", "d", "e"]
    told = f"{STREAM}: asked 1 listed and 0 configured campaigns; 2 in dev mode have no statistics; 1 to skip"
    assert told in sync.logs


def test_the_oldest_campaign_is_asked_first(legacy: BatchLegacy) -> None:
    created = {token: f"2026-10-{number:02}T00:00:00" for number, token in enumerate("jihgfedcba", 1)}
    legacy.with_campaigns(*(legacy_campaign(token, created_date=at) for token, at in created.items()))

    read(ConfigBuilder().with_legacy().with_setting("num_workers", 2).build(), STREAM).succeeded()

    assert legacy.stats.asked[0].path.rpartition("/")[2] in "ji", "two workers begin with the first two"


def test_with_campaign_tokens_only_those_are_asked_and_the_list_is_not_walked(legacy: BatchLegacy) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "c1", "c2", "c1")).build()
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c3"))

    read(config, STREAM).succeeded()

    assert legacy.tokens_asked == ["c1", "c2"]
    assert legacy.list.asked == []


def test_apps_with_and_without_campaign_tokens_are_read_together(legacy: BatchLegacy) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "c1"), app("Android", ANDROID_KEY)).build()
    legacy.with_campaigns(legacy_campaign("c9"))
    legacy.with_campaigns(legacy_campaign("a1"), key=ANDROID_KEY)

    read(config, STREAM).succeeded()

    assert legacy.tokens_asked == ["a1", "c1"]


@pytest.mark.parametrize(("owed", "walks"), [(["Gone", "c1"], 1), (["Android", "c9"], 1), (["iOS", "c9"], 2)], ids=str)
def test_the_lists_are_read_again_only_for_what_they_could_have(
    legacy: BatchLegacy, owed: list[str], walks: int
) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), key=IOS_KEY).with_campaigns(key=ANDROID_KEY)
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY, "c2")).build()
    state = {"date": "2026-11-20", "owed": [[*owed, "2026-11-01"]]}

    sync = read(config, "legacy_campaign_stats", state={"legacy_campaign_stats": state}).succeeded()

    calls_of_a_walk = 6
    assert len(legacy.list.asked) == walks * calls_of_a_walk
    assert any("is read once more" in line for line in sync.logs) == (walks == 2)
    assert sync.state("legacy_campaign_stats") == {"date": "2026-11-20"}


def test_the_list_is_walked_once_for_both_streams(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(120)))

    sync = read(CONFIG, LIST, STREAM).succeeded()

    assert legacy.list.params("live") == ["false"] * 2 + ["true"] * 3 + ["false"] * 2
    assert legacy.list.params("from")[2:5] == ["0", "99", "119"], "pages overlap, and the last one shows the end"
    assert (len(sync.records(LIST)), len(legacy.stats.asked)) == (120, 120)


# --- Incremental ------------------------------------------------------------------------------------------------------


def test_with_a_state_the_lookback_is_put_out_again(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", *all_days("2026-11-01", "2026-11-21"))

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}}).succeeded()

    assert keys(sync) == [("iOS", "c1", of) for of in days_between("2026-11-15", "2026-11-20")]
    assert sync.state(STREAM) == {"date": "2026-11-20"}


@pytest.mark.parametrize("lookback", [0, 3])
def test_a_week_of_daily_syncs_with_one_missed_leaves_no_gap(
    legacy: BatchLegacy, clock: FrozenDateTimeFactory, lookback: int
) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", *all_days("2026-10-01", "2026-12-31"))
    config = ConfigBuilder().with_legacy(lookback_days=lookback).build()
    state: dict[str, Any] = {}
    read_days: list[list[str]] = []
    for today in ("2026-11-21", "2026-11-22", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"):
        clock.move_to(f"{today}T03:00:00Z")

        sync = read(config, STREAM, state={STREAM: state} if state else None).succeeded()

        state = sync.state(STREAM)
        read_days.append(sorted(record["date"] for record in sync.records(STREAM)))
    assert sorted({of for days in read_days for of in days}) == days_between("2026-11-01", "2026-11-26")
    for before, after in itertools.pairwise(read_days):
        overlap = len(set(before) & set(after))
        assert lookback <= overlap <= lookback + 2, f"overlap of {overlap} days: {before} {after}"


def test_a_campaign_that_appears_later_arrives_with_its_days_of_the_lookback(
    legacy: BatchLegacy, clock: FrozenDateTimeFactory
) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    state = read(CONFIG, STREAM).succeeded().state(STREAM)
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"))
    legacy.with_days("c2", *all_days("2026-11-10", "2026-11-21"))
    clock.move_to("2026-11-22T12:00:00Z")

    sync = read(CONFIG, STREAM, state={STREAM: state}).succeeded()

    assert keys(sync) == [("iOS", "c2", of) for of in days_between("2026-11-17", "2026-11-21")]


def test_a_start_date_of_years_ago_is_not_clamped(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", legacy_day("2015-11-20"))
    config = ConfigBuilder().with_setting("start_date", "2015-01-01").with_legacy().build()

    assert keys(read(config, STREAM).succeeded()) == [("iOS", "c1", "2015-11-20")]


# --- Failures ---------------------------------------------------------------------------------------------------------


def test_one_refused_campaign_is_missing_alone_and_owed(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number}") for number in range(4)))
    for number in range(4):
        legacy.with_days(f"c{number}", legacy_day("2026-11-20"))
    legacy.days["c2"] = MISUSE

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}})

    assert [token for _, token, _ in keys(sync)] == ["c0", "c1", "c3"]
    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "c2", "2026-11-15"]]}
    [message] = sync.errors_of(STREAM)
    for words in ("iOS", "c2", "Name of c2", "API_MISUSE", "contact Batch", '"Campaigns to skip"'):
        assert words in message


def delete_when_asked(legacy: BatchLegacy, token: str) -> None:
    """The campaign is listed at first. When its statistics are asked for, it is gone from list and statistics."""
    say = legacy.stats._say

    def deleted(asked: Asked) -> Answer:
        if not asked.path.endswith(f"/{token}"):
            return say(asked)
        legacy.campaigns[IOS_KEY] = [one for one in legacy.campaigns[IOS_KEY] if one["campaign_token"] != token]
        return GONE

    legacy.stats._say = deleted


def test_a_campaign_that_is_still_listed_was_not_deleted_whatever_the_vendor_says(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"))
    legacy.days["c2"] = GONE

    sync = read(CONFIG, STREAM)

    assert legacy.tokens_asked == ["c1", "c2", "c2"], "a refusal is believed when it comes twice"
    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "c2", "2026-11-01"]]}
    assert "c2" in sync.errors_of(STREAM)[0]


def test_a_campaign_deleted_meanwhile_is_logged_and_skipped(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2")).with_days("c1", legacy_day("2026-11-20"))
    delete_when_asked(legacy, "c2")

    sync = read(CONFIG, STREAM).succeeded()

    assert keys(sync) == [("iOS", "c1", "2026-11-20")]
    assert sync.state(STREAM) == {"date": "2026-11-20"}
    assert any("c2" in line for line in sync.logs)


def test_a_configured_token_that_is_unknown_is_a_configuration_error_naming_it(legacy: BatchLegacy) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "right", "wrong")).build()
    legacy.with_days("right", legacy_day("2026-11-20"))
    legacy.days["wrong"] = GONE

    sync = read(config, STREAM)

    [message] = sync.errors_of(STREAM)
    assert "wrong" in message
    assert "right" not in message.replace("wrong", "")
    assert '"Campaign tokens"' in message
    assert [token for _, token, _ in keys(sync)] == ["right"]
    assert sync.state(STREAM) == {"date": "2026-11-20", "owed": [["iOS", "wrong", "2026-11-01"]]}


def test_a_refused_key_ends_the_stream_with_one_error(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number}") for number in range(60)))
    legacy.stats.always = Answer({"code": 10, "message": "AUTHENTICATION_INVALID"}, status=401)

    sync = read(ConfigBuilder().with_setting("num_workers", 4).with_legacy().build(), STREAM)

    assert len(legacy.stats.asked) <= 5
    assert len(sync.errors_of(STREAM)) == 1
    assert sync.state(STREAM) == {}


@pytest.mark.parametrize("streams", [(STREAM,), (LIST, STREAM)])
def test_when_the_list_of_the_second_app_fails_nothing_is_asked_and_no_state_moves(
    legacy: BatchLegacy, streams: tuple[str, ...]
) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    say = legacy.list._say
    legacy.list._say = lambda asked: MAINTENANCE if ANDROID_KEY in asked.path else say(asked)

    sync = read(TWO_APPS, *streams, state={STREAM: {"date": "2026-11-18"}})

    assert legacy.stats.asked == []
    assert sync.state(STREAM) == {"date": "2026-11-18"}
    assert [len(sync.errors_of(stream)) for stream in streams] == [1] * len(streams), sync


@pytest.mark.parametrize(
    "answer",
    [MAINTENANCE, NULL, Answer(""), Answer([]), Answer({"campaign_token": "c1"}), Answer("", status=429)],
    ids=lambda answer: f"{answer.status} {answer.body!r:.40}",
)
def test_one_answer_that_is_not_the_documented_one_is_survived(legacy: BatchLegacy, answer: Answer) -> None:
    legacy.with_campaigns(legacy_campaign("c1")).with_days("c1", legacy_day("2026-11-20"))
    legacy.stats.first = [answer]

    assert len(read(CONFIG, STREAM).succeeded().records(STREAM)) == 1
