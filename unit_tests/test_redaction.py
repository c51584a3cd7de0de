"""No secret in any output, in whatever spelling."""

import base64
import io
import json
from typing import Any
from urllib.parse import quote

import pytest
import requests
from airbyte_cdk.models import (
    AirbyteErrorTraceMessage,
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteTraceMessage,
    Level,
    TraceType,
    Type,
)

from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.output.redaction import MASK, RedactingStream, redact
from unit_tests.builders import (
    ANDROID_KEY,
    BATCH_KEY,
    IOS_KEY,
    LEGACY_KEY,
    MOENGAGE_KEY,
    WORKSPACE,
    Answer,
    BatchLegacy,
    ConfigBuilder,
    app,
    check,
    legacy_campaign,
    read,
    spellings,
)

EVERY_KEY = [BATCH_KEY, LEGACY_KEY, IOS_KEY, ANDROID_KEY, MOENGAGE_KEY]
CONFIG = (
    ConfigBuilder().with_batch().with_legacy(app("iOS", IOS_KEY), app("Android", ANDROID_KEY)).with_moengage().build()
)


def test_every_secret_of_a_configuration_is_known(specification: dict[str, Any]) -> None:
    assert set(EVERY_KEY) <= set(spellings(CONFIG, specification))


def test_the_basic_header_is_a_secret(specification: dict[str, Any]) -> None:
    header = base64.b64encode(f"{WORKSPACE}:{MOENGAGE_KEY}".encode()).decode()

    assert redact(f"Authorization: Basic {header}", spellings(CONFIG, specification)) == f"Authorization: Basic {MASK}"


@pytest.mark.parametrize(
    "key",
    [
        "first-part\nsecond-part",
        "slash/plus+equals=",
        'quote"back\\slash',
        " padded-key \r\n",
        "späcial-ké¥",
        123456789,
    ],
)
@pytest.mark.parametrize(
    "spell", [str, repr, json.dumps, lambda key: quote(str(key), safe=""), lambda key: str(key).strip()]
)
def test_a_key_is_hidden_in_every_spelling(specification: dict[str, Any], key: Any, spell: Any) -> None:
    config = ConfigBuilder().with_batch(rest_api_key=key).build()

    printed = redact(f"<{spell(key)}>", spellings(config, specification))

    for part in str(key).split():
        assert part not in printed, printed
    assert MASK in printed


def test_a_key_that_was_quoted_twice_is_hidden(specification: dict[str, Any]) -> None:
    config = ConfigBuilder().with_batch(rest_api_key="slash/plus+").build()

    printed = redact(quote(quote("slash/plus+", safe=""), safe=""), spellings(config, specification))

    assert printed == MASK


def test_what_can_be_a_key_under_an_unknown_name_is_hidden(specification: dict[str, Any]) -> None:
    config = {"acm": {"token": "k3y-of-nobody"}, "since": "2026-11-20", "remark": "incremental"}

    assert "k3y-of-nobody" in spellings(config, specification)
    assert not {"2026-11-20", "incremental"} & set(spellings(config, specification))


def test_the_pieces_of_a_key_with_a_line_break_are_hidden(specification: dict[str, Any]) -> None:
    config = ConfigBuilder().with_batch(rest_api_key="first-part\nsecond-part").build()
    secrets = spellings(config, specification)

    assert redact("a first-part b", secrets) == f"a {MASK} b"
    assert redact("a second-part b", secrets) == f"a {MASK} b"


def test_the_password_of_a_proxy_is_a_secret(specification: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass%40word@proxy.example:3128")

    printed = redact("pass%40word pass@word proxy.example", spellings({}, specification))

    assert printed == f"{MASK} {MASK} proxy.example"


def test_longer_spellings_are_hidden_first(specification: dict[str, Any]) -> None:
    config = ConfigBuilder().with_batch(rest_api_key="abcdef").with_moengage(api_key="abcdefghij").build()

    assert redact("abcdefghij", spellings(config, specification)) == MASK


@pytest.mark.parametrize("text", ["sent", "2026-11-20", "batch", "RECORD", "project_unit_tests", WORKSPACE])
def test_what_is_no_secret_stays(specification: dict[str, Any], text: str) -> None:
    assert redact(text, spellings(CONFIG, specification)) == text


@pytest.mark.parametrize("kind", ["RECORD", "STATE", "CATALOG"])
def test_rows_states_and_schemas_are_never_masked(kind: str) -> None:
    line = f'{{"type":"{kind}","x":{{"name":"twelve-chars","sent":12345}}}}\n'

    assert redact(line + "log 12345 twelve-chars\n", ["twelve-chars", "12345"]) == line + f"log {MASK} {MASK}\n"


def test_a_stream_lets_no_secret_through() -> None:
    out = io.StringIO()
    stream = RedactingStream(out, [BATCH_KEY], gone=lambda: None)

    assert stream.write(f"key {BATCH_KEY}\n") == len(f"key {BATCH_KEY}\n")
    stream.flush()

    assert out.getvalue() == f"key {MASK}\n"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f"no: {IOS_KEY} {LEGACY_KEY}", status=401),
        Answer({"message": f"key {IOS_KEY} is wrong"}, status=400),
        Answer({"message": f"key {LEGACY_KEY} is wrong"}, status=500),
        Answer(error=requests.exceptions.ConnectionError(f"Max retries: /1.1/{IOS_KEY}/campaigns/list")),
        Answer(error=RuntimeError(f"odd {IOS_KEY}")),
    ],
    ids=["401", "400", "500", "connection", "unexpected"],
)
def test_no_message_of_a_failed_sync_or_check_holds_a_key(legacy: BatchLegacy, answer: Answer) -> None:
    legacy.with_campaigns(legacy_campaign("c1"))
    legacy.list.always = answer
    config = ConfigBuilder().with_legacy().build()

    sync = read(config, "legacy_campaigns", "legacy_campaign_stats")
    status = check(config)

    assert sync.failure is not None
    messages = "\n".join(str(message) for message in sync.messages) + str(sync.failure) + str(status.message)
    for key in EVERY_KEY:
        assert key not in messages, f"{key} in {messages}"


@pytest.mark.parametrize("key", EVERY_KEY)
def test_a_line_of_the_log_and_every_text_of_a_trace_are_hidden(key: str) -> None:
    error = AirbyteErrorTraceMessage(message=f"m {key}", internal_message=f"i {key}", stack_trace=f"s {key}")
    messages = [
        AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=Level.DEBUG, message=f"GET /1.1/{key}/campaigns")),
        AirbyteMessage(type=Type.TRACE, trace=AirbyteTraceMessage(type=TraceType.ERROR, emitted_at=0, error=error)),
    ]
    source = SourceCampaignStats(catalog=None, config=CONFIG, state=None)

    printed = [str(source._without_secrets(message)) for message in messages]

    assert key not in "".join(printed)
    assert [text.count(MASK) for text in printed] == [1, 3]
