"""The destination's tables and what they owe: what of the vendors' truth has to be in them after each sync."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import orjson

from integration_tests.sandbox import PRIMARY_KEYS

RowKey = tuple[Any, ...]
Rows = dict[RowKey, bytes]


@dataclass(frozen=True)
class Violation:
    """An invariant that a sync broke: the kind, the stream and what a reader needs."""

    kind: str
    stream: str
    detail: str
    step: int

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.stream}"


def keyed(stream: str, records: Iterable[Mapping[str, Any]]) -> Rows:
    """The rows by primary key, as text whose numbers show their type; of two with one key the later one stays."""
    columns = PRIMARY_KEYS[stream]
    return {tuple(record.get(name) for name in columns): _text(record) for record in records}


def _text(record: Mapping[str, Any]) -> bytes:
    # A destination can't tell a column that is null from one that is not there.
    present = {name: value for name, value in record.items() if value is not None}
    try:
        return orjson.dumps(present, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return repr(sorted(present.items())).encode()


def day_of(stream: str, key: RowKey) -> date:
    """The day of a row of a statistics stream."""
    return date.fromisoformat(key[PRIMARY_KEYS[stream].index("date")])


def campaign_of(stream: str, key: RowKey) -> str:
    """The campaign of a row."""
    name = {
        "orchestration_stats": "orchestration_id",
        "legacy_campaign_stats": "campaign_token",
        "legacy_transactional_stats": "group_id",
    }
    column = name.get(stream, "campaign_id")
    return str(key[PRIMARY_KEYS[stream].index(column)])


@dataclass
class Table:
    """The table of a statistics stream: what is in it, and what it owes since the last sync that succeeded.

    `pending` are the rows that syncs which did not succeed should have read, in each version that they had.
    """

    stream: str
    rows: Rows = field(default_factory=dict)
    pending: dict[RowKey, set[bytes]] = field(default_factory=dict)

    def upsert(self, rows: Rows) -> None:
        self.rows.update(rows)

    def owe(self, truth: Rows) -> None:
        """A sync that did not succeed should have read these."""
        for key, row in truth.items():
            self.pending.setdefault(key, set()).add(row)

    def faults(self, truth: Rows, still_there: Rows) -> list[tuple[str, str]]:
        """What a sync that succeeded left missing or wrong; `truth` are the rows of the days that it asks."""
        found: list[tuple[str, str]] = []
        missing = [key for key in truth if key not in self.rows]
        if missing:
            found.append(("rows missing", f"{len(missing)} of {len(truth)}, e.g. {missing[0]}"))
        other = [key for key in truth if key in self.rows and self.rows[key] != truth[key]]
        if other:
            found.append(
                (
                    "rows not restated",
                    f"{len(other)}, e.g. {self.rows[other[0]].decode()} for {truth[other[0]].decode()}",
                )
            )
        not_healed = [
            key
            for key, versions in self.pending.items()
            if key not in truth and key in still_there and self.rows.get(key) not in versions | {still_there[key]}
        ]
        if not_healed:
            found.append(("rows not healed", f"{len(not_healed)}, e.g. {not_healed[0]}"))
        return found


def window(promised: date | None, start: date, last: date, lookback: int, earliest: date | None) -> tuple[date, date]:
    """The days that a sync has to read: from the lookback before the promised day to the last one; maybe none."""
    first = max(start, promised - timedelta(days=lookback)) if promised else start
    return max(first, earliest) if earliest else first, last
