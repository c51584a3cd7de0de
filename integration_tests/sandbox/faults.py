"""Faults that a test injects into the next requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from . import batch, batch_legacy, moengage
from .messages import ENDPOINTS, Answer, Request

STATUS_KINDS = ("500", "502", "503", "504", "400", "401", "403", "404", "429")
WIRE_KINDS = ("reset", "tls_cut", "handshake_cut", "cut_body", "hang", "slow")
BODY_KINDS = (
    *("html", "empty", "null", "list", "key_missing", "redirect"),
    *("has_more_stuck", "has_more_without_next", "fewer_campaigns", "grow"),
)
KINDS = (*STATUS_KINDS, *WIRE_KINDS, *BODY_KINDS)

# The endpoint of kinds that only make sense there; all other kinds can happen everywhere.
ONLY_FOR = {
    "has_more_stuck": "batch_list",
    "has_more_without_next": "batch_list",
    "fewer_campaigns": "moengage_stats",
}
DOCUMENTED_KEY = {
    "batch_list": "orchestrations",
    "batch_stats": "details",
    "legacy_stats": "detail",
    "legacy_transactional_stats": "detail",
    "moengage_stats": "data",
}
LISTS = ("legacy_list", "moengage_campaigns")
MAINTENANCE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head>"
    b"<body><h1>We'll be back soon</h1><p>orchestrations: [] data: {}</p></body></html>\n"
)


@dataclass
class Fault:
    """A fault that hits `times` requests (None: all), after it has let `skip` requests pass.

    It hits only requests of the `endpoint` for which `match` is true; `match` gets the request without app keys.
    `seconds` is how long "hang" and "slow" last; `retry_after`, `reset` and `header` add headers to an error.
    """

    kind: str
    endpoint: str | None = None
    times: int | None = 1
    skip: int = 0
    match: Callable[[Request], bool] | None = None
    seconds: float | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | float | str | None = None
    reset: int | float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault: {self.kind!r}")
        if self.endpoint is not None and self.endpoint not in ENDPOINTS:
            raise ValueError(f"unknown endpoint: {self.endpoint!r}")

    @property
    def is_spent(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.times == 0

    @property
    def lasts(self) -> float:
        """How many seconds it delays the answer."""
        return self.seconds if self.seconds is not None else {"hang": 30.0, "slow": 1.0}.get(self.kind, 0.0)

    def headers(self) -> dict[str, str]:
        """Return the headers that it adds to the answer."""
        headers = dict(self.header)
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.reset is not None:
            headers["x-ratelimit-reset"] = str(self.reset)
        return headers

    def fits(self, request: Request) -> bool:
        """Whether it is meant for this request."""
        if self.is_spent or request.endpoint is None or self.kind == "handshake_cut":
            return False
        if self.endpoint not in (None, request.endpoint):
            return False
        if ONLY_FOR.get(self.kind, request.endpoint) != request.endpoint:
            return False
        return self.match is None or self.match(request)

    def fits_handshake(self, host: str) -> bool:
        """Whether it is meant for a connection to this host; the endpoint is not known yet."""
        if self.kind != "handshake_cut" or self.is_spent:
            return False
        is_batch = (self.endpoint or "").startswith(("batch", "legacy"))
        return self.endpoint is None or is_batch == (host == batch.HOST)


class Faults:
    """The injected faults."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.RLock()

    def add(self, fault: Fault) -> None:
        """Inject a fault."""
        with self._lock:
            # A copy, because `times` is counted down, and tests can share a fault.
            self._faults.append(replace(fault))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def left(self) -> int:
        """How many times faults will still happen; endless ones do not count."""
        return sum(fault.times or 0 for fault in self._faults)

    def take(self, request: Request, answer: Callable[[], Answer]) -> Fault | None:
        """Return the fault that hits this request; `answer` is called only for faults that depend on the answer."""
        with self._lock:
            for fault in self._faults:
                if fault.fits(request) and _can_hit(fault, answer) and _spend(fault):
                    return fault
        return None

    def take_handshake(self, host: str) -> Fault | None:
        """Return the fault that hits this connection."""
        with self._lock:
            return next((f for f in self._faults if f.fits_handshake(host) and _spend(f)), None)

    def wants_handshake(self, host: str) -> bool:
        """Whether the client should be made to connect again."""
        return any(f.fits_handshake(host) for f in self._faults)


