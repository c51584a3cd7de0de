"""Real syncs into real databases: PyAirbyte runs the installed connector into DuckDB and into PostgreSQL.

Twice, the second time from the state of the first and after the vendors restated numbers and added days; then the
tables hold exactly the truth, and the SQL of the README gives the right answers.
"""

import json
import math
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from integration_tests.needs import REQUIRE_ALL, needs, needs_python_below
from integration_tests.process import command, differences
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account
from integration_tests.warehouse import column_type

Row = dict[str, Any]
# A command of one database, with the rows of its last statement.
Query = Callable[[str], list[tuple[Any, ...]]]

ROOT = Path(__file__).parents[1]
STREAMS = tuple(PRIMARY_KEYS)
DATABASES = ("duckdb", "postgres")
SCHEMA = "campaign_stats"
# 800 MB, so it is made once and kept, and only where nothing may be skipped.
ENVIRONMENT = ROOT / "build" / "pyairbyte-venv"
PYAIRBYTE = "0.71.3"
DAYS, NEW_DAYS, RESTATED_DAYS = 45, 2, 6

# What PyAirbyte makes of the types of the schemas. It leaves the time zone away, all its timestamps are in UTC.
TYPES = {
    "duckdb": {"TIMESTAMPTZ": "TIMESTAMP", "DOUBLE": "DECIMAL(38,9)"},
    "postgres": {
        "VARCHAR": "character varying",
        "DATE": "date",
        "TIMESTAMPTZ": "timestamp without time zone",
        "BIGINT": "bigint",
        "DOUBLE": "numeric",
        "BOOLEAN": "boolean",
        "JSON": "json",
    },
}


# PyAirbyte loads PostgreSQL with pandas, which guesses types: text becomes a number where each row of the column could
# be one, as in the sandbox's workspace id, and nested numbers lose their last digits.
GUESSED = {"postgres": {"workspace_id"}, "duckdb": set[str]()}
TOLERANCE = {"postgres": 1e-9, "duckdb": 0.0}


# --- the tools ------------------------------------------------------------------------------------------------------


def pyairbyte_python() -> Path:
    """The Python that has PyAirbyte; makes its environment where everything is required."""
    needs_python_below(3, 13, "pyairbyte")
    python = ENVIRONMENT / "bin" / "python"
    installed = list(ENVIRONMENT.glob(f"lib/*/site-packages/airbyte-{PYAIRBYTE}.dist-info/RECORD"))
    if not installed and os.environ.get(REQUIRE_ALL):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"airbyte=={PYAIRBYTE}"], check=True)
        installed = [python]
    needs("pyairbyte", installed)
    return python


