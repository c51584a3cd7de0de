"""Shows the connector at work, on this machine alone: `python -m integration_tests.demo`.

It runs the console script as Airbyte does, against a stand-in for the vendors: a first sync, then a second one from the
state that the first one printed. In between the vendors change numbers. It compares every record with the truth, loads
both syncs into DuckDB, lets dbt build the reports, and runs the queries that analysts need first.
"""

import argparse
import io
import json
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from integration_tests import dbt_package
from integration_tests.dbt_package import Dbt, duckdb_output
from integration_tests.dbt_truth import differences_of, reports
from integration_tests.documented_queries import FIRST_QUESTIONS, DocumentedQuery, documented_queries
from integration_tests.process import Output, differences, run
from integration_tests.sandbox import PRIMARY_KEYS, Account, Sandbox, make_account
from integration_tests.warehouse import SCHEMA, Warehouse

Record = dict[str, Any]

STREAMS = tuple(PRIMARY_KEYS)
STATISTICS = tuple(name for name in STREAMS if name.endswith("_stats"))
ENDPOINTS = {
    "orchestrations": "batch_list",
    "orchestration_stats": "batch_stats",
    "legacy_campaigns": "legacy_list",
    "legacy_campaign_stats": "legacy_stats",
    "legacy_transactional_stats": "legacy_transactional_stats",
    "moengage_campaigns": "moengage_campaigns",
    "moengage_campaign_stats": "moengage_stats",
}
GROUPS = {
    "orchestration_stats": "batch",
    "legacy_campaign_stats": "batch_legacy",
    "legacy_transactional_stats": "batch_legacy",
    "moengage_campaign_stats": "moengage",
}
# The connector's defaults, written out because the demo explains what they do.
LOOKBACK = {"batch": 30, "batch_legacy": 30, "moengage": 7}
DAYS, NEW_DAYS = 60, 2
# What the vendors restate between the syncs: a share of the rows of the last days that the first sync has.
RESTATED_DAYS, RESTATED_SHARE = 6, 0.4
WIDTH = 100


class DemoError(Exception):
    """The demo found a mistake; the message says which."""


@dataclass(frozen=True)
class Sync:
    """The output of one read, and the number of its requests for each stream."""

    output: Output
    requests: dict[str, int]

    def records(self, stream: str) -> list[Record]:
        return self.output.records(stream)

    def seconds(self, stream: str) -> float:
        """How many seconds a stream took, by its status messages. The streams run at the same time."""
        traces = [message["trace"] for message in self.output.messages if message["type"] == "TRACE"]
        moments = {
            trace["stream_status"]["status"]: trace["emitted_at"]
            for trace in traces
            if trace.get("stream_status") and trace["stream_status"]["stream_descriptor"]["name"] == stream
        }
        return float(moments["COMPLETE"] - moments["STARTED"]) / 1000

    def state_day(self, stream: str) -> date:
        return date.fromisoformat(self.output.states[stream]["stream"]["stream_state"]["date"])


@dataclass(frozen=True)
class Again:
    """How many records of the second sync are unchanged, changed or new, compared with the first one."""

    unchanged: int
    changed: int
    new: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m integration_tests.demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/demo"), help="where the files are left")
    directory: Path = parser.parse_args(arguments).directory
    directory.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        demonstrate(directory)
    except DemoError as error:
        print(f"\nThe demo FAILED. {error}", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - began:.0f} seconds.")
    return 0


def demo_account(today: date) -> Account:
    """An account whose numbers end some days before yesterday, so that later days can still appear."""
    return make_account(today=today, days=DAYS, horizon=today - timedelta(days=1 + NEW_DAYS), density=0.9)


