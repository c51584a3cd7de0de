"""What the integration tests share: a small account at all vendors, and the comparison of a sync with the truth."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from integration_tests.databases import Settings, find_postgresql, no_database, postgresql
from integration_tests.process import Output, differences
from integration_tests.reported import Reported, report
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account
from integration_tests.synced import Synced, synced_databases

STREAMS = tuple(PRIMARY_KEYS)

# Files that share an expensive fixture run in one worker, one after the other.
TOGETHER = {
    "databases": ("test_pyairbyte.py", "test_dbt.py", "test_queries.py"),
    "image": ("test_image.py", "test_standard_suite.py"),
}
# The groups that take longest begin first.
LONGEST = ("databases", "image", "test_calls", "test_load", "test_demo", "test_sandbox")
# Each test of these files can run in any worker: they share nothing.
APART = (
    "test_faults.py",
    "test_host.py",
    "test_limits.py",
    "test_resuming.py",
    "test_secrets.py",
    "test_sync.py",
    "test_way.py",
)


def group_of(test: str) -> str:
    """The group of a test, by default its file: `integration_tests/test_dbt.py::test_a` -> `databases`."""
    file = test.split("::")[0].rsplit("/", 1)[-1]
    if file in APART:
        return test
    return next((group for group, names in TOGETHER.items() if file in names), file.removesuffix(".py"))


class Groups(LoadScopeScheduling):
    """Gives a whole group to one worker. pytest-xdist 3.8 does not find its own groups in pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    return Groups(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        group = group_of(item.nodeid)
        return LONGEST.index(group) if group in LONGEST else len(LONGEST) + (item.path.name not in APART)

    if getattr(config.option, "loadgroup", False):
        items.sort(key=rank)


class World:
    """An account, its sandbox, and a configuration that reads its last days."""

    def __init__(self, sandbox: Sandbox, account: Account, days: int) -> None:
        self.sandbox, self.account = sandbox, account
        self.first_day = account.today - timedelta(days=days)
        self.last_day = account.today - timedelta(days=1)
        self.config: dict[str, Any] = sandbox.config(start_date=self.first_day.isoformat())

    def faults(self, output: Output, streams: tuple[str, ...] = STREAMS, first_day: date | None = None) -> str:
        """How the records of these streams differ from the truth, a paragraph for each stream; empty if they do not."""
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
    """How PostgreSQL is reached, or None if this machine has none; the tests on DuckDB run without it."""
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
