"""The only module that uses private parts of airbyte-cdk, which may change with any version; tests check that.

Each function uses private parts of airbyte-cdk 7.39. It says why they are needed and what would replace them.
"""

from importlib.metadata import version
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters import HttpRequester
from airbyte_cdk.sources.streams.http import http_client
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def session_of(requester: HttpRequester) -> requests.Session:
    """The session of a requester (`_http_client`, then `_session`), to switch off redirections and to wrap `send`.

    A session as an argument of `HttpRequester` would replace it.
    """
    session: requests.Session = _part(_part(requester, "_http_client"), "_session")
    return session


def cause_of(error: BaseException) -> BaseException | None:
    """The exception inside a traced exception (`_exception`): only it has the message of our own error handler.

    `raise … from` in the CDK's retries would replace it, because it sets `__cause__`.
    """
    if not isinstance(error, AirbyteTracedException):
        return None
    cause: BaseException | None = _part(error, "_exception")
    return cause


def keep_limits_out_of_the_output() -> None:
    """Stops the CDK from printing a status at each limit (`print` in `http_client`): the connector's log says the wait.

    It prints RUNNING past all queues, for the stream whose list is asked: also when that stream is over or is not in
    the catalog, and in a check. A message repository, which a remark in the CDK promises, would replace it.
    """
    vars(http_client)["print"] = lambda *_, **__: None


def _part(owner: object, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise RuntimeError(
            f"airbyte-cdk {version('airbyte-cdk')} has no {type(owner).__name__}.{name} any more, which version 7.39 "
            "had. Install the version that setup.py asks for."
        ) from None
