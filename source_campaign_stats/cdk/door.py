"""The one door to what airbyte-cdk does not promise to keep.

Each function reads private names of airbyte-cdk 7.39 and says why they are needed and what would replace them. No other
module uses a private name of the CDK; a test looks for them.
"""

from importlib.metadata import version
from typing import Any

import requests
from airbyte_cdk.sources.declarative.requesters import HttpRequester
from airbyte_cdk.utils.traced_exception import AirbyteTracedException


def session_of(requester: HttpRequester) -> requests.Session:
    """The session of a requester, `_http_client` and its `_session`, to switch off redirections.

    A setting of `HttpRequester` for redirections, or a session as one of its arguments, would replace it.
    """
    session: requests.Session = _part(_part(requester, "_http_client"), "_session")
    return session


def cause_of(error: BaseException) -> BaseException | None:
    """What a traced exception was made of, its `_exception`: only there is the sentence of our own error handler.

    `raise … from` in the CDK's retries, which would set `__cause__`, would replace it.
    """
    if not isinstance(error, AirbyteTracedException):
        return None
    cause: BaseException | None = _part(error, "_exception")
    return cause


def _part(owner: object, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise RuntimeError(
            f"airbyte-cdk {version('airbyte-cdk')} has no {type(owner).__name__}.{name} any more, which version 7.39 "
            "had. Install the version that setup.py asks for."
        ) from None
