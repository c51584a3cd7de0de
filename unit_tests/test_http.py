"""What an answer must look like, what is asked again, and how long is waited."""

import email.utils
import json
import time
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
import requests
import urllib3.exceptions
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers import ErrorResolution, ResponseAction
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.http.answers import NoNumber, decoded, exactly, taken
from source_campaign_stats.http.error_handler import VendorErrorHandler
from source_campaign_stats.http.keys import KeyHeaders
from source_campaign_stats.http.session import _known, _telling
from source_campaign_stats.http.tries import Patience, patience, tries_of
from source_campaign_stats.http.waiting import VendorWait
from source_campaign_stats.output.errors import ItemRefusedError
from source_campaign_stats.vendors.batch import OrchestrationDays, OrchestrationListErrorHandler


def response(body: str | bytes = "", status: int = 200, url: str = "", **headers: str) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = body.encode() if isinstance(body, str) else body
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    answer.request = requests.Request("GET", url or "https://api.batch.com/").prepare()
    return answer


def handler(**settings: Any) -> VendorErrorHandler:
    settings = {"documented_answer": DAYS} | settings
    return VendorErrorHandler(parameters={}, config={}, vendor="Batch", **settings)


def decision(answer: requests.Response | Exception | None, **settings: Any) -> ErrorResolution:
    return handler(**settings).interpret_response(answer)


# --- The documented answer --------------------------------------------------------------------------------------------


ABOUT_ONE = 'Contact Batch (support@batch.com), or add the id to "Orchestrations to skip".'
DAYS = {"details": [{"date": "day"}]}
ORCHESTRATIONS = {"orchestrations": [{"id": "text"}], "has_more": "boolean"}
CAMPAIGNS = {"data": {"*": ["object"]}, "total": "integer"}


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (DAYS, '{"details": []}'),
        (DAYS, ' {"details": [{"date": "2026-11-20", "more": [1, {}]}], "more": "é"}\n'),
        (DAYS, '{"details": [{"date": "2026-11-20T00:00:00Z"}]}'),
        (ORCHESTRATIONS, '{"orchestrations": [{"id": "o"}], "has_more": false}'),
        ([{"campaign_token": "text"}], "[]"),
        ([{"campaign_token": "text"}], '[{"campaign_token": "c"}]'),
        (CAMPAIGNS, '{"data": {}, "total": 0}'),
        (CAMPAIGNS, '{"data": {"c1": [{}], "c2": []}, "total": 2}'),
    ],
)
def test_a_documented_answer_is_used(shape: Any, body: str) -> None:
    resolution = decision(response(body), documented_answer=shape)
    assert resolution.response_action == ResponseAction.SUCCESS, resolution