def demonstrate(directory: Path) -> None:
    """Run the whole demo; raises DemoError at the first mistake."""
    account = demo_account(datetime.now(timezone.utc).date())
    introduce(account)
    with Sandbox(account) as sandbox:
        lookbacks: dict[str, Any] = {group: {"lookback_days": days} for group, days in LOOKBACK.items()}
        config = sandbox.config(**lookbacks)
        write_json(directory / "config.json", config)
        heading("1. What a platform asks before the first sync")
        catalog = prepare(sandbox, config)
        write_json(directory / "catalog.json", catalog)

        heading("2. Two syncs")
        print(f"First sync: reads {account.first_day} up to yesterday; the vendors have numbers to {account.horizon}.")
        first = read(sandbox, config, directory / "first-sync")
        compare_first(first, sandbox, config)
        restated = let_time_pass(sandbox)
        print("Second sync: reads again, from the state that the first one printed.")
        second = read(sandbox, config, directory / "second-sync", first)
        compare_second(second, first, sandbox, config)

        heading("3. What was read")
        print_table(first, second)
        print_reasons(first, second, restated)

        heading("4. Your data: both syncs in one DuckDB file, and the reports that dbt builds")
        path = directory / "warehouse.duckdb"
        load(path, directory, catalog)
        with Warehouse(path, catalog) as warehouse:
            check_tables(warehouse, sandbox, config)
            check_reports(warehouse, sandbox, config)
            draw(warehouse, directory / "report.png", account)
            heading("5. What analysts ask first")
            for query in documented_queries(FIRST_QUESTIONS):
                answer(warehouse, query)
    show_files(directory)


def introduce(account: Account) -> None:
    heading("source-campaign-stats: a demo")
    tell(
        "The vendors are a STAND-IN. A sandbox on this machine answers in place of api.batch.com and "
        f"api-{account.data_center}.moengage.com: no request leaves this machine, no key is needed, and all numbers "
        "and campaigns are made up, with names as odd as the ones that people type. The connector is the real one: "
        "the console script runs as a process of its own, and finds the sandbox by HTTPS_PROXY and "
        "REQUESTS_CA_BUNDLE, as it would find a company's proxy."
    )


# --- running the connector ------------------------------------------------------------------------------------------


def prepare(sandbox: Sandbox, config: Mapping[str, Any]) -> dict[str, Any]:
    """Run spec, check and discover; returns the catalog."""
    spec = run("spec", None, sandbox.environment)
    demand(spec, any(message["type"] == "SPEC" for message in spec.messages))
    step("spec", spec, "the settings that a form in the Airbyte UI is made from")
    sandbox.clear()
    check = run("check", config, sandbox.environment)
    demand(check, check.connection_status["status"] == "SUCCEEDED")
    step("check", check, f"SUCCEEDED: every key works, asked with {len(sandbox.calls())} small requests")
    discover = run("discover", config, sandbox.environment)
    catalog = discover.catalog
    demand(discover, {stream["name"] for stream in catalog["streams"]} == set(STREAMS))
    step("discover", discover, f"{len(catalog['streams'])} streams, with keys, columns and types")
    return catalog


def read(sandbox: Sandbox, config: Mapping[str, Any], directory: Path, after: Sync | None = None) -> Sync:
    """Run a sync, from the state of the sync before if there is one, and write what it printed into the directory."""
    sandbox.clear()
    state = after.output.states if after else None
    output = run("read", config, sandbox.environment, streams=STREAMS, state=state)
    directory.mkdir(exist_ok=True)
    lines = output.text.splitlines(keepends=True)
    kinds = [json.loads(line)["type"] if line.startswith("{") else None for line in lines]
    records = [line for line, kind in zip(lines, kinds, strict=True) if kind == "RECORD"]
    others = [line for line, kind in zip(lines, kinds, strict=True) if kind != "RECORD"]
    (directory / "records.jsonl").write_text("".join(records), encoding="utf-8")
    (directory / "messages.log").write_text("".join(others), encoding="utf-8")
    write_json(directory / "state.json", list(output.states.values()))
    demand(output, all(output.statuses.get(stream) == "COMPLETE" for stream in STREAMS))
    return Sync(output, {stream: len(sandbox.calls(endpoint)) for stream, endpoint in ENDPOINTS.items()})


def let_time_pass(sandbox: Sandbox) -> int:
    """Let the vendors change past numbers, add days and campaigns; returns how many rows were restated."""
    last = sandbox.account.horizon
    first = last - timedelta(days=RESTATED_DAYS - 1)
    restated = len(sandbox.restate(first, last, RESTATED_SHARE))
    sandbox.add_day(NEW_DAYS)
    tell(
        f"In between the vendors change {restated} rows of {first} to {last} (people open and click later), and "
        f"numbers of {NEW_DAYS} more days and of {3 * NEW_DAYS} new campaigns appear."
    )
    return restated


