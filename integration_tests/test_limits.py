"""The call budgets stay under the vendors' limits, which the sandbox enforces as the vendors do."""

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from integration_tests.process import command_with, run
from integration_tests.sandbox import Limits, Request, Sandbox, make_account


def most_in(window: float, requests: Sequence[Request], speed: float) -> int:
    """The most requests that arrived within any window of so many seconds, on the vendor's clock."""
    moments = sorted(request.at * speed for request in requests)
    return max(sum(1 for other in moments if moment <= other < moment + window) for moment in moments)


@pytest.mark.parametrize(
    ("stream", "days", "endpoint", "window", "limit", "speed"),
    [
        ("orchestration_stats", 20, "batch_stats", 1, 1, 1),
        ("legacy_campaign_stats", 20, "legacy_stats", 60, 60, 8),
        ("moengage_campaign_stats", 130, "moengage_stats", 60, 100, 8),
        ("moengage_campaigns", 20, "moengage_campaigns", 1, 10, 1),
    ],
)
def test_a_backfill_larger_than_a_minutes_budget_is_never_refused(
    stream: str, days: int, endpoint: str, window: float, limit: int, speed: float
) -> None:
    """The clocks of sandbox and connector both run `speed` times as fast, so the budgets keep their real numbers."""
    account = make_account(
        seed=21, days=140, orchestrations=30, legacy_campaigns=[80, 1, 1], moengage_campaigns=200, density=0.05
    )
    with Sandbox(account, Limits(strict=True), clock=lambda: time.monotonic() * speed) as sandbox:
        config = sandbox.config(start_date=(account.today - timedelta(days=days)).isoformat())
        config["batch"]["requests_per_second"] = 1
        output = run("read", config, sandbox.environment, streams=[stream], executable=command_with(speed=speed))
        calls = sandbox.calls(endpoint)
        assert output.exit_code == 0, output.text[-3000:]
        assert not sandbox.refusals, f"{len(sandbox.refusals)} of {len(sandbox.requests)} were refused"
        print(f"{endpoint}: {len(calls)} calls, at most {most_in(window, calls, speed)} in {window} s")
        assert most_in(window, calls, speed) <= limit