@pytest.mark.parametrize(
    ("shape", "body", "words"),
    [
        (DAYS, "<html>maintenance</html>", "JSON is malformed"),
        (DAYS, "", "truncated"),
        (DAYS, '{"details": [', "truncated"),
        (DAYS, '{"details": []} <html>', "JSON is malformed"),
        (DAYS, '{"details": [], "more": nan}', "JSON is malformed"),
        (DAYS, b"\xff\xfe{\x00}\x00", "invalid start byte"),
        (DAYS, '{"details": [], "more": "\\ud83d}', "truncated"),
        (DAYS, b'{"details": [], "more": "\xff"}', "invalid start byte"),
        (DAYS, '{"details": [], "more": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        (DAYS, "null", "Expected `object`, got `null`"),
        (DAYS, "[]", "Expected `object`, got `array`"),
        (DAYS, '"text"', "Expected `object`, got `str`"),
        (DAYS, "{}", "missing required field `details`"),
        (DAYS, '{"details": null}', "Expected `array`, got `null` - at `$.details`"),
        (DAYS, '{"details": {}}', "Expected `array`, got `object`"),
        (DAYS, '{"details": [{"date": "2026-11-20"}, {}]}', "missing required field `date` - at `$.details[1]`"),
        (DAYS, '{"details": [null]}', "Expected `object`, got `null`"),
        (DAYS, '{"details": [{"date": null}]}', "Expected `str`, got `null` - at `$.details[0].date`"),
        (DAYS, '{"details": [{"date": 20261120}]}', "Expected `str`, got `int`"),
        (DAYS, '{"details": [{"date": "yesterday"}]}', "regex"),
        ([{"id": "text"}], "{}", "Expected `array`, got `object`"),
        ([{"id": "text"}], '["o1"]', "Expected `object`, got `str`"),
        ([{"id": "text"}], '[{"id": null}]', "Expected `str`, got `null`"),
        (ORCHESTRATIONS, '{"orchestrations": [], "has_more": "false"}', "Expected `bool`, got `str`"),
        (ORCHESTRATIONS, '{"orchestrations": [], "has_more": 0}', "Expected `bool`, got `int`"),
        (CAMPAIGNS, '{"data": {}, "total": true}', "Expected `int`, got `bool`"),
        (CAMPAIGNS, '{"data": {}, "total": "3"}', "Expected `int`, got `str`"),
        (CAMPAIGNS, '{"data": null, "total": 0}', "Expected `object`, got `null`"),
        (CAMPAIGNS, '{"data": {"c1": {}}, "total": 1}', "Expected `array`, got `object`"),
        (CAMPAIGNS, '{"data": {"c1": [1]}, "total": 1}', "Expected `object`, got `int`"),
    ],
)
def test_any_other_answer_is_asked_again_and_the_message_says_how_it_differs(
    shape: Any, body: str | bytes, words: str
) -> None:
    resolution = decision(response(body), documented_answer=shape)

    assert resolution.response_action == ResponseAction.RETRY
    assert resolution.failure_type == FailureType.transient_error
    assert "Batch answered something that is not the documented answer" in str(resolution.error_message)
    assert words in str(resolution.error_message)
    assert "said" not in str(resolution.error_message), "no words of the vendor stand in it"


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"details": []}',
        b'{"details": [{"date": "2026-11-20", "name": "half: \\ud83d"}]}',
        b'{"details": [{"date": "2026-11-20", "\\udc00": 1}]}',
        b'{"details": [], "more": [NaN, Infinity, -Infinity, 1e400]}',
    ],
    ids=["byte order mark", "half a pair in a text", "half a pair in a key", "numbers that no machine holds"],
)
def test_an_answer_in_which_only_a_value_is_broken_is_not_asked_again(body: bytes) -> None:
    resolution = decision(response(body), documented_answer=DAYS)

    assert resolution.response_action == ResponseAction.SUCCESS, resolution.error_message


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\uD83D\uDE00", "😀"),
        (r"\ud83d", "�"),
        (r"\ude00", "�"),
        (r"\uDBFFx\udfff", "�x�"),
        (r"\ude00\ud83d", "��"),
        (r"\ud83d\ud83d\ude00", "�😀"),
        (r"\\ud83d", r"\ud83d"),
        (r"\\\ud83d", "\\�"),
        (r"\"\ud83d\"", '"�"'),
        (r"NaN Infinity \ud83d \" -NaN", 'NaN Infinity � " -NaN'),
    ],
)
@pytest.mark.parametrize("form", [None, list[msgspec.Raw]])
def test_half_a_surrogate_pair_is_read_as_the_replacement_character_and_all_else_as_it_is(
    text: str, read: str, form: Any
) -> None:
    answer = decoded(response(f'["{text}", {{"{text}": 1}}, NaN]'), form)

    assert [exactly(part) if form else part for part in answer[:2]] == [read, {read: 1}]


def test_a_body_is_parsed_once_for_each_form() -> None:
    answer = response('{"details": [{"sent": 3}]}')

    assert decoded(answer) == {"details": [{"sent": 3}]}
    assert decoded(answer) is decoded(answer)
    assert decoded(answer, OrchestrationDays) is decoded(answer, OrchestrationDays)