def find_postgresql() -> Path | None:
    """The folder with PostgreSQL's programs; Debian keeps them off the PATH."""
    initdb = shutil.which("initdb")
    if initdb:
        return Path(initdb).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def postgresql(programs: Path) -> Iterator[Row]:
    """A PostgreSQL of our own on a free loopback port, as a normal user: it refuses to run as root."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    # pytest's folders can't be entered by another user.
    folder = Path(tempfile.mkdtemp(prefix="campaign-stats-postgres-"))
    password, data = secrets.token_hex(16), folder / "data"
    (folder / "password").write_text(password)
    for path in (folder, folder / "password"):
        os.chown(path, user.pw_uid, user.pw_gid)
    as_user: Row = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    call = partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL, **as_user)
    control = [str(programs / "pg_ctl"), "--pgdata", str(data)]
    port = free_port()
    # No socket in a folder, and no waiting for a disk that is thrown away.
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    try:
        call(
            [
                *(str(programs / "initdb"), "--pgdata", str(data), "--username", "campaign_stats", "--no-sync"),
                *("--auth", "scram-sha-256", "--pwfile", str(folder / "password"), "--encoding", "UTF8"),
                *("--locale", "C.UTF-8"),
            ]
        )
        call([*control, "--wait", "--log", str(folder / "log"), "--options", options, "start"])
        try:
            yield {
                **{"host": "127.0.0.1", "port": port, "database": "postgres"},
                **{"username": "campaign_stats", "password": password},
            }
        finally:
            call([*control, "--wait", "--mode", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def query_postgres(settings: Row) -> Iterator[Query]:
    known = {**settings, "dbname": settings["database"], "user": settings["username"], "options": "-c TimeZone=UTC"}
    arguments = {name: known[name] for name in ("host", "port", "dbname", "user", "password", "options")}
    with psycopg.connect(**arguments, autocommit=True) as connection:
        connection.execute(f"SET search_path = {SCHEMA}")

        def query(sql: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(sql)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

        yield query


@contextmanager
def query_duckdb(path: Path) -> Iterator[Query]:
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if connection.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = ?", [SCHEMA]).fetchall():
            connection.execute(f"SET schema = '{SCHEMA}'")
        yield lambda sql: connection.execute(sql).fetchall()


# --- the two syncs --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Synced:
    """The databases after two syncs, and the truth."""

    queries: Mapping[str, Query]
    truth: Mapping[str, list[Row]]
    # How many records each of the two syncs processed, one number a database.
    processed: list[list[int]]
    hosts: set[str]

    def query(self, database: str) -> Query:
        if database == "postgres":
            needs("postgresql", database in self.queries)
        return self.queries[database]


def sync(python: Path, sandbox: Sandbox, config: Path, caches: Sequence[Row], folder: Path) -> list[int]:
    """Let PyAirbyte check, discover and read into each cache."""
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = {
        **inherited,
        **sandbox.environment,
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_PROJECT_DIR": str(folder),
        "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
    }
    script = str(Path(__file__).with_name("pyairbyte_sync.py"))
    ended = subprocess.run(
        [str(python), script, *command(), str(config), *(json.dumps(cache) for cache in caches)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counts: list[int] = json.loads(ended.stdout.splitlines()[-1])
    return counts


def sync_twice(python: Path, sandbox: Sandbox, config: Row, caches: Sequence[Row], folder: Path) -> list[list[int]]:
    """Sync; let the vendors restate numbers, add days and campaigns; sync again."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    first = sync(python, sandbox, path, caches, folder)
    last = sandbox.account.horizon
    sandbox.restate(last - timedelta(days=RESTATED_DAYS - 1), last, 0.4)
    sandbox.add_day(NEW_DAYS)
    return [first, sync(python, sandbox, path, caches, folder)]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    python, programs = pyairbyte_python(), find_postgresql()
    folder = tmp_path_factory.mktemp("pyairbyte")
    with Sandbox(account_of_today()) as sandbox:
        account, config = sandbox.account, sandbox.config()
        duck: Row = {"db_path": str(folder / "campaigns.duckdb"), "schema_name": SCHEMA}
        # Without PostgreSQL the tests of DuckDB run all the same.
        with postgresql(programs) if programs else no_database() as server:
            caches = [duck, *([{**server, "schema_name": SCHEMA}] if server else [])]
            processed = sync_twice(python, sandbox, config, caches, folder)
            truth = {stream: sandbox.expected(stream, account.first_day, account.horizon, config) for stream in STREAMS}
            hosts = {request.host for request in sandbox.requests}
            with (
                query_duckdb(Path(duck["db_path"])) as in_duckdb,
                query_postgres(server) if server else no_database() as in_postgres,
            ):
                queries = {"duckdb": in_duckdb} | ({"postgres": in_postgres} if in_postgres else {})
                yield Synced(queries, truth, processed, hosts)


@contextmanager
def no_database() -> Iterator[None]:
    yield None


def account_of_today() -> Account:
    """Numbers end two days before yesterday, so that the second sync finds new days."""
    today = datetime.now(timezone.utc).date()
    return make_account(seed=23, today=today, days=DAYS, horizon=today - timedelta(days=1 + NEW_DAYS))


# --- the tables -----------------------------------------------------------------------------------------------------


