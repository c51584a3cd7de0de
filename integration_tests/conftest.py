"""What the integration tests share: a small account with the vendors, and how a sync is compared with the truth."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from integration_tests.process import Output, differences
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account

STREAMS = tuple(PRIMARY_KEYS)


class World:
    """An account, its sandbox, and a configuration that reads its last days."""

    def __init__(self, sandbox: Sandbox, account: Account, days: int) -> None:
        self.sandbox, self.account = sandbox, account
        self.first_day = account.today - timedelta(days=days)
        self.last_day = account.today - timedelta(days=1)
        self.config: dict[str, Any] = sandbox.config(start_date=self.first_day.isoformat())

    def faults(self, output: Output, streams: tuple[str, ...] = STREAMS, first_day: date | None = None) -> str:
        """What the records of these streams lack, or have too much or wrong; empty when nothing."""
        told = []
        for stream in streams:
            expected = self.sandbox.expected(stream, first_day or self.first_day, self.last_day, self.config)
            if found := differences(output.records(stream), expected, PRIMARY_KEYS[stream]):
                told.append(f"{stream}: {found}")
        return "\n".join(told)


@pytest.fixture
def world() -> Iterator[World]:
    account = make_account(seed=11, days=20, orchestrations=24, legacy_campaigns=4, moengage_campaigns=12)
    with Sandbox(account) as sandbox:
        yield World(sandbox, account, days=6)
