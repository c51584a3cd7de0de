"""Two syncs by PyAirbyte into real databases, the second one after the vendors restated numbers and added days.

PyAirbyte runs the README's script: into DuckDB as it stands there, into PostgreSQL with another cache. This is done
once for all tests (fixture `synced`): the tests of the tables, of the dbt package's reports and of the documented
queries use the same databases.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration_tests.databases import Query, Settings, no_database, query_duckdb, query_postgres
from integration_tests.needs import REQUIRE_ALL, needs, needs_python_below
from integration_tests.process import command
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account

Row = dict[str, Any]

ROOT = Path(__file__).parents[1]

STREAMS = tuple(PRIMARY_KEYS)
SCHEMA = "campaign_stats"
# 800 MB, so it is made once and kept, and only where no test may be skipped.
ENVIRONMENT = ROOT / "build" / "pyairbyte-venv"
PYAIRBYTE = "0.71.3"
DAYS, NEW_DAYS, RESTATED_DAYS = 45, 2, 6


def pyairbyte_python() -> Path:
    """The Python of PyAirbyte's environment; makes the environment if all tools are required (`REQUIRE_ALL`)."""
    needs_python_below(3, 13, "pyairbyte")
    python = ENVIRONMENT / "bin" / "python"
    installed = list(ENVIRONMENT.glob(f"lib/*/site-packages/airbyte-{PYAIRBYTE}.dist-info/RECORD"))
    if not installed and os.environ.get(REQUIRE_ALL):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"airbyte=={PYAIRBYTE}"], check=True)
        installed = [python]
    needs("pyairbyte", installed)
    return python


# --- the two syncs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Synced:
    """The databases after two syncs, and the expected rows of each stream."""

    queries: Mapping[str, Query]
    truth: Mapping[str, list[Row]]
    # For each of the two syncs the number of records that it processed, by database.
    processed: list[list[int]]
    hosts: set[str]
    duckdb_file: Path

    def query(self, database: str) -> Query:
        if database == "postgres":
            needs("postgresql", database in self.queries)
        return self.queries[database]


def readme_lines(cache: Row | None = None) -> str:
    """The README's script; with a PostgreSQL cache if its settings are given."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n### PyAirbyte into DuckDB\n")[1]
    lines = section.split("```python\n")[1].split("```")[0]
    if cache is None:
        return lines
    settings = ", ".join(f"{name}={value!r}" for name, value in cache.items())
    return lines.replace("DuckDBCache", "PostgresCache").replace('db_path="campaigns.duckdb"', settings)


def sync(python: Path, sandbox: Sandbox, lines: str, folder: Path) -> int:
    """Lets PyAirbyte run the script in the folder; returns how many records it processed."""
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {
        **inherited,
        **sandbox.environment,
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_PROJECT_DIR": str(folder),
        "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
    }
    (folder / "sync.py").write_text(lines)
    ended = subprocess.run(
        [str(python), "sync.py"], env=environment, cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return int(ended.stdout.splitlines()[-1])


def sync_twice(python: Path, sandbox: Sandbox, config: Row, scripts: Mapping[Path, str]) -> list[list[int]]:
    """Sync, let the vendors restate numbers and add days and campaigns, and sync again.

    `scripts` has the text of each script by its folder. Returns the numbers of records, as in `Synced.processed`.
    """
    for folder in scripts:
        for name in ("secrets", ".venv-connector/bin"):
            (folder / name).mkdir(parents=True)
        (folder / "secrets" / "config.json").write_text(json.dumps(config))
        (folder / ".venv-connector" / "bin" / "source-campaign-stats").symlink_to(*command())

    def sync_all() -> list[int]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda script: sync(python, sandbox, script[1], script[0]), scripts.items()))

    first = sync_all()
    last = sandbox.account.horizon
    sandbox.restate(last - timedelta(days=RESTATED_DAYS - 1), last, 0.4)
    sandbox.add_day(NEW_DAYS)
    return [first, sync_all()]


@contextmanager
def synced_databases(folder: Path, server: Settings | None) -> Iterator[Synced]:
    """Sync into a DuckDB file in the folder, and into the PostgreSQL server if there is one."""
    python = pyairbyte_python()
    with Sandbox(account_of_today()) as sandbox:
        account, config = sandbox.account, sandbox.config()
        path = folder / "duckdb" / "campaigns.duckdb"
        scripts = {path.parent: readme_lines()} | ({folder / "postgres": readme_lines(server)} if server else {})
        processed = sync_twice(python, sandbox, config, scripts)
        truth = {stream: sandbox.expected(stream, account.first_day, account.horizon, config) for stream in STREAMS}
        hosts = {request.host for request in sandbox.requests}
        with (
            query_duckdb(path, SCHEMA) as in_duckdb,
            query_postgres(server, SCHEMA) if server else no_database() as in_postgres,
        ):
            queries = {"duckdb": in_duckdb} | ({"postgres": in_postgres} if in_postgres else {})
            yield Synced(queries, truth, processed, hosts, path)


def account_of_today() -> Account:
    """An account whose numbers end two days before yesterday, so that the second sync finds new days."""
    today = datetime.now(timezone.utc).date()
    return make_account(seed=23, today=today, days=DAYS, horizon=today - timedelta(days=1 + NEW_DAYS))
