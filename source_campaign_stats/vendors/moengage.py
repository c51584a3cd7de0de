"""MoEngage: campaigns (`campaigns/meta`) and their statistics (`campaign-stats`)."""

import base64
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.http.answers import decoded, exactly, taken
from source_campaign_stats.http.error_handler import VendorErrorHandler
from source_campaign_stats.http.tries import SECONDS_OF_DOUBT
from source_campaign_stats.output.errors import UnfitValueError, transient_error
from source_campaign_stats.settings.vendor import NamedIds, Pace, Probe, Settings, Vendor
from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.sync.rows import RowOfAnswer
from source_campaign_stats.vendors.fitting import columns_of, fitted, listed, says_nothing
from source_campaign_stats.vendors.paging import Pages
from source_campaign_stats.vendors.records import as_array, as_object, documented_metrics, taken_out, with_timestamps

LOGGER = logging.getLogger("airbyte")

Leaf = tuple[str, str, str]

_TELLING = ("campaign_id", "campaign_name", "campaign_start_time")
_TIMESTAMPS = ("campaign_start_time",)
_GROUPS_OF_A_LEAF = {"performance_stats", "delivery_funnel", "conversion_goal_stats", "failure_breakdown"}
# What the total of a platform, a locale and a variation is called, in small letters; of two names the first wins.
_TOTALS = (("all_platforms",), ("all_locales", "all_locale"), ("all_variations",))
_IDS_IN_A_CALL = 10
_PACE = Pace(97, 62)
_WALKS_OF_A_DAY = 4
_MOST_BARREN_PAGES = 20
_WALKS_OF_THE_LIST = 3