def test_records_stay_text_until_they_are_taken_one_at_a_time() -> None:
    days = decoded(response('{"details": [{"sent": 1}, {"sent": 2}]}'), OrchestrationDays).details
    records = taken(days)

    assert bytes(next(records)) == b'{"sent": 1}'
    assert [bytes(day) for day in days] == [b'{"sent": 2}'], "a record that was taken is no longer kept"
    assert (list(map(bytes, records)), days) == ([b'{"sent": 2}'], [])


@pytest.mark.parametrize("beside", ["", ", " + "9" * 5000], ids=["alone", "beside a number that Python does not read"])
def test_numbers_are_read_exactly(beside: str) -> None:
    found = exactly(f"[18446744073709551616, -9223372036854775809, 12.0, 1.10, 1e5, 0.1{beside}]".encode())[:6]

    assert found == [2**64, -(2**63) - 1, 12.0, 1.1, 1e5, 0.1]
    assert [type(number) for number in found[:2]] == [int, int]
    assert [number.text for number in found[2:]] == ["12.0", "1.10", "1e5", "0.1"]


@pytest.mark.parametrize(
    ("written", "told"),
    [("1e400", "1e400"), ("-1e400", "-1e400"), ("9" * 5000, "9" * 5000), ("NaN", "NaN"), ("-Infinity", "-Infinity")],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "after a byte order mark"])
def test_a_number_that_no_machine_can_hold_spoils_no_other_value(written: str, told: str, mark: str) -> None:
    found = decoded(response(f'{mark}{{"details": [{{"sent": {written}, "delivered": 3}}]}}'))["details"][0]

    assert (type(found["sent"]), repr(found["sent"]), found["delivered"]) == (NoNumber, told, 3)


# --- The error handler ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 408, 425, 300, 301, 302, 307, 308])
def test_a_fault_of_the_vendor_and_a_redirection_are_asked_again_and_again(status: int) -> None:
    resolution = again(response("", status))

    kind = "with a redirection" if status < 400 else "with an error of its own"
    assert resolution.response_action == ResponseAction.RETRY
    assert f"{kind} ({status})" in str(resolution.error_message)


def test_another_refusal_is_in_doubt_like_the_first_one() -> None:
    judge, answer = handler(), response("", 404)
    judge.interpret_response(answer)
    answer.status_code = 410

    assert judge.interpret_response(answer).response_action == ResponseAction.RETRY


def test_who_has_no_try_left_is_told_the_reason() -> None:
    with patience(Patience(1)):
        resolution = decision(response("", 503))

    assert resolution.response_action == ResponseAction.FAIL
    assert "503" in str(resolution.error_message)


def test_too_many_requests_is_a_limit() -> None:
    assert decision(response("", 429)).response_action == ResponseAction.RATE_LIMITED


def again(answer: requests.Response, **settings: Any) -> ErrorResolution:
    """The decision about the second of two equal answers to the same request."""
    judge = handler(**settings)
    judge.interpret_response(answer)
    return judge.interpret_response(answer)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_stream_at_once_and_quotes_the_vendor(status: int) -> None:
    resolution = decision(response('{"error_message": "wrong key", "error_code": "X"}', status))

    assert resolution.response_action == ResponseAction.FAIL
    assert "wrong key" in str(resolution.error_message)


@pytest.mark.parametrize("status", [400, 402, 404, 405, 410, 422, 451])
def test_another_refusal_is_believed_when_it_comes_twice(status: int) -> None:
    answer = response('{"error_message": "wrong day", "error_code": "X"}', status)

    assert decision(response("", status)).response_action == ResponseAction.RETRY
    resolution = again(answer)
    assert resolution.response_action == ResponseAction.FAIL
    assert resolution.failure_type == FailureType.system_error, "a person can't mend it in the settings"
    assert "wrong day" in str(resolution.error_message)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
def test_a_refusal_that_is_about_one_campaign_is_raised_as_such_when_it_comes_twice(status: int) -> None:
    answer = response('{"error_message": "unknown id"}', status)

    with pytest.raises(ItemRefusedError, match=rf"refused it \({status}: unknown id\)\. Contact Batch"):
        again(answer, about_one=ABOUT_ONE)


