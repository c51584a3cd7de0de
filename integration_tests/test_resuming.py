"""After a killed sync, or from an odd state, the next sync loses no row."""

import json

import pytest

from integration_tests.conftest import STREAMS, World
from integration_tests.process import FAST, Output, run, run_until_killed
from integration_tests.sandbox import PRIMARY_KEYS, Fault

STATISTICS = tuple(name for name in STREAMS if name.endswith("_stats"))


def committed(output: Output, stream: str) -> list[dict[str, object]]:
    """The records that a destination has committed: those before the last state of the stream."""
    positions = [
        n
        for n, message in enumerate(output.messages)
        if message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream
    ]
    last = positions[-1] if positions else 0
    return [
        message["record"]["data"]
        for message in output.messages[:last]
        if message["type"] == "RECORD" and message["record"]["stream"] == stream
    ]


@pytest.mark.parametrize("lines", [30, 90, 150, 220])
def test_a_killed_sync_and_the_next_one_have_every_row_between_them(world: World, lines: int) -> None:
    killed = run_until_killed(world.config, world.sandbox.environment, lines, streams=STREAMS)
    following = run(
        "read", world.config, world.sandbox.environment, streams=STREAMS, state=killed.states, executable=FAST
    )
    assert killed.exit_code != 0
    assert following.exit_code == 0
    for stream in STATISTICS:
        key = PRIMARY_KEYS[stream]
        rows = committed(killed, stream) + following.records(stream)
        found = {tuple(row.get(name) for name in key) for row in rows}
        expected = world.sandbox.expected(stream, world.first_day, world.last_day, world.config)
        assert found == {tuple(row[name] for name in key) for row in expected}, stream


def test_moengage_goes_on_at_the_day_that_was_not_read(world: World) -> None:
    world.config["num_workers"] = 2
    blocked = world.first_day.fromordinal(world.first_day.toordinal() + 3).isoformat()
    refused = Fault("401", "moengage_stats", times=None, match=lambda request: request.body["start_date"] == blocked)
    world.sandbox.inject(refused)
    output = run("read", world.config, world.sandbox.environment, streams=["moengage_campaign_stats"], executable=FAST)
    kept = output.states["moengage_campaign_stats"]["stream"]["stream_state"]["date"]
    world.sandbox.clear_faults()
    world.sandbox.clear()
    world.config["moengage"]["lookback_days"] = 0
    following = run(
        "read",
        world.config,
        world.sandbox.environment,
        streams=["moengage_campaign_stats"],
        state=output.states,
        executable=FAST,
    )
    assert str(world.first_day) <= kept < blocked
    assert following.exit_code == 0
    assert min(request.body["start_date"] for request in world.sandbox.calls("moengage_stats")) == kept


def state_of(stream: str, blob: dict[str, object]) -> dict[str, dict[str, object]]:
    descriptor = {"name": stream}
    return {stream: {"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": blob}}}


@pytest.mark.parametrize("stream", STATISTICS)
def test_a_state_far_ahead_is_refused_before_any_request(world: World, stream: str) -> None:
    state = state_of(stream, {"date": "2999-01-01"})
    output = run("read", world.config, world.sandbox.environment, streams=[stream], state=state, executable=FAST)
    assert output.exit_code == 1
    assert output.errors[0]["failure_type"] == "config_error"
    assert "refresh the stream" in output.errors[0]["message"]
    assert not world.sandbox.requests


@pytest.mark.parametrize("stream", STATISTICS)
def test_from_a_state_of_tomorrow_the_last_whole_days_are_read_and_the_state_stays(world: World, stream: str) -> None:
    for group in ("batch", "batch_legacy", "moengage"):
        world.config[group]["lookback_days"] = 1
    tomorrow = world.account.today.fromordinal(world.account.today.toordinal() + 1)
    state = state_of(stream, {"date": str(tomorrow)})
    output = run("read", world.config, world.sandbox.environment, streams=[stream], state=state, executable=FAST)
    assert output.exit_code == 0
    assert max(row["date"] for row in output.records(stream)) == str(world.last_day)
    assert output.states[stream]["stream"]["stream_state"] == {"date": str(tomorrow)}


@pytest.mark.parametrize("stream", STATISTICS)
@pytest.mark.parametrize(
    "shape",
    [
        '{"date": "DAY"}',
        '{"use_global_cursor": true, "state": {"date": "DAY"}, "lookback_window": 1}',
        '{"date": "DAYT00:00:00.000000Z"}',
    ],
)
def test_each_shape_of_state_that_was_ever_written_is_read(world: World, stream: str, shape: str) -> None:
    for group in ("batch", "batch_legacy", "moengage"):
        world.config[group]["lookback_days"] = 1
    state = state_of(stream, json.loads(shape.replace("DAY", str(world.last_day))))
    output = run("read", world.config, world.sandbox.environment, streams=[stream], state=state, executable=FAST)
    days = {row["date"] for row in output.records(stream)}
    assert output.exit_code == 0
    assert days
    assert min(days) >= str(world.last_day.fromordinal(world.last_day.toordinal() - 1))
    assert output.states[stream]["stream"]["stream_state"] == {"date": str(world.last_day)}


def test_an_empty_state_reads_everything(world: World) -> None:
    state = state_of("moengage_campaign_stats", {}) | state_of("legacy_campaign_stats", {"date": ""})
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, state=state, executable=FAST)
    assert output.exit_code == 0
    assert not world.faults(output)


def test_a_state_of_an_unknown_stream_is_refused(world: World) -> None:
    state = state_of("a_stream_that_is_gone", {"date": "2026-01-01"})
    output = run("read", world.config, world.sandbox.environment, streams=STREAMS, state=state, executable=FAST)
    assert output.exit_code == 1
    assert "a_stream_that_is_gone" in output.errors[0]["message"]
    assert not world.sandbox.requests


def test_a_state_without_a_date_says_to_refresh_the_stream(world: World) -> None:
    state = state_of("moengage_campaign_stats", {"date": "soon"})
    output = run(
        "read",
        world.config,
        world.sandbox.environment,
        streams=["moengage_campaign_stats"],
        state=state,
        executable=FAST,
    )
    assert output.exit_code != 0
    assert "Refresh the stream" in output.errors[0]["message"]
