"""`make bench`: compares the connector with other tools on the same work, one after the other, with one sandbox."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import environments, machine, measuring, pages
from benchmarks.programs import Program, all_programs, drain

LATENCIES = (0.0, 0.05)
_MEMORY_DISK = Path("/dev/shm")
_UNSET = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy", "LOG_LEVEL")


@dataclass(frozen=True)
class Run:
    """One run of one program, with its cost (see `measuring.Cost`), its records and its calls."""

    latency: float
    program: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    records: int
    calls: int
    # CPU seconds of the sandbox per second of the run. Near 1 the sandbox was the bottleneck, not the program.
    sandbox_busy: float


class Server:
    """The process of the sandbox."""

    def __init__(self, orchestrations: int) -> None:
        line = [sys.executable, "-m", "benchmarks.sandbox_process", str(orchestrations)]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.task: dict[str, Any] = json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()

    def set_latency(self, latency: float) -> int:
        """Sets the latency in seconds; returns the number of requests since the last call."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{latency}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    @property
    def cpu_seconds(self) -> float:
        return measuring.cpu_seconds_of(self._process.pid)


@contextmanager
def serving(orchestrations: int) -> Iterator[Server]:
    server = Server(orchestrations)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def _folder(task: Mapping[str, Any]) -> Iterator[Path]:
    """A folder for the files of one run, in memory, so that no disk is measured."""
    where = _MEMORY_DISK if _MEMORY_DISK.is_dir() else environments.BUILD
    folder = Path(tempfile.mkdtemp(prefix="campaign-stats-bench-", dir=where))
    try:
        (folder / "task.json").write_text(json.dumps({**task, "folder": str(folder / "files")}))
        (folder / "files").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(server: Server, program: Program, latency: float) -> Run:
    """Runs a program once; fails if it did not write every record."""
    server.set_latency(latency)
    busy = server.cpu_seconds
    with _folder(server.task) as folder:
        cost = measuring.measure(program.arguments(folder), _environment(server.task), folder / "stdout")
        busy = server.cpu_seconds - busy
        calls = server.set_latency(latency)
        records = program.count(folder / "stdout", folder / "files")
    if records != server.task["records"]:
        raise SystemExit(f"{program.name} wrote {records:,} of {server.task['records']:,} records")
    return Run(latency, program.name, **asdict(cost), records=records, calls=calls, sandbox_busy=busy / cost.seconds)


def drained(server: Server) -> float:
    """How many seconds a client takes that only reads all answers. The first call fills the sandbox's cache."""
    server.set_latency(0.0)
    with _folder(server.task) as folder:
        line = [part.format(folder=folder) for part in drain()]
        return measuring.measure(line, _environment(server.task), folder / "stdout").seconds