@pytest.mark.parametrize(("status", "account"), [(401, [401]), (403, [401, 403])])
def test_a_refusal_about_the_account_is_not_about_one_campaign(status: int, account: list[int]) -> None:
    resolution = decision(response("", status), about_one=ABOUT_ONE, about_the_account=account)

    assert resolution.response_action == ResponseAction.FAIL


def test_a_refusal_is_believed_the_second_time_even_after_another_answer_in_between() -> None:
    judge, answer = handler(about_one=ABOUT_ONE), response("", 404)
    judge.interpret_response(answer)
    answer.status_code = 500
    judge.interpret_response(answer)
    answer.status_code = 404

    with pytest.raises(ItemRefusedError):
        judge.interpret_response(answer)


def test_an_empty_page_is_believed_when_it_comes_twice() -> None:
    answer = response('{"orchestrations": [], "has_more": false}')
    settings: dict[str, Any] = {"documented_answer": ORCHESTRATIONS, "doubts_empty_pages": True}

    assert decision(answer, **settings).response_action == ResponseAction.RETRY
    assert again(answer, **settings).response_action == ResponseAction.SUCCESS
    assert decision(answer, documented_answer=ORCHESTRATIONS).response_action == ResponseAction.SUCCESS


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ('{"date": "2026-11-20", "sent": 1}, {"sent": 1, "date": "2026-11-20"}', ResponseAction.SUCCESS),
        ('{"date": "2026-11-20", "sent": 1}, {"date": "2026-11-20", "sent": 2}', ResponseAction.RETRY),
        ('{"date": "2026-11-20", "sent": 1}, {"date": "2026-11-21", "sent": 2}', ResponseAction.SUCCESS),
        (
            '{"date": "2026-11-20", "sent": 1}, {"date": "2026-11-20", "sent": 1}, {"date": "2026-11-21", "sent": 2}',
            ResponseAction.SUCCESS,
        ),
    ],
    ids=["the same", "other numbers", "other days", "the same beside another day"],
)
@pytest.mark.parametrize("of_day", ["", "T12:00:00Z"])
def test_two_rows_of_a_day_with_other_numbers_are_a_contradiction(
    rows: str, action: ResponseAction, of_day: str
) -> None:
    first, _, others = rows.partition("}")
    first = first.replace("2026-11-20", f"2026-11-20{of_day}")

    resolution = decision(response(f'{{"details": [{first}}}{others}]}}'))

    assert resolution.response_action == action
    if action == ResponseAction.RETRY:
        assert "two rows of date 2026-11-20 with other values" in str(resolution.error_message)


def test_an_error_of_the_vendor_that_comes_as_200_is_quoted() -> None:
    resolution = decision(response('{"error_code": "X", "error_message": "quota is used up"}'))

    assert resolution.response_action == ResponseAction.RETRY
    assert 'Batch said: "quota is used up"' in str(resolution.error_message)


def test_a_long_text_of_a_vendor_is_cut_at_a_whole_word() -> None:
    """The start of a key that stands at the cut would not be masked."""
    words = "no access " * 29

    for text, shown in ((words + "x" * 10, words + "x" * 10), (words + "live-key-0815", words + "…"), ("x" * 301, "…")):
        resolution = decision(response(json.dumps({"error": text}), 500))

        assert f": {shown})" in str(resolution.error_message)


def test_only_texts_are_quoted_as_the_words_of_a_vendor() -> None:
    resolution = decision(response('{"error": 5, "message": "try later"}', 500))

    assert "(500: try later)" in str(resolution.error_message)


# --- Patience ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tries", "failures"), [(1, 1), (2, 2)])
def test_a_thread_asks_as_often_as_it_has_patience(tries: int, failures: int) -> None:
    with patience(Patience(tries)):
        judge, answer = handler(), response("", 500)
        actions = [judge.interpret_response(answer).response_action for _ in range(failures)]

    assert actions == [ResponseAction.RETRY] * (failures - 1) + [ResponseAction.FAIL]


def test_a_429_does_not_count_as_a_failed_try() -> None:
    with patience(Patience(2)):
        judge, answer = handler(), response("", 429)
        actions = {judge.interpret_response(answer).response_action for _ in range(5)}

    assert actions == {ResponseAction.RATE_LIMITED}


