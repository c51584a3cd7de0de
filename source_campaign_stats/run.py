"""The command line: `source-campaign-stats spec | check | discover | read`, as Airbyte runs it."""

import ctypes
import gc
import logging
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from typing import Any, cast

import requests
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessage, ConnectorSpecification
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor
from airbyte_cdk.sources.declarative import concurrent_declarative_source

from source_campaign_stats.configuration import complaint
from source_campaign_stats.errors import config_error
from source_campaign_stats.lines import RecordLinesMessage
from source_campaign_stats.redaction import RedactingStream
from source_campaign_stats.source import SourceCampaignStats

# glibc's numbers (malloc.h) for M_ARENA_MAX, M_MMAP_THRESHOLD (its highest value) and M_TRIM_THRESHOLD.
_ONE_HEAP = {-8: 1, -3: 32 * 1024 * 1024, -1: 100_000_000}


class Entrypoint(AirbyteEntrypoint):
    """Airbyte's entrypoint, which tells what is wrong with the settings in our words instead of a validator's."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        # The CDK's validator quotes the whole group of a vendor, keys included, where one setting of it is wrong.
        if problem := complaint(config, source_spec.connectionSpecification):
            raise config_error(problem)

    def read(self, *arguments: Any) -> Iterator[AirbyteMessage]:
        """The messages that still have to be made lines; those that are lines are printed, in their place."""
        for message in super().read(*arguments):
            if isinstance(message, RecordLinesMessage):
                sys.stdout.write(message.lines.text)
                # The CDK's buffer would gather a tenth of a second of them, and copy that three times.
                sys.stdout.flush()
            else:
                yield message

    @staticmethod
    def handle_record_counts(
        message: AirbyteMessage, stream_message_count: defaultdict[HashableStreamDescriptor, float]
    ) -> AirbyteMessage:
        """A state tells Airbyte how many records came before it."""
        if isinstance(message, RecordLinesMessage):
            stream_message_count[HashableStreamDescriptor(name=message.lines.stream_name)] += message.lines.count
            return message
        return AirbyteEntrypoint.handle_record_counts(message, stream_message_count)


def run(arguments: list[str] | None = None) -> None:
    """Runs one command; the process ends with a code other than 0 when it could not do all of it."""
    try:
        _run(arguments)
    except Exception:
        try:
            sys.excepthook(*sys.exc_info())
            sys.stdout.flush()
        finally:
            # Workers that wait for a reader of their records would keep the process alive for ever.
            os._exit(1)


def _run(arguments: list[str] | None) -> None:
    for stream in (sys.stdout, sys.stderr):
        # The protocol is UTF-8, whatever the machine's locale says.
        cast(TextIOWrapper, stream).reconfigure(encoding="utf-8")
    _keep_one_heap()
    # Records are trees: looking for cycles among them took a tenth of the CPU of a large sync.
    gc.freeze()
    gc.set_threshold(50_000)
    # A test compares the manifest with the CDK's schema of it; parsing that takes a tenth of each start.
    concurrent_declarative_source.get_declarative_component_schema = dict
    # requests takes a body out of the connection by 10 kB, a fourteenth of what a request for half a year costs.
    requests.models.CONTENT_CHUNK_SIZE = 1_000_000
    init_uncaught_exception_handler(logging.getLogger("airbyte"))
    # In a container the process has the number 1, for which a signal without a handler does nothing.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    parsed = Entrypoint.parse_args(sys.argv[1:] if arguments is None else arguments)
    files = {name: path for name in ("catalog", "config", "state") if (path := getattr(parsed, name, None))}
    source = SourceCampaignStats(
        catalog=SourceCampaignStats.read_catalog(files["catalog"]) if "catalog" in files else None,
        config=SourceCampaignStats.read_config(files["config"]) if "config" in files else None,
        state=SourceCampaignStats.read_state(files["state"]) if "state" in files else None,
        as_lines=True,
    )
    _let_no_secret_through(source.secrets)
    with PRINT_BUFFER:
        for message in Entrypoint(source).run(parsed):
            # One write a message: worker threads print too.
            sys.stdout.write(f"{message}\n")


def _keep_one_heap() -> None:
    """glibc gives threads heaps of their own, and takes large bodies from the system anew each time."""
    c_library = ctypes.CDLL(None)
    # Other C libraries have no such settings and need none.
    if hasattr(c_library, "mallopt"):
        for setting, value in _ONE_HEAP.items():
            c_library.mallopt(setting, value)


def _let_no_secret_through(secrets: list[str]) -> None:
    """Whatever is printed from here on, by whichever library, passes through `RedactingStream`."""
    # The CDK's buffer writes to `sys.__stdout__`, not to `sys.stdout`.
    sys.__stdout__ = sys.stdout = RedactingStream(sys.stdout, secrets)  # type: ignore[assignment, misc]
    sys.__stderr__ = sys.stderr = RedactingStream(sys.stderr, secrets)  # type: ignore[assignment, misc]
