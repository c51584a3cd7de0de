"""`check`: one small request for each credential, done within a minute whatever the vendor does."""

import threading
import time
from collections.abc import Callable, Sequence

from airbyte_cdk.models import AirbyteConnectionStatus, FailureType, Status
from airbyte_cdk.sources.declarative.requesters import HttpRequester

from source_campaign_stats.cdk.door import cause_of
from source_campaign_stats.output.errors import WaitTooLongError, in_plain_words, transient_error
from source_campaign_stats.settings.vendor import Probe

# A requester waits for its answers no longer than this, so that there is time for a second try.
TIMEOUTS = {"connect_timeout_in_seconds": 5, "read_timeout_in_seconds": 12}
_DEADLINE_SECONDS = 50
_TRIES = 3
_SECONDS_BETWEEN_TRIES = 5


def connection_status(
    probes: Sequence[tuple[str, Probe]], requester_of: Callable[[str], HttpRequester]
) -> AirbyteConnectionStatus:
    """SUCCEEDED, or FAILED with what the first credential that does not work needs.

    `probes` are the requests with the title of their vendor, `requester_of` gives a stream's requester that does not
    ask again by itself. All are tried at the same time.
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
    for position, (title, probe) in enumerate(probes):
        silent = transient_error(f"no usable answer within {_DEADLINE_SECONDS} seconds. Try again later.")
        failure = outcomes.get(position, silent)
        if failure:
            message = str(in_plain_words(failure, title + probe.what))
            return AirbyteConnectionStatus(status=Status.FAILED, message=message)
    return AirbyteConnectionStatus(status=Status.SUCCEEDED)


def _try(
    position: int,
    probe: Probe,
    requester: HttpRequester,
    outcomes: dict[int, Exception | None],
    deadline: float,
) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            requester.send_request(
                stream_slice=probe.stream_slice,
                next_page_token=probe.page,
                request_params=probe.params,
                request_body_json=probe.body,
            )
            outcomes[position] = None
            return
        except Exception as error:
            # Told by the main thread; a refused key is not tried again.
            outcomes[position] = error
            is_refused = getattr(error, "failure_type", None) == FailureType.config_error
            wait = max(_SECONDS_BETWEEN_TRIES, getattr(cause_of(error), "backoff", 0))
            is_too_late = isinstance(error, WaitTooLongError) or time.monotonic() + wait > deadline
            if is_refused or is_too_late or attempt == _TRIES:
                return
        time.sleep(wait)
