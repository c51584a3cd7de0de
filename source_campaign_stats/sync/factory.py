"""How this connector builds the standard components of its manifest.

The manifest uses the CDK's own vocabulary. Some of the CDK's components lose rows or leak keys as they come. They are
made safe here, for every stream, so that nobody who adds a stream can forget it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

from airbyte_cdk.models import ConfiguredAirbyteCatalog
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.models.declarative_component_schema import (
    DatetimeBasedCursor,
    DeclarativeStream,
    HttpRequester,
    MinMaxDatetime,
    SimpleRetriever,
)
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.declarative.partition_routers import PartitionRouter
from airbyte_cdk.sources.declarative.requesters import HttpRequester as HttpRequesterComponent
from airbyte_cdk.sources.declarative.requesters.request_options import RequestOptionsProvider
from airbyte_cdk.sources.declarative.requesters.request_options.per_partition_request_option_provider import (
    PerPartitionRequestOptionsProvider,
)
from airbyte_cdk.sources.declarative.retrievers import Retriever
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.http.session import follow_no_redirection, know_each_try, tell_a_broken_way
from source_campaign_stats.settings.clock import today
from source_campaign_stats.settings.vendor import NamedIds, Pace
from source_campaign_stats.sync.campaigns import CampaignRouter, ListedCampaigns
from source_campaign_stats.sync.cursor import Asked, CampaignCursor, DayCursor, StateOutput, StatisticsCursor
from source_campaign_stats.sync.engine import OutputQueue
from source_campaign_stats.sync.lists import ListReader
from source_campaign_stats.sync.named import Lookup
from source_campaign_stats.sync.slices import SliceReader


class CampaignStatsComponentFactory(ModelToComponentFactory):
    """The CDK's factory, with five of its components replaced or guarded; one instance builds one sync.

    `at_once` is how many slices of one stream are under way, `as_lines` whether records are only printed.
    """

    def __init__(
        self,
        *,
        output: OutputQueue,
        states: ConnectorStateManager | None = None,
        at_once: int = 1,
        as_lines: bool = False,
        catalog: ConfiguredAirbyteCatalog | None = None,
        ask_once: bool = False,
        named_ids: Sequence[NamedIds] = (),
        paces: Mapping[str, Pace] | None = None,
    ) -> None:
        self._states = states or ConnectorStateManager()
        super().__init__(
            message_repository=output,
            connector_state_manager=self._states,
            configured_catalog=catalog,
            disable_retries=ask_once,
        )
        self._output = output
        self._at_once = at_once
        self._as_lines = as_lines
        self._streams: dict[str, AbstractStream] = {}
        self._lists: dict[str, ListReader] = {}
        self._readers: dict[str, SliceReader] = {}
        self._named_ids = named_ids
        self._paces = paces or {}

    def create_default_stream(
        self, model: DeclarativeStream, config: Config, is_parent: bool = False, **kwargs: Any
    ) -> AbstractStream:
        """Builds the stream of a name once, so that a list and the router that needs it share one reading."""
        name = model.name or ""
        if name not in self._streams:
            self._streams[name] = super().create_default_stream(model, config, is_parent, **kwargs)
        return self._streams[name]

    def create_custom_component(self, model: Any, config: Config, **kwargs: Any) -> Any:
        """A router reads its list through the same reader as the list's own stream."""
        component = super().create_custom_component(model, config, **kwargs)
        if isinstance(component, ListedCampaigns):
            component.list_reader = self._lists[component.campaigns.name]
        return component

    def create_simple_retriever(  # type: ignore[override]
        self,
        model: SimpleRetriever,
        config: Config,
        *,
        name: str,
        primary_key: Any,
        cursor: Cursor | None = None,
        partition_router: PartitionRouter | None = None,
        request_options_provider: RequestOptionsProvider | None = None,
        **kwargs: Any,
    ) -> Retriever:
        """Lists are read whole and once; a failure ends its stream, unless it is about one campaign."""
        if isinstance(partition_router, CampaignRouter) and request_options_provider:
            request_options_provider = PerPartitionRequestOptionsProvider(partition_router, request_options_provider)
        retriever = super().create_simple_retriever(
            model,
            config,
            name=name,
            primary_key=primary_key,
            cursor=cursor,
            partition_router=partition_router,
            request_options_provider=request_options_provider,
            **kwargs,
        )
        if isinstance(cursor, StatisticsCursor):
            column = next((named.column for named in self._named_ids if named.statistics == name), None)
            self._readers[name] = SliceReader(
                retriever, cursor.outcomes, primary_key, cursor.places, self._as_lines, column
            )
            return self._readers[name]
        self._lists[name] = ListReader(retriever, name, [primary_key] if isinstance(primary_key, str) else primary_key)
        return self._lists[name]

    def lookup_of(self, named: NamedIds) -> Lookup:
        """A lookup of ids that a person named, in what the streams of this factory have read."""
        statistics = self._readers.get(named.statistics or "")
        if named.stream is None:
            return Lookup(named, None, [], statistics)
        partitions = self._streams[named.stream].generate_partitions()
        slices = [cast(StreamSlice, partition.to_slice()) for partition in partitions]
        wanted = [part for part in slices if named.partition.items() <= part.partition.items()]
        return Lookup(named, self._lists[named.stream], wanted, statistics)

    def create_http_requester(
        self, model: HttpRequester, config: Config, *args: Any, **kwargs: Any
    ) -> HttpRequesterComponent:
        """A requester that follows no redirection, says what is wrong with the connection, and counts its tries."""
        requester = super().create_http_requester(model, config, *args, **kwargs)
        follow_no_redirection(requester)
        tell_a_broken_way(requester)
        know_each_try(requester)
        return requester

    def create_concurrent_cursor_from_datetime_based_cursor(  # type: ignore[override]
        self, model_type: Any, component_definition: Mapping[str, Any], *, stream_name: str, **kwargs: Any
    ) -> StatisticsCursor:
        return self._day_cursor(component_definition, stream_name, kwargs["config"], None)

    def create_concurrent_cursor_from_perpartition_cursor(  # type: ignore[override]
        self,
        state_manager: Any,
        model_type: Any,
        component_definition: Mapping[str, Any],
        *,
        stream_name: str,
        partition_router: PartitionRouter,
        **kwargs: Any,
    ) -> StatisticsCursor:
        return self._day_cursor(component_definition, stream_name, kwargs["config"], partition_router)

    def _day_cursor(
        self,
        definition: Mapping[str, Any],
        stream_name: str,
        config: Config,
        router: PartitionRouter | None,
    ) -> StatisticsCursor:
        """The cursor that replaces a `DatetimeBasedCursor` of the manifest; `StatisticsCursor` says why."""
        if router is not None and not isinstance(router, CampaignRouter):
            raise ValueError(f"{stream_name}: the partition router has to be a CampaignRouter")
        model = DatetimeBasedCursor.parse_obj(definition)
        start: Any = model.start_datetime
        earliest = None
        if isinstance(start, MinMaxDatetime):
            start, earliest = start.datetime, start.min_datetime
        settings = Asked(
            stream_name=stream_name,
            cursor_field=model.cursor_field,
            start=_day(start, config),
            last=_day(model.end_datetime, config),
            today=today(config),
            lookback=_days(model.lookback_window, config),
            earliest=_day(earliest, config) if earliest else None,
            at_once=self._at_once,
            step=_days(model.step, config) if model.step else None,
            pace=self._paces.get(stream_name),
        )
        states = StateOutput(stream_name, model.cursor_field, self._states, self._output)
        self._output.begins_with(stream_name, self._states.create_state_message(stream_name, None))
        if router is None:
            return DayCursor(settings, states)
        cursor = CampaignCursor(settings, states, router)
        self._output.tells_progress(stream_name, cursor.progress_that_is_due)
        return cursor


def slices_at_once(workers: int, streams: int) -> int:
    """How many slices of one statistics stream are under way: each stream has its share of the workers.

    If the streams shared all workers, all would wait for the slowest vendor's budget while the other vendors idle. One
    worker of each stream only hands out slices. A stream alone gets half of the workers: wide answers wait in memory,
    and more of them make no sync faster (docs/performance.md).
    Example: 20 workers and 3 streams -> 5; 20 workers and 1 stream -> 10.
    """
    return max(min((workers - streams) // streams, workers // 2), 1)


def _rendered(template: Any, config: Config) -> str:
    return str(InterpolatedString.create(str(template), parameters={}).eval(config))


def _day(template: Any, config: Config) -> date:
    return date.fromisoformat(_rendered(template, config))


def _days(template: Any, config: Config) -> timedelta:
    """`P30D` as a duration; the manifest gives lookbacks and steps in days."""
    return timedelta(days=int(_rendered(template, config).removeprefix("P").removesuffix("D")))
