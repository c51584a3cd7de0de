"""What counts as a secret, in every spelling in which it could be printed."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from source_campaign_stats.settings.credentials import can_be_a_key
from source_campaign_stats.settings.specification import Schema, settings_of
from source_campaign_stats.settings.vendor import Vendor

# Shorter texts are no key that a vendor takes; replacing them would break the protocol's own words.
_SHORTEST_SECRET = 4


def spellings(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> list[str]:
    """Every way in which a secret of this configuration could be printed, longest first.

    A key appears as typed, stripped, in the pieces around a pasted line break, quoted in a URL (slashes too or not,
    once or twice), escaped in JSON or Python (once or twice), and in the form in which its vendor wants it in a header;
    the password of a proxy, or a user without one, is a secret too.
    """
    found: set[str] = set()
    for secret in secrets_in(config, specification) | _proxy_credentials():
        # A short word of letters, like `Bearer`, is no piece of a key, and sentences contain it.
        pieces = [piece for piece in secret.split() if len(piece) > 8 or not piece.isalpha()]
        for text in (secret, secret.strip(), *pieces):
            found |= _spellings_of(text)
    for vendor in vendors:
        if isinstance(settings := config.get(vendor.name), Mapping):
            found |= vendor.keys_in_headers(settings)
    return sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def _spellings_of(text: str) -> set[str]:
    # JSON can hold halves of characters, which no encoding has.
    whole = quote(text, safe="", errors="replace")
    quoted = {text, whole, quote(text, errors="replace"), quote_plus(text, errors="replace"), quote(whole, safe="")}
    quoted |= {re.sub("%..", lambda code: code[0].lower(), spelling) for spelling in quoted}
    once = {escaped(spelling) for spelling in quoted for escaped in _ESCAPES}
    twice = {escaped(spelling) for spelling in once for escaped in _ESCAPES}
    return quoted | once | twice


_ESCAPES: tuple[Callable[[str], str], ...] = (
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode(errors="replace"))[2:-1],
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
)


def secrets_in(config: Any, schema: Schema) -> set[str]:
    """Every value in the configuration that the specification marks `airbyte_secret`, arrays included.

    Vendors that are not used count as well. So does a whole group that is not an object (a key was pasted one level too
    high), and any text that can be a key under a name that the specification does not have.
    """
    if config is None:
        return set()
    if schema.get("airbyte_secret") or not isinstance(config, (Mapping, list)):
        return set(_texts(config)) if _holds_secrets(schema) else set()
    found: set[str] = set()
    schema = schema.get("items", schema)
    if isinstance(config, list):
        for item in config:
            found |= secrets_in(item, schema)
    else:
        settings = settings_of(schema)
        for name, value in config.items():
            if name in settings:
                found |= secrets_in(value, settings[name])
            else:
                found |= {text for text in _texts(value) if can_be_a_key(text)}
    return found


def _holds_secrets(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_holds_secrets, schema))
    if isinstance(schema, Mapping):
        return schema.get("airbyte_secret") is True or any(map(_holds_secrets, schema.values()))
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _proxy_credentials() -> set[str]:
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    found = set()
    for name in names:
        # Without a scheme the password would be taken for a part of the path.
        credentials = os.environ.get(name, "").rpartition("@")[0].rpartition("/")[2]
        user, _, password = credentials.partition(":")
        found |= {password or user, unquote(password or user)}
    return found - {""}
