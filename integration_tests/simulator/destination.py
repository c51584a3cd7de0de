"""The destination's tables, and what the committed states promise about their rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import orjson

from integration_tests.sandbox import PRIMARY_KEYS

RowKey = tuple[Any, ...]
Rows = dict[RowKey, bytes]
# A campaign as a state names it: the values of its slice's partition.
Campaign = tuple[str, ...]
# Larger than 64 bits: it has to arrive exactly, or not at all.
HUGE_NUMBER = 12_345_678_901_234_567_890_123
MOST_BYTES_AT_REST, MOST_BYTES = 400, 16_000


@dataclass(frozen=True)
class Violation:
    """An invariant that a sync broke: its kind, the stream, the details, and the number of the sync (`step`)."""

    kind: str
    stream: str
    detail: str
    step: int

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.stream}"


def keyed(stream: str, records: Iterable[Mapping[str, Any]]) -> Rows:
    """The rows by primary key, as text whose numbers show their type; of two rows with one key the later one counts."""
    columns = PRIMARY_KEYS[stream]
    return {tuple(record.get(name) for name in columns): as_text(record) for record in records}


def as_text(record: Mapping[str, Any]) -> bytes:
    # For a destination a missing column and a null column are the same.
    present = {name: value for name, value in record.items() if value is not None}
    try:
        return orjson.dumps(present, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return repr(sorted(present.items())).encode()


def is_but_for_huge_numbers(record: Mapping[str, Any], truth: bytes) -> bool:
    """Whether a row is the true one, except for numbers that a fault made larger than 64 bits."""
    huge = {name for name, value in record.items() if value == HUGE_NUMBER and type(value) is int}
    if not huge or not truth.startswith(b"{"):
        return False
    true = orjson.loads(truth)
    others = [{n: v for n, v in row.items() if n not in huge and v is not None} for row in (record, true)]
    return as_text(others[0]) == as_text(others[1])


def day_of(stream: str, key: RowKey) -> date:
    """The day of a row of a statistics stream."""
    return date.fromisoformat(key[PRIMARY_KEYS[stream].index("date")])


def campaign_of(stream: str, key: RowKey) -> Campaign:
    """The campaign of a row, as a state names it; for MoEngage only the id."""
    return (key[1],) if stream == "moengage_campaign_stats" else key[:-1]


def window(promised: date | None, start: date, last: date, lookback: int, earliest: date | None) -> tuple[date, date]:
    """The first and last day that a sync has to read: from the lookback before the promised day on; maybe no day."""
    first = max(start, promised - timedelta(days=lookback)) if promised else start
    return max(first, earliest) if earliest else first, last


@dataclass(frozen=True)
class Promise:
    """What a state promises: up to `day` nothing is missing, except the campaigns in `owed`, each from its day on.

    `under_way` are the first and the last day of a sync that has not ended.
    """

    day: date | None = None
    owed: Mapping[Campaign, date] = field(default_factory=dict)
    under_way: tuple[date, date] | None = None

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Promise:
        """The promise of a state message as the platform keeps it: `{"stream": {"stream_state": {"date": …}}, …}`."""
        said = ((state or {}).get("stream") or {}).get("stream_state") or {}
        now = said.get("under_way")
        return cls(
            date.fromisoformat(said["date"]) if said.get("date") else None,
            {tuple(key): date.fromisoformat(since) for *key, since in said.get("owed") or []},
            (date.fromisoformat(now["first"]), date.fromisoformat(now["last"])) if now else None,
        )

    def is_past(self, other: Promise) -> bool:
        """Whether it promises more days than the other one."""
        return self.day is not None and (other.day is None or self.day > other.day)

    def covers(self, day: date, campaign: Campaign) -> bool:
        """Whether it promises the numbers of this campaign and day."""
        since = self.owed.get(campaign)
        return self.day is not None and day <= self.day and (since is None or day < since)


def faults_of_state(state: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with the form of a state message."""
    said = (state.get("stream") or {}).get("stream_state") or {}
    size = len(json.dumps(said))
    at_rest = not said.keys() - {"date"}
    if said.keys() - {"date", "owed", "under_way"}:
        yield f"it has the keys {sorted(said)}"
    if at_rest and size > MOST_BYTES_AT_REST:
        yield f"it has {size} bytes at rest"
    if size > MOST_BYTES:
        yield f"it has {size} bytes"
    if len(said.get("owed") or []) > 100:
        yield f"{len(said['owed'])} campaigns are owed"


