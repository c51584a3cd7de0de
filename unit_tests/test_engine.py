"""Any thread may take the next message of a sync, and no thread waits for itself."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteStreamStatus,
    FailureType,
    Level,
    StreamDescriptor,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.stream_status_utils import as_airbyte_message as stream_status_as_airbyte_message
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import SaidLastError, transient_error
from source_campaign_stats.sync import engine
from source_campaign_stats.sync.engine import OutputQueue, SyncEndedError, read_concurrently
from unit_tests.builders import state_of

MESSAGE = AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=Level.INFO, message="x"))


def in_a_thread(job: Any) -> bool:
    """Whether the job is done within a few seconds."""
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_each_message_may_be_taken_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    output = OutputQueue()

    class Source:
        """Emits more than the queue takes, in the thread that asks, as the CDK does when a stream is done."""

        def __init__(self, **_: Any) -> None: ...

        def read(self, _: Any) -> Iterator[AirbyteMessage]:
            for _ in range(3):
                for _ in range(50):
                    output.emit_message(MESSAGE)
                yield MESSAGE

    monkeypatch.setattr(engine, "ConcurrentSource", Source)
    messages = read_concurrently([], 2, output)

    assert all(in_a_thread(lambda: next(messages)) for _ in range(3))


def test_a_worker_is_let_go_when_nobody_takes_its_messages_any_more() -> None:
    output, ended = OutputQueue(), []

    def work() -> None:
        try:
            while True:
                output.emit_message(MESSAGE)
        except SyncEndedError:
            ended.append(True)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    output.give_up()
    worker.join(5)

    assert ended == [True]


# --- Signs of life and last words -------------------------------------------------------------------------------------


def state_message(day: str) -> AirbyteMessage:
    states = ConnectorStateManager(state=state_of({"stats": {"date": day}}))
    return states.create_state_message("stats", None)


def day_of(message: Any) -> str:
    return str(message.state.stream.stream_state.date)


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds on the clock; the last one is now."""
    passed = [0.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: passed[-1])
    return passed


def test_a_stream_that_is_silent_for_long_repeats_its_state(seconds: list[float]) -> None:
    output = OutputQueue()
    output.begins_with("stats", state_message("2026-11-18"))
    seconds.append(239)
    output.items.put(MESSAGE)
    assert output.items.get() is MESSAGE

    seconds.append(240)
    assert day_of(output.items.get()) == "2026-11-18"

    output.hears(state_message("2026-11-19"))
    seconds.append(480)
    output.items.put(MESSAGE)
    assert day_of(output.items.get()) == "2026-11-19", "the state that was printed last, before whatever waits"
    assert output.items.get() is MESSAGE


def test_a_state_that_says_more_comes_before_a_repeated_one(seconds: list[float]) -> None:
    output = OutputQueue()
    output.begins_with("stats", state_message("2026-11-18"))
    newer = [state_message("2026-11-19")]
    output.tells_progress("stats", lambda nothing_waits: newer.pop() if newer and nothing_waits() else None)
    output.items.put(MESSAGE)
    assert output.items.get() is MESSAGE, "what waits comes first"

    assert day_of(output.items.get()) == "2026-11-19"


@pytest.mark.parametrize("status", [AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE])
def test_unfinished_streams_repeat_their_state_and_after_all_are_finished_the_last_one_is_repeated(
    seconds: list[float], status: AirbyteStreamStatus
) -> None:
    output = OutputQueue()
    output.begins_with("stats", state_message("2026-11-18"))
    output.begins_with("other", state_message("2026-11-10"))
    output.hears(state_message("2026-11-19"))
    output.hears(stream_status_as_airbyte_message(StreamDescriptor(name="stats"), status))
    seconds.append(1000)
    assert day_of(output.items.get()) == "2026-11-10"
    output.items.put(MESSAGE)
    assert output.items.get() is MESSAGE, "the other stream has just repeated its state"

    output.hears(stream_status_as_airbyte_message(StreamDescriptor(name="other"), status))
    seconds.append(2000)
    assert day_of(output.items.get()) == "2026-11-10", (
        "only lists are still read: the last state that was printed is repeated"
    )


def test_a_stream_that_is_not_read_repeats_no_state(seconds: list[float]) -> None:
    output = OutputQueue()
    output.begins_with("stats", state_message("2026-11-18"))
    output.is_about(["other"])
    seconds.append(1000)
    output.items.put(MESSAGE)

    assert output.items.get() is MESSAGE


@pytest.mark.parametrize("fails", [True, False])
def test_errors_about_single_campaigns_come_after_all_others(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    last = SaidLastError("stats: c1 is missing", FailureType.config_error)
    first = transient_error("list: gave up").as_airbyte_message(StreamDescriptor(name="list"))

    class Source:
        def __init__(self, **_: Any) -> None: ...

        def read(self, _: Any) -> Iterator[AirbyteMessage]:
            yield last.as_airbyte_message(StreamDescriptor(name="stats"))
            yield first
            yield MESSAGE
            if fails:
                raise transient_error("the streams failed")

    monkeypatch.setattr(engine, "ConcurrentSource", Source)
    messages = []
    with pytest.raises(AirbyteTracedException, match="stats, list") if fails else nullcontext():
        for message in read_concurrently([], 2, OutputQueue()):
            messages.append(message)

    told = [message.trace.error.message for message in messages if message.trace and message.trace.error]
    assert told == ["list: gave up", "stats: c1 is missing"]
    assert {type(message) for message in messages} == {AirbyteMessage}, "the serializer takes no subclass"
