"""What waits for the output: in order, bounded, and nobody waits for itself."""

import threading

from airbyte_cdk.models import AirbyteLogMessage, AirbyteMessage, Level, Type

from source_campaign_stats.sync.engine import OutputQueue


def message(text: str) -> AirbyteMessage:
    return AirbyteMessage(Type.LOG, log=AirbyteLogMessage(Level.INFO, text))


def full_queue() -> OutputQueue:
    output = OutputQueue()
    while not output.items.full():
        output.emit_message(message("before"))
    return output


def test_a_workers_message_goes_behind_what_the_worker_put_into_the_queue_before() -> None:
    output = OutputQueue()

    def work() -> None:
        for text in ("record", "state"):
            output.emit_message(message(text))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(5)

    assert [output.items.get_nowait() for _ in range(2)] == [message("record"), message("state")]
    assert list(output.consume_queue()) == []


def test_a_worker_waits_for_a_place_so_that_memory_stays_flat() -> None:
    output = full_queue()
    worker = threading.Thread(target=lambda: output.emit_message(message("after")), daemon=True)
    worker.start()
    worker.join(0.2)
    assert worker.is_alive(), "it did not wait"

    output.items.get()
    worker.join(5)

    assert not worker.is_alive()


def test_the_thread_that_empties_the_queue_never_waits_for_itself() -> None:
    output = full_queue()

    output.emit_message(message("a state at the end"))

    assert list(output.consume_queue()) == [message("a state at the end")]
    assert list(output.consume_queue()) == []
