"""Batch MEP ("legacy"): the campaigns of each app and their statistics (`campaigns/list`, `campaigns/stats`)."""

import itertools
import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, ClassVar

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_campaign_stats.http.answers import decoded, taken
from source_campaign_stats.output.errors import transient_error
from source_campaign_stats.settings.vendor import NamedIds, Pace, Probe, Settings, Vendor
from source_campaign_stats.sync.campaigns import CampaignRouter, ListedCampaigns
from source_campaign_stats.sync.days import ONE_DAY, Window
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.sync.state import Key
from source_campaign_stats.vendors.fitting import columns_of, fitted, listed
from source_campaign_stats.vendors.paging import Pages
from source_campaign_stats.vendors.records import as_array, documented_metrics, taken_out, with_timestamps

LOGGER = logging.getLogger("airbyte")

_TELLING = ("campaign_token", "name", "created_date")
_TIMESTAMPS = ("created_date", "push_time")
# `live=false` (stopped or draft), then `live=true`, then the first half again.
_HALVES = ("false", "true", "false")
_WALKS_OF_A_HALF = 3
_PACE = Pace(58, 62)
# For a group of transactional messages; the same as `step` in the manifest.
_DAYS_OF_A_REQUEST = 178
# A check asks each app, since each has a key of its own, up to nearly what the vendor allows in a minute. Groups are
# asked only up to half of that, so that all can be asked again.
_APPS_OF_A_CHECK, _REQUESTS_OF_A_CHECK = 50, 29


@dataclass
class LegacyCampaignExtractor(RecordExtractor):
    """The campaigns of a page: the API answers a bare array."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        items = decoded(response, list[msgspec.Raw])
        return listed(items, legacy_campaign_record, columns_of("legacy_campaigns"), _TELLING)


class LegacyDays(msgspec.Struct):
    """The statistics of a campaign or a group, its days still text."""

    detail: list[msgspec.Raw]


@dataclass
class LegacyStatsExtractor(RecordExtractor):
    """The days of a campaign, one record each; the API sends every day each time."""

    stream_name: ClassVar[str] = "legacy_campaign_stats"
    # What a day has beside its metrics.
    no_metrics: ClassVar[Set[str]] = {"date", "versions"}

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        known = documented_metrics(self.stream_name) | self.no_metrics
        columns = columns_of(self.stream_name)
        shape = partial(map, partial(legacy_day_record, known=known))
        for day in taken(decoded(response, LegacyDays).detail):
            yield from fitted([day], shape, columns)


@dataclass
class TransactionalStatsExtractor(LegacyStatsExtractor):
    """The days of a group of transactional messages, one record each."""

    stream_name: ClassVar[str] = "legacy_transactional_stats"
    no_metrics: ClassVar[Set[str]] = {"date"}


@dataclass(frozen=True)
class ListPage:
    """The page of an app's list that is asked next, and what the pages before it have shown.

    A list has two halves, `live` and not, which are walked one after the other: `part` counts them. `offset` is the
    first item that is asked, `last` the last one seen of this walk, `seen` all of them; `walk` counts the walks of this
    half. `length` is the length of the half, set if its end was reached and it is longer than what was seen.
    """

    part: int = 0
    offset: int = 0
    last: str | None = None
    seen: frozenset[str] = frozenset()
    walk: int = 1
    length: int | None = None

    @property
    def live(self) -> str:
        return _HALVES[self.part]


@dataclass
class PagesOfAnApp(Pages):
    """The pages of both halves of an app's list, each until a page brings nothing new.

    The list is paged by number, newest first, and moves while it is paged. So each page begins with the last item of
    the page before. If that item is missing, the list moved up and campaigns were skipped: the half is read again. A
    short page does not end the list. New items at the head push all others down, which only repeats some. At the end
    the half can be longer than what was seen of it. Then its head is read again. If that does not explain the
    difference, an item was hidden, and the half is read again.

    A campaign can change halves meanwhile and be in neither. So the first half is read once more at the end: it has
    what left the second half.
    """

    @property
    def initial_token(self) -> ListPage:
        return ListPage()

    def page_after(self, response: requests.Response, asked: ListPage) -> ListPage | None:
        tokens = tokens_in(response)
        seen = asked.seen.union(tokens)
        if asked.length is not None:
            return self._next_half(asked) if len(seen) >= asked.length else self._anew(asked)
        if asked.last is not None and asked.last not in tokens:
            return self._anew(asked)
        if len(seen) > len(asked.seen):
            return replace(asked, offset=len(seen) - 1, last=tokens[-1], seen=seen)
        if (length := asked.offset + len(tokens)) > len(seen):
            return replace(asked, offset=0, seen=seen, length=length)
        return self._next_half(asked)

    def _next_half(self, page: ListPage) -> ListPage | None:
        return ListPage(page.part + 1) if page.part + 1 < len(_HALVES) else None

    def _anew(self, page: ListPage) -> ListPage:
        if page.walk == _WALKS_OF_A_HALF:
            raise transient_error(f"the list moved each time that it was read, {page.walk} times. Try again later.")
        return ListPage(page.part, walk=page.walk + 1)


@dataclass
class OnlyConfiguredCampaigns(RecordFilter):
    """Keeps the campaigns named in an app's `campaign_tokens`; all of an app that names none."""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Any = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Any = None,
    ) -> Iterable[Mapping[str, Any]]:
        assert stream_slice is not None
        tokens = configured_tokens(self.config).get(stream_slice["app"])
        for record in records:
            if tokens is None or record["campaign_token"] in tokens:
                yield record


