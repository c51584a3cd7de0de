"""What is the same for every vendor: the keys in the headers, what an answer must look like, how long to wait."""

import base64
import email.utils
import math
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy, ErrorResolution, ResponseAction
from airbyte_cdk.sources.types import Config

from source_campaign_stats import turns
from source_campaign_stats.errors import ItemGoneError, ItemRefusedError, WaitTooLongError, transient_error

_DECODED = "_decoded_answer"
_DAY = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}(?!\d)")]
_TYPES = {"boolean": bool, "integer": int, "object": dict[str, msgspec.Raw], "text": str, "day": _DAY}


def decoded(response: requests.Response, form: type | None = None) -> Any:
    """The body as JSON, parsed once for error handler, paginator and extractor, and no longer kept as text.

    `form` is the type of an answer whose records stay text until they are used (`msgspec.Raw`, see `taken`): half a
    year of an orchestration with 20 steps is 5 MB of text and 40 MB of objects.
    Example: with a form that has `details: list[msgspec.Raw]`, `{"details": [{"sent": 3}]}` -> its `details` is a list
    of the text `{"sent": 3}`.
    """
    if _DECODED not in response.__dict__:
        body = response.content
        response.__dict__[_DECODED] = msgspec.json.decode(body, type=form) if form else _parsed(body)
        # The CDK's wait for a budget leaves the answer before it in a cycle of references, for the garbage collector.
        response._content = b""
    return response.__dict__[_DECODED]


def taken(records: list[msgspec.Raw]) -> Iterator[Any]:
    """The records of an answer as objects, one at a time; the list is empty afterwards.

    One record stays in the processor's cache, where the objects of half a year do not fit (docs/performance.md).
    """
    records.reverse()
    while records:
        yield _parsed(memoryview(records.pop()))


def documented_type(shape: Any) -> Any:
    """The type of the answers that have the documented shape, for msgspec, which then tells how an answer differs.

    Shapes: `[shape]` is an array of that; `{details: shape}` an object with at least these keys, `{"*": shape}` one
    whose every value is that; `boolean`, `integer`, `object`, `text` and `day` (YYYY-MM-DD, a time after it allowed)
    a value of that type.
    Example: `{"details": [{"date": "day"}]}` -> a type with `details`, an array of a type with `date`; of the answer
    `{}` msgspec then says "Object missing required field `details`".
    """
    if isinstance(shape, list):
        return list[documented_type(shape[0])]  # type: ignore[misc]
    if not isinstance(shape, dict):
        return _TYPES[shape]
    if "*" in shape:
        return dict[str, documented_type(shape["*"])]  # type: ignore[misc]
    return msgspec.defstruct("Documented", [(key, documented_type(value)) for key, value in shape.items()], gc=False)


def _parsed(text: bytes | memoryview) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Only a number that is too large passes the comparison with the documented shape.
        raise transient_error("An answer can't be read as JSON. Run the sync again later.") from error


def adjust(session: requests.Session) -> None:
    """Makes the CDK's session follow no redirection, take turns, and look up the environment once."""
    # requests would take `X-Authorization` and `MOE-APPKEY` to another host.
    session.resolve_redirects = lambda *_, **__: iter(())  # type: ignore[method-assign]
    session.merge_environment_settings = EnvironmentOnce(session)  # type: ignore[assignment, method-assign]
    # Called when the headers have come, before the body is taken out of the connection.
    session.hooks["response"].append(lambda *_, **__: turns.TURN.take())


class EnvironmentOnce:
    """The proxies and certificates that the environment names for a host, looked up for the first request to it.

    requests looks through the whole environment for each request, which is a thirtieth of what a request costs.
    """

    def __init__(self, session: requests.Session) -> None:
        self._look_up = session.merge_environment_settings
        self._known: dict[tuple[Any, ...], Mapping[str, Any]] = {}

    def __call__(self, url: str, *settings: Any, **named_settings: Any) -> Mapping[str, Any]:
        key = (urlsplit(url)[:2], str(settings), str(named_settings))
        if key not in self._known:
            self._known[key] = self._look_up(url, *settings, **named_settings)
        return self._known[key]


