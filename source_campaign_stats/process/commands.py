"""The commands that need the source, from the files they are given to the lines they print."""

import argparse
import logging
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from typing import Any, cast

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
)
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor

from source_campaign_stats.output.lines import lines_of
from source_campaign_stats.output.redaction import RedactingStream
from source_campaign_stats.source import SourceCampaignStats


class Entrypoint(AirbyteEntrypoint):
    """Airbyte's entrypoint, for a source that gives its records as lines and checks its configuration itself."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Nothing: the source says what is wrong. The CDK's validator would quote a whole group, keys included."""

    def read(
        self,
        source_spec: ConnectorSpecification,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage],
    ) -> Iterator[AirbyteMessage]:
        """The messages that still have to be made lines; those that are lines are printed, in their place."""
        # A state tells Airbyte how many records came before it.
        counts: defaultdict[HashableStreamDescriptor, float] = defaultdict(float)
        for message in self.source.read(self.logger, config, catalog, state):
            if lines := lines_of(message):
                counts[HashableStreamDescriptor(name=lines.stream_name)] += lines.count
                sys.stdout.write(lines.text)
                # The CDK's buffer would gather a tenth of a second of them, and copy that three times.
                sys.stdout.flush()
            else:
                yield self.handle_record_counts(message, counts)


def run_command(wanted: argparse.Namespace) -> None:
    """Runs `check`, `discover` or `read` as `arguments.parsed` says; ends the process with 1 after an error."""
    try:
        _run(wanted)
    except Exception:
        try:
            sys.excepthook(*sys.exc_info())
            sys.stdout.flush()
        finally:
            # Workers that wait for a reader of their records would keep the process alive for ever.
            os._exit(1)


def _run(wanted: argparse.Namespace) -> None:
    for stream in (sys.stdout, sys.stderr):
        # The protocol is UTF-8, whatever the machine's locale says.
        cast(TextIOWrapper, stream).reconfigure(encoding="utf-8")
    init_uncaught_exception_handler(logging.getLogger("airbyte"))
    # In a container the process has the number 1, for which a signal without a handler does nothing.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    files = {name: path for name in ("catalog", "config", "state") if (path := getattr(wanted, name, None))}
    source = SourceCampaignStats(
        catalog=SourceCampaignStats.read_catalog(files["catalog"]) if "catalog" in files else None,
        config=SourceCampaignStats.read_config(files["config"]) if "config" in files else None,
        state=SourceCampaignStats.read_state(files["state"]) if "state" in files else None,
        as_lines=True,
    )
    _let_no_secret_through(source.secrets)
    with PRINT_BUFFER:
        for message in Entrypoint(source).run(wanted):
            # One write a message: worker threads print too.
            sys.stdout.write(f"{message}\n")


def _let_no_secret_through(secrets: list[str]) -> None:
    """Whatever is printed from here on, by whichever library, passes through `RedactingStream`."""
    # The CDK's buffer writes to `sys.__stdout__`, not to `sys.stdout`.
    sys.__stdout__ = sys.stdout = RedactingStream(sys.stdout, secrets)  # type: ignore[assignment, misc]
    sys.__stderr__ = sys.stderr = RedactingStream(sys.stderr, secrets)  # type: ignore[assignment, misc]
