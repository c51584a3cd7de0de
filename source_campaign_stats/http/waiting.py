"""How long to wait before a request is sent again."""

import email.utils
import logging
import math
import random
import time
from dataclasses import dataclass

import requests
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy

from source_campaign_stats.output.errors import WaitTooLongError

LOGGER = logging.getLogger("airbyte")


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
        seconds = self._seconds(response_or_exception, attempt_count)
        LOGGER.info("%s: %.0f seconds until the next try, if one is left.", self.vendor, seconds)
        return seconds

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
    """The seconds that a 429 or 503 names in `Retry-After` (seconds or a date), a 429 in `x-ratelimit-reset`."""
    if response.status_code not in (429, 503):
        return None
    after = response.headers.get("Retry-After")
    # Some send the reset (epoch seconds) with every answer: only with a 429 it is a wait.
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
