"""What is done with each answer: it is used, asked for again, leaves out one campaign, or ends the stream."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import ErrorResolution, ResponseAction

from source_campaign_stats.http.answers import documented_type, read
from source_campaign_stats.http.way import broken_way
from source_campaign_stats.output.errors import ItemGoneError, ItemRefusedError

LOGGER = logging.getLogger("airbyte")


@dataclass
class VendorErrorHandler(DefaultErrorHandler):
    """Decides about each answer: use it, ask again, leave out one campaign, or end the stream.

    On top of the CDK's `response_filters`, which state the final refusals (401, 403, …) in the manifest:
    - a 200 that is not the documented answer (a maintenance page, an empty body, `null`) is asked again like
      a 503, never read as an empty page;
    - `one_campaign_gone` and `one_campaign_refused` say what a status means when it is about one campaign;
    - whatever breaks on the way is told in words that name the vendor.
    """

    vendor: str = ""
    documented_answer: dict[str, Any] | list[Any] = field(default_factory=dict)
    one_campaign_gone: Mapping[int, str] = field(default_factory=dict)
    one_campaign_refused: Mapping[int, str] = field(default_factory=dict)

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        if not isinstance(response_or_exception, requests.Response):
            return self._broken_connection(response_or_exception)
        status = response_or_exception.status_code
        if status in self.one_campaign_gone:
            raise ItemGoneError(message=self._with_words_of_vendor(response_or_exception, self.one_campaign_gone))
        if status in self.one_campaign_refused:
            raise ItemRefusedError(message=self._with_words_of_vendor(response_or_exception, self.one_campaign_refused))
        if status == requests.codes.too_many_requests:
            return _again(
                f"{self.vendor} went on answering that there are too many requests (429). "
                "Read it at another time, or find out what else uses this key.",
                ResponseAction.RATE_LIMITED,
            )
        if 300 <= status < 400:
            return _again(f"{self.vendor} answered with a redirection ({status}), which is not followed.")
        if status >= 500 or status in (408, 425):
            return _again(f"{self.vendor} went on answering with an error of its own ({status}).")
        if not response_or_exception.ok:
            return self._refusal(response_or_exception)
        difference = self._difference(response_or_exception.content) or self.contradiction(response_or_exception)
        if difference:
            return _again(
                f"{self.vendor} answered something that is not the documented answer: {difference}. "
                "This can be a maintenance page; run the sync again later."
            )
        return ErrorResolution(ResponseAction.SUCCESS)

    def contradiction(self, response: requests.Response) -> str | None:
        """How a well-formed answer contradicts itself; for subclasses that know their endpoint."""
        return None

    def _difference(self, body: bytes) -> str | None:
        """How a body differs from the documented answer; None if it does not."""
        try:
            # msgspec passes over texts that it need not know.
            body.decode()
            read(body, self._documented)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return str(error)
        return None

    @cached_property
    def _documented(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(documented_type(self.documented_answer))

    def _refusal(self, response: requests.Response) -> ErrorResolution:
        for response_filter in self.response_filters or []:
            resolution = response_filter.matches(response)
            if resolution and resolution.error_message:
                return resolution
        return ErrorResolution(
            ResponseAction.FAIL,
            FailureType.system_error,
            f"{self.vendor} refused a request ({response.status_code}: {_words_of_vendor(response)}). "
            "Ask the vendor what that means, or look for a newer version of the connector.",
        )

    def _with_words_of_vendor(self, response: requests.Response, messages: Mapping[int, str]) -> str:
        return f"{messages[response.status_code]} ({self.vendor} said: {_words_of_vendor(response)})"

    def _broken_connection(self, error: Exception | None) -> ErrorResolution:
        if not isinstance(error, requests.RequestException):
            return _again(f"The connection to {self.vendor} broke again and again.")
        words, is_ours = broken_way(error, self.vendor)
        return ErrorResolution(ResponseAction.FAIL, FailureType.config_error, words) if is_ours else _again(words)


def _again(message: str, action: ResponseAction = ResponseAction.RETRY) -> ErrorResolution:
    LOGGER.info(message)
    return ErrorResolution(action, FailureType.transient_error, message)


def _words_of_vendor(response: requests.Response) -> str:
    """The vendor's own error text, under whichever of the names that vendors give it."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict):
        inner = answer.get("error")
        told = inner if isinstance(inner, dict) else answer
        words = [told.get(name) for name in ("error_message", "message", "title", "description")]
        text = ", ".join(str(word) for word in words if word)
        if text:
            return text[:300]
    return f"status {response.status_code}"
