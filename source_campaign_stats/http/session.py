"""The session that sends the requests of a requester."""

from airbyte_cdk.sources.declarative.requesters import HttpRequester

from source_campaign_stats.cdk.door import session_of


def follow_no_redirection(requester: HttpRequester) -> None:
    """Hands a redirection back as the answer: requests would take keys in headers of their own to another host."""
    session_of(requester).resolve_redirects = lambda *_, **__: iter(())  # type: ignore[method-assign]
