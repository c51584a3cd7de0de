"""The source: it prepares the configuration for the manifest, and keeps keys out of errors."""

import difflib
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStreamState,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    ConfiguredAirbyteCatalog,
    FailureType,
    StreamDescriptor,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.interpolation import InterpolatedBoolean
from airbyte_cdk.sources.declarative.models.declarative_component_schema import (
    ConcurrencyLevel,
    DeclarativeStream,
    HttpRequester,
)
from airbyte_cdk.sources.declarative.requesters import HttpRequester as HttpRequesterComponent
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.cdk.door import keep_limits_out_of_the_output
from source_campaign_stats.http.check import TIMEOUTS, connection_status
from source_campaign_stats.output.errors import config_error
from source_campaign_stats.output.redaction import redact
from source_campaign_stats.output.secrets import spellings
from source_campaign_stats.settings.cleaning import cleaned
from source_campaign_stats.settings.clock import today
from source_campaign_stats.settings.complaints import complaints
from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.settings.notes import first_sync, warnings
from source_campaign_stats.settings.vendor import NamedIds, Pace, Vendor
from source_campaign_stats.sync.engine import OutputQueue, read_concurrently, verdict
from source_campaign_stats.sync.factory import CampaignStatsComponentFactory, slices_at_once
from source_campaign_stats.sync.named import raise_for_unknown_ids
from source_campaign_stats.sync.state import raise_for_foreign_states
from source_campaign_stats.vendors import VENDORS

LOGGER = logging.getLogger("airbyte")


