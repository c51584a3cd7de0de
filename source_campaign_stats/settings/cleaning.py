"""The configuration as a person typed it, cleaned and completed with the specification's defaults."""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from source_campaign_stats.settings.specification import Schema, settings_of
from source_campaign_stats.settings.vendor import Vendor

# The property that says whether a vendor is read; a configuration made by API or Terraform need not have it.
USE = "use"
READ, NOT_USED = "on", "off"

# Up to here a float is exact. An id that came as a larger one has lost digits.
_EXACT_UP_TO = 2**53


def cleaned(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> dict[str, Any]:
    """The configuration with the vendors that are read, texts stripped, and the specification's defaults filled in.

    Never raises. What is plainly meant is taken: `"30"`, `"true"`, and `" 01 "` or `1` for one of a closed list.
    A vendor that is not used is left out; a group that is no object becomes None. A key that is no text is emptied, so
    that nothing can quote it; `complaints` then says that it has to be a text.
    Example: `{"acme": {"api_key": " k\\n", "account_id": 7}, "other": {"use": "off"}}` becomes
    `{"acme": {"api_key": "k", "account_id": "7", "lookback_days": 30}, "timezone": "UTC", …}`.
    """
    # Airbyte's own names are no settings, and with some of them the CDK would run other code than this.
    ours = {name: value for name, value in config.items() if not str(name).startswith("__")}
    result: dict[str, Any] = _without_null(copy.deepcopy(ours))
    for vendor in vendors:
        settings = settings_of(specification["properties"][vendor.name])
        group = result.get(vendor.name, {})
        if not isinstance(group, dict):
            result[vendor.name] = None
        elif not _is_read(group, settings):
            result.pop(vendor.name, None)
        else:
            if group.get(USE) == READ:
                del group[USE]
            _clean(group, settings, vendor)
    names = {vendor.name for vendor in vendors}
    _clean(result, {name: schema for name, schema in settings_of(specification).items() if name not in names})
    return result


def is_credential(name: str, schema: Schema, vendor: Vendor | None) -> bool:
    """Whether a setting is sent to the vendor as it is, so that it has to be a key and nothing else."""
    return bool(schema.get("airbyte_secret")) or (vendor is not None and name in vendor.ids_in_headers)


def _is_read(group: Mapping[str, Any], settings: Mapping[str, Schema]) -> bool:
    """Whether a vendor is read: as its choice says, else if anything but a default is filled in.

    A choice that is neither of the two counts as read, so that `complaints` can report it.
    """
    if group.get(USE) in (READ, NOT_USED):
        return bool(group[USE] == READ)
    return any(not is_blank(value) and value != settings.get(name, {}).get("default") for name, value in group.items())


def is_blank(value: Any) -> bool:
    """Whether nothing is filled in: an empty text, or a list or group of nothing else."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (dict, list)):
        return all(map(is_blank, value.values() if isinstance(value, dict) else value))
    return value is None


def _clean(values: dict[str, Any], settings: Mapping[str, Schema], vendor: Vendor | None = None) -> None:
    for name, schema in settings.items():
        if "default" in schema:
            values.setdefault(name, schema["default"])
        if name not in values:
            continue
        value = values[name] = _cleaned_value(values[name], schema)
        if schema["type"] == "array" and is_blank(value):
            # An empty list is what the Airbyte form sends for a list nobody filled in.
            del values[name]
        elif is_credential(name, schema, vendor) and not isinstance(value, str):
            values[name] = type(value)()


def _cleaned_value(value: Any, schema: Schema) -> Any:
    if "enum" in schema:
        return _one_of(schema["enum"], _as_text(value))
    if schema["type"] == "string":
        return _as_text(value)
    if schema["type"] == "integer":
        return _as_whole_number(value)
    if schema["type"] == "boolean" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    if schema["type"] == "array" and isinstance(value, list):
        if schema["items"]["type"] == "object":
            for entry in value:
                if isinstance(entry, dict):
                    _clean(entry, settings_of(schema["items"]))
            return value
        texts = [_as_text(item) for item in value]
        return [text for position, text in enumerate(texts) if text != "" and text not in texts[:position]]
    return value


def _one_of(allowed: Sequence[str], value: Any) -> Any:
    """The allowed word that is meant: capitals, hyphens and leading zeros do not matter."""
    if not isinstance(value, str):
        return value
    return next((word for word in allowed if _spelling(word) == _spelling(value)), value)


def _as_whole_number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}(\.0+)?", value.strip()):
        value = float(value)
    # Terraform sends 30.0.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_text(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_UP_TO:
        return str(int(value))
    return value.strip() if isinstance(value, str) else value


def _spelling(word: str) -> str:
    return re.sub(r"[\s-]", "_", word.lower()).lstrip("0")


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    return value
