"""The keys in the headers of a request."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config


@dataclass
class KeyHeaders(DeclarativeAuthenticator):
    """Puts settings into request headers exactly as they were typed.

    The CDK's authenticators render a key with Jinja, and a key like `1e500…7` comes out as a float.
    `headers` maps a header to the path of its setting; `bearer` names the setting of a Bearer token, `basic`
    those of user and password.
    Example: `{"headers": {"X-Account": ["acme", "account_id"]}, "bearer": ["acme", "api_key"]}`.
    """

    config: Config
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    bearer: list[str] = field(default_factory=list)
    basic: list[list[str]] = field(default_factory=list)

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    def token(self) -> str:
        if self.bearer:
            return f"Bearer {self._setting(self.bearer)}"
        user, password = (self._setting(path) for path in self.basic)
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    def get_auth_header(self) -> Mapping[str, Any]:
        headers = {name: self._setting(path) for name, path in self.headers.items()}
        return headers | {self.auth_header: self.token} if self.bearer or self.basic else headers

    def _setting(self, path: list[str]) -> str:
        value: Any = self.config
        for name in path:
            value = value[name]
        return str(value)
