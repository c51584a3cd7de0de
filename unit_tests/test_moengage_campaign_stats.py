"""Stream `moengage_campaign_stats`: a call covers one day, a record is one leaf of the nested answer."""

import itertools
import json
import re
from collections import Counter
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from source_campaign_stats.vendors.moengage import leaves
from unit_tests.builders import (
    MAINTENANCE,
    NULL,
    WORKSPACE,
    Answer,
    Asked,
    ConfigBuilder,
    MoEngage,
    Sync,
    assert_fits_schema,
    days_between,
    moengage_answer,
    moengage_campaign_stats,
    read,
)
from unit_tests.documented import PERFORMANCE_STATS

STREAM = "moengage_campaign_stats"
CONFIG = ConfigBuilder().with_moengage(lookback_days=3).build()
LAST_DAY = ConfigBuilder().with_setting("start_date", "2026-11-20").with_moengage()


def ids(sync: Sync) -> list[str]:
    return sorted(record["campaign_id"] for record in sync.records(STREAM))


def leaf(moengage: MoEngage, **details: Any) -> dict[str, Any]:
    """The record of a day with one leaf that has these details."""
    moengage.with_stats("c1", **details)
    sync = read(LAST_DAY.build(), STREAM).succeeded()
    assert_fits_schema(STREAM, sync.records(STREAM))
    return sync.only(STREAM)


# --- Days and pages ---------------------------------------------------------------------------------------------------


def test_a_first_sync_asks_every_day_on_its_own(moengage: MoEngage) -> None:
    moengage.with_stats("c1")

    sync = read(CONFIG, STREAM).succeeded()

    assert moengage.days_asked == days_between("2026-11-01", "2026-11-20")
    assert all(asked.body["start_date"] == asked.body["end_date"] for asked in moengage.stats.asked)
    assert sorted(record["date"] for record in sync.records(STREAM)) == days_between("2026-11-01", "2026-11-20")


def test_the_pages_of_a_day_are_read_by_offset(moengage: MoEngage) -> None:
    names = [f"c{number:02}" for number in range(25)]
    moengage.with_stats(*names)

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert [asked.body.get("offset", 0) for asked in moengage.stats.asked] == [0, 10, 20]
    assert {asked.body["limit"] for asked in moengage.stats.asked} == {10}
    assert ids(sync) == names


def test_a_day_may_have_any_number_of_pages(moengage: MoEngage) -> None:
    names = [f"c{number:03}" for number in range(230)]
    moengage.with_stats(*names)

    assert ids(read(LAST_DAY.build(), STREAM).succeeded()) == names


def test_the_pages_of_a_day_end_also_if_each_says_that_it_is_the_first(moengage: MoEngage) -> None:
    moengage.with_stats(*(f"c{number:02}" for number in range(25)))
    say = moengage.stats._say
    moengage.stats._say = lambda asked: Answer(say(asked).body | {"current_page": 1})

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert len(sync.records(STREAM)) == 25
    assert [asked.body.get("offset", 0) for asked in moengage.stats.asked] == [0, 10, 20]


def test_a_day_without_campaigns_has_no_records_and_moves_the_state(moengage: MoEngage) -> None:
    sync = read(CONFIG, STREAM).succeeded()

    assert sync.records(STREAM) == []
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_all_campaigns_are_asked_for_by_leaving_the_ids_out(moengage: MoEngage) -> None:
    read(LAST_DAY.build(), STREAM).succeeded()

    body = moengage.stats.asked[0].body
    assert "campaign_ids" not in body
    assert body["attribution_type"] == "TOTAL_CONVERSIONS"
    assert body["metric_type"] == "TOTAL"
    assert isinstance(body["request_id"], str)
    assert moengage.stats.asked[0].headers["MOE-APPKEY"] == WORKSPACE


def test_campaign_ids_are_asked_ten_at_a_time_as_pages_of_one_day(moengage: MoEngage) -> None:
    names = [f"c{number:02}" for number in range(25)]
    config = ConfigBuilder().with_setting("start_date", "2026-11-19").with_moengage(campaign_ids=names).build()
    moengage.with_stats(*names, "other")

    sync = read(config, STREAM).succeeded()

    for of in ("2026-11-19", "2026-11-20"):
        asked = [request.body["campaign_ids"] for request in moengage.stats.asked if request.body["start_date"] == of]
        assert asked == [names[:10], names[10:20], names[20:]]
    assert Counter(ids(sync)) == dict.fromkeys(names, 2)
    assert sync.state(STREAM) == {"date": "2026-11-20"}


@pytest.mark.parametrize("campaign_id", ["123456789012345678901e23", "1e5000000000000000000007", "007", "None"])
def test_an_id_that_looks_like_something_else_is_sent_verbatim_and_stays_text(
    moengage: MoEngage, campaign_id: str
) -> None:
    moengage.with_stats(campaign_id)

    config = ConfigBuilder().with_setting("start_date", "2026-11-20").with_moengage(campaign_ids=[campaign_id]).build()
    sync = read(config, STREAM).succeeded()

    assert moengage.stats.asked[0].body["campaign_ids"] == [campaign_id]
    assert sync.only(STREAM)["campaign_id"] == campaign_id


