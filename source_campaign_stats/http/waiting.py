"""How long to wait before a request is sent again."""

import email.utils
import logging
import math
import random
import time
from dataclasses import dataclass

import requests
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy

from source_campaign_stats.http.tries import tries_of
from source_campaign_stats.output.errors import WaitTooLongError

LOGGER = logging.getLogger("airbyte")

# The CDK adds this second to every wait.
_SECONDS_OF_THE_CDK = 1.0


@dataclass
class VendorWait(BackoffStrategy):
    """How long to wait before asking again: as long as the vendor says, else longer each time, with jitter.

    In: the answer (or the exception) and the number of the attempt; out: seconds.
    A 429 waits at least `least_seconds_after_429`. If the vendor names a wait of `longest_wait_seconds` or more, the
    stream ends, because the Airbyte platform ends a source that is silent for too long.
    """

    vendor: str
    least_seconds_after_429: float = 5
    longest_wait_seconds: float = 600
    longest_own_wait_seconds: float = 30

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float | None:
        tries = tries_of(response_or_exception)
        seconds = max(self._seconds(response_or_exception, attempt_count), tries.least_wait)
        tries.least_wait = 0
        if attempt_count < tries.most:
            LOGGER.info("%s Try %s of %s in %.0f s.", tries.reason, attempt_count + 1, tries.most, seconds)
        return max(seconds - _SECONDS_OF_THE_CDK, 0)

    def _seconds(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt: int
    ) -> float:
        growing = min(2.0 ** (attempt - 1), self.longest_own_wait_seconds)
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


def _named_wait(response: requests.Response) -> float | None:
    """The seconds that a 429 or 503 names in `Retry-After` (seconds or a date), a 429 in `x-ratelimit-reset`.

    A moment is measured against the answer's own `Date`: the clock of this machine can be wrong.
    """
    if response.status_code not in (429, 503):
        return None
    now = _moment(response.headers.get("Date")) or time.time()
    after = response.headers.get("Retry-After")
    # Some APIs send the reset (epoch seconds) with every answer; it is a wait only with a 429.
    reset = response.headers.get("x-ratelimit-reset") if response.status_code == 429 else None
    seconds = _number(after)
    named = (
        _seconds_until(_moment(after), now) if seconds is None else seconds,
        _seconds_until(_epoch(reset), now),
    )
    # A moment that has passed names no wait.
    return next((seconds for seconds in named if seconds is not None and math.isfinite(seconds) and seconds > 0), None)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _moment(text: str | None) -> float | None:
    """A date of HTTP, in seconds since 1970."""
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (TypeError, ValueError):
        return None


def _epoch(text: str | None) -> float | None:
    """A moment in seconds since 1970; some APIs write milliseconds."""
    number = _number(text)
    return number / 1000 if number and number > 1e11 else number


def _seconds_until(moment: float | None, now: float) -> float | None:
    return None if moment is None else moment - now
