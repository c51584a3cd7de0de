"""`check`: one small request for each credential, and words that say what to correct."""

import threading
import time
from typing import Any

import pytest
import requests
from airbyte_cdk.models import Status
from airbyte_cdk.sources.streams.call_rate import MovingWindowCallRatePolicy

import source_campaign_stats.http.check
from unit_tests.builders import (
    ANDROID_KEY,
    BATCH_KEY,
    IOS_KEY,
    MAINTENANCE,
    MOENGAGE_KEY,
    Answer,
    BatchCep,
    BatchLegacy,
    ConfigBuilder,
    MoEngage,
    app,
    check,
    legacy_campaign,
    orchestration,
)

EVERYTHING = (
    ConfigBuilder().with_batch().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY)).with_moengage().build()
)
BATCH = ConfigBuilder().with_batch().build()
REFUSED = Answer({"error_message": "no", "message": "no", "title": "no"}, status=401)


def failure(config: dict[str, Any]) -> str:
    status = check(config)
    assert status.status == Status.FAILED, status
    assert status.message
    return status.message


def test_one_small_request_is_sent_for_each_credential(cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")])
    legacy.with_campaigns(legacy_campaign("c1"))

    assert check(EVERYTHING).status == Status.SUCCEEDED

    assert [asked.param("limit") for asked in cep.list.asked] == ["1"]
    assert sorted(asked.path for asked in legacy.list.asked) == [
        f"/1.1/{ANDROID_KEY}/campaigns/list",
        f"/1.1/{IOS_KEY}/campaigns/list",
    ]
    assert [asked.param("limit") for asked in legacy.list.asked] == ["1", "1"]
    [asked] = moengage.stats.asked
    assert (asked.body["start_date"], asked.body["end_date"]) == ("2026-11-20", "2026-11-20")
    assert asked.body["limit"] == 1
    assert not cep.stats.asked
    assert not legacy.stats.asked
    assert not moengage.list.asked


def test_the_look_up_of_ids_keeps_the_budget_that_the_probes_use(
    cep: BatchCep, monkeypatch: pytest.MonkeyPatch
) -> None:
    cep.with_orchestrations(orchestration("o1"))
    used: list[MovingWindowCallRatePolicy] = []
    monkeypatch.setattr(MovingWindowCallRatePolicy, "try_acquire", lambda policy, *_, **__: used.append(policy))

    check(ConfigBuilder().with_batch(skip_orchestration_ids=["o1"]).build())

    assert len(cep.list.asked) == len(used) == 2, "the probe and the list"
    assert used[0] is used[1]


def test_a_configured_campaign_is_asked_for_alone(moengage: MoEngage) -> None:
    check(ConfigBuilder().with_moengage(campaign_ids=[f"1e{number}" for number in range(20)]).build())

    assert moengage.stats.asked[0].body["campaign_ids"] == ["1e0"]


@pytest.mark.parametrize(
    "config", [BATCH, ConfigBuilder().with_legacy().build(), ConfigBuilder().with_moengage().build()]
)
def test_only_the_configured_vendors_are_asked(
    cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage, config: dict[str, Any]
) -> None:
    assert check(config).status == Status.SUCCEEDED

    assert len(cep.list.asked) + len(legacy.list.asked) + len(moengage.stats.asked) == 1


def test_a_refused_key_of_batch_is_reported_and_not_tried_again(cep: BatchCep) -> None:
    cep.list.always = REFUSED

    message = failure(BATCH)

    for words in ('"REST API key"', '"Project key"', "Settings → General"):
        assert words in message
    assert len(cep.list.asked) == 1


@pytest.mark.parametrize(("status", "words"), [(401, '"Live API key"'), (403, "API_MISUSE"), (404, '"Live API key"')])
def test_the_app_that_is_refused_is_named(
    cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage, status: int, words: str
) -> None:
    say = legacy.list._say
    legacy.list._say = lambda asked: Answer("", status=status) if ANDROID_KEY in asked.path else say(asked)

    message = failure(EVERYTHING)

    assert 'app "Android"' in message
    assert words in message
    assert ANDROID_KEY not in message


@pytest.mark.parametrize(("status", "words"), [(401, "Settings > Account > APIs"), (403, "enable")])
def test_a_refusal_of_moengage_says_what_to_do(moengage: MoEngage, status: int, words: str) -> None:
    moengage.stats.always = Answer({"title": "No", "description": None, "code": "x"}, status=status)

    assert words in failure(ConfigBuilder().with_moengage().build())
    assert len(moengage.stats.asked) == 1


def test_every_credential_that_fails_is_named(cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage) -> None:
    say = legacy.list._say
    legacy.list._say = lambda asked: REFUSED if ANDROID_KEY in asked.path else say(asked)
    cep.list.always = moengage.stats.always = REFUSED

    lines = failure(EVERYTHING).split("\n")

    assert [line.split(": ")[0] for line in lines] == ["Batch", 'Batch MEP (legacy), app "Android"', "MoEngage"]


def test_an_error_of_all_apps_is_reported_once(legacy: BatchLegacy) -> None:
    legacy.list.always = REFUSED
    config = (
        ConfigBuilder().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY), app("Web", "web-key")).build()
    )

    message = failure(config)

    assert message.startswith('Batch MEP (legacy) (all 3 alike): Batch refused the "REST API key"')
    assert message.count("Batch refused") == 1


