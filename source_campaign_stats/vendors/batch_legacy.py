"""Batch MEP ("legacy"): the campaigns of each app and their statistics (`campaigns/list`, `campaigns/stats`)."""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.http.answers import decoded, taken
from source_campaign_stats.settings.vendor import NamedIds, Probe, Settings, Vendor
from source_campaign_stats.sync.campaigns import CampaignRouter
from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.vendors.fitting import columns_of, fitted, listed
from source_campaign_stats.vendors.records import as_array, documented_metrics, taken_out, with_timestamps

LOGGER = logging.getLogger("airbyte")

_TELLING = ("campaign_token", "name", "created_date")
_TIMESTAMPS = ("created_date", "push_time")
# What a day has beside its metrics.
_NO_METRICS = {"date", "versions"}


@dataclass
class LegacyCampaignExtractor(RecordExtractor):
    """The campaigns of a page: the API answers a bare array."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        items = decoded(response, list[msgspec.Raw])
        return listed(items, legacy_campaign_record, columns_of("legacy_campaigns"), _TELLING)


class LegacyDays(msgspec.Struct):
    """The statistics of a campaign, its days still text."""

    detail: list[msgspec.Raw]


@dataclass
class LegacyStatsExtractor(RecordExtractor):
    """The days of a campaign, one record each; the API sends every day each time."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        known = documented_metrics("legacy_campaign_stats") | _NO_METRICS
        columns = columns_of("legacy_campaign_stats")
        shape = partial(map, partial(legacy_day_record, known=known))
        for day in taken(decoded(response, LegacyDays).detail):
            yield from fitted([day], shape, columns)


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
class CampaignsOfApps(CampaignRouter):
    """Names the campaigns to ask: those configured for an app, else those that the app's list has.

    The partition holds the app's name and never its key, because a partition can be printed. Campaigns in dev
    mode have no statistics and are not asked.
    """

    campaigns: AbstractStream
    config: Config

    def slices_within(self, window: Window) -> list[StreamSlice]:
        tokens = configured_tokens(self.config)
        named = [_slice(window, app, token, None) for app in tokens for token in tokens[app]]
        in_dev_mode, asked = 0, []
        for record in self.read_list(lambda stream_slice: stream_slice["app"] not in tokens):
            if record.data.get("dev_only"):
                in_dev_mode += 1
            else:
                asked.append(_slice(window, record["app"], record["campaign_token"], record.data.get("name")))
        LOGGER.info(
            "legacy_campaign_stats: asked %s campaigns and %s configured ones, %s in dev mode have no statistics",
            f"{len(asked):,}",
            f"{len(named):,}",
            f"{in_dev_mode:,}",
        )
        return named + asked


def legacy_campaign_record(item: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign as the API gives it, with timestamps in one form."""
    return with_timestamps(item, _TIMESTAMPS)


def legacy_day_record(day: dict[str, Any], known: Set[str]) -> dict[str, Any]:
    """A day's numbers, with the versions of an A/B test as an array, and metrics beside the known in `other_metrics`.

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


def configured_tokens(config: Config) -> dict[str, list[str]]:
    """The campaign tokens of the apps that name some: `{"iOS": ["d9d5…"]}`."""
    apps = config["batch_legacy"]["apps"]
    return {app["name"]: app["campaign_tokens"] for app in apps if app.get("campaign_tokens")}


def _slice(window: Window, app: str, token: str, name: str | None) -> StreamSlice:
    return StreamSlice(
        partition={"app": app, "campaign_token": token},
        cursor_slice=window.as_slice(),
        extra_fields={"name": name, "configured": name is None},
    )


def _probes(settings: Settings, today: date) -> list[Probe]:
    """One for each app, since each has a key of its own."""
    return [
        Probe(
            "legacy_campaigns",
            what=f', app "{app["name"]}"',
            stream_slice=StreamSlice(partition={"app": app["name"]}, cursor_slice={}),
            params={"limit": 1, "live": "true"},
        )
        for app in settings["apps"]
    ]


def _complaints(settings: Settings) -> Iterator[str]:
    """What no single app shows: names and keys that two of them share."""
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
    return (
        "Batch MEP: one request for each campaign, however many days; "
        f"1,000 of them take about {in_words(1000 * 62 / 58)}."
    )


def _named_ids(settings: Settings) -> list[NamedIds]:
    apps = settings["apps"]
    return [
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


BATCH_LEGACY = Vendor(
    name="batch_legacy",
    ids_in_headers=frozenset(),
    probes=_probes,
    complaints=_complaints,
    first_sync=_first_sync,
    named_ids=_named_ids,
)
