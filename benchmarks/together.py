"""Compares each vendor alone in a source with all three in one source, under the vendors' own limits."""

import os
import tempfile
import time
from pathlib import Path

from benchmarks import pages
from benchmarks.measuring import measure
from benchmarks.syncing import command_for
from integration_tests.sandbox import Account, Limits, Sandbox, make_account

# The clocks of connector and sandbox run so many times as fast as the real one; seconds are theirs.
SPEED = 5
# So many calls for each vendor that its limit matters, and not only the first burst within a minute's budget.
_DAYS, _ORCHESTRATIONS, _LEGACY_CAMPAIGNS, _MOENGAGE_CAMPAIGNS = 150, 200, 130, 40
GROUPS = {
    "Batch CEP": ("batch", ("orchestrations", "orchestration_stats")),
    "Batch MEP": ("batch_legacy", ("legacy_campaigns", "legacy_campaign_stats")),
    "MoEngage": ("moengage", ("moengage_campaigns", "moengage_campaign_stats")),
}


def _account() -> Account:
    return make_account(
        seed=17,
        days=_DAYS,
        orchestrations=_ORCHESTRATIONS,
        apps=2,
        legacy_campaigns=_LEGACY_CAMPAIGNS,
        moengage_campaigns=_MOENGAGE_CAMPAIGNS,
        density=1.0,
        archetypes=("recurring_running", "undated"),
    )


def _first_sync(account: Account, vendors: list[str]) -> tuple[float, int, int]:
    """The seconds, the calls, and the refused calls of a sync of these vendors in one source."""
    left_out = {group: None for name, (group, _) in GROUPS.items() if name not in vendors}
    streams = [stream for name in vendors for stream in GROUPS[name][1]]
    began = time.monotonic()

    def clock() -> float:
        return began + (time.monotonic() - began) * SPEED

    def wall() -> float:
        return time.time() + clock() - time.monotonic()

    sandbox = Sandbox(account, Limits(strict=True), clock=clock, wall=wall)
    with sandbox, tempfile.TemporaryDirectory(prefix="campaign-stats-together-") as folder:
        line = command_for(Path(folder), sandbox.config(**left_out), streams, None, SPEED)
        cost = measure(line, {**os.environ, **sandbox.environment}, Path(folder) / "stdout")
        return cost.seconds * SPEED, len(sandbox.calls()), len(sandbox.refusals)


def report() -> str:
    """The text between the markers of the page."""
    account = _account()
    alone = {name: _first_sync(account, [name]) for name in GROUPS}
    together = _first_sync(account, list(GROUPS))
    slowest = max(seconds for seconds, _, _ in alone.values())
    rows = [[f"{name} alone", *_cells(*made, slowest)] for name, made in alone.items()]
    rows.append(["all three in one source", *_cells(*together, slowest)])
    return (
        f"The vendors' own limits, the default number of workers, a first sync of {_ORCHESTRATIONS} orchestrations, "
        f"{2 * _LEGACY_CAMPAIGNS} campaigns of Batch MEP and {_MOENGAGE_CAMPAIGNS} of MoEngage over {_DAYS} days; the "
        f"clocks of the connector and the sandbox run {SPEED} times as fast, and the seconds are theirs.\n\n"
        + pages.table(("source", "seconds", "× the slowest alone", "calls", "of them refused"), rows)
    )


def _cells(seconds: float, calls: int, refused: int, slowest: float) -> list[str]:
    return [f"{seconds:.0f}", f"{seconds / slowest:.2f}", f"{calls:,}", f"{refused}"]
