"""Batch CEP: orchestrations and their statistics (`orchestrations/list`, `orchestrations/stats`)."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.http.answers import Unreadable, decoded, taken
from source_campaign_stats.http.error_handler import VendorErrorHandler
from source_campaign_stats.output.errors import transient_error
from source_campaign_stats.settings.vendor import NamedIds, Pace, Probe, Settings, Vendor
from source_campaign_stats.sync.campaigns import ListedCampaigns
from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.outcome import in_words
from source_campaign_stats.sync.state import Key
from source_campaign_stats.vendors.fitting import columns_of, fitted, listed, says_nothing
from source_campaign_stats.vendors.paging import Pages
from source_campaign_stats.vendors.records import as_array, as_timestamp, documented_metrics, taken_out, with_timestamps

LOGGER = logging.getLogger("airbyte")

_TELLING = ("id", "name", "created_date")
_TIMESTAMPS = ("created_date", "start_time", "end_time")
# What a day has beside its metrics.
_NO_METRICS = {"date", "platform", "versions", "message_steps"}
_MOST_EMPTY_PAGES = 20
# The same as `min_datetime` in the manifest.
DAYS_KEPT = 178
# Rows of a send can be dated a day early (time zones) and up to 4 days late (local-time sends, warm-up).
_BEFORE_START = timedelta(days=1)
_AFTER_SENDING = timedelta(days=4)
# Delay steps go on sending after the end of a trigger; the vendor names no maximum.
_AFTER_LAST_STEP = timedelta(days=90)


@dataclass
class OrchestrationListErrorHandler(VendorErrorHandler):
    """Rejects an answer that announces more pages without a cursor to them."""

    def contradiction(self, response: requests.Response) -> str | None:
        answer = decoded(response)
        if not answer["has_more"]:
            return None
        if not answer.get("next_from"):
            return "`has_more` is true, but there is no `next_from`"
        asked = parse_qs(urlsplit(response.request.url or "").query).get("from")
        if asked == [answer["next_from"]]:
            return "`has_more` is true, but `next_from` leads to the same page again"
        return None


class Cursor(str):
    """A `next_from` as it came, with the cursors and ids before it and the number of empty pages just before it."""

    before: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    empty_pages: int = 0
    is_asked_again: bool = False

    def again(self) -> "Cursor":
        """The same cursor, asked for the second time."""
        again = Cursor(self)
        again.before, again.seen, again.is_asked_again = self.before, self.seen, True
        return again


@dataclass
class NextFrom(Pages):
    """Sends `next_from` back verbatim while `has_more` is true (Jinja would turn a cursor like `1e5` into a float).

    `count` is documented both as the total and as the size of the page, so it is never used. A cursor does not show its
    place in the list, so a page that is left out can't be noticed. A cursor that comes twice and a page without a new
    item can be noticed: both are asked again once.
    """

    @property
    def initial_token(self) -> None:
        return None

    def page_after(self, response: requests.Response, asked: Cursor | None) -> Cursor | None:
        answer = decoded(response)
        asked = asked or Cursor()
        ids = {item["id"] for item in answer["orchestrations"]}
        if ids and ids <= asked.seen and not asked.is_asked_again:
            return asked.again()
        if not answer["has_more"]:
            return None
        following = Cursor(answer["next_from"])
        following.before, following.seen = asked.before | {str(asked)}, asked.seen | ids
        following.empty_pages = 0 if ids else asked.empty_pages + 1
        if following in following.before:
            if asked.is_asked_again:
                raise transient_error("the list leads back to a page that was read before. Try again later.")
            return asked.again()
        if following.empty_pages > _MOST_EMPTY_PAGES:
            raise transient_error(
                f"the list has {following.empty_pages} empty pages in a row and does not come to an end. "
                "Try again later."
            )
        return following


class OrchestrationPage(msgspec.Struct):
    """A page of the list, its orchestrations still text."""

    orchestrations: list[msgspec.Raw]


@dataclass
class OrchestrationExtractor(RecordExtractor):
    """The orchestrations of a page, with the two misspelt keys under their right names."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        items = decoded(response, OrchestrationPage).orchestrations
        return listed(items, orchestration_record, columns_of("orchestrations"), _TELLING)


class OrchestrationDays(msgspec.Struct):
    """The statistics of an orchestration, its days still text."""

    details: list[msgspec.Raw]


