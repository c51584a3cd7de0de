"""What the integration tests share: a small account with the vendors, and how a sync is compared with the truth."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from integration_tests.databases import Settings, find_postgresql, no_database, postgresql
from integration_tests.process import Output, differences
from integration_tests.reported import Reported, report
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account
from integration_tests.synced import Synced, synced_databases

STREAMS = tuple(PRIMARY_KEYS)

# Files that share something expensive run in one worker, one after the other, and begin first: they take longest.
TOGETHER = {
    "databases": ("test_pyairbyte.py", "test_dbt.py", "test_queries.py"),
    "image": ("test_image.py", "test_standard_suite.py"),
}
# Tests of these files need nothing of each other, and wait for budgets and time-outs most of the time.
APART = ("test_faults.py", "test_host.py", "test_limits.py", "test_resuming.py", "test_sync.py", "test_way.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tells pytest-xdist (`--dist loadgroup`) which tests belong together: those of one file, unless said above."""
    groups = {name: group for group, names in TOGETHER.items() for name in names}
    ranks = {"databases": 0, "image": 1}

    def rank(item: pytest.Item) -> int:
        return 2 if item.path.name in APART else ranks.get(groups.get(item.path.name, ""), 3)

    for item in items:
        if item.path.name not in APART and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(groups.get(item.path.name, item.path.stem)))
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=rank)


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Settings | None]:
    """How PostgreSQL is reached, or nothing where this machine has none: the tests of DuckDB run all the same."""
    programs = find_postgresql()
    with postgresql(programs) if programs else no_database() as server:
        yield server


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory, postgres_server: Settings | None) -> Iterator[Synced]:
    with synced_databases(tmp_path_factory.mktemp("pyairbyte"), postgres_server) as made:
        yield made


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory, synced: Synced, postgres_server: Settings | None) -> Reported:
    return report(synced, tmp_path_factory.mktemp("reported"), postgres_server)
