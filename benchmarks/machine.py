"""Describes the machine on which the numbers were measured."""

import os
import platform
from datetime import datetime, timezone
from pathlib import Path


def described() -> str:
    """One line for the page: date, machine and Python."""
    model = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown: unknown")
    memory = next(line for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {model.partition(':')[2].strip()}, {os.cpu_count()} cores, "
        f"{int(memory.split()[1]) * 1024 / 1e9:.0f} GB of memory, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def load() -> float:
    """How many processes wanted to run during the last minute."""
    return os.getloadavg()[0]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
