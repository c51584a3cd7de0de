"""Stream `legacy_campaigns`: the campaigns of each app of Batch MEP."""

from collections.abc import Callable

import pytest

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
    legacy_campaign,
    read,
)

STREAM = "legacy_campaigns"
CONFIG = ConfigBuilder().with_legacy().build()
TWO_APPS = ConfigBuilder().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY)).build()


def keys(sync: Sync) -> list[tuple[str, str]]:
    return sorted((record["app"], record["campaign_token"]) for record in sync.records(STREAM))


def test_one_page_is_read_whole(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"))

    assert keys(read(CONFIG, STREAM).succeeded()) == [("iOS", "c1"), ("iOS", "c2")]


def test_several_pages_are_read_by_offset(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(250)))

    sync = read(CONFIG, STREAM).succeeded()

    assert len(sync.records(STREAM)) == 250
    live = [asked for asked in legacy.list.asked if asked.param("live") == "true"]
    assert [asked.param("from") for asked in live] == ["0", "99", "198", "249"]
    assert {asked.param("limit") for asked in live} == {"100"}


def by_page(legacy: BatchLegacy, change: Callable[[int, Asked], None]) -> None:
    """Before page number n of the live half is answered, `change` is called with n and what is asked."""
    say, count = legacy.list._say, iter(range(1, 1000))

    def changing(asked: Asked) -> Answer:
        if asked.param("live") == "true":
            change(next(count), asked)
        return say(asked)

    legacy.list._say = changing


def test_a_campaign_that_moved_up_to_a_page_that_was_read_is_not_lost(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(250)))
    by_page(legacy, lambda page, _: legacy.campaigns[IOS_KEY].pop(3) if page == 2 else None)

    found = keys(read(CONFIG, STREAM).succeeded())

    assert {token for _, token in found} == {f"c{number:03}" for number in range(250)}


def test_campaigns_that_come_in_at_the_head_only_repeat_others(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(250)))
    by_page(legacy, lambda page, _: legacy.campaigns[IOS_KEY].insert(0, legacy_campaign("new")) if page == 2 else None)

    found = keys(read(CONFIG, STREAM).succeeded())

    assert {token for _, token in found} == {"new", *(f"c{number:03}" for number in range(250))}
    assert legacy.list.params("live").count("true") == 5, "the head is read again, and nothing else"


@pytest.mark.parametrize("hidden", [0, 50, 98, 99])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_an_item_that_one_page_hides_is_not_lost(legacy: BatchLegacy, page: int, hidden: int) -> None:
    """A replica that lags does not have the item yet: this page is too short, and all others are whole."""
    campaigns = [legacy_campaign(f"c{number:03}") for number in range(290)]
    legacy.with_campaigns(*campaigns)

    def hide(number: int, asked: Asked) -> None:
        place = int(asked.param("from") or 0) + hidden
        legacy.campaigns[IOS_KEY] = [*campaigns[:place], *campaigns[place + 1 :]] if number == page else campaigns

    by_page(legacy, hide)

    found = keys(read(CONFIG, STREAM).succeeded())

    assert {token for _, token in found} == {campaign["campaign_token"] for campaign in campaigns}


@pytest.mark.parametrize("was_live", [True, False])
def test_a_campaign_that_changes_halves_while_they_are_read_is_not_lost(legacy: BatchLegacy, was_live: bool) -> None:
    changing = legacy_campaign("changing", live=was_live)
    legacy.with_campaigns(legacy_campaign("live"), legacy_campaign("stopped", live=False), changing)
    by_page(legacy, lambda page, _: changing.update(live=not was_live))

    found = keys(read(CONFIG, STREAM).succeeded())

    assert sorted(token for _, token in found) == ["changing", "live", "stopped"]


@pytest.mark.parametrize("live", ["true", "false"])
def test_an_empty_page_is_believed_when_it_comes_twice(legacy: BatchLegacy, live: str, waits: list[float]) -> None:
    legacy.with_campaigns(legacy_campaign("live"), legacy_campaign("stopped", live=False))
    say, empty = legacy.list._say, iter([Answer([])])
    legacy.list._say = lambda asked: next(empty, say(asked)) if asked.param("live") == live else say(asked)

    found = keys(read(CONFIG, STREAM).succeeded())

    assert sorted(token for _, token in found) == ["live", "stopped"]
    assert 5 in waits


def test_a_list_that_moves_twice_is_read_a_third_time(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(150)))
    by_page(legacy, lambda page, _: legacy.campaigns[IOS_KEY].pop(0) if page in (2, 4) else None)

    found = keys(read(CONFIG, STREAM).succeeded())

    assert {token for _, token in found} == {f"c{number:03}" for number in range(150)}


def test_a_list_that_never_stops_moving_is_an_error(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(600)))
    by_page(legacy, lambda _, asked: legacy.campaigns[IOS_KEY].pop(0) if asked.param("from") != "0" else None)

    sync = read(CONFIG, STREAM)

    assert "moved each time" in sync.errors_of(STREAM)[0]
    assert len(legacy.list.asked) < 20


def test_a_last_page_that_is_full_is_read(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(100)))

    assert len(read(CONFIG, STREAM).succeeded().records(STREAM)) == 100


def test_an_app_without_campaigns_has_no_records(legacy: BatchLegacy) -> None:
    assert keys(read(CONFIG, STREAM).succeeded()) == []


def test_live_campaigns_and_those_that_are_not_are_both_asked_for(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("on", live=True), legacy_campaign("off", live=False))

    assert keys(read(CONFIG, STREAM).succeeded()) == [("iOS", "off"), ("iOS", "on")]