@dataclass
class CampaignsOfApps(ListedCampaigns):
    """Names the campaigns to ask: those configured for an app, else those that the app's list has.

    The partition holds the app's name and never its key, because a partition can be printed. Campaigns in dev
    mode have no statistics and are not asked.
    """

    campaigns: AbstractStream
    config: Config

    way_out: ClassVar[str] = (
        'If they stay missing, contact Batch (support@batch.com), or add the tokens to "Campaigns to skip".'
    )

    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        tokens, skipped = configured_tokens(self.config), self._skipped
        named = [_slice(window, app, token, {}) for app in tokens for token in tokens[app] if token not in skipped]
        in_dev_mode, asked = 0, []
        for record in self._listed(lambda app: app not in tokens):
            if record.data.get("dev_only"):
                in_dev_mode += 1
            elif record["campaign_token"] not in skipped:
                asked.append(_slice(window, record["app"], record["campaign_token"], record.data))
        LOGGER.info(
            "legacy_campaign_stats: asked %s listed and %s configured campaigns; %s in dev mode have no statistics%s",
            f"{len(asked):,}",
            f"{len(named):,}",
            f"{in_dev_mode:,}",
            f"; {len(skipped)} to skip" if skipped else "",
        )
        return named + asked

    def exist(self, keys: Collection[Key]) -> set[Key]:
        apps = {app for app, _ in keys}
        tokens = configured_tokens(self.config)
        # A refused token from the settings is a wrong token, not a deleted campaign.
        named: set[Key] = {(app, token) for app in tokens for token in tokens[app]}
        listed: set[Key] = {
            (item["app"], item["campaign_token"]) for item in self._listed(lambda app: app in apps - set(tokens))
        }
        return (named | listed) & set(keys)

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        apps = {app["name"] for app in self.config["batch_legacy"]["apps"]} - configured_tokens(self.config).keys()
        # Of other apps no list is read, so there is nothing to read again.
        return super().still_exist(keys) if apps & {app for app, _ in keys} else self.exist(keys)

    def _listed(self, is_wanted: Callable[[str], bool]) -> Iterator[Record]:
        return self.read_list(lambda stream_slice: is_wanted(stream_slice["app"]))

    @property
    def _skipped(self) -> set[str]:
        return set(self.config["batch_legacy"].get("skip_campaign_tokens", []))


@dataclass
class GroupsOfApps(CampaignRouter):
    """Names the groups of transactional messages that the settings have: Batch has no list of them."""

    config: Config
    unit: ClassVar[str] = "groups"
    way_out: ClassVar[str] = (
        'If they stay missing, check them under "Transactional groups" of the app, or remove them there.'
    )

    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        return [
            StreamSlice(partition={"app": app, "group_id": group}, cursor_slice=window.as_slice())
            for app, group in configured_groups(self.config["batch_legacy"])
        ]


