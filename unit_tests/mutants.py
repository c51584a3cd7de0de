"""`python -m unit_tests.mutants`: breaks the code in every small way that mutmut knows, and tells what no test sees.

mutmut makes the mutants, leaves out those that mypy refuses, and runs the unit tests that reach each of the others
(`[tool.mutmut]` in pyproject.toml). What is left alive plays fixed histories of the simulator. What is alive after that
has to stand in mutants.yaml, with a reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
# mutmut's own folder: a copy of the project with all mutants in it.
MUTANTS = ROOT / "mutants"
ACCEPTED = Path(__file__).with_suffix(".yaml")
LEAST_SHARE_OF_DEAD = 0.9
SEEDS = range(1, 31)
# A history takes about two seconds; a mutant that makes one endless is seen by the simulator itself.
_SECONDS_FOR_A_HISTORY = 300
# mutmut's exit codes of the tests: failed, and an error of pytest; none ran, and none reaches the mutant.
_DEAD, _ALIVE = {1, 3}, {0, 5, 33}
# It is dead, too: the lint step fails.
_REFUSED_BY_MYPY = 37
# Ended by mutmut because it took too long: by it, and by the system's limit of CPU seconds.
_TOO_LONG = {36, 24, -24, 152, 255, -9}


@dataclass(frozen=True, order=True)
class Mutant:
    """A change of a line in a function: the same one when lines around it come and go.

    Example: `Mutant("sync.days.window_to_ask", "first = last - ONE_DAY", "first = last + ONE_DAY")`.
    """

    function: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"- in: {self.function}\n  was: {json.dumps(self.was)}\n  becomes: {json.dumps(self.becomes)}"


def mutant_of(name: str, diff: str) -> Mutant:
    """The mutant that mutmut calls so, and shows as this diff."""
    module, _, function = name.removeprefix("source_campaign_stats.").rpartition(".")
    # A function is called `x_name`, a method `xǁClassǁname`.
    function = re.sub(r"^x_|__mutmut_\d+$", "", function).removeprefix("xǁ").replace("ǁ", ".")
    changed: dict[str, list[str]] = {"-": [], "+": []}
    for line in diff.splitlines():
        if line[:1] in changed and not line.startswith(("---", "+++")):
            changed[line[0]].append(line[1:].strip())
    return Mutant(f"{module}.{function}", " ".join(changed["-"]), " ".join(changed["+"]))


def accepted_in(content: Iterable[Mapping[str, Any]]) -> dict[Mutant, str]:
    """The reasons by mutant; `ValueError` names mutants without one.

    Example: `[{"reason": "r", "mutants": [{"in": "a.b", "was": "x", "becomes": "y"}]}]` -> `{Mutant("a.b", "x", "y"):
    "r"}`.
    """
    found = {}
    for group in content:
        mutants = [Mutant(entry["in"], entry["was"], entry["becomes"]) for entry in group["mutants"]]
        if not group.get("reason"):
            raise ValueError("These mutants have no reason:\n" + "\n".join(map(str, mutants)))
        found.update(dict.fromkeys(mutants, group["reason"]))
    return found


def complaints(alive: Iterable[Mutant], tested: int, accepted: Mapping[Mutant, str], *, whole: bool) -> list[str]:
    """What is wrong with a run; `alive` names each mutant as often as it was made.

    Of a sample only what is not accepted is told: its share says little, and what it lacks may stand outside of it.
    """
    alive = list(alive)
    told = [f"No test sees this change:\n{mutant}" for mutant in sorted({*alive} - {*accepted})]
    if not whole:
        return told
    told += [f"This mutant dies now, or is made no more. Remove it:\n{m}" for m in sorted({*accepted} - {*alive})]
    share = 1 - len(alive) / tested
    if share < LEAST_SHARE_OF_DEAD:
        told.append(f"Of {tested} mutants {share:.1%} die; at least {LEAST_SHARE_OF_DEAD:.0%} have to.")
    return told


def sample_of(names: Iterable[str], size: int) -> list[str]:
    """So many of them from all over the code, the same ones each time."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:size]