@dataclass
class MoEngageCampaignExtractor(RecordExtractor):
    """The campaigns of a page."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        items = decoded(response, list[msgspec.Raw])
        return listed(items, moengage_campaign_record, columns_of("moengage_campaigns"), _TELLING)


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
        metrics = documented_metrics("moengage_campaign_stats")
        columns = columns_of("moengage_campaign_stats")
        for campaign_id, texts in decoded(response, StatsPage).data.items():
            try:
                records = fitted([*taken(texts)], partial(campaign_records, campaign_id, metrics), columns)
            except UnfitValueError as error:
                raise UnfitValueError(error.column, error.value, error.wanted, campaign_id) from error
            for record in records:
                yield {**record, **asked_with}


@dataclass
class RowsOfOneAnswer(RecordFilter):
    """Marks the rows of a page, so that a campaign's rows of one day all come from one answer, the last that has it.

    Two answers can differ in the leaves of a campaign, and `in_total` is right only within one of them.
    """

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Any = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Any = None,
    ) -> Iterable[Mapping[str, Any]]:
        answer = object()
        for record in records:
            row = RowOfAnswer(record)
            row.group, row.answer = record["campaign_id"], answer
            yield row


@dataclass
class DayErrorHandler(VendorErrorHandler):
    """Also rejects an answer in which a campaign has the same leaf twice, with other values."""

    def contradiction(self, response: requests.Response) -> str | None:
        for campaign_id, elements in decoded(response, StatsPage).data.items():
            if len(elements) < 2:
                continue
            found: dict[Leaf, dict[str, Any]] = {}
            # The extractor tells what can't be read, with its campaign.
            with suppress(UnfitValueError):
                for leaf, details in leaves(map(exactly, elements)):
                    if found.setdefault(leaf, details) != details:
                        return f"the campaign {campaign_id} has two elements with other values for {', '.join(leaf)}"
        return None


@dataclass(frozen=True)
class ListPage:
    """The page of the list that is asked next, and what the pages before it and the walks before have shown."""

    number: int = 1
    seen: frozenset[str] = frozenset()
    walk: int = 1
    walks_before: frozenset[frozenset[str]] = frozenset()


@dataclass
class PagesOfTheList(Pages):
    """The pages of the list, until one is empty, and all of them again until two walks have the same campaigns.

    The list is paged by number and has no documented order, so a page can hold what another one had, and a campaign
    can be passed over. The documents say that a short page is the last one. But a server that lags behind, or a filter
    after the paging, makes any page shorter. Three walks are believed, too, if one has all that the other two have: a
    campaign came while the list was read, and another one was passed over.
    """

    @property
    def initial_token(self) -> ListPage:
        return ListPage()

    def page_after(self, response: requests.Response, asked: ListPage) -> ListPage | None:
        of_this_page = campaign_ids_in(response)
        page = replace(asked, seen=asked.seen.union(of_this_page))
        is_short = len(of_this_page) < self.page_size
        if page.seen in page.walks_before and is_short:
            return None
        if of_this_page:
            return replace(page, number=page.number + 1)
        if page.walk == _WALKS_OF_THE_LIST:
            walks = {*page.walks_before, page.seen}
            if frozenset[str]().union(*walks) in walks:
                return None
            raise transient_error(
                f"the list had other campaigns each time that it was read, {page.walk} times. Try again later."
            )
        time.sleep(SECONDS_OF_DOUBT)
        return ListPage(walk=page.walk + 1, walks_before=page.walks_before | {page.seen})


@dataclass(frozen=True)
class Page:
    """The page of a day that is asked next, and what the pages before it have shown.

    `campaign_ids` are the ids of this call, None for all campaigns. `seen` are the campaigns of this walk, `seen_ever`
    those of all walks; `total` is the number of them that the last answer told, `has_shrunk` whether it fell during
    this walk or since the walk before; `barren` is how many pages in a row had no new campaign; `walk_before` is what
    the walk before came to.
    """

    batch: int = 0
    offset: int = 0
    campaign_ids: list[str] | None = None
    seen: frozenset[str] = frozenset()
    seen_ever: frozenset[str] = frozenset()
    total: int = 0
    has_shrunk: bool = False
    barren: int = 0
    walk: int = 1
    walk_before: tuple[int, frozenset[str]] | None = None


@dataclass
class PagesOfADay(Pages):
    """The pages of one day: by `offset` through all campaigns, or through each ten of the configured ids.

    A day is whole when as many campaigns were seen as the answer's `total_campaigns` says. If the list moved while it
    was read, campaigns are missing at the end: the day is read again, and fails if it stays incomplete. If two readings
    have the same total and the same campaigns, the vendor counts in another way, and they are taken. If one campaign
    leaves and another one comes while a third is hidden, no total shows it.

    With ids a call is one page, so nothing can move. Its total can be the number of ids that were asked for: campaigns
    without numbers are then counted but not shown.
    """

    config: Config

    @property
    def initial_token(self) -> Page:
        return Page(campaign_ids=self._ids(0))

    def page_after(self, response: requests.Response, asked: Page) -> Page | None:
        answer: StatsPage = decoded(response, StatsPage)
        page = replace(
            asked,
            seen=asked.seen | answer.data.keys(),
            seen_ever=asked.seen_ever | answer.data.keys(),
            total=answer.total_campaigns,
            # A campaign that left the list moved another one onto a page that was asked before.
            has_shrunk=asked.has_shrunk or answer.total_campaigns < asked.total,
        )
        pages_asked = page.offset // self.page_size + 1
        if max(answer.current_page, pages_asked) < answer.total_pages:
            barren = page.barren + 1 if page.seen == asked.seen else 0
            if barren > _MOST_BARREN_PAGES:
                raise transient_error(
                    f"{barren} pages of a day in a row had no new campaign, and MoEngage says that more follow. Run "
                    "the sync again later."
                )
            return replace(page, offset=page.offset + self.page_size, barren=barren)
        if page.campaign_ids is None and not self._is_whole(page):
            return self._anew(page)
        following = self._ids(page.batch + 1)
        return Page(page.batch + 1, campaign_ids=following) if following else None

    def _ids(self, batch: int) -> list[str] | None:
        ids = self.config["moengage"].get("campaign_ids")
        return ids[batch * _IDS_IN_A_CALL : (batch + 1) * _IDS_IN_A_CALL] if ids else None

    def _is_whole(self, page: Page) -> bool:
        if not page.has_shrunk and len(page.seen_ever) >= page.total:
            return True
        if page.walk_before != (page.total, page.seen):
            return False
        LOGGER.warning(
            "MoEngage counts %s campaigns of a day and shows %s, each time it is asked: those that it shows are taken.",
            page.total,
            len(page.seen),
        )
        return True

    def _anew(self, page: Page) -> Page:
        if page.walk == _WALKS_OF_A_DAY:
            raise transient_error(
                f"MoEngage says that there are {page.total} campaigns but shows only {len(page.seen)}, or changes the "
                f"number while it is read, also when asked {_WALKS_OF_A_DAY} times. Run the sync again later."
            )
        time.sleep(2**page.walk)
        return Page(
            walk=page.walk + 1,
            total=page.total,
            seen_ever=frozenset() if page.has_shrunk else page.seen_ever,
            walk_before=(page.total, page.seen),
        )


def moengage_campaign_record(item: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign as the API gives it, without the e-mail address of the person who created it."""
    record = with_timestamps(item, _TIMESTAMPS, f"moengage_campaigns, {item.get('campaign_id')}")
    record.pop("created_by", None)
    return record


