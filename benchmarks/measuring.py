"""Runs a program to its end and measures its cost."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.02


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds of a process (its children's too), and its peak resident memory in MB (10^6 bytes)."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


class ProgramFailedError(Exception):
    """The program that was measured did not end with exit code 0."""


def measure(command: Sequence[str], environment: Mapping[str, str], output: Path) -> Cost:
    """Runs the command with its stdout in the file `output`, its stderr beside it."""
    errors = output.with_suffix(".stderr")
    with output.open("wb") as out, errors.open("wb") as err:
        began = time.monotonic()
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        peak = _PeakMemory(process.pid)
        # wait4 instead of process.wait(), because it also returns what the process used.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        told = errors.read_text(errors="replace")[-3000:] or output.read_bytes()[-3000:].decode(errors="replace")
        raise ProgramFailedError(f"{command} ended with {process.returncode}: {told}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak.megabytes())


class _PeakMemory:
    """Reads a process's VmHWM until it has ended. `ru_maxrss` would include this program's own pages before exec."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._kibibytes = 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def megabytes(self) -> float:
        self._thread.join()
        return self._kibibytes * 1024 / 1e6

    def _look(self) -> None:
        while True:
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            found = next((line for line in lines if line.startswith("VmHWM:")), None)
            if found is None:
                return
            self._kibibytes = int(found.split()[1])
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def cpu_seconds_of(pid: int) -> float:
    """The CPU seconds that a running process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
