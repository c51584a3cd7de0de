"""Runs dbt on the package in `dbt/`, in its own environment, because it pins other versions than airbyte-cdk."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration_tests.databases import Settings
from integration_tests.needs import needs

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dbt"
# The Makefile makes this environment.
PROGRAM = ROOT / ".venv-dbt" / "bin" / "dbt"


def needs_dbt() -> None:
    needs("dbt (made by `make test`)", PROGRAM.exists())


@dataclass(frozen=True)
class Done:
    """What a command of dbt printed, and the status of each node by its name: success, pass, warn, fail, error."""

    exit_code: int
    text: str
    statuses: Mapping[str, str]

    def warnings(self) -> list[str]:
        return sorted(name for name, status in self.statuses.items() if status == "warn")


@dataclass(frozen=True)
class Dbt:
    """A database that dbt builds into. `output` is its entry in a dbt profile, as `duckdb_output` makes it."""

    folder: Path
    output: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)
    project: Path = PACKAGE

    def command(self, *arguments: str) -> list[str]:
        return [
            *(str(PROGRAM), "--no-use-colors", *arguments, "--profiles-dir", str(self.folder.resolve())),
            *("--project-dir", str(self.project), "--vars", json.dumps(dict(self.variables))),
        ]

    def environment(self) -> dict[str, str]:
        """The environment variables of a dbt command. Writes the profile that the command reads."""
        profiles = {"campaign_stats": {"target": "here", "outputs": {"here": dict(self.output)}}}
        self.folder.mkdir(parents=True, exist_ok=True)
        # dbt reads YAML, and JSON is YAML.
        (self.folder / "profiles.yml").write_text(json.dumps(profiles), encoding="utf-8")
        return {
            **{**os.environ, "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            "DBT_TARGET_PATH": str(self.folder.resolve() / "target"),
            "DBT_LOG_PATH": str(self.folder.resolve() / "logs"),
        }

    def run(self, *arguments: str) -> Done:
        """Run a dbt command; the caller checks the exit code."""
        environment, target = self.environment(), self.folder / "target"
        for results in ("run_results.json", "sources.json"):
            (target / results).unlink(missing_ok=True)
        ended = subprocess.run(
            self.command(*arguments), env=environment, cwd=self.folder, capture_output=True, text=True, timeout=600
        )
        return Done(ended.returncode, ended.stdout + ended.stderr, _statuses(target))

    def build(self, *arguments: str) -> Done:
        """Build and test everything, or what the arguments select; fails if dbt does."""
        done = self.run("build", *arguments)
        assert done.exit_code == 0, done.text
        return done


def _statuses(target: Path) -> dict[str, str]:
    paths = [path for name in ("run_results.json", "sources.json") if (path := target / name).exists()]
    results = [result for path in paths for result in json.loads(path.read_text(encoding="utf-8"))["results"]]
    return {result["unique_id"]: result["status"] for result in results}


def duckdb_output(path: Path, schema: str) -> dict[str, Any]:
    return {"type": "duckdb", "path": str(path.resolve()), "schema": schema, "threads": 2}


def postgres_output(server: Settings, schema: str) -> dict[str, Any]:
    return {
        **{"type": "postgres", "host": server["host"], "port": server["port"], "dbname": server["database"]},
        **{"user": server["username"], "password": server["password"], "schema": schema, "threads": 4},
    }
