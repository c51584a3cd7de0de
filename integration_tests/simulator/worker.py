"""A process that plays histories: a line of JSON in, a line of JSON out. `__main__` starts `--jobs` of them."""

from __future__ import annotations

from integration_tests.simulator import clock

clock.take_over()

import os  # noqa: E402

# No request goes over a network, and loading certificates would take longer than an answer.
for _name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
    os.environ.pop(_name, None)

import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

from hypothesis import HealthCheck, given, settings  # noqa: E402

from integration_tests.simulator.destination import Violation  # noqa: E402
from integration_tests.simulator.history import History, simpler_ones  # noqa: E402
from integration_tests.simulator.play import Played, play  # noqa: E402
from integration_tests.simulator.rotation import begun_by  # noqa: E402
from integration_tests.simulator.strategies import histories  # noqa: E402

clock.freeze()

# Hypothesis makes no history that needs more bytes; such a seed is skipped.
_BYTES = 16_384
# To make a history smaller, at most so many others are played, for at most so many CPU seconds.
_TRIES, _SECONDS = 120, 60


def history_of(seed: int) -> History | None:
    """The history of a seed; None for the few seeds that make none."""
    made = _drawn(seed)
    return begun_by(made, seed) if made else None


def _drawn(seed: int) -> History | None:
    made: list[History] = []

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def keep(history: History) -> None:
        made.append(history)

    keep.hypothesis.fuzz_one_input(random.Random(seed).randbytes(_BYTES))
    return made[0] if made else None


def smallest(seed: int, name: str) -> tuple[History, Violation]:
    """The smallest history with a violation of this name that can be made from the history of the seed.

    It leaves out one thing after the other, as long as the violation stays. Hypothesis could shrink histories too, but
    not the event that `rotation` puts at their beginning, and it takes ten times as many tries.
    """
    began, tried = clock.cpu_seconds(), 0
    seen: set[str] = set()

    def found_in(history: History) -> Violation | None:
        return next((violation for violation in play(history).violations if violation.name == name), None)

    best = history_of(seed)
    assert best
    violation = found_in(best)
    assert violation, f"seed {seed} shows no {name}"
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for simpler in simpler_ones(best):
            if tried > _TRIES or clock.cpu_seconds() - began > _SECONDS:
                return best, violation
            if simpler.to_json() in seen:
                continue
            seen.add(simpler.to_json())
            tried += 1
            if found := found_in(simpler):
                best, violation, is_smaller = simpler, found, True
                break
    return best, violation


def _described(seed: int | None, history: History, played: Played, cpu: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "history": history.to_json(),
        "causes": sorted(set().union(*(step.causes for step in history.steps))),
        "violations": [vars(violation) for violation in played.violations],
        "events": played.events,
        "outcomes": played.outcomes,
        "trace": played.trace,
        "seconds": played.seconds,
        "cpu": cpu,
    }


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """`{"seed": 7}` plays a history, `{"history": "…"}` a saved one, `{"seed": 7, "shrink": name}` shrinks one."""
    began = clock.cpu_seconds()
    seed = order.get("seed")
    if "shrink" in order:
        small, violation = smallest(order["seed"], order["shrink"])
        return _described(seed, small, Played(violations=[violation]), clock.cpu_seconds() - began)
    history = History.from_json(order["history"]) if "history" in order else history_of(order["seed"])
    if history is None:
        return {"seed": seed, "skipped": True}
    played = play(history)
    gc.collect()
    return _described(seed, history, played, clock.cpu_seconds() - began)


def _orders() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Answers orders until the input ends; `--break module:function` first breaks the connector on purpose."""
    if len(sys.argv) > 2 and sys.argv[1] == "--break":
        module, _, function = sys.argv[2].partition(":")
        getattr(importlib.import_module(module), function)()
    for order in _orders():
        try:
            told = answer(order)
        except BaseException:
            told = {**order, "broken": traceback.format_exc()}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    # Does not wait for the threads of the last sync.
    os._exit(0)


if __name__ == "__main__":
    main()