def campaign_records(
    campaign_id: str, metrics: Set[str], elements: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """What the nested answer has of a campaign as flat records, one for each leaf, names as the API spells them.

    In: `[{"platforms": {P: {"locales": {L: {"variations": {V: {"performance_stats": {"sent": 2}, …}}}}}}}]`; out:
    `{"campaign_id": id, "platform": P, "locale": L, "variation": V, "sent": 2, …, "in_total": True}`.
    Metrics and groups that are not documented are in `other_metrics`. Goals and failure reasons are texts that people
    typed, so they become items of an array.
    """
    records = []
    has_stats: dict[Leaf, bool] = {}
    for leaf, details in leaves(elements):
        performance = as_object(details.get("performance_stats"), "performance_stats")
        other_metrics = taken_out(performance, metrics)
        if undocumented := details.keys() - _GROUPS_OF_A_LEAF:
            other_metrics = {name: details[name] for name in details if name in undocumented} | (other_metrics or {})
        # If a leaf comes twice, the reader keeps the first.
        has_stats.setdefault(leaf, not all(map(says_nothing, performance.values())))
        platform, locale, variation = leaf
        record = {
            "campaign_id": campaign_id,
            "platform": platform,
            "locale": locale,
            "variation": variation,
            **performance,
            "delivery_funnel": details.get("delivery_funnel"),
            "conversion_goal_stats": as_array(
                dict(_items(details, "conversion_goal_stats")), "goal_name", "conversion_goal_stats"
            ),
            "failure_breakdown": [
                {"reason": reason, "count": count} for reason, count in _items(details, "failure_breakdown")
            ],
        }
        if other_metrics:
            record["other_metrics"] = other_metrics
        records.append((leaf, record))
    counted = in_total(leaf for leaf in has_stats if has_stats[leaf])
    for leaf, record in records:
        record["in_total"] = leaf in counted
        yield record


def campaign_ids_in(response: requests.Response) -> list[str]:
    """The campaign ids of a page of the list."""
    return [item["campaign_id"] for item in decoded(response)]


def leaves(elements: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Leaf, dict[str, Any]]]:
    """The leaves of a campaign in all its elements: platform, locale and variation, each with its details."""
    for element in elements:
        for platform, locales in _parts(element, "platforms"):
            for locale, variations in _parts(locales, "locales"):
                for variation, details in _parts(variations, "variations"):
                    yield (platform, locale, variation), as_object(details, "variations")


def in_total(leaves: Iterable[Leaf]) -> set[Leaf]:
    """Of the leaves of a campaign and day that have performance stats, those that together count everything once.

    The platform that is a total, or all of them; inside each of those the same with its locales, then variations.
    Example: of `(ALL_PLATFORMS, en, V)`, `(ALL_PLATFORMS, fr, V)` and `(ios, all_locales, V)` the first two.
    """
    counted = set(leaves)
    for level, totals in enumerate(_TOTALS):
        names: dict[tuple[str, ...], set[str]] = {}
        for leaf in counted:
            names.setdefault(leaf[:level], set()).add(leaf[level].lower())
        total = {place: next((name for name in totals if name in found), None) for place, found in names.items()}
        counted = {leaf for leaf in counted if total[leaf[:level]] in (None, leaf[level].lower())}
    return counted


def _parts(parent: Any, name: str) -> Iterable[tuple[str, Any]]:
    """Its platforms, locales or variations. What has something else instead would be read as nothing at all."""
    level = as_object(parent, name)
    if level and name not in level:
        raise UnfitValueError(name, parent, f'an object with "{name}"')
    return _items(level, name)


def _items(parent: Any, name: str) -> Iterable[tuple[str, Any]]:
    return as_object(as_object(parent, name).get(name), name).items()


def _probes(settings: Settings, today: date) -> list[Probe]:
    """Asks for statistics, because the list does not show that the feature is off for the account (403)."""
    page = Page(campaign_ids=settings.get("campaign_ids", [])[:1] or None)
    yesterday = today - timedelta(days=1)
    day = StreamSlice(partition={}, cursor_slice=Window(yesterday, yesterday).as_slice())
    return [Probe("moengage_campaign_stats", stream_slice=day, body={"limit": 1}, page={"next_page_token": page})]


def _keys_in_headers(settings: Settings) -> set[str]:
    """Workspace id and key as Basic authorization sends them; the settings are still as they were typed."""
    pair = f"{str(settings.get('workspace_id', '')).strip()}:{str(settings.get('api_key', '')).strip()}"
    return {base64.b64encode(pair.encode()).decode()}


def _first_sync(settings: Settings, days: int) -> str:
    ids = settings.get("campaign_ids")
    calls = days * (-(-len(ids) // _IDS_IN_A_CALL) if ids else 1)
    counted = f"these {len(ids):,} campaigns" if ids else "every ten campaigns that have numbers on each day"
    return f"MoEngage: {calls:,} requests for {counted}, which take about {in_words(_PACE.seconds_for(calls))}."


def _named_ids(settings: Settings) -> list[NamedIds]:
    if not (ids := settings.get("campaign_ids")):
        return []
    return [
        NamedIds(
            ids,
            what='"Campaign ids" of "MoEngage"',
            stream="moengage_campaigns",
            column="campaign_id",
            statistics="moengage_campaign_stats",
            nothing_else=True,
        )
    ]


def _paces(settings: Settings) -> dict[str, Pace]:
    return {"moengage_campaign_stats": _PACE}


MOENGAGE = Vendor(
    name="moengage",
    ids_in_headers=frozenset({"workspace_id"}),
    probes=_probes,
    keys_in_headers=_keys_in_headers,
    first_sync=_first_sync,
    named_ids=_named_ids,
    paces=_paces,
)
