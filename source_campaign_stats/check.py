"""`check`: one small request for each credential, done within a minute whatever the vendor does."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airbyte_cdk.models import AirbyteConnectionStatus, FailureType, Status
from airbyte_cdk.sources.declarative.models.declarative_component_schema import HttpRequester
from airbyte_cdk.sources.declarative.requesters import HttpRequester as HttpRequesterComponent
from airbyte_cdk.sources.types import Config, StreamSlice

from source_campaign_stats.configuration import today
from source_campaign_stats.days import Window
from source_campaign_stats.errors import WaitTooLongError, in_plain_words, transient_error
from source_campaign_stats.factory import CampaignStatsComponentFactory
from source_campaign_stats.moengage import Page

_DEADLINE_SECONDS = 50
_TIMEOUTS = {"connect_timeout_in_seconds": 5, "read_timeout_in_seconds": 12}
_TRIES = 3
_SECONDS_BETWEEN_TRIES = 5


@dataclass
class Probe:
    """One small request that shows whether a credential works."""

    credential: str
    stream: str
    stream_slice: StreamSlice
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    page: Mapping[str, Any] | None = None


def probes(config: Config) -> list[Probe]:
    """The requests of a check, in the order of the settings: Batch, each app, MoEngage.

    MoEngage is asked for statistics, because only those show that the feature is off for the account (403).
    """
    nothing = StreamSlice(partition={}, cursor_slice={})
    found = []
    if "batch" in config:
        found.append(Probe("Batch", "orchestrations", nothing, params={"limit": 1}))
    for app in config.get("batch_legacy", {}).get("apps", []):
        app_slice = StreamSlice(partition={"app": app["name"]}, cursor_slice={})
        name = f'Batch MEP (legacy), app "{app["name"]}"'
        found.append(Probe(name, "legacy_campaigns", app_slice, params={"limit": 1, "live": "true"}))
    if "moengage" in config:
        yesterday = today(config) - timedelta(days=1)
        day = StreamSlice(partition={}, cursor_slice=Window(yesterday, yesterday).as_slice())
        page = {"next_page_token": Page(campaign_ids=config["moengage"].get("campaign_ids", [])[:1] or None)}
        found.append(Probe("MoEngage", "moengage_campaign_stats", day, body={"limit": 1}, page=page))
    return found


def connection_status(
    config: Config, requester_of: Callable[[str], Mapping[str, Any]], factory: CampaignStatsComponentFactory
) -> AirbyteConnectionStatus:
    """SUCCEEDED, or FAILED with what the first credential that does not work needs.

    `requester_of` gives the manifest's requester of a stream. All credentials are tried at the same time.
    """
    outcomes: dict[int, Exception | None] = {}
    deadline = time.monotonic() + _DEADLINE_SECONDS
    tried = probes(config)
    threads = []
    for position, probe in enumerate(tried):
        requester = factory.create_component(
            HttpRequester, {**requester_of(probe.stream), **_TIMEOUTS}, config, name=probe.stream
        )
        # A daemon, so that a vendor that never answers does not keep the process alive.
        thread = threading.Thread(target=_try, args=(position, probe, requester, outcomes, deadline), daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for position, probe in enumerate(tried):
        silent = transient_error(f"no usable answer within {_DEADLINE_SECONDS} seconds. Try again later.")
        failure = outcomes.get(position, silent)
        if failure:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(in_plain_words(failure, probe.credential)))
    return AirbyteConnectionStatus(status=Status.SUCCEEDED)


def _try(
    position: int,
    probe: Probe,
    requester: HttpRequesterComponent,
    outcomes: dict[int, Exception | None],
    deadline: float,
) -> None:
    # The waits of a sync are longer than a check may take.
    requester._http_client._disable_retries = True
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
            wait = max(_SECONDS_BETWEEN_TRIES, getattr(getattr(error, "_exception", None), "backoff", 0))
            is_too_late = isinstance(error, WaitTooLongError) or time.monotonic() + wait > deadline
            if is_refused or is_too_late or attempt == _TRIES:
                return
        time.sleep(wait)
