"""The faults that vendors, network and machine put into the answers of one sync."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import io
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3.exceptions import ProtocolError

from integration_tests.sandbox import Account, Limits, Sandbox
from integration_tests.sandbox.faults import DOCUMENTED_KEY, MAINTENANCE_PAGE, vendor_error
from integration_tests.sandbox.messages import Answer, Call, Route
from integration_tests.sandbox.seeded import digest

from . import clock
from .destination import HUGE_NUMBER
from .history import CHANGES, LIES, LISTS, STATISTICS, STATUSES, Fault

Key = tuple[Any, ...]
Asked = Mapping[str, Any]
_STATUS_WORDS = ("204", "302", "410", "408", "425")
# Dates are whole seconds, so a request can come a little early.
_SECONDS_TOO_EARLY = 1.5
PAGE_SIZES = {"batch_list": 100, "legacy_list": 100, "moengage_campaigns": 15, "moengage_stats": 10}


class Weather:
    """The vendors as one sync meets them: the sandbox's answers with the faults of the sync.

    `targets` are the things at each endpoint that a fault can hit, in the form of `key_of`. `between` are the days of
    MoEngage between other days with numbers: only for these the connector can know that an empty day is wrong.
    """

    def __init__(
        self,
        account: Account,
        faults: Sequence[Fault],
        targets: Mapping[str, Sequence[Key]],
        skew: int,
        between: set[str],
    ) -> None:
        self.account = account
        self.sandbox = Sandbox(account, Limits(strict=True), clock=clock.elapsed, wall=self._vendors_clock)
        self._skew = skew
        self.hits: Counter[str] = Counter()
        self.hit_faults: list[Fault] = []
        self.hit_keys: set[Key] = set()
        self.asked: Counter[Key] = Counter()
        self.over_limit = 0
        self.named_waits = 0.0
        # The number of requests that came before the wait that an answer named was over.
        self.too_early = 0
        # When statistics were answered without a fault, and what was asked.
        self.answered: list[tuple[float, Key]] = []
        self._not_before: dict[Key, float] = {}
        self.hidden: set[str] = set()
        self._pages: dict[Key, Any] = {}
        self._faults: list[tuple[Fault, Collection[Key] | None]] = []
        lied: set[str] = set()
        for fault in faults:
            # Two lies at once about the same thing can't be noticed, so each endpoint has at most one.
            if fault.kind in (*LIES, *CHANGES):
                if fault.endpoint in lied:
                    continue
                lied.add(fault.endpoint)
                fault = replace(fault, times=1, everywhere=False, every=0)
            choice = targets[fault.endpoint]
            if fault.kind == "empty_day":
                choice = [key for key in choice if key[1] in between and not key[-1] and key[2] == 0]
            if choice:
                first = fault.target % len(choice)
                chosen = choice[first :: fault.every] if fault.every else [choice[first]]
                self._faults.append((fault, None if fault.everywhere else set(chosen)))
        for fault, _ in self._faults:
            if fault.kind == "stale_list":
                self.hidden |= self._newest(fault.endpoint)
                self._hit(fault)

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """The answer to a request; raises what `requests` raises if no answer comes."""
        url = urlsplit(request.url or "")
        headers: Message[str, str] = Message()
        for name, value in request.headers.items():
            headers[name] = value.decode() if isinstance(value, bytes) else value
        raw = request.body.encode() if isinstance(request.body, str) else request.body or b""
        target = url.path + (f"?{url.query}" if url.query else "")
        call = Call(request.method or "", url.hostname or "", target, headers, raw)
        made: list[tuple[Route, Answer]] = []

        def honest() -> tuple[Route, Answer]:
            if not made:
                with self._as_listed(self.sandbox.route(call)):
                    made.append(self.sandbox.answer(call))
            return made[0]

        route = self.sandbox.route(call)
        key = self.key_of(call, route)
        number = self.asked[key]
        self.asked[key] += 1
        self.too_early += clock.elapsed() < self._not_before.pop(key, 0.0) - _SECONDS_TOO_EARLY
        # The way to the vendor takes time, because limits are counted when requests arrive.
        time.sleep(0.02 + digest(key, number) % 100 / 1000)
        fault = next(
            (
                fault
                for fault, chosen in self._faults
                if fault.endpoint == route.endpoint
                and fault.kind != "stale_list"
                and (chosen is None or key in chosen)
                and number >= fault.first
                and (fault.times is None or number < fault.first + fault.times)
            ),
            None,
        )
        try:
            answer = self._answer(fault, key, route, honest) if fault else honest()[1]
        finally:
            if not made:
                self.sandbox.saw(call)
        if answer.status == 429 and not (fault and fault.kind == "429"):
            self.over_limit += 1
        time.sleep(0.02 + digest(number, key) % 200 / 1000)
        if not fault and answer.status == 200 and route.endpoint in STATISTICS:
            self.answered.append((clock.elapsed(), key))
        cut = bool(fault and fault.kind == "cut_body")
        return self._response(request, answer, cut)

    # --- who is asked about what ------------------------------------------------------------------------

    def key_of(self, call: Call, route: Route) -> Key:
        """What a request asks for: a campaign, a page of a list, or a page of a day."""
        endpoint, query = route.endpoint, call.query
        if endpoint == "batch_stats":
            return (endpoint, query.get("orchestration_id", [""])[0])
        if endpoint in ("legacy_stats", "legacy_transactional_stats"):
            return (endpoint, route.app, route.token)
        if endpoint == "batch_list":
            cursor = query.get("from", [""])[0]
            return (endpoint, int(base64.b64decode(cursor)[3:].split(b"@")[1]) // 100 if cursor else 0)
        if endpoint == "legacy_list":
            offset = query.get("from", ["0"])[0]
            # Pages may overlap.
            page = round(int(offset) / 100) if offset.isdigit() else 0
            return (endpoint, route.app, query.get("live", [""])[0], page)
        body = call.json() or {}
        if endpoint == "moengage_campaigns":
            return (endpoint, body.get("page", 1))
        if endpoint == "moengage_stats":
            ids = tuple(sorted(body.get("campaign_ids") or ()))
            return (endpoint, body.get("start_date"), body.get("offset", 0) // 10, ids[:1])
        return (endpoint, call.target)

    # --- what becomes of the answer ---------------------------------------------------------------------

    def _hit(self, fault: Fault, key: Key = ()) -> None:
        self.hits[fault.cause] += 1
        self.hit_keys.add(key)
        if fault not in self.hit_faults:
            self.hit_faults.append(fault)

    def _answer(self, fault: Fault, key: Key, route: Route, honest: Callable[[], tuple[Route, Answer]]) -> Answer:
        kind = fault.kind
        if kind in STATUSES:
            self._hit(fault, key)
            return self._status(fault, route.endpoint or "", key)
        if kind in ("reset", "no_answer", "no_connection"):
            self._hit(fault, key)
            if kind == "reset":
                raise requests.exceptions.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError()))
            time.sleep(60 if kind == "no_answer" else 10)
            raise (
                requests.exceptions.ReadTimeout("read timed out")
                if kind == "no_answer"
                else (requests.exceptions.ConnectTimeout("timed out"))
            )
        if kind == "deleted_while_read":
            self._hit(fault, key)
            delete(self.account, key)
            return honest()[1]
        _, answer = honest()
        if answer.status != 200:
            return answer
        if kind in ("cut_body", "slow"):
            self._hit(fault, key)
            time.sleep(25 if kind == "slow" else 0)
            return answer
        if kind == "list_grows":
            self._hit(fault, key)
            # Only a campaign with numbers moves the pages of a day.
            self.account.grow(with_rows=route.endpoint == "moengage_stats")
            return answer
        if kind == "halves_change":
            if change_halves(self.account, route.app, key[2] == "true"):
                self._hit(fault, key)
            return answer
        # A copy, because the answer can share objects with the account.
        body = json.loads(answer.rendered())
        spoilt = spoilt_body(kind, route.endpoint or "", key, body, self._honest_page(call_key=key, route=route))
        if spoilt is None:
            return answer
        self._hit(fault, key)
        return Answer(200, spoilt, answer.headers, "text/html" if kind == "html" else answer.content_type)

    def _honest_page(self, call_key: Key, route: Route) -> Callable[[int], Any]:
        """A function that gives the items of a page near this one: -1 is the page before."""

        def page_at(distance: int) -> Any:
            items = _items(self.account, route)
            size = PAGE_SIZES.get(route.endpoint or "", 1)
            page = call_key[-1] + distance - (1 if route.endpoint == "moengage_campaigns" else 0)
            if route.endpoint == "legacy_list":
                items = [item for item in items if str(item["live"]).lower() == call_key[2]]
            return items[page * size : (page + 1) * size] if page >= 0 else []

        return page_at

    def _status(self, fault: Fault, endpoint: str, key: Key) -> Answer:
        headers: dict[str, str] = {}
        if fault.kind in ("429", "503"):
            headers, seconds = self._named_wait(fault.wait)
            self.named_waits += seconds
            # `x-ratelimit-reset` ("moment") names a wait only with a 429.
            if fault.kind == "429" or fault.wait != "moment":
                self._not_before[key] = clock.elapsed() + seconds
        if fault.kind in _STATUS_WORDS:
            body: Any = {"message": "Something else", "error_message": "Something else"}
            if fault.kind == "302":
                headers["Location"] = "https://login.example/"
            return Answer(int(fault.kind), b"" if fault.kind == "204" else body, headers)
        return vendor_error(endpoint, fault.kind, headers)

    def _named_wait(self, wait: str) -> tuple[dict[str, str], float]:
        now = self._vendors_clock()
        seconds = {"seconds": 7.0, "minute": 61.0, "date": 30.0, "moment": 20.0, "too_long": 700.0}.get(wait, 0.0)
        if wait == "date":
            return {"Retry-After": email.utils.formatdate(now + seconds, usegmt=True)}, seconds
        if wait == "moment":
            return {"x-ratelimit-reset": str(math.ceil(now + seconds))}, seconds
        return ({"Retry-After": f"{seconds:.0f}"} if seconds else {}), seconds

    def _vendors_clock(self) -> float:
        """Seconds since 1970, whatever the machine's clock shows."""
        return time.time() - self._skew

    def _response(self, request: requests.PreparedRequest, answer: Answer, cut: bool) -> requests.Response:
        content = b"" if answer.status == 204 else _rendered(answer.body)
        headers = {
            "Content-Type": answer.content_type,
            "Date": email.utils.formatdate(self._vendors_clock(), usegmt=True),
            **answer.headers,
        }
        body: Any = _Cut(content) if cut else io.BytesIO(content)
        raw = urllib3.HTTPResponse(body, headers=headers, status=answer.status, preload_content=False)
        response = _ADAPTER.build_response(request, raw)
        return response

    # --- lists that do not know the newest yet ----------------------------------------------------------

    def _newest(self, endpoint: str) -> set[str]:
        account = self.account
        if endpoint == "batch_list":
            return {account.orchestrations[0].id} if account.orchestrations else set()
        if endpoint == "legacy_list":
            return {app.campaigns[0].token for app in account.apps[:1] if app.campaigns}
        return {account.moengage_campaigns[0].id} if account.moengage_campaigns else set()

    @contextlib.contextmanager
    def _as_listed(self, route: Route) -> Iterator[None]:
        """The account without the hidden campaigns, while a list is answered."""
        account = self.account
        if not self.hidden or route.endpoint not in LISTS:
            yield
            return
        orchestrations, made = account.orchestrations, account.moengage_campaigns
        campaigns = [app.campaigns for app in account.apps]
        account.orchestrations = [o for o in orchestrations if o.id not in self.hidden]
        account.moengage_campaigns = [c for c in made if c.id not in self.hidden]
        for app in account.apps:
            app.campaigns = [c for c in app.campaigns if c.token not in self.hidden]
        try:
            yield
        finally:
            account.orchestrations, account.moengage_campaigns = orchestrations, made
            for app, listed in zip(account.apps, campaigns, strict=True):
                app.campaigns = listed


