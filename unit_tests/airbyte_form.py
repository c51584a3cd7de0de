"""What Airbyte's web form makes of a specification: which fields it draws, what it requires, what it sends.

The rules are those of the webapp as of August 2026. An object is drawn without a heading, and what it requires is
required even if the object itself is optional. A `oneOf` is a block with a heading and a choice: the first option is
selected at first, only the selected one's fields count, and the property with a `const` makes the choice.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A field as a person sees it: under which heading, by which title, and whether it has to be unfolded first."""

    heading: str
    title: str
    is_folded: bool


class Form:
    """A form for a new source, or for one whose configuration is given.

    Example: `Form(specification).fill("start_date", "2026-11-01").choose("moengage", "Read")`.
    """

    def __init__(self, specification: Schema, configuration: Mapping[str, Any] | None = None) -> None:
        self._specification = specification
        self._values: dict[str, Any] = deepcopy(dict(configuration or {}))
        if configuration is None:
            _fill_in_defaults(specification, self._values)

    def fill(self, path: str, value: Any) -> "Form":
        group, _, name = path.rpartition(".")
        (self._values[group] if group else self._values)[name] = value
        return self

    def choose(self, group: str, title: str) -> "Form":
        schema = self._specification["properties"][group]
        option = next(option for option in schema["oneOf"] if option["title"] == title)
        kept = {name: value for name, value in self._values.get(group, {}).items() if name in option["properties"]}
        kept |= {name: part["const"] for name, part in option["properties"].items() if "const" in part}
        _fill_in_defaults(option, kept)
        self._values[group] = kept
        return self

    def chosen(self, group: str) -> str | None:
        """The title of the option that is selected; None when no option is."""
        option = _selected(self._specification["properties"][group], self._values.get(group))
        return str(option["title"]) if option else None

    def blocked_by(self) -> list[str]:
        """The paths of the required fields that are empty: with one of them the form can't be saved."""
        return list(_missing(self._specification, self._values, ""))

    def sent(self) -> dict[str, Any]:
        """What the server gets: without empty texts, and of a choice only the fields of the selected option."""
        sent: dict[str, Any] = _stripped(self._specification, _without_empty_texts(self._values))
        return sent

    def fields(self) -> list[Field]:
        """Every field that can be seen, whatever is chosen, in the order of the form."""
        return list(_fields(self._specification, ""))


def _fill_in_defaults(schema: Schema, values: dict[str, Any]) -> None:
    for name, part in schema["properties"].items():
        if "const" in part:
            values.setdefault(name, part["const"])
        if "default" in part:
            values.setdefault(name, part["default"])
        if "oneOf" in part:
            values[name] = {}
            _fill_in_defaults(part["oneOf"][0], values[name])
        elif part["type"] == "object":
            _fill_in_defaults(part, values.setdefault(name, {}))
        elif _is_list_of_entries(part) and name in schema.get("required", []):
            values.setdefault(name, [])


def _missing(schema: Schema, values: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, part in schema["properties"].items():
        value = values.get(name)
        if "oneOf" in part:
            option = _selected(part, value)
            if option:
                yield from _missing(option, value, f"{path}{name}.")
        elif part["type"] == "object":
            yield from _missing(part, value or {}, f"{path}{name}.")
        elif _is_list_of_entries(part):
            for entry in value or []:
                yield from _missing(part["items"], entry, f"{path}{name}[].")
        elif name in schema.get("required", []) and value in (None, "") and "const" not in part:
            yield f"{path}{name}"


def _selected(schema: Schema, values: Any) -> Schema | None:
    for option in schema["oneOf"]:
        constants = {name: part["const"] for name, part in option["properties"].items() if "const" in part}
        if isinstance(values, Mapping) and constants.items() <= values.items():
            found: Schema = option
            return found
    return None


def _without_empty_texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {name: item for name, item in value.items() if not (isinstance(item, str) and not item.strip())}
        return {name: _without_empty_texts(item) for name, item in kept.items()}
    return [_without_empty_texts(item) for item in value] if isinstance(value, list) else value


def _stripped(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    sent = {}
    for name, value in values.items():
        part = schema["properties"].get(name)
        if part is None:
            continue
        if "oneOf" in part:
            option = _selected(part, value)
            # Without a selected option the form leaves the values as they are.
            sent[name] = _stripped(option, value) if option else value
        else:
            sent[name] = _stripped(part, value) if part["type"] == "object" else value
    return sent


def _fields(schema: Schema, heading: str) -> Iterator[Field]:
    def is_unfolded(name: str, part: Schema) -> bool:
        return "oneOf" in part or bool(part.get("always_show")) or name in schema.get("required", [])

    parts = [(name, part) for name, part in schema["properties"].items() if "const" not in part]
    for name, part in sorted(parts, key=lambda pair: (not is_unfolded(*pair), pair[1]["order"])):
        if "oneOf" in part:
            yield Field(heading, part["title"], is_folded=False)
            for option in part["oneOf"]:
                yield from _fields(option, f"{heading}{part['title']} > ")
        elif part["type"] == "object":
            yield from _fields(part, heading)
        else:
            yield Field(heading, part["title"], not is_unfolded(name, part))
            if _is_list_of_entries(part):
                yield from _fields(part["items"], f"{heading}{part['title']} > ")


def _is_list_of_entries(part: Schema) -> bool:
    return bool(part["type"] == "array" and part["items"]["type"] == "object")
