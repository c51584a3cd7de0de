"""Counts the calls of the sync after a first sync that was killed; part of `make calls`."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import pages
from benchmarks.syncing import command_for
from integration_tests.accounts import ROOMY, account_of
from integration_tests.process import Output
from integration_tests.sandbox import Sandbox

SHARES = (10, 50, 90)
_SPEED = 100
_SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True)
class Vendor:
    """A vendor's group of settings, its statistics stream, and the endpoints of its list and its statistics."""

    title: str
    group: str
    stream: str
    list_endpoint: str
    stats_endpoint: str


VENDORS = (
    Vendor("Batch CEP", "batch", "orchestration_stats", "batch_list", "batch_stats"),
    Vendor("Batch MEP", "batch_legacy", "legacy_campaign_stats", "legacy_list", "legacy_stats"),
    Vendor("MoEngage", "moengage", "moengage_campaign_stats", "moengage_campaigns", "moengage_stats"),
)


def table(sizes: list[str]) -> str:
    """For each account and vendor: the calls of a whole first sync, and of the sync after each death."""
    header = ("first sync", "calls", *(f"after a death at {share} %" for share in SHARES))
    return pages.table(header, [row for size in sizes for row in _rows(size)])


def _rows(size: str) -> Iterator[list[str]]:
    with Sandbox(account_of(size), ROOMY) as sandbox:
        for vendor in VENDORS:
            whole = _calls(sandbox, vendor, None, None)[0]
            row = [f"{size}: {vendor.title}", f"{sum(whole):,}"]
            for share in SHARES:
                _, states = _calls(sandbox, vendor, None, round(whole[1] * share / 100))
                listed, asked = _calls(sandbox, vendor, states, None)[0]
                row.append(f"{listed + asked:,}")
            yield row


def _calls(
    sandbox: Sandbox, vendor: Vendor, states: list[dict[str, Any]] | None, until: int | None
) -> tuple[tuple[int, int], list[dict[str, Any]]]:
    """The calls (list, statistics) of a sync, and its last states. It is killed after `until` statistics calls."""
    sandbox.clear()
    config = sandbox.config(batch={"requests_per_second": 1})
    config = {name: value for name, value in config.items() if name not in _groups() or name == vendor.group}
    with tempfile.TemporaryDirectory(prefix="campaign-stats-deaths-") as folder:
        output = Path(folder) / "stdout"
        line = command_for(Path(folder), config, (vendor.stream,), states, _SPEED)
        with output.open("wb") as out:
            process = subprocess.Popen(line, env={**os.environ, **sandbox.environment}, stdout=out, stderr=out)
            while process.poll() is None:
                if until is not None and len(sandbox.calls(vendor.stats_endpoint)) >= until:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        text = output.read_text(encoding="utf-8")
        # A killed process can leave half a line.
        printed = [*Output(process.returncode or 0, text[: text.rfind("\n") + 1], 0.0).states.values()]
    return (len(sandbox.calls(vendor.list_endpoint)), len(sandbox.calls(vendor.stats_endpoint))), printed


def _groups() -> set[str]:
    return {vendor.group for vendor in VENDORS}
