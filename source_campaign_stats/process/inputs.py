"""What a command is given: the contents of its files, or the output of another command."""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from source_campaign_stats.process.catalogs import catalog_in, configured
from source_campaign_stats.process.files import content_of, messages_in
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
    config = content_of(wanted.config, "config")
    if not isinstance(config, dict):
        raise Mistake("The configuration has to be an object with the settings, between { and }.")
    if isinstance(config.get("streams"), list):
        raise Mistake("The file given as configuration is a catalog. Give the file with the settings.")
    if config.get("type") in ("STATE", "STREAM", "CATALOG", "SPEC", "RECORD", "LOG"):
        raise Mistake("The file given as configuration is the output of a command. Give the file with the settings.")
    if wanted.command != "read":
        return Inputs(config)
    catalog = catalog_in(content_of(wanted.catalog, "catalog"))
    return Inputs(config, catalog, states_in(content_of(wanted.state, "state")) if wanted.state is not None else [])


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
    found = (message for line in lines if kind.encode() in line for message in messages_in(line.decode("utf-8", "replace")) or ())
    try:
        return make(message for message in found if message["type"] == kind)
    except (KeyError, TypeError):
        raise Mistake(f"A message of the type {kind} lacks what the protocol says. Give the output as it was printed.") from None
