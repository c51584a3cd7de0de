"""The connector as its console script runs it, but without waits for the call budget: `connector.py read --config …`.

The other programs have no budget. Only the numbers of the budget's rates are raised, in memory; the code of the budget
still runs for each call.
"""

from typing import Any

from source_campaign_stats.process import speed

speed.prepare()
from source_campaign_stats import source  # noqa: E402
from source_campaign_stats.run import run  # noqa: E402

_READ_MANIFEST = source.read_manifest
_CALLS_IN_A_WINDOW = 1_000_000


def manifest_with_wide_budgets() -> dict[str, Any]:
    manifest = _READ_MANIFEST()
    for policy in manifest["api_budget"]["policies"]:
        for rate in policy["rates"]:
            rate["limit"] = _CALLS_IN_A_WINDOW
    return manifest


if __name__ == "__main__":
    source.read_manifest = manifest_with_wide_budgets
    run()
