"""The databases that tests load into: a DuckDB file, and a PostgreSQL server that the tests start themselves."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg

# Runs SQL on one database and returns the rows of the last statement.
Query = Callable[[str], list[tuple[Any, ...]]]
# How a PostgreSQL server is reached: host, port, database, username, password.
Settings = dict[str, Any]

DATABASES = ("duckdb", "postgres")


def find_postgresql() -> Path | None:
    """The folder with PostgreSQL's programs; Debian keeps them off the PATH."""
    initdb = shutil.which("initdb")
    if initdb:
        return Path(initdb).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def postgresql(programs: Path) -> Iterator[Settings]:
    """A new PostgreSQL server on a free loopback port. It runs as a normal user, because it refuses to run as root."""
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    # Not pytest's own folder: another user can't enter it.
    folder = Path(tempfile.mkdtemp(prefix="campaign-stats-postgres-"))
    password, data = secrets.token_hex(16), folder / "data"
    (folder / "password").write_text(password)
    for path in (folder, folder / "password"):
        os.chown(path, user.pw_uid, user.pw_gid)
    as_user: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    call = partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.DEVNULL, **as_user)
    control = [str(programs / "pg_ctl"), "--pgdata", str(data)]
    port = free_port()
    # The data is deleted at the end, so nothing waits for the disk.
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
def query_postgres(settings: Settings, schema: str) -> Iterator[Query]:
    known = {**settings, "dbname": settings["database"], "user": settings["username"], "options": "-c TimeZone=UTC"}
    arguments = {name: known[name] for name in ("host", "port", "dbname", "user", "password", "options")}
    with psycopg.connect(**arguments, autocommit=True) as connection:
        connection.execute(f'SET search_path = "{schema}"')

        def query(sql: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(sql)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

        yield query


@contextmanager
def query_duckdb(path: Path, schema: str) -> Iterator[Query]:
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if connection.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = ?", [schema]).fetchall():
            connection.execute(f"SET schema = '{schema}'")
        yield lambda sql: connection.execute(sql).fetchall()


@contextmanager
def no_database() -> Iterator[None]:
    yield None
