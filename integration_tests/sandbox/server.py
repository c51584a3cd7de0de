"""The sandbox: the three vendors behind one proxy, the requests they got, and the records that a sync must give."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

from . import batch, batch_legacy, moengage, truth
from .account import Account, Change
from .faults import WIRE_KINDS, Fault, Faults, apply
from .limits import Limits
from .messages import Answer, Call, RefusedError, Request, Route, dump
from .proxy import Front, Proxy, Reply

Vendor = batch.Batch | batch_legacy.BatchLegacy | moengage.MoEngage
CACHE_BYTES = 256 * 2**20


class Sandbox:
    """The vendors on this machine.

    Use it as a context manager, or call `start` and `close`. `fast` is for benchmarks: answers are cached, limits are
    off, and requests are only counted. `latency` (seconds) is added to every answer. `clock` is the clock of the
    limits, and `wall` gives the seconds since 1970 for the headers of MoEngage.
    """

    def __init__(
        self,
        account: Account,
        limits: Limits | None = None,
        *,
        fast: bool = False,
        latency: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        self.account = account
        self.limits = limits or Limits()
        self.fast, self.latency, self.clock, self._port = fast, latency, clock, port
        self._batch = batch.Batch(account, self.limits)
        self._legacy = batch_legacy.BatchLegacy(account, self.limits)
        self._moengage = moengage.MoEngage(account, self.limits, wall)
        self._faults = Faults()
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._refusals: list[Request] = []
        self._count = 0
        self._cache: dict[tuple[Any, ...], bytes] = {}
        self._cached_bytes = 0
        self._proxy: Proxy | None = None
        self._directory: Path | None = None

    # --- running ----------------------------------------------------------------------------------------

    def start(self) -> Sandbox:
        """Start to serve."""
        self._directory = Path(tempfile.mkdtemp(prefix="sandbox-"))
        hosts = (batch.HOST, *moengage.HOSTS)
        front = Front(hosts, self._respond, self._refused, self._cuts_handshake)
        self._proxy = Proxy(front, self._directory, self._port)
        return self

    def close(self) -> None:
        """Stop, cut open connections and remove the CA."""
        if self._proxy:
            self._proxy.close()
            self._proxy = None
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a child process needs; `NO_PROXY` is empty, because an inherited one would win."""
        if not self._proxy:
            raise RuntimeError("the sandbox is not running")
        needed = {
            "HTTPS_PROXY": self._proxy.url,
            "REQUESTS_CA_BUNDLE": str(self._proxy.ca_path),
            "NO_PROXY": "",
        }
        # If the variable in lower case is set, it wins, so it is set too.
        small = {name.lower(): value for name, value in needed.items() if name.lower() in os.environ}
        return needed | small

    def config(self, start_date: str | date | None = None, **overrides: Any) -> dict[str, Any]:
        """Return a complete configuration with the right keys.

        In `overrides` a dict is merged into the group of this name, None removes the group, and any other value is a
        setting at the top.
        """
        account = self.account
        config: dict[str, Any] = {
            "start_date": str(start_date or account.first_day),
            "batch": {
                "use": "on",
                "rest_api_key": account.batch_rest_key,
                "project_key": account.project_key,
                "requests_per_second": min(self.limits.batch_per_second, 100),
            },
            "batch_legacy": {
                "use": "on",
                "rest_api_key": account.legacy_rest_key,
                "apps": [
                    {
                        "name": app.name,
                        "api_key": app.key,
                        **({"transactional_group_ids": [group.id for group in app.groups]} if app.groups else {}),
                    }
                    for app in account.apps
                ],
            },
            "moengage": {
                "use": "on",
                "workspace_id": account.workspace_id,
                "api_key": account.moengage_key,
                "data_center": account.data_center,
            },
        }
        if not account.apps:
            del config["batch_legacy"]
        for name, value in overrides.items():
            if value is None:
                config.pop(name, None)
            elif isinstance(value, Mapping) and name in config:
                config[name] = {**config[name], **value}
            else:
                config[name] = value
        return config

    # --- what was asked ---------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """Every request in order of arrival, including refused connections."""
        with self._lock:
            return list(self._requests)

    def calls(self, endpoint: str | None = None) -> list[Request]:
        """Return the requests that reached this endpoint, or any endpoint."""
        return [r for r in self.requests if r.endpoint and endpoint in (None, r.endpoint)]

    @property
    def refusals(self) -> list[Request]:
        """The requests that were over a limit."""
        with self._lock:
            return list(self._refusals)

    @property
    def request_count(self) -> int:
        """How many requests arrived, in fast mode too."""
        return self._count

    def clear(self) -> None:
        """Forget the requests."""
        with self._lock:
            self._requests.clear()
            self._refusals.clear()
            self._count = 0

    # --- what happens -----------------------------------------------------------------------------------

    def inject(self, *faults: Fault) -> None:
        """Let these faults hit the next requests that fit them."""
        for fault in faults:
            self._faults.add(fault)

    def clear_faults(self) -> None:
        """Let no more faults happen."""
        self._faults.clear()

    @property
    def faults_left(self) -> int:
        """How many faults have not happened yet; endless ones do not count."""
        return self._faults.left

    def restate(self, first_day: date, last_day: date, fraction: float = 0.3, add_rows: bool = False) -> list[Change]:
        """Change past numbers; returns stream and key of each row that is changed or new."""
        return self.account.restate(first_day, last_day, fraction, add_rows)

    def add_day(self, n: int = 1, newcomers: bool = True) -> None:
        """Let n days pass: there are numbers of more days and, with `newcomers`, new campaigns."""
        self.account.add_day(n, newcomers)

    def expected(
        self, stream: str, first_day: date, last_day: date, config: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the records that a sync of these days must produce."""
        return truth.expected(self.account, stream, first_day, last_day, config or self.config())

    def route(self, call: Call) -> Route:
        """Return which endpoint a call is meant for."""
        return self._route(call)[1]

    def answer(self, call: Call) -> tuple[Route, Answer]:
        """Answer a call in this process, without a proxy and without faults."""
        vendor, route = self._route(call)
        return route, self._answer(call, vendor, route, self._remember(call, route))

    def saw(self, call: Call) -> None:
        """Tell the vendor of a call that a fault answers in its place."""
        vendor, _ = self._route(call)
        if isinstance(vendor, moengage.MoEngage):
            vendor.saw(call)

    # --- answering --------------------------------------------------------------------------------------

    def _route(self, call: Call) -> tuple[Vendor, Route]:
        path = call.path
        if call.host != batch.HOST:
            return self._moengage, moengage.route(path)
        if path.startswith(batch_legacy.PREFIX):
            return self._legacy, batch_legacy.route(self.account, path)
        return self._batch, batch.route(path)

    def _respond(self, call: Call) -> Reply:
        vendor, route = self._route(call)
        if self.fast and not self._faults:
            return self._respond_fast(call, vendor, route)
        request = self._remember(call, route)
        made: list[Answer] = []

        def answer() -> Answer:
            # Called at most once, because a second call would count against the limits again.
            if not made:
                made.append(self._answer(call, vendor, route, request))
            return made[0]

        fault = self._faults.take(request, answer) if self._faults else None
        if fault and fault.kind == "grow":
            self.account.grow()
        final = apply(fault, request, answer, self._batch.cursor(0)) if fault else answer()
        if not made:
            self.saw(call)
        request.fault = fault.kind if fault else None
        reply = Reply(final.status, final.rendered(), {"Content-Type": final.content_type, **final.headers})
        reply.seconds = self.latency
        if fault and fault.kind in WIRE_KINDS:
            reply.wire = fault.kind
            reply.seconds += fault.lasts
        if reply.wire not in ("reset", "tls_cut", "hang"):
            request.status = final.status
        reply.close = self._faults.wants_handshake(call.host)
        return reply

    def _remember(self, call: Call, route: Route) -> Request:
        request = Request(
            self.clock(),
            route.endpoint,
            call.method,
            call.host,
            route.shown,
            call.query,
            call.json() if call.raw else None,
            dict(call.headers.items()),
        )
        with self._lock:
            self._count += 1
            self._requests.append(request)
        return request

    def _answer(self, call: Call, vendor: Vendor, route: Route, request: Request) -> Answer:
        headers: dict[str, str] = {}
        try:
            self._check(call, vendor, route)
            with self._lock:
                headers = vendor.limit(route, self.clock())
            answer = vendor.answer(call, route)
        except RefusedError as refused:
            answer = refused.answer
            if answer.status == 429:
                with self._lock:
                    self._refusals.append(request)
        answer.headers = {**headers, **answer.headers}
        return answer

    def _check(self, call: Call, vendor: Vendor, route: Route) -> None:
        if route.endpoint is None:
            raise RefusedError(_unknown(vendor))
        vendor.authenticate(call)

    def _respond_fast(self, call: Call, vendor: Vendor, route: Route) -> Reply:
        with self._lock:
            self._count += 1
        headers = {"Content-Type": "application/json"}
        try:
            self._check(call, vendor, route)
            # The answer depends on the whole request except its id, and begins with this id.
            asked, body = call.raw, call.json() if call.raw else None
            if isinstance(body, dict) and isinstance(body.get("request_id"), str):
                asked = dump({**body, "request_id": "-"})
            key = (self.account.version, self.account.horizon, call.method, call.host, call.target, asked)
            rendered = self._cache.get(key)
            if rendered is None:
                rendered = vendor.answer(call, route).rendered()
                self._keep(key, rendered)
            if route.endpoint == "moengage_stats" and isinstance(body, dict):
                _, _, rest = rendered.partition(b',"total_campaigns"')
                rendered = b'{"response_id":' + dump(body["request_id"]) + b',"total_campaigns"' + rest
            return Reply(200, rendered, headers, seconds=self.latency)
        except RefusedError as refused:
            answer = refused.answer
            return Reply(answer.status, answer.rendered(), headers | answer.headers, seconds=self.latency)

    def _keep(self, key: tuple[Any, ...], rendered: bytes) -> None:
        with self._lock:
            if self._cached_bytes + len(rendered) <= CACHE_BYTES:
                self._cache[key] = rendered
                self._cached_bytes += len(rendered)

    # --- connections ------------------------------------------------------------------------------------

    def _refused(self, method: str, host: str, target: str) -> None:
        # Not the path of a plain request: it can hold a key.
        request = Request(self.clock(), None, method, host, target if method == "CONNECT" else "", status=403)
        with self._lock:
            self._count += 1
            self._requests.append(request)

    def _cuts_handshake(self, host: str) -> bool:
        fault = self._faults.take_handshake(host) if self._faults else None
        if fault is None:
            return False
        request = Request(self.clock(), fault.endpoint, "CONNECT", host, "", fault=fault.kind)
        with self._lock:
            self._requests.append(request)
        return True


def _unknown(vendor: Vendor) -> Answer:
    if isinstance(vendor, batch_legacy.BatchLegacy):
        return batch_legacy.error(20)
    if isinstance(vendor, moengage.MoEngage):
        return moengage.error(404, "No such endpoint.")
    return batch.error(404, "No such route", "ROUTE_NOT_FOUND")
