"""Makes the command line of a sync with a faster clock."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integration_tests.process import command_with, configured_catalog


def command_for(
    folder: Path,
    config: Mapping[str, Any],
    streams: Sequence[str],
    states: list[dict[str, Any]] | None,
    speed: float,
) -> list[str]:
    """The command line of a `read` whose clock runs `speed` times as fast; writes its files into the folder."""
    files: dict[str, Any] = {"config": config, "catalog": configured_catalog(streams)}
    if states:
        files["state"] = states
    line = [*command_with(speed=speed), "read"]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content))
        line += [f"--{name}", str(path)]
    return line
