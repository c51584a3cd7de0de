"""Which campaigns a sync asks, for a vendor whose statistics are asked one campaign at a time."""

import itertools
import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

from airbyte_cdk.sources.declarative.partition_routers import PartitionRouter
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.lists import ListReader
from source_campaign_stats.sync.state import Key

LOGGER = logging.getLogger("airbyte")


class CampaignRouter(PartitionRouter):
    """A partition router that names the campaigns, or whatever is asked by its name, which can have rows in a window.

    This one knows no list: what a person named exists, as long as it is named.
    """

    # What one slice stands for in log lines.
    unit: ClassVar[str] = "campaigns"
    # What a person can do about a campaign whose numbers stay missing.
    way_out: ClassVar[str] = ""

    @abstractmethod
    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        """A slice for the window and each campaign to ask for; raises if the list can't be read whole.

        Campaigns that are `owed` are among them as long as they are listed and not to be skipped. The extra fields of a
        slice are `name` (None for a campaign that a person named) and `created`.
        """

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        """Those of the campaigns that exist now, as far as anything but their statistics can tell."""
        return set(keys)

    def stream_slices(self) -> Iterable[StreamSlice]:
        raise NotImplementedError("CampaignCursor asks for slices_within(window)")

    def get_stream_state(self) -> None:
        return None

    def get_request_params(self, **_: Any) -> Mapping[str, Any]:
        return {}

    def get_request_headers(self, **_: Any) -> Mapping[str, Any]:
        return {}

    def get_request_body_data(self, **_: Any) -> Mapping[str, Any]:
        return {}

    def get_request_body_json(self, **_: Any) -> Mapping[str, Any]:
        return {}


class ListedCampaigns(CampaignRouter):
    """A router of campaigns that a list has: what the list does not have any more was deleted.

    `campaigns` is the stream that lists them; `list_reader` (given by the factory) reads it once in a sync.
    """

    campaigns: AbstractStream
    list_reader: ListReader

    @abstractmethod
    def exist(self, keys: Collection[Key]) -> set[Key]:
        """Those of the campaigns that exist, as far as the list can tell."""

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        """Those of the campaigns that the list has now: it is read once more."""
        LOGGER.info("%s: the list is read once more, for the campaigns that are missing", self.campaigns.name)
        self.list_reader = self.list_reader.anew()
        return self.exist(keys)

    def read_list(self, is_wanted: Callable[[StreamSlice], bool] = lambda _: True) -> Iterator[Record]:
        """Every item of the wanted slices of the list; raises what ended the list before the first item."""
        slices = [cast(StreamSlice, part.to_slice()) for part in self.campaigns.generate_partitions()]
        whole = [self.list_reader.whole_slice(part) for part in slices if is_wanted(part)]
        return itertools.chain.from_iterable(whole)
