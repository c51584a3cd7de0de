"""The session that sends the requests of a requester."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import requests
from airbyte_cdk.sources.declarative.requesters import HttpRequester

from source_campaign_stats.cdk.door import session_of
from source_campaign_stats.http.tries import tries_of
from source_campaign_stats.http.way import raise_for_way


def follow_no_redirection(requester: HttpRequester) -> None:
    """Returns a redirection as the answer: following it, requests would send keys in custom headers to another host."""
    session_of(requester).resolve_redirects = lambda *_, **__: iter(())  # type: ignore[method-assign]


def tell_a_broken_way(requester: HttpRequester) -> None:
    """Checks the proxy and the certificates before a request, and raises every failure as an error of requests."""
    adapter = session_of(requester).adapters["https://"]
    adapter.send = _telling(adapter.send)  # type: ignore[method-assign]


def know_each_try(requester: HttpRequester) -> None:
    """Every request counts its tries (`tries_of`), and gets a new id each time it is sent."""
    session = session_of(requester)
    session.send = _known(session.send)  # type: ignore[method-assign]


def _telling(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    def sent(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        raise_for_way(request.url or "", options.get("proxies"), options.get("verify"))
        tries_of(request).began = time.monotonic()
        try:
            return send(request, **options)
        except requests.RequestException:
            raise
        except OSError as error:
            # The CDK asks again only after an error of requests.
            raise requests.ConnectionError(error, request=request) from error

    return sent


def _known(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    def sent(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        tries = tries_of(request)
        tries.patience.on_send()
        tries.began = None
        _renew_request_id(request)
        try:
            return send(request, **options)
        except requests.RequestException as error:
            # An answer that breaks off has no request in its error.
            error.request = error.request or request
            raise
        finally:
            # Before `began` it waited for the budget; the body is read after the adapter has sent the request.
            if tries.began is not None:
                tries.seconds += time.monotonic() - tries.began

    return sent


def _renew_request_id(request: requests.PreparedRequest) -> None:
    """Puts a new `request_id` into the body: a vendor may refuse a repeated one, or repeat its earlier answer."""
    if not request.body or b'"request_id"' not in (body := _as_bytes(request.body)):
        return
    request.body = orjson.dumps(orjson.loads(body) | {"request_id": str(uuid.uuid4())})
    request.prepare_content_length(request.body)


def _as_bytes(body: bytes | str | Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
