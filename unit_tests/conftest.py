"""Fixtures of every unit test: a frozen clock, waits that take no time, vendors that are not the real ones."""

import copy
import functools
import os
import pickle
import time
from collections.abc import Iterator
from typing import Any

import freezegun
import pytest
import requests_mock as requests_mocking
from airbyte_cdk.sources.declarative import concurrent_declarative_source
from airbyte_cdk.sources.streams.call_rate import MovingWindowCallRatePolicy
from freezegun.api import FrozenDateTimeFactory

import source_campaign_stats.source
from unit_tests.builders import BatchCep, BatchLegacy, MoEngage

# 2026-11-20 is the last complete day.
NOW = "2026-11-21T12:00:00Z"
_MANIFEST = source_campaign_stats.source.read_manifest()
_PICKLED = pickle.dumps(_MANIFEST)
_REAL_SLEEP = time.sleep
# For every source, the CDK parses its schema, prepares the manifest and compares the two: most of the time of a short
# sync. Here each manifest is prepared and compared once.
concurrent_declarative_source.safe_load_yaml = functools.lru_cache(concurrent_declarative_source.safe_load_yaml)
_PREPARE = concurrent_declarative_source.ConcurrentDeclarativeSource._pre_process_manifest
_COMPARE = concurrent_declarative_source.validate_manifest
_PREPARED: dict[bytes, bytes] = {}
_COMPARED: set[bytes] = set()


def _prepared(source: Any, manifest: dict[str, Any]) -> Any:
    key = pickle.dumps(manifest)
    if key not in _PREPARED:
        _PREPARED[key] = pickle.dumps(_PREPARE(source, manifest))
    return pickle.loads(_PREPARED[key])


def _compared(manifest: dict[str, Any], schema: dict[str, Any]) -> None:
    key = pickle.dumps(manifest)
    if key not in _COMPARED:
        _COMPARE(manifest, schema)
        _COMPARED.add(key)


concurrent_declarative_source.ConcurrentDeclarativeSource._pre_process_manifest = _prepared  # type: ignore[method-assign, assignment]
concurrent_declarative_source.validate_manifest = _compared


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
def same_machine_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's proxy has no effect, and the manifest is parsed once for all tests."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(source_campaign_stats.source, "read_manifest", lambda: pickle.loads(_PICKLED))


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
    properties: dict[str, Any] = copy.deepcopy(_MANIFEST["spec"]["connection_specification"])
    return properties
