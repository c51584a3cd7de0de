"""Reads all streams at once with the CDK's workers; the queue before the output is short and in order."""

import copy
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, Future
from queue import Empty, Full, Queue, SimpleQueue
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStreamStatus, FailureType, Type
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.partitions.types import QueueItem
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import LastWords, traced

# 20 times 250 kB of lines may wait for the output, to keep memory flat. The CDK lets 10,000 items wait.
_ITEMS_IN_QUEUE = 20
# The CDK keeps 10,000 finished tasks. At most 40 are under way, one for each worker.
_TASKS_KEPT = 500
_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_SIGNS = 240
_SECONDS_BETWEEN_LOOKS_AT_PROGRESS = 5
# In: a function that says whether nothing waits for the output. Out: a state that is due, or None.
DueState = Callable[[Callable[[], bool]], AirbyteMessage | None]


class SyncEndedError(Exception):
    """The reader of the sync stopped, so the workers stop too."""


class _ShortQueue(Queue[QueueItem]):
    """A queue that releases waiting workers when nobody takes from it any more."""

    is_given_up = False

    def __init__(self, sign_of_life: Callable[[], AirbyteMessage | None]) -> None:
        super().__init__(maxsize=_ITEMS_IN_QUEUE)
        self._sign_of_life = sign_of_life

    def get(self, block: bool = True, timeout: float | None = None) -> QueueItem:
        """The next item; before it a state, if a stream has printed none for long."""
        while True:
            if sign := self._sign_of_life():
                return sign
            try:
                return super().get(block, _SECONDS_BETWEEN_LOOKS_AT_PROGRESS)
            except Empty:
                continue

    def put(self, item: QueueItem, block: bool = True, timeout: float | None = None) -> None:
        while not self.is_given_up:
            try:
                return super().put(item, block, _SECONDS_BETWEEN_LOOKS if block else None)
            except Full:
                if not block:
                    raise
        raise SyncEndedError


class OutputQueue(InMemoryMessageRepository):
    """What waits for the output: records, states and log messages of all streams, in the order they were made in.

    The CDK's own repository takes messages through a buffer that all threads share: another thread can take a state
    out of it and print it before its records. Here a worker's message goes straight into the queue, behind the
    worker's records.
    """

    def __init__(self) -> None:
        super().__init__()
        self.items = _ShortQueue(self._sign_of_life)
        # The states of the streams that are read, as they were printed last, and when that was.
        self._states: dict[str, tuple[AirbyteMessage, float]] = {}
        self._progress: dict[str, DueState] = {}
        # Repeated while only lists are still read.
        self._last_state: tuple[AirbyteMessage, float] | None = None
        self._consumer = threading.get_ident()
        self._of_the_consumer: deque[AirbyteMessage] = deque()

    def is_consumed_here(self) -> None:
        """Notes that the calling thread takes the next item; a program can take each item in another thread."""
        self._consumer = threading.get_ident()

    def is_about(self, streams: Collection[str]) -> None:
        """Only these streams are read."""
        self._states = {name: state for name, state in self._states.items() if name in streams}

    def tells_progress(self, stream: str, progress: DueState) -> None:
        """While the stream is read, `progress` is asked repeatedly for a state that says more than the last one."""
        self._progress[stream] = progress

    def begins_with(self, stream: str, state: AirbyteMessage) -> None:
        """The state that a stream has before its first own one."""
        self._states[stream] = state, time.monotonic()

    def hears(self, message: AirbyteMessage) -> None:
        """Notes what is printed: a state is then the last one of its stream, and a finished stream repeats no state."""
        if message.type == Type.STATE and message.state and message.state.stream:
            name = message.state.stream.stream_descriptor.name
            if name in self._states:
                self._states[name] = message, time.monotonic()
                self._last_state = self._states[name]
        elif message.type == Type.TRACE and message.trace and (status := message.trace.stream_status):
            is_done = status.status in (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)
            if is_done:
                self._states.pop(status.stream_descriptor.name, None)

    def _sign_of_life(self) -> AirbyteMessage | None:
        """A newer state that is due, or the last one again of a stream that printed none for long; None if neither.

        A platform ends a sync that is silent for too long.
        """
        now = time.monotonic()
        for stream in self._states:
            # What waits in the queue comes before any newer state.
            if (progress := self._progress.get(stream)) and (newer := progress(self.items.empty)):
                return newer
        for stream, (state, printed_at) in self._states.items():
            if now >= printed_at + _SECONDS_BETWEEN_SIGNS:
                self._states[stream] = self._last_state = state, now
                return copy.deepcopy(state)
        if not self._states and self._last_state and now >= self._last_state[1] + _SECONDS_BETWEEN_SIGNS:
            self._last_state = self._last_state[0], now
            return copy.deepcopy(self._last_state[0])
        return None

    def give_up(self) -> None:
        """Lets waiting workers go, because nobody takes an item any more."""
        self.items.is_given_up = True

    def emit_message(self, message: AirbyteMessage) -> None:
        if threading.get_ident() == self._consumer:
            # The last state of a stream whose records are out: it comes before the status that ends the stream.
            self._of_the_consumer.append(message)
        else:
            self.items.put(message)

    def consume_queue(self) -> Iterable[AirbyteMessage]:
        while self._of_the_consumer:
            yield self._of_the_consumer.popleft()


