"""The queries of docs/queries.md give the right answers on both databases that PyAirbyte loaded."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from integration_tests.databases import DATABASES
from integration_tests.dbt_truth import Records, total
from integration_tests.documented_queries import FIRST_QUESTIONS, DocumentedQuery, documented_queries
from integration_tests.reported import MORE_SENDS, Reported, Row, last_day

Answer = list[tuple[Any, ...]]

CAMPAIGN = ("source_relation", "vendor", "account", "campaign_id")
NAMED = (*CAMPAIGN, "campaign_name")


@dataclass(frozen=True)
class Truth:
    """The expected rows of the reports, and the records. The answers are worked out from them without SQL."""

    reports: Mapping[str, list[Row]]
    records: Records

    def rows(self, model: str) -> list[Row]:
        return self.reports[f"campaign_stats__{model}"]


def opens(row: Row) -> Any:
    return row["opens"] if row["unique_opens"] is None else row["unique_opens"]


def grouped(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def sums(rows: Iterable[Row], *columns: str | Callable[[Row], Any]) -> tuple[Any, ...]:
    rows = list(rows)
    return tuple(total(row[name] if isinstance(name, str) else name(row) for row in rows) for name in columns)


def rate(part: Any, whole: Any, digits: int) -> Any:
    return round(100 * part / whole, digits) if whole and part is not None else None


def each_day(truth: Truth) -> Answer:
    names = ("clicks", "conversions", "revenue")
    return [
        (row["vendor"], row["campaign_name"], row["date_day"], row["sends"], opens(row), *(row[name] for name in names))
        for row in truth.rows("daily")
    ]


def platforms(truth: Truth) -> Answer:
    groups = grouped(truth.rows("daily_by_platform"), "vendor", "platform")
    return [(*key, *sums(rows, "sends", opens, "clicks", "conversions", "revenue")) for key, rows in groups.items()]


def reactions(row: Row) -> Any:
    names = ("opens",) if row["vendor"] == "batch_legacy" else ("clicks", "unique_clicks")
    return next((row[name] for name in names if row[name] is not None), None)


def winners(truth: Truth) -> Answer:
    answer = []
    for (_, vendor, _, _, name), rows in grouped(truth.rows("daily_by_variant"), *NAMED).items():
        variants = [
            (variant, sends, reacted)
            for (variant,), group in grouped(rows, "variant").items()
            for sends, reacted in [sums(group, "sends", reactions)]
            if sends
        ]
        if variants:
            best = min(variants, key=lambda known: (-(-1 if known[2] is None else known[2] / known[1]), known[0]))
            answer.append((vendor, name, *best[:2], rate(best[2], best[1], 2)))
    return answer


def open_rates(truth: Truth) -> Answer:
    counted = [row for row in truth.rows("daily") if row["sends"] is not None and opens(row) is not None]
    answer = []
    for (channel,), rows in grouped(counted, "channel").items():
        sends, opened = sums(rows, "sends", opens)
        answer.append((channel, sends, opened, rate(opened, sends, 1)))
    return answer


def changed(truth: Truth) -> Answer:
    day = date.fromisoformat(last_day(truth.records))
    return [
        ("batch", row["campaign_id"], day, "sends", row["sends"] - MORE_SENDS, row["sends"])
        for row in truth.rows("daily")
        if row["vendor"] == "batch" and row["date_day"] == day and row["sends"] is not None
    ]


def best_campaigns(truth: Truth) -> Answer:
    last = max(row["date_day"] for row in truth.rows("daily"))
    recent = [row for row in truth.rows("daily") if row["date_day"] > last - timedelta(days=30)]
    known = [(key[3], (key[1], key[4], *sums(rows, "sends", opens))) for key, rows in grouped(recent, *NAMED).items()]
    ranked = sorted((pair for pair in known if pair[1][3]), key=lambda pair: (-pair[1][3], pair[0]))
    return [row for _, row in ranked[:10]]


def per_day_and_vendor(truth: Truth) -> Answer:
    groups = grouped(truth.rows("daily"), "vendor", "date_day")
    return [(*key, *sums(rows, "sends", opens)) for key, rows in groups.items()]


def side_by_side(truth: Truth) -> Answer:
    answer = []
    for (_, vendor, _, *rest), rows in grouped(truth.rows("daily_by_variant"), *NAMED, "variant").items():
        sends, clicks = sums(rows, "sends", "clicks")
        answer.append((vendor, *rest, sends, clicks, rate(clicks, sends, 2)))
    return answer


def goals(truth: Truth) -> Answer:
    groups = grouped(truth.rows("daily_by_goal"), "campaign_id", "campaign_name", "goal_name")
    return [(*key, *sums(rows, "conversions", "revenue")) for key, rows in groups.items()]


def deleted(truth: Truth) -> Answer:
    days = grouped(truth.rows("daily"), *CAMPAIGN)
    return [
        (row["vendor"], row["campaign_id"], row["last_day"], *sums(days.get(key, ()), "sends"))
        for row in truth.rows("campaigns")
        for key in [tuple(row[name] for name in CAMPAIGN)]
        if not row["is_listed"]
    ]


def versions_in_raw_tables(truth: Truth) -> Answer:
    names = {row["id"]: row["name"] for row in truth.records["orchestrations"]}
    parts = [
        {"id": row["orchestration_id"], **dict.fromkeys(("sent", "total_click")), **part}
        for row in truth.records["orchestration_stats"]
        for part in row.get("versions") or ()
        if part.get("version") is not None
    ]
    answer = []
    for (orchestration, version), rows in grouped(parts, "id", "version").items():
        sent, clicks = sums(rows, "sent", "total_click")
        answer.append((orchestration, names.get(orchestration), version, sent, clicks, rate(clicks, sent, 2)))
    return answer


ANSWERS: Mapping[str, Callable[[Truth], Answer]] = {
    "What did each campaign bring, day by day?": each_day,
    "How do the platforms compare?": platforms,
    "Which variant of an A/B test won?": winners,
    "What is the open rate of each channel?": open_rates,
    "What changed since yesterday?": changed,
    "The ten best campaigns of the last 30 days, by opens": best_campaigns,
    "Sends and opens per day and vendor": per_day_and_vendor,
    "The versions of A/B tests side by side": side_by_side,
    "Conversions and revenue of each goal in MoEngage": goals,
    "Campaigns that were deleted, with what they brought": deleted,
    "Without dbt": versions_in_raw_tables,
}


def title(query: DocumentedQuery) -> str:
    return query.question or query.section


def test_the_page_has_five_first_questions_and_every_query_has_an_expected_answer() -> None:
    assert len(documented_queries(FIRST_QUESTIONS)) == 5
    assert [title(query) for query in documented_queries()] == list(ANSWERS)


@pytest.mark.parametrize("query", documented_queries(), ids=title)
@pytest.mark.parametrize("database", DATABASES)
def test_a_query_gives_the_right_answer(reported: Reported, database: str, query: DocumentedQuery) -> None:
    place, truth = reported.place(database), Truth(reported.truth[database], reported.records[database])
    schemas = f"reports,{place.raw_schema}"
    with place.query() as ask:
        ask(f"SET search_path = '{schemas}'" if database == "duckdb" else f"SET search_path = {schemas}")
        rows = ask(query.sql)
    assert rows, "an example without an answer shows nothing"
    keep_order = "limit" in query.sql
    found, right = comparable(rows, keep_order), comparable(ANSWERS[title(query)](truth), keep_order)
    assert len(found) == len(right)
    for row, expected in zip(found, right, strict=True):
        # Databases round halves differently, so the last digit of a rate can differ. Whole numbers have to be equal.
        numbers = [n for n, value in enumerate(expected) if isinstance(value, float) and row[n] is not None]
        assert [row[n] for n in numbers] == pytest.approx([expected[n] for n in numbers], rel=1e-9, abs=0.011)
        assert [v for n, v in enumerate(row) if n not in numbers] == [
            v for n, v in enumerate(expected) if n not in numbers
        ]


def comparable(rows: Iterable[Sequence[Any]], keep_order: bool) -> list[list[Any]]:
    """The rows without differences between databases: types of numbers and dates, and the order of texts."""

    def cell(value: Any) -> Any:
        is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        return round(float(value), 6) if is_number else value.isoformat() if isinstance(value, date) else value

    plain = [[cell(value) for value in row] for row in rows]
    return plain if keep_order else sorted(plain, key=repr)