@dataclass
class OrchestrationStatsExtractor(RecordExtractor):
    """The days of an orchestration, one record each."""

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        known = documented_metrics("orchestration_stats") | _NO_METRICS
        columns = columns_of("orchestration_stats", platforms="platform")
        shape = partial(map, partial(day_record, known=known))
        for day in taken(decoded(response, OrchestrationDays).details):
            yield from fitted([day], shape, columns)


@dataclass
class OrchestrationsWithRows(ListedCampaigns):
    """Names the orchestrations that can have rows in the window: a call for any other is wasted."""

    campaigns: AbstractStream
    config: Config
    unit: ClassVar[str] = "orchestrations"
    way_out: ClassVar[str] = (
        'If they stay missing, contact Batch (support@batch.com), or add the ids to "Orchestrations to skip".'
    )

    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        skipped = set(self.config["batch"].get("skip_orchestration_ids", []))
        listed, asked = 0, []
        for item in self.read_list():
            listed += 1
            is_owed = (item["id"],) in owed
            if item["id"] not in skipped and (is_owed or can_have_rows(item.data, window)):
                asked.append(
                    StreamSlice(
                        partition={"orchestration_id": item["id"]},
                        cursor_slice=window.as_slice(),
                        extra_fields={"name": item.data.get("name"), "created": item.data.get("created_date")},
                    )
                )
        LOGGER.info(
            "orchestration_stats: asked %s of %s orchestrations, the others can have no rows between %s and %s%s",
            f"{len(asked):,}",
            f"{listed:,}",
            window.first,
            window.last,
            f" or are among the {len(skipped)} to skip" if skipped else "",
        )
        return asked

    def exist(self, keys: Collection[Key]) -> set[Key]:
        return {key for item in self.read_list() if (key := (item["id"],)) in keys}

    def get_request_params(self, *, stream_slice: StreamSlice | None = None, **_: Any) -> Mapping[str, Any]:
        return dict(stream_slice.partition) if stream_slice else {}


class Orchestration(dict[str, Any]):
    """A record of `orchestrations` that remembers whether a date of sending was there and could not be read."""

    has_unreadable_dates = False


def orchestration_record(item: Mapping[str, Any]) -> Orchestration:
    """An orchestration as the API gives it, with right names and timestamps in one form.

    Example: `{"recurrence": {"repeat_fequency": 1}}` -> `{"recurrence": {"repeat_frequency": 1}}`.
    """
    subject = f"orchestrations, {item.get('id')}"
    record = Orchestration(with_timestamps(item, _TIMESTAMPS, subject))
    _rename(record, "messages_steps", "message_steps")
    if isinstance(record.get("recurrence"), dict):
        recurrence = with_timestamps(record["recurrence"], ("end_time",), f"{subject}, recurrence")
        _rename(recurrence, "repeat_fequency", "repeat_frequency")
        record["recurrence"] = recurrence
    record.has_unreadable_dates = _sending_dates(item) != _sending_dates(record)
    return record


def day_record(day: dict[str, Any], known: Set[str]) -> dict[str, Any]:
    """A day's numbers, with every breakdown as an array, whichever of its two shapes the API used.

    Metrics beside the known names go into `other_metrics`; inside the breakdowns they stay where they are.
    Example: `{"date": "2026-11-20", "sent": 3, "seen": 2, "platform": {"android": {"sent": 3}}}` and the same with
    `[{"platform": "ANDROID", "sent": 3}]` -> `{"date": "2026-11-20", "sent": 3, "other_metrics": {"seen": 2},
    "platforms": [{"platform": "android", "sent": 3}]}`.
    """
    other_metrics = taken_out(day, known)
    if other_metrics:
        day["other_metrics"] = other_metrics
    day["date"] = day["date"][:10]
    _platforms_as_array(day)
    for parts, name in (("versions", "version"), ("message_steps", "step_id")):
        if parts in day:
            day[parts] = as_array(day[parts], name, parts)
            for part in day[parts] or ():
                _platforms_as_array(part)
    return day


