"""A history: an account, its settings, and what happens around each of its syncs. Plain data, so it can be kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

STATUSES = ("204", "302", "400", "401", "403", "404", "408", "410", "425", "429", "500", "502", "503", "504")
WIRE = ("reset", "no_answer", "no_connection", "cut_body", "slow")
# Bodies that are not the documented answer.
BODIES = (
    *("html", "nothing", "null", "other_type", "key_missing", "half_json", "not_utf8", "error_as_200"),
    *("byte_order_mark", "null_rows", "no_way_on", "goes_round"),
)
# Well-formed answers that are not true. One that asks again, or asks for what must be there too, finds out.
LIES = (
    *("empty_page", "short_page", "repeated_page", "other_order", "list_grows", "halves_change"),
    *("fewer_campaigns", "empty_day", "rows_contradict"),
)
# True answers that are written oddly, or hold what can't be read.
ODDITIES = ("rows_twice", "numbers_as_text", "whole_floats", "too_large_number", "half_pair", "total_too_high")
# The vendor's data changes while it is read: a campaign is deleted, a list does not know the newest one yet.
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
    "half_pair": LISTS,
    "total_too_high": ("moengage_stats",),
    "deleted_while_read": ("batch_stats", "legacy_stats"),
    "stale_list": LISTS,
    "key_missing": ("batch_list", *STATISTICS),
}
KINDS = (*STATUSES, *WIRE, *BODIES, *LIES, *ODDITIES, *CHANGES)
# What a refusal for being too often says about the wait.
WAITS = ("nothing", "seconds", "minute", "date", "moment", "too_long")


def fits(kind: str, endpoint: str) -> bool:
    """Whether a kind of fault can happen at an endpoint."""
    return endpoint in ONLY_FOR.get(kind, ENDPOINTS)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with answers number `first` to `first + times` about one thing that is asked.

    `target` chooses the thing (a campaign, a page, a day); with `everywhere` it happens to each. Without `times` it
    goes on until the sync ends, and for `syncs` syncs.
    """

    endpoint: str
    kind: str
    target: int = 0
    first: int = 0
    times: int | None = 1
    everywhere: bool = False
    wait: str = "nothing"
    syncs: int = 1

    @property
    def cause(self) -> str:
        """The kind of event that it is."""
        return f"{self.kind}@{self.endpoint}"

    def in_words(self) -> str:
        often = "always" if self.times is None else "once" if self.times == 1 else f"{self.times} times"
        where = "each" if self.everywhere else f"no. {self.target}"
        wait = f", wait: {self.wait}" if self.wait != "nothing" else ""
        long = f", for {self.syncs} syncs" if self.syncs > 1 else ""
        return f"{self.kind} at {self.endpoint} ({where}, from answer {self.first + 1} on, {often}{wait}{long})"


@dataclass(frozen=True)
class Step:
    """A sync, and what came before it.

    `days` since the sync before; `minute` of the day in the account's time zone; `restated` so many days back (0: no);
    `deleted` and `edited` choose campaigns; `settings` are laid over those of the history, from this sync on; `kept`
    is the share of the lines, in per cent, that arrive before the process is killed.
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
    """An account and its syncs; an honest sync comes after the last of them."""

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
        """The history that `to_json` wrote; what is missing has its default."""
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
