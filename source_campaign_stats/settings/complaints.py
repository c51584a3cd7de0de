"""What is wrong with a configuration, in words that say what to correct.

Titles, bounds and places in the dashboard come from the specification: this module knows no setting of a vendor.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from source_campaign_stats.settings.cleaning import NOT_USED, READ, USE, is_credential
from source_campaign_stats.settings.clock import time_zones, today
from source_campaign_stats.settings.credentials import is_like_a_key, not_a_key
from source_campaign_stats.settings.names import misnomers
from source_campaign_stats.settings.specification import Schema, first_sentence, required_of, settings_of
from source_campaign_stats.settings.vendor import Vendor

# A configuration of hundreds of apps can be wrong in hundreds of places.
_MOST_AT_ONCE = 20
# Unicode categories: control characters, halves of characters, ends of lines and paragraphs.
_IN_NO_LINE = ("Cc", "Cs", "Zl", "Zp")
# What looks like a date or a time zone is quoted; anything else could be a key.
_LIKE_A_DATE = re.compile(r"[0-9]{1,8}|(?=.*[-/. ])[0-9][0-9/. :TZ+-]{1,28}")
_LIKE_A_TIME_ZONE = re.compile(r"(?!.{33})[A-Za-z]{1,14}(/[A-Za-z_-]{1,14})*([+-][0-9]{1,2}(:?[0-9]{2})?)?")


def complaints(
    config: Mapping[str, Any], cleaned: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]
) -> list[str]:
    """All that is wrong with a configuration, as typed and as cleaned, each in a sentence or two; [] when nothing is.

    No value that can be a key is ever quoted.
    Example: `['"Start date" is missing. …', '"API key" of "Acme" stands in quotation marks. …']`.
    """
    wrong_names = [misnomer.words for misnomer in misnomers(config, specification) if misnomer.is_meant]
    # Often a setting is missing only because its name is misspelt.
    found = [told.words for told in _complaints(cleaned, specification, vendors) if not (wrong_names and told.missing)]
    unique = list(dict.fromkeys([*wrong_names, *found]))
    if len(unique) > _MOST_AT_ONCE:
        return [*unique[:_MOST_AT_ONCE], f"There are {len(unique) - _MOST_AT_ONCE} more of this kind."]
    return unique


@dataclass(frozen=True)
class _Complaint:
    words: str
    missing: bool = False


@dataclass(frozen=True)
class _Text:
    """A text of the configuration, with what it is called in messages."""

    text: str
    label: str
    schema: Schema
    group: str
    is_secret: bool


def _complaints(config: Mapping[str, Any], specification: Schema, vendors: Sequence[Vendor]) -> Iterator[_Complaint]:
    groups = {vendor.name: specification["properties"][vendor.name] for vendor in vendors}
    shared = {name: schema for name, schema in settings_of(specification).items() if name not in groups}
    yield from _time_zone_complaints(config)
    yield from _start_date_complaints(config)
    yield from _setting_complaints(config, shared, set(), "")
    titles = [f'"{schema["title"]}"' for schema in groups.values()]
    if not any(vendor in config for vendor in groups):
        yield _Complaint(
            f'No vendor is read. Choose "Read" for at least one of {", ".join(titles[:-1])} and {titles[-1]}.',
            missing=True,
        )
    for vendor, title in zip(vendors, titles, strict=True):
        if vendor.name in config:
            yield from _vendor_complaints(config[vendor.name], groups[vendor.name], title, vendor)
    yield from _misplaced_keys(config, specification)


def _vendor_complaints(group: Any, schema: Schema, title: str, vendor: Vendor) -> Iterator[_Complaint]:
    if group is None:
        yield _Complaint(f"The settings of {title} have to be a group of values, not a single value.")
    elif USE in group:
        yield _Complaint(f'The choice "{USE}" of {title} has to be "{READ}" (Read) or "{NOT_USED}" (Not used).')
    else:
        found = list(_setting_complaints(group, settings_of(schema), required_of(schema), f" of {title}", vendor))
        yield from found or map(_Complaint, vendor.complaints(group))


def _setting_complaints(
    values: Mapping[str, Any],
    settings: Mapping[str, Schema],
    required: set[str],
    place: str,
    vendor: Vendor | None = None,
) -> Iterator[_Complaint]:
    """`place` follows the title of each setting: ` of "Acme"`."""
    for name, schema in settings.items():
        label = f'"{schema["title"]}"{place}'
        value = values.get(name)
        if value in (None, "") and name in required:
            yield _Complaint(f"{label} is missing. {first_sentence(schema)}", missing=True)
        elif value is None:
            continue
        elif is_credential(name, schema, vendor):
            yield from map(_Complaint, _credential_complaints(value, schema, label))
        elif schema["type"] == "array" and schema["items"]["type"] == "object":
            yield from _entry_complaints(value, schema, label, vendor)
        elif vendor and name in vendor.free_texts:
            yield from map(_Complaint, _free_text_complaints(value, label))
        else:
            yield from map(_Complaint, _value_complaints(value, schema, label))


def _credential_complaints(value: Any, schema: Schema, label: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{label} has to be a text. {first_sentence(schema)}"
    elif reason := not_a_key(value, schema):
        yield f"{label} {reason} {first_sentence(schema)}"
    elif not all("!" <= character <= "~" for character in value):
        yield (
            f"{label} contains white space, a line break or a character that no key has. "
            f"{first_sentence(schema)} Take it without anything around or inside it."
        )


def _entry_complaints(entries: Any, schema: Schema, label: str, vendor: Vendor | None) -> Iterator[_Complaint]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield _Complaint(
            f"{label} has to be a list of entries, each with settings of its own. {first_sentence(schema)}"
        )
        return
    settings = settings_of(schema["items"])
    for number, entry in enumerate(entries, start=1):
        place = f" in entry {number} of {label}"
        if swapped := _swapped(entry, settings):
            yield _Complaint(
                f"{' and '.join(swapped)}{place} seem to be swapped. Put each into the place of the other."
            )
        else:
            yield from _setting_complaints(entry, settings, required_of(schema["items"]), place, vendor)


def _swapped(entry: Mapping[str, Any], settings: Mapping[str, Schema]) -> list[str]:
    """The titles of two swapped settings: a key that can only be a name, and a name that can only be a key."""
    for name, schema in settings.items():
        value = entry.get(name)
        if not schema.get("airbyte_secret") or not isinstance(value, str) or not value:
            continue
        for other, its_schema in settings.items():
            text = entry.get(other)
            if its_schema["type"] != "string" or other == name or not isinstance(text, str):
                continue
            key_is_a_name = bool(re.search(r"\s", value)) or len(value) < 8
            text_is_a_key = len(text) >= 12 and not re.search(r"\s", text) and bool(re.search(r"\d", text))
            if key_is_a_name and text_is_a_key:
                return [f'"{its_schema["title"]}"', f'"{schema["title"]}"']
    return []


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
        elif value and is_like_a_key(value):
            yield f"{label} looks like a key. {first_sentence(schema)}"
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield f"{label} has to be a list of ids, one text each."
    elif any(character.isspace() for item in value for character in item):
        yield f"{label} contains an id with white space inside. Enter one id per line."
    elif any(set(item) & set(",;|") for item in value):
        yield f"{label} contains several ids in one text, with a comma or the like between them. Enter one id per line."
    elif any(set(item) & set("\"'`“”„‘’[]{}<>") for item in value):
        yield f"{label} contains an id with quotation marks or brackets. Enter it without them."
    elif any("://" in item for item in value):
        yield f"{label} contains an address. Enter the id alone."


def _free_text_complaints(value: Any, label: str) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield f"{label} has to be a list of texts."
    elif any(unicodedata.category(character) in _IN_NO_LINE for item in value for character in item):
        yield f"{label} contains a line break or a character that no text has. Enter one per line."


def _misplaced_keys(config: Mapping[str, Any], specification: Schema) -> Iterator[_Complaint]:
    """Keys that stand in another setting as well: rows would show them, because some settings become columns."""
    texts = list(_texts_of(config, specification, "", ""))
    secrets = [text for text in texts if text.is_secret]
    for text in texts:
        for secret in secrets:
            if text is secret or text.schema["title"] == secret.schema["title"]:
                continue
            is_same = secret.text.lower() == text.text.lower()
            if text.is_secret and not (
                is_same and text.group == secret.group and texts.index(text) > texts.index(secret)
            ):
                continue
            if is_same or (len(secret.text) >= 8 and secret.text.lower() in text.text.lower()):
                yield _Complaint(
                    f"{text.label} holds the same text as {secret.label}. Enter each in its own place. "
                    f"{first_sentence(text.schema)}"
                )
                break


def _texts_of(values: Any, schema: Schema, place: str, group: str) -> Iterator[_Text]:
    for name, part in settings_of(schema).items():
        value, label = values.get(name), f'"{part.get("title")}"{place}'
        if "oneOf" in part:
            if isinstance(value, Mapping):
                yield from _texts_of(value, part, f' of "{part["title"]}"', name)
        elif isinstance(value, str) and value:
            yield _Text(value, label, part, group, bool(part.get("airbyte_secret")))
        elif isinstance(value, list):
            for number, item in enumerate(value, start=1):
                if isinstance(item, Mapping) and "items" in part:
                    yield from _texts_of(item, part["items"], f" in entry {number} of {label}", group)
                elif isinstance(item, str) and item:
                    yield _Text(item, label, part, group, False)


def _time_zone_complaints(config: Mapping[str, Any]) -> Iterator[_Complaint]:
    try:
        today(config)
    except (KeyError, AttributeError, ValueError):
        text = config["timezone"]
        is_shown = isinstance(text, str) and _LIKE_A_TIME_ZONE.fullmatch(text)
        what = f'The time zone "{text}" is not known.' if is_shown else "The time zone is not known."
        yield _Complaint(
            f"{what} Enter an IANA name, for example UTC, Europe/Paris or America/New_York.{_nearest_time_zones(text)}"
        )


def _nearest_time_zones(text: Any) -> str:
    by_word = {name.lower().rpartition("/")[2]: name for name in time_zones()} | {n.lower(): n for n in time_zones()}
    word = re.sub(r"\s", "_", str(text).strip().lower())
    near = difflib.get_close_matches(word, by_word, n=1, cutoff=0.8)
    return f" Did you mean {by_word[near[0]]}?" if near else ""


def _start_date_complaints(config: Mapping[str, Any]) -> Iterator[_Complaint]:
    text = config.get("start_date")
    if text in (None, ""):
        yield _Complaint(
            'The "Start date" is missing. Enter the first day to read, for example 2026-01-31.', missing=True
        )
        return
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        start = date.fromisoformat(text)
    except (TypeError, ValueError):
        is_shown = isinstance(text, str) and _LIKE_A_DATE.fullmatch(text)
        what = f'The start date "{text}" is not a date.' if is_shown else "The start date is not a date."
        yield _Complaint(f"{what} Enter it as YYYY-MM-DD, for example 2026-01-31.")
        return
    try:
        now = today(config)
    except (KeyError, AttributeError, ValueError):
        # Already reported: without a time zone there is no today.
        return
    if start > now:
        yield _Complaint(
            f"The start date {start} is in the future (it is {now} in the time zone "
            f"{config['timezone']}). Enter today or an earlier day."
        )