@dataclass
class KeyHeaders(DeclarativeAuthenticator):
    """Puts settings into request headers exactly as they were typed.

    The CDK's authenticators render a key with Jinja, and a key like `1e500…7` comes out as a float.
    `headers` maps a header to the path of its setting; `bearer` names the setting of a Bearer token, `basic`
    those of user and password.
    Example: `{"headers": {"X-Batch-Project": ["batch", "project_key"]}, "bearer": ["batch", "rest_api_key"]}`.
    """

    config: Config
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    bearer: list[str] = field(default_factory=list)
    basic: list[list[str]] = field(default_factory=list)

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    def token(self) -> str:
        if self.bearer:
            return f"Bearer {self._setting(self.bearer)}"
        user, password = (self._setting(path) for path in self.basic)
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    def get_auth_header(self) -> Mapping[str, Any]:
        headers = {name: self._setting(path) for name, path in self.headers.items()}
        return headers | {self.auth_header: self.token} if self.bearer or self.basic else headers

    def _setting(self, path: list[str]) -> str:
        value: Any = self.config
        for name in path:
            value = value[name]
        return str(value)


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
        # The body has come, however long that took: its records have a turn of their own.
        turns.TURN.take()
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
            self._documented.decode(body)
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
            "Please report this with the log.",
        )

    def _with_words_of_vendor(self, response: requests.Response, messages: Mapping[int, str]) -> str:
        return f"{messages[response.status_code]} ({self.vendor} said: {_words_of_vendor(response)})"

    def _broken_connection(self, error: Exception | None) -> ErrorResolution:
        text = str(error)
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
            return ErrorResolution(
                ResponseAction.FAIL,
                FailureType.config_error,
                f"The certificate shown for {self.vendor} is not trusted. If a proxy of your company opens the "
                "connections, set REQUESTS_CA_BUNDLE to the file with its certificate authority.",
            )
        if isinstance(error, requests.exceptions.ProxyError) and _is_refusal_of_proxy(text):
            return ErrorResolution(
                ResponseAction.FAIL,
                FailureType.config_error,
                f"The proxy refused the connection to {self.vendor}. Check HTTPS_PROXY (address, user and "
                "password) and whether the proxy allows this host.",
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return _again(f"The proxy in HTTPS_PROXY could not be reached or did not connect to {self.vendor}.")
        if isinstance(error, requests.exceptions.ReadTimeout):
            return _again(f"{self.vendor} did not answer in time.")
        return _again(f"The connection to {self.vendor} broke again and again ({type(error).__name__}).")


@dataclass
class VendorWait(BackoffStrategy):
    """How long to wait before asking again: as long as the vendor says, else longer each time, with jitter.

    In: the answer (or the exception) and the number of the attempt; out: seconds.
    A 429 waits at least `least_seconds_after_429`; a wait of `longest_wait_seconds` or more that the vendor
    names ends the stream, because the Airbyte platform takes a silent source for dead.
    """

    vendor: str
    least_seconds_after_429: float = 5
    longest_wait_seconds: float = 600
    longest_own_wait_seconds: float = 30

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float | None:
        growing = min(2.0 ** (attempt_count - 1), self.longest_own_wait_seconds)
        jitter = random.uniform(0, growing / 4)
        if not isinstance(response_or_exception, requests.Response):
            return growing + jitter
        named = _named_wait(response_or_exception)
        if named is not None:
            if named >= self.longest_wait_seconds:
                raise WaitTooLongError(
                    f"{self.vendor} asks to wait {named:.0f} seconds before the next request, which is longer "
                    f"than a sync waits ({self.longest_wait_seconds:.0f}). Run the sync again after that."
                )
            return max(named, growing) + jitter
        if response_or_exception.status_code == requests.codes.too_many_requests:
            return max(growing, self.least_seconds_after_429) + jitter
        return growing + jitter


def _again(message: str, action: ResponseAction = ResponseAction.RETRY) -> ErrorResolution:
    return ErrorResolution(action, FailureType.transient_error, message)


def _named_wait(response: requests.Response) -> float | None:
    """The seconds that a 429 or 503 names in `Retry-After` (seconds or a date), a 429 in `x-ratelimit-reset`."""
    if response.status_code not in (429, 503):
        return None
    after = response.headers.get("Retry-After")
    # MoEngage sends the reset (epoch seconds) with every answer: only with a 429 it is a wait.
    reset = response.headers.get("x-ratelimit-reset") if response.status_code == 429 else None
    for text, read in ((after, _seconds_after), (reset, _seconds_until)):
        try:
            # A moment that has passed names no wait.
            if text is not None and math.isfinite(seconds := read(text.strip())) and seconds > 0:
                return seconds
        except (TypeError, ValueError):
            continue
    return None


def _seconds_after(text: str) -> float:
    """`Retry-After` is a number of seconds or a date."""
    try:
        return float(text)
    except ValueError:
        return email.utils.parsedate_to_datetime(text).timestamp() - time.time()


def _seconds_until(epoch: str) -> float:
    """`x-ratelimit-reset` is a moment, in seconds since 1970; some APIs write milliseconds."""
    moment = float(epoch)
    return (moment / 1000 if moment > 1e11 else moment) - time.time()


def _is_refusal_of_proxy(text: str) -> bool:
    return any(f"Tunnel connection failed: {status}" in text for status in (401, 403, 405, 407))


def _words_of_vendor(response: requests.Response) -> str:
    """The vendor's own error text: Batch `error_message`, legacy `message`, MoEngage `title`, `description`."""
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