def test_each_app_is_asked_with_its_own_key(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), key=IOS_KEY)
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"), key=ANDROID_KEY)

    sync = read(TWO_APPS, STREAM).succeeded()

    assert keys(sync) == [("Android", "c1"), ("Android", "c2"), ("iOS", "c1")]
    assert {asked.headers["X-Authorization"] for asked in legacy.list.asked} == {LEGACY_KEY}


@pytest.mark.parametrize("key", ["1e5000000000000000000007", "1_000", "0123456789", "None1"])
def test_a_key_that_looks_like_a_number_is_sent_verbatim(legacy: BatchLegacy, key: str) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", key), rest_api_key=f"0{key[::-1]}").build()
    legacy.with_campaigns(legacy_campaign("c1"), key=key)

    read(config, STREAM).succeeded()

    assert {asked.path for asked in legacy.list.asked} == {f"/1.1/{key}/campaigns/list"}
    assert legacy.list.asked[0].headers["X-Authorization"] == f"0{key[::-1]}"


@pytest.mark.parametrize("name", ["1e5", "007", 'It\'s "ours"', "{{ config }}", "[1, 2]", "Été ☀", "None", "True"])
def test_an_app_may_have_any_name(legacy: BatchLegacy, name: str) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))

    sync = read(ConfigBuilder().with_legacy(app(name, IOS_KEY)).build(), STREAM).succeeded()

    assert keys(sync) == [(name, "c1")]


def test_a_record_is_the_campaign_and_the_name_of_its_app_but_never_its_key(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1", push_time="2026-10-02T10:00:00"))

    sync = read(CONFIG, STREAM).succeeded()

    assert sync.only(STREAM) == {
        "app": "iOS",
        "campaign_token": "c1",
        "name": "Name of c1",
        "created_date": "2026-10-01T14:38:19Z",
        "push_time": "2026-10-02T10:00:00Z",
        "live": True,
        "dev_only": False,
        "from_api": False,
    }
    assert_fits_schema(STREAM, sync.records(STREAM))
    assert IOS_KEY not in sync.everything


def test_a_token_that_looks_like_a_number_stays_text(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("123456789012345678901e23"))

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["campaign_token"] == "123456789012345678901e23"


def test_campaigns_in_dev_mode_are_listed(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1", dev_only=True))

    assert keys(read(CONFIG, STREAM).succeeded()) == [("iOS", "c1")]


def test_an_undocumented_field_passes_through(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1", novelty=[1]))

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["novelty"] == [1]


def test_a_campaign_that_a_new_one_shifts_to_the_next_page_is_one_record(legacy: BatchLegacy) -> None:
    campaigns = [legacy_campaign(f"c{number:03}") for number in range(120)]
    legacy.with_campaigns(*campaigns)
    say = legacy.list._say

    def shifting(asked: object) -> Answer:
        answer = say(asked)  # type: ignore[arg-type]
        if len(legacy.list.asked) == 1:
            legacy.with_campaigns(legacy_campaign("new"), *campaigns)
        return answer

    legacy.list._say = shifting
    config = ConfigBuilder().with_setting("num_workers", 2).with_legacy().build()

    tokens = [record["campaign_token"] for record in read(config, STREAM).succeeded().records(STREAM)]

    assert len(tokens) == len(set(tokens)), "a campaign came twice"
    assert {campaign["campaign_token"] for campaign in campaigns} <= set(tokens)


def test_a_campaign_in_both_halves_is_one_record(legacy: BatchLegacy) -> None:
    legacy.list.always = Answer([legacy_campaign("c1")])

    assert keys(read(CONFIG, STREAM).succeeded()) == [("iOS", "c1")]


def test_with_campaign_tokens_only_those_are_listed(legacy: BatchLegacy) -> None:
    config = ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "c2"), app("Android", ANDROID_KEY)).build()
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"))
    legacy.with_campaigns(legacy_campaign("c1"), key=ANDROID_KEY)

    assert keys(read(config, STREAM).succeeded()) == [("Android", "c1"), ("iOS", "c2")]


def test_a_configured_campaign_behind_a_page_of_others_is_found(legacy: BatchLegacy) -> None:
    """The page is full although the filter leaves nothing of it, so it is not the last one."""
    legacy.with_campaigns(*(legacy_campaign(f"c{number:03}") for number in range(150)))

    sync = read(ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "c149")).build(), STREAM).succeeded()

    assert keys(sync) == [("iOS", "c149")]


@pytest.mark.parametrize(
    "answer",
    [MAINTENANCE, NULL, Answer(""), Answer({}), Answer([{"name": "no token"}]), Answer("", status=502)],
    ids=lambda answer: f"{answer.status} {answer.body!r:.40}",
)
def test_one_answer_that_is_not_the_documented_one_is_survived(legacy: BatchLegacy, answer: Answer) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.list.first = [answer]

    assert keys(read(CONFIG, STREAM).succeeded()) == [("iOS", "c1")]


@pytest.mark.parametrize(("status", "words"), [(401, '"Live API key"'), (403, "API_MISUSE"), (404, '"Live API key"')])
def test_a_refused_list_says_what_to_correct_and_is_asked_at_most_twice(
    legacy: BatchLegacy, status: int, words: str
) -> None:
    legacy.list.always = Answer({"code": 10, "message": "no"}, status=status)

    sync = read(ConfigBuilder().with_setting("num_workers", 2).with_legacy().build(), STREAM)

    [message] = sync.errors_of(STREAM)
    assert words in message
    assert len(legacy.list.asked) <= 2


def test_a_refused_app_is_named(legacy: BatchLegacy) -> None:
    say = legacy.list._say
    legacy.list._say = lambda asked: Answer("", status=401) if ANDROID_KEY in asked.path else say(asked)

    sync = read(TWO_APPS, STREAM)

    assert "Android" in sync.errors_of(STREAM)[0], sync.errors
    assert ANDROID_KEY not in sync.everything
