"""Runs the connector as Airbyte does: the console script in its own process, with files in and lines out."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# Variables of this machine must not change the result of a test.
_UNSET = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "NO_PROXY",
    "no_proxy",
    "LOG_LEVEL",
)


class Messages:
    """What the platform sees in the messages of a command."""

    messages: list[dict[str, Any]]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message["record"]["data"]
            for message in self.messages
            if message["type"] == "RECORD" and message["record"]["stream"] == stream
        ]

    @cached_property
    def states(self) -> dict[str, dict[str, Any]]:
        """The last state message of each stream, as the platform keeps it."""
        return {
            message["state"]["stream"]["stream_descriptor"]["name"]: message["state"]
            for message in self.messages
            if message["type"] == "STATE"
        }

    @cached_property
    def ways(self) -> dict[str, str]:
        """All statuses of each stream: `STARTED RUNNING COMPLETE`."""
        found: dict[str, list[str]] = {}
        for trace in (message["trace"] for message in self.messages if message["type"] == "TRACE"):
            if status := trace.get("stream_status"):
                found.setdefault(status["stream_descriptor"]["name"], []).append(status["status"])
        return {name: " ".join(statuses) for name, statuses in found.items()}

    @cached_property
    def statuses(self) -> dict[str, str]:
        """The last status of each stream: STARTED, RUNNING, COMPLETE or INCOMPLETE."""
        return {name: way.split()[-1] for name, way in self.ways.items()}


@dataclass(frozen=True)
class Output(Messages):
    """What a command printed (`text`, with stderr), its exit code, and how many seconds it took."""

    exit_code: int
    text: str
    seconds: float

    @cached_property
    def messages(self) -> list[dict[str, Any]]:  # type: ignore[override]
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    @cached_property
    def errors(self) -> list[dict[str, Any]]:
        return [
            message["trace"]["error"]
            for message in self.messages
            if message["type"] == "TRACE" and message["trace"].get("error")
        ]

    def errors_of(self, stream: str) -> list[str]:
        return [
            error["message"] for error in self.errors if (error.get("stream_descriptor") or {}).get("name") == stream
        ]

    @cached_property
    def logs(self) -> list[str]:
        return [message["log"]["message"] for message in self.messages if message["type"] == "LOG"]

    @property
    def connection_status(self) -> dict[str, Any]:
        return next(message["connectionStatus"] for message in self.messages if message["type"] == "CONNECTION_STATUS")

    @property
    def catalog(self) -> dict[str, Any]:
        return next(message["catalog"] for message in self.messages if message["type"] == "CATALOG")


def command() -> list[str]:
    """The installed console script of the running environment."""
    return [str(Path(sysconfig.get_path("scripts")) / "source-campaign-stats")]


def command_with(*, day: str | None = None, speed: float | None = None) -> list[str]:
    """The same command with a clock that shows another day (`2026-11-22T05:00:00`), or runs `speed` times as fast."""
    options = [f"--day={day}"] if day else []
    options += [f"--speed={speed}"] if speed else []
    return [sys.executable, str(Path(__file__).parent / "altered_clock.py"), *options]


# For tests that would mostly wait: a minute takes a second. The connector still decides on the same waits.
FAST_SPEED = 60.0
FAST = command_with(speed=FAST_SPEED)


def start(
    verb: str,
    config: Mapping[str, Any] | None,
    environment: Mapping[str, str],
    *,
    streams: Sequence[str] = (),
    state: Mapping[str, Mapping[str, Any]] | None = None,
    arguments: Sequence[str] = (),
    executable: Sequence[str] | None = None,
) -> tuple["subprocess.Popen[str]", "tempfile.TemporaryDirectory[str]"]:
    """Starts a command; returns the process and the folder with its files, which is needed until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="campaign-stats-")
    line = [*(executable or command()), verb]
    files: dict[str, Any] = {}
    if config is not None:
        files["config"] = config
    if verb == "read":
        files["catalog"] = configured_catalog(streams)
        if state is not None:
            files["state"] = list(state.values())
    for name, content in files.items():
        path = Path(folder.name) / f"{name}.json"
        path.write_text(json.dumps(content))
        line += [f"--{name}", str(path)]
    inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
    process = subprocess.Popen(
        [*line, *arguments],
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, folder


def run(
    verb: str,
    config: Mapping[str, Any] | None,
    environment: Mapping[str, str],
    timeout: float = 600,
    **options: Any,
) -> Output:
    """Runs a command to its end; `options` are those of `start`, `timeout` is in seconds."""
    began = time.monotonic()
    process, folder = start(verb, config, environment, **options)
    with folder:
        text, _ = process.communicate(timeout=timeout)
    return Output(process.returncode, text, time.monotonic() - began)


def run_until_killed(config: Mapping[str, Any], environment: Mapping[str, str], lines: int, **options: Any) -> Output:
    """Runs `read` until it has printed so many lines, then kills the process (SIGKILL)."""
    began = time.monotonic()
    process, folder = start("read", config, environment, **options)
    assert process.stdout
    with folder:
        printed = [line for _, line in zip(range(lines), process.stdout, strict=False)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.wait()
    complete = rest[: rest.rfind("\n") + 1] if printed and printed[-1].endswith("\n") else ""
    return Output(process.returncode, "".join(printed) + complete, time.monotonic() - began)


def configured_catalog(streams: Sequence[str]) -> dict[str, Any]:
    """A catalog as the platform configures it; statistics are read incrementally."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental" if name.endswith("_stats") else "full_refresh",
                "destination_sync_mode": "append_dedup" if name.endswith("_stats") else "overwrite",
            }
            for name in streams
        ]
    }


def differences(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]], key: Sequence[str]) -> str:
    """How records differ from the truth: missing, invented, repeated or different ones; empty if they do not."""
    # The CDK prints no column that is null.
    found, expected = ([{k: v for k, v in row.items() if v is not None} for row in rows] for rows in (found, expected))
    by_key = {tuple(row.get(name) for name in key): row for row in found}
    truth = {tuple(row.get(name) for name in key): row for row in expected}
    counted = Counter(tuple(row.get(name) for name in key) for row in found)
    twice = [item for item, times in counted.items() if times > 1]
    told = []
    for title, keys in (
        ("missing", [item for item in truth if item not in by_key]),
        ("not in the truth", [item for item in by_key if item not in truth]),
        ("more than once", twice),
        ("different", [item for item in truth if item in by_key and by_key[item] != truth[item]]),
    ):
        if keys:
            told.append(f"{len(keys)} {title}, e.g. {keys[0]}")
            if title == "different":
                told.append(f"  found    {by_key[keys[0]]}\n  expected {truth[keys[0]]}")
    return "\n".join(told)