def stored(query: Query, stream: str) -> list[Row]:
    """The rows of a table as JSON, without PyAirbyte's own columns."""
    rows = [row for (row,) in query(f"SELECT to_json(t) FROM {stream} AS t")]
    decoded = [json.loads(row) if isinstance(row, str) else row for row in rows]
    return [{name: value for name, value in row.items() if not name.startswith("_airbyte")} for row in decoded]


def as_printed(row: Row, types: Mapping[str, str], right: Row, tolerance: float) -> Row:
    """A row of a database in the form that records have; what is wrong stays wrong."""
    return {
        name: printed(value, types[name], right.get(name), tolerance)
        for name, value in row.items()
        if value is not None
    }


def printed(value: Any, kind: str, right: Any, tolerance: float) -> Any:
    if kind == "TIMESTAMPTZ":
        return datetime.fromisoformat(value).strftime("%Y-%m-%dT%H:%M:%SZ")
    # PyAirbyte keeps nine decimals.
    return right if is_close(value, right, 1e-8 if kind == "DOUBLE" else tolerance) else value


def is_close(value: Any, right: Any, tolerance: float) -> bool:
    if isinstance(value, dict) and isinstance(right, dict):
        return value.keys() == right.keys() and all(is_close(value[name], right[name], tolerance) for name in value)
    if isinstance(value, list) and isinstance(right, list):
        pairs = zip(value, right, strict=False)
        return len(value) == len(right) and all(is_close(*pair, tolerance) for pair in pairs)
    if isinstance(value, float) and isinstance(right, (int, float)):
        return math.isclose(value, right, rel_tol=tolerance, abs_tol=tolerance)
    return bool(value == right)


def key_of(stream: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in PRIMARY_KEYS[stream])


def types_of(stream: str) -> dict[str, str]:
    schema = json.loads((ROOT / "source_campaign_stats" / "schemas" / f"{stream}.json").read_text())
    return {name: column_type(kind) for name, kind in schema["properties"].items()}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("database", DATABASES)
def test_after_a_restated_second_sync_a_table_holds_exactly_the_truth(
    synced: Synced, database: str, stream: str
) -> None:
    types = {name: kind for name, kind in types_of(stream).items() if name not in GUESSED[database]}
    truth = [{name: value for name, value in row.items() if name in types} for row in synced.truth[stream]]
    by_key = {key_of(stream, row): row for row in truth}
    rows = [
        as_printed({name: row[name] for name in types}, types, by_key.get(key_of(stream, row), {}), TOLERANCE[database])
        for row in stored(synced.query(database), stream)
    ]
    assert not differences(rows, truth, PRIMARY_KEYS[stream])


@pytest.mark.parametrize(
    ("stream", "metric"),
    [
        ("orchestration_stats", "unique_view"),
        ("legacy_campaign_stats", "quick_open"),
        ("moengage_campaign_stats", "adjusted_open"),
    ],
)
@pytest.mark.parametrize("database", DATABASES)
def test_a_metric_that_nobody_declared_is_found_in_other_metrics(
    synced: Synced, database: str, stream: str, metric: str
) -> None:
    values = [value for (value,) in synced.query(database)(f"SELECT other_metrics -> '{metric}' FROM {stream}")]
    # DuckDB gives JSON as text, PostgreSQL's driver as what it says.
    found = [json.loads(value) if value and database == "duckdb" else value for value in values]
    right = [row.get("other_metrics", {}).get(metric) for row in synced.truth[stream]]
    assert any(found)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, right))


@pytest.mark.xfail(strict=True, reason=f"PyAirbyte {PYAIRBYTE} makes numbers of a text column that looks like them")
def test_pyairbyte_leaves_text_that_looks_like_a_number_as_it_is_in_postgres(synced: Synced) -> None:
    """Passes as soon as PyAirbyte does; then GUESSED can go."""
    found = synced.query("postgres")("SELECT DISTINCT workspace_id FROM moengage_campaigns")
    assert found == [(synced.truth["moengage_campaigns"][0]["workspace_id"],)]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("database", DATABASES)