def _mutmut(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mutmut", *arguments]
    # For the `python` of `type_check_command`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PATH": path})


def _exit_codes() -> dict[str, int | None]:
    """The exit code of the tests by the mutant's name; None for a mutant that was not tested."""
    found: dict[str, int | None] = {}
    for path in MUTANTS.rglob("*.meta"):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def _run_unit_tests(sample: int | None, only: Sequence[str]) -> dict[str, int]:
    """The exit code of the unit tests for each mutant that was tested."""
    shutil.rmtree(MUTANTS, ignore_errors=True)
    names: list[str] = [*only]
    if sample:
        # mutmut makes all mutants before it sees that none is called so.
        ended = _mutmut("run", "made")
        made = [n for n in _exit_codes() if not only or any(re.fullmatch(o.replace("*", ".*"), n) for o in only)]
        if not made:
            raise SystemExit(f"mutmut made no mutants:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        names = sample_of(made, sample)
    ended = _mutmut("run", *names)
    codes = {name: code for name, code in _exit_codes().items() if code is not None}
    if ended.returncode or not codes:
        raise SystemExit(f"mutmut failed:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
    return codes


@contextmanager
def _player(mutant: str) -> Iterator[Any]:
    """A process of the simulator that plays with this mutant; give it a seed, and it names what broke."""
    process = subprocess.Popen(
        [sys.executable, "-m", "integration_tests.simulator.worker"],
        cwd=MUTANTS,
        env={**os.environ, "MUTANT_UNDER_TEST": mutant, "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    assert process.stdin
    assert process.stdout
    given, answers = process.stdin, process.stdout

    def play(seed: int) -> bool:
        """Whether an invariant was broken, or the simulator itself."""
        given.write(json.dumps({"seed": seed}) + "\n")
        with ThreadPoolExecutor(1) as reader:
            line = reader.submit(answers.readline)
            try:
                answer = json.loads(line.result(_SECONDS_FOR_A_HISTORY) or '{"broken": "ended"}')
            except TimeoutError:
                process.kill()
                return True
        return bool(answer.get("violations") or answer.get("broken"))

    try:
        yield play
    finally:
        process.kill()
        process.wait()


@cache
def _is_broken_without_a_mutant(seed: int) -> bool:
    with _player("") as play:
        if is_broken := play(seed):
            print(f"The history of seed {seed} breaks an invariant without any mutant: it shows nothing.", flush=True)
        return is_broken


def _breaks_a_history(mutant: str) -> bool:
    with _player(mutant) as play:
        return any(play(seed) and not _is_broken_without_a_mutant(seed) for seed in SEEDS)


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for and prints what is wrong with it; 0 when nothing is."""
    parser = argparse.ArgumentParser(prog="python -m unit_tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants; else all of them")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="mutmut's names; * stands for any")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    options = parser.parse_args(arguments)
    whole = not options.sample and not options.only
    accepted = accepted_in(yaml.safe_load(ACCEPTED.read_text()) or [])
    codes = _run_unit_tests(options.sample, options.only)
    known = _DEAD | _ALIVE | _TOO_LONG | {_REFUSED_BY_MYPY}
    told = [f"mutmut ended with {code} for {name}" for name, code in codes.items() if code not in known]
    alive = sorted(name for name, code in codes.items() if code in _ALIVE)
    refused = Counter(codes.values())[_REFUSED_BY_MYPY]
    seen = len(codes) - refused - len(alive)
    print(f"{len(codes)} mutants: mypy refuses {refused}, unit tests see {seen}, {len(alive)} are left", flush=True)
    with ThreadPoolExecutor(options.jobs) as threads:
        diffs = threads.map(lambda name: _mutmut("show", name).stdout, alive)
        mutants = {name: mutant_of(name, diff) for name, diff in zip(alive, diffs, strict=True)}
        # A sample is for what is new; whether an accepted one still lives, a whole run asks.
        asked = [name for name in alive if whole or mutants[name] not in accepted]
        for name, is_broken in zip(asked, threads.map(_breaks_a_history, asked), strict=True):
            print(f"{name}: {'a history breaks' if is_broken else 'lives'}", flush=True)
            if is_broken:
                alive.remove(name)
    left = [mutants[name] for name in alive]
    told += complaints(left, len(codes), accepted, whole=whole)
    print(f"{len(left)} live, {1 - len(left) / len(codes):.1%} die; by function: {_by_function(left)}")
    print("\n".join(["", *told]) if told else "Nothing is wrong.")
    return 1 if told else 0


def _by_function(mutants: Iterable[Mutant]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(m.function for m in mutants).most_common()) or "none"


if __name__ == "__main__":
    sys.exit(main())
