"""`check`: one small request for each credential, done within a minute whatever the vendor does."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from airbyte_cdk.models import AirbyteConnectionStatus, FailureType, Status
from airbyte_cdk.sources.declarative.requesters import HttpRequester

from source_campaign_stats.cdk.door import cause_of
from source_campaign_stats.http.tries import Patience, patience
from source_campaign_stats.output.errors import WaitTooLongError, in_plain_words, transient_error
from source_campaign_stats.settings.vendor import Probe

LOGGER = logging.getLogger("airbyte")

# Short, so that there is time for a second try.
TIMEOUTS = {"connect_timeout_in_seconds": 5, "read_timeout_in_seconds": 12}
_DEADLINE_SECONDS = 50
_TRIES = 3
_SECONDS_BETWEEN_TRIES = 5


def connection_status(
    probes: Sequence[tuple[str, Probe]],
    requester_of: Callable[[str], HttpRequester],
    look_up: Callable[[], None] | None = None,
) -> AirbyteConnectionStatus:
    """SUCCEEDED, or FAILED with a line for each credential that does not work: what is wrong and what to do.

    `probes` are requests, each with the title of its vendor. `requester_of` gives the requester of a stream; it must
    not ask again by itself. All probes run at the same time. If all work, `look_up` runs in the time that is left; it
    raises an error if the settings name something that does not exist.
    """
    outcomes: dict[int, Exception | None] = {}
    deadline = time.monotonic() + _DEADLINE_SECONDS
    threads = []
    for position, (_, probe) in enumerate(probes):
        requester = requester_of(probe.stream)
        # A daemon, so that a vendor that never answers does not keep the process alive.
        thread = threading.Thread(target=_try, args=(position, probe, requester, outcomes, deadline), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = transient_error(f"no usable answer within {_DEADLINE_SECONDS} seconds. Try again later.")
    failed = [
        (title, probe.what, str(in_plain_words(failure, title)).removeprefix(f"{title}: "))
        for position, (title, probe) in enumerate(probes)
        if (failure := outcomes.get(position, silent))
    ]
    if not failed:
        return _status_of(look_up, deadline) if look_up else AirbyteConnectionStatus(status=Status.SUCCEEDED)
    numbers = Counter(title for title, _ in probes)
    return AirbyteConnectionStatus(status=Status.FAILED, message="\n".join(_lines_about(failed, numbers)))


def _status_of(look_up: Callable[[], None], deadline: float) -> AirbyteConnectionStatus:
    failures: list[Exception] = []

    def looked_up() -> None:
        try:
            with patience(Patience(tries=1)):
                look_up()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=looked_up, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if thread.is_alive():
        LOGGER.info(
            "The ids in the settings were not looked up: there was no time for it in a check. A sync tells them."
        )
    for failure in failures:
        return AirbyteConnectionStatus(status=Status.FAILED, message=str(failure))
    return AirbyteConnectionStatus(status=Status.SUCCEEDED)


def _lines_about(failed: Sequence[tuple[str, str, str]], numbers: Mapping[str, int]) -> Iterator[str]:
    """A line for each credential that failed, in order; one line for a vendor whose credentials all fail alike."""
    told = set()
    alike = Counter((title, words) for title, _, words in failed)
    for title, what, words in failed:
        if numbers[title] > 1 and alike[title, words] == numbers[title]:
            if (title, words) not in told:
                yield f"{title} (all {numbers[title]} alike): {words}"
            told.add((title, words))
        else:
            yield f"{title}{what}: {words}"


def _try(
    position: int,
    probe: Probe,
    requester: HttpRequester,
    outcomes: dict[int, Exception | None],
    deadline: float,
) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            with patience(Patience(tries=1)):
                requester.send_request(
                    stream_slice=probe.stream_slice,
                    next_page_token=probe.page,
                    request_params=probe.params,
                    request_body_json=probe.body,
                )
            outcomes[position] = None
            return
        except Exception as error:
            # The main thread reports it. A refused key is not tried again.
            outcomes[position] = error
            is_refused = getattr(error, "failure_type", None) == FailureType.config_error
            wait = max(_SECONDS_BETWEEN_TRIES, getattr(cause_of(error), "backoff", 0))
            is_too_late = isinstance(error, WaitTooLongError) or time.monotonic() + wait > deadline
            if is_refused or is_too_late or attempt == _TRIES:
                return
        time.sleep(wait)
