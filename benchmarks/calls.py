"""`make calls`: counts the calls of syncs, and compares them with the least that the vendors' documents allow."""

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

from benchmarks import deaths, machine, pages, together
from benchmarks.least_calls import Days, least_calls
from benchmarks.measuring import Cost, measure
from benchmarks.syncing import command_for
from integration_tests.accounts import ROOMY, SIZES, account_of
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox
from source_campaign_stats.settings.manifest import read_manifest
from source_campaign_stats.vendors.batch import DAYS_KEPT

# The connector keeps its budgets. Its clock runs faster, so that waiting for them takes little time.
SPEED = 100
# Each vendor's endpoints, and how many calls the vendor allows in an hour for one key.
VENDORS = {
    "Batch CEP": (("batch_list", "batch_stats"), 3600),
    "Batch MEP": (("legacy_list", "legacy_stats"), 60 * 60),
    "MoEngage": (("moengage_campaigns", "moengage_stats"), 100 * 60),
}
# Without transactional messages: they take a call for each group that the settings name.
STREAMS = tuple(stream for stream in PRIMARY_KEYS if stream != "legacy_transactional_stats")
# A path of each vendor's statistics, to find its budget in the manifest.
_PATHS = {"Batch CEP": "/2.10/", "Batch MEP": "/1.1/", "MoEngage": "/core-services/v1/campaign-stats"}
# Defaults in days.
_BATCH_LOOKBACK, _MOENGAGE_LOOKBACK = 30, 7


@dataclass(frozen=True)
class Sync:
    """One sync of an account: its calls and the least calls by endpoint, its records by stream, and its cost."""

    size: str
    kind: str
    made: Counter[str]
    least: Counter[str]
    records: Counter[str]
    cost: Cost
    states: list[dict[str, Any]]

    def calls(self, counted: Mapping[str, int], vendor: str) -> int:
        return sum(counted[endpoint] for endpoint in VENDORS[vendor][0])

    def is_within_goal(self, vendor: str) -> bool:
        """At most 2 % + 3 calls more than the least."""
        return self.calls(self.made, vendor) <= 1.02 * self.calls(self.least, vendor) + 3

    def rows(self) -> Iterator[list[str]]:
        """The lines of the table: one for each vendor."""
        for vendor, (_, in_an_hour) in VENDORS.items():
            made, least = self.calls(self.made, vendor), self.calls(self.least, vendor)
            yield [
                f"{self.size}, {self.kind} sync: {vendor}",
                f"{made:,}",
                f"{least:,}",
                f"{made - least:+,}" if made != least else "0",
                f"{made / in_an_hour:.2f}",
                f"{made / calls_in_an_hour(vendor):.2f}",
                "yes" if self.is_within_goal(vendor) else "**no**",
            ]


def calls_in_an_hour(vendor: str) -> float:
    """The calls in an hour by the connector's own budget in the manifest. Batch's is a setting with the default 1."""
    for policy in read_manifest()["api_budget"]["policies"]:
        if any(re.match(matcher["url_path_pattern"], _PATHS[vendor]) for matcher in policy["matchers"]):
            (rate,) = policy["rates"]
            limit = rate["limit"] if isinstance(rate["limit"], int) else 1
            return limit / float(rate["interval"].removeprefix("PT").removesuffix("S")) * 3600
    raise ValueError(f"the manifest has no budget for {vendor}")


def first_sync(size: str, sandbox: Sandbox) -> Sync:
    """A sync of two years without a state."""
    return _sync(size, "first", sandbox, None, windows_of(sandbox.account, None))


def daily_sync(first: Sync, sandbox: Sandbox) -> Sync:
    """Today's sync, as if the first one had run yesterday: its states are moved back by a day."""
    states = [json.loads(json.dumps(state)) for state in first.states]
    for state in states:
        days = state["stream"]["stream_state"]
        if "date" in days:
            days["date"] = (date.fromisoformat(days["date"]) - timedelta(days=1)).isoformat()
    read_until = sandbox.account.today - timedelta(days=2)
    return _sync(first.size, "daily", sandbox, states, windows_of(sandbox.account, read_until))