def demand(output: Output, is_right: bool) -> None:
    """Raise DemoError with the connector's own messages if a command did not end well."""
    if output.exit_code == 0 and is_right:
        return
    told = [error["message"] for error in output.errors] or output.text.splitlines()[-5:]
    raise DemoError(f"A command ended with exit code {output.exit_code}:\n" + "\n".join(told))


# --- comparing with the truth ---------------------------------------------------------------------------------------


def compare_first(sync: Sync, sandbox: Sandbox, config: Mapping[str, Any]) -> None:
    """Compare every record of the first sync with the truth of all days."""
    account = sandbox.account
    for stream in STREAMS:
        truth = sandbox.expected(stream, account.first_day, yesterday(account), config)
        compare("first sync", stream, sync.records(stream), truth)
    report_comparison(sync)


def compare_second(sync: Sync, before: Sync, sandbox: Sandbox, config: Mapping[str, Any]) -> None:
    """Compare every record of the second sync with the truth of the days that it has to read again."""
    account = sandbox.account
    for stream in STREAMS:
        records, from_day = sync.records(stream), account.first_day
        if stream in STATISTICS:
            from_day = before.state_day(stream) - timedelta(days=LOOKBACK[GROUPS[stream]])
        truth = sandbox.expected(stream, from_day, yesterday(account), config)
        compare("second sync", stream, records, truth)
    report_comparison(sync)


def compare(where: str, stream: str, found: Sequence[Record], truth: Sequence[Record]) -> None:
    demand_nothing(differences(found, truth, PRIMARY_KEYS[stream]), f"{where} differs from the truth in {stream}")


def demand_nothing(differs: str, what: str) -> None:
    if differs:
        raise DemoError(f"The {what}:\n{differs}")


def report_comparison(sync: Sync) -> None:
    count = sum(len(sync.records(stream)) for stream in STREAMS)
    print(f"  {count:,} records, every one compared with what the sandbox holds: none missing, none wrong.")


def again(stream: str, first: Sync, second: Sync) -> Again:
    """Count the records of the second sync that are unchanged, that have new numbers, and that are new."""
    key = PRIMARY_KEYS[stream]
    before = {tuple(row[name] for name in key): row for row in first.records(stream)}
    pairs = [(row, before.get(tuple(row[name] for name in key))) for row in second.records(stream)]
    known = [row == earlier for row, earlier in pairs if earlier is not None]
    return Again(sum(known), len(known) - sum(known), len(pairs) - len(known))


# --- the table ------------------------------------------------------------------------------------------------------

HEAD = ("stream", "records", "requests", "seconds", "unchanged", "changed", "new", "requests", "seconds")


def print_table(first: Sync, second: Sync) -> None:
    rows: list[tuple[str | int | float, ...]] = []
    totals = [0] * 6
    for stream in STREAMS:
        back = again(stream, first, second)
        earlier = (len(first.records(stream)), first.requests[stream])
        later = (back.unchanged, back.changed, back.new, second.requests[stream])
        totals = [total + number for total, number in zip(totals, earlier + later, strict=True)]
        rows.append((stream, *earlier, first.seconds(stream), *later, second.seconds(stream)))
    rows.append(("total", *totals[:2], first.output.seconds, *totals[2:], second.output.seconds))
    lines = [[cell_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[n]) for line in [HEAD, *lines]) for n in range(len(HEAD))]
    left, right = sum(widths[1:4]) + 4, sum(widths[4:]) + 8
    print(f"{'':{widths[0]}} | {'first sync':^{left}} | {'second sync':^{right}}")
    for line in (HEAD, None, *lines[:-1], None, lines[-1]):
        print_line(line or ["-" * width for width in widths], widths)
    print()
    tell(
        "unchanged, changed: records that the first sync had too, with the same or with new numbers. The streams run "
        "at the same time, so the seconds do not add up; the total is the whole process. One list serves both "
        "streams of Batch and of Batch MEP, so its requests are counted once."
    )


def cell_text(cell: str | int | float) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell:,.1f}" if isinstance(cell, float) else f"{cell:,}"


def print_line(cells: Sequence[str], widths: Sequence[int]) -> None:
    texts = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
    print(f"{cells[0]:{widths[0]}} | {'  '.join(texts[1:4])} | {'  '.join(texts[4:])}")


