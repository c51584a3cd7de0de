"""Builders for tests: configurations, vendors that answer as their documentation says, and one sync."""

import copy
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema
import requests_mock as requests_mocking
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.test.catalog_builder import CatalogBuilder
from airbyte_cdk.test.state_builder import StateBuilder

import source_campaign_stats
from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.output import secrets
from source_campaign_stats.settings import cleaning, complaints
from source_campaign_stats.vendors import VENDORS

LOGGER = logging.getLogger("airbyte")
PACKAGE = Path(source_campaign_stats.__file__).parent

BATCH_KEY = "batch-rest-key-0001"
LEGACY_KEY = "legacy-rest-key-0002"
IOS_KEY = "ios-live-key-0003"
ANDROID_KEY = "android-live-key-0004"
MOENGAGE_KEY = "moengage-api-key-0005"
PROJECT = "project_unit_tests"
WORKSPACE = "WORKSPACE_UNIT_TESTS"


class ConfigBuilder:
    """A configuration as Airbyte passes it: `ConfigBuilder().with_batch(lookback_days=2).build()`."""

    def __init__(self) -> None:
        self._config: dict[str, Any] = {"start_date": "2026-11-01"}

    def with_batch(self, **settings: Any) -> "ConfigBuilder":
        return self.with_setting("batch", {"rest_api_key": BATCH_KEY, "project_key": PROJECT} | settings)

    def with_legacy(self, *apps: Mapping[str, Any], **settings: Any) -> "ConfigBuilder":
        given = [dict(app) for app in apps] or [app("iOS", IOS_KEY)]
        return self.with_setting("batch_legacy", {"rest_api_key": LEGACY_KEY, "apps": given} | settings)

    def with_moengage(self, **settings: Any) -> "ConfigBuilder":
        keys = {"workspace_id": WORKSPACE, "api_key": MOENGAGE_KEY, "data_center": "01"}
        return self.with_setting("moengage", keys | settings)

    def with_setting(self, name: str, value: Any) -> "ConfigBuilder":
        """`name` may have a dot: `with_setting("batch.rest_api_key", "k")`."""
        group, _, setting = name.rpartition(".")
        (self._config[group] if group else self._config)[setting] = value
        return self

    def without(self, name: str) -> "ConfigBuilder":
        group, _, setting = name.rpartition(".")
        del (self._config[group] if group else self._config)[setting]
        return self

    def build(self) -> dict[str, Any]:
        return copy.deepcopy(self._config)


def app(name: str, api_key: str, *campaign_tokens: str) -> dict[str, Any]:
    tokens = {"campaign_tokens": list(campaign_tokens)} if campaign_tokens else {}
    return {"name": name, "api_key": api_key} | tokens