class SourceCampaignStats(ConcurrentDeclarativeSource):
    """Daily campaign statistics, of every vendor of `VENDORS` that the configuration reads."""

    # `complaints` says more. The CDK's check quotes a whole group, with its keys.
    check_config_against_spec = False

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
        as_lines: bool = False,
    ) -> None:
        """With `as_lines`, `read` gives the statistics as `Lines`, for a caller that only prints them."""
        keep_limits_out_of_the_output()
        manifest = read_manifest()
        specification = manifest["spec"]["connection_specification"]
        self._secrets = spellings(config or {}, specification, VENDORS)
        self._settings = cleaned(config, specification, VENDORS) if config is not None else {}
        told = complaints(config, self._settings, specification, VENDORS) if config is not None else []
        self._complaint = redact("\n".join(told), self._secrets)
        self._warnings = list(warnings(config or {}, self._settings, specification))
        self._titles = {vendor.name: specification["properties"][vendor.name]["title"] for vendor in VENDORS}
        self._catalog, self._state = catalog, state
        self._as_lines = as_lines
        # The CDK makes workers here, before a wrong number can be reported. `read` makes its own.
        without_workers = {name: value for name, value in self._settings.items() if name != "num_workers"}
        super().__init__(catalog=catalog, config=without_workers, state=None, source_config=manifest)

    @property
    def secrets(self) -> list[str]:
        """What must never be printed, in every spelling, longest first."""
        return self._secrets

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The cleaned configuration; unlike the CDK's it is not written to a file, because it holds keys."""
        return self._settings

    def raise_for_configuration(self) -> None:
        """Raises a configuration error that says what to correct. Called before any request."""
        if self._complaint:
            raise config_error(self._complaint)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        self._register_secrets()
        self._log_warnings()
        self.raise_for_configuration()
        for line in first_sync(self._settings, VENDORS):
            LOGGER.info(line)
        # One factory, so that all requests of a check share the budget of their vendor.
        factory = self._with_budget(
            CampaignStatsComponentFactory(output=OutputQueue(), ask_once=True, named_ids=self._named_ids)
        )
        status = connection_status(
            [
                (self._titles[vendor.name], probe)
                for vendor in self._vendors_read
                for probe in vendor.probes(self._settings[vendor.name], today(self._settings))
            ],
            partial(self._impatient_requester_of, factory),
            partial(self._look_up_ids, factory) if self._named_ids else None,
        )
        if status.message:
            status.message = redact(status.message, self._secrets)
        return status

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        self._register_secrets()
        return AirbyteCatalog(streams=[stream.as_airbyte_stream() for stream in self.streams(config)])

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """New streams at each call, because a stream keeps what was listed and read in one sync."""
        self.raise_for_configuration()
        return self._streams(self._with_budget(CampaignStatsComponentFactory(output=OutputQueue())))

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        self._register_secrets()
        self._log_warnings()
        self.raise_for_configuration()
        self._raise_for_streams_that_are_not_read([item.stream.name for item in catalog.streams])
        states = self._state or state or []
        raise_for_foreign_states(states, self._names_of_all_streams())
        output = OutputQueue()
        wanted = [item.stream.name for item in catalog.streams]
        # A broken state of a stream that is not read disturbs nothing.
        read = [state for state in states if state.stream and state.stream.stream_descriptor.name in wanted]
        factory = self._with_budget(
            CampaignStatsComponentFactory(
                output=output,
                states=ConnectorStateManager(state=read),
                at_once=slices_at_once(self._settings["num_workers"], self._number_of_statistics(wanted)),
                as_lines=self._as_lines,
                catalog=self._catalog or catalog,
                named_ids=self._named_ids,
                paces=self._paces,
            )
        )
        streams = [stream for stream in self._streams(factory) if stream.name in wanted]
        workers = factory.create_component(
            ConcurrencyLevel, self.resolved_manifest["concurrency_level"], self._settings
        ).get_concurrency_level()
        lookups = [factory.lookup_of(named) for named in self._named_ids]
        # These streams end as incomplete if no list has any of the ids that a person named.
        in_question = {
            named.statistics if named.statistics in wanted else named.stream
            for named in self._named_ids
            if named.nothing_else
        }
        ended: list[AirbyteMessage] = []
        try:
            for message in read_concurrently(streams, workers, output):
                if message.trace and _completed(message.trace.stream_status) in in_question:
                    ended.append(message)
                else:
                    yield self._without_secrets(message)
        except AirbyteTracedException:
            # The failure is reported already. Unknown ids can be its reason, so the log names them.
            with suppress(AirbyteTracedException):
                raise_for_unknown_ids([lookup for lookup in lookups if lookup.is_free], wanted)
            yield from ended
            raise
        begun = {state.stream.stream_descriptor.name for state in read if state.stream and _says_a_day(state.stream)}
        try:
            raise_for_unknown_ids(lookups, wanted, begun)
        except AirbyteTracedException as error:
            names = [_completed(message.trace.stream_status) for message in ended if message.trace]
            for name, message in zip(names, ended, strict=True):
                yield self._without_secrets(error.as_airbyte_message(StreamDescriptor(name=name)))
                message.trace.stream_status.status = AirbyteStreamStatus.INCOMPLETE  # type: ignore[union-attr]
                yield message
            raise (verdict(dict.fromkeys(names, error.failure_type), len(wanted)) if names else error) from None
        yield from ended

    def _number_of_statistics(self, wanted: Collection[str]) -> int:
        """How many of these streams have slices of days or campaigns; at least 1."""
        streams = self._configured_streams()
        return sum("incremental_sync" in streams[name] for name in wanted) or 1

    @property
    def _vendors_read(self) -> list[Vendor]:
        return [vendor for vendor in VENDORS if vendor.name in self._settings]

    @property
    def _named_ids(self) -> list[NamedIds]:
        return [named for vendor in self._vendors_read for named in vendor.named_ids(self._settings[vendor.name])]

    @property
    def _paces(self) -> dict[str, Pace]:
        paces = [vendor.paces(self._settings[vendor.name]) for vendor in self._vendors_read]
        return {stream: pace for of_vendor in paces for stream, pace in of_vendor.items()}

    def _look_up_ids(self, factory: CampaignStatsComponentFactory) -> None:
        """Reports ids that no list has, as a sync does."""
        self._streams(factory)
        raise_for_unknown_ids(map(factory.lookup_of, self._named_ids), [], may_ask=True)

    def _with_budget(self, factory: CampaignStatsComponentFactory) -> CampaignStatsComponentFactory:
        factory.set_api_budget(self.resolved_manifest["api_budget"], self._settings)
        return factory

    def _streams(self, factory: CampaignStatsComponentFactory) -> list[AbstractStream]:
        definitions = self._configured_streams().values()
        return [factory.create_component(DeclarativeStream, item, self._settings) for item in definitions]

    def _configured_streams(self) -> dict[str, dict[str, Any]]:
        """The manifest's definition of each stream whose vendor is read, without building it."""
        return {
            stream["name"]: stream
            for group in self.resolved_manifest["streams"]
            if InterpolatedBoolean(condition=group["condition"], parameters={}).eval(self._settings)
            for stream in group["streams"]
        }

    def _impatient_requester_of(self, factory: CampaignStatsComponentFactory, stream: str) -> HttpRequesterComponent:
        """A requester that asks once and does not wait long: the waits of a sync are longer than a check may take."""
        definition = {**self._configured_streams()[stream]["retriever"]["requester"], **TIMEOUTS}
        requester: HttpRequesterComponent = factory.create_component(
            HttpRequester, definition, self._settings, name=stream
        )
        return requester

    def _names_of_all_streams(self) -> list[str]:
        return [stream["name"] for group in self.resolved_manifest["streams"] for stream in group["streams"]]

    def _raise_for_streams_that_are_not_read(self, wanted: list[str]) -> None:
        """The CDK reads nothing for such a stream and reports success."""
        known, available = self._names_of_all_streams(), self._configured_streams()
        if not wanted:
            raise config_error("The catalog has no stream, so there is nothing to read. Add the streams to read.")
        if unknown := [name for name in wanted if name not in known]:
            near = difflib.get_close_matches(unknown[0], known, n=1)
            raise config_error(
                f"The catalog has unknown streams: {', '.join(unknown)}."
                f"{f' Did you mean {near[0]}?' if near else ''} There are: {', '.join(known)}."
            )
        if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
            raise config_error(f"The catalog has a stream more than once: {', '.join(twice)}. Leave each in once.")
        missing = [name for name in wanted if name not in available]
        for vendor in self._vendors_read:
            for name in vendor.needs.keys() & set(missing):
                raise config_error(
                    f"This connection reads {name}, but no setting says what of it. {vendor.needs[name]}, or deselect "
                    "the stream."
                )
        if missing:
            raise config_error(
                f"This connection reads {', '.join(missing)}, but the vendor of it is not read. "
                'Choose "Read" for that vendor in the source\'s settings, or deselect the stream.'
            )

    def _log_warnings(self) -> None:
        for line in self._warnings:
            LOGGER.warning(redact(line, self._secrets))

    def _register_secrets(self) -> None:
        # The CDK's entrypoint replaces the list of secrets when a command starts, and finds no keys inside arrays.
        for secret in self._secrets:
            add_to_secrets(secret)

    def _without_secrets(self, message: AirbyteMessage) -> AirbyteMessage:
        """The CDK prints the traces of streams unfiltered, URL and headers of a request included."""
        if message.type == Type.TRACE and message.trace and message.trace.error:
            error = message.trace.error
            error.message = redact(error.message, self._secrets)
            error.internal_message = redact(error.internal_message or "", self._secrets)
            is_defect = error.failure_type in (None, FailureType.system_error)
            # Only a defect of this program needs a stack trace.
            error.stack_trace = redact(error.stack_trace or "", self._secrets) if is_defect else None
        elif message.type == Type.LOG and message.log:
            message.log.message = redact(message.log.message, self._secrets)
        return message


def _says_a_day(state: AirbyteStreamState) -> bool:
    return bool(state.stream_state and vars(state.stream_state).get("date"))


def _completed(status: AirbyteStreamStatusTraceMessage | None) -> str:
    """The stream that a status says is complete; an empty text for any other status."""
    is_complete = status is not None and status.status == AirbyteStreamStatus.COMPLETE
    return status.stream_descriptor.name if status is not None and is_complete else ""
