"""The demo, run as a newcomer runs it, but into a temporary folder."""

import json
import re
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from integration_tests import demo
from integration_tests.dbt_truth import KEYS
from integration_tests.documented_queries import FIRST_QUESTIONS, documented_queries
from integration_tests.sandbox import PRIMARY_KEYS
from integration_tests.warehouse import SCHEMA, column_type

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "source_campaign_stats" / "schemas"
STREAMS = sorted(PRIMARY_KEYS)


@dataclass(frozen=True)
class Run:
    """A demo that has ended, with its output and files."""

    exit_code: int
    text: str
    errors: str
    directory: Path
    connection: duckdb.DuckDBPyConnection
    began: date

    def records(self, sync: str, stream: str) -> list[dict[str, Any]]:
        lines = (self.directory / sync / "records.jsonl").read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line)["record"] for line in lines]
        return [message["data"] for message in messages if message["stream"] == stream]

    def merged(self, stream: str) -> dict[tuple[str, ...], dict[str, Any]]:
        """The records of both syncs by key; of two records with one key the later one."""
        rows = self.records("first-sync", stream) + self.records("second-sync", stream)
        return {tuple(row[name] for name in PRIMARY_KEYS[stream]): row for row in rows}

    def table(self) -> dict[str, list[int]]:
        """The whole numbers of each line of the printed table, by stream."""
        lines = [line.split(" | ") for line in self.text.splitlines() if line.count(" | ") == 2]
        cells = {first.strip(): (left + " " + right).replace(",", "").split() for first, left, right in lines}
        return {name: [int(cell) for cell in row if cell.isdigit()] for name, row in cells.items() if name in STREAMS}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("demo")
    began = datetime.now(timezone.utc).date()
    ended = subprocess.run(
        [sys.executable, "-m", "integration_tests.demo", "--directory", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with duckdb.connect(str(directory / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute(f"SET TimeZone = 'UTC'; SET search_path = 'main,{SCHEMA}'")
        yield Run(ended.returncode, ended.stdout, ended.stderr, directory, connection, began)


def test_it_says_that_the_vendors_are_a_stand_in(run: Run) -> None:
    assert "STAND-IN" in run.text
    assert "\x1b" not in run.text


def test_the_table_counts_what_was_read(run: Run) -> None:
    table = run.table()
    assert sorted(table) == STREAMS
    for stream, (records, requests, unchanged, changed, new, requests_again) in table.items():
        assert records == len(run.records("first-sync", stream))
        assert unchanged + changed + new == len(run.records("second-sync", stream))
        assert requests > 0
        assert requests_again > 0


def test_every_statistics_stream_has_unchanged_changed_and_new_records(run: Run) -> None:
    for stream, (_, _, unchanged, changed, new, _) in run.table().items():
        if stream.endswith("_stats"):
            assert unchanged
            assert changed
            assert new


def test_every_list_has_new_campaigns_in_the_second_sync(run: Run) -> None:
    for stream, numbers in run.table().items():
        if not stream.endswith("_stats"):
            assert numbers[4] == demo.NEW_DAYS


def test_the_second_sync_began_from_the_state_that_the_first_one_printed(run: Run) -> None:
    states = json.loads((run.directory / "first-sync" / "state.json").read_text())
    days = {
        state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"].get("date") for state in states
    }
    yesterday = (run.began - timedelta(days=1)).isoformat()
    for stream in demo.STATISTICS:
        assert days[stream] >= yesterday
        earliest = min(row["date"] for row in run.records("second-sync", stream))
        assert earliest > min(row["date"] for row in run.records("first-sync", stream))


@pytest.mark.parametrize("stream", STREAMS)
def test_the_database_has_one_row_for_each_key_of_both_syncs(run: Run, stream: str) -> None:
    key = ", ".join(PRIMARY_KEYS[stream])
    rows, keys = run.connection.execute(f"SELECT count(*), count(DISTINCT ({key})) FROM {stream}").fetchall()[0]
    assert rows == keys == len(run.merged(stream))


@pytest.mark.parametrize("stream", STREAMS)
def test_the_columns_have_the_types_of_the_schema(run: Run, stream: str) -> None:
    schema = json.loads((SCHEMAS / f"{stream}.json").read_text())
    described = run.connection.execute(f"DESCRIBE {stream}").fetchall()
    found = {name: kind for name, kind, *_ in described if not name.startswith("_airbyte")}
    names = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    expected = {name: column_type(kind) for name, kind in schema["properties"].items()}
    assert found == {name: names.get(kind, kind) for name, kind in expected.items()}


def test_dates_numbers_timestamps_and_nested_columns_are_kept_whole(run: Run) -> None:
    for (orchestration, day), row in run.merged("orchestration_stats").items():
        found = run.connection.execute(
            "SELECT sent, total_revenue, platforms FROM orchestration_stats WHERE orchestration_id = ? AND date = ?",
            [orchestration, date.fromisoformat(day)],
        ).fetchone()
        assert found
        assert found[:2] == (row.get("sent"), row.get("total_revenue"))
        assert (json.loads(found[2]) if found[2] else None) == row.get("platforms")
    created = {key[0]: row.get("created_date") for key, row in run.merged("orchestrations").items()}
    shown = "SELECT id, strftime(created_date, '%Y-%m-%dT%H:%M:%SZ') FROM orchestrations"
    assert dict(run.connection.execute(shown).fetchall()) == created


@pytest.mark.parametrize("model", KEYS)
def test_a_report_is_in_the_database_and_has_rows(run: Run, model: str) -> None:
    """The demo itself compares every row with the truth and fails if one differs, so a count is enough here."""
    found = run.connection.execute(f"SELECT count(*) FROM {model}").fetchall()[0][0]
    assert found
    assert f"{model} {found:,}" in " ".join(run.text.split())


def test_it_ends_with_the_five_questions_their_queries_and_answers(run: Run) -> None:
    queries = documented_queries(FIRST_QUESTIONS)
    assert len(queries) == 5
    for query in queries:
        _, _, told = run.text.partition(f"\n{query.question}\n\n")
        assert told.startswith(textwrap.indent(query.sql, "    "))
        head = told.removeprefix(textwrap.indent(query.sql, "    ")).splitlines()
        description = run.connection.execute(query.sql).description or []
        assert head[1].split() == [name for name, *_ in description]
        assert len(head[2].split()) > 2


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("unique_opens", "opens"),
        ("unique_clicks", "clicks"),
        ("unique_conversions", "conversions"),
        ("deliveries", "sends"),
        ("opens", "sends"),
        ("clicks", "sends"),
        ("conversions", "sends"),
        ("clicks", "impressions"),
    ],
)
def test_no_number_is_larger_than_the_number_it_is_a_part_of(run: Run, less: str, more: str) -> None:
    for model in (model for model in KEYS if "campaigns" not in model and "goal" not in model):
        asked = f"SELECT * FROM {model} WHERE {less} > {more}"
        assert run.connection.execute(asked).fetchall() == [], model


@pytest.mark.parametrize("part", ["platform", "variant", "step", "locale"])
def test_parts_have_no_more_sends_than_their_total(run: Run, part: str) -> None:
    asked = f"""
        SELECT vendor, campaign_id, date_day, sum(parts.sends), any_value(daily.sends)
        FROM campaign_stats__daily_by_{part} AS parts
        JOIN campaign_stats__daily AS daily USING (source_relation, vendor, account, campaign_id, date_day)
        GROUP BY vendor, account, campaign_id, date_day
        HAVING sum(parts.sends) > any_value(daily.sends)
    """
    assert run.connection.execute(asked).fetchall() == []


def test_the_query_of_the_docs_finds_days_on_which_old_parts_stand_beside_a_later_total(run: Run) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    [query] = re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert run.connection.execute(query).fetchall() == []
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE moengage_campaign_stats AS SELECT * FROM (VALUES "
            "('2026-11-20', 'a', 'ios', true), ('2026-11-20', 'a', 'All_Platforms', true), "
            "('2026-11-20', 'b', 'ios', true), ('2026-11-20', 'b', 'web', true), "
            "('2026-11-21', 'a', 'ios', false), ('2026-11-21', 'a', 'ALL_PLATFORMS', true)"
            ") AS leaves (date, campaign_id, platform, in_total)"
        )
        assert connection.execute(query).fetchall() == [("2026-11-20", "a")]


def test_the_picture_is_a_png_with_something_on_it(run: Run) -> None:
    content = (run.directory / "report.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1000
    assert height > 800
    assert len(content) > 20_000


def test_it_ends_within_three_minutes(run: Run) -> None:
    seconds = re.search(r"Done in (\d+) seconds", run.text)
    assert seconds
    # Alone it takes less than a minute; a machine that runs other tests too needs more.
    assert int(seconds[1]) < 180


def test_a_single_wrong_number_ends_the_demo_with_a_clear_message() -> None:
    truth = [{"id": "a", "capping": 1}, {"id": "b", "capping": 2}]
    with pytest.raises(demo.DemoError, match=r"(?s)first sync differs .* orchestrations:\n1 different, .*'b'"):
        demo.compare("first sync", "orchestrations", [truth[0], {"id": "b", "capping": 3}], truth)


def test_a_failed_demo_has_an_exit_code_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(_: Path) -> None:
        raise demo.DemoError("One record is missing.")

    monkeypatch.setattr(demo, "demonstrate", fail)
    assert demo.main(["--directory", str(tmp_path)]) == 1
    assert "The demo FAILED. One record is missing." in capsys.readouterr().err