# --- The vendors ------------------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """A request that a vendor got."""

    url: str
    headers: Mapping[str, str]
    body: Any

    @property
    def params(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def param(self, name: str) -> str | None:
        return self.params[name][0] if name in self.params else None


@dataclass
class Answer:
    """What a vendor answers: a body, sent as JSON unless it is a text, or an exception on the way."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


MAINTENANCE = Answer("<html><body>We will be back soon</body></html>")
NULL = Answer("null")


class Endpoint:
    """One endpoint of a vendor: it gives the answers of `first`, then `always` if it is set, else the vendor's own."""

    def __init__(
        self, http: requests_mocking.Mocker, method: str, pattern: str, say: Callable[[Asked], Answer]
    ) -> None:
        self.asked: list[Asked] = []
        self.first: list[Answer] = []
        self.always: Answer | None = None
        self._say = say
        http.register_uri(method, re.compile(pattern), text=self._respond)

    def _respond(self, request: Any, context: Any) -> str:
        body = json.loads(request.text) if request.text else None
        asked = Asked(request.url, request.headers, body)
        self.asked.append(asked)
        answer = self.first.pop(0) if self.first else self.always or self._say(asked)
        if answer.error:
            raise answer.error
        context.status_code = answer.status
        context.headers.update(answer.headers)
        return answer.body if isinstance(answer.body, str) else json.dumps(answer.body)

    def params(self, name: str) -> list[str | None]:
        return [asked.param(name) for asked in self.asked]


class BatchCep:
    """Batch CEP, as the two pages `orchestrations/list` and `orchestrations/stats` describe it."""

    def __init__(self, http: requests_mocking.Mocker) -> None:
        self.pages: list[list[dict[str, Any]]] = [[]]
        self.cursors = ["cGFnZQ==+/one", "1e5", "0x10", "MjAyNS0wNi0zMFQxMjo1MzozNlo="]
        # The days of an orchestration, or an answer instead of them.
        self.days: dict[str, list[dict[str, Any]] | Answer] = {}
        self.list = Endpoint(http, "GET", r"^https://api\.batch\.com/2\.10/orchestrations/list", self._list)
        self.stats = Endpoint(http, "GET", r"^https://api\.batch\.com/2\.10/orchestrations/stats", self._stats)

    def with_orchestrations(self, *items: dict[str, Any]) -> "BatchCep":
        self.pages = [list(items)]
        return self

    def with_pages(self, *pages: list[dict[str, Any]]) -> "BatchCep":
        self.pages = list(pages)
        return self

    def with_days(self, orchestration_id: str, *days: dict[str, Any]) -> "BatchCep":
        self.days[orchestration_id] = list(days)
        return self

    @property
    def ids_asked(self) -> list[str | None]:
        return sorted(self.stats.params("orchestration_id"), key=str)

    @property
    def windows_asked(self) -> set[tuple[str | None, str | None]]:
        return {(asked.param("from"), asked.param("to")) for asked in self.stats.asked}

    def _list(self, asked: Asked) -> Answer:
        cursor = asked.param("from")
        number = self.cursors.index(cursor) + 1 if cursor else 0
        has_more = number + 1 < len(self.pages)
        more = {"next_from": self.cursors[number]} if has_more else {}
        items = self.pages[number]
        return Answer({"orchestrations": items, "count": len(items), "has_more": has_more} | more)

    def _stats(self, asked: Asked) -> Answer:
        orchestration_id = str(asked.param("orchestration_id"))
        days = self.days.get(orchestration_id, [])
        if isinstance(days, Answer):
            return days
        first, last = str(asked.param("from")), str(asked.param("to"))
        return Answer({"id": orchestration_id, "details": [day for day in days if first <= day["date"] <= last]})


class BatchLegacy:
    """Batch MEP: the lists and the statistics of each app, found by the app's key in the path."""

    def __init__(self, http: requests_mocking.Mocker) -> None:
        self.campaigns: dict[str, list[dict[str, Any]]] = {}
        self.days: dict[str, list[dict[str, Any]] | Answer] = {}
        # Of transactional messages; a group that is not there is unknown to the vendor.
        self.groups: dict[str, list[dict[str, Any]] | Answer] = {}
        root = r"^https://api\.batch\.com/1\.1/[^/]+"
        self.list = Endpoint(http, "GET", f"{root}/campaigns/list", self._list)
        self.stats = Endpoint(http, "GET", f"{root}/campaigns/stats/", self._stats)
        self.transactional = Endpoint(http, "GET", f"{root}/transactional/stats/[^/?]+\\?", self._transactional)

    def with_campaigns(self, *campaigns: dict[str, Any], key: str = IOS_KEY) -> "BatchLegacy":
        self.campaigns[key] = list(campaigns)
        return self

    def with_days(self, token: str, *days: dict[str, Any]) -> "BatchLegacy":
        self.days[token] = list(days)
        return self

    def with_group(self, group_id: str, *days: dict[str, Any]) -> "BatchLegacy":
        self.groups[group_id] = list(days)
        return self

    @property
    def windows_asked(self) -> list[tuple[str, str | None, str | None]]:
        """The group and the bounds of each request about transactional messages, sorted."""
        return sorted((_last_of(one.path), one.param("since"), one.param("until")) for one in self.transactional.asked)

    @property
    def tokens_asked(self) -> list[str]:
        return sorted(asked.path.rpartition("/")[2] for asked in self.stats.asked)

    def _list(self, asked: Asked) -> Answer:
        live = {"true": True, "false": False}[str(asked.param("live"))]
        campaigns = self.campaigns.get(asked.path.split("/")[2], [])
        found = [campaign for campaign in campaigns if campaign["live"] is live]
        offset, limit = int(asked.param("from") or 0), int(asked.param("limit") or 10)
        return Answer(found[offset : offset + limit])

    def _stats(self, asked: Asked) -> Answer:
        token = asked.path.rpartition("/")[2]
        days = self.days.get(token, [])
        return days if isinstance(days, Answer) else Answer({"campaign_token": token, "detail": days})

    def _transactional(self, asked: Asked) -> Answer:
        group = _last_of(asked.path)
        days = self.groups.get(group, Answer({"code": 20, "message": "ROUTE_NOT_FOUND"}, status=404))
        if isinstance(days, Answer):
            return days
        since, until = str(asked.param("since")), str(asked.param("until"))
        too_long = date.fromisoformat(until) - date.fromisoformat(since) > timedelta(days=181)
        if since >= until or too_long or asked.params.keys() != {"since", "until"}:
            return Answer({"code": 30, "message": "MALFORMED_PARAMETER"}, status=400)
        return Answer({"group_id": group, "detail": [day for day in days if since <= day["date"] <= until]})


def _last_of(path: str) -> str:
    """The last segment of a path, unquoted."""
    return unquote(path.rpartition("/")[2])


class MoEngage:
    """MoEngage: `campaigns/meta` and `campaign-stats`, of whatever data center."""

    def __init__(self, http: requests_mocking.Mocker) -> None:
        self.campaigns: list[dict[str, Any]] = []
        # Campaigns of every day, unless a day has its own.
        self.every_day: dict[str, list[dict[str, Any]]] = {}
        self.days: dict[str, dict[str, list[dict[str, Any]]]] = {}
        host = r"^https://api-[0-9]+\.moengage\.com/core-services/v1"
        self.list = Endpoint(http, "POST", f"{host}/campaigns/meta$", self._list)
        self.stats = Endpoint(http, "POST", f"{host}/campaign-stats$", self._stats)

    def with_campaigns(self, *campaigns: dict[str, Any]) -> "MoEngage":
        self.campaigns = list(campaigns)
        return self

    def with_stats(self, *campaign_ids: str, day: str | None = None, **details: Any) -> "MoEngage":
        data = {campaign_id: moengage_campaign_stats(**details) for campaign_id in campaign_ids}
        if day:
            self.days.setdefault(day, {}).update(data)
        else:
            self.every_day |= data
        return self

    @property
    def days_asked(self) -> list[str]:
        """In the order of the days; a day of several pages as often as it was asked."""
        return sorted(asked.body["start_date"] for asked in self.stats.asked)

    def _list(self, asked: Asked) -> Answer:
        first = (asked.body["page"] - 1) * asked.body["limit"]
        return Answer(self.campaigns[first : first + asked.body["limit"]])

    def _stats(self, asked: Asked) -> Answer:
        body = asked.body
        data = self.days.get(body["start_date"], self.every_day)
        wanted = {name: stats for name, stats in data.items() if name in body.get("campaign_ids", data)}
        offset, limit = body.get("offset", 0), body.get("limit", 10)
        page = dict(list(wanted.items())[offset : offset + limit])
        pages = -(-len(wanted) // limit)
        return Answer(moengage_answer(page, total=len(wanted), page=offset // limit + 1, pages=pages))


def moengage_answer(data: Mapping[str, Any], total: int, page: int = 1, pages: int = 1) -> dict[str, Any]:
    return {"response_id": "x", "total_campaigns": total, "current_page": page, "total_pages": pages, "data": data}


# --- What the vendors have --------------------------------------------------------------------------------------------


def orchestration(orchestration_id: str = "orchestration_1", **changes: Any) -> dict[str, Any]:
    """A recurring orchestration without an end, which is always asked for its statistics."""
    item = {
        "id": orchestration_id,
        "type": "recurring",
        "channels": ["push"],
        "source": "dashboard",
        "name": f"Name of {orchestration_id}",
        "status": "running",
        "created_date": "2026-10-01T14:38:19Z",
        "start_time": "2026-10-02T17:31:00Z",
        "recurrence": {"repeat_unit": "WEEKLY", "repeat_frequency": 1},
    }
    return {name: value for name, value in (item | changes).items() if value is not None}


def one_shot(orchestration_id: str = "orchestration_1", **changes: Any) -> dict[str, Any]:
    return orchestration(orchestration_id, **({"type": "campaign", "recurrence": None} | changes))


def day(of: str, **numbers: Any) -> dict[str, Any]:
    return {"date": of, "sent": 972, "delivered": 847} | numbers


def every_day(first: str, last: str, **numbers: Any) -> list[dict[str, Any]]:
    return [day(one, **numbers) for one in days_between(first, last)]


def days_between(first: str, last: str) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=n)).isoformat() for n in range((date.fromisoformat(last) - start).days + 1)]


def legacy_campaign(token: str = "d9d5", **changes: Any) -> dict[str, Any]:
    campaign = {
        "campaign_token": token,
        "name": f"Name of {token}",
        "created_date": "2026-10-01T14:38:19",
        "live": True,
        "dev_only": False,
        "from_api": False,
    }
    return campaign | changes


def legacy_day(of: str, **numbers: Any) -> dict[str, Any]:
    documented = {"sent": 754, "sent_optins": 521, "direct_open": 102, "influenced_open": 98}
    return {"date": of} | documented | {"reengaged": 12, "errors": 0} | numbers


def transactional_day(of: str, **numbers: Any) -> dict[str, Any]:
    documented = {"sent": 754, "direct_open": 102, "influenced_open": 98, "reengaged": 12, "errors": 0}
    return {"date": of} | documented | numbers


def moengage_campaign(campaign_id: str = "66e933029ff25f3322d8279d", **changes: Any) -> dict[str, Any]:
    campaign = {
        "campaign_id": campaign_id,
        "channel": "PUSH",
        "platform": ["ANDROID"],
        "created_by": "somebody@example.com",
        "campaign_delivery_type": "ONE_TIME",
        "campaign_name": f"Name of {campaign_id}",
        "campaign_team": "default",
        "campaign_tags": ["tag"],
        "campaign_status": "SENT",
        "campaign_start_time": "2026-11-10T09:00:00",
    }
    return campaign | changes


def moengage_campaign_stats(
    platform: str = "android", locale: str = "all_locales", variation: str = "all_variations", **details: Any
) -> list[dict[str, Any]]:
    """One campaign with one leaf."""
    documented = {
        "performance_stats": {"attempted": 2, "sent": 2, "click": 4, "ctr": 200},
        "conversion_goal_stats": {"Goal 1": {"conversions": 0, "cvr": 0, "uplift": 0}},
        "delivery_funnel": {"reachable_users_in_segment": 2, "sent": 2},
        "failure_breakdown": {},
    }
    return [{"platforms": {platform: {"locales": {locale: {"variations": {variation: documented | details}}}}}}]


# --- One sync ---------------------------------------------------------------------------------------------------------


@dataclass
class Sync:
    """What one sync put out, as the platform sees it."""

    messages: list[AirbyteMessage]
    logs: list[str]
    failure: Exception | None

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message.record.data
            for message in self.messages
            if message.type == Type.RECORD and message.record and message.record.stream == stream
        ]

    def only(self, stream: str) -> dict[str, Any]:
        """The record, of a stream that put out exactly one."""
        records = self.records(stream)
        assert len(records) == 1, f"{len(records)} records of {stream}: {records}\n{self}"
        return records[0]

    @property
    def states(self) -> list[tuple[str, dict[str, Any]]]:
        """Every state that was put out, in this order."""
        return [
            (message.state.stream.stream_descriptor.name, dict(message.state.stream.stream_state.__dict__))
            for message in self.messages
            if message.type == Type.STATE
            and message.state
            and message.state.stream
            and message.state.stream.stream_state
        ]

    def state(self, stream: str) -> dict[str, Any]:
        """The last one, which is what the next sync gets."""
        found = [state for name, state in self.states if name == stream]
        assert found, f"no state of {stream} was put out\n{self}"
        return found[-1]

    @property
    def errors(self) -> list[str]:
        return [
            message.trace.error.message
            for message in self.messages
            if message.type == Type.TRACE and message.trace and message.trace.error
        ]

    def status(self, stream: str) -> str | None:
        """The last status of a stream."""
        statuses = [
            message.trace.stream_status
            for message in self.messages
            if message.type == Type.TRACE and message.trace and message.trace.stream_status
        ]
        found = [status.status.value for status in statuses if status.stream_descriptor.name == stream]
        return found[-1] if found else None

    def errors_of(self, stream: str) -> list[str]:
        return [
            message.trace.error.message
            for message in self.messages
            if message.type == Type.TRACE
            and message.trace
            and message.trace.error
            and message.trace.error.stream_descriptor
            and message.trace.error.stream_descriptor.name == stream
        ]

    @property
    def everything(self) -> str:
        """All messages, each as its line, and the failure; without the log, whose keys are masked only on output."""
        lines = [json.dumps(AirbyteMessageSerializer.dump(message), default=str) for message in self.messages]
        return "\n".join([*lines, str(self.failure), repr(self.failure)])

    def succeeded(self) -> "Sync":
        assert self.failure is None, f"the sync failed\n{self}"
        assert not self.errors, f"the sync reported errors\n{self}"
        return self

    def __str__(self) -> str:
        return "\n".join(["errors:", *self.errors, "failure:", str(self.failure), "logs:", *self.logs[-30:]])


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def catalog(*streams: str) -> ConfiguredAirbyteCatalog:
    builder = CatalogBuilder()
    for stream in streams:
        builder.with_stream(stream, SyncMode.incremental if stream.endswith("_stats") else SyncMode.full_refresh)
    return builder.build()


