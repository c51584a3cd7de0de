"""Chooses the event that a history begins with by its seed, so that every kind of event has its turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .history import ENDPOINTS, KINDS, STATISTICS, Fault, History, Step, fits

_BATCH, _LEGACY = ("batch",), ("batch_legacy",)
# These faults only show in a list with several pages.
_OF_SEVERAL_PAGES = ("repeated_page", "other_order", "short_page", "hidden_item", "no_way_on", "goes_round")
# These faults need a page before theirs, so they hit the second one.
_OF_THE_SECOND = ("repeated_page", "other_order")


def _always(endpoint: str, kind: str, **more: Any) -> Fault:
    return Fault(endpoint, kind, times=None, **more)


def _with(history: History, *first: Step, **account: Any) -> History:
    steps = history.steps[len(first) :]
    return replace(history, **account, steps=(*first, *steps))


def _step(**values: Any) -> Callable[[History], History]:
    return lambda history: _with(history, Step(), Step(**values), start_days=6, orchestrations=6, legacy_campaigns=6)


def _setting(name: str, value: Any) -> Callable[[History], History]:
    return _step(settings=((name, value),))


def _half_way(*steps: Step) -> Callable[[History], History]:
    """A Batch MEP account of 110 campaigns: if a sync is killed late, it has printed a checkpoint."""
    account = {"vendors": _LEGACY, "legacy_campaigns": 110, "apps": 1, "legacy_in_dev_mode": 0, "named_tokens": 0}
    return lambda history: _with(history, *steps, **{**account, "start_days": 14, "workers": 8, "density": 100})


def _one_refused(*steps: Step, vendors: tuple[str, ...] = _BATCH) -> Callable[[History], History]:
    """An account with one campaign, which is refused in the first two syncs."""
    endpoint = "batch_stats" if vendors == _BATCH else "legacy_stats"
    first = Step(faults=(_always(endpoint, "404", syncs=2),))
    account = {"vendors": vendors, "orchestrations": 1, "legacy_campaigns": 1, "apps": 1, "old_orchestrations": 0}
    account |= {"first_archetype": 0, "start_days": 10, "legacy_in_dev_mode": 0, "named_tokens": 0}
    return lambda history: _with(history, first, *steps, **account)


def _many_refused(number: int, every: int) -> Callable[[History], History]:
    refused = _always("legacy_stats", "403", everywhere=every == 1, every=every)
    account = {"vendors": _LEGACY, "legacy_campaigns": number, "apps": 1, "named_tokens": 0, "start_days": 14}
    return lambda history: _with(history, Step(faults=(refused,)), Step(), **account)


SCENARIOS: dict[str, Callable[[History], History]] = {
    "restated": _step(restated=3),
    "restated with new days": _step(restated=3, new_days=True),
    "newcomers": _step(newcomers=True),
    "running outside its dates": _step(edited=(0,)),
    "clock is wrong": _step(skew=1500),
    "midnight passes": _step(minute=1439),
    "no day passed": _step(days=0),
    "days without a sync": _step(days=5),
    "killed": _step(kept=40),
    "deleted batch": _step(deleted=(("batch", 0),)),
    "deleted batch_legacy": _step(deleted=(("batch_legacy", 0),)),
    "deleted moengage": _step(deleted=(("moengage", 0),)),
    "setting lookback": _setting("lookback", 5),
    "setting workers": _setting("workers", 2),
    "setting include_today": _setting("include_today", True),
    "setting skip": _setting("skip", 0),
    "setting skip_token": _setting("skip_token", 0),
    "setting off": _setting("off", "moengage"),
    "setting catalog": _setting("catalog", "statistics"),
    "killed half-way": _half_way(Step(kept=80), Step(days=0)),
    "killed half-way, then restated": _half_way(Step(kept=80), Step(days=0, restated=3, new_days=True)),
    "killed half-way, twice": _half_way(Step(kept=75), Step(kept=70), Step(newcomers=True)),
    "killed half-way, before midnight": _half_way(Step(kept=80, minute=1439), Step(days=1, minute=5, kept=80), Step()),
    "refused, then heals": _one_refused(Step(), Step(), Step()),
    "refused, then deleted": _one_refused(Step(deleted=(("batch", 0),)), Step()),
    "refused, then skipped": _one_refused(Step(settings=(("skip_token", 0),)), Step(), vendors=_LEGACY),
    "refused, then killed": _one_refused(Step(kept=60), Step(), Step()),
    "ten refused in a row": _many_refused(16, 1),
    "more than a hundred refused": _many_refused(280, 2),
    "storm of 429": lambda history: _with(
        history,
        Step(faults=tuple(Fault(e, "429", times=3, everywhere=True, wait="seconds") for e in STATISTICS)),
    ),
    "all archetypes": lambda history: replace(history, orchestrations=31),
}
FIRST = (*KINDS, *SCENARIOS)


def begun_by(history: History, seed: int) -> History:
    """The history, beginning with the kind of event whose turn it is."""
    name = FIRST[seed % len(FIRST)]
    if name in SCENARIOS:
        return SCENARIOS[name](history)
    endpoints = [endpoint for endpoint in ENDPOINTS if fits(name, endpoint)]
    endpoint = endpoints[seed // len(FIRST) % len(endpoints)]
    drawn = next(
        (fault for step in history.steps for fault in step.faults if fault.kind == name), Fault(endpoint, name)
    )
    fault = replace(
        drawn, endpoint=endpoint, target=1 if name in _OF_THE_SECOND else 0, first=0, everywhere=False, every=0
    )
    several = name in _OF_SEVERAL_PAGES
    account = {"start_days": 6, "density": 100, "orchestrations": 6, "first_archetype": 0, "named_campaigns": 0}
    account |= {"legacy_campaigns": 8, "groups": 3, "moengage_campaigns": 17, "named_tokens": 0}
    account |= {"old_orchestrations": 205 if several else 0, "legacy_in_dev_mode": 150 if several else 0}
    return _with(history, replace(history.steps[0], faults=(fault,), kept=None, settings=(), deleted=()), **account)
