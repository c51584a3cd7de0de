"""The configuration as a person typed it: cleaned, completed with defaults, and refused in plain words.

Titles, bounds, defaults and places in the dashboard come from the specification; this module knows no setting that
the specification does not have.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.macros import today_with_timezone

Schema = Mapping[str, Any]

# The property that says whether a vendor is read; a configuration made by API or Terraform need not have it.
_USE = "use"
_READ, _NOT_USED = "on", "off"
# Texts that go into a header or a host name beside the secrets, so that no validator may let anything through.
_IDS_IN_HEADERS = {"project_key", "workspace_id"}


def cleaned(config: Mapping[str, Any], specification: Schema) -> dict[str, Any]:
    """The configuration with the vendors that are read, texts stripped, and the specification's defaults filled in.

    Never raises. A vendor that is not used is left out; a group that is no group becomes None. A key of a wrong shape
    is left out, so that no validator can quote it; `complaint` then says that it is missing.
    Example: `{"batch": {"rest_api_key": " k\\n", "project_key": 7}, "moengage": {"use": "off"}}` becomes
    `{"batch": {"rest_api_key": "k", "project_key": "7", "lookback_days": 30, …}, "timezone": "UTC", …}`.
    """
    result: dict[str, Any] = _without_null(copy.deepcopy(dict(config)))
    for vendor, schema in vendor_groups(specification).items():
        group = result.get(vendor, {})
        if not isinstance(group, dict):
            result[vendor] = None
        elif not _is_read(group, settings_of(schema)):
            result.pop(vendor, None)
        elif group.get(_USE) == _READ:
            del group[_USE]
    _clean(result, specification["properties"])
    return result


def complaint(config: Mapping[str, Any], specification: Schema) -> str | None:
    """What is wrong with a cleaned configuration, in words that say what to correct; None when nothing is.

    No value of a secret is ever quoted.
    """
    return next(_complaints(config, specification), None)


def today(config: Mapping[str, Any]) -> date:
    """The date it is now in the configured time zone."""
    return today_with_timezone(config["timezone"])


def vendor_groups(specification: Schema) -> dict[str, Schema]:
    """The groups of settings that belong to a vendor, by name; each is a choice between not used and read."""
    return {name: schema for name, schema in specification["properties"].items() if "oneOf" in schema}


def settings_of(schema: Schema) -> dict[str, Schema]:
    """The settings of a group, whichever of its choices has them; the property that makes the choice is none of them.

    Example: of the group `batch`, `{"rest_api_key": {"type": "string", …}, "project_key": …, …}`.
    """
    choices = schema.get("oneOf", [schema])
    found = {name: part for choice in choices for name, part in choice.get("properties", {}).items()}
    return {name: part for name, part in found.items() if "const" not in part}


def required_of(schema: Schema) -> set[str]:
    """The names of the settings that a group cannot do without when it is read."""
    choices = schema.get("oneOf", [schema])
    return {name for choice in choices for name in choice.get("required", [])} & settings_of(schema).keys()


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


# --- Cleaning ---------------------------------------------------------------------------------------------------------


def _is_read(group: Mapping[str, Any], settings: Mapping[str, Schema]) -> bool:
    """Whether a vendor is read: as its choice says, else if anything but a default is filled in.

    A choice that is neither of the two counts as read, so that it is told.
    """
    if group.get(_USE) in (_READ, _NOT_USED):
        return bool(group[_USE] == _READ)
    return any(not _is_blank(value) and value != settings.get(name, {}).get("default") for name, value in group.items())


def _is_blank(value: Any) -> bool:
    """Whether nothing is filled in: an empty text, or a list or group of nothing else."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (dict, list)):
        return all(map(_is_blank, value.values() if isinstance(value, dict) else value))
    return value is None


def _clean(values: dict[str, Any], settings: Mapping[str, Schema]) -> None:
    for name, schema in settings.items():
        if "oneOf" in schema:
            if isinstance(values.get(name), dict):
                _clean(values[name], settings_of(schema))
            continue
        if "default" in schema:
            values.setdefault(name, schema["default"])
        if name not in values:
            continue
        value = values[name] = _cleaned_value(values[name], schema)
        if schema["type"] == "array" and _is_blank(value):
            # An empty list is what the Airbyte form sends for a list nobody filled in.
            del values[name]
        elif _is_credential(name, schema) and not isinstance(value, str):
            del values[name]


def _cleaned_value(value: Any, schema: Schema) -> Any:
    if schema["type"] == "string":
        return _as_text(value)
    if schema["type"] == "integer" and isinstance(value, float) and value.is_integer():
        # Terraform sends 30.0.
        return int(value)
    if schema["type"] == "array" and isinstance(value, list):
        if schema["items"]["type"] == "object":
            for entry in value:
                if isinstance(entry, dict):
                    _clean(entry, settings_of(schema["items"]))
            return value
        texts = [_as_text(item) for item in value]
        return [text for position, text in enumerate(texts) if text != "" and text not in texts[:position]]
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value


