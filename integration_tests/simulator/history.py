"""A history: an account, its settings, and what happens around each sync. Plain data, so it can be saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

STATUSES = ("204", "302", "400", "401", "403", "404", "408", "410", "425", "429", "500", "502", "503", "504")
WIRE = ("reset", "no_answer", "no_connection", "cut_body", "slow")
# Bodies that are not the documented answer.
BODIES = (
    *("html", "nothing", "null", "other_type", "key_missing", "half_json", "not_utf8", "error_as_200"),
    *("byte_order_mark", "null_rows", "no_way_on", "goes_round"),
)
# Well-formed answers that are not true. Asking again shows it, or asking for what has to be there too.
LIES = (
    *("empty_page", "short_page", "hidden_item", "repeated_page", "other_order", "list_grows", "halves_change"),
    *("fewer_campaigns", "empty_day", "rows_contradict"),
)
# True answers in an odd form, or with a value that can't be read.
ODDITIES = (
    *("rows_twice", "numbers_as_text", "whole_floats", "too_large_number", "huge_number", "no_number"),
    *("half_pair", "total_too_high"),
)
# The vendor's data changes while it is read: a campaign is deleted, or a list does not have the newest campaign yet.
CHANGES = ("deleted_while_read", "stale_list")
ENDPOINTS = (
    *("batch_list", "batch_stats", "legacy_list", "legacy_stats", "legacy_transactional_stats"),
    *("moengage_campaigns", "moengage_stats"),
)
LISTS = ("batch_list", "legacy_list", "moengage_campaigns")
OF_BATCH = ("batch_stats", "legacy_stats", "legacy_transactional_stats")
STATISTICS = (*OF_BATCH, "moengage_stats")
ONLY_FOR: dict[str, tuple[str, ...]] = {
    "empty_page": LISTS,
    "short_page": ("legacy_list", "moengage_campaigns"),
    "hidden_item": ("legacy_list", "moengage_campaigns"),
    "repeated_page": LISTS,
    "other_order": ("moengage_campaigns",),
    "list_grows": (*LISTS, "moengage_stats"),
    "halves_change": ("legacy_list",),
    "no_way_on": ("batch_list",),
    "goes_round": ("batch_list",),
    "fewer_campaigns": ("moengage_stats",),
    "empty_day": ("moengage_stats",),
    "null_rows": STATISTICS,
    "rows_twice": OF_BATCH,
    "rows_contradict": OF_BATCH,
    "numbers_as_text": STATISTICS,
    "whole_floats": STATISTICS,
    "too_large_number": STATISTICS,
    "huge_number": ("batch_stats", "legacy_stats"),
    "no_number": STATISTICS,
    "half_pair": LISTS,
    "total_too_high": ("moengage_stats",),
    "deleted_while_read": ("batch_stats", "legacy_stats"),
    "stale_list": LISTS,
    "key_missing": ("batch_list", *STATISTICS),
}
KINDS = (*STATUSES, *WIRE, *BODIES, *LIES, *ODDITIES, *CHANGES)
# What the answer to too many requests says about the wait.
WAITS = ("nothing", "seconds", "minute", "date", "moment", "too_long")


def fits(kind: str, endpoint: str) -> bool:
    """Whether a kind of fault can happen at an endpoint."""
    return endpoint in ONLY_FOR.get(kind, ENDPOINTS)


@dataclass(frozen=True)
class Fault:
    """A fault in `times` answers about one thing that is asked, from answer number `first` on (the first one is 0).

    `target` is the number of the thing (a campaign, a page, a day). With `every` the fault also hits the thing so many
    places later, and so on; with `everywhere` it hits all of them. Without `times` it lasts until the sync ends. It
    happens in `syncs` syncs.
    """

    endpoint: str
    kind: str
    target: int = 0
    first: int = 0
    times: int | None = 1
    everywhere: bool = False
    wait: str = "nothing"
    syncs: int = 1
    every: int = 0

    @property
    def cause(self) -> str:
        """The kind of event: `500@batch_list`."""
        return f"{self.kind}@{self.endpoint}"

    def in_words(self) -> str:
        often = "always" if self.times is None else "once" if self.times == 1 else f"{self.times} times"
        where = "each" if self.everywhere else f"no. {self.target}"
        where += f" and each {self.every} after it" if self.every and not self.everywhere else ""
        wait = f", wait: {self.wait}" if self.wait != "nothing" else ""
        long = f", for {self.syncs} syncs" if self.syncs > 1 else ""
        return f"{self.kind} at {self.endpoint} ({where}, from answer {self.first + 1} on, {often}{wait}{long})"


@dataclass(frozen=True)
class Step:
    """A sync, and what happens before it.

    `days` have passed since the sync before; `minute` is the minute of the day in the account's time zone; `skew` is
    how many seconds the machine's clock is ahead. Numbers are `restated` so many days back (0: not at all). `deleted`
    and `edited` are numbers of campaigns. `settings` change those of the history, from this sync on. `kept` is the per
    cent of the lines that arrive before the process is killed.
    """

    days: int = 1
    minute: int = 300
    skew: int = 0
    restated: int = 0
    new_days: bool = False
    newcomers: bool = False
    deleted: tuple[tuple[str, int], ...] = ()
    edited: tuple[int, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    faults: tuple[Fault, ...] = ()
    kept: int | None = None

    @property
    def causes(self) -> set[str]:
        """The kinds of events of this step."""
        found = {fault.cause for fault in self.faults} | {f"setting {name}" for name, _ in self.settings}
        found |= {f"deleted {vendor}" for vendor, _ in self.deleted}
        for name, there in (
            ("restated", self.restated),
            ("restated with new days", self.restated and self.new_days),
            ("newcomers", self.newcomers),
            ("running outside its dates", self.edited),
            ("killed", self.kept is not None),
            ("storm of 429", any(fault.kind == "429" and fault.everywhere for fault in self.faults)),
            ("clock is wrong", self.skew),
            ("midnight passes", self.minute >= 1439),
            ("no day passed", self.days == 0),
            ("days without a sync", self.days > 1),
        ):
            if there:
                found.add(name)
        return found

    def in_words(self) -> str:
        words = [f"after {self.days} day(s), at {self.minute // 60:02}:{self.minute % 60:02}"]
        words += [f"clock {self.skew:+} s"] if self.skew else []
        words += [f"{self.restated} days restated{', with new rows' if self.new_days else ''}"] if self.restated else []
        words += ["newcomers"] if self.newcomers else []
        words += [f"{vendor} campaign no. {n} deleted" for vendor, n in self.deleted]
        words += [f"orchestration no. {n} runs outside its dates" for n in self.edited]
        words += [f"{name} = {value}" for name, value in self.settings]
        words += [fault.in_words() for fault in self.faults]
        words += [f"killed after {self.kept} % of the lines"] if self.kept is not None else []
        return "; ".join(words)


@dataclass(frozen=True)
class History:
    """An account and its syncs. One more sync without faults follows the last one."""

    seed: int = 0
    today: str = "2026-03-10"
    timezone: str = "UTC"
    start_days: int = 3
    density: int = 100
    orchestrations: int = 1
    old_orchestrations: int = 0
    first_archetype: int = 0
    apps: int = 1
    legacy_campaigns: int = 1
    legacy_in_dev_mode: int = 0
    groups: int = 0
    moengage_campaigns: int = 1
    without_dates: int = 0
    moengage_total: str = "found"
    moengage_pages_when_empty: int = 0
    named_campaigns: int = 0
    named_tokens: int = 0
    lookback: tuple[int, int, int] = (2, 2, 2)
    workers: int = 8
    include_today: bool = False
    vendors: tuple[str, ...] = ("batch", "batch_legacy", "moengage")
    steps: tuple[Step, ...] = field(default=(Step(),))

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote; missing fields have their defaults."""
        values = json.loads(text)
        steps = []
        for step in values.pop("steps", []):
            faults = tuple(Fault(**fault) for fault in step.pop("faults", []))
            pairs = {name: tuple(tuple(pair) for pair in step.pop(name, [])) for name in ("deleted", "settings")}
            steps.append(Step(**{**step, "edited": tuple(step.pop("edited", [])), **pairs, "faults": faults}))
        for name in ("lookback", "vendors"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values, steps=tuple(steps))

    def in_words(self) -> Iterator[str]:
        default = History()
        shown = {name: value for name, value in asdict(self).items() if name != "steps"}
        yield ", ".join(f"{name} {value}" for name, value in shown.items() if value != getattr(default, name)) or "-"
        for number, step in enumerate(self.steps, 1):
            yield f"sync {number}: {step.in_words()}"


