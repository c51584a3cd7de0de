"""The peers' own virtual environments, below build/."""

import json
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parent.parent / "build" / "bench"
# Pinned, so that two runs compare the same versions.
REQUIREMENTS = {
    "asyncio": ["aiohttp==3.14.5", "orjson==3.13.0"],
    "dlt": ["dlt==1.31.0"],
    "singer-sdk": ["singer-sdk[msgspec]==0.54.9"],
}
# The connector's own environment, in which this module runs.
OWN = "connector"
_SHOWN = {
    "asyncio": ["aiohttp", "orjson"],
    "dlt": ["dlt", "orjson", "requests"],
    "singer-sdk": ["singer-sdk", "msgspec", "requests"],
    OWN: ["airbyte-cdk", "orjson", "requests"],
}


def python_of(name: str) -> str:
    return sys.executable if name == OWN else str(BUILD / name / "bin" / "python")


def make(name: str) -> None:
    """Makes an environment, unless there is one with the same requirements."""
    marker = BUILD / name / "made"
    wanted = "\n".join(REQUIREMENTS[name])
    if marker.exists() and marker.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(BUILD / name)], check=True)
    pip = [python_of(name), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *REQUIREMENTS[name]], check=True)
    marker.write_text(wanted)


def versions() -> dict[str, dict[str, str]]:
    """The installed versions of the packages that matter for speed, by environment."""
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    return {
        name: json.loads(subprocess.check_output([python_of(name), "-c", code, *shown], text=True))
        for name, shown in _SHOWN.items()
    }