class _Cut(io.BytesIO):
    """A body whose connection breaks after half of its bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content[: len(content) // 2])

    def read(self, *size: int | None) -> bytes:
        part = super().read(*size)
        if not part:
            raise ProtocolError("Connection broken: IncompleteRead")
        return part


_ADAPTER = requests.adapters.HTTPAdapter()


def _rendered(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _items(account: Account, route: Route) -> list[dict[str, Any]]:
    if route.endpoint == "batch_list":
        return [o.listed(account.today) for o in account.orchestrations]
    if route.endpoint == "legacy_list":
        return [c.item for app in account.apps if app.name == route.app for c in app.campaigns]
    return [c.item for c in account.moengage_campaigns]


def delete(account: Account, key: Key) -> None:
    """Removes the campaign that a key names from the account."""
    account.orchestrations = [o for o in account.orchestrations if o.id != key[-1]]
    for app in account.apps:
        if app.name == key[1]:
            app.campaigns = [c for c in app.campaigns if c.token != key[-1]]
    account.moengage_campaigns = [c for c in account.moengage_campaigns if c.id != key[-1]]
    account.version += 1


def change_halves(account: Account, app_name: str | None, is_live: bool) -> bool:
    """Moves the first campaign of the other half into this half, which was just read; False if there is none."""
    for app in account.apps:
        for n, campaign in enumerate(app.campaigns):
            if app.name == app_name and campaign.item["live"] != is_live:
                app.campaigns[n] = replace(campaign, item={**campaign.item, "live": is_live})
                account.version += 1
                return True
    return False


def spoilt_body(kind: str, endpoint: str, key: Key, body: Any, page_at: Callable[[int], Any]) -> Any:
    """The body with the fault; None if this kind of fault can't change this body."""
    text = _rendered(body)
    if kind == "html":
        return MAINTENANCE_PAGE
    if kind == "nothing":
        return b""
    if kind == "null":
        return b"null"
    if kind == "other_type":
        return {} if isinstance(body, list) else []
    if kind == "key_missing":
        return {name: value for name, value in body.items() if name != DOCUMENTED_KEY[endpoint]}
    if kind == "half_json":
        return text[: len(text) // 2]
    if kind == "not_utf8":
        return text[: len(text) // 2] + b"\xff\xfe" + text[len(text) // 2 :]
    if kind == "error_as_200":
        return vendor_error(endpoint, "500", {}).body
    if kind == "byte_order_mark":
        return b"\xef\xbb\xbf" + text
    if kind == "half_pair":
        return text.replace("�".encode(), b"\\ud83d") if "�".encode() in text else None
    if endpoint in LISTS:
        return _spoilt_list(kind, endpoint, key, body, page_at)
    if kind == "fewer_campaigns" and key[-1]:
        # A call with ids is one page, and its total can count campaigns without numbers. So the lie can't be noticed.
        return None
    return _spoilt_statistics(kind, endpoint, body)


def _spoilt_list(kind: str, endpoint: str, key: Key, body: Any, page_at: Callable[[int], Any]) -> Any:
    items = body["orchestrations"] if endpoint == "batch_list" else body
    if kind in ("no_way_on", "goes_round"):
        without = {name: value for name, value in body.items() if name != "next_from"} | {"has_more": True}
        return (
            without
            if kind == "no_way_on"
            else (without | {"next_from": body["next_from"]} if "next_from" in body else without)
        )
    if kind == "empty_page":
        if not items:
            return None
        items = []
    elif kind in ("short_page", "hidden_item"):
        # Only if another page can reveal it.
        is_alone = endpoint == "moengage_campaigns" and key[-1] == 1 and len(items) < PAGE_SIZES[endpoint]
        if len(items) < 2 or is_alone:
            return None
        if kind == "short_page":
            items = items[:-1]
        else:
            middle = len(items) // 2
            items = items[:middle] + items[middle + 1 :] + page_at(1)[:1]
    elif kind == "repeated_page":
        items = page_at(-1)
        if not items:
            return None
    elif kind == "other_order":
        before = page_at(-1)
        if not before or not items:
            return None
        items = before[-1:] + items[:-1]
    if endpoint != "batch_list":
        return items
    answer = {**body, "orchestrations": items, "count": len(items)}
    if kind == "empty_page":
        answer = {"orchestrations": [], "count": 0, "has_more": False}
    return answer


def _spoilt_statistics(kind: str, endpoint: str, body: Any) -> Any:
    name = DOCUMENTED_KEY[endpoint]
    rows = body[name]
    if kind == "null_rows":
        return {**body, name: None}
    if not rows:
        return None
    if kind == "fewer_campaigns":
        return {**body, name: dict(list(rows.items())[:-1])}
    if kind == "empty_day":
        return {**body, name: {}, "total_campaigns": 0, "total_pages": 0, "current_page": 1}
    if kind == "total_too_high":
        return {**body, "total_campaigns": body["total_campaigns"] + 1}
    if kind == "rows_twice":
        return {**body, name: [*rows, *rows]}
    if kind == "rows_contradict":
        number = _a_number(rows[0])
        return {**body, name: [*rows, {**rows[0], number: rows[0][number] + 1}]} if number else None
    return _odd_numbers(kind, endpoint, body)


def _odd_numbers(kind: str, endpoint: str, body: Any) -> Any:
    numbers = _first_numbers(endpoint, body)
    name = _a_number(numbers) if numbers else None
    if numbers is None or name is None:
        return None
    if kind == "numbers_as_text":
        numbers[name] = str(numbers[name])
    elif kind == "whole_floats":
        numbers[name] = float(numbers[name])
    elif kind == "no_number":
        numbers[name] = "n/a"
    elif kind == "huge_number":
        numbers[name] = HUGE_NUMBER
    elif kind == "too_large_number":
        numbers[name] = "<too large>"
        return _rendered(body).replace(b'"<too large>"', b"1e400")
    return body


def _a_number(row: Mapping[str, Any]) -> str | None:
    return next((n for n in ("sent", "delivered", "attempted", "impression") if type(row.get(n)) is int), None)


def _first_numbers(endpoint: str, body: Any) -> dict[str, Any] | None:
    if endpoint != "moengage_stats":
        row: dict[str, Any] = body[DOCUMENTED_KEY[endpoint]][0]
        return row
    for elements in body["data"].values():
        for element in elements:
            for platform in element["platforms"].values():
                for locale in platform["locales"].values():
                    for details in locale["variations"].values():
                        if details.get("performance_stats"):
                            found: dict[str, Any] = details["performance_stats"]
                            return found
    return None


def targets_of(
    account: Account, has_rows: Mapping[str, set[Any]], days: tuple[date, date], named: Sequence[str]
) -> dict[str, list[Key]]:
    """The things that a fault at each endpoint can hit; for statistics campaigns with rows in these days, if any."""
    orchestrations = [o.id for o in account.orchestrations]
    tokens = [(app.name, campaign.token) for app in account.apps for campaign in app.campaigns]
    first, last = days
    window = [(last - timedelta(days=n)).isoformat() for n in range(max((last - first).days + 1, 0))]
    pages = {
        "batch_list": max(math.ceil(len(orchestrations) / 100), 1),
        "moengage_campaigns": len(account.moengage_campaigns) // 15 + 1,
        "moengage_stats": max(math.ceil(len(account.moengage_campaigns) / 10), 1),
    }
    batches = [tuple(sorted(named[n : n + 10])[:1]) for n in range(0, len(named), 10)] or [()]
    return {
        "batch_list": [("batch_list", page) for page in range(pages["batch_list"])],
        "batch_stats": [("batch_stats", id_) for id_ in orchestrations if id_ in has_rows["orchestration_stats"]]
        or [("batch_stats", id_) for id_ in orchestrations],
        "legacy_list": [
            ("legacy_list", app.name, live, page)
            for app in account.apps
            for live in ("true", "false")
            for page in range(len(app.campaigns) // 100 + 1)
        ],
        "legacy_stats": [("legacy_stats", *token) for token in tokens if token in has_rows["legacy_campaign_stats"]]
        or [("legacy_stats", *token) for token in tokens],
        "legacy_transactional_stats": [
            ("legacy_transactional_stats", app.name, group.id) for app in account.apps for group in app.groups
        ],
        "moengage_campaigns": [("moengage_campaigns", page) for page in range(1, pages["moengage_campaigns"] + 1)],
        "moengage_stats": [
            ("moengage_stats", day, page, ids)
            for page in range(1 if named else pages["moengage_stats"])
            for day in window
            for ids in batches
        ],
    }