def legacy_campaign_record(item: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign as the API gives it, with timestamps in one form."""
    return with_timestamps(item, _TIMESTAMPS, f"legacy_campaigns, {item.get('campaign_token')}")


def legacy_day_record(day: dict[str, Any], known: Set[str]) -> dict[str, Any]:
    """A day's numbers, with the versions of an A/B test as an array and unknown metrics in `other_metrics`.

    Example: `{"date": "2026-11-20", "seen": 2, "versions": {"a": {"sent": 486}}}` ->
    `{"date": "2026-11-20", "other_metrics": {"seen": 2}, "versions": [{"version": "a", "sent": 486}]}`.
    """
    other_metrics = taken_out(day, known)
    if other_metrics:
        day["other_metrics"] = other_metrics
    day["date"] = day["date"][:10]
    if "versions" in day:
        day["versions"] = as_array(day["versions"], "version", "versions")
    return day


def tokens_in(response: requests.Response) -> list[str]:
    """The campaign tokens of a page of the list, in its order."""
    return [item["campaign_token"] for item in decoded(response)]


def configured_tokens(config: Config) -> dict[str, list[str]]:
    """The campaign tokens of the apps that name some: `{"iOS": ["d9d5…"]}`."""
    apps = config["batch_legacy"]["apps"]
    return {app["name"]: app["campaign_tokens"] for app in apps if app.get("campaign_tokens")}


def configured_groups(settings: Settings) -> list[tuple[str, str]]:
    """The groups of transactional messages that the apps name: `[("iOS", "welcome")]`."""
    return [(app["name"], group) for app in settings["apps"] for group in app.get("transactional_group_ids", ())]


def _slice(window: Window, app: str, token: str, item: Mapping[str, Any]) -> StreamSlice:
    return StreamSlice(
        partition={"app": app, "campaign_token": token},
        cursor_slice=window.as_slice(),
        extra_fields={"name": item.get("name"), "created": item.get("created_date")},
    )


def _probes(settings: Settings, today: date) -> list[Probe]:
    """One for each app, since each has a key of its own; a day of each group, since no list knows whether it exists."""
    apps = [
        Probe(
            "legacy_campaigns",
            what=f', app "{app["name"]}"',
            stream_slice=StreamSlice(partition={"app": app["name"]}, cursor_slice={}),
            params={"limit": 1},
            page={"next_page_token": ListPage(part=1)},
        )
        for app in settings["apps"][:_APPS_OF_A_CHECK]
    ]
    groups = configured_groups(settings)
    asked = groups[: max(0, _REQUESTS_OF_A_CHECK - len(apps))]
    for what, some, all_of_them in (("apps", apps, settings["apps"]), ("transactional groups", asked, groups)):
        if len(some) < len(all_of_them):
            LOGGER.info(
                "A check asks for %s of the %s %s, because Batch allows 60 requests a minute. A sync tells of the "
                "others.",
                len(some),
                len(all_of_them),
                what,
            )
    yesterday = Window(today - ONE_DAY, today - ONE_DAY).as_slice()
    return apps + [
        Probe(
            "legacy_transactional_stats",
            what=f', app "{app}", transactional group "{group}"',
            stream_slice=StreamSlice(partition={"app": app, "group_id": group}, cursor_slice=yesterday),
        )
        for app, group in asked
    ]


def _complaints(settings: Settings) -> Iterator[str]:
    """Names and keys that two apps share."""
    for app, other in itertools.combinations(settings["apps"], 2):
        if app["name"] == other["name"]:
            yield f'Two apps are named "{app["name"]}". Give each app a name of its own: it is part of the rows\' key.'
        elif _plain(app["name"]) == _plain(other["name"]):
            yield (
                f'The names of the apps "{app["name"]}" and "{other["name"]}" differ only in capitals or blanks. '
                "Give each app a name of its own: it is part of the rows' key."
            )
        if app["api_key"] == other["api_key"]:
            yield (
                f'The apps "{app["name"]}" and "{other["name"]}" have the same "Live API key". '
                "Each platform of an app has its own: enter each once."
            )


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _first_sync(settings: Settings, days: int) -> str:
    campaigns = (
        "Batch MEP: one request for each campaign, however many days; "
        f"1,000 of them take about {in_words(_PACE.seconds_for(1000))}."
    )
    groups = len(configured_groups(settings))
    if not groups:
        return campaigns
    requests_of_all = groups * math.ceil(days / _DAYS_OF_A_REQUEST)
    return (
        f"{campaigns} And {requests_of_all:,} for the transactional groups, one for each group and "
        f"{_DAYS_OF_A_REQUEST} days; they take about {in_words(_PACE.seconds_for(requests_of_all))}."
    )


def _named_ids(settings: Settings) -> list[NamedIds]:
    apps = settings["apps"]
    named = [
        NamedIds(
            app["campaign_tokens"],
            what=f'"Campaign tokens" of the app "{app["name"]}"',
            stream="legacy_campaigns",
            column="campaign_token",
            partition={"app": app["name"]},
            nothing_else=all(other.get("campaign_tokens") for other in apps),
        )
        for app in apps
        if app.get("campaign_tokens")
    ]
    groups = [
        NamedIds(
            app["transactional_group_ids"],
            what=f'"Transactional groups" of the app "{app["name"]}"',
            column="group_id",
            partition={"app": app["name"]},
            statistics="legacy_transactional_stats",
        )
        for app in apps
        if app.get("transactional_group_ids")
    ]
    skipped = settings.get("skip_campaign_tokens")
    what = '"Campaigns to skip" of "Batch MEP (legacy)"'
    return (
        named
        + groups
        + ([NamedIds(skipped, what, stream="legacy_campaigns", column="campaign_token")] if skipped else [])
    )


def _paces(settings: Settings) -> dict[str, Pace]:
    return {"legacy_campaign_stats": _PACE, "legacy_transactional_stats": _PACE}


BATCH_LEGACY = Vendor(
    name="batch_legacy",
    ids_in_headers=frozenset(),
    probes=_probes,
    complaints=_complaints,
    first_sync=_first_sync,
    named_ids=_named_ids,
    paces=_paces,
    free_texts=frozenset({"transactional_group_ids"}),
    needs={"legacy_transactional_stats": 'Enter at least one group under "Transactional groups" of an app'},
)
