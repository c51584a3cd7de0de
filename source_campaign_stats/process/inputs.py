"""What a command is given: the contents of its files, or the output of another command."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from source_campaign_stats.process.catalogs import catalog_in, configured
from source_campaign_stats.process.files import content_of, messages_in, shown
from source_campaign_stats.process.mistake import Mistake
from source_campaign_stats.process.states import last_states, states_in


@dataclass(frozen=True)
class Inputs:
    """The contents of the files, each in the form that the protocol gives it."""

    config: dict[str, Any]
    catalog: dict[str, Any] | None = None
    state: list[dict[str, Any]] | None = None


def inputs_of(wanted: argparse.Namespace) -> Inputs:
    """The files of `check`, `discover` or `read`; `Mistake` says what is wrong with one of them."""
    config = _of_file(wanted.config, "config", _config_in)
    if wanted.command != "read":
        return Inputs(config)
    catalog = _of_file(wanted.catalog, "catalog", catalog_in)
    return Inputs(config, catalog, _of_file(wanted.state, "state", states_in) if wanted.state is not None else [])


def _of_file(path: str, option: str, made_of: Callable[[Any], Any]) -> Any:
    content = content_of(path, option)
    try:
        return made_of(content)
    except Mistake as mistake:
        raise Mistake(f"{mistake} The file is {shown(path)}.") from None


def _config_in(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise Mistake("The configuration has to be an object with the settings, between { and }.")
    if isinstance(content.get("streams"), list):
        raise Mistake("The file given as configuration is a catalog. Give the file with the settings.")
    if content.get("type") in ("STATE", "STREAM", "CATALOG", "SPEC", "RECORD", "LOG"):
        raise Mistake("The file given as configuration is the output of a command. Give the file with the settings.")
    return content


def made(command: str, path: str | None) -> str:
    """The file that `catalog` or `state` makes of the output of `discover` or `read`, as text."""
    if path is None:
        result = _of_messages(command, sys.stdin.buffer if sys.stdin else ())
    else:
        try:
            with Path(path).open("rb") as output:
                result = _of_messages(command, output)
        except OSError as error:
            raise Mistake(f"The output can't be read: {(error.strerror or 'error').lower()}. Check its path.") from None
    return json.dumps(result, indent=2)


def _of_messages(command: str, lines: Iterable[bytes]) -> Any:
    kind, make = {"catalog": ("CATALOG", configured), "state": ("STATE", last_states)}[command]
    # An output can be larger than memory: only the lines that matter are looked at.
    found = (
        message
        for line in lines
        if kind.encode() in line
        for message in messages_in(line.decode("utf-8", "replace")) or ()
    )
    try:
        return make(message for message in found if message["type"] == kind)
    except (KeyError, TypeError):
        raise Mistake(
            f"A message of the type {kind} lacks what the protocol says. Give the output as it was printed."
        ) from None
