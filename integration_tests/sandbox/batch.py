"""Batch CEP: /2.10/orchestrations/list and /2.10/orchestrations/stats."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .account import Account, Orchestration, OrchestrationDay, Platforms
from .checks import parse_count, parse_day
from .limits import Limits, Window
from .messages import Answer, Call, RefusedError, Route
from .seeded import base36

Known = TypeVar("Known")

HOST = "api.batch.com"
PREFIX = "/2.10/"
ROUTES = {"/2.10/orchestrations/list": "batch_list", "/2.10/orchestrations/stats": "batch_stats"}
STATUSES = ("draft", "running", "completed", "stopped")
TYPES = ("campaign", "recurring", "trigger", "warmup")
CHANNELS = ("email", "push", "in-app", "sms", "universal")


def error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as Batch CEP words it."""
    return Answer(status, {"error_message": message, "error_code": code}, headers or {})


def route(path: str) -> Route:
    """Return what a path of this vendor means."""
    return Route(ROUTES.get(path), path)


def _malformed(message: str) -> RefusedError:
    return RefusedError(error(400, message, "MALFORMED_REQUEST"))


class Batch:
    """Answers as Batch CEP does."""

    def __init__(self, account: Account, limits: Limits) -> None:
        self.account = account
        self._window = Window(limits.batch_per_second, 1.0)
        self._known_state: tuple[object, ...] = ()
        self._known: dict[tuple[object, ...], Any] = {}

    def authenticate(self, call: Call) -> None:
        """Refuse any keys except the account's REST key and project key."""
        bearer = call.header("Authorization") or ""
        project = call.header("X-Batch-Project") or ""
        if not (
            hmac.compare_digest(bearer.encode(), f"Bearer {self.account.batch_rest_key}".encode())
            and hmac.compare_digest(project.encode(), self.account.project_key.encode())
        ):
            message = "The Rest API Key is not valid for this project"
            raise RefusedError(error(401, message, "AUTHENTICATION_INVALID"))

    def limit(self, route: Route, now: float) -> dict[str, str]:
        """Count the call, or refuse it with a 429 that names no wait."""
        if not self._window.has_room(now):
            raise RefusedError(error(429, "Too many requests", "TOO_MANY_REQUESTS"))
        self._window.take(now)
        return {}

    def answer(self, call: Call, route: Route) -> Answer:
        """Answer a call whose sender is known."""
        if call.method != "GET":
            raise RefusedError(error(405, "Only GET is allowed here", "METHOD_NOT_ALLOWED"))
        if route.endpoint == "batch_list":
            return Answer(200, self._list(call.query))
        return Answer(200, self._stats(call.query))

    # --- indexes, so that a call does not search 10,000 orchestrations -------------------------------------

    def _remembered(self, key: tuple[object, ...], make: Callable[[], Known]) -> Known:
        account = self.account
        state = (account.version, account.today, len(account.orchestrations))
        if self._known_state != state:
            self._known_state, self._known = state, {}
        known = self._known
        if key not in known:
            known[key] = make()
        found: Known = known[key]
        return found

    def _by_id(self) -> dict[str, Orchestration]:
        return self._remembered(("id",), lambda: {o.id: o for o in list(self.account.orchestrations)})

    def _matching(self, *filters: frozenset[str]) -> list[Orchestration]:
        statuses, types, channels = filters

        def matching() -> list[Orchestration]:
            return [
                o
                for o in list(self.account.orchestrations)
                if o.status(self.account.today) in statuses and _is_of(o, types, channels)
            ]

        return self._remembered(filters, matching)

    # --- list -------------------------------------------------------------------------------------------

    def cursor(self, offset: int) -> str:
        """Return the opaque cursor of the page that begins there."""
        # The first bytes become `++//` in base64, and the length leads to padding. So a client that does not URL-encode
        # the cursor sends a wrong one.
        mark = base36(6, self.account.seed, "cursor", offset)
        return base64.b64encode(b"\xfb\xef\xff" + f"Orchestrations@{offset}@{mark}".encode()).decode()

    def offset_of(self, cursor: str) -> int:
        """Return where a cursor points, or refuse one that this sandbox never gave."""
        try:
            offset = int(base64.b64decode(cursor, validate=True)[3:].split(b"@")[1])
        except (binascii.Error, ValueError, IndexError):
            offset = -1
        if offset < 0 or self.cursor(offset) != cursor:
            raise _malformed("from: unknown cursor")
        return offset

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        _only(query, {"from", "limit", "status", "type", "channels"}, repeated={"status", "type", "channels"})
        limit = parse_count(query.get("limit", ["10"])[0])
        if limit is None or not 1 <= limit <= 100:
            raise _malformed("limit: must be an integer from 1 to 100")
        statuses = _chosen(query, "status", STATUSES, ("running", "completed"))
        types = _chosen(query, "type", TYPES, TYPES)
        channels = _chosen(query, "channels", CHANNELS, CHANNELS)
        offset = self.offset_of(query["from"][0]) if "from" in query else 0
        found = self._matching(statuses, types, channels)
        page = [o.listed(self.account.today) for o in found[offset : offset + limit]]
        answer: dict[str, Any] = {"orchestrations": page, "count": len(page)}
        answer["has_more"] = offset + limit < len(found)
        if answer["has_more"]:
            answer["next_from"] = self.cursor(offset + limit)
        return answer

    # --- stats ------------------------------------------------------------------------------------------

    def _stats(self, query: dict[str, list[str]]) -> dict[str, Any]:
        _only(query, {"orchestration_id", "from", "to", "include_platforms"}, repeated=set())
        for name in ("orchestration_id", "from", "to"):
            if not query.get(name, [""])[0]:
                raise _malformed(f"{name}: is required")
        first, last = parse_day(query["from"][0]), parse_day(query["to"][0])
        if first is None or last is None:
            raise _malformed("from, to: must be dates in the yyyy-MM-dd format")
        if first > last:
            raise _malformed("from: must not be later than to")
        if first < self.account.batch_floor:
            raise _malformed("from: cannot be earlier than 6 months ago")
        flag = query.get("include_platforms", ["false"])[0]
        if flag not in ("true", "false"):
            raise _malformed("include_platforms: must be true or false")
        id_ = query["orchestration_id"][0]
        found = self._by_id().get(id_)
        if found is None:
            raise RefusedError(error(404, f"No orchestration {id_}", "NOT_FOUND"))
        days = self.account.orchestration_days(found, first, last)
        details = [_row(found, day, with_platforms=flag == "true") for day in days]
        return {"id": id_, "details": details[::-1] if found.newest_day_first else details}