def print_reasons(first: Sync, second: Sync, restated: int) -> None:
    """Say why the records of the second sync came."""
    print("\nWhy these records came:")
    lists = [name for name in STREAMS if name not in STATISTICS]
    found = sum(again(name, first, second).new for name in lists)
    reason(", ".join(lists), f"A list has no date, so every sync reads it whole. {found} campaigns are new.")
    for stream in STATISTICS:
        days = LOOKBACK[GROUPS[stream]]
        last = first.state_day(stream)
        back = again(stream, first, second)
        reason(
            stream,
            f"Vendors go on changing past days, so each sync reads {days} days (lookback_days) before the last one "
            f"again: here from {last - timedelta(days=days)}, since the first sync ended with {last}. {back.changed} "
            f"records replace old numbers; {back.new} are of days or campaigns without numbers before. "
            f"{asked(stream, second)}",
        )
    changed = sum(again(name, first, second).changed for name in STATISTICS)
    print()
    tell(f"The vendors restated {restated} rows, and {changed} came again with new numbers.")


def asked(stream: str, sync: Sync) -> str:
    """A sentence: how many requests a stream took, and why not more."""
    count = sync.requests[stream]
    if stream == "moengage_campaign_stats":
        return f"One request covers one day and ten campaigns: {count} requests."
    if stream == "legacy_campaign_stats":
        return f"One request covers one campaign and all its days: {count} requests."
    if stream == "legacy_transactional_stats":
        return f"One request covers one group of messages and the whole window, up to 178 days: {count} requests."
    known = len(sync.records("orchestrations"))
    return (
        f"One request covers one orchestration and the whole window: {count} requests for {known} orchestrations, the "
        f"other {known - count} ended too long ago, or have not begun, and can have no rows."
    )


# --- the warehouse --------------------------------------------------------------------------------------------------


def load(path: Path, directory: Path, catalog: Mapping[str, Any]) -> None:
    """Load one sync after the other, and let dbt build the reports after each, so that it can record changes."""
    if not dbt_package.PROGRAM.exists():
        raise DemoError("dbt is not installed. `make demo` makes its environment.")
    path.unlink(missing_ok=True)
    dbt = Dbt(directory / "dbt", duckdb_output(path, "main"), {"campaign_stats_history": True})
    for sync in ("first-sync", "second-sync"):
        with Warehouse(path, catalog) as warehouse:
            warehouse.load(directory / sync / "records.jsonl")
        done = dbt.run("build")
        if done.exit_code:
            raise DemoError(f"dbt ended with exit code {done.exit_code}:\n{done.text}")


def check_tables(warehouse: Warehouse, sandbox: Sandbox, config: Mapping[str, Any]) -> None:
    """Check that after both syncs the tables hold one row per key, and that every row is today's truth."""
    counts = []
    for stream, truth in truth_of_today(sandbox, config).items():
        known = warehouse.columns_of(stream)
        right = [{name: value for name, value in row.items() if name in known} for row in truth]
        compare("database", stream, warehouse.records(stream), right)
        counts.append(f"{stream} {len(truth):,}")
    tell(f"Tables with one row a key, all compared with the truth again: {', '.join(counts)}.")


def check_reports(warehouse: Warehouse, sandbox: Sandbox, config: Mapping[str, Any]) -> None:
    """Check every row of every report against the sums of the truth."""
    counts = []
    for model, truth in reports({SCHEMA: truth_of_today(sandbox, config)}).items():
        found = differences_of(warehouse.rows(f"FROM {model}"), truth, model)
        demand_nothing(found, f"report {model} differs from the truth")
        counts.append(f"{model} {len(truth):,}")
    print()
    tell(f"Reports, all vendors in the same columns, all compared with the truth: {', '.join(counts)}.")


def truth_of_today(sandbox: Sandbox, config: Mapping[str, Any]) -> dict[str, list[Record]]:
    account = sandbox.account
    return {stream: sandbox.expected(stream, account.first_day, yesterday(account), config) for stream in STREAMS}


ROWS_SHOWN = 5


def answer(warehouse: Warehouse, query: DocumentedQuery) -> None:
    """Print a question, its query and the first rows of the answer."""
    rows = warehouse.rows(query.sql)
    if not rows:
        raise DemoError(f"There is no answer to: {query.question}")
    print(f"\n{query.question}\n\n{textwrap.indent(query.sql, '    ')}")
    shown = [list(rows[0]), *([shown_value(value) for value in row.values()] for row in rows[:ROWS_SHOWN])]
    widths = [max(len(line[n]) for line in shown) for n in range(len(shown[0]))]
    for line in shown:
        print("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    if len(rows) > ROWS_SHOWN:
        print(f"  … {len(rows):,} rows in all")


def shown_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return textwrap.shorten(value, 30, placeholder="…")
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, (int, float, Decimal)) else str(value)


