"""Who takes the messages of a sync: any thread, one after the other, and nobody waits for itself."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type

from source_campaign_stats.sync import engine
from source_campaign_stats.sync.engine import OutputQueue, SyncEndedError, read_concurrently

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
        """Emits more than the queue takes, as the CDK does when a stream is done: in the thread that asks."""

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
