"""Batch MEP ("legacy"): the campaigns of each app and their statistics (`campaigns/list`, `campaigns/stats`)."""

import logging
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.cursor import WindowedRouter
from source_campaign_stats.days import Window
from source_campaign_stats.http import decoded, taken
from source_campaign_stats.records import as_array, documented_metrics, taken_out, with_timestamps

LOGGER = logging.getLogger("airbyte")

_TIMESTAMPS = ("created_date", "push_time")
# What a day has beside its metrics.
_NO_METRICS = {"date", "versions"}


@dataclass
class LegacyCampaignExtractor(RecordExtractor):
    """The campaigns of a page: the API answers a bare array."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        return [with_timestamps(item, _TIMESTAMPS) for item in decoded(response)]


class LegacyDays(msgspec.Struct):
    """The statistics of a campaign, its days still text."""

    detail: list[msgspec.Raw]


@dataclass
class LegacyStatsExtractor(RecordExtractor):
    """The days of a campaign, one record each; the API sends every day each time."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        known = documented_metrics("legacy_campaign_stats") | _NO_METRICS
        return (legacy_day_record(day, known) for day in taken(decoded(response, LegacyDays).detail))


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
class CampaignsOfApps(WindowedRouter):
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
        day["versions"] = as_array(day["versions"], "version")
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
