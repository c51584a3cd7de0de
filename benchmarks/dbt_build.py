"""Measures how long dbt takes for a large account, and how much memory: `python -m benchmarks.dbt_build`.

DuckDB makes up 8 million leaves of MoEngage with two goals each, and 2 million rows of Batch with three platforms and
two versions, in `build/`. The figures that are printed stand in docs/dbt.md.
"""

import json
import sys
from pathlib import Path

import duckdb

from benchmarks import machine
from benchmarks.measuring import measure
from integration_tests.dbt_package import Dbt, duckdb_output
from integration_tests.raw_tables import columns_of

LEAVES, BATCH_ROWS = 8_000_000, 2_000_000
FOLDER = Path(__file__).parents[1] / "build" / "dbt-benchmark"

# A day of a campaign has 36 leaves: every total beside its parts.
PLATFORMS = ("ALL_PLATFORMS", "ANDROID", "IOS", "WEB")
LOCALES = ("all_locales", "en", "fr")
VARIATIONS = ("all_variations", "Variation 1", "Variation 2")
LEAF = {
    "workspace_id": "'workspace'",
    "date": "date '2025-01-01' + (n // 36 % 500)::integer",
    "campaign_id": "md5((n // 18000)::varchar)[:24]",
    "platform": f"{list(PLATFORMS)}[n % 4 + 1]",
    "locale": f"{list(LOCALES)}[n // 4 % 3 + 1]",
    "variation": f"{list(VARIATIONS)}[n // 12 % 3 + 1]",
    "attribution_type": "'TOTAL_CONVERSIONS'",
    "metric_type": "'TOTAL'",
    "in_total": "n % 36 = 0",
    **dict.fromkeys(("attempted", "sent", "impression", "click", "opened", "delivered", "failed"), "hash(n) % 90000"),
    "conversion_goal_stats": """'[{"goal_name":"Goal 1","conversions":' || n % 977 || ',"cvr":1.5,"revenue":'
        || n % 7919 || '.25},{"goal_name":"Goal 2","conversions":' || n % 13 || ',"cvr":0.5,"uplift":0}]'""",
}
_METRICS = ("sent", "delivered", "unique_open", "total_open", "unique_click", "total_click", "total_bounce")
_PART = ",".join(f"\"{name}\":' || n % {1000 + place} || '" for place, name in enumerate((*_METRICS, "total_revenue")))
BATCH_ROW = {
    "project_key": "'project'",
    "orchestration_id": "'orchestration_' || n // 500",
    "date": "date '2025-01-01' + (n % 500)::integer",
    **dict.fromkeys((*_METRICS, "total_revenue"), "hash(n) % 90000"),
    "platforms": "'[" + ",".join(f'{{"platform":"{name}",{_PART}}}' for name in ("ANDROID", "IOS", "WEB")) + "]'",
    "versions": "'[" + ",".join(f'{{"version":"{name}",{_PART}}}' for name in "ab") + "]'",
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "large.duckdb"
    path.unlink(missing_ok=True)
    make_tables(path)
    dbt = Dbt(FOLDER, duckdb_output(path, "models"))
    for command in ("run", "test"):
        cost = measure(dbt.command(command), dbt.environment(), FOLDER / f"{command}.txt")
        print(f"dbt {command}: {cost.seconds / 60:.1f} minutes, {cost.peak_mb / 1000:.1f} GB of memory at most")
    print(machine.described())
    print(f"{path.stat().st_size / 1e9:.1f} GB in the file")
    results = json.loads((FOLDER / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    for result in sorted(results, key=lambda result: -result["execution_time"])[:5]:
        print(f"  {result['execution_time']:6.1f} s  {result['unique_id'].split('.')[2]}", file=sys.stderr)


def make_tables(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA campaign_stats; SET schema = 'campaign_stats'")
        for stream, values, rows in (
            ("moengage_campaign_stats", LEAF, LEAVES),
            ("orchestration_stats", BATCH_ROW, BATCH_ROWS),
        ):
            chosen = [f'({values.get(name, "NULL")})::{kind} AS "{name}"' for name, kind in columns_of(stream).items()]
            chosen.append("now()::timestamp AS _airbyte_extracted_at")
            connection.execute(f"CREATE TABLE {stream} AS SELECT {', '.join(chosen)} FROM range({rows}) AS numbers (n)")


if __name__ == "__main__":
    main()
