"""Unknown names in a configuration: which setting was meant, and where it belongs."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from source_campaign_stats.settings.cleaning import NOT_USED, USE, is_blank
from source_campaign_stats.settings.credentials import can_be_a_key
from source_campaign_stats.settings.specification import Schema, settings_of

# How similar a name has to be to a setting to be taken for it: to one of its own group, and to one of any group.
_LIKE_HERE, _LIKE_ANYWHERE = 0.73, 0.9
_AT_THE_TOP = "at the top level"


@dataclass(frozen=True)
class Misnomer:
    """A name that is no setting, and the message about it.

    `is_meant`: it is so similar to a setting that somebody meant one. `is_wrapping`: the settings stand inside it, one
    level too deep.
    """

    words: str
    is_meant: bool
    is_wrapping: bool = False


@dataclass(frozen=True)
class _Place:
    """Where a group of settings stands: its path, the settings that it has, and the number of its entry in a list."""

    path: str
    settings: Mapping[str, Schema]
    entry: int | None = None

    def named(self, name: str) -> str:
        if not self.path:
            return f'"{name}"'
        return f'"{self.path}.{name}"' + (f" (entry {self.entry})" if self.entry else "")


def misnomers(config: Mapping[str, Any], specification: Schema) -> list[Misnomer]:
    """Every name at any level that is no setting there, without Airbyte's own names, which begin with `__`.

    Example: `{"acm": {…}}` -> `The setting "acm" is not known. Did you mean "acme"?`, meant;
    `{"note": "x"}` -> `The setting "note" is not known and does nothing. …`, not meant.
    """
    everywhere = list(_places_of(specification, ""))
    found = [
        _misnomer(name, value, place, everywhere)
        for place, values in _filled_in(config, specification, "")
        for name, value in values.items()
        if not is_blank(value) and name not in place.settings and not str(name).startswith("__")
    ]
    # Names beside a wrapping belong to the request around the settings.
    return [misnomer for misnomer in found if misnomer.is_wrapping] or found


def _misnomer(name: str, value: Any, place: _Place, everywhere: list[_Place]) -> Misnomer:
    shown = place.named(name)
    if isinstance(value, Mapping) and (inside := [found for item in value if (found := _known(item, place))]):
        return Misnomer(
            f"The setting {shown} is not known. Put what stands inside it ({', '.join(inside)}) one level higher.",
            is_meant=True,
            is_wrapping=True,
        )
    meant = [place.named(known) for known in _alike(name, place, _LIKE_HERE)]
    if not meant:
        meant = [
            other.named(known) + ("" if other.path else f" {_AT_THE_TOP}")
            for other in everywhere
            if other.path != place.path
            for known in _alike(name, other, _LIKE_ANYWHERE)
        ]
    if meant:
        return Misnomer(f"The setting {shown} is not known. Did you mean {' or '.join(meant)}?", True)
    if len(name) > 40 or can_be_a_key(name):
        shown = f"whose name is not shown here, because it can be a key ({place.path or _AT_THE_TOP}),"
    return Misnomer(f"The setting {shown} is not known and does nothing. Remove it, or correct its name.", False)


def _alike(name: str, place: _Place, least: float) -> list[str]:
    """The settings of a place that a name is similar to; only one if the name differs from it just in spelling."""
    if known := _known(name, place):
        return [known]
    by_word = {_plain(known): known for known in place.settings}
    found = [by_word[word] for word in difflib.get_close_matches(_plain(name), by_word, n=2, cutoff=least)]
    words = _words(name)
    if not found and least == _LIKE_HERE and len(_plain(name)) >= 3:
        # `lookback`, `key` and `skip_ids` are parts of names.
        found = [known for known in place.settings if words <= _words(known) or _plain(name) in _plain(known)]
    return found[:3]


def _known(name: Any, place: _Place) -> str | None:
    """The setting with this name or title; capitals and what stands between words do not matter."""
    for known, schema in place.settings.items():
        if _plain(name) in (_plain(known), _plain(schema.get("title", known))):
            return known
    return None


def _filled_in(values: Mapping[str, Any], schema: Schema, path: str) -> Iterator[tuple[_Place, Mapping[str, Any]]]:
    """Each group of settings that was filled in, with its place, without vendors that are not used."""
    place = _Place(path, _names_of(schema))
    yield place, values
    for name, part in place.settings.items():
        value, inner = values.get(name), f"{path}.{name}".removeprefix(".")
        if isinstance(value, Mapping) and "oneOf" in part and value.get(USE) != NOT_USED:
            yield from _filled_in(value, part, inner)
        elif isinstance(value, list) and "properties" in part.get("items", {}):
            for number, entry in enumerate(value, start=1):
                if isinstance(entry, Mapping):
                    yield _Place(inner, settings_of(part["items"]), number), entry


def _places_of(schema: Schema, path: str) -> Iterator[_Place]:
    """Each group of settings of the specification."""
    yield _Place(path, _names_of(schema))
    for name, part in settings_of(schema).items():
        inner = f"{path}.{name}".removeprefix(".")
        if "oneOf" in part:
            yield from _places_of(part, inner)
        elif "properties" in part.get("items", {}):
            yield from _places_of(part["items"], inner)


def _names_of(schema: Schema) -> dict[str, Schema]:
    return settings_of(schema) | ({USE: {}} if "oneOf" in schema else {})


def _plain(name: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))
