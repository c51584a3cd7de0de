"""MoEngage: /core-services/v1/campaign-stats and /core-services/v1/campaigns/meta."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from .account import Account, Leaf, MoEngageCampaign
from .checks import parse_day
from .limits import Limits, Window
from .messages import Answer, Call, RefusedError, Route
from .seeded import Block, base36

DATA_CENTERS = ("01", "02", "03", "04", "05", "06", "101")
HOSTS = tuple(f"api-{center}.moengage.com" for center in DATA_CENTERS)
ROUTES = {
    "/core-services/v1/campaign-stats": "moengage_stats",
    "/core-services/v1/campaigns/meta": "moengage_campaigns",
}
ATTRIBUTIONS = ("VIEW_THROUGH", "CLICK_THROUGH", "IN_SESSION", "TOTAL_CONVERSIONS", "CLICK_CONVERSIONS")
METRIC_TYPES = ("TOTAL", "UNIQUE")
STATS_FIELDS = {
    *("request_id", "campaign_ids", "start_date", "end_date", "attribution_type"),
    *("metric_type", "offset", "limit"),
}
META_FIELDS = {"request_id", "page", "limit", "include_child_campaigns", "include_archive_campaigns"}
TITLES = {
    400: "Invalid Field Value",
    401: "Authentication required",
    403: "Forbidden Request",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too many requests",
}


def error(
    status: int,
    description: str | None,
    endpoint: str | None = "moengage_stats",
    headers: dict[str, str] | None = None,
) -> Answer:
    """Return an error as MoEngage words it; most errors of the campaign list have another form."""
    title, code = TITLES.get(status, "Server Error"), base36(8, status, description)
    body: dict[str, Any] = {"title": title, "description": description, "code": code}
    if endpoint == "moengage_campaigns" and status not in (401, 403):
        body = {"error": {"code": code, "message": title, "target": description, "details": []}}
    return Answer(status, body, headers or {})


def route(path: str) -> Route:
    """Return what a path of this vendor means."""
    return Route(ROUTES.get(path), path)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class MoEngage:
    """Answers as MoEngage does."""

    def __init__(self, account: Account, limits: Limits, wall: Callable[[], float] = time.time) -> None:
        self.account = account
        self._wall = wall
        self._stats_windows = (Window(limits.moengage_per_minute, 60.0),)
        self._list_windows = (
            Window(limits.moengage_list_per_minute, 60.0),
            Window(limits.moengage_list_per_second, 1.0),
        )
        self._request_ids: set[str] = set()

    def authenticate(self, call: Call) -> None:
        """Refuse wrong keys, and right keys on the host of another data center."""
        kind, _, encoded = (call.header("Authorization") or "").partition(" ")
        try:
            pair = base64.b64decode(encoded, validate=True) if kind == "Basic" else b""
        except binascii.Error:
            pair = b""
        account = self.account
        if not (
            hmac.compare_digest(pair, f"{account.workspace_id}:{account.moengage_key}".encode())
            and call.header("MOE-APPKEY") == account.workspace_id
            and call.host == f"api-{account.data_center}.moengage.com"
        ):
            raise RefusedError(error(401, "Invalid identity information found."))

    def limit(self, route: Route, now: float) -> dict[str, str]:
        """Count the call, or refuse it; returns the headers that say how many calls are left."""
        windows = self._stats_windows if route.endpoint == "moengage_stats" else self._list_windows
        full = next((w for w in windows if not w.has_room(now)), None)
        if full is None:
            for window in windows:
                window.take(now)
        shown = full or windows[0]
        headers = {
            "x-ratelimit-limit": str(shown.limit),
            "x-ratelimit-remaining": str(shown.remaining()),
            "x-ratelimit-reset": str(math.ceil(self._wall() + shown.resets_in(now))),
        }
        if full:
            raise RefusedError(error(429, "Rate limit exceeded.", route.endpoint, headers))
        return headers

    def saw(self, call: Call) -> bool:
        """Remember the id of a request, whatever the answer; returns whether an earlier request had the same id."""
        body = call.json()
        request_id = body.get("request_id") if isinstance(body, dict) else None
        if not isinstance(request_id, str):
            return False
        is_known = request_id in self._request_ids
        self._request_ids.add(request_id)
        return is_known

    def answer(self, call: Call, route: Route) -> Answer:
        """Answer a call whose sender is known."""
        if call.method != "POST":
            raise RefusedError(error(405, "Only POST is allowed here.", route.endpoint))
        body = call.json()
        if not (call.header("Content-Type") or "").startswith("application/json") or not isinstance(body, dict):
            raise RefusedError(error(400, "The body must be a JSON object.", route.endpoint))
        if self.saw(call):
            raise RefusedError(error(400, "request_id - There was a request with this id.", route.endpoint))
        if route.endpoint == "moengage_campaigns":
            return Answer(200, self._meta(body))
        if not self.account.moengage_stats_enabled:
            raise RefusedError(error(403, None))
        return Answer(200, self._stats(body))

    # --- stats ------------------------------------------------------------------------------------------

    def _stats(self, body: dict[str, Any]) -> dict[str, Any]:
        first, last = self._checked(body)
        limit, offset = body.get("limit", 10), body.get("offset", 0)
        campaigns = [c for c in list(self.account.moengage_campaigns) if self._has_stats(c, first, last)]
        found: dict[str, MoEngageCampaign] = {c.id: c for c in campaigns}
        asked = list(found)
        if "campaign_ids" in body:
            asked = list(body["campaign_ids"])
            if self.account.moengage_total == "found":
                asked = [id_ for id_ in asked if id_ in found]
        kinds = (body["attribution_type"], body["metric_type"])
        page = [id_ for id_ in asked[offset : offset + limit] if id_ in found]
        return {
            "response_id": body["request_id"],
            "total_campaigns": len(asked),
            "current_page": offset // limit + 1,
            "total_pages": math.ceil(len(asked) / limit) or self.account.moengage_pages_when_empty,
            "data": {id_: self._elements(found[id_], first, last, *kinds) for id_ in page},
        }

    def _checked(self, body: dict[str, Any]) -> tuple[date, date]:
        def refuse(name: str) -> RefusedError:
            value = body.get(name)
            return RefusedError(error(400, f"{name} - Some of the field values are invalid: {name} : {value}"))

        for name in body:
            if name not in STATS_FIELDS:
                raise refuse(name)
        if not isinstance(body.get("request_id"), str) or not body["request_id"]:
            raise refuse("request_id")
        if body.get("attribution_type") not in ATTRIBUTIONS:
            raise refuse("attribution_type")
        if body.get("metric_type") not in METRIC_TYPES:
            raise refuse("metric_type")
        limit, offset = body.get("limit", 10), body.get("offset", 0)
        if not _is_whole(limit) or not 1 <= limit <= 10:
            raise refuse("limit")
        if not _is_whole(offset) or offset < 0:
            raise refuse("offset")
        if "campaign_ids" in body:
            ids = body["campaign_ids"]
            is_list = isinstance(ids, list) and all(isinstance(id_, str) and id_ for id_ in ids)
            if not is_list or not 1 <= len(ids) <= 10 or len(set(ids)) < len(ids):
                raise refuse("campaign_ids")
        first, last = parse_day(body.get("start_date")), parse_day(body.get("end_date"))
        if first is None:
            raise refuse("start_date")
        if last is None or last < first or (last - first).days > 30:
            raise refuse("end_date")
        return first, last

    def _has_stats(self, campaign: MoEngageCampaign, first: date, last: date) -> bool:
        return next(self.account.moengage_days(campaign, first, last), None) is not None

    def _elements(
        self, campaign: MoEngageCampaign, first: date, last: date, attribution: str, metric: str
    ) -> list[dict[str, Any]]:
        days = list(self.account.moengage_days(campaign, first, last))
        elements: list[dict[str, Any]] = [{"platforms": {}} for _ in range(campaign.elements)]
        if campaign.empty_platform:
            elements[0]["platforms"]["UNKNOWN"] = {"locales": {}}
        for n, leaf in enumerate(campaign.leaves):
            platform, locale, variation = leaf
            platforms = elements[n % campaign.elements]["platforms"]
            locales = platforms.setdefault(platform, {"locales": {}})["locales"]
            variations = locales.setdefault(locale, {"variations": {}})["variations"]
            variations[variation] = self._details(campaign, leaf, days, attribution, metric)
        return elements

    def _details(
        self, campaign: MoEngageCampaign, leaf: Leaf, days: list[date], attribution: str, metric: str
    ) -> dict[str, Any]:
        stats = [self.account.leaf_stats(campaign, leaf, day, attribution, metric) for day in days]
        details: dict[str, Any] = {}
        if stats[0].performance is not None:
            details["performance_stats"] = _sum([s.performance or {} for s in stats])
        details["conversion_goal_stats"] = {
            name: _sum([dict(s.goals)[name] for s in stats]) for name, _ in stats[0].goals
        }
        details["delivery_funnel"] = _sum([s.funnel for s in stats])
        details["failure_breakdown"] = _sum([dict(s.failures) for s in stats])
        return details

    # --- list -------------------------------------------------------------------------------------------

    def _meta(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        page, limit = body.get("page", 1), body.get("limit", 15)
        children = body.get("include_child_campaigns", False)
        archived = body.get("include_archive_campaigns", False)
        request_id = body.get("request_id")
        if (
            set(body) - META_FIELDS
            or not (isinstance(request_id, str) and request_id)
            or not (_is_whole(page) and page >= 1)
            or not (_is_whole(limit) and 1 <= limit <= 15)
            or not (isinstance(children, bool) and isinstance(archived, bool))
        ):
            raise RefusedError(error(400, "Some of the field values are invalid.", "moengage_campaigns"))
        items = [
            campaign.item
            for campaign in list(self.account.moengage_campaigns)
            if (children or not campaign.is_child) and (archived or not campaign.archived)
        ]
        return items[(page - 1) * limit : page * limit]


def _sum(blocks: list[Block]) -> Block:
    """Add up the blocks of several days, as the answer to a window does; rates become an average."""
    if len(blocks) == 1:
        return blocks[0]
    total: Block = {}
    for block in blocks:
        for name, value in block.items():
            is_number = isinstance(value, (int, float)) and isinstance(total.get(name, 0), (int, float))
            total[name] = total.get(name, 0) + value if is_number else value
    return {name: value / len(blocks) if isinstance(value, float) else value for name, value in total.items()}
