"""The session that sends the requests of a requester."""

from collections.abc import Callable
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters import HttpRequester

from source_campaign_stats.cdk.door import session_of
from source_campaign_stats.http.way import raise_for_way


def follow_no_redirection(requester: HttpRequester) -> None:
    """Hands a redirection back as the answer: requests would take keys in headers of their own to another host."""
    session_of(requester).resolve_redirects = lambda *_, **__: iter(())  # type: ignore[method-assign]


def tell_a_broken_way(requester: HttpRequester) -> None:
    """Looks at the proxy and the certificates before a request, and makes each failure one of requests' own."""
    adapter = session_of(requester).adapters["https://"]
    adapter.send = _telling(adapter.send)  # type: ignore[method-assign]


def _telling(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    def sent(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        raise_for_way(request.url or "", options.get("proxies"), options.get("verify"))
        try:
            return send(request, **options)
        except requests.RequestException:
            raise
        except OSError as error:
            # The CDK asks again only after an error of requests.
            raise requests.ConnectionError(error, request=request) from error

    return sent
