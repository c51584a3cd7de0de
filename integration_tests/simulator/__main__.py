"""`python -m integration_tests.simulator`: plays histories in as many processes as there are cores, and reports.

It fails when an invariant was broken, and when a kind of event or outcome never came although there was time for it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .history import ENDPOINTS, KINDS, History, fits
from .rotation import FIRST

# So many histories meet every kind of event, and so many every kind at every endpoint.
ENOUGH_FOR_EVERY_KIND = len(FIRST)
ENOUGH_FOR_EVERY_ENDPOINT = 3000
OUTCOMES = ("success", "killed", "failed, 1 incomplete", "failed, 2 incomplete")
HAPPENINGS = (
    *("restated", "restated with new days", "newcomers", "running outside its dates", "killed", "clock is wrong"),
    *("midnight passes", "no day passed", "days without a sync", "deleted batch", "deleted batch_legacy"),
    *("deleted moengage", "setting lookback", "setting workers", "setting include_today", "setting skip"),
    *("setting skip_token", "setting off", "setting catalog", "storm of 429", "goes on", "goes on again"),
    *("goes on the next day", "owed", "still owed", "owed no more", "a stream ends"),
)
Result = dict[str, Any]


class Workers:
    """Processes that each play one history at a time."""

    def __init__(self, count: int, broken_by: str | None) -> None:
        command = [sys.executable, "-m", "integration_tests.simulator.worker"]
        command += ["--break", broken_by] if broken_by else []
        # Sets of texts have the same order in every process.
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        self._free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._all = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, bufsize=1
            )
            for _ in range(count)
        ]
        for process in self._all:
            self._free.put(process)
        self._threads = ThreadPoolExecutor(count)

    def each(self, orders: Iterable[Result]) -> Iterator[Result]:
        """The answers to the orders, as they come."""
        for future in as_completed([self._threads.submit(self._answer, order) for order in orders]):
            yield future.result()

    def _answer(self, order: Result) -> Result:
        process = self._free.get()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        answer: Result = json.loads(line) if line else {"broken": "the process ended"}
        if "broken" in answer:
            # A mistake of the simulator, and no finding.
            print(f"{order}: {answer['broken']}", file=sys.stderr, flush=True)
            os._exit(2)
        self._free.put(process)
        return answer

    def close(self) -> None:
        for process in self._all:
            assert process.stdin
            process.stdin.close()
        for process in self._all:
            process.wait()


def name_of(violation: Result) -> str:
    """What kind of violation it is, and of which stream."""
    return f"{violation['kind']}: {violation['stream']}"


class Kinds:
    """The violations that were found, each under the smallest history that shows it."""

    def __init__(self) -> None:
        self.found: list[Result] = []

    def explains(self, name: str, causes: set[str]) -> Result | None:
        """The known kind whose events are among those of a history."""
        return next((k for k in self.found if k["name"] == name and set(k["causes"]) <= causes), None)


def shrink(results: list[Result], workers: Workers, count: int, most: int) -> list[Result]:
    """The kinds of violations, the most frequent first: `name`, `causes`, `history`, `detail`, `seeds`."""
    kinds = Kinds()
    open_ones = [(name_of(result["violations"][0]), result) for result in results if result["violations"]]
    # A history with few events is nearly small already.
    open_ones.sort(key=lambda item: len(item[1]["causes"]))
    tried = 0
    while open_ones and tried < most:
        chosen: dict[str, tuple[str, Result]] = {}
        for name, result in open_ones:
            if len(chosen) < count and name not in chosen:
                chosen[name] = (name, result)
        orders = [{"seed": result["seed"], "shrink": name} for name, result in chosen.values()]
        tried += len(orders)
        done = {(order["seed"], order["shrink"]) for order in orders}
        for small in workers.each(orders):
            violation = small["violations"][0]
            kinds.found.append({**small, "name": name_of(violation), "detail": violation["detail"], "seeds": []})
        for kind in kinds.found:
            kind["seeds"] += [s for s, n in done if s == kind["seed"] and n == kind["name"] and s not in kind["seeds"]]
        left = []
        for name, result in open_ones:
            known = kinds.explains(name, set(result["causes"]))
            if known:
                known["seeds"] += [result["seed"]] if result["seed"] not in known["seeds"] else []
            elif (result["seed"], name) not in done:
                left.append((name, result))
        open_ones = left
    for name, result in open_ones:
        violation = result["violations"][0]
        kinds.found.append({**result, "name": name, "detail": violation["detail"], "seeds": [result["seed"]]})
    return sorted(kinds.found, key=lambda kind: -len(kind["seeds"]))


def told(kind: Result) -> str:
    """A kind of violation as a person reads it, with the command that plays its smallest history again."""
    lines = [f"{kind['name']} ({len(kind['seeds'])} histories, e.g. seed {kind['seeds'][0]})"]
    lines += [f"    {line}" for line in History.from_json(kind["history"]).in_words()]
    lines += [f"    → {kind['detail'][:600]}"]
    if kind["seeds"][0] is not None:
        lines += [f"    python -m integration_tests.simulator --seed {kind['seeds'][0]}"]
    lines += [f"    python -m integration_tests.simulator --history '{kind['history']}'"]
    return "\n".join(lines)


def never_came(events: Counter[str], outcomes: Counter[str], histories: int) -> list[str]:
    """The kinds of events and outcomes that so many histories should have had, and had not."""
    if histories < ENOUGH_FOR_EVERY_KIND:
        return []
    at_endpoints = [f"{kind}@{endpoint}" for kind in KINDS for endpoint in ENDPOINTS if fits(kind, endpoint)]
    kinds = Counter(dict.fromkeys(KINDS, 0))
    for name, count in events.items():
        kinds[name.split("@")[0]] += count
    never = [name for name in (*KINDS, *HAPPENINGS) if not kinds[name]]
    never += [name for name in OUTCOMES if not outcomes[name]]
    if histories >= ENOUGH_FOR_EVERY_ENDPOINT:
        never += [name for name in at_endpoints if not events[name]]
    return never


def main(arguments: list[str] | None = None) -> int:
    """Plays what is asked for; 0 when every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m integration_tests.simulator", description=__doc__)
    parser.add_argument("--histories", type=int, default=100, metavar="N", help="how many histories (100)")
    parser.add_argument("--first", type=int, metavar="SEED", help="the first seed; else a new one each time")
    parser.add_argument("--seed", type=int, help="play the history of one seed, and make it smaller if it fails")
    parser.add_argument("--history", metavar="JSON", help="play a kept history: its JSON, or @ and a file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument("--shrinks", type=int, default=40, help="how many histories are made smaller at most (40)")
    parser.add_argument("--break", dest="broken_by", metavar="MODULE:FUNCTION", help="break the connector on purpose")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write counts and violations there, as JSON")
    options = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(10**9) if options.first is None else options.first
    orders: list[Result] = [{"seed": first + n} for n in range(options.histories)]
    if options.seed is not None:
        orders = [{"seed": options.seed}]
    if options.history is not None:
        text = options.history
        orders = [{"history": Path(text[1:]).read_text() if text.startswith("@") else text}]
    workers = Workers(min(options.jobs, len(orders)), options.broken_by)
    if len(orders) > 1:
        print(f"{len(orders)} histories, seeds {first} to {first + len(orders) - 1}", flush=True)
    began = time.monotonic()
    results = []
    try:
        for result in workers.each(orders):
            results.append(result)
            if result.get("violations"):
                print(f"seed {result['seed']}: {name_of(result['violations'][0])}", flush=True)
            if len(results) % 250 == 0:
                broken = sum(bool(result.get("violations")) for result in results)
                print(
                    f"{len(results)} played in {time.monotonic() - began:.0f} s, {broken} broke an invariant",
                    flush=True,
                )
        results = [result for result in results if not result.get("skipped")]
        if options.history is not None:
            kinds = [
                {**result, "name": name_of(violation), "detail": violation["detail"], "seeds": [None]}
                for result in results
                for violation in result["violations"]
            ]
        else:
            kinds = shrink(results, workers, min(options.jobs, len(orders)), options.shrinks)
    finally:
        workers.close()
    return report(results, kinds, time.monotonic() - began, options.report)


def report(results: list[Result], kinds: list[Result], seconds: float, file: Path | None) -> int:
    """Prints what came how often, and each kind of violation; the exit code."""
    events: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for result in results:
        events.update(result["events"])
        outcomes.update(result["outcomes"])
    print("\nEvents: " + ", ".join(f"{name} {count}" for name, count in sorted(events.items())))
    print("\nOutcomes: " + ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())))
    broken = sum(bool(result["violations"]) for result in results)
    cpu = sum(result["cpu"] for result in results) / max(len(results), 1)
    print(
        f"\n{len(results)} histories, {cpu:.2f} CPU seconds each, {seconds:.0f} s in all; {broken} broke an invariant"
    )
    for kind in kinds:
        print("\n" + told(kind))
    never = never_came(events, outcomes, len(results))
    if never:
        print("\nNever came: " + ", ".join(never))
    if file:
        text = {"events": events, "outcomes": outcomes, "cpu": cpu, "histories": len(results), "kinds": kinds}
        file.write_text(json.dumps(text, indent=1))
    return 1 if kinds or never else 0


if __name__ == "__main__":
    sys.exit(main())
