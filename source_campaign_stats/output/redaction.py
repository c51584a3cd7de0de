"""Replaces keys in every line of the output, just before it is printed."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO

MASK = "****"
# Rows, states and schemas are never changed: none of them can hold a key, because a configuration that would put one
# into a column is refused (settings/complaints.py).
_NEVER_CHANGED = ('{"type":"RECORD"', '{"type":"STATE"', '{"type":"CATALOG"')
# Values under these names are words of the Airbyte protocol, or names of streams.
_WORDS_OF_THE_PROTOCOL = {"type", "level", "status", "failure_type", "stream", "stream_descriptor", "state"}


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret replaced by `****`.

    In a message of the protocol only values are changed, not its own words. Records, states and schemas never change.
    """
    present = [secret for secret in secrets if secret in text]
    if not present:
        return text
    # Only at line feeds: a name in a record may hold other characters that end a line.
    return "\n".join(_redact_line(line, present) for line in text.split("\n"))


def _redact_line(line: str, secrets: list[str]) -> str:
    if line.startswith(_NEVER_CHANGED):
        return line
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
    """A standard stream that replaces every secret, whichever library prints it and at any log level.

    `gone` is called when nobody reads the stream any more, so that the message is always the same.
    """

    def __init__(self, stream: TextIO, secrets: list[str], gone: Callable[[], object]) -> None:
        self._stream = stream
        self._secrets = secrets
        self._gone = gone

    def write(self, text: str) -> int:
        try:
            self._stream.write(redact(text, self._secrets))
        except OSError:
            self._gone()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._gone()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