def state_of(states: Mapping[str, Mapping[str, Any]]) -> list[AirbyteStateMessage]:
    builder = StateBuilder()
    for stream, state in states.items():
        builder.with_stream_state(stream, dict(state))
    return builder.build()


def read(config: Mapping[str, Any], *streams: str, state: Mapping[str, Mapping[str, Any]] | None = None) -> Sync:
    """One sync of these streams, in this process; `state` is `{stream: state}`."""
    configured, given = catalog(*streams), state_of(state or {})
    lines, messages, failure = _Lines(), [], None
    level = LOGGER.level
    LOGGER.addHandler(lines)
    LOGGER.setLevel(logging.INFO)
    try:
        source = SourceCampaignStats(catalog=configured, config=config, state=given)
        for message in source.read(LOGGER, source.configure(config, ""), configured, given):
            messages.append(message)
    except Exception as error:
        failure = error
    finally:
        LOGGER.removeHandler(lines)
        LOGGER.setLevel(level)
    told = [message.log.message for message in messages if message.type == Type.LOG and message.log]
    return Sync(messages, [*told, *lines.lines], failure)


def check(config: Mapping[str, Any]) -> AirbyteConnectionStatus:
    source = SourceCampaignStats(catalog=None, config=config, state=None)
    return source.check(LOGGER, source.configure(config, ""))


