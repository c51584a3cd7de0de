"""What counts as a secret, in every spelling in which it could be printed."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from source_campaign_stats.settings.specification import Schema, settings_of
from source_campaign_stats.settings.vendor import Vendor

# Shorter texts are no key that a vendor takes; replacing them would break the protocol's own words.
_SHORTEST_SECRET = 4


def spellings(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> list[str]:
    """Every way in which a secret of this configuration could be printed, longest first.

    A key appears as typed, stripped, in the pieces around a pasted line break, escaped in JSON, quoted in a URL, and in
    the form in which its vendor wants it in a header; the password of a proxy is a secret too.
    """
    found: set[str] = set()
    for secret in secrets_in(config, specification) | _proxy_passwords():
        for text in (secret, secret.strip(), *secret.split()):
            printed = repr(text)[1:-1]
            found |= {text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]}
            found |= {printed, json.dumps(printed)[1:-1]}
    for vendor in vendors:
        if isinstance(settings := config.get(vendor.name), Mapping):
            found |= vendor.keys_in_headers(settings)
    return sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def secrets_in(config: Any, schema: Schema) -> set[str]:
    """Every value in the configuration that the specification marks `airbyte_secret`, arrays included.

    Those of a vendor that is not used count as well. A group that is not an object (a key pasted one level too high)
    counts as secret altogether.
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
            found |= secrets_in(value, settings.get(name, {}))
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


def _proxy_passwords() -> set[str]:
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    passwords = {urlsplit(os.environ.get(name, "")).password for name in names}
    return {text for password in passwords if password for text in (password, unquote(password))}