def _is_credential(name: str, schema: Schema) -> bool:
    return bool(schema.get("airbyte_secret")) or name in _IDS_IN_HEADERS


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    return value


# --- Complaints -------------------------------------------------------------------------------------------------------


def _complaints(config: Mapping[str, Any], specification: Schema) -> Iterator[str]:
    yield from _time_zone_complaints(config)
    yield from _start_date_complaints(config)
    groups = vendor_groups(specification)
    shared = {name: schema for name, schema in settings_of(specification).items() if name not in groups}
    yield from _setting_complaints(config, shared, set(), "")
    titles = [f'"{schema["title"]}"' for schema in groups.values()]
    if not any(vendor in config for vendor in groups):
        yield f'No vendor is read. Choose "Read" for at least one of {", ".join(titles[:-1])} and {titles[-1]}.'
    for (vendor, schema), title in zip(groups.items(), titles, strict=True):
        if vendor not in config:
            continue
        group = config[vendor]
        if group is None:
            yield f"The settings of {title} have to be a group of values, not a single value."
        elif _USE in group:
            yield f'The choice "{_USE}" of {title} has to be "{_READ}" (Read) or "{_NOT_USED}" (Not used).'
        else:
            yield from _setting_complaints(group, settings_of(schema), required_of(schema), f" of {title}")
    yield from _app_complaints((config.get("batch_legacy") or {}).get("apps", []))


def _setting_complaints(
    values: Mapping[str, Any], settings: Mapping[str, Schema], required: set[str], place: str
) -> Iterator[str]:
    """`place` follows the title of each setting: ` of "Batch"`."""
    for name, schema in settings.items():
        label = f'"{schema["title"]}"{place}'
        value = values.get(name)
        if value in (None, "") and name in required:
            yield f"{label} is missing. {_first_sentence(schema)}"
        elif value is None:
            continue
        elif _is_credential(name, schema):
            if not all("!" <= character <= "~" for character in value):
                yield (
                    f"{label} contains white space, a line break or a character that no key has. "
                    f"{_first_sentence(schema)} Take it without anything around or inside it."
                )
        elif schema["type"] == "array" and schema["items"]["type"] == "object":
            yield from _entry_complaints(value, schema, label)
        else:
            yield from _value_complaints(value, schema, label)


def _entry_complaints(entries: Any, schema: Schema, label: str) -> Iterator[str]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield f"{label} has to be a list of entries, each with settings of its own. {_first_sentence(schema)}"
        return
    for number, entry in enumerate(entries, start=1):
        item = schema["items"]
        yield from _setting_complaints(entry, settings_of(item), required_of(item), f" in entry {number} of {label}")


def _value_complaints(value: Any, schema: Schema, label: str) -> Iterator[str]:
    kind = schema["type"]
    if "enum" in schema:
        if value not in schema["enum"]:
            yield f"{label} has to be one of {', '.join(schema['enum'])}. {_first_sentence(schema)}"
    elif kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool) or not schema["minimum"] <= value <= schema["maximum"]:
            yield f"{label} has to be a whole number from {schema['minimum']} to {schema['maximum']}."
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{label} has to be true or false."
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{label} has to be a text. {_first_sentence(schema)}"
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield f"{label} has to be a list of ids, one text each."
    elif any(character.isspace() for item in value for character in item):
        yield f"{label} contains an id with white space inside. Enter one id per line."


def _first_sentence(schema: Schema) -> str:
    """What the description of a setting begins with: where to find it, or what to enter."""
    return re.split(r"(?<=\.) (?=[A-Z])", schema["description"])[0]


def _time_zone_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    try:
        today_with_timezone(config["timezone"])
    except (KeyError, AttributeError, ValueError):
        yield (
            f'The time zone "{config["timezone"]}" is not known. Enter an IANA name, '
            "for example UTC, Europe/Paris or America/New_York."
        )


def _start_date_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    text = config.get("start_date")
    if text is None:
        yield 'The "Start date" is missing. Enter the first day to read, for example 2026-01-31.'
        return
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        start = date.fromisoformat(text)
    except (TypeError, ValueError):
        yield f'The start date "{text}" is not a date. Enter it as YYYY-MM-DD, for example 2026-01-31.'
        return
    if start > today(config):
        yield (
            f"The start date {start} is in the future (it is {today(config)} in the time zone "
            f"{config['timezone']}). Enter today or an earlier day."
        )


def _app_complaints(apps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What no single app shows: names and keys that two of them share."""
    names = [app["name"] for app in apps]
    for name in names:
        if names.count(name) > 1:
            yield f'Two apps are named "{name}". Give each app a name of its own: it is part of the rows\' key.'
    by_key: dict[str, str] = {}
    for app in apps:
        if (other := by_key.setdefault(app["api_key"], app["name"])) != app["name"]:
            yield (
                f'The apps "{other}" and "{app["name"]}" have the same "Live API key". '
                "Each platform of an app has its own: enter each once."
            )


# --- Secrets ----------------------------------------------------------------------------------------------------------


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
