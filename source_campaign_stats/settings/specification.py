"""The specification as this package reads it: which vendors there are, and which settings each of them has."""

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def settings_of(schema: Schema) -> dict[str, Schema]:
    """The settings of a group, of all its choices; the property that makes the choice is left out.

    Example: of the group `acme`, `{"api_key": {"type": "string", …}, "lookback_days": {"type": "integer", …}}`.
    """
    choices = schema.get("oneOf", [schema])
    found = {name: part for choice in choices for name, part in choice.get("properties", {}).items()}
    return {name: part for name, part in found.items() if "const" not in part}


def required_of(schema: Schema) -> set[str]:
    """The names of the settings that are required when the group is read."""
    choices = schema.get("oneOf", [schema])
    return {name for choice in choices for name in choice.get("required", [])} & settings_of(schema).keys()


def first_sentence(schema: Schema) -> str:
    """What the description of a setting begins with: where to find it, or what to enter."""
    return re.split(r"(?<=\.) (?=[A-Z])", schema["description"])[0]