def test_an_answer_is_believed_if_it_can_not_be_asked_again() -> None:
    empty = response('{"orchestrations": [], "has_more": false}')

    with patience(Patience(1)):
        found = decision(empty, documented_answer=ORCHESTRATIONS, doubts_empty_pages=True)
        with pytest.raises(ItemRefusedError):
            decision(response("", 404), about_one=ABOUT_ONE)
    assert found.response_action == ResponseAction.SUCCESS


def test_the_time_of_a_try_ends_with_the_body_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """`requests` reads the body after the adapter has given the answer."""
    now = 100.0

    def after(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    adapter = _telling(lambda _, **__: after(3))  # type: ignore[arg-type,return-value]

    def send(request: requests.PreparedRequest, **_: Any) -> Any:
        after(50)  # for the budget
        adapter(request)
        after(60)  # for the body
        raise requests.ConnectionError("Read timed out.")

    request = requests.Request("GET", "https://api.batch.com/").prepare()
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            _known(send)(request)

    assert tries_of(request).seconds == 2 * 63


def test_nothing_is_asked_again_when_the_stream_has_ended() -> None:
    with patience(Patience(is_pointless=lambda: True)):
        assert decision(response("", 500)).response_action == ResponseAction.FAIL


def test_a_vendor_that_hangs_is_given_up_after_two_of_our_timeouts() -> None:
    answer = response("", 500)
    tries_of(answer).seconds = 60
    assert decision(answer).response_action == ResponseAction.RETRY
    tries_of(answer).seconds = 120

    resolution = decision(answer)

    assert (resolution.response_action, resolution.failure_type) == (
        ResponseAction.FAIL,
        FailureType.transient_error,
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error_message": "malformed", "error_code": "E"}', "malformed"),
        ('{"code": 12, "message": "API_MISUSE"}', "API_MISUSE"),
        ('{"title": "Forbidden", "description": "feature off", "code": "x"}', "Forbidden, feature off"),
        ('{"title": "Forbidden", "description": null, "code": "x"}', "Forbidden"),
        ('{"error": {"message": "inner"}}', "inner"),
        ('{"error": "text"}', "text"),
        ('[{"message": "in a list"}]', "in a list"),
        ('["a list"]', "(400)"),
        ("<html>", "(400)"),
        ("", "(400)"),
    ],
)
def test_the_error_text_of_each_vendor_is_quoted(body: str, words: str) -> None:
    assert words in str(again(response(body, 400)).error_message)


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("reset"),
        requests.exceptions.ChunkedEncodingError("cut"),
        requests.exceptions.ReadTimeout("slow"),
        requests.exceptions.ConnectTimeout("slow"),
        requests.exceptions.SSLError("EOF occurred in violation of protocol"),
        requests.exceptions.ProxyError("Cannot connect to proxy: refused"),
        requests.exceptions.ContentDecodingError("gzip"),
        None,
    ],
    ids=repr,
)
def test_a_connection_that_broke_is_asked_again(error: Exception | None) -> None:
    resolution = decision(error)

    assert resolution.response_action == ResponseAction.RETRY
    assert "Batch" in str(resolution.error_message)


def test_a_body_that_stops_is_told_as_an_answer_that_does_not_come() -> None:
    stopped = requests.ConnectionError(urllib3.exceptions.ReadTimeoutError(Mock(), "", "Read timed out."))

    assert "Batch did not answer in time." in str(decision(stopped).error_message)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("unable to get local issuer certificate", "set REQUESTS_CA_BUNDLE"),
        ("self-signed certificate in certificate chain", "set REQUESTS_CA_BUNDLE"),
        ("certificate has expired", "is not valid: certificate has expired. Check the clock"),
        ("Hostname mismatch, certificate is not valid for 'a.b'.", "is not valid for 'a.b'. Check the clock"),
    ],
)
def test_why_a_certificate_is_refused_is_told(reason: str, told: str) -> None:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {reason} (_ssl.c:1006)"

    assert told in str(decision(requests.exceptions.SSLError(text)).error_message)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED: self-signed"), "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.ProxyError("Tunnel connection failed: 407 Authentication"), "HTTPS_PROXY"),
        (requests.exceptions.ProxyError("Tunnel connection failed: 403 Forbidden"), "HTTPS_PROXY"),
    ],
)
def test_a_wrong_setting_of_the_machine_is_named_and_nothing_is_asked_again(error: Exception, hint: str) -> None:
    resolution = decision(error)

    assert resolution.response_action == ResponseAction.FAIL
    assert resolution.failure_type == FailureType.config_error
    assert hint in str(resolution.error_message)


