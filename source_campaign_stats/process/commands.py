"""Runs the commands that need the source, and prints their messages."""

import argparse
import logging
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import is_platform_debug_log_enabled
from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    FailureType,
    Status,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import trace_of, traced
from source_campaign_stats.output.lines import lines_of
from source_campaign_stats.output.redaction import RedactingStream
from source_campaign_stats.process.host import end_without_output
from source_campaign_stats.process.inputs import Inputs
from source_campaign_stats.source import SourceCampaignStats

LOGGER = logging.getLogger("airbyte")


def run_command(wanted: argparse.Namespace, inputs: Inputs) -> None:
    """Runs `check`, `discover` or `read` as `arguments.parsed` says; ends the process with 1 after an error."""
    if wanted.debug or is_platform_debug_log_enabled():
        LOGGER.setLevel(logging.DEBUG)
    else:
        _leave_out_what_the_cdk_says_of_requests()
    catalog = ConfiguredAirbyteCatalogSerializer.load(inputs.catalog) if inputs.catalog else None
    state = [AirbyteStateMessageSerializer.load(item) for item in inputs.state or []]
    try:
        source = SourceCampaignStats(catalog=catalog, config=inputs.config, state=state, as_lines=True)
    except Exception as error:
        # The secrets are not known yet, so only the places in the code are printed and no value.
        _end_by_a_defect("".join(traceback.format_tb(error.__traceback__)))
    _let_no_secret_through(source.secrets)
    try:
        for message in _messages(wanted.command, source, catalog, state):
            _print(message)
    except AirbyteTracedException as error:
        _print(trace_of(error))
        # Workers that wait for a vendor would keep the process alive.
        os._exit(1)
    except Exception as error:
        _end_by_a_defect("".join(traceback.format_exception(error)))


def _end_by_a_defect(places: str) -> NoReturn:
    LOGGER.error(places)
    words = "The connector ended because of a defect in it. The line of the log before this one says where."
    _print(traced(words, FailureType.system_error).as_airbyte_message())
    os._exit(1)


def _leave_out_what_the_cdk_says_of_requests() -> None:
    """The CDK calls every wait a rate limit and names its classes. The connector logs a line of its own instead."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_not_of_the_cdks_requests)


def _is_not_of_the_cdks_requests(record: logging.LogRecord) -> bool:
    return Path(record.pathname).name not in ("http_client.py", "rate_limiting.py")


def _messages(
    command: str,
    source: SourceCampaignStats,
    catalog: ConfiguredAirbyteCatalog | None,
    state: list[AirbyteStateMessage],
) -> Iterator[AirbyteMessage]:
    if command == "check":
        yield from _checked(source)
    elif command == "discover":
        yield AirbyteMessage(type=Type.CATALOG, catalog=source.discover(LOGGER, {}))
    else:
        assert catalog is not None
        yield from printed(source.read(LOGGER, {}, catalog, state))


def _checked(source: SourceCampaignStats) -> Iterator[AirbyteMessage]:
    """The status. A wrong configuration is the status FAILED; the command itself succeeds."""
    try:
        status = source.check(LOGGER, {})
    except AirbyteTracedException as error:
        if error.failure_type != FailureType.config_error:
            raise
        yield trace_of(error)
        status = AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
    yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)


def printed(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """Prints records that are lines already, and yields all other messages, in their order."""
    # A state tells Airbyte how many records came before it.
    counts: defaultdict[HashableStreamDescriptor, float] = defaultdict(float)
    for message in messages:
        if lines := lines_of(message):
            counts[HashableStreamDescriptor(name=lines.stream_name)] += lines.count
            # Not through the CDK's buffer, in which a line can wait until the next one comes.
            sys.stdout.write(lines.text)
        else:
            yield AirbyteEntrypoint.handle_record_counts(message, counts)


def _print(message: AirbyteMessage) -> None:
    sys.stdout.write(f"{AirbyteEntrypoint.airbyte_message_to_string(message)}\n")


def _let_no_secret_through(secrets: list[str]) -> None:
    """From here on, everything that any library prints passes through `RedactingStream`."""
    # The CDK's log is written to `sys.__stdout__`, not to `sys.stdout`.
    sys.__stdout__ = sys.stdout = RedactingStream(sys.stdout, secrets, end_without_output)  # type: ignore[assignment, misc]
    sys.__stderr__ = sys.stderr = RedactingStream(sys.stderr, secrets, end_without_output)  # type: ignore[assignment, misc]