def _only(query: dict[str, list[str]], known: set[str], repeated: set[str]) -> None:
    for name, values in query.items():
        if name not in known:
            raise _malformed(f"{name}: unknown parameter")
        if len(values) > 1 and name not in repeated:
            raise _malformed(f"{name}: given more than once")


def _chosen(query: dict[str, list[str]], name: str, known: Iterable[str], default: Iterable[str]) -> frozenset[str]:
    chosen = frozenset(query.get(name, default))
    if not chosen <= frozenset(known):
        raise _malformed(f"{name}: unknown value")
    return chosen


def _is_of(o: Orchestration, types: frozenset[str], channels: frozenset[str]) -> bool:
    # The filters know neither `onetime` nor `in_app`, the items do.
    kind = "campaign" if o.item["type"] == "onetime" else o.item["type"]
    names = {"in-app" if channel == "in_app" else channel for channel in o.item["channels"]}
    if len(names) > 1:
        names.add("universal")
    return kind in types and bool(names & channels)


def _platform(platforms: Platforms, as_array: bool) -> dict[str, Any]:
    if not platforms:
        return {}
    if as_array:
        return {"platform": [{"platform": name.upper(), **block} for name, block in platforms]}
    return {"platform": dict(platforms)}


def _row(o: Orchestration, day: OrchestrationDay, with_platforms: bool) -> dict[str, Any]:
    def split(platforms: Platforms, as_array: bool) -> dict[str, Any]:
        return _platform(platforms, as_array) if with_platforms else {}

    nested = o.nested_array_platforms
    row = {"date": day.day.isoformat(), **day.metrics, **split(day.platforms, o.array_platforms)}
    if day.versions:
        row["versions"] = [
            {**({"version": name} if name else {}), **block, **split(platforms, nested)}
            for name, block, platforms in day.versions
        ]
    if day.steps:
        row["message_steps"] = [
            {"step_id": step, **block, **split(platforms, nested)} for step, block, platforms in day.steps
        ]
    return row
