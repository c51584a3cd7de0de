"""Fixtures of every unit test: a frozen clock, waits that take no time, vendors that are not the real ones."""

import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import freezegun
import pytest
import requests_mock as requests_mocking
from airbyte_cdk.sources.streams.call_rate import MovingWindowCallRatePolicy
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from freezegun.api import FrozenDateTimeFactory

import source_campaign_stats
from source_campaign_stats.source import read_manifest
from unit_tests.builders import BatchCep, BatchLegacy, MoEngage
from unit_tests.messages import unexplained
from unit_tests.prepared import prepare_manifests_once

# 2026-11-20 is the last complete day.
NOW = "2026-11-21T12:00:00Z"
PACKAGE = str(Path(source_campaign_stats.__file__).parent)
_REAL_SLEEP = time.sleep
_LINE = re.compile(r"(Batch|MoEngage|A|The|[a-z_]+)[:, ]|\"")
prepare_manifests_once()


def pytest_sessionstart() -> None:
    """Nothing is remembered from other sessions of this process: mutmut runs one for each mutant."""
    for name, module in sys.modules.items():
        if name.startswith(("source_campaign_stats", "unit_tests")):
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


@pytest.fixture(scope="module")
def frozen() -> Iterator[FrozenDateTimeFactory]:
    """Once per module, because freezing takes a while. Not per session: other test folders need the real time."""
    monotonic = time.monotonic
    with freezegun.freeze_time(NOW, ignore=["_pytest.timing"]) as factory:
        # Durations need the real clock: a frozen one never reaches a deadline.
        time.monotonic = monotonic
        yield factory


@pytest.fixture(autouse=True)
def clock(frozen: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    """The frozen clock: `clock.move_to("2026-11-22T12:00:00Z")` sets another time."""
    frozen.move_to(NOW)
    return frozen


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch, clock: FrozenDateTimeFactory) -> list[float]:
    """The seconds of each wait so far; none takes time. The connector, the CDK and its library for retries wait."""
    seconds_waited: list[float] = []

    def sleep(seconds: float) -> None:
        # The CDK's own threads sleep for tenths of a second; those are no waits for a vendor.
        if seconds >= 0.5:
            seconds_waited.append(seconds)
        _REAL_SLEEP(0)

    monkeypatch.setattr(time, "sleep", sleep)
    # A budget waits until seconds have passed, and here none pass.
    monkeypatch.setattr(MovingWindowCallRatePolicy, "try_acquire", lambda *_, **__: None)
    return seconds_waited


@pytest.fixture(autouse=True)
def lines_of_the_log() -> Iterator[list[str]]:
    """The connector's lines of the log. Each begins with the stream or vendor that it speaks of, or is a sentence."""
    lines: list[str] = []

    class Ears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "airbyte" and record.pathname.startswith(PACKAGE):
                lines.append(record.getMessage())

    ears, logger = Ears(), logging.getLogger("airbyte")
    logger.addHandler(ears)
    yield lines
    logger.removeHandler(ears)
    unclear = [line for line in lines if not _LINE.match(line) or re.search(r"\bNone\b(?!\")", line)]
    assert not unclear


@pytest.fixture(autouse=True)
def words_for_people(monkeypatch: pytest.MonkeyPatch, lines_of_the_log: list[str]) -> Iterator[None]:
    """The sentences of the errors that the connector raises, and of its log, are messages that the guide explains."""
    heard: list[str] = []
    construct = AirbyteTracedException.__init__

    def hear(error: AirbyteTracedException, *arguments: Any, **named: Any) -> None:
        construct(error, *arguments, **named)
        caller = sys._getframe(1)
        while caller.f_code.co_filename.endswith("output/errors.py") and caller.f_back:
            caller = caller.f_back
        if caller.f_code.co_filename.startswith(PACKAGE):
            heard.append(error.message or "")

    monkeypatch.setattr(AirbyteTracedException, "__init__", hear)
    yield
    assert [text for text in map(unexplained, [*heard, *lines_of_the_log]) if text] == []


@pytest.fixture(autouse=True)
def same_machine_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's proxy has no effect."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def http() -> Iterator[requests_mocking.Mocker]:
    """Takes every request of a test, so none reaches the network; one that no vendor answers fails."""
    with requests_mocking.Mocker() as mocker:
        yield mocker


@pytest.fixture
def cep(http: requests_mocking.Mocker) -> BatchCep:
    return BatchCep(http)


@pytest.fixture
def legacy(http: requests_mocking.Mocker) -> BatchLegacy:
    return BatchLegacy(http)


@pytest.fixture
def moengage(http: requests_mocking.Mocker) -> MoEngage:
    return MoEngage(http)


@pytest.fixture
def specification() -> dict[str, Any]:
    properties: dict[str, Any] = read_manifest()["spec"]["connection_specification"]
    return properties
