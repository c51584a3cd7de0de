"""Runs one sync of the connector in this process, from the files that Airbyte gives to the lines that it gets."""

from __future__ import annotations

import bisect
import io
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import gevent
import orjson
import requests
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from integration_tests.process import Messages, configured_catalog
from source_campaign_stats.run import run
from unit_tests.prepared import prepare_manifests_once

from . import clock
from .destination import HUGE_NUMBER

Send = Callable[[requests.PreparedRequest], requests.Response]
# No history needs so many requests: a sync that sends more would never end.
MOST_REQUESTS = 4000
MOST_SECONDS = 4 * 3600.0
MOST_CPU_SECONDS = 60

prepare_manifests_once()


class Ended(BaseException):
    """The connector has called `os._exit` with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Endless(BaseException):
    """The sync does not end; the message says how this was noticed."""


@dataclass(frozen=True)
class Printed(Messages):
    """The lines of a sync that arrived, its exit code (None: killed), and its cost in virtual seconds and requests."""

    lines: tuple[bytes, ...]
    exit_code: int | None
    seconds: float
    requests: int
    endless: str | None = None
    # When each line came and when the sync began, as `clock.elapsed` shows it.
    moments: tuple[float, ...] = ()
    began: float = 0.0

    @property
    def killed(self) -> bool:
        return self.exit_code is None

    def until(self, share: float) -> Printed:
        """The same sync, as if it was killed after this share (0 to 1) of its lines."""
        kept = int(len(self.lines) * share)
        return replace(self, lines=self.lines[:kept], moments=self.moments[:kept], exit_code=None)

    @cached_property
    def messages(self) -> list[dict[str, Any]]:  # type: ignore[override]
        return [message for message, _ in self.timed]

    @cached_property
    def timed(self) -> list[tuple[dict[str, Any], float]]:
        """Every message, and the second at which it came."""
        pairs = zip(self.lines, self.moments, strict=True)
        return [(_parsed(line), moment) for line, moment in pairs if line.startswith(b"{")]

    @cached_property
    def errors(self) -> list[tuple[str | None, str]]:
        """The stream of every error (None if it is about no single stream), and its message."""
        errors = [m["trace"]["error"] for m in self.messages if m["type"] == "TRACE" and m["trace"].get("error")]
        return [((error.get("stream_descriptor") or {}).get("name"), error["message"]) for error in errors]


def _parsed(line: bytes) -> dict[str, Any]:
    # orjson turns whole numbers with more than 64 bits into floats.
    message: dict[str, Any] = json.loads(line) if str(HUGE_NUMBER).encode() in line else orjson.loads(line)
    return message


class _Output(io.BytesIO):
    """A stand-in for the output pipe. It ignores `close`, and keeps the bytes with the time of each write."""

    def __init__(self) -> None:
        super().__init__()
        self._written: list[int] = []
        self._moments: list[float] = []

    def write(self, data: Any) -> int:
        length = super().write(data)
        self._written.append(self.tell())
        self._moments.append(clock.elapsed())
        return length

    def timed_lines(self) -> tuple[tuple[bytes, ...], tuple[float, ...]]:
        lines = tuple(self.getvalue().splitlines(keepends=True))
        ends = itertools.accumulate(map(len, lines))
        return lines, tuple(self._moments[bisect.bisect_left(self._written, end)] for end in ends)

    def close(self) -> None:
        pass


_greenlets: weakref.WeakSet[Any] = weakref.WeakSet()
gevent.Greenlet.add_spawn_callback(_greenlets.add)
_folder = tempfile.TemporaryDirectory(prefix="simulator-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def sync(
    config: Mapping[str, Any],
    streams: Sequence[str],
    state: Mapping[str, Mapping[str, Any]],
    send: Send,
    moment: datetime,
    seed: int,
) -> Printed:
    """Runs `read`. The machine's clock shows `moment` (UTC); `send` answers every request."""
    arguments = ["read"]
    files = {"config": config, "catalog": configured_catalog(streams), "state": list(state.values())}
    for name, content in files.items():
        if name == "state" and not state:
            continue
        path = Path(_folder.name) / f"{name}.json"
        path.write_bytes(orjson.dumps(content))
        arguments += [f"--{name}", str(path)]
    clock.set_clock(moment)
    # The CDK keeps the secrets of all syncs of a process, and looks for each in every line of the log.
    update_secrets([])
    # The jitter of waits is random.
    random.seed(seed)
    output = _Output()
    began = clock.elapsed()
    count = 0
    main = gevent.getcurrent()

    def counted(self: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        nonlocal count
        count += 1
        if count == MOST_REQUESTS:
            main_raises(Endless(f"more than {MOST_REQUESTS} requests, the last one {request.method} {request.url}"))
        return send(request)

    def main_raises(error: BaseException) -> None:
        gevent.get_hub().loop.run_callback(main.throw, error)

    def end(code: int) -> None:
        raise Ended(code)

    def too_long(*_: Any) -> None:
        raise Endless(f"more than {MOST_CPU_SECONDS} s of CPU")

    exit_code, endless = 0, None
    real = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, os._exit, sys.excepthook
    real_send = requests.adapters.HTTPAdapter.send
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGVTALRM)}
    timeout = gevent.Timeout(MOST_SECONDS, Endless(f"more than {MOST_SECONDS / 3600:.0f} hours"))
    text = io.TextIOWrapper(output, encoding="utf-8", write_through=True)
    try:
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = text  # type: ignore[assignment, misc]
        os._exit = end  # type: ignore[assignment]
        requests.adapters.HTTPAdapter.send = counted  # type: ignore[assignment, method-assign]
        signal.signal(signal.SIGVTALRM, too_long)
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_SECONDS)
        timeout.start()
        run(arguments)
    except Ended as error:
        exit_code = error.code
    except SystemExit as error:
        exit_code = error.code if isinstance(error.code, int) else 1
    except (Endless, gevent.exceptions.LoopExit) as error:
        exit_code = 1
        endless = str(error) if isinstance(error, Endless) else "it waits for something that never comes"
    finally:
        timeout.close()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        lines, moments = output.timed_lines()
        seconds = clock.elapsed() - began
        _end_threads()
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, os._exit, sys.excepthook = real  # type: ignore[misc]
        requests.adapters.HTTPAdapter.send = real_send  # type: ignore[method-assign]
        for number, handler in handlers.items():
            signal.signal(number, handler)
        # A sync that ended early can leave unprinted text here.
        PRINT_BUFFER.buffer = io.StringIO()
    return Printed(lines, exit_code, seconds, count, endless, moments, began)


def _end_threads() -> None:
    """Kills the threads of the sync, as the end of the process would."""
    left = [greenlet for greenlet in _greenlets if not greenlet.dead]
    threading.excepthook = lambda _: None
    gevent.killall(left, block=True)
    threading.excepthook = threading.__excepthook__
    clock.loop().forget()
