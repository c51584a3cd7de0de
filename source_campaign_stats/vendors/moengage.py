"""MoEngage: campaigns (`campaigns/meta`) and their statistics (`campaign-stats`)."""

import base64
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from threading import Event, Lock
from typing import Any

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import (
    PaginationStrategy,
)
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_campaign_stats.http.answers import decoded, taken
from source_campaign_stats.output.errors import transient_error
from source_campaign_stats.settings.vendor import Probe, Settings, Vendor
from source_campaign_stats.vendors.records import as_array, with_timestamps

_TIMESTAMPS = ("campaign_start_time",)
_IDS_IN_A_CALL = 10
_WALKS_OF_A_DAY = 4
_SECONDS_TO_LEARN = 60


@dataclass
class MoEngageCampaignExtractor(RecordExtractor):
    """The campaigns of a page, without the e-mail address of the person who created them."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        return [
            {key: value for key, value in with_timestamps(item, _TIMESTAMPS).items() if key != "created_by"}
            for item in decoded(response)
        ]


class StatsPage(msgspec.Struct):
    """A page of a day's statistics; what it has of each campaign is still text."""

    total_campaigns: int
    current_page: int
    total_pages: int
    data: dict[str, list[msgspec.Raw]]


@dataclass
class MoEngageStatsExtractor(RecordExtractor):
    """One record for each leaf of `data`: campaign, platform, locale and variation."""

    config: Config

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        asked_with = {name: self.config["moengage"][name] for name in ("attribution_type", "metric_type")}
        for campaign_id, elements in decoded(response, StatsPage).data.items():
            for leaf in leaves(campaign_id, taken(elements)):
                yield {**leaf, **asked_with}


@dataclass(frozen=True)
class Page:
    """The page of a day that is asked next, and what the pages before it have shown.

    `campaign_ids` are the ids of this call, None for all campaigns; `seen` the campaigns of this batch of ids,
    `total` the number of them that the last answer told, `has_shrunk` whether it fell during this walk.
    """

    batch: int = 0
    offset: int = 0
    campaign_ids: list[str] | None = None
    seen: frozenset[str] = frozenset()
    total: int = 0
    has_shrunk: bool = False
    walk: int = 1


@dataclass
class PagesOfADay(PaginationStrategy):
    """The pages of one day: by `offset` through all campaigns, or through each ten of the configured ids.

    A day is whole when as many campaigns were seen as the answer's `total_campaigns` says. If the list moved
    while it was paged, campaigns are missing at the end: the day is then walked again (the reader drops what
    comes twice), and fails when it stays incomplete.

    With ids, the vendor's page can be read as "the number of ids asked for", so that quiet campaigns are counted
    and not shown. Which it is, the first such answer of a sync tells: however often it is asked again, it stays as
    it is. The other workers wait for that, so that it is found out once.
    """

    config: Config
    page_size: int
    _total_counts_ids: bool | None = None
    _first_to_ask_again: Lock = field(default_factory=Lock)
    _has_learned: Event = field(default_factory=Event)

    @property
    def initial_token(self) -> Page:
        return Page(campaign_ids=self._ids(0))

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> Page | None:
        page: Page = last_page_token_value or self.initial_token
        answer: StatsPage = decoded(response, StatsPage)
        total = answer.total_campaigns
        seen = page.seen | answer.data.keys()
        # A campaign that left the list moved another one onto a page that was asked before.
        has_shrunk = page.has_shrunk or total < page.total
        pages_asked = page.offset // self.page_size + 1
        if max(answer.current_page, pages_asked) < answer.total_pages:
            offset = page.offset + self.page_size
            return replace(page, offset=offset, seen=seen, total=total, has_shrunk=has_shrunk)
        if has_shrunk or not self._is_whole(total, seen, page):
            if page.walk == _WALKS_OF_A_DAY:
                raise transient_error(
                    f"MoEngage says that there are {total} campaigns but shows only {len(seen)}, or changes the "
                    f"number while it is read, also when asked {_WALKS_OF_A_DAY} times. Run the sync again later."
                )
            time.sleep(2**page.walk)
            return Page(
                page.batch, campaign_ids=page.campaign_ids, walk=page.walk + 1, seen=frozenset() if has_shrunk else seen
            )
        following = self._ids(page.batch + 1)
        return Page(page.batch + 1, campaign_ids=following) if following else None

    def get_page_size(self) -> int:
        return self.page_size

    def _ids(self, batch: int) -> list[str] | None:
        ids = self.config["moengage"].get("campaign_ids")
        return ids[batch * _IDS_IN_A_CALL : (batch + 1) * _IDS_IN_A_CALL] if ids else None

    def _is_whole(self, total: int, seen: frozenset[str], page: Page) -> bool:
        asked = len(page.campaign_ids or ())
        if len(seen) >= total:
            if asked and (total < asked or page.walk > 1):
                self._learn(total_counts_ids=False)
            return True
        if total != asked:
            return False
        if page.walk == _WALKS_OF_A_DAY and self._total_counts_ids is None:
            self._learn(total_counts_ids=True)
        is_first_walk = page.walk == 1 and self._total_counts_ids is None
        if is_first_walk and not self._first_to_ask_again.acquire(blocking=False):
            self._has_learned.wait(_SECONDS_TO_LEARN)
        return self._total_counts_ids is True

    def _learn(self, total_counts_ids: bool) -> None:
        self._total_counts_ids = total_counts_ids
        self._has_learned.set()


def leaves(campaign_id: str, elements: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the nested answer has of a campaign as flat records, names as the API spells them.

    In: `[{"platforms": {P: {"locales": {L: {"variations": {V: {…}}}}}}}]`; out: one record a variation,
    `{"campaign_id": id, "platform": P, "locale": L, "variation": V, "performance_stats": {…} or None, …}`.
    Goals and failure reasons are texts that people typed, so they become items of an array, never columns.
    """
    for element in elements:
        for platform, locales in _items(element, "platforms"):
            for locale, variations in _items(locales, "locales"):
                for variation, details in _items(variations, "variations"):
                    yield {
                        "campaign_id": campaign_id,
                        "platform": platform,
                        "locale": locale,
                        "variation": variation,
                        "performance_stats": (details or {}).get("performance_stats"),
                        "delivery_funnel": (details or {}).get("delivery_funnel"),
                        "conversion_goal_stats": as_array(dict(_items(details, "conversion_goal_stats")), "goal_name"),
                        "failure_breakdown": [
                            {"reason": reason, "count": count} for reason, count in _items(details, "failure_breakdown")
                        ],
                    }


def _items(parent: Mapping[str, Any] | None, name: str) -> Iterable[tuple[str, Any]]:
    return ((parent or {}).get(name) or {}).items()


def _probes(settings: Settings, today: date) -> list[Probe]:
    """Statistics and not the list, because only those show that the feature is off for the account (403)."""
    page = Page(campaign_ids=settings.get("campaign_ids", [])[:1] or None)
    yesterday = today - timedelta(days=1)
    return [Probe("moengage_campaign_stats", day=yesterday, body={"limit": 1}, page={"next_page_token": page})]


def _keys_in_headers(settings: Settings) -> set[str]:
    """What Basic authorization makes of workspace id and key; the settings are as they were typed."""
    pair = f"{str(settings.get('workspace_id', '')).strip()}:{str(settings.get('api_key', '')).strip()}"
    return {base64.b64encode(pair.encode()).decode()}


MOENGAGE = Vendor(
    name="moengage",
    ids_in_headers=frozenset({"workspace_id"}),
    probes=_probes,
    keys_in_headers=_keys_in_headers,
)
