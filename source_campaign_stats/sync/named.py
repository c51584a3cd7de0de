"""The ids that a person named in the settings: looked up in the vendor's list, and reported if it lacks them."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import config_error
from source_campaign_stats.settings.vendor import NamedIds
from source_campaign_stats.sync.lists import ListReader
from source_campaign_stats.sync.slices import SliceReader

LOGGER = logging.getLogger("airbyte")

_MOST_IDS_IN_A_LINE = 20


@dataclass(frozen=True)
class Lookup:
    """Named ids, the reader and the slices of the list that has them, and the reader of their statistics.

    Without the reader of a list nobody knows whether an id exists.
    """

    named: NamedIds
    reader: ListReader | None
    slices: Sequence[StreamSlice]
    statistics: SliceReader | None

    @property
    def is_free(self) -> bool:
        """Whether the list was read in this sync anyway."""
        return self.reader is not None and all(map(self.reader.has_read, self.slices))

    @property
    def seen(self) -> set[str]:
        """The ids that had a row of statistics."""
        return self.statistics.seen_in(self.named.partition) if self.statistics else set()

    @property
    def unseen(self) -> list[str]:
        seen = self.seen
        return [one for one in self.named.ids if one not in seen]

    def unknown(self) -> list[str]:
        """The ids that neither the list nor the statistics have; asks for the list if it was not read."""
        assert self.reader is not None
        listed = {record.data[self.named.column] for part in self.slices for record in self.reader.whole_slice(part)}
        return [one for one in self.unseen if one not in listed]


def raise_for_unknown_ids(
    lookups: Iterable[Lookup], read: Sequence[str], begun: Collection[str] = (), may_ask: bool = False
) -> None:
    """Logs the ids that no list has; raises a configuration error if nothing but such ids was to be read.

    `read` are the streams of this sync, `begun` those with a state of an earlier one. A list that is not read is asked
    for only if no id had a row in the first sync of its statistics, or if `may_ask`: old campaigns have no new rows,
    and a right configuration costs no extra request.
    """
    found = [(lookup.named, _told(lookup, read, begun, may_ask)) for lookup in lookups]
    only = [(named, unknown) for named, unknown in found if named.nothing_else]
    if only and all(len(unknown) == len(named.ids) for named, unknown in only):
        raise config_error(
            f"No list has any of the ids in {' and '.join(named.what for named, _ in only)}, so there is nothing to "
            "read. Check them in the vendor's dashboard."
        )


def _told(lookup: Lookup, read: Sequence[str], begun: Collection[str], may_ask: bool) -> list[str]:
    """Logs the ids that no list has, and returns them."""
    named = lookup.named
    is_asked_by_name = named.statistics in read
    is_first = is_asked_by_name and named.statistics not in begun
    can_ask = lookup.reader is not None and (may_ask or lookup.is_free or (is_first and not lookup.seen))
    if not can_ask:
        if is_asked_by_name and lookup.unseen:
            LOGGER.warning(
                "%s: no rows came for %s. Check these ids if you expect some.", named.what, _some(lookup.unseen)
            )
        return []
    try:
        unknown = lookup.unknown()
    except AirbyteTracedException as error:
        LOGGER.warning("%s could not be looked up: %s", named.what, error)
        return []
    if unknown:
        LOGGER.warning("%s: no list has %s. Check these ids in the vendor's dashboard.", named.what, _some(unknown))
    return unknown


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _MOST_IDS_IN_A_LINE
    return ", ".join(ids[:_MOST_IDS_IN_A_LINE]) + (f" and {more} more" if more > 0 else "")