class _Workers(Executor):
    """Daemon threads: at the end of a process, Python would wait for those of the standard library's pool."""

    def __init__(self, number: int) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._number = number
        for position in range(number):
            threading.Thread(target=self._work, name=f"workerpool_{position}", daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def task() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._tasks.put(task)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers when what was submitted is done, without waiting for them."""
        for _ in range(self._number):
            self._tasks.put(None)

    def _work(self) -> None:
        while task := self._tasks.get():
            task()


class _QuietLogger(logging.Logger):
    """The log of the CDK's engine without its counts of records: it would count many lines as one record.

    Its warnings and errors stay. Only a defect of this program is logged with a stack trace.
    """

    def __init__(self) -> None:
        super().__init__("airbyte.concurrent_source", logging.WARNING)
        self.parent = logging.getLogger("airbyte")

    def exception(self, msg: object, *args: object, exc_info: Any = True, **kwargs: Any) -> None:
        if getattr(exc_info, "failure_type", FailureType.system_error) == FailureType.system_error:
            super().exception(msg, *args, exc_info=exc_info, **kwargs)


def read_concurrently(streams: list[AbstractStream], workers: int, output: OutputQueue) -> Iterator[AirbyteMessage]:
    """The messages of all streams as they come; any thread may ask for the next one.

    If streams failed, raises one error at the end that names them. The reason of each is a message before that.
    A caller that stops before the end closes the iterator or ends the process.
    """
    logger, number = _QuietLogger(), len(streams)
    output.is_about([stream.name for stream in streams])
    pool = _Workers(workers)
    messages = iter(
        ConcurrentSource(
            threadpool=ThreadPoolManager(pool, logger, max_concurrent_tasks=_TASKS_KEPT),  # type: ignore[arg-type]
            logger=logger,
            queue=output.items,
            message_repository=output,
            # These hand out slices; the other half of the workers reads them.
            initial_number_partitions_to_generate=max(workers // 2, 1),
        ).read(streams)
    )
    failures: dict[str, FailureType | None] = {}
    last_words: list[AirbyteMessage] = []
    try:
        while True:
            output.is_consumed_here()
            message = next(messages, None)
            if message is None:
                yield from last_words
                return
            if isinstance(message, LastWords):
                last_words.append(AirbyteMessage(type=message.type, trace=message.trace))
            output.hears(message)
            if message.type == Type.TRACE and message.trace and (error := message.trace.error):
                stream = error.stream_descriptor.name if error.stream_descriptor else ""
                failures[stream] = error.failure_type
            if not isinstance(message, LastWords):
                yield message
    except AirbyteTracedException as error:
        yield from last_words
        raise verdict(failures, number) if failures else error from None
    finally:
        output.give_up()
        pool.shutdown()


def verdict(failures: dict[str, FailureType | None], streams: int) -> AirbyteTracedException:
    """The last error of a sync. The CDK's own quotes Python's exceptions and calls each a configuration error."""
    for kind in (FailureType.system_error, FailureType.config_error):
        if kind in failures.values():
            break
    else:
        kind = FailureType.transient_error
    return traced(
        f"{len(failures)} of {streams} streams were not read to their end: {', '.join(failures)}. The reason of each "
        "stands before this message.",
        kind,
    )