@pytest.mark.parametrize(
    "answer", [Answer("", status=503), MAINTENANCE, Answer(error=requests.ConnectionError("reset"))]
)
def test_a_fault_that_passes_is_survived(cep: BatchCep, answer: Answer) -> None:
    cep.list.first = [answer]

    assert check(BATCH).status == Status.SUCCEEDED
    assert len(cep.list.asked) == 2


@pytest.mark.parametrize(
    "answer", [Answer("", status=503), MAINTENANCE, Answer(error=requests.ConnectionError("reset"))]
)
def test_a_fault_that_stays_fails_after_a_few_tries(cep: BatchCep, answer: Answer, waits: list[float]) -> None:
    cep.list.always = answer

    assert "Batch" in failure(BATCH)
    assert 2 <= len(cep.list.asked) <= 4
    assert sum(waits) < 30


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.ProxyError("Tunnel connection failed: 407 Proxy Authentication Required"), "HTTPS_PROXY"),
        (requests.exceptions.ProxyError("Cannot connect to proxy"), "HTTPS_PROXY"),
    ],
)
def test_what_the_machine_needs_is_named(cep: BatchCep, error: Exception, hint: str) -> None:
    cep.list.always = Answer(error=error)

    assert hint in failure(BATCH)


def test_a_long_wait_that_the_vendor_names_is_not_waited(cep: BatchCep, waits: list[float]) -> None:
    cep.list.always = Answer("", status=429, headers={"Retry-After": "500"})

    assert "429" in failure(BATCH)
    assert sum(waits) < 30


def test_a_vendor_that_never_answers_ends_at_the_deadline(cep: BatchCep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_campaign_stats.http.check, "_DEADLINE_SECONDS", 0.3)
    released = threading.Event()
    say = cep.list._say
    cep.list._say = lambda asked: (released.wait(20), say(asked))[1]
    threading.Timer(5, released.set).start()
    before = time.clock_gettime(time.CLOCK_MONOTONIC)

    message = failure(BATCH)
    released.set()

    assert message.startswith("Batch:")
    assert "no usable answer" in message
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - before < 4


def test_the_deadline_leaves_room_within_a_minute() -> None:
    assert source_campaign_stats.http.check._DEADLINE_SECONDS <= 55


def test_no_message_holds_a_key(cep: BatchCep, legacy: BatchLegacy, moengage: MoEngage) -> None:
    for endpoint, key in ((cep.list, BATCH_KEY), (legacy.list, IOS_KEY), (moengage.stats, MOENGAGE_KEY)):
        endpoint.always = Answer({"message": f"{key} is wrong"}, status=400)
    for config in (BATCH, ConfigBuilder().with_legacy().build(), ConfigBuilder().with_moengage().build()):
        message = failure(config)
        assert "****" in message
        assert not any(key in message for key in (BATCH_KEY, IOS_KEY, MOENGAGE_KEY))