def show_files(directory: Path) -> None:
    heading("6. What is left to look at")
    print(f"In {directory}/:")
    for name, what in (
        ("report.png", "sends and opens per day and vendor, as a picture"),
        (
            "warehouse.duckdb",
            f"{len(STREAMS)} tables in the schema {SCHEMA}, and the reports; docs/queries.md has more to ask",
        ),
        ("first-sync/, second-sync/", "records.jsonl, state.json and messages.log, as the connector printed them"),
        ("config.json, catalog.json", "what the connector was given, and what it can read"),
    ):
        print(f"  {name:26} {what}")


# --- the picture ----------------------------------------------------------------------------------------------------

COLOURS = {"batch": ("#a9c7e8", "#1f5fa8"), "batch_legacy": ("#f3cf9b", "#c26a06"), "moengage": ("#b5dcc1", "#1e7f45")}
NAMES = {"batch": "Batch CEP", "batch_legacy": "Batch MEP", "moengage": "MoEngage"}
OPENS = {
    "batch": "people who opened (push and e-mail)",
    "batch_legacy": "direct and influenced opens",
    "moengage": "opens of e-mails, reads of WhatsApp",
}
PER_DAY = """
SELECT vendor, date_day, coalesce(sum(sends), 0)::BIGINT AS sends,
       coalesce(sum(coalesce(unique_opens, opens)), 0)::BIGINT AS opens
FROM campaign_stats__daily GROUP BY ALL ORDER BY ALL
"""


def draw(warehouse: Warehouse, path: Path, account: Account) -> None:
    """Draw sends and opens per day, with one panel for each vendor."""
    rows = warehouse.query(PER_DAY)
    figure = Figure(figsize=(11, 8.5), layout="constrained", facecolor="white")
    panels = figure.subplots(len(COLOURS), 1, sharex=True)
    for panel, vendor in zip(panels, COLOURS, strict=True):
        draw_vendor(panel, vendor, [(day, sends, opens) for name, day, sends, opens in rows if name == vendor])
        panel.axvspan(
            float(date2num(account.horizon - timedelta(days=NEW_DAYS - 1))) - 0.5,
            float(date2num(account.horizon)) + 0.5,
            color="#888888",
            alpha=0.15,
            linewidth=0,
            zorder=0,
        )
    locator = AutoDateLocator()
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    panels[-1].set_xlim(float(date2num(account.first_day)) - 0.7, float(date2num(account.horizon)) + 0.7)
    figure.suptitle("Sends and opens per day and vendor", x=0.01, ha="left", fontsize=15, fontweight="bold")
    figure.supxlabel(
        "campaign_stats__daily on made-up numbers; each panel has a scale of its own. Grey: the second sync's days.",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    figure.savefig(path, dpi=110)


def draw_vendor(panel: Axes, vendor: str, rows: Sequence[tuple[date, int, int]]) -> None:
    days = [float(date2num(day)) for day, _, _ in rows]
    light, dark = COLOURS[vendor]
    panel.bar(days, [sends for _, sends, _ in rows], width=0.86, color=light, label="sends")
    panel.bar(days, [opens for _, _, opens in rows], width=0.86, color=dark, label=OPENS[vendor])
    panel.set_title(NAMES[vendor], loc="left", fontsize=12, fontweight="bold", color=dark)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2)
    panel.yaxis.set_major_formatter(EngFormatter(sep=""))
    panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.grid(axis="y", color="#dddddd", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.tick_params(length=0)
    panel.spines[["top", "left", "right"]].set_visible(False)


# --- small things ---------------------------------------------------------------------------------------------------


def yesterday(account: Account) -> date:
    return account.today - timedelta(days=1)


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def heading(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}")


def tell(text: str, indent: str = "") -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent))


def reason(subject: str, text: str) -> None:
    print(f"  {subject}")
    tell(text, "      ")


def step(name: str, output: Output, told: str) -> None:
    print(f"  {name:9} {output.seconds:4.1f} s  {told}", flush=True)


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every terminal knows all letters of the names. Line buffering shows progress when the output is piped.
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    sys.exit(main())