def windows_of(account: Account, read_until: date | None) -> tuple[Days, Days]:
    """The days that a sync has to ask of Batch CEP and of MoEngage."""
    yesterday = account.today - timedelta(days=1)
    if read_until is None:
        floor = max(account.first_day, account.today - timedelta(days=DAYS_KEPT))
        return Days(floor, yesterday), Days(account.first_day, yesterday)
    back = (read_until - timedelta(days=days) for days in (_BATCH_LOOKBACK, _MOENGAGE_LOOKBACK))
    batch, moengage = (Days(first, yesterday) for first in back)
    return batch, moengage


def _sync(
    size: str, kind: str, sandbox: Sandbox, states: list[dict[str, Any]] | None, windows: tuple[Days, Days]
) -> Sync:
    sandbox.clear()
    config = sandbox.config(batch={"requests_per_second": 1})
    with tempfile.TemporaryDirectory(prefix="campaign-stats-calls-", dir=_room()) as folder:
        output = Path(folder) / "stdout"
        line = command_for(Path(folder), config, STREAMS, states, SPEED)
        cost = measure(line, {**os.environ, **sandbox.environment}, output)
        records, last_states = _messages(output)
    made = Counter(str(request.endpoint) for request in sandbox.calls())
    return Sync(size, kind, made, least_calls(sandbox.account, *windows), records, cost, last_states)


def _room() -> Path | None:
    """A folder in memory for files of some hundred MB, if there is one."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def _messages(output: Path) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Records by stream, and the last state of each stream."""
    records: Counter[str] = Counter()
    states: dict[str, dict[str, Any]] = {}
    with output.open("rb") as lines:
        for message in (orjson.loads(line) for line in lines if line.startswith(b"{")):
            if message["type"] == "RECORD":
                records[message["record"]["stream"]] += 1
            elif message["type"] == "STATE":
                states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    return records, list(states.values())


# --- the page ---------------------------------------------------------------------------------------------------------


def table(syncs: Iterable[Sync]) -> str:
    header = (
        *("sync", "calls", "least", "more"),
        *("hours at the vendor's limit", "at our budget's pace", "at most 2 % + 3 more"),
    )
    return pages.table(header, [row for sync in syncs for row in sync.rows()])


def memory_table(syncs: Iterable[Sync]) -> str:
    """What the connector's process used. Its seconds are left out, because its clock ran faster."""
    rows = [
        [
            f"{sync.size}, {sync.kind} sync",
            f"{sum(sync.made.values()):,}",
            f"{sum(sync.records.values()):,}",
            f"{sync.cost.cpu_seconds:.0f}",
            f"{sync.cost.peak_mb:.0f}",
        ]
        for sync in syncs
    ]
    return pages.table(("all vendors in one source", "calls", "records", "CPU s", "peak MB"), rows)


def syncs_of(size: str) -> list[Sync]:
    """The first and a daily sync of an account."""
    with Sandbox(account_of(size), ROOMY) as sandbox:
        first = first_sync(size, sandbox)
        return [first, daily_sync(first, sandbox)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--only", choices=[*SIZES, "together", "deaths"], help="one part, and no change to the page")
    only = parser.parse_args().only
    taken = f"Taken by `make calls` on {machine.described()}."
    syncs = [sync for size in SIZES if only in (None, size) for sync in _told(syncs_of(size))]
    if syncs:
        _show("calls", f"{taken}\n\n{table(syncs)}", only is None)
        _show("memory", f"{taken}\n\n{memory_table(syncs)}", only is None)
    if only in (None, "deaths"):
        _show("deaths", f"{taken}\n\n{deaths.table(list(SIZES))}", only is None)
    if only in (None, "together"):
        _show("together", f"{taken} {together.report()}", only is None)
    if not all(sync.is_within_goal(vendor) for sync in syncs for vendor in VENDORS):
        sys.exit("A sync makes more calls than the goal allows.")


def _told(syncs: list[Sync]) -> list[Sync]:
    for sync in syncs:
        print(f"{sync.size}, {sync.kind}: {dict(sync.made)}, least {dict(sync.least)}", file=sys.stderr, flush=True)
    return syncs


def _show(name: str, text: str, is_for_page: bool) -> None:
    print(text, end="\n\n", flush=True)
    if is_for_page:
        pages.put(name, text)


if __name__ == "__main__":
    main()