@dataclass
class Table:
    """The table of a statistics stream, and the rows that have to be in it.

    A row is due from the sync on that had to read it: the table has to hold one of the versions that were true since
    that sync. `due` are the rows that the committed state promises, by the number of that sync. `attempt` are the rows
    that it will promise when the sync under way is finished, and `known` the campaigns that existed when it began.
    """

    stream: str
    rows: Rows = field(default_factory=dict)
    due: dict[RowKey, int] = field(default_factory=dict)
    attempt: dict[RowKey, int] = field(default_factory=dict)
    known: set[Campaign] = field(default_factory=set)
    versions: dict[RowKey, list[tuple[int, bytes]]] = field(default_factory=dict)
    promise: Promise = field(default_factory=Promise)

    def learn(self, number: int, before: Rows, after: Rows) -> None:
        """Remembers the true rows before and after sync `number`."""
        for truth in (before, after):
            for key, row in truth.items():
                found = self.versions.setdefault(key, [])
                if not found or found[-1][1] != row:
                    if truth is after and key in before and found and found[-1][0] < number:
                        found.append((number, before[key]))
                    found.append((number, row))

    def wrong(self, keys: Mapping[RowKey, int]) -> tuple[list[RowKey], list[RowKey]]:
        """The rows that are missing, and the rows whose version is older than the sync that had to read them."""
        missing = [key for key in keys if key not in self.rows]
        old = [key for key in keys if key in self.rows and self.rows[key] not in self._true_since(key, keys[key])]
        return missing, old

    def _true_since(self, key: RowKey, number: int) -> list[bytes]:
        found = self.versions.get(key, [])
        since = [row for n, row in found if n >= number]
        if not any(n == number for n, _ in found):
            since += [row for n, row in found if n < number][-1:]
        return since


