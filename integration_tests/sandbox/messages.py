"""The data that the proxy, the vendors and the faults exchange."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

try:
    import orjson
except ImportError:  # the sandbox is only slower without it
    orjson = None  # type: ignore[assignment]

ENDPOINTS = (
    "batch_list",
    "batch_stats",
    "legacy_list",
    "legacy_stats",
    "legacy_transactional_stats",
    "moengage_stats",
    "moengage_campaigns",
)


def dump(body: Any) -> bytes:
    """Write JSON."""
    return orjson.dumps(body) if orjson else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Request:
    """A request as the sandbox remembers it: app keys in the path are replaced by the app's name."""

    at: float
    endpoint: str | None
    method: str
    host: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Route:
    """The endpoint that a path leads to; `shown` is the path without an app key."""

    endpoint: str | None
    shown: str
    app: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class Call:
    """A request as it came in."""

    method: str
    host: str
    target: str
    headers: Message[str, str]
    raw: bytes

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query; a key with an empty value stays."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Return a header whatever the case of its name."""
        return self.headers.get(name)

    def json(self) -> Any:
        """Return the body as JSON, or None when it is not."""
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


@dataclass
class Answer:
    """What a vendor answers."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def rendered(self) -> bytes:
        """Return the body's bytes; a body of bytes is sent as it is."""
        return self.body if isinstance(self.body, bytes) else dump(self.body)


class RefusedError(Exception):
    """A vendor refuses a call; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer
