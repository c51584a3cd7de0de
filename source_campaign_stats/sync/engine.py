"""All streams read at once by the CDK's workers, with what waits for the output kept short and in order."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue

from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.partitions.types import QueueItem

# As much may wait for the output as keeps memory flat: 20 times 250 kB of lines. The CDK lets 10,000 items wait.
_ITEMS_IN_QUEUE = 20
# The CDK keeps 10,000 finished tasks; never more than the 40 workers' are under way.
_TASKS_KEPT = 500

# The CDK counts lines as one record, and calls what it does itself the sync: our own lines tell both. Its warnings and
# errors stay.
_CDK_LOGGER = logging.getLogger("airbyte.concurrent_source")
_CDK_LOGGER.setLevel(logging.WARNING)


class OutputQueue(InMemoryMessageRepository):
    """What waits for the output: records, states and log messages of all streams, in the order they were made in.

    The CDK's own repository takes messages through a buffer that all threads share: another thread can take a state
    out of it and print it before its records. Here a worker's message goes straight into the queue, behind the
    worker's records.
    """

    def __init__(self) -> None:
        super().__init__()
        self.items: Queue[QueueItem] = Queue(maxsize=_ITEMS_IN_QUEUE)
        self._consumer = threading.get_ident()
        self._of_the_consumer: deque[AirbyteMessage] = deque()

    def emit_message(self, message: AirbyteMessage) -> None:
        if threading.get_ident() != self._consumer:
            self.items.put(message)
            return
        try:
            self.items.put_nowait(message)
        except Full:
            # Only the consumer makes place in the queue: it would wait for itself.
            self._of_the_consumer.append(message)

    def consume_queue(self) -> Iterable[AirbyteMessage]:
        while self._of_the_consumer:
            yield self._of_the_consumer.popleft()


def read_concurrently(streams: list[AbstractStream], workers: int, output: OutputQueue) -> Iterator[AirbyteMessage]:
    """The messages of all streams, as they come; the thread that made `output` has to take them."""
    return ConcurrentSource(
        threadpool=ThreadPoolManager(
            ThreadPoolExecutor(max_workers=workers, thread_name_prefix="workerpool"),
            _CDK_LOGGER,
            max_concurrent_tasks=_TASKS_KEPT,
        ),
        logger=_CDK_LOGGER,
        queue=output.items,
        message_repository=output,
        # The other half reads what these hand out.
        initial_number_partitions_to_generate=max(workers // 2, 1),
    ).read(streams)
