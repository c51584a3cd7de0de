"""The source: the manifest, the configuration made fit for it, and the gate for errors and keys."""

import logging
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any, cast

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    Type,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.message.concurrent_repository import ConcurrentMessageRepository
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from source_campaign_stats.check import connection_status
from source_campaign_stats.configuration import cleaned, complaint
from source_campaign_stats.errors import config_error
from source_campaign_stats.factory import CampaignStatsComponentFactory
from source_campaign_stats.lines import ConcurrentSourceOfLines
from source_campaign_stats.redaction import redact, spellings


class SourceCampaignStats(ConcurrentDeclarativeSource):
    """Campaign statistics of Batch (CEP and MEP) and MoEngage."""

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
        as_lines: bool = False,
    ) -> None:
        """`as_lines`: `read` gives the statistics as `RecordLinesMessage`, for a caller who only prints them."""
        manifest = read_manifest()
        specification = manifest["spec"]["connection_specification"]
        self._secrets = spellings(config or {}, specification)
        cleaned_config = cleaned(config, specification) if config else {}
        self._complaint = complaint(cleaned_config, specification) if config is not None else None
        self._catalog = catalog
        self._as_lines = as_lines
        if self._complaint:
            # The CDK makes its workers here, before anybody is told what is wrong with their number.
            cleaned_config.pop("num_workers", None)
        super().__init__(catalog=catalog, config=cleaned_config, state=state, source_config=manifest)
        self._concurrent_source = ConcurrentSourceOfLines.of(self._concurrent_source)

    @property
    def secrets(self) -> list[str]:
        """What must never be printed, in every spelling, longest first."""
        return self._secrets

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """Fresh streams, each time: what was listed or read belongs to one sync."""
        self.raise_for_configuration()
        self._constructor = self._new_factory()
        return super().streams(config)

    def _new_factory(self) -> CampaignStatsComponentFactory:
        return CampaignStatsComponentFactory(
            emit_state=cast(ConcurrentMessageRepository, self._message_repository)._put_on_queue,
            as_lines=self._as_lines,
            message_repository=self._message_repository,
            connector_state_manager=self._connector_state_manager,
            configured_catalog=self._catalog,
        )

    def raise_for_configuration(self) -> None:
        """Raises a configuration error that says what to correct; no request was made before it."""
        if self._complaint:
            raise config_error(self._complaint)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The cleaned configuration; unlike the CDK's it is not written to a file, because it holds keys."""
        return self._config

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        self._register_secrets()
        self.raise_for_configuration()
        requesters = {name: stream["retriever"]["requester"] for name, stream in self._configured_streams().items()}
        status = connection_status(self._config, requesters.__getitem__, self._new_factory())
        if status.message:
            status.message = redact(status.message, self._secrets)
        return status

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        self._register_secrets()
        return super().discover(logger, config)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        self._register_secrets()
        self.raise_for_configuration()
        self._raise_for_streams_without_settings(catalog)
        try:
            for message in super().read(logger, config, catalog, state):
                yield self._without_secrets(message)
        except AirbyteTracedException as error:
            error.message = redact(error.message or "", self._secrets)
            error.internal_message = redact(error.internal_message or "", self._secrets)
            raise

    def _raise_for_streams_without_settings(self, catalog: ConfiguredAirbyteCatalog) -> None:
        """The CDK reads nothing for such a stream and reports success."""
        available = self._configured_streams()
        missing = [item.stream.name for item in catalog.streams if item.stream.name not in available]
        if missing:
            raise config_error(
                f"This connection reads {', '.join(missing)}, but the vendor of it is not read. "
                'Choose "Read" for that vendor in the source\'s settings, or deselect the stream.'
            )

    def _configured_streams(self) -> dict[str, dict[str, Any]]:
        """The manifest's definition of each stream whose vendor is configured, without building it."""
        return {stream["name"]: stream for stream in self._stream_configs(self.resolved_manifest)}

    def _register_secrets(self) -> None:
        # The entrypoint replaces the list when a command starts, and does not find keys inside arrays.
        for secret in self._secrets:
            add_to_secrets(secret)

    def _without_secrets(self, message: AirbyteMessage) -> AirbyteMessage:
        """The CDK prints the traces of streams unfiltered, URL and headers of a request included."""
        if message.type == Type.TRACE and message.trace and message.trace.error:
            error = message.trace.error
            error.message = redact(error.message, self._secrets)
            error.internal_message = redact(error.internal_message or "", self._secrets)
            error.stack_trace = redact(error.stack_trace or "", self._secrets)
        elif message.type == Type.LOG and message.log:
            message.log.message = redact(message.log.message, self._secrets)
        return message


def read_manifest() -> dict[str, Any]:
    """The manifest of this package, as a mapping."""
    text = pkgutil.get_data("source_campaign_stats", "manifest.yaml")
    assert text is not None
    manifest: dict[str, Any] = safe_load_yaml(text)
    return manifest
