"""What is wrong with a configuration, in words that say what to correct.

Titles, bounds and places in the dashboard come from the specification: this module knows no setting of a vendor.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from source_campaign_stats.settings.cleaning import NOT_USED, READ, USE, is_credential
from source_campaign_stats.settings.clock import today
from source_campaign_stats.settings.specification import Schema, first_sentence, required_of, settings_of
from source_campaign_stats.settings.vendor import Vendor


def complaint(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> str | None:
    """What is wrong with a cleaned configuration; None when nothing is. No value of a secret is ever quoted."""
    return next(_complaints(config, specification, vendors), None)


def _complaints(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> Iterator[str]:
    yield from _time_zone_complaints(config)
    yield from _start_date_complaints(config)
    groups = {vendor.name: specification["properties"][vendor.name] for vendor in vendors}
    shared = {name: schema for name, schema in settings_of(specification).items() if name not in groups}
    yield from _setting_complaints(config, shared, set(), "")
    titles = [f'"{schema["title"]}"' for schema in groups.values()]
    if not any(vendor in config for vendor in groups):
        yield f'No vendor is read. Choose "Read" for at least one of {", ".join(titles[:-1])} and {titles[-1]}.'
    for vendor, title in zip(vendors, titles, strict=True):
        if vendor.name in config:
            yield from _vendor_complaints(config[vendor.name], groups[vendor.name], title, vendor)


def _vendor_complaints(group: Any, schema: Schema, title: str, vendor: Vendor) -> Iterator[str]:
    if group is None:
        yield f"The settings of {title} have to be a group of values, not a single value."
    elif USE in group:
        yield f'The choice "{USE}" of {title} has to be "{READ}" (Read) or "{NOT_USED}" (Not used).'
    else:
        complaints = list(_setting_complaints(group, settings_of(schema), required_of(schema), f" of {title}", vendor))
        yield from complaints or vendor.complaints(group)


def _setting_complaints(
    values: Mapping[str, Any],
    settings: Mapping[str, Schema],
    required: set[str],
    place: str,
    vendor: Vendor | None = None,
) -> Iterator[str]:
    """`place` follows the title of each setting: ` of "Acme"`."""
    for name, schema in settings.items():
        label = f'"{schema["title"]}"{place}'
        value = values.get(name)
        if value in (None, "") and name in required:
            yield f"{label} is missing. {first_sentence(schema)}"
        elif value is None:
            continue
        elif is_credential(name, schema, vendor):
            if not all("!" <= character <= "~" for character in value):
                yield (
                    f"{label} contains white space, a line break or a character that no key has. "
                    f"{first_sentence(schema)} Take it without anything around or inside it."
                )
        elif schema["type"] == "array" and schema["items"]["type"] == "object":
            yield from _entry_complaints(value, schema, label)
        else:
            yield from _value_complaints(value, schema, label)


def _entry_complaints(entries: Any, schema: Schema, label: str) -> Iterator[str]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield f"{label} has to be a list of entries, each with settings of its own. {first_sentence(schema)}"
        return
    for number, entry in enumerate(entries, start=1):
        item = schema["items"]
        yield from _setting_complaints(entry, settings_of(item), required_of(item), f" in entry {number} of {label}")


def _value_complaints(value: Any, schema: Schema, label: str) -> Iterator[str]:
    kind = schema["type"]
    if "enum" in schema:
        if value not in schema["enum"]:
            yield f"{label} has to be one of {', '.join(schema['enum'])}. {first_sentence(schema)}"
    elif kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool) or not schema["minimum"] <= value <= schema["maximum"]:
            yield f"{label} has to be a whole number from {schema['minimum']} to {schema['maximum']}."
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{label} has to be true or false."
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{label} has to be a text. {first_sentence(schema)}"
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield f"{label} has to be a list of ids, one text each."
    elif any(character.isspace() for item in value for character in item):
        yield f"{label} contains an id with white space inside. Enter one id per line."


def _time_zone_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    try:
        today(config)
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
