"""What every unit test stands on: one frozen moment, waits that take no time, vendors that are not the real ones."""

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
# Most of the time of a short sync: the CDK parses its schema, prepares the manifest and compares the two for every
# source. Here each manifest is prepared and compared once.
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
    """Once a module, because it takes a while; not once a session, because other folders want the real time."""
    monotonic = time.monotonic
    with freezegun.freeze_time(NOW, ignore=["_pytest.timing"]) as factory:
        # What measures a duration needs the real clock: a frozen one never reaches a deadline.
        time.monotonic = monotonic
        yield factory


@pytest.fixture(autouse=True)
def clock(frozen: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    """The time it is: `clock.move_to("2026-11-22T12:00:00Z")` makes it another."""
    frozen.move_to(NOW)
    return frozen


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch, clock: FrozenDateTimeFactory) -> list[float]:
    """The seconds that were waited, each at once: by us, by the CDK, by its library for retries."""
    seconds_waited: list[float] = []

    def sleep(seconds: float) -> None:
        # The CDK's own threads take naps of a tenth of a second, which are no waits for a vendor.
        if seconds >= 0.5:
            seconds_waited.append(seconds)
        _REAL_SLEEP(0)

    monkeypatch.setattr(time, "sleep", sleep)
    # A budget counts seconds, of which none pass here.
    monkeypatch.setattr(MovingWindowCallRatePolicy, "try_acquire", lambda *_, **__: None)
    return seconds_waited


@pytest.fixture(autouse=True)
def same_machine_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of the developer's machine decides nothing, and the manifest is parsed once for all tests."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(source_campaign_stats.source, "read_manifest", lambda: pickle.loads(_PICKLED))


@pytest.fixture(autouse=True)
def http() -> Iterator[requests_mocking.Mocker]:
    """Every request of a test; one that no vendor below answers fails, so none reaches the network."""
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