def discover(config: Mapping[str, Any]) -> AirbyteCatalog:
    source = SourceCampaignStats(catalog=None, config=config, state=None)
    return source.discover(LOGGER, source.configure(config, ""))


def cleaned(config: Mapping[str, Any], specification: Mapping[str, Any]) -> dict[str, Any]:
    return cleaning.cleaned(config, specification, VENDORS)


def complaint(config: Mapping[str, Any], specification: Mapping[str, Any]) -> str | None:
    """What is wrong with a configuration that has only right names, or was cleaned already."""
    return "\n".join(complaints.complaints(config, config, specification, VENDORS)) or None


def spellings(config: Mapping[str, Any], specification: Mapping[str, Any]) -> list[str]:
    return secrets.spellings(config, specification, VENDORS)


def vendor_groups(specification: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The groups of settings that belong to a vendor, by name; each is a choice between not used and read."""
    return {name: schema for name, schema in specification["properties"].items() if "oneOf" in schema}


def schema_of(stream: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{stream}.json").read_text(encoding="utf-8"))
    return schema


def assert_fits_schema(stream: str, records: Iterable[Mapping[str, Any]]) -> None:
    """Each record fits the schema of its stream, dates and timestamps included."""
    validator = jsonschema.Draft7Validator(schema_of(stream), format_checker=jsonschema.FormatChecker())
    for record in records:
        problems = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(record)]
        assert not problems, f"{stream}: {problems} in {record}"


def a_slice(of: str | None = None, **partition: Any) -> StreamSlice:
    """A slice as the cursor makes it: of one day, or of one campaign."""
    interval = {"start_time": of, "end_time": of} if of else {}
    return StreamSlice(partition=partition, cursor_slice=interval)
