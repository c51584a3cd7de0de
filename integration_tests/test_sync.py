"""Whole syncs have every row of the truth, once per key, with the newest numbers of the vendor."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest

from integration_tests.conftest import STREAMS, World
from integration_tests.process import FAST, FAST_SPEED, command_with, run
from integration_tests.sandbox import PRIMARY_KEYS, Fault, Sandbox, make_account

DAY = timedelta(days=1)


def test_spec_check_and_discover_answer_as_the_protocol_says(world: World) -> None:
    specification = run("spec", None, {})
    check = run("check", world.config, world.sandbox.environment)
    discovered = run("discover", world.config, world.sandbox.environment)
    assert any(message["type"] == "SPEC" for message in specification.messages)
    assert check.connection_status == {"status": "SUCCEEDED"}
    assert [stream["name"] for stream in discovered.catalog["streams"]] == list(STREAMS)
    assert (specification.exit_code, check.exit_code, discovered.exit_code) == (0, 0, 0)


def test_a_check_sends_one_small_request_for_each_credential(world: World) -> None:
    run("check", world.config, world.sandbox.environment)
    asked = Counter(request.endpoint for request in world.sandbox.requests)
    groups = [len(app.get("transactional_group_ids", ())) for app in world.config["batch_legacy"]["apps"]]
    pages = [request for request in world.sandbox.requests if request.endpoint != "legacy_transactional_stats"]
    sizes = [request.query.get("limit") or request.body["limit"] for request in pages]
    windows = {(*one.query["since"], *one.query["until"]) for one in world.sandbox.calls("legacy_transactional_stats")}
    assert groups == [2, 2, 0]
    assert asked == {"batch_list": 1, "legacy_list": 3, "legacy_transactional_stats": 4, "moengage_stats": 1}
    assert {str(size) for size in sizes} <= {"['1']", "1"}
    assert windows == {(str(world.last_day), str(world.account.today))}


def test_a_first_sync_has_every_row_and_reads_each_list_once(world: World) -> None:
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output)
    assert len(world.sandbox.calls("batch_list")) == 1
    # For each app two pages (one with items, one that shows the end) of each half, and of the first half again.
    assert len(world.sandbox.calls("legacy_list")) == 3 * 2 * len(world.config["batch_legacy"]["apps"])
    assert not [request for request in world.sandbox.requests if request.status != 200]
    for state in output.states.values():
        assert len(str(state)) < 300


def test_totals_of_every_kind_and_undocumented_metrics_are_as_in_the_truth() -> None:
    account = make_account(seed=12, days=25, orchestrations=24, legacy_campaigns=8, moengage_campaigns=30, density=0.9)
    statistics = tuple(name for name in STREAMS if name.endswith("_stats"))
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=20)
        output = run("read", world.config, sandbox.environment, streams=statistics, executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output, statistics)
    assert all(any("other_metrics" in row for row in output.records(name)) for name in statistics)
    assert {row["in_total"] for row in output.records("moengage_campaign_stats")} == {True, False}


def test_restated_and_new_days_come_with_the_next_sync(world: World) -> None:
    first = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    world.sandbox.restate(world.first_day, world.last_day, fraction=0.5)
    second = run("read", world.config, world.sandbox.environment, streams=STREAMS, state=first.states, executable=FAST)
    assert second.exit_code == 0
    assert not world.faults(second)
    assert {str(row) for row in first.records("orchestration_stats")} != {
        str(row) for row in second.records("orchestration_stats")
    }


@pytest.mark.parametrize("group", ["batch", "batch_legacy", "moengage"])
def test_a_vendor_alone_has_its_streams_and_all_their_rows(world: World, group: str) -> None:
    world.config = {"start_date": world.config["start_date"], group: world.config[group]}
    discovered = run("discover", world.config, world.sandbox.environment)
    names = tuple(stream["name"] for stream in discovered.catalog["streams"])
    output = run("read", world.config, world.sandbox.environment, streams=names, executable=FAST)
    assert len(names) == (3 if group == "batch_legacy" else 2)
    assert output.exit_code == 0
    assert not world.faults(output, names)


def test_filters_in_the_settings_are_honoured(world: World) -> None:
    app = world.sandbox.expected("legacy_campaign_stats", world.first_day, world.last_day, world.config)[0]
    settings = next(item for item in world.config["batch_legacy"]["apps"] if item["name"] == app["app"])
    settings["campaign_tokens"] = [app["campaign_token"]]
    settings["transactional_group_ids"] = ["order/confirm é"]
    orchestrations = world.sandbox.expected("orchestration_stats", world.first_day, world.last_day, world.config)
    world.config["batch"]["skip_orchestration_ids"] = [orchestrations[0]["orchestration_id"]]
    campaigns = world.sandbox.expected("moengage_campaigns", world.first_day, world.last_day, world.config)
    # Eleven ids take two calls a day.
    world.config["moengage"] |= {
        "campaign_ids": [campaign["campaign_id"] for campaign in campaigns[:11]],
        "attribution_type": "CLICK_THROUGH",
        "metric_type": "UNIQUE",
    }
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    assert not world.faults(output)
    assert all(len(request.body["campaign_ids"]) <= 10 for request in world.sandbox.calls("moengage_stats"))


@pytest.mark.parametrize("counting", ["found", "asked"])
def test_a_day_has_every_row_however_the_vendor_counts_campaigns_without_numbers(counting: str) -> None:
    account = make_account(seed=3, days=12, moengage_campaigns=14, density=0.4, moengage_total=counting)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=10)
        campaigns = sandbox.expected("moengage_campaigns", world.first_day, world.last_day, world.config)
        world.config["moengage"]["campaign_ids"] = [campaign["campaign_id"] for campaign in campaigns[:12]]
        output = run("read", world.config, sandbox.environment, streams=["moengage_campaign_stats"], executable=FAST)
        assert output.exit_code == 0, output.text[-3000:]
        assert not world.faults(output, ("moengage_campaign_stats",))
        # Twelve ids take two calls a day. Each call is one page, whatever the total counts.
        assert len(sandbox.calls("moengage_stats")) == 10 * 2


def test_lists_that_move_while_they_are_paged_give_each_item_once() -> None:
    account = make_account(seed=5, days=10, orchestrations=130, legacy_campaigns=[120, 2, 2], moengage_campaigns=33)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=4)
        for endpoint in ("batch_list", "legacy_list", "moengage_campaigns", "moengage_stats"):
            sandbox.inject(Fault("grow", endpoint, skip=1))
        output = run("read", world.config, sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0, output.text[-3000:]
    for stream in STREAMS:
        rows = [str(sorted(row.items())) for row in output.records(stream)]
        assert len(rows) == len(set(rows)), f"{stream}: {Counter(rows).most_common(1)}"
    assert not world.faults(output, tuple(name for name in STREAMS if name.endswith("_stats")))


def test_a_week_of_daily_syncs_with_one_missed_asks_every_day_and_reads_the_lookback_again() -> None:
    account = make_account(seed=9, days=40, orchestrations=16, legacy_campaigns=2, moengage_campaigns=6, density=0.2)
    lookback = {"batch": 5, "moengage": 3}
    with Sandbox(account) as sandbox:
        config = sandbox.config(start_date=(account.today - 20 * DAY).isoformat())
        for group, days in lookback.items():
            config[group]["lookback_days"] = days
        state, last_asked = None, {}
        for n in (0, 1, 2, 4, 5, 6):
            today = account.today + n * DAY
            sandbox.add_day(0 if n == 0 else 2 if n == 4 else 1)
            sandbox.clear()
            output = run(
                "read",
                config,
                sandbox.environment,
                streams=STREAMS,
                state=state,
                executable=command_with(day=f"{today}T05:00:00", speed=FAST_SPEED),
            )
            assert output.exit_code == 0, output.text[-3000:]
            asked = {
                "moengage": sorted({request.body["start_date"] for request in sandbox.calls("moengage_stats")}),
                "batch": sorted(
                    {
                        day
                        for request in sandbox.calls("batch_stats")
                        for day in (*request.query["from"], *request.query["to"])
                    }
                ),
            }
            for vendor, days in asked.items():
                first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
                assert last == today - DAY, f"{vendor} asked for {days}"
                if vendor in last_asked:
                    overlap = (last_asked[vendor] - first).days + 1
                    assert overlap == lookback[vendor] + 1, f"{vendor} asked for {days}"
                last_asked[vendor] = last
            moengage_days = [date.fromisoformat(day) for day in asked["moengage"]]
            assert all(later - earlier == DAY for earlier, later in pairwise(moengage_days))
            state = output.states


def test_an_account_without_campaigns_asks_only_the_lookback_and_the_new_days() -> None:
    account = make_account(seed=2, days=20, orchestrations=0, legacy_campaigns=0, moengage_campaigns=0)
    with Sandbox(account) as sandbox:
        config = sandbox.config(start_date=(account.today - 15 * DAY).isoformat())
        config["moengage"]["lookback_days"] = 2
        first = run("read", config, sandbox.environment, streams=STREAMS, executable=FAST)
        asked_first = len(sandbox.calls("moengage_stats"))
        sandbox.clear()
        second = run("read", config, sandbox.environment, streams=STREAMS, state=first.states, executable=FAST)
        asked_second = len(sandbox.calls("moengage_stats"))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert asked_first == 15
    assert asked_second == 3


def test_a_campaign_that_appears_later_arrives_with_all_its_days_inside_the_lookback() -> None:
    today = date.today()
    account = make_account(seed=4, today=today, horizon=today - 4 * DAY, days=30, orchestrations=12)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=10)
        first = run("read", world.config, sandbox.environment, streams=STREAMS, executable=FAST)
        sandbox.add_day(3)
        second = run("read", world.config, sandbox.environment, streams=STREAMS, state=first.states, executable=FAST)
        assert (first.exit_code, second.exit_code) == (0, 0)
        found = {row["orchestration_id"] for row in second.records("orchestration_stats")}
        assert found - {row["orchestration_id"] for row in first.records("orchestration_stats")}
        statistics = tuple(name for name in STREAMS if name.endswith("_stats"))
        known = {stream: first.records(stream) + second.records(stream) for stream in statistics}
        for stream in statistics:
            newest = {}
            for row in known[stream]:
                newest[tuple(row[column] for column in PRIMARY_KEYS[stream])] = row
            expected = sandbox.expected(stream, world.first_day, world.last_day, world.config)
            assert len(newest) == len(expected), stream


def test_a_sync_asks_only_for_orchestrations_that_can_have_rows() -> None:
    account = make_account(seed=8, days=60, orchestrations=20, old_orchestrations=300)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=50)
        first = run(
            "read",
            world.config,
            sandbox.environment,
            streams=("orchestrations", "orchestration_stats"),
            executable=FAST,
        )
        asked = len(sandbox.calls("batch_stats"))
        assert first.exit_code == 0
        assert not world.faults(first, ("orchestration_stats", "orchestrations"))
        assert asked <= 20
        assert any("320 orchestrations, the others can have no rows" in line for line in first.logs)
        assert len(sandbox.calls("batch_list")) == 4


def test_a_start_before_the_six_months_that_batch_keeps_is_moved_and_the_log_says_so() -> None:
    account = make_account(seed=6, days=220, orchestrations=12, legacy_campaigns=2, moengage_campaigns=2)
    with Sandbox(account) as sandbox:
        config = sandbox.config(start_date=(account.today - 215 * DAY).isoformat())
        output = run(
            "read",
            config,
            sandbox.environment,
            streams=("orchestration_stats", "legacy_campaign_stats"),
            executable=FAST,
        )
        assert output.exit_code == 0, output.text[-3000:]
        [said] = [line for line in output.logs if "keeps no older statistics" in line]
        first_asked = date.fromisoformat(sandbox.calls("batch_stats")[0].query["from"][0])
        expected = sandbox.expected("orchestration_stats", first_asked, account.today - DAY, config)
        assert str(first_asked) in said
        assert 2 <= (first_asked - account.batch_floor).days <= 7
        assert len(output.records("orchestration_stats")) == len(expected)


def test_two_workers_read_everything_too(world: World) -> None:
    world.config["num_workers"] = 2
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, executable=FAST)
    assert output.exit_code == 0
    assert not world.faults(output)


@pytest.mark.parametrize(("include_today", "last"), [(False, 1), (True, 0)])
def test_the_last_day_is_yesterday_in_the_time_zone_unless_today_is_included(
    world: World, include_today: bool, last: int
) -> None:
    # At 23:30 UTC it is already the next day in Tokyo.
    today = world.account.today
    world.config |= {"timezone": "Asia/Tokyo", "include_today": include_today}
    clock = command_with(day=f"{today - DAY}T23:30:00")
    run("read", world.config, world.sandbox.environment, streams=["moengage_campaign_stats"], executable=clock)
    asked = max(request.body["start_date"] for request in world.sandbox.calls("moengage_stats"))
    assert asked == str(today - last * DAY)


def test_a_long_time_of_transactional_messages_is_asked_in_windows_and_the_next_sync_asks_only_the_lookback() -> None:
    stream = "legacy_transactional_stats"
    account = make_account(seed=21, days=400, orchestrations=0, legacy_campaigns=1, moengage_campaigns=0)
    with Sandbox(account) as sandbox:
        world = World(sandbox, account, days=390)
        world.config["batch_legacy"]["lookback_days"] = 0
        first = run("read", world.config, sandbox.environment, streams=[stream], executable=FAST)
        windows = [(*one.query["since"], *one.query["until"]) for one in sandbox.calls("legacy_transactional_stats")]
        assert first.exit_code == 0, first.text[-3000:]
        assert not world.faults(first, (stream,))
        assert Counter(windows) == dict.fromkeys(windows_of(world.first_day, world.last_day), 4)
        sandbox.clear()
        sandbox.restate(world.last_day, world.last_day, fraction=1.0)
        second = run("read", world.config, sandbox.environment, streams=[stream], state=first.states, executable=FAST)
        world.first_day = world.last_day
        assert not world.faults(second, (stream,))
        windows = [(*one.query["since"], *one.query["until"]) for one in sandbox.calls("legacy_transactional_stats")]
        assert Counter(windows) == {(str(world.last_day), str(account.today)): 4}


def windows_of(first: date, last: date) -> list[tuple[str, str]]:
    """The windows of many days: 178 days each, and the rest."""
    starts = [first + n * DAY for n in range(0, (last - first).days + 1, 178)]
    return [(str(start), str(min(start + 177 * DAY, last))) for start in starts]