def _environment(task: Mapping[str, Any]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return {**inherited, **task["environment"]}


# --- the table --------------------------------------------------------------------------------------------------------


class Results:
    """All runs, and the tables made of them."""

    def __init__(self, programs: list[Program], runs: list[Run]) -> None:
        self.programs, self.runs = programs, runs

    def of(self, program: Program, latency: float, what: str) -> list[float]:
        return [getattr(r, what) for r in self.runs if (r.program, r.latency) == (program.name, latency)]

    def median(self, program: Program, latency: float, what: str) -> float:
        return statistics.median(self.of(program, latency, what))

    def the(self, role: str) -> Program:
        return next(program for program in self.programs if program.role == role)

    def table(self, latency: float) -> str:
        header = (
            *("program", "takes × the connector's time", "seconds: median (least–most)", "records/s"),
            *("CPU s", "CPU ÷ the floor's", "peak MB", "calls", "sandbox busy"),
        )
        return pages.table(header, [self._row(program, latency) for program in self.programs])

    def _row(self, program: Program, latency: float) -> list[str]:
        def middle(what: str) -> float:
            return self.median(program, latency, what)

        seconds = self.of(program, latency, "seconds")
        own = self.median(self.the("connector"), latency, "seconds")
        floor = self.median(self.the("floor"), latency, "cpu_seconds")
        return [
            program.name,
            f"{middle('seconds') / own:.2f}",
            f"{middle('seconds'):.1f} ({min(seconds):.1f}–{max(seconds):.1f})",
            f"{middle('records') / middle('seconds'):,.0f}",
            f"{middle('cpu_seconds'):.1f}",
            f"{middle('cpu_seconds') / floor:.1f}",
            f"{middle('peak_mb'):.0f}",
            f"{middle('calls'):,.0f}",
            f"{middle('sandbox_busy'):.0%}",
        ]

    def goals(self) -> str:
        """The table of the goals: what is wanted, and what was measured."""
        connector, floor = self.the("connector"), self.the("floor")
        rows = []
        for latency in LATENCIES:
            for what, told in (("seconds", "records/s"), ("cpu_seconds", "records a CPU second")):
                best = self._best_of("peer", latency, what)
                rows.append([f"{told} ÷ those of the best peer ({best.name}), {_told(latency)}", "≥ 2.0"])
                rows[-1].append(self._ratio_to(best, latency, what))
            best = self._best_of("part", latency, "seconds")
            rows.append([f"… ÷ those of {best.name}, {_told(latency)}", "", self._ratio_to(best, latency, "seconds")])
            cpu = self.median(connector, latency, "cpu_seconds") / self.median(floor, latency, "cpu_seconds")
            rows.append([f"CPU ÷ the floor's, {_told(latency)}", "≤ 4", f"{cpu:.2f}"])
            rows.append(
                [f"peak MB, {_told(latency)}", "≤ 300", f"{self.median(connector, latency, 'peak_mb'):.0f}"],
            )
        return pages.table(("goal", "wanted", "measured"), rows)

    def _best_of(self, role: str, latency: float, what: str) -> Program:
        """The program of this role that needs the least of `what`: "seconds" or "cpu_seconds"."""
        programs = [program for program in self.programs if program.role == role]
        return min(programs, key=lambda program: self.median(program, latency, what))

    def _ratio_to(self, program: Program, latency: float, what: str) -> str:
        """How many times the connector's `what` a program needs: ratio of the medians (least–most of a repetition)."""
        own, theirs = self.of(self.the("connector"), latency, what), self.of(program, latency, what)
        ratios = [other / mine for mine, other in zip(own, theirs, strict=True)]
        middle = statistics.median(theirs) / statistics.median(own)
        return f"{middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _told(latency: float) -> str:
    return f"{latency * 1000:.0f} ms before each answer" if latency else "no latency"


def report(results: Results, drains: list[float], task: Mapping[str, Any], repetitions: int, loads: list[float]) -> str:
    """The text between the markers of the page."""
    records = task["records"]
    installed = "; ".join(
        f"{name}: {', '.join(f'{package} {version}' for package, version in packages.items())}"
        for name, packages in environments.versions().items()
    )
    drain_seconds = statistics.median(drains)
    parts = [
        f"Taken by `make bench` on {machine.described()}. {repetitions} runs of each program in turn; load average of "
        f"the machine between {min(loads):.1f} and {max(loads):.1f}. Work: {task['orchestrations']:,} orchestrations, "
        f"{records:,} records. Versions: {installed}.",
        results.goals(),
        f"The sandbox alone: a client that throws the answers away has them all in {drain_seconds:.1f} s, that is "
        f"{records / drain_seconds:,.0f} records/s. “Sandbox busy” is the CPU that the sandbox used while the program "
        "ran: far below 100 % the program was measured, near 100 % the sandbox.",
    ]
    for latency in LATENCIES:
        parts += [f"**{_told(latency).capitalize()}**", results.table(latency)]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="once, and no change to the page")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--orchestrations", type=int, default=1000)
    parser.add_argument("--only", help="only the programs whose name has this text (always without the page)")
    options = parser.parse_args()
    repetitions = 1 if options.quick else options.repetitions
    for name in environments.REQUIREMENTS:
        environments.make(name)
    programs = [program for program in all_programs() if (options.only or "") in program.name]
    runs: list[Run] = []
    with serving(options.orchestrations) as server:
        # These two runs are not counted: the sandbox renders and caches each answer at the first request for it.
        drained(server)
        run(server, all_programs()[0], 0.0)
        drains = [drained(server) for _ in range(max(repetitions, 2))]
        loads = [machine.load()]
        for number in range(repetitions):
            for latency in LATENCIES:
                for program in programs:
                    runs.append(run(server, program, latency))
                    loads.append(machine.load())
                    _tell(number + 1, runs[-1])
        task = server.task
    (environments.BUILD / "runs.json").write_text(json.dumps([asdict(made) for made in runs], indent=1))
    if options.only:
        return
    text = report(Results(programs, runs), drains, task, repetitions, loads)
    print(text)
    if not options.quick:
        pages.put("bench", text)


def _tell(number: int, made: Run) -> None:
    print(
        f"{number}. {_told(made.latency)}, {made.program}: {made.seconds:.1f} s, {made.cpu_seconds:.1f} s of CPU, "
        f"{made.peak_mb:.0f} MB, sandbox busy {made.sandbox_busy:.0%}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