def _spend(fault: Fault) -> bool:
    if fault.skip > 0:
        fault.skip -= 1
        return False
    if fault.times is not None:
        fault.times -= 1
    return True


def _can_hit(fault: Fault, answer: Callable[[], Answer]) -> bool:
    if fault.kind == "fewer_campaigns":
        # Only the last page can contradict the total, and only if it has a campaign to leave out.
        whole = answer()
        return (
            whole.status == 200 and bool(whole.body["data"]) and whole.body["current_page"] >= whole.body["total_pages"]
        )
    return True


def vendor_error(endpoint: str, kind: str, headers: dict[str, str]) -> Answer:
    """Return an error with the body that this vendor gives it."""
    status = int(kind)
    if status in (502, 504):
        # A gateway in front of the vendor answers these.
        body = b"<html><head><title>%d</title></head><body>nginx</body></html>" % status
        return Answer(status, body, headers, "text/html")
    if endpoint.startswith("legacy"):
        code = {400: 30, 401: 10, 403: 12, 404: 20, 429: 60}.get(status, 0)
        return batch_legacy.error(code, headers, status)
    if endpoint.startswith("moengage"):
        descriptions = {
            400: "campaign_ids - Some of the field values are invalid",
            401: "Invalid identity information found.",
            403: None,
        }
        return moengage.error(status, descriptions.get(status, "Please contact MoEngage Team"), endpoint, headers)
    messages = {
        400: ("The request is malformed", "MALFORMED_REQUEST"),
        401: ("The Rest API Key is not valid for this project", "AUTHENTICATION_INVALID"),
        403: ("Not allowed", "FORBIDDEN"),
        404: ("Not found", "NOT_FOUND"),
        429: ("Too many requests", "TOO_MANY_REQUESTS"),
        500: ("Unexpected error", "SERVER_ERROR"),
        503: ("Batch's services are under maintenance. Please try again later", "MAINTENANCE"),
    }
    return batch.error(status, *messages[status], headers)


def apply(fault: Fault, request: Request, answer: Callable[[], Answer], first_cursor: str) -> Answer:
    """Return the answer with the fault: it replaces the vendor's answer, or is made from it."""
    endpoint, kind = request.endpoint or "", fault.kind
    if kind in STATUS_KINDS:
        return vendor_error(endpoint, kind, fault.headers())
    if kind == "html":
        return Answer(200, MAINTENANCE_PAGE, fault.headers(), "text/html; charset=utf-8")
    if kind == "redirect":
        headers = {"Location": f"https://evil.example{quote(request.path)}", **fault.headers()}
        return Answer(302, b"", headers, "text/html")
    fixed: dict[str, Any] = {"empty": b"", "null": None, "list": {} if endpoint in LISTS else []}
    if kind in fixed:
        return Answer(200, fixed[kind], fault.headers())
    whole = answer()
    if whole.status != 200 or kind in WIRE_KINDS or kind == "grow":
        return whole
    return Answer(200, _spoiled(kind, endpoint, request, whole.body, first_cursor), whole.headers)


def _spoiled(kind: str, endpoint: str, request: Request, body: Any, first_cursor: str) -> Any:
    if kind == "key_missing":
        if endpoint in LISTS:
            return {"message": "Temporarily unavailable"}
        return {key: value for key, value in body.items() if key != DOCUMENTED_KEY[endpoint]}
    if kind == "fewer_campaigns":
        left_out = next(reversed(body["data"]))
        return {**body, "data": {key: value for key, value in body["data"].items() if key != left_out}}
    body = {**body, "has_more": True}
    body.pop("next_from", None)
    if kind == "has_more_stuck":
        body["next_from"] = request.query.get("from", [first_cursor])[0]
    return body