def simpler_ones(history: History) -> Iterator[History]:
    """All histories with one thing less: a step, a fault, or a value that is not the default; large cuts come first."""
    steps = history.steps
    if len(steps) > 1:
        yield from (replace(history, steps=(step,)) for step in steps)
        yield from (replace(history, steps=steps[:n] + steps[n + 1 :]) for n in range(len(steps)))
    for n, step in enumerate(steps):
        for simpler in _simpler_steps(step):
            yield replace(history, steps=(*steps[:n], simpler, *steps[n + 1 :]))
    if len(history.vendors) > 1:
        yield from (replace(history, vendors=(vendor,)) for vendor in history.vendors)
    for name, default in _defaults(history):
        if name not in ("steps", "vendors"):
            yield replace(history, **{name: default})
    for name in ("legacy_campaigns", "orchestrations", "moengage_campaigns"):
        if getattr(history, name) > 2:
            yield replace(history, **{name: getattr(history, name) // 2})


def _simpler_steps(step: Step) -> Iterator[Step]:
    for n, fault in enumerate(step.faults):
        yield replace(step, faults=step.faults[:n] + step.faults[n + 1 :])
        for name, default in _defaults(fault):
            simpler = replace(fault, **{name: default})
            yield replace(step, faults=(*step.faults[:n], simpler, *step.faults[n + 1 :]))
    for name, default in _defaults(step):
        if name != "faults":
            yield replace(step, **{name: default})


def _defaults(thing: Any) -> Iterator[tuple[str, Any]]:
    """The fields that have another value than the default, and the default."""
    for one in fields(thing):
        if one.default is not MISSING and getattr(thing, one.name) != one.default:
            yield one.name, one.default