def test_a_table_has_one_row_a_key(synced: Synced, database: str, stream: str) -> None:
    key = ", ".join(PRIMARY_KEYS[stream])
    keys = f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM {stream}) AS keys"
    query = synced.query(database)
    assert query(f"SELECT count(*) FROM {stream}") == query(keys) == [(len(synced.truth[stream]),)]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("database", DATABASES)
def test_columns_have_the_types_of_the_schema(synced: Synced, database: str, stream: str) -> None:
    found: dict[str, str] = dict(
        synced.query(database)(
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE table_schema = '{SCHEMA}' AND table_name = '{stream}' AND column_name NOT LIKE '\\_airbyte%' "
            "ESCAPE '\\'"
        )
    )
    assert found == {name: TYPES[database].get(kind, kind) for name, kind in types_of(stream).items()}


@pytest.mark.parametrize("database", DATABASES)
def test_the_second_sync_is_incremental(synced: Synced, database: str) -> None:
    synced.query(database)
    first, second = (counts[DATABASES.index(database)] for counts in synced.processed)
    assert 0 < second < first


def test_both_syncs_ask_only_the_vendors(synced: Synced) -> None:
    assert synced.hosts == {"api.batch.com", "api-01.moengage.com"}


# --- the SQL of the README ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block of SQL; `databases` are those that it is written for, `says` is the paragraph above it."""

    line: int
    databases: tuple[str, ...]
    says: str
    sql: str