def can_have_rows(orchestration: Mapping[str, Any], window: Window) -> bool:
    """Whether an orchestration can have statistics in the window; when in doubt it can.

    Statistics are booked on the day of sending, so an orchestration that sent only outside the window has no row inside
    it. A running one can have sent on any day, because its dates can be edited later.
    """
    status = _text(orchestration, "status")
    if status == "draft":
        return False
    if status == "running" or isinstance(orchestration, Unreadable):
        return True
    if getattr(orchestration, "has_unreadable_dates", False):
        return True
    first, last = days_with_rows(orchestration)
    return (first is None or first <= window.last) and (last is None or last >= window.first)


def days_with_rows(orchestration: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """The first and the last day that can have rows; None where there is no bound that the vendor promises."""
    kind = _text(orchestration, "type")
    recurrence = orchestration.get("recurrence") or {}
    if not isinstance(recurrence, Mapping):
        return None, None
    in_app = any(str(channel).lower() in ("in_app", "in-app") for channel in orchestration.get("channels") or ())
    has_steps = bool(orchestration.get("message_steps") or orchestration.get("nbr_message_steps"))
    ends = [end for end in (orchestration.get("end_time"), recurrence.get("end_time")) if end]
    if kind in ("campaign", "onetime") and not (recurrence or ends or has_steps or in_app):
        start = _date(orchestration.get("start_time"))
        return _shifted(start, -_BEFORE_START), _shifted(start, _AFTER_SENDING)
    end = max((day for day in map(_date, ends) if day), default=None)
    if has_steps:
        return None, _shifted(end, _AFTER_LAST_STEP)
    if in_app or kind in ("recurring", "warmup", "warm-up", "warm_up"):
        return None, _shifted(end, _AFTER_SENDING)
    return None, None


def _shifted(day: date | None, duration: timedelta) -> date | None:
    try:
        return day + duration if day else None
    except OverflowError:
        # `0001-01-01` and `9999-12-31` stand for "no date".
        return None


def _platforms_as_array(part: dict[str, Any]) -> None:
    if "platform" not in part:
        return
    part["platforms"] = platforms = as_array(part.pop("platform"), "platform", "platforms")
    for numbers in platforms or ():
        try:
            numbers["platform"] = numbers["platform"].lower()
        except (KeyError, AttributeError):
            # A number stays one here; it becomes a text when the record is made to fit.
            if says_nothing(numbers.get("platform")):
                numbers["platform"] = ""


def _rename(item: dict[str, Any], misspelt: str, name: str) -> None:
    if misspelt in item:
        value = item.pop(misspelt)
        item[name] = item.get(name) or value


def _sending_dates(item: Mapping[str, Any]) -> list[bool]:
    """Which of the dates that bound the days of sending are there."""
    recurrence = item.get("recurrence")
    dates = [item.get("start_time"), item.get("end_time")]
    dates += [recurrence.get("end_time")] if isinstance(recurrence, Mapping) else []
    return [bool(moment) for moment in dates]


def _date(timestamp: Any) -> date | None:
    text = as_timestamp(timestamp)
    return date.fromisoformat(text[:10]) if text else None


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name) or "").strip().lower()


def _probes(settings: Settings, today: date) -> list[Probe]:
    return [Probe("orchestrations", params={"limit": 1})]


def _complaints(settings: Settings) -> Iterator[str]:
    """Finds swapped keys: the project key is a column of every row, so the REST API key must not stand there."""
    if settings["rest_api_key"].startswith("project_"):
        yield 'The "REST API key" of "Batch" is a project key: it begins with "project_". Enter each in its own place.'


def _first_sync(settings: Settings, days: int) -> str:
    return (
        f"Batch: one request for each orchestration that can have numbers in the last {min(days, DAYS_KEPT)} days; "
        f"1,000 of them take about {in_words(_paces(settings)['orchestration_stats'].seconds_for(1000))}."
    )


def _named_ids(settings: Settings) -> list[NamedIds]:
    skipped = settings.get("skip_orchestration_ids")
    what = '"Orchestrations to skip" of "Batch"'
    return [NamedIds(skipped, what, stream="orchestrations", column="id")] if skipped else []


def _paces(settings: Settings) -> dict[str, Pace]:
    return {"orchestration_stats": Pace(settings["requests_per_second"], 1.15)}


BATCH = Vendor(
    name="batch",
    ids_in_headers=frozenset({"project_key"}),
    probes=_probes,
    complaints=_complaints,
    first_sync=_first_sync,
    named_ids=_named_ids,
    paces=_paces,
)
