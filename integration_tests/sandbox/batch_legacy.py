"""Batch MEP, "legacy": /1.1/{APP_API_KEY}/campaigns/list, campaigns/stats/{token}, transactional/stats/{group}."""

from __future__ import annotations

import hmac
import re
from typing import Any
from urllib.parse import unquote

from .account import Account, LegacyApp, LegacyDay
from .checks import parse_count, parse_day
from .limits import Limits, Window
from .messages import Answer, Call, RefusedError, Route
from .seeded import months_before

PREFIX = "/1.1/"
MESSAGES = {
    10: (401, "AUTHENTICATION_INVALID"),
    12: (403, "API_MISUSE"),
    20: (404, "ROUTE_NOT_FOUND"),
    30: (400, "MALFORMED_PARAMETER"),
    0: (500, "SERVER_ERROR"),
    60: (429, "TOO_MANY_REQUESTS"),
}


def error(code: int, headers: dict[str, str] | None = None, status: int | None = None) -> Answer:
    """Return an error as Batch MEP words it."""
    usual, message = MESSAGES[code]
    return Answer(status or usual, {"code": code, "message": message}, headers or {})


def route(account: Account, path: str) -> Route:
    """Return what a path of this vendor means. An unknown key is not shown either: it can be half of a real one."""
    key, _, rest = path.removeprefix(PREFIX).partition("/")
    app = next((app.name for app in account.apps if app.key == unquote(key)), None)
    shown = f"{PREFIX}{app or '(unknown app key)'}/{rest}"
    if rest == "campaigns/list":
        return Route("legacy_list", shown, app)
    token = rest.removeprefix("campaigns/stats/")
    if token != rest and token and "/" not in token:
        return Route("legacy_stats", shown, app, unquote(token))
    group = rest.removeprefix("transactional/stats/")
    # The group is one segment of the path, so characters with a meaning in a URL have to be quoted.
    if group != rest and re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+", group):
        return Route("legacy_transactional_stats", shown, app, unquote(group))
    return Route(None, shown, app)


class BatchLegacy:
    """Answers as Batch MEP does."""

    def __init__(self, account: Account, limits: Limits) -> None:
        self.account = account
        self._window = Window(limits.legacy_per_minute, 60.0)

    def authenticate(self, call: Call) -> None:
        """Refuse any keys except the company's REST key and the Live key of one of its apps."""
        given = (call.header("X-Authorization") or "").encode()
        known = hmac.compare_digest(given, self.account.legacy_rest_key.encode())
        if not known or route(self.account, call.path).app is None:
            raise RefusedError(error(10))

    def limit(self, route: Route, now: float) -> dict[str, str]:
        """Count the call, or refuse it with a 429 that names no wait."""
        if not self._window.has_room(now):
            raise RefusedError(error(60))
        self._window.take(now)
        return {}

    def answer(self, call: Call, route: Route) -> Answer:
        """Answer a call whose sender is known."""
        if call.method != "GET":
            raise RefusedError(error(20, status=405))
        app = next(app for app in self.account.apps if app.name == route.app)
        if route.endpoint == "legacy_list":
            return Answer(200, self._list(app, call.query))
        if route.endpoint == "legacy_transactional_stats":
            return Answer(200, self._transactional(app, route.token or "", call.query))
        return Answer(200, self._stats(app, route.token or "", call.query))

    def _list(self, app: LegacyApp, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        for name, values in query.items():
            if name not in ("from", "limit", "live", "from_api") or len(values) > 1:
                raise RefusedError(error(30))
        offset = parse_count(query.get("from", ["0"])[0])
        limit = parse_count(query.get("limit", ["10"])[0])
        if offset is None or limit is None or not 1 <= limit <= 100:
            raise RefusedError(error(30))
        items = [campaign.item for campaign in list(app.campaigns)]
        for name in ("live", "from_api"):
            if name in query:
                flag = query[name][0]
                if flag not in ("true", "false"):
                    raise RefusedError(error(30))
                items = [item for item in items if item[name] is (flag == "true")]
        return items[offset : offset + limit]

    def _stats(self, app: LegacyApp, token: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if query:
            raise RefusedError(error(30))
        found = next((c for c in list(app.campaigns) if c.token == token), None)
        if found is None or found.dev_only:
            raise RefusedError(error(20))
        days = self.account.legacy_days(app, found)
        return {"campaign_token": token, "detail": [_row(day) for day in days]}

    def _transactional(self, app: LegacyApp, group_id: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if query.keys() != {"since", "until"} or any(len(values) > 1 for values in query.values()):
            raise RefusedError(error(30))
        since, until = parse_day(query["since"][0]), parse_day(query["until"][0])
        if since is None or until is None or since >= until or since < months_before(until, 6):
            raise RefusedError(error(30))
        found = next((group for group in app.groups if group.id == group_id), None)
        if found is None:
            raise RefusedError(error(20))
        days = self.account.transactional_days(app, found, since, until)
        return {"group_id": group_id, "detail": [{"date": day.isoformat(), **numbers} for day, numbers in days]}


def _row(day: LegacyDay) -> dict[str, Any]:
    row: dict[str, Any] = {"date": day.day.isoformat(), **day.metrics}
    if day.versions:
        row["versions"] = dict(day.versions)
    return row