def readme_blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = []
    for found in re.finditer(r"^```sql([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        named = tuple(name for name in DATABASES if name in found[1].split())
        says = " ".join(text[: found.start()].rstrip().split("\n\n")[-1].split())
        blocks.append(Block(text.count("\n", 0, found.start()) + 1, named or DATABASES, says, found[2]))
    return blocks


def total(numbers: Iterable[Any]) -> Any:
    """A sum as SQL adds up: what is null is left out, and nothing at all is null."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def first_known(row: Row, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row.get(name) for name in names)].append(row)
    return groups


def campaign_days(truth: Mapping[str, list[Row]]) -> list[Row]:
    """Sends and opens of each campaign and day of all vendors, or the nearest numbers that there are."""
    days = [
        {
            **{"vendor": "Batch", "campaign": row["orchestration_id"], "date": row["date"]},
            **{"sends": first_known(row, "sent", "delivered")},
            **{"opens": first_known(row, "unique_open", "unique_click")},
        }
        for row in truth["orchestration_stats"]
    ]
    for row in truth["legacy_campaign_stats"]:
        campaign, opens = f"{row['app']} / {row['campaign_token']}", row["direct_open"] + row["influenced_open"]
        named = {"vendor": "Batch MEP", "campaign": campaign, "date": row["date"]}
        days.append({**named, "sends": row["sent"], "opens": opens})
    counted = (row for row in truth["moengage_campaign_stats"] if row["in_total"])
    for (campaign, day), leaves in grouped(counted, "campaign_id", "date").items():
        sends = total(first_known(leaf, "sent", "impression") for leaf in leaves)
        opens = total(first_known(leaf, "opened", "read", "click") for leaf in leaves)
        days.append({"vendor": "MoEngage", "campaign": campaign, "date": day, "sends": sends, "opens": opens})
    return days


def best_campaigns(truth: Mapping[str, list[Row]]) -> list[tuple[Any, ...]]:
    names = {("Batch", row["id"]): row["name"] for row in truth["orchestrations"]}
    for row in truth["legacy_campaigns"]:
        names[("Batch MEP", f"{row['app']} / {row['campaign_token']}")] = row["name"]
    names |= {("MoEngage", row["campaign_id"]): row["campaign_name"] for row in truth["moengage_campaigns"]}
    days = campaign_days(truth)
    first = (date.fromisoformat(max(day["date"] for day in days)) - timedelta(days=29)).isoformat()
    recent = grouped((day for day in days if day["date"] >= first), "vendor", "campaign")
    sums = [
        (*key, names[key], total(day["sends"] for day in group), total(day["opens"] for day in group))
        for key, group in recent.items()
    ]
    return sorted((row for row in sums if row[4]), key=lambda row: (-row[4], row[1]))[:10]


def sends_and_opens(truth: Mapping[str, list[Row]]) -> list[tuple[Any, ...]]:
    return [
        (*key, total(day["sends"] for day in group), total(day["opens"] for day in group))
        for key, group in grouped(campaign_days(truth), "vendor", "date").items()
    ]


def versions_side_by_side(truth: Mapping[str, list[Row]]) -> list[tuple[Any, ...]]:
    names = {row["id"]: row["name"] for row in truth["orchestrations"]}
    parts = [
        {**part, "id": row["orchestration_id"]}
        for row in truth["orchestration_stats"]
        for part in row.get("versions", [])
        if part.get("version") is not None
    ]
    answer = []
    for (orchestration, version), group in grouped(parts, "id", "version").items():
        sent = total(part.get("sent") for part in group)
        clicks = total(part.get("total_click") for part in group)
        rate = round(100 * clicks / sent, 2) if sent and clicks is not None else None
        answer.append((orchestration, names[orchestration], version, sent, clicks, rate))
    return answer


def goals(truth: Mapping[str, list[Row]]) -> list[tuple[Any, ...]]:
    names = {row["campaign_id"]: row["campaign_name"] for row in truth["moengage_campaigns"]}
    rows = [
        {**goal, "campaign_id": row["campaign_id"]}
        for row in truth["moengage_campaign_stats"]
        if row["in_total"]
        for goal in row["conversion_goal_stats"]
    ]
    return [
        (
            *(campaign, names[campaign], goal),
            total(row["conversions"] for row in group),
            total(round(row["revenue"], 2) if "revenue" in row else None for row in group),
        )
        for (campaign, goal), group in grouped(rows, "campaign_id", "goal_name").items()
    ]


# How the paragraph above a block begins, and its answer, worked out without SQL.
ANSWERS: dict[str, Callable[[Mapping[str, list[Row]]], list[tuple[Any, ...]]]] = {
    "The ten best campaigns of the last 30 days": best_campaigns,
    "Sends and opens per day and vendor": sends_and_opens,
    "The versions of A/B tests in Batch CEP": versions_side_by_side,
    "Conversions and revenue of each goal in MoEngage": goals,
}


def comparable(rows: Iterable[Sequence[Any]], keep_order: bool) -> list[list[Any]]:
    """Rows without what only differs between databases: kinds of numbers and dates, and the order of texts."""

    def cell(value: Any) -> Any:
        is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        return float(value) if is_number else value.isoformat() if isinstance(value, date) else value

    plain = [[cell(value) for value in row] for row in rows]
    return plain if keep_order else sorted(plain, key=repr)


def test_the_readme_has_examples_of_sql() -> None:
    assert readme_blocks()


@pytest.mark.parametrize("block", readme_blocks(), ids=lambda block: f"line {block.line}")
@pytest.mark.parametrize("database", DATABASES)
def test_sql_of_the_readme_gives_the_right_answer(synced: Synced, database: str, block: Block) -> None:
    if database not in block.databases:
        pytest.skip(f"the block is written for {block.databases[0]}")
    rows = synced.query(database)(block.sql)
    assert rows, "an example without an answer shows nothing"
    answers = [answer for beginning, answer in ANSWERS.items() if block.says.startswith(beginning)]
    assert answers, f"ANSWERS has none for: {block.says}"
    keep_order = answers[0] is best_campaigns
    found, right = comparable(rows, keep_order), comparable(answers[0](synced.truth), keep_order)
    assert len(found) == len(right)
    for row, expected in zip(found, right, strict=True):
        # Databases round halves differently, so a cent may lie between them; counts are whole numbers.
        numbers = [n for n, value in enumerate(expected) if isinstance(value, float) and row[n] is not None]
        assert [row[n] for n in numbers] == pytest.approx([expected[n] for n in numbers], rel=1e-9, abs=0.011)
        assert [v for n, v in enumerate(row) if n not in numbers] == [
            v for n, v in enumerate(expected) if n not in numbers
        ]