class Audit:
    """Checks one sync of a statistics stream against what its states promise.

    `truth` are the rows that the sync can see, `window` the days of a daily sync that begins where the last one ended,
    and `asked_for` the campaigns that are listed and wanted.
    """

    def __init__(
        self, table: Table, number: int, truth: Rows, window: tuple[date, date], asked_for: Collection[Campaign]
    ) -> None:
        self.table, self.number, self.last = table, number, window[1]
        self.given = self.now = table.promise
        self._truth = truth
        self._days = {key: day_of(table.stream, key) for key in truth}
        self._campaigns = {key: campaign_of(table.stream, key) for key in truth}
        self._asked_for = set(asked_for)
        # On the same day a resumed sync asks only the rest. What changed since comes with the next daily sync.
        is_same_day = bool(self.given.under_way and self.given.under_way[1] >= self.last)
        asked = {key: number for key in truth if window[0] <= self._days[key] <= window[1]}
        self.daily = {} if is_same_day else asked
        self.rest: dict[RowKey, int] = {}
        self._made: dict[tuple[bool, ...], dict[RowKey, int]] = {}
        if self.given.under_way:
            first, last = self.given.under_way
            self.rest = {key: since for key, since in table.attempt.items() if key in truth}
            self.rest |= {
                key: number
                for key in truth
                if self._campaigns[key] not in table.known and first <= self._days[key] <= min(last, self.last)
            }

    def commit(self, promise: Promise) -> str | None:
        """Takes the next state; returns what is missing of the rows that it promises, or None."""
        was, self.now = self.now, promise
        if promise == was:
            return None
        if was.day and (promise.day is None or promise.day < was.day):
            return f"{_shown(promise)} comes after {_shown(was)}"
        promised = self._promised(promise)
        old = self._promised(was)
        new = {
            key: since
            for key, since in promised.items()
            if promise.covers(self._days[key], self._campaigns[key])
            and not (old.get(key) == since and was.covers(self._days[key], self._campaigns[key]))
        }
        missing, stale = self.table.wrong(new)
        if missing or stale:
            counted = f"{len(missing)} rows missing, {len(stale)} not restated"
            return f"{_shown(promise)}: {counted}, e.g. {(missing + stale)[0]}"
        return None

    def faults(self) -> list[tuple[str, str]]:
        """The kind and details of each mistake of a stream whose status is COMPLETE."""
        found = []
        promised = {key: since for key, since in self._all().items() if self._days[key] <= self.last}
        missing, stale = self.table.wrong(promised)
        asked = self.daily | self.rest
        healed = [key for key in missing + stale if key not in asked]
        if healed and len(healed) == len(missing) + len(stale):
            found.append(("rows not healed", f"{len(healed)}, e.g. {healed[0]}"))
        elif missing:
            found.append(("rows missing", f"{len(missing)} of {len(promised)}, e.g. {missing[0]}"))
        elif stale:
            key = stale[0]
            found.append(
                (
                    "rows not restated",
                    f"{len(stale)}, e.g. {self.table.rows[key].decode()} for {self._truth[key].decode()}",
                )
            )
        if self.now.owed or self.now.under_way:
            found.append(("complete but not at rest", _shown(self.now)))
        return found

    def lost(self) -> dict[Campaign | date, list[RowKey]]:
        """The rows that a sync should have read and did not, by campaign (for MoEngage by day)."""
        by_day = self.table.stream == "moengage_campaign_stats"
        lost: dict[Campaign | date, list[RowKey]] = {}
        for key in [key for found in self.table.wrong(self._all()) for key in found]:
            lost.setdefault(self._days[key] if by_day else self._campaigns[key], []).append(key)
        return lost

    def settle(self, is_complete: bool) -> None:
        """Enters into the table which rows are due after this sync, and which are under way."""
        table, promise = self.table, self.now
        promised = self._all() if is_complete else self._promised(promise)
        new = {key: since for key, since in promised.items() if promise.day and self._days[key] <= promise.day}
        for key, since in new.items():
            table.due[key] = max(since, table.due.get(key, since))
        # Campaigns that are not listed or not wanted owe nothing any more.
        table.due = {k: n for k, n in table.due.items() if campaign_of(table.stream, k) in self._asked_for}
        if promise.under_way is None:
            table.attempt, table.known = {}, set()
        elif self.given.under_way is None or self._is_second(promise):
            table.attempt, table.known = self.daily, self._asked_for
        else:
            table.attempt = self.rest
            table.known |= self._asked_for
        table.promise = promise

    def _all(self) -> dict[RowKey, int]:
        return _latest({k: n for k, n in self.table.due.items() if k in self._truth}, self.rest, self.daily)

    def _promised(self, promise: Promise) -> dict[RowKey, int]:
        """The rows that a state printed in this sync covers, by the number of the sync that had to read them."""
        if self.given.under_way is None:
            has_rest = has_daily = promise.is_past(self.given)
        else:
            has_daily = promise.under_way is None
            has_rest = has_daily or self._is_second(promise)
        if (has_rest, has_daily) not in self._made:
            due = {key: since for key, since in self.table.due.items() if key in self._truth}
            parts = [due, self.rest if has_rest else {}, self.daily if has_daily else {}]
            self._made[has_rest, has_daily] = _latest(*parts)
        return self._made[has_rest, has_daily]

    def _is_second(self, promise: Promise) -> bool:
        """Whether a resumed sync has asked the rest, and now asks the other campaigns for the days since."""
        given, now = self.given.under_way, promise.under_way
        return given is not None and now is not None and (now[1] > given[1] or promise.is_past(self.given))


def _latest(*parts: Mapping[RowKey, int]) -> dict[RowKey, int]:
    whole: dict[RowKey, int] = {}
    for part in parts:
        for key, since in part.items():
            whole[key] = max(since, whole.get(key, since))
    return whole


def _shown(promise: Promise) -> str:
    named = [f"{' '.join(key)} from {day} on" for key, day in promise.owed.items()]
    owed = ", ".join(named) if len(named) < 4 else f"{len(named)} campaigns"
    return (
        f"date {promise.day}, owed: {owed or 'none'}, under way {promise.under_way and [*map(str, promise.under_way)]}"
    )
