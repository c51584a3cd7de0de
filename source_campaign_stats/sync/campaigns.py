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
    """A partition router: names what is asked one at a time (campaigns, groups) and can have rows in a window.

    This class has no list: what the settings name exists.
    """

    # What one slice stands for in log lines.
    unit: ClassVar[str] = "campaigns"
    # What a person can do about a campaign whose numbers stay missing.
    way_out: ClassVar[str] = ""

    @abstractmethod
    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        """One slice for each campaign to ask for, over the window; raises if the list can't be read whole.

        Campaigns that are `owed` are included if they are listed and not to be skipped. The extra fields of a slice are
        `name` (None for a campaign that a person named) and `created`.
        """

    def exist(self, keys: Collection[Key]) -> set[Key]:
        """Which of the campaigns exist, whatever their statistics and the settings say."""
        return set(keys)

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        """Which of the campaigns exist now."""
        return self.exist(keys)

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
    """A router of campaigns from a list. A campaign that the list does not have any more was deleted.

    `campaigns` is the stream that lists them; `list_reader` (set by the factory) reads it once in a sync.
    """

    campaigns: AbstractStream
    list_reader: ListReader

    @abstractmethod
    def exist(self, keys: Collection[Key]) -> set[Key]:
        """Which of the campaigns exist, according to the list."""

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        """Which of the campaigns exist now: reads the list once more."""
        LOGGER.info("%s: the list is read once more, for the campaigns that are missing", self.campaigns.name)
        self.list_reader = self.list_reader.anew()
        return self.exist(keys)

    def read_list(self, is_wanted: Callable[[StreamSlice], bool] = lambda _: True) -> Iterator[Record]:
        """Every item of the wanted slices of the list; an error of the list is raised before the first item."""
        slices = [cast(StreamSlice, part.to_slice()) for part in self.campaigns.generate_partitions()]
        whole = [self.list_reader.whole_slice(part) for part in slices if is_wanted(part)]
        return itertools.chain.from_iterable(whole)
