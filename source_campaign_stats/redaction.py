"""No secret in any output: what counts as one, and the last gate that every line passes."""

import base64
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote, urlsplit

from source_campaign_stats.configuration import secrets_in

MASK = "****"
# Shorter texts are no key that a vendor takes; replacing them would break the protocol's own words.
_SHORTEST_SECRET = 4
# In a record a short text is more likely a number or a name than a key.
_SHORTEST_SECRET_IN_RECORDS = 12
_RECORD = '{"type":"RECORD"'
# Values under these names are words of the Airbyte protocol, or names of streams.
_WORDS_OF_THE_PROTOCOL = {"type", "level", "status", "failure_type", "stream", "stream_descriptor", "state"}


def spellings(config: Mapping[str, Any], specification: Mapping[str, Any]) -> list[str]:
    """Every way in which a secret of this configuration could be printed, longest first.

    A key appears as typed, stripped, in the pieces around a pasted line break, escaped in JSON, quoted in a
    URL, and (MoEngage) inside the Basic header; the password of a proxy is one too.
    """
    found: set[str] = set()
    for secret in secrets_in(config, specification) | _proxy_passwords():
        for text in (secret, secret.strip(), *secret.split()):
            printed = repr(text)[1:-1]
            found |= {text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]}
            found |= {printed, json.dumps(printed)[1:-1]}
    moengage = config.get("moengage")
    if isinstance(moengage, Mapping):
        pair = f"{str(moengage.get('workspace_id', '')).strip()}:{str(moengage.get('api_key', '')).strip()}"
        found.add(base64.b64encode(pair.encode()).decode())
    return sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by `****`.

    Lines of the protocol keep their words: only the values of a message are searched, and in a record no text
    that is so short that it is more likely a number or a name.
    """
    present = [secret for secret in secrets if secret in text]
    if not present:
        return text
    # Only at line feeds: a name in a record may hold other characters that end a line.
    return "\n".join(_redact_line(line, present) for line in text.split("\n"))


def _redact_line(line: str, secrets: list[str]) -> str:
    if line.startswith(_RECORD):
        secrets = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET_IN_RECORDS]
    present = [secret for secret in secrets if secret in line]
    if not present:
        return line
    try:
        message = json.loads(line)
    except ValueError:
        return _masked(line, present)
    return json.dumps(_masked_values(message, present), ensure_ascii=False, separators=(",", ":"))


def _masked_values(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: item if name in _WORDS_OF_THE_PROTOCOL else _masked_values(item, secrets)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_masked_values(item, secrets) for item in value]
    return _masked(value, secrets) if isinstance(value, str) else value


def _masked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


class RedactingStream:
    """A standard stream that lets no secret through: whatever library prints, and at whatever log level."""

    def __init__(self, stream: TextIO, secrets: list[str]) -> None:
        self._stream = stream
        self._secrets = secrets

    def write(self, text: str) -> int:
        self._stream.write(redact(text, self._secrets))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _proxy_passwords() -> set[str]:
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    passwords = {urlsplit(os.environ.get(name, "")).password for name in names}
    return {text for password in passwords if password for text in (password, unquote(password))}