@pytest.mark.parametrize(
    ("body", "url", "contradicts"),
    [
        ('{"orchestrations": [], "has_more": true}', "", True),
        ('{"orchestrations": [], "has_more": true, "next_from": null}', "", True),
        ('{"orchestrations": [], "has_more": true, "next_from": "a+/="}', "?from=a%2B%2F%3D", True),
        ('{"orchestrations": [], "has_more": true, "next_from": "b"}', "?from=a", False),
        ('{"orchestrations": [], "has_more": true, "next_from": "b"}', "", False),
        ('{"orchestrations": [], "has_more": false, "next_from": "a"}', "?from=a", False),
        ('{"orchestrations": [], "has_more": false}', "", False),
    ],
)
def test_more_pages_without_a_way_to_them_is_a_contradiction(body: str, url: str, contradicts: bool) -> None:
    lists = OrchestrationListErrorHandler(parameters={}, config={}, vendor="Batch", documented_answer=ORCHESTRATIONS)

    resolution = lists.interpret_response(response(body, url=f"https://api.batch.com/2.10/orchestrations/list{url}"))

    assert (resolution.response_action == ResponseAction.RETRY) is contradicts, resolution


# --- Waits ------------------------------------------------------------------------------------------------------------


def wait(answer: requests.Response | requests.RequestException | None, attempt: int = 1) -> float:
    """The seconds until the request is sent again: the CDK waits one more than it is told."""
    seconds = VendorWait(vendor="Batch").backoff_time(answer, attempt)
    assert seconds is not None
    return seconds + 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_seconds_that_the_vendor_names_are_waited_in_full(status: int) -> None:
    assert 90 <= wait(response("", status, Retry_After="90")) <= 91


def test_a_wait_named_as_a_date_is_waited_until_then() -> None:
    then = email.utils.formatdate(time.time() + 120, usegmt=True)

    assert 119 <= wait(response("", 429, Retry_After=then)) <= 122


@pytest.mark.parametrize("header", ["Retry_After", "x_ratelimit_reset"])
@pytest.mark.parametrize("wrong_by", [-7200, 0, 7200])
def test_a_moment_is_measured_against_the_clock_of_the_vendor(header: str, wrong_by: int) -> None:
    now = time.time() + wrong_by
    then = email.utils.formatdate(now + 40, usegmt=True) if header == "Retry_After" else str(int(now + 40))
    answer = response("", 429, **{header: then, "Date": email.utils.formatdate(now, usegmt=True)})

    assert 38 <= wait(answer) <= 42


def test_an_answer_in_doubt_is_asked_again_after_five_seconds() -> None:
    answer = response("", 404)
    decision(answer)

    assert wait(answer) == 5


