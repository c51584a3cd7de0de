"""Decides what happens after each answer: use it, ask again, leave out one campaign, or end the stream."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import ErrorResolution, ResponseAction

from source_campaign_stats.http.answers import days_in, decoded, documented_type, read
from source_campaign_stats.http.tries import SECONDS_OF_DOUBT, Tries, tries_of
from source_campaign_stats.http.way import broken_way
from source_campaign_stats.output.errors import ItemRefusedError, shortened

_ANYTHING = msgspec.json.Decoder()
_AGAIN = (ResponseAction.RETRY, ResponseAction.RATE_LIMITED)

# All tries of a request together take at most this long. After that the vendor counts as down.
_SECONDS_ON_THE_WAY = 100.0
# Of what a vendor says about an error.
_LONGEST_WORDS = 300
# Believed at once: they are about the key or the account. If one campaign is asked, `about_the_account` decides.
_FINAL = (401, 403)


@dataclass
class VendorErrorHandler(DefaultErrorHandler):
    """Decides about each answer: use it, ask again, leave out one campaign, or end the stream.

    On top of the CDK's `response_filters`, which state the final refusals (401, 403, …) in the manifest:
    - a 200 that is not the documented answer (a maintenance page, an empty body, `null`), or that contradicts itself,
      is asked again like a 503, never read as an empty page;
    - an answer that could also come from a gateway or a server that lags behind is believed when it comes twice: a
      refusal that is not about the key, and with `doubts_empty_pages` a list without an item;
    - `about_one` says what to do when one campaign or one day is refused, with any status that is not in
      `about_the_account`;
    - the message about a broken connection names the vendor.
    """

    vendor: str = ""
    documented_answer: dict[str, Any] | list[Any] = field(default_factory=dict)
    about_one: str = ""
    about_the_account: Sequence[int] = (401,)
    doubts_empty_pages: bool = False

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._stream = str(parameters.get("name", ""))
        # Made here: msgspec crashes the process when two threads make it learn a type at the same time.
        self._documented: msgspec.json.Decoder[Any] = msgspec.json.Decoder(documented_type(self.documented_answer))
        self._days = days_in(self.documented_answer)

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        tries = tries_of(response_or_exception)
        resolution = self._resolution(response_or_exception, tries)
        if resolution.response_action not in _AGAIN:
            return resolution
        tries.reason = f"{self.vendor}, {self._stream}: {resolution.error_message}"
        tries.most = tries.patience.tries or int(self.max_retries or 0) + 1
        # A 429 is no failed try: it says nothing about what was asked for.
        tries.failed += resolution.response_action is not ResponseAction.RATE_LIMITED
        is_enough = tries.failed >= (tries.patience.tries or math.inf) or tries.seconds > _SECONDS_ON_THE_WAY
        if is_enough or tries.patience.is_pointless():
            return ErrorResolution(ResponseAction.FAIL, resolution.failure_type, resolution.error_message)
        return resolution

    def _resolution(self, response_or_exception: requests.Response | Exception | None, tries: Tries) -> ErrorResolution:
        if not isinstance(response_or_exception, requests.Response):
            return self._broken_connection(response_or_exception)
        status = response_or_exception.status_code
        if status == requests.codes.too_many_requests:
            return _again(
                f"{self.vendor} answers that there are too many requests (429). "
                "Read it at another time, or find out what else uses this key.",
                ResponseAction.RATE_LIMITED,
            )
        if 300 <= status < 400:
            return _again(f"{self.vendor} answered with a redirection ({status}), which is not followed.")
        if status >= 500 or status in (408, 425):
            words = _words_of_vendor(response_or_exception)
            return _again(f"{self.vendor} answers with an error of its own ({status}{_after(words)}).")
        if not response_or_exception.ok:
            return self._refusal(response_or_exception, tries)
        rows, difference = self._compared(response_or_exception)
        difference = difference or self.contradiction(response_or_exception)
        if difference:
            words = _words_of_vendor(response_or_exception)
            said = f' {self.vendor} said: "{words}".' if words else ""
            return _again(
                f"{self.vendor} answered something that is not the documented answer: {difference}.{said} "
                "This can be a maintenance page; run the sync again later."
            )
        if self.doubts_empty_pages and not rows and _comes_first(tries, "empty page"):
            return _again(f"{self.vendor} answered a page of its list without an item.")
        return ErrorResolution(ResponseAction.SUCCESS)

    def contradiction(self, response: requests.Response) -> str | None:
        """How a well-formed answer contradicts itself; for subclasses that know their endpoint."""
        return None

    def _compared(self, response: requests.Response) -> tuple[list[Any], str | None]:
        """The rows of an answer with their documented columns, and how the answer differs from the documented one."""
        try:
            # Checks the encoding of the whole body: msgspec skips texts that the type does not name.
            response.content.decode()
            rows = self._rows_in(read(response.content, self._documented))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return [], str(error)
        keys = [self._without_times(row) for row in rows] if self._days else rows
        if len(set(keys)) < len(keys):
            return rows, self._contradicting_rows(response, keys)
        return rows, None

    def _without_times(self, row: Any) -> Any:
        """The key of a row: a time after a day does not make it another day."""
        if all(len(getattr(row, name)) == len("2026-11-20") for name in self._days):
            return row
        return msgspec.structs.replace(row, **{name: getattr(row, name)[: len("2026-11-20")] for name in self._days})

    def _contradicting_rows(self, response: requests.Response, keys: list[Any]) -> str | None:
        """How two rows of the same key differ; None if they are equal and so count as one row."""
        first: dict[Any, Any] = {}
        for key, row in zip(keys, self._rows_in(decoded(response)), strict=True):
            # The days are the same; their spelling may differ.
            other = first.setdefault(key, row)
            if other is not row and {**other, **dict.fromkeys(self._days)} != {**row, **dict.fromkeys(self._days)}:
                named = ", ".join(f"{name} {getattr(key, name)}" for name in key.__struct_fields__)
                return f"it has two rows of {named} with other values"
        return None

    def _rows_in(self, answer: Any) -> list[Any]:
        """The rows or items of an answer; empty if it holds no list of them."""
        if isinstance(answer, list):
            return answer
        get = answer.get if isinstance(answer, dict) else functools.partial(getattr, answer)
        return next((value for name in self.documented_answer if isinstance(value := get(name), list)), [])

    def _refusal(self, response: requests.Response, tries: Tries) -> ErrorResolution:
        status, words = response.status_code, _words_of_vendor(response)
        is_about_one = bool(self.about_one) and status not in self.about_the_account
        if (is_about_one or status not in _FINAL) and _comes_first(tries, status):
            return _again(f"{self.vendor} refused a request ({status}{_after(words)}).")
        if is_about_one:
            raise ItemRefusedError(message=f"{self.vendor} refused it ({status}{_after(words)}). {self.about_one}")
        for response_filter in self.response_filters or []:
            resolution = response_filter.matches(response)
            if resolution and resolution.error_message:
                return resolution
        return ErrorResolution(
            ResponseAction.FAIL,
            FailureType.system_error,
            f"{self.vendor} refused a request ({status}{_after(words)}). "
            "Ask the vendor what that means, or look for a newer version of the connector.",
        )

    def _broken_connection(self, error: Exception | None) -> ErrorResolution:
        if not isinstance(error, requests.RequestException):
            return _again(f"The connection to {self.vendor} broke again and again.")
        words, is_ours = broken_way(error, self.vendor)
        return ErrorResolution(ResponseAction.FAIL, FailureType.config_error, words) if is_ours else _again(words)


def _again(message: str, action: ResponseAction = ResponseAction.RETRY) -> ErrorResolution:
    return ErrorResolution(action, FailureType.transient_error, message)


def _comes_first(tries: Tries, answer: object) -> bool:
    """Whether this answer has to come once more before it is believed."""
    if answer in tries.doubted or not tries.patience.can_ask_again:
        return False
    tries.doubted.add(answer)
    tries.least_wait = SECONDS_OF_DOUBT
    return True


def _after(words: str) -> str:
    return f": {words}" if words else ""


def _words_of_vendor(response: requests.Response) -> str:
    """The vendor's own error text, under whichever of the names that vendors give it; empty if there is none."""
    try:
        answer = read(response.content, _ANYTHING)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    told = answer[0] if isinstance(answer, list) and answer else answer
    if isinstance(told, dict) and isinstance(told.get("error"), dict):
        told = told["error"]
    if not isinstance(told, dict):
        return ""
    words = (told.get(name) for name in ("error", "error_message", "message", "title", "description"))
    return shortened(", ".join(word for word in words if isinstance(word, str) and word), _LONGEST_WORDS)
