"""Ids in the settings that no list has: a sync and `check` log them, and fail if there are no other ids."""

from typing import Any

import pytest
from airbyte_cdk.models import Status

from unit_tests.builders import (
    ANDROID_KEY,
    IOS_KEY,
    Answer,
    BatchCep,
    BatchLegacy,
    ConfigBuilder,
    MoEngage,
    app,
    check,
    day,
    legacy_campaign,
    moengage_campaign,
    orchestration,
    read,
)

LIST, STATS = "moengage_campaigns", "moengage_campaign_stats"


def moengage_of(*ids: str) -> dict[str, Any]:
    return ConfigBuilder().with_setting("start_date", "2026-11-19").with_moengage(campaign_ids=list(ids)).build()


def told(logs: list[str]) -> list[str]:
    return [line for line in logs if "no list has" in line or "no rows came" in line]


@pytest.mark.parametrize("streams", [[LIST, STATS], [LIST]])
def test_an_id_that_the_list_does_not_have_is_logged(moengage: MoEngage, streams: list[str]) -> None:
    moengage.with_campaigns(moengage_campaign("c1"), moengage_campaign("quiet")).with_stats("c1")

    sync = read(moengage_of("c1", "quiet", "wrong"), *streams).succeeded()

    [line] = told(sync.logs)
    assert line.startswith('"Campaign ids" of "MoEngage": no list has wrong.')


def test_without_the_list_in_the_sync_an_id_without_rows_is_logged_and_costs_no_request(moengage: MoEngage) -> None:
    moengage.with_stats("c1")

    sync = read(moengage_of("c1", "wrong"), STATS).succeeded()

    assert '"Campaign ids" of "MoEngage": no rows came for wrong' in told(sync.logs)[0]
    assert moengage.list.asked == []


def test_old_campaigns_without_new_rows_do_not_make_each_sync_read_the_list(moengage: MoEngage) -> None:
    moengage.with_campaigns(moengage_campaign("old"))

    sync = read(moengage_of("old"), STATS, state={STATS: {"date": "2026-11-19"}}).succeeded()

    assert moengage.list.asked == []
    assert told(sync.logs) == [
        '"Campaign ids" of "MoEngage": no rows came for old. Check these ids if you expect some.'
    ]


def test_a_sync_of_right_ids_logs_nothing_and_asks_nothing_more(moengage: MoEngage) -> None:
    moengage.with_stats("c1", "c2")

    sync = read(moengage_of("c1", "c2"), STATS).succeeded()

    assert (told(sync.logs), moengage.list.asked) == ([], [])


@pytest.mark.parametrize("streams", [[STATS], [LIST], [LIST, STATS]])
def test_a_sync_of_nothing_but_unknown_ids_fails(moengage: MoEngage, streams: list[str]) -> None:
    moengage.with_campaigns(moengage_campaign("c1")).with_stats("c1")

    sync = read(moengage_of("wrong", "worse"), *streams)

    [message] = sync.errors
    assert 'any of the ids in "Campaign ids" of "MoEngage"' in message
    assert sync.errors_of(streams[-1]) == [message]
    assert sync.status(streams[-1]) == "INCOMPLETE", "the statuses say the same as the exit code"
    assert streams[-1] in str(sync.failure)
    assert "Traceback" not in sync.everything


@pytest.mark.parametrize(("number", "told_of"), [(20, "x18, x19. "), (21, "x18, x19 and 1 more. ")])
def test_a_line_names_at_most_twenty_ids(cep: BatchCep, number: int, told_of: str) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-20"))
    ids = [f"x{n:02}" for n in range(number)]

    sync = read(ConfigBuilder().with_batch(skip_orchestration_ids=ids).build(), "orchestration_stats").succeeded()

    [line] = told(sync.logs)
    assert told_of in line


def test_a_sync_of_campaigns_that_are_quiet_succeeds(moengage: MoEngage) -> None:
    moengage.with_campaigns(moengage_campaign("quiet"))

    assert told(read(moengage_of("quiet"), STATS).succeeded().logs) == []


def test_an_orchestration_to_skip_that_does_not_exist_is_logged(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2")).with_days("o1", day("2026-11-20"))

    sync = read(ConfigBuilder().with_batch(skip_orchestration_ids=["o2", "o3"]).build(), "orchestration_stats")

    assert told(sync.succeeded().logs) == [
        '"Orchestrations to skip" of "Batch": no list has o3. Check these ids in the vendor\'s dashboard.'
    ]


def test_a_campaign_to_skip_that_does_not_exist_is_logged(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2"))

    sync = read(ConfigBuilder().with_legacy(skip_campaign_tokens=["c2", "c3"]).build(), "legacy_campaign_stats")

    assert told(sync.succeeded().logs) == [
        '"Campaigns to skip" of "Batch MEP (legacy)": no list has c3. Check these ids in the vendor\'s dashboard.'
    ]


def test_a_token_that_the_list_of_its_app_does_not_have_is_logged(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"), legacy_campaign("c2", live=False), key=IOS_KEY)
    legacy.with_campaigns(legacy_campaign("c9"), key=ANDROID_KEY)
    apps = app("iOS", IOS_KEY, "c1", "c2", "c9"), app("Android", ANDROID_KEY)

    sync = read(ConfigBuilder().with_legacy(*apps).build(), "legacy_campaigns").succeeded()

    assert told(sync.logs) == [
        '"Campaign tokens" of the app "iOS": no list has c9. Check these ids in the vendor\'s dashboard.'
    ]


def test_a_sync_that_failed_logs_unknown_ids_too(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.days["wrong"] = Answer("", status=404)

    sync = read(
        ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "c1", "wrong")).build(),
        "legacy_campaigns",
        "legacy_campaign_stats",
    )

    assert sync.failure is not None
    assert '"Campaign tokens" of the app "iOS": no list has wrong' in told(sync.logs)[0]


def test_a_list_of_nothing_but_unknown_tokens_fails(legacy: BatchLegacy) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))

    sync = read(ConfigBuilder().with_legacy(app("iOS", IOS_KEY, "wrong")).build(), "legacy_campaigns")

    assert '"Campaign tokens" of the app "iOS"' in sync.errors_of("legacy_campaigns")[0]
    assert sync.status("legacy_campaigns") == "INCOMPLETE"


def test_check_looks_ids_up(moengage: MoEngage, cep: BatchCep, caplog: pytest.LogCaptureFixture) -> None:
    moengage.with_campaigns(moengage_campaign("c1"))
    cep.with_orchestrations(orchestration("o1"))
    config = ConfigBuilder().with_moengage(campaign_ids=["c1", "wrong"]).with_batch(skip_orchestration_ids=["o3"])

    assert check(config.build()).status == Status.SUCCEEDED
    assert [line.partition(": ")[2].partition(".")[0] for line in told(caplog.messages)] == [
        "no list has o3",
        "no list has wrong",
    ]


def test_check_refuses_nothing_but_unknown_ids(moengage: MoEngage) -> None:
    moengage.with_campaigns(moengage_campaign("c1"))

    status = check(moengage_of("wrong"))

    assert status.status == Status.FAILED
    assert '"Campaign ids" of "MoEngage"' in str(status.message)


def test_a_list_that_can_not_be_read_decides_nothing(moengage: MoEngage) -> None:
    moengage.list.always = Answer("", status=500)

    assert check(moengage_of("c1")).status == Status.SUCCEEDED