def test_one_line_says_what_is_asked_again_and_when(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    answer = response('{"message": "SERVER_ERROR"}', 500)
    judge = VendorErrorHandler(
        parameters={"name": "acme_stats"}, config={}, vendor="Batch", documented_answer=DAYS, max_retries=7
    )
    judge.interpret_response(answer)
    wait(answer)

    assert [record.message for record in caplog.records] == [
        "Batch, acme_stats: Batch answers with an error of its own (500: SERVER_ERROR). Try 2 of 8 in 1 s."
    ]


@pytest.mark.parametrize("a_second", [1, 1000], ids=["seconds", "milliseconds"])
def test_a_wait_named_as_a_reset_is_waited_until_then(a_second: int) -> None:
    reset = (int(time.time()) + 45) * a_second

    assert 44 <= wait(response("", 429, x_ratelimit_reset=str(reset))) <= 47


@pytest.mark.parametrize("status", [200, 500, 503])
def test_the_reset_that_stands_in_every_answer_is_a_wait_only_with_a_429(status: int) -> None:
    assert wait(response("", status, x_ratelimit_reset=str(int(time.time()) + 45))) < 3


@pytest.mark.parametrize("seconds", ["600", "3600", "86400"])
def test_a_wait_of_ten_minutes_or_more_ends_the_stream_and_is_named(seconds: str) -> None:
    with pytest.raises(AirbyteTracedException, match=f"{seconds} seconds") as error:
        wait(response("", 429, Retry_After=seconds))

    assert error.value.failure_type == FailureType.transient_error


def test_a_wait_just_under_ten_minutes_is_waited() -> None:
    assert wait(response("", 429, Retry_After="599")) >= 599


@pytest.mark.parametrize("named", [{}, {"Retry_After": "soon"}, {"Retry_After": ""}])
def test_without_a_usable_wait_a_429_waits_at_least_five_seconds(named: dict[str, str]) -> None:
    assert 5 <= wait(response("", 429, **named)) < 7


@pytest.mark.parametrize(("named", "least", "most"), [("0", 5, 7), ("1", 1, 2)])
def test_a_named_wait_of_no_seconds_is_no_wait_and_one_of_a_second_is(named: str, least: int, most: int) -> None:
    assert least <= wait(response("", 429, Retry_After=named)) < most


def test_no_line_promises_a_try_after_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    answer = response("", 500)
    handler(max_retries=2).interpret_response(answer)

    wait(answer, 2)
    wait(answer, 3)

    assert [line.partition(". Try")[2] for line in caplog.messages] == [" 3 of 3 in 2 s."]


@pytest.mark.parametrize("header", ["Retry_After", "x_ratelimit_reset"])
def test_a_wait_until_a_moment_that_has_passed_becomes_a_short_one(header: str) -> None:
    past = email.utils.formatdate(time.time() - 60) if header == "Retry_After" else str(time.time() - 60)

    assert 0 < wait(response("", 429, **{header: past})) < 10


@pytest.mark.parametrize("answer", [response("", 500), requests.exceptions.ConnectionError("reset"), None])
def test_waits_grow_up_to_half_a_minute(answer: Any) -> None:
    waits = [wait(answer, attempt) for attempt in range(1, 8)]

    for attempt, seconds in enumerate(waits):
        assert min(2**attempt, 30) <= seconds <= min(2**attempt, 30) * 1.25, waits
    assert sum(waits) > 60, "the waits have to outlast the limit of a minute"


def test_waits_have_jitter() -> None:
    assert len({wait(response("", 500), 5) for _ in range(20)}) > 10


# --- Keys -------------------------------------------------------------------------------------------------------------

CONFIG = {"batch": {"rest_api_key": "1e5000000000000000000007", "project_key": "1_000"}}


def test_keys_stand_in_the_headers_exactly_as_they_are() -> None:
    keys = KeyHeaders(
        config=CONFIG, bearer=["batch", "rest_api_key"], headers={"X-Batch-Project": ["batch", "project_key"]}
    )

    assert keys.get_auth_header() == {
        "X-Batch-Project": "1_000",
        "Authorization": "Bearer 1e5000000000000000000007",
    }


def test_a_pair_of_keys_makes_a_basic_header() -> None:
    keys = KeyHeaders(config=CONFIG, basic=[["batch", "project_key"], ["batch", "rest_api_key"]])

    assert keys.get_auth_header() == {"Authorization": "Basic MV8wMDA6MWU1MDAwMDAwMDAwMDAwMDAwMDAwMDA3"}


def test_a_vendor_with_a_header_of_its_own_gets_no_other() -> None:
    keys = KeyHeaders(config=CONFIG, headers={"X-Authorization": ["batch", "rest_api_key"]})

    assert keys.get_auth_header() == {"X-Authorization": "1e5000000000000000000007"}
