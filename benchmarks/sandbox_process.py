"""The sandbox in its own process, so that its CPU and memory are not counted for the programs.

`python -m benchmarks.sandbox_process N` makes N orchestrations with a row on each day, prints the task as one line of
JSON, and then reads one latency in seconds per line; each is answered with the number of requests since the last.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import source_campaign_stats
from integration_tests.sandbox import Account, Sandbox, make_account, server

# The oldest day that the connector asks Batch for; the vendor's six months end between 181 and 184 days ago.
DAYS = 178
# Room for all answers: 430 kB for each of 1,000 orchestrations. An answer that is not cached is rendered each time.
_CACHE_BYTES = 4 * 2**30
_SCHEMA = Path(source_campaign_stats.__file__).parent / "schemas" / "orchestration_stats.json"


def wide_account(orchestrations: int) -> Account:
    """Orchestrations that have a row on every day: a total, three platforms, and a step with three platforms."""
    return make_account(
        seed=5,
        days=DAYS + 20,
        orchestrations=orchestrations,
        density=1.0,
        steps=1,
        archetypes=("trigger_evergreen",),
        apps=0,
        legacy_campaigns=0,
        moengage_campaigns=0,
    )


def task_of(sandbox: Sandbox) -> dict[str, object]:
    """What a program needs to know to do the work, and how many records it must write."""
    account = sandbox.account
    first, last = account.today - timedelta(days=DAYS), account.today - timedelta(days=1)
    config = sandbox.config(start_date=first, moengage=None, batch={"requests_per_second": 100})
    rows = sum(1 for o in account.orchestrations for _ in account.days_of(o.id, o.span, first, last))
    return {
        "rest_api_key": account.batch_rest_key,
        "project_key": account.project_key,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "config": config,
        "schema": json.loads(_SCHEMA.read_text(encoding="utf-8")),
        "environment": sandbox.environment,
        "orchestrations": len(account.orchestrations),
        "records": rows,
    }


def main() -> None:
    server.CACHE_BYTES = _CACHE_BYTES
    with Sandbox(wide_account(int(sys.argv[1])), fast=True) as sandbox:
        print(json.dumps(task_of(sandbox)), flush=True)
        for line in sys.stdin:
            sandbox.latency = float(line)
            print(sandbox.request_count, flush=True)
            sandbox.clear()


if __name__ == "__main__":
    main()
