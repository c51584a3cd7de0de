"""A process that plays histories: a line of JSON in, a line of JSON out. `__main__` starts one for each core."""

from __future__ import annotations

from integration_tests.simulator import clock

clock.take_over()

import contextlib  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from hypothesis.database import InMemoryExampleDatabase  # noqa: E402

from integration_tests.simulator.destination import Violation  # noqa: E402
from integration_tests.simulator.history import History  # noqa: E402
from integration_tests.simulator.play import Played, play  # noqa: E402
from integration_tests.simulator.strategies import histories  # noqa: E402

clock.freeze()

# A history that needs more is one that Hypothesis calls too large; it is not played.
_BYTES = 16_384
# How many histories are played to make one smaller.
_TRIES = 150


def history_of(seed: int) -> History | None:
    """The history that a seed stands for; None for the rare seed that makes none."""
    made: list[History] = []

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def keep(history: History) -> None:
        made.append(history)

    keep.hypothesis.fuzz_one_input(random.Random(seed).randbytes(_BYTES))
    return made[0] if made else None


def smallest(seed: int, name: str) -> tuple[History, Violation]:
    """The smallest history with a violation of this name that Hypothesis finds from the one of the seed."""
    best: list[tuple[History, Violation]] = []
    tries = 0

    @settings(
        database=InMemoryExampleDatabase(),
        deadline=None,
        phases=[Phase.reuse, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(histories())
    def has_it(history: History) -> None:
        nonlocal tries
        tries += 1
        if tries > _TRIES:
            return
        found = next((v for v in play(history).violations if v.name == name), None)
        if found:
            best.append((history, found))
            raise AssertionError(name)

    with contextlib.suppress(AssertionError):
        has_it.hypothesis.fuzz_one_input(random.Random(seed).randbytes(_BYTES))
    with (
        contextlib.suppress(BaseException),
        open(os.devnull, "w") as quiet,
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        has_it()
    return min(best, key=lambda item: len(item[0].to_json()))


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
    """`{"seed": 7}` plays a history, `{"history": "…"}` a kept one, `{"seed": 7, "shrink": name}` makes it smaller."""
    began = clock.cpu_seconds()
    seed = order.get("seed")
    if "shrink" in order:
        history, violation = smallest(seed, order["shrink"])
        played = Played(violations=[violation])
    else:
        history = History.from_json(order["history"]) if "history" in order else history_of(seed)
        if history is None:
            return {"seed": seed, "skipped": True}
        if order.get("without_events"):
            history = replace(history, steps=tuple(replace(step, faults=(), kept=None) for step in history.steps))
        played = play(history)
    gc.collect()
    return _described(seed, history, played, clock.cpu_seconds() - began)


def _orders() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Answers until the input ends; `--break module:function` breaks the connector on purpose first."""
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
    # The threads of the last sync are not worth waiting for.
    os._exit(0)


if __name__ == "__main__":
    main()