@pytest.mark.parametrize("workspace_id", ["1e5000000000000000000007", "0123"])
def test_a_workspace_id_that_looks_like_a_number_stays_text(moengage: MoEngage, workspace_id: str) -> None:
    config = ConfigBuilder().with_setting("start_date", "2026-11-20").with_moengage(workspace_id=workspace_id).build()
    moengage.with_stats("c1")

    assert read(config, STREAM).succeeded().only(STREAM)["workspace_id"] == workspace_id
    assert moengage.stats.asked[0].headers["MOE-APPKEY"] == workspace_id


def moving_list(moengage: MoEngage, whole_from_call: int) -> None:
    """Twelve campaigns of which the last is not shown before that call."""
    names = [f"c{number:02}" for number in range(12)]

    def say(asked: Asked) -> Answer:
        shown = names if len(moengage.stats.asked) >= whole_from_call else names[:11]
        offset = asked.body.get("offset", 0)
        data = {name: moengage_campaign_stats() for name in shown[offset : offset + 10]}
        return Answer(moengage_answer(data, total=12, page=offset // 10 + 1, pages=2))

    moengage.stats._say = say


def test_a_day_that_shows_fewer_campaigns_than_it_counts_is_walked_again(moengage: MoEngage) -> None:
    moving_list(moengage, whole_from_call=3)

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert ids(sync) == [f"c{number:02}" for number in range(12)], "missing, or put out twice"
    assert [asked.body.get("offset", 0) for asked in moengage.stats.asked] == [0, 10, 0, 10]


def test_a_day_is_whole_when_its_readings_together_have_as_many_campaigns_as_it_counts(moengage: MoEngage) -> None:
    def say(asked: Asked) -> Answer:
        shown = ["c1", "c2"] if len(moengage.stats.asked) == 1 else ["c2", "c3"]
        return Answer(moengage_answer(dict.fromkeys(shown, moengage_campaign_stats()), total=3))

    moengage.stats._say = say

    assert ids(read(LAST_DAY.build(), STREAM).succeeded()) == ["c1", "c2", "c3"]
    assert len(moengage.stats.asked) == 2


def test_a_day_that_is_incomplete_in_another_way_each_time_is_missing_and_stops_the_state(moengage: MoEngage) -> None:
    names = [f"c{number:02}" for number in range(12)]
    numbers = itertools.count()

    def say(asked: Asked) -> Answer:
        shown = names[: 5 + next(numbers) % 5]
        return Answer(moengage_answer(dict.fromkeys(shown, moengage_campaign_stats()), total=12, pages=1))

    moengage.stats._say = say

    sync = read(LAST_DAY.build(), STREAM)

    assert "12 campaigns but shows only" in sync.errors_of(STREAM)[0]
    assert sync.state(STREAM) == {}
    assert len(moengage.stats.asked) <= 8


def test_two_walks_with_the_same_campaigns_are_believed_whatever_the_total(moengage: MoEngage) -> None:
    moving_list(moengage, whole_from_call=1000)

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert len(sync.records(STREAM)) == 11
    assert any("counts 12 campaigns of a day and shows 11" in line for line in sync.logs)
    assert len(moengage.stats.asked) == 4, "two walks of two pages"


def test_a_campaign_that_left_while_the_day_was_read_does_not_count_for_another_that_is_hidden(
    moengage: MoEngage, waits: list[float]
) -> None:
    """c00 leaves after the first page, so that c10 moves onto it; the second reading hides c10 once."""
    names = [f"c{number:02}" for number in range(12)]
    lists = [names, names[1:], [name for name in names if name not in ("c00", "c10")], names[1:], names[1:], names[1:]]

    def say(asked: Asked) -> Answer:
        number, offset = len(moengage.stats.asked), asked.body.get("offset", 0)
        data = {name: moengage_campaign_stats() for name in lists[number - 1][offset : offset + 10]}
        return Answer(moengage_answer(data, total=12 if number == 1 else 11, page=offset // 10 + 1, pages=2))

    moengage.stats._say = say

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert {"c10", "c11"} <= {*ids(sync)}
    assert [wait for wait in waits if wait in (2, 4)] == [2, 4]


def test_a_campaign_that_left_between_two_readings_does_not_count_for_another_that_is_hidden(
    moengage: MoEngage,
) -> None:
    """c11 is hidden in two readings; c00 leaves between them, so that both together have as many as the total says."""
    names = [f"c{number:02}" for number in range(12)]
    lists = [names[:11], names[:11], names[1:11], names[1:11], names[1:], names[1:]]

    def say(asked: Asked) -> Answer:
        number, offset = len(moengage.stats.asked), asked.body.get("offset", 0)
        data = {name: moengage_campaign_stats() for name in lists[number - 1][offset : offset + 10]}
        return Answer(moengage_answer(data, total=12 if number <= 2 else 11, page=offset // 10 + 1, pages=2))

    moengage.stats._say = say

    assert "c11" in ids(read(LAST_DAY.build(), STREAM).succeeded())


@pytest.mark.parametrize("ids_of_a_call", [None, ["c1"]])
def test_a_day_whose_pages_never_end_is_given_up(moengage: MoEngage, ids_of_a_call: list[str] | None) -> None:
    def say(asked: Asked) -> Answer:
        page = len(moengage.stats.asked)
        return Answer(moengage_answer({"c1": moengage_campaign_stats()}, total=10, page=page, pages=page + 1))

    moengage.stats._say = say
    config = ConfigBuilder().with_setting("start_date", "2026-11-20").with_moengage(campaign_ids=ids_of_a_call).build()

    [message] = read(config, STREAM).errors_of(STREAM)

    assert "21 pages of a day in a row had no new campaign" in message
    assert len(moengage.stats.asked) < 100


def test_with_ids_a_total_that_counts_campaigns_without_numbers_costs_no_extra_call(moengage: MoEngage) -> None:
    """MoEngage documents that `total_campaigns` counts the ids in the request, so it can be more than are shown."""
    names = [f"c{number}" for number in range(5)]
    config = ConfigBuilder().with_setting("start_date", "2026-11-18").with_moengage(campaign_ids=names).build()
    moengage.stats.always = Answer(moengage_answer({"c1": moengage_campaign_stats()}, total=5))

    sync = read(config, STREAM).succeeded()

    assert ids(sync) == ["c1"] * 3
    assert sync.state(STREAM) == {"date": "2026-11-20"}
    assert len(moengage.stats.asked) == 3


# --- Days that are empty or missing -----------------------------------------------------------------------------------


WEEK = ConfigBuilder().with_setting("start_date", "2026-11-14").with_moengage()


def week(moengage: MoEngage, *days_with_rows: int) -> None:
    for number in days_with_rows:
        moengage.with_stats("c1", day=f"2026-11-{number}")


def test_an_empty_day_between_days_with_rows_is_asked_again(moengage: MoEngage) -> None:
    week(moengage, 15, 17, 18)

    sync = read(WEEK.build(), STREAM).succeeded()

    assert Counter(moengage.days_asked) == Counter({f"2026-11-{n}": 2 if n == 16 else 1 for n in range(14, 21)}), (
        "days before the first and after the last with rows are believed"
    )
    assert sync.state(STREAM) == {"date": "2026-11-20"}


def test_a_day_that_came_empty_once_is_not_lost(moengage: MoEngage) -> None:
    week(moengage, 15, 16, 17)
    say, empty = moengage.stats._say, [Answer(moengage_answer({}, total=0, pages=0))]
    moengage.stats._say = lambda asked: (
        empty.pop() if empty and asked.body["start_date"] == "2026-11-16" else say(asked)
    )

    sync = read(WEEK.build(), STREAM).succeeded()

    assert sorted(record["date"] for record in sync.records(STREAM)) == ["2026-11-15", "2026-11-16", "2026-11-17"]


@pytest.mark.parametrize("workers", [2, 20])
def test_no_state_says_that_a_day_was_read_before_it_is_believed(moengage: MoEngage, workers: int) -> None:
    week(moengage, 15, 17)

    sync = read(WEEK.with_setting("num_workers", workers).build(), STREAM).succeeded()

    confirmed = [n for n, asked in enumerate(moengage.stats.asked) if asked.body["start_date"] == "2026-11-16"][1]
    days = [state.get("date") for _, state in sync.states]
    assert days == sorted(days)
    assert confirmed >= 3
    assert "2026-11-16" not in days[: days.index("2026-11-15") + 1]


@pytest.mark.parametrize("answer", [Answer({"title": "Bad"}, status=400), Answer("", status=404), MAINTENANCE])
def test_a_day_that_breaks_for_good_stops_the_state_and_later_days_are_read(moengage: MoEngage, answer: Answer) -> None:
    moengage.with_stats("c1")
    say = moengage.stats._say
    moengage.stats._say = lambda asked: answer if asked.body["start_date"] == "2026-11-16" else say(asked)

    sync = read(WEEK.build(), STREAM)

    assert sorted(record["date"] for record in sync.records(STREAM)) == [
        f"2026-11-{n}" for n in (14, 15, 17, 18, 19, 20)
    ]
    assert sync.state(STREAM) == {"date": "2026-11-15"}
    [message] = sync.errors_of(STREAM)
    assert "2026-11-16" in message


def test_every_request_has_an_id_of_its_own(moengage: MoEngage) -> None:
    moengage.with_stats("c1")
    moengage.stats.first = [MAINTENANCE]

    read(WEEK.build(), STREAM).succeeded()

    ids_sent = [asked.body["request_id"] for asked in moengage.stats.asked]
    assert len(set(ids_sent)) == len(ids_sent) == 8


# --- Leaves -----------------------------------------------------------------------------------------------------------


def test_a_record_is_a_leaf_with_the_day_the_workspace_and_what_it_was_asked_with(moengage: MoEngage) -> None:
    assert leaf(moengage) == {
        "date": "2026-11-20",
        "workspace_id": WORKSPACE,
        "campaign_id": "c1",
        "platform": "android",
        "locale": "all_locales",
        "variation": "all_variations",
        "attribution_type": "TOTAL_CONVERSIONS",
        "metric_type": "TOTAL",
        "in_total": True,
        "attempted": 2,
        "sent": 2,
        "click": 4,
        "ctr": 200,
        "delivery_funnel": {"reachable_users_in_segment": 2, "sent": 2},
        "conversion_goal_stats": [{"goal_name": "Goal 1", "conversions": 0, "cvr": 0, "uplift": 0}],
        "failure_breakdown": [],
    }


def test_a_control_group_has_no_metrics_and_is_not_in_the_total(moengage: MoEngage) -> None:
    control = {
        "conversion_goal_stats": {},
        "delivery_funnel": {"reachable_users_in_segment": 0},
        "failure_breakdown": {"user_removed_due_to_campaing_control_group": 1},
    }
    stats = moengage_campaign_stats()
    stats[0]["platforms"]["android"]["locales"]["all_locales"]["variations"]["campaign_control_group"] = control
    moengage.every_day = {"c1": stats}

    records = {record["variation"]: record for record in read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)}

    assert set(records) == {"all_variations", "campaign_control_group"}
    assert {name: records["campaign_control_group"].get(name) for name in PERFORMANCE_STATS} == dict.fromkeys(
        PERFORMANCE_STATS
    )
    assert {name: record["in_total"] for name, record in records.items()} == {
        "all_variations": True,
        "campaign_control_group": False,
    }
    assert records["campaign_control_group"]["failure_breakdown"] == [
        {"reason": "user_removed_due_to_campaing_control_group", "count": 1}
    ]
    assert_fits_schema(STREAM, records.values())


def test_totals_and_parts_arrive_side_by_side_with_names_as_sent(moengage: MoEngage) -> None:
    one = moengage_campaign_stats()[0]["platforms"]["android"]["locales"]["all_locales"]["variations"]["all_variations"]
    variations = {"variations": {"all_variations": one, "Variation 1 / blue": one}}
    locales = {"locales": {"all_locale": variations, "fr": variations}}
    moengage.every_day = {"c1": [{"platforms": {"ALL_PLATFORMS": locales, "ANDROID": locales}}]}

    records = read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)

    found = {(record["platform"], record["locale"], record["variation"]) for record in records}
    assert len(records) == len(found) == 8
    assert ("ALL_PLATFORMS", "all_locale", "all_variations") in found
    assert ("ANDROID", "fr", "Variation 1 / blue") in found


def test_every_element_of_a_campaigns_list_is_read(moengage: MoEngage) -> None:
    moengage.every_day = {"c1": [*moengage_campaign_stats("android"), *moengage_campaign_stats("ios")]}

    records = read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)

    assert sorted(record["platform"] for record in records) == ["android", "ios"]


@pytest.mark.parametrize("name", ["Goal 1", "a.b/c", "1e5", "", "Ünïcode ✓", "sent", "__proto__"])
def test_a_goal_is_an_item_of_an_array_whatever_its_name(moengage: MoEngage, name: str) -> None:
    record = leaf(moengage, conversion_goal_stats={name: {"conversions": 3, "revenue": 1.5}, "other": {"cvr": 0.5}})

    assert record["conversion_goal_stats"] == [
        {"goal_name": name, "conversions": 3, "revenue": 1.5},
        {"goal_name": "other", "cvr": 0.5},
    ]


def test_a_failure_reason_is_an_item_of_an_array(moengage: MoEngage) -> None:
    record = leaf(moengage, failure_breakdown={"Invalid token": 3, "FC breached": 1})

    assert record["failure_breakdown"] == [
        {"reason": "Invalid token", "count": 3},
        {"reason": "FC breached", "count": 1},
    ]


def test_an_undocumented_metric_goes_to_other_metrics_and_stays_in_place_inside_objects(
    moengage: MoEngage,
) -> None:
    record = leaf(
        moengage,
        performance_stats={"sent": 3, "adjusted_open": 7, "by_hour": {"9": [1, 2]}},
        delivery_funnel={"after_magic": 1},
        conversion_goal_stats={"g": {"novelty": 2}},
    )

    assert (record["sent"], record["other_metrics"]) == (3, {"adjusted_open": 7, "by_hour": {"9": [1, 2]}})
    assert set(record) & {"adjusted_open", "by_hour", "performance_stats"} == set()
    assert record["delivery_funnel"] == {"after_magic": 1}
    assert record["conversion_goal_stats"] == [{"goal_name": "g", "novelty": 2}]


def test_every_documented_metric_is_a_column_and_nothing_else_is_left_over(moengage: MoEngage) -> None:
    numbers = {name: number for number, name in enumerate(PERFORMANCE_STATS, 1)}

    record = leaf(moengage, performance_stats=numbers)

    assert {name: record.get(name) for name in PERFORMANCE_STATS} == numbers
    assert "other_metrics" not in record


COLUMNS_OF_OURS = (
    *("workspace_id", "date", "campaign_id", "platform", "locale", "variation", "attribution_type", "metric_type"),
    *("in_total", "other_metrics", "delivery_funnel", "conversion_goal_stats", "failure_breakdown"),
)


@pytest.mark.parametrize("value", [7, None, "text", {"a": {"b": [1]}}])
def test_metrics_with_the_names_of_our_columns_overwrite_nothing(moengage: MoEngage, value: Any) -> None:
    usual = leaf(moengage, performance_stats={"sent": 2})
    named_like_ours = dict.fromkeys(COLUMNS_OF_OURS, value)

    assert leaf(moengage, performance_stats={"sent": 2} | named_like_ours) == usual | {"other_metrics": named_like_ours}


def test_an_undocumented_group_beside_the_performance_stats_is_kept_too(moengage: MoEngage) -> None:
    record = leaf(moengage, performance_stats={"sent": 2, "adjusted_open": 7}, carousel_stats={"slides": [1, 2]})

    assert record["other_metrics"] == {"carousel_stats": {"slides": [1, 2]}, "adjusted_open": 7}


@pytest.mark.parametrize(
    "performance",
    [{}, None, [], {"sent": None}, {"adjusted_open": 7}, {"ctr": None, "date": 3}],
    ids=lambda performance: json.dumps(performance),
)
def test_a_leaf_without_a_documented_metric_has_no_performance_stats(moengage: MoEngage, performance: Any) -> None:
    assert leaf(moengage, performance_stats=performance)["in_total"] is False


@pytest.mark.parametrize("performance", [{"sent": 0}, {"ctr": 0.0, "sent": None}, {"read": 1, "adjusted_open": None}])
def test_a_leaf_with_one_documented_metric_has_performance_stats(moengage: MoEngage, performance: Any) -> None:
    assert leaf(moengage, performance_stats=performance)["in_total"] is True


# --- What counts once -------------------------------------------------------------------------------------------------


def element(*leaves: str) -> dict[str, Any]:
    """An element with these leaves, `platform / locale / variation`; one that ends with ` -` has no performance."""
    platforms: dict[str, Any] = {}
    for text in leaves:
        platform, locale, variation = text.removesuffix(" -").split(" / ")
        locales = platforms.setdefault(platform, {"locales": {}})["locales"]
        variations = locales.setdefault(locale, {"variations": {}})["variations"]
        variations[variation] = {} if text.endswith(" -") else {"performance_stats": {"sent": 1}}
    return {"platforms": platforms}


def counted(moengage: MoEngage, *elements: dict[str, Any]) -> list[str]:
    """The leaves with `in_total`, of a campaign with these elements."""
    moengage.every_day = {"c1": list(elements)}
    records = read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)
    assert {type(record["in_total"]) for record in records} == {bool}
    return sorted(
        " / ".join(record[name] for name in ("platform", "locale", "variation"))
        for record in records
        if record["in_total"]
    )


# Written out by hand: the leaves of a campaign's day, those that count marked with a star.
TOTALS = {
    "a total of everything": ["* ALL_PLATFORMS / all_locales / all_variations", "ios / all_locales / all_variations"],
    "no total anywhere": ["* ios / en / A", "* ios / en / B", "* ios / fr / A", "* web / en / A"],
    "no total of the platforms": [
        "* ANDROID / all_locales / all_variations",
        "ANDROID / all_locales / A",
        "ANDROID / en / all_variations",
        "* ios / all_locales / all_variations",
    ],
    "no total of the locales": ["* ios / en / all_variations", "ios / en / A", "* ios / fr / all_variations"],
    "no total of the variations": ["* ios / all_locales / A", "* ios / all_locales / B", "ios / en / all_variations"],
    "a total in one locale only": ["* ios / en / all_variations", "ios / en / A", "* ios / fr / A", "* ios / fr / B"],
    "a total platform with less inside it than its parts": [
        "* ALL_PLATFORMS / en / A",
        "* ALL_PLATFORMS / fr / all_variations",
        "ALL_PLATFORMS / fr / A",
        "ios / all_locales / all_variations",
    ],
    "all_locales before all_locale": ["* ios / all_locales / all_variations", "ios / all_locale / all_variations"],
    "all_locale alone": ["* ios / all_locale / all_variations", "ios / en / all_variations"],
    "any case": [
        "* All_Platforms / ALL_Locales / All_variations",
        "All_Platforms / All_Locale / all_variations",
        "All_Platforms / ALL_Locales / A",
        "ios / all_locales / all_variations",
    ],
    "names that only look like totals": ["* all platforms / all_localess / all_variation", "* ios / en / A"],
    "a total without numbers is none": [
        "ALL_PLATFORMS / all_locales / all_variations -",
        "* ios / all_locales / A",
        "ios / all_locales / all_variations -",
        "* web / en / A",
        "web / all_locales / all_variations -",
    ],
    "a part without numbers is none": ["* ios / en / A", "ios / en / campaign_control_group -", "web / en / A -"],
    "nothing has numbers": ["ios / en / A -", "ALL_PLATFORMS / all_locales / all_variations -"],
}


@pytest.mark.parametrize("leaves", TOTALS.values(), ids=TOTALS)
@pytest.mark.parametrize("elements", [1, 2, 3])
def test_the_leaves_in_total_count_a_day_once_however_they_are_spread_over_the_elements(
    moengage: MoEngage, leaves: list[str], elements: int
) -> None:
    right = sorted(leaf.removeprefix("* ") for leaf in leaves if leaf.startswith("* "))
    plain = [leaf.removeprefix("* ") for leaf in leaves]

    assert counted(moengage, *(element(*plain[n::elements]) for n in range(elements))) == right


def test_the_total_of_one_campaign_says_nothing_about_another(moengage: MoEngage) -> None:
    moengage.every_day = {
        "c1": [element("ALL_PLATFORMS / en / A", "ios / en / A")],
        "c2": [element("ios / en / A")],
    }

    records = read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)

    found = {(record["campaign_id"], record["platform"]): record["in_total"] for record in records}
    assert found == {("c1", "ALL_PLATFORMS"): True, ("c1", "ios"): False, ("c2", "ios"): True}


def test_a_leaf_that_comes_twice_with_the_same_numbers_is_one(moengage: MoEngage) -> None:
    total = "ALL_PLATFORMS / all_locales / all_variations"

    assert counted(moengage, element(total, "ios / en / A"), element(total)) == [total]


def test_a_leaf_that_comes_twice_with_its_numbers_in_another_order_is_one(moengage: MoEngage) -> None:
    first, second = moengage_campaign_stats(), moengage_campaign_stats()
    [leaf] = [details for _, details in leaves(second)][:1]
    leaf["performance_stats"] = dict(reversed(leaf["performance_stats"].items()))
    moengage.every_day = {"c1": [*first, *second]}

    sync = read(LAST_DAY.build(), STREAM).succeeded()

    assert len(moengage.stats.asked) == 1
    assert len(sync.records(STREAM)) == len([*leaves(first)])


ODD = {
    "platform": ([{"platform": {"ios": {}}}], "platforms"),
    "a list": ([{"platforms": [{"locales": {}}]}], "platforms"),
    "a second element": ([{"platforms": {}}, {"platform": {"ios": {}}}], "platforms"),
    "no locales": ([{"platforms": {"ios": {"variations": {"A": {"performance_stats": {"sent": 1}}}}}}], "locales"),
    "no variations": ([{"platforms": {"ios": {"locales": {"en": {"performance_stats": {"sent": 1}}}}}}], "variations"),
    "a number": ([{"platforms": {"ios": {"locales": {"en": {"variations": {"A": 5}}}}}}], "variations"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_campaign_that_is_nested_in_another_way_is_not_read_as_one_without_rows(
    moengage: MoEngage, name: str
) -> None:
    elements, missing = ODD[name]
    moengage.every_day = {"c1": moengage_campaign_stats(), "c2": elements}

    sync = read(LAST_DAY.build(), STREAM)

    [message] = sync.errors_of(STREAM)
    assert re.search(f'"{missing}" holds (an object|an array|5) for the campaign c2 where an object', message)
    assert sync.state(STREAM) == {}


@pytest.mark.parametrize("nothing", [None, {}, []], ids=str)
def test_a_campaign_may_have_no_platform_locale_or_variation(moengage: MoEngage, nothing: Any) -> None:
    moengage.every_day = {
        "c1": [{"platforms": nothing}, {}],
        "c2": [{"platforms": {"ios": nothing, "web": {"locales": nothing}}}],
        "c3": [{"platforms": {"ios": {"locales": {"en": nothing, "fr": {"variations": nothing}}}}}],
        "c4": moengage_campaign_stats(),
    }

    assert {*ids(read(LAST_DAY.build(), STREAM).succeeded())} == {"c4"}


def test_a_value_that_does_not_fit_is_told_with_its_campaign(moengage: MoEngage) -> None:
    moengage.with_stats("c1").with_stats("c2", performance_stats={"sent": "-"})

    [message] = read(LAST_DAY.build(), STREAM).errors_of(STREAM)

    assert 'The column "sent" holds the text "-" for the campaign c2 where a whole number belongs.' in message


def test_a_leaf_that_comes_twice_with_a_number_that_no_computer_holds_is_told_by_its_column(moengage: MoEngage) -> None:
    total = "ALL_PLATFORMS / all_locales / all_variations"
    answer = moengage_answer({"c1": [element(total), element(total)]}, total=1)
    body = json.dumps(answer).replace('"sent": 1', '"sent": 1e400')
    moengage.stats.always = Answer(body)

    [message] = read(LAST_DAY.build(), STREAM).errors_of(STREAM)

    assert 'The column "sent" holds 1e400 for the campaign c1 where' in message
    assert len(moengage.stats.asked) == 2


def test_a_leaf_that_comes_twice_with_other_numbers_is_a_contradiction(moengage: MoEngage) -> None:
    total = "ALL_PLATFORMS / all_locales / all_variations"
    answer = moengage_answer({"c0": [element(total)], "c1": [element(total), element(f"{total} -")]}, total=2)
    moengage.stats.always = Answer(answer)

    sync = read(LAST_DAY.build(), STREAM)

    assert "two elements with other values" in sync.errors_of(STREAM)[0]
    assert len(moengage.stats.asked) == 8


@pytest.mark.parametrize("total_later", [True, False])
def test_a_campaign_that_comes_on_two_pages_is_taken_from_the_last(moengage: MoEngage, total_later: bool) -> None:
    """The list moved and the numbers changed in between: parts and total of two answers would count the day twice."""
    parts, whole = element("ios / en / A"), element("ios / en / A", "ALL_PLATFORMS / all_locales / all_variations")
    first, second = (parts, whole) if total_later else (whole, parts)
    names = [f"c{number:02}" for number in range(11)]
    usual = dict.fromkeys(names[:9], moengage_campaign_stats())
    pages = [usual | {"c09": [first]}, {"c09": [second], "c10": moengage_campaign_stats()}]
    moengage.stats.first = [
        Answer(moengage_answer(page, total=11, page=number, pages=2)) for number, page in enumerate(pages, 1)
    ]

    records = read(LAST_DAY.build(), STREAM).succeeded().records(STREAM)

    found = {record["platform"]: record["in_total"] for record in records if record["campaign_id"] == "c09"}
    assert found == ({"ios": False, "ALL_PLATFORMS": True} if total_later else {"ios": True})
    assert {record["campaign_id"] for record in records} == set(names)


# --- Attribution and metric type --------------------------------------------------------------------------------------


def test_attribution_and_metric_type_are_sent_and_become_columns(moengage: MoEngage) -> None:
    config = ConfigBuilder().with_setting("start_date", "2026-11-20")
    config.with_moengage(attribution_type="VIEW_THROUGH", metric_type="UNIQUE")
    moengage.with_stats("c1")

    record = read(config.build(), STREAM).succeeded().only(STREAM)

    body = moengage.stats.asked[0].body
    assert (body["attribution_type"], body["metric_type"]) == ("VIEW_THROUGH", "UNIQUE")
    assert (record["attribution_type"], record["metric_type"]) == ("VIEW_THROUGH", "UNIQUE")


# --- Incremental ------------------------------------------------------------------------------------------------------


def test_the_state_is_put_out_after_each_day_and_never_goes_back(moengage: MoEngage) -> None:
    moengage.with_stats("c1")

    states = [state["date"] for name, state in read(CONFIG, STREAM).succeeded().states if "date" in state]

    assert states == sorted(states)
    assert states[-1] == "2026-11-20"
    assert len(set(states)) > 3, "otherwise an interrupted backfill starts again"


def test_with_a_state_the_lookback_and_the_new_days_are_asked(moengage: MoEngage) -> None:
    moengage.with_stats("c1")

    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-18"}}).succeeded()

    assert moengage.days_asked == days_between("2026-11-15", "2026-11-20")
    assert sync.state(STREAM) == {"date": "2026-11-20"}


@pytest.mark.parametrize("lookback", [0, 1, 7])
@pytest.mark.parametrize("has_rows", [True, False], ids=["with rows", "without rows"])
def test_a_week_of_daily_syncs_with_one_missed_leaves_no_gap(
    moengage: MoEngage, clock: FrozenDateTimeFactory, lookback: int, has_rows: bool
) -> None:
    if has_rows:
        moengage.with_stats("c1")
    config = ConfigBuilder().with_moengage(lookback_days=lookback).build()
    state: dict[str, Any] = {}
    asked: list[list[str]] = []
    for today in ("2026-11-21", "2026-11-22", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"):
        clock.move_to(f"{today}T03:00:00Z")
        moengage.stats.asked.clear()

        sync = read(config, STREAM, state={STREAM: state} if state else None).succeeded()

        state = sync.state(STREAM)
        asked.append(moengage.days_asked)
    assert sorted({of for days in asked for of in days}) == days_between("2026-11-01", "2026-11-26")
    for before, after in itertools.pairwise(asked):
        overlap = len(set(before) & set(after))
        assert lookback <= overlap <= lookback + 2, f"overlap of {overlap} days: {before} {after}"


def test_a_day_that_is_never_answered_stops_the_state_before_it(moengage: MoEngage) -> None:
    moengage.with_stats("c1")
    say = moengage.stats._say
    moengage.stats._say = lambda asked: MAINTENANCE if asked.body["start_date"] == "2026-11-10" else say(asked)

    sync = read(CONFIG, STREAM)

    assert sync.failure is not None
    assert sync.state(STREAM) == {"date": "2026-11-09"}, "the state stays before the missing day"
    assert len(sync.errors_of(STREAM)) == 1


def test_after_a_failure_the_next_sync_from_the_printed_state_misses_no_day(moengage: MoEngage) -> None:
    moengage.with_stats("c1")
    say = moengage.stats._say
    moengage.stats._say = lambda asked: MAINTENANCE if asked.body["start_date"] == "2026-11-10" else say(asked)
    first = read(CONFIG, STREAM)
    moengage.stats._say = say

    second = read(CONFIG, STREAM, state={STREAM: first.state(STREAM)}).succeeded()

    dates = {record["date"] for sync in (first, second) for record in sync.records(STREAM)}
    assert sorted(dates) == days_between("2026-11-01", "2026-11-20")


@pytest.mark.parametrize(
    "state",
    [{"date": "2026-11-18"}, {"use_global_cursor": True, "state": {"date": "2026-11-18"}, "lookback_window": 1}],
    ids=["ours", "global cursor"],
)
def test_states_of_every_known_shape_are_read(moengage: MoEngage, state: dict[str, Any]) -> None:
    read(CONFIG, STREAM, state={STREAM: state}).succeeded()

    assert moengage.days_asked[-6:] == days_between("2026-11-15", "2026-11-20")
    assert len(moengage.days_asked) <= 7


def test_a_start_date_of_today_reads_nothing(moengage: MoEngage) -> None:
    config = ConfigBuilder().with_setting("start_date", "2026-11-21").with_moengage().build()

    sync = read(config, STREAM).succeeded()

    assert (moengage.stats.asked, sync.records(STREAM)) == ([], [])


def test_today_is_read_when_it_is_included_and_read_again_tomorrow(
    moengage: MoEngage, clock: FrozenDateTimeFactory
) -> None:
    config = ConfigBuilder().with_setting("include_today", True).with_moengage(lookback_days=0).build()
    state = read(config, STREAM).succeeded().state(STREAM)
    assert moengage.days_asked[-1] == "2026-11-21"
    moengage.stats.asked.clear()
    clock.move_to("2026-11-22T12:00:00Z")

    read(config, STREAM, state={STREAM: state}).succeeded()

    assert moengage.days_asked == ["2026-11-21", "2026-11-22"]


def test_switching_today_off_again_keeps_the_state(moengage: MoEngage) -> None:
    sync = read(CONFIG, STREAM, state={STREAM: {"date": "2026-11-21"}}).succeeded()

    assert moengage.days_asked == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert sync.state(STREAM) == {"date": "2026-11-21"}


@pytest.mark.parametrize(("time_zone", "last"), [("Pacific/Kiritimati", "2026-11-21"), ("Etc/GMT+12", "2026-11-20")])
def test_the_time_zone_decides_what_yesterday_is(moengage: MoEngage, time_zone: str, last: str) -> None:
    read(ConfigBuilder().with_setting("timezone", time_zone).with_moengage().build(), STREAM).succeeded()

    assert moengage.days_asked == days_between("2026-11-01", last)


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "words"), [(401, "Settings > Account > APIs"), (403, "enable")])
def test_a_refused_key_ends_the_stream_with_one_error(moengage: MoEngage, status: int, words: str) -> None:
    moengage.stats.always = Answer({"title": "No", "description": None, "code": "x"}, status=status)

    sync = read(ConfigBuilder().with_setting("num_workers", 4).with_moengage().build(), STREAM)

    [message] = sync.errors_of(STREAM)
    assert words in message
    assert len(moengage.stats.asked) <= 5
    assert sync.state(STREAM) == {}


@pytest.mark.parametrize(
    "body",
    [
        MAINTENANCE.body,
        NULL.body,
        "",
        [],
        {},
        {"total_campaigns": 0, "current_page": 1, "total_pages": 1},
        moengage_answer({}, total=0) | {"data": None},
        moengage_answer({}, total=0) | {"total_campaigns": None},
        moengage_answer({}, total=0) | {"total_pages": "1"},
        moengage_answer({}, total=3),
        moengage_answer({"c1": None}, total=1),  # type: ignore[dict-item]
        moengage_answer({"c1": {}}, total=1),  # type: ignore[dict-item]
    ],
    ids=lambda body: json.dumps(body)[-60:],
)
def test_one_answer_that_is_not_the_documented_one_is_survived(moengage: MoEngage, body: Any) -> None:
    moengage.with_stats("c1")
    moengage.stats.first = [Answer(body)]

    assert ids(read(LAST_DAY.build(), STREAM).succeeded()) == ["c1"]


def test_a_sync_outlasts_the_limit_of_a_minute(moengage: MoEngage, waits: list[float]) -> None:
    moengage.with_stats("c1")
    moengage.stats.first = [Answer("", status=429)] * 6

    assert ids(read(LAST_DAY.build(), STREAM).succeeded()) == ["c1"]
    assert sum(waits) > 60, waits


def test_a_wait_that_is_too_long_ends_the_stream_and_is_named(moengage: MoEngage, waits: list[float]) -> None:
    moengage.stats.always = Answer("", status=429, headers={"Retry-After": "3600"})

    sync = read(LAST_DAY.build(), STREAM)

    assert "3600 seconds" in sync.errors_of(STREAM)[0]
    assert sum(waits) < 60
