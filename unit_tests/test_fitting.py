"""Each value of an answer is made to fit its column, or an error names the column and the value."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import jsonschema
import msgspec
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from source_campaign_stats.http.answers import Unreadable, exactly
from source_campaign_stats.output.errors import UnfitValueError
from source_campaign_stats.vendors.batch import (
    _NO_METRICS,
    OrchestrationExtractor,
    OrchestrationStatsExtractor,
    day_record,
    days_with_rows,
)
from source_campaign_stats.vendors.batch_legacy import LegacyCampaignExtractor, LegacyStatsExtractor
from source_campaign_stats.vendors.fitting import Columns, columns_of
from source_campaign_stats.vendors.fitting import fitted as fitted_records
from source_campaign_stats.vendors.moengage import MoEngageCampaignExtractor, MoEngageStatsExtractor
from source_campaign_stats.vendors.records import documented_metrics
from unit_tests.builders import (
    Answer,
    BatchCep,
    ConfigBuilder,
    assert_fits_schema,
    day,
    legacy_campaign,
    legacy_day,
    moengage_answer,
    moengage_campaign,
    moengage_campaign_stats,
    orchestration,
    read,
    schema_of,
)

MOENGAGE = ConfigBuilder().with_moengage(attribution_type="TOTAL_CONVERSIONS", metric_type="TOTAL").build()
SCHEMA = {
    "type": "object",
    "properties": {
        "whole": {"type": ["null", "integer"]},
        "number": {"type": ["null", "number"]},
        "truth": {"type": ["null", "boolean"]},
        "text": {"type": ["null", "string"]},
        "texts": {"type": ["null", "array"], "items": {"type": ["null", "string"]}},
        "parts": {
            "type": ["null", "array"],
            "items": {"type": ["null", "object"], "properties": {"sent": {"type": ["null", "integer"]}}},
        },
        "open": {"type": ["null", "object"]},
    },
}


# Made in the tests, so that a mutant of the code that makes them is noticed.
@cache
def misfits() -> Columns:
    return Columns(SCHEMA)


def wide() -> Columns:
    return Columns(schema_of("orchestration_stats"), {"platforms": "platform"})


def raws(*items: str | bytes) -> list[msgspec.Raw]:
    return [msgspec.Raw(item.encode() if isinstance(item, str) else item) for item in items]


def fitted(text: str, columns: Columns | None = None) -> dict[str, Any]:
    (record,) = fitted_records(raws(text), lambda items: items, columns or misfits())
    return dict(record)


def answer(body: Any) -> requests.Response:
    """An answer with this body; a text is sent as it is."""
    made = requests.Response()
    made.status_code = 200
    made._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return made


# --- One value --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "written", "becomes"),
    [
        ("whole", "12", 12),
        ("whole", "-0", 0),
        ("whole", "12.0", 12),
        ("whole", "-12.00", -12),
        ("whole", "1e3", 1000),
        ("whole", "12345678901234567891.0", 12345678901234567891),
        ("whole", "18446744073709551616", 18446744073709551616),
        ("whole", '"12"', 12),
        ("whole", '" 12 "', 12),
        ("whole", '"+12.0"', 12),
        ("whole", '"1e3"', 1000),
        ("whole", '"18446744073709551616"', 18446744073709551616),
        ("whole", '""', None),
        ("whole", '" "', None),
        ("whole", "[]", None),
        ("whole", "{}", None),
        ("number", "1.5", 1.5),
        ("number", "12", 12),
        ("number", "18446744073709551616", 18446744073709551616),
        ("number", '"18446744073709551616"', 18446744073709551616),
        ("number", '" 1.50 "', 1.5),
        ("number", '"1e3"', 1000.0),
        ("number", '".5"', 0.5),
        ("number", "1e-400", 0.0),
        ("number", '""', None),
        ("truth", "true", True),
        ("truth", "0", False),
        ("truth", '"True"', True),
        ("truth", '"0"', False),
        ("truth", '""', None),
        ("text", '"12"', "12"),
        ("text", '""', ""),
        ("text", "12", "12"),
        ("text", "1.10", "1.10"),
        ("text", "1e5", "1e5"),
        ("text", "18446744073709551616", "18446744073709551616"),
        ("text", "true", "true"),
        ("text", "[]", None),
        ("texts", '["a", 1, null]', ["a", "1", None]),
        ("texts", '"push"', ["push"]),
        ("texts", "[]", []),
        ("texts", '""', None),
        ("texts", "{}", None),
        ("parts", '[{"sent": "3"}, null, {}]', [{"sent": 3}, None, {}]),
        ("open", '{"a": 1.10, "b": [18446744073709551616, "12"]}', {"a": 1.1, "b": [18446744073709551616, "12"]}),
        ("open", "[]", None),
        ("undeclared", '{"a": 1.10, "b": ["12", 12.0]}', {"a": 1.1, "b": ["12", 12.0]}),
    ],
)
def test_a_value_becomes_what_its_column_declares(column: str, written: str, becomes: Any) -> None:
    # Beside it stands a value that does not fit as it is, so that every record is read exactly.
    record = fitted(f'{{"{column}": {written}, "number": "7"}}' if column != "number" else f'{{"{column}": {written}}}')

    found = record[column]
    assert (found, type(found)) == (becomes, type(becomes))
    kinds = {type(part) for part in parts_of(found)}
    assert kinds <= {dict, list, str, int, float, bool, type(None)}, "a line can hold only these types"


@pytest.mark.parametrize("column", ["whole", "number", "truth", "text", "texts", "parts", "open"])
def test_null_stays_null(column: str) -> None:
    assert fitted(f'{{"{column}": null, "whole": "1"}}' if column != "whole" else '{"whole": null}')[column] is None


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ('{"whole": 12.5}', '"whole" holds 12.5 where a whole number belongs'),
        ('{"whole": "12.5"}', '"whole" holds the text "12.5" where a whole number belongs'),
        ('{"whole": true}', '"whole" holds true where a whole number belongs'),
        ('{"whole": "-"}', '"whole" holds the text "-" where a whole number belongs'),
        ('{"whole": "1,000"}', '"whole" holds the text "1,000" where'),
        ('{"whole": "1_000"}', '"whole" holds the text "1_000" where'),
        ('{"whole": "١٢"}', '"whole" holds the text "١٢" where'),
        ('{"whole": "NaN"}', '"whole" holds the text "NaN" where'),
        ('{"whole": "1e400"}', '"whole" holds the text "1e400" where'),
        ('{"whole": {"sum": 1}}', '"whole" holds an object where a whole number belongs'),
        ('{"whole": [1]}', '"whole" holds an array where a whole number belongs'),
        ('{"whole": 1e400}', '"whole" holds 1e400 where a number that a computer can hold belongs'),
        ('{"number": true}', '"number" holds true where a number belongs'),
        ('{"number": "12 %"}', '"number" holds the text "12 %" where a number belongs'),
        ('{"number": "inf"}', '"number" holds the text "inf" where a number belongs'),
        ('{"truth": 2}', '"truth" holds 2 where true or false belongs'),
        ('{"truth": "yes"}', '"truth" holds the text "yes" where true or false belongs'),
        ('{"text": {"en": "Sale"}}', '"text" holds an object where a text belongs'),
        ('{"text": ["Sale"]}', '"text" holds an array where a text belongs'),
        ('{"text": 1e400}', '"text" holds 1e400 where a number that a computer can hold belongs'),
        ('{"texts": {"a": 1}}', '"texts" holds an object where an array belongs'),
        ('{"texts": [["a"]]}', '"texts" holds an array where a text belongs'),
        ('{"parts": [{"sent": "many"}]}', '"parts.sent" holds the text "many" where a whole number belongs'),
        ('{"parts": [{"new": [{"deep": -1e400}]}]}', '"parts.new.deep" holds -1e400 where'),
        ('{"open": {"deep": [1e400]}}', '"open.deep" holds 1e400 where'),
        ('{"open": 5}', '"open" holds 5 where an object belongs'),
        (f'{{"whole": "{"word " * 20}"}}', f'"whole" holds the text "{"word " * 12}…" where'),
        (f'{{"whole": "{"x" * 61}"}}', '"whole" holds a text of 61 characters where'),
        ('{"undeclared": 1e400}', '"undeclared" holds 1e400 where'),
        (f'{{"whole": {"9" * 5000}}}', f'"whole" holds {"9" * 60}… where'),
    ],
)
def test_a_value_that_can_not_be_made_to_fit_is_reported_with_its_column(record: str, told: str) -> None:
    with pytest.raises(UnfitValueError) as raised:
        fitted(record)

    assert told in str(raised.value)


def parts_of(value: Any) -> Iterator[Any]:
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts_of(part)


# --- Whole records ----------------------------------------------------------------------------------------------------

WHOLE = st.integers(-(10**30), 10**30)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def odd_spellings(schema: Mapping[str, Any]) -> st.SearchStrategy[tuple[str, Any]]:
    """A JSON text that can be made to fit the schema, and what it has to become."""
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][1]
    if kind == "integer":
        spelt = WHOLE.flatmap(
            lambda n: st.sampled_from([f"{n}", f'"{n}"', f'" {n} "', f"{n}.0", f'"{n}.00"']).map(lambda text: (text, n))
        )
    elif kind == "number":
        spelt = NUMBERS.flatmap(lambda n: st.sampled_from([f"{n!r}", f'" {n!r}"']).map(lambda text: (text, n)))
    elif kind == "boolean":
        spelt = st.sampled_from([("true", True), ('"TRUE"', True), ("1", True), ("false", False), ('"0"', False)])
    elif kind == "string":
        spelt = WORDS.map(lambda word: (json.dumps(word), word)) | WHOLE.map(lambda n: (f"{n}", f"{n}"))
    elif kind == "array":
        spelt = st.lists(odd_spellings(schema["items"]), max_size=2).map(
            lambda items: (f"[{', '.join(text for text, _ in items)}]", [value for _, value in items])
        )
    else:
        spelt = st.fixed_dictionaries(
            {}, optional={name: odd_spellings(part) for name, part in schema.get("properties", {}).items()}
        ).map(
            lambda parts: (
                f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, (text, _) in parts.items())}}}",
                {name: value for name, (_, value) in parts.items()},
            )
        )
    return st.just(("null", None)) | spelt


STREAMS = (
    "orchestrations",
    "orchestration_stats",
    "legacy_campaigns",
    "legacy_campaign_stats",
    "legacy_transactional_stats",
    "moengage_campaigns",
    "moengage_campaign_stats",
)


@pytest.mark.parametrize("stream", STREAMS)
def test_whatever_the_spelling_a_record_has_the_same_values_and_fits_the_schema(stream: str) -> None:
    @given(odd_spellings({**schema_of(stream), "type": ["null", "object"]}).filter(lambda pair: pair[1] is not None))
    def check(pair: tuple[str, dict[str, Any]]) -> None:
        text, truth = pair

        found = fitted(text, columns_of(stream))

        assert found == truth, f"of {text}"
        assert_fits_schema_but_for_dates(stream, found)

    check()


def assert_fits_schema_but_for_dates(stream: str, record: Mapping[str, Any]) -> None:
    """Without the format of dates, which is the work of the extractors."""
    problems = [error.message for error in jsonschema.Draft7Validator(schema_of(stream)).iter_errors(record)]
    assert not problems, f"{stream}: {problems}"


@given(
    st.recursive(
        st.none() | st.booleans() | WHOLE | NUMBERS | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    )
)
def test_what_the_schema_does_not_declare_stays_as_it_is(value: Any) -> None:
    text = json.dumps({"new": value, "whole": "7"})

    assert fitted(text) == {"new": value, "whole": 7}
    assert json.dumps(fitted(text)["new"]) == json.dumps(value), "the types as well"


@pytest.mark.parametrize("where", ["", "platform", "versions", "message_steps", "message_steps.platform"])
@pytest.mark.parametrize("value", [True, 1.5, "12", 2**64, {"deep": [2**64, None]}])
@pytest.mark.parametrize(
    "name", ["seen", "platforms", "other_metrics", "orchestration_id", "step_id", "field_1", "self"]
)
def test_what_a_vendor_adds_is_read_the_same_in_the_fast_and_the_slow_way(name: str, value: Any, where: str) -> None:
    sent = day("2026-11-20", message_steps=[{"step_id": "a", "sent": 1, "platform": {"IOS": {"sent": 2}}}])
    sent |= {"platform": [{"platform": "WEB", "sent": 3}], "versions": [{"version": "a", "sent": 4}]}
    part = sent
    for place in where.split(".") if where else ():
        part = part[place]["IOS"] if isinstance(part[place], dict) else part[place][0]
    part[name] = value
    shape = partial(map, partial(day_record, known=documented_metrics("orchestration_stats") | _NO_METRICS))

    def rows(columns: Columns) -> list[str]:
        try:
            return [json.dumps(row, sort_keys=True) for row in fitted_records(raws(json.dumps(sent)), shape, columns)]
        except UnfitValueError as error:
            return [str(error)]

    slow, fast = columns_of("orchestration_stats"), columns_of("orchestration_stats", platforms="platform")
    assert [rows(fast), rows(fast)] == [rows(slow)] * 2


def test_a_record_with_what_the_vendor_added_is_compared_while_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = wide()
    monkeypatch.setattr(Columns, "raise_for_misfit", lambda *_: pytest.fail("compared afterwards"))

    assert fitted('{"sent": 1, "seen": 2, "platform": {"IOS": {"seen": 3}}}', columns)
    assert fitted('{"sent": 1, "platform": [{"platform": "IOS", "sent": 4}]}', columns)


def test_at_most_fifty_new_names_are_learnt() -> None:
    columns = wide()

    rows = [fitted(f'{{"sent": 1, "campaign_{n}": 2}}', columns) for n in range(200)]

    assert rows == [{"sent": 1, f"campaign_{n}": 2} for n in range(200)]
    assert columns.as_sent is not None
    assert len(columns.as_sent.added) == 50


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["a`b", "a", 'a"b'])))
def test_new_names_with_any_characters_arrive(names: list[str]) -> None:
    """A name that msgspec refuses once made the reading endless."""
    columns = wide()
    assert columns.as_sent
    learn, most = columns.as_sent._learns, iter(range(10 * len(names) + 10))
    columns.as_sent._learns = lambda *told: learn(*told) if next(most, None) is not None else pytest.fail("endless")  # type: ignore[method-assign]

    for name in [*names, *names]:
        assert fitted(json.dumps({"sent": 1, f"new {name}": 2}), columns) == {"sent": 1, f"new {name}": 2}


def test_a_record_that_fits_as_it_is_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync of 1,000,000 rows is common, and reading exactly takes four times as long."""
    monkeypatch.setattr("source_campaign_stats.vendors.fitting.exactly", lambda text: pytest.fail("read again"))

    assert fitted('{"whole": 12, "number": 12, "parts": [{"sent": 18446744073709551616, "new": "12"}], "new": 12.0}')


def test_threads_that_read_a_stream_for_the_first_time_do_not_crash_the_process() -> None:
    """msgspec crashes when two threads make it learn a type at the same time."""
    program = (
        "import sys, threading\n"
        "from source_campaign_stats.vendors.fitting import Columns, schema_of\n"
        "sys.setswitchinterval(1e-6)\n"
        "schema = schema_of('orchestration_stats')\n"
        "for _ in range(100):\n"
        "    columns, together = Columns(schema), threading.Barrier(8)\n"
        "    def compare():\n"
        "        together.wait()\n"
        "        columns.raise_for_misfit({'platforms': [{'sent': 1}], 'versions': [{'platforms': [{'sent': 1}]}]})\n"
        "    threads = [threading.Thread(target=compare) for _ in range(8)]\n"
        "    [thread.start() for thread in threads]\n"
        "    [thread.join() for thread in threads]\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- What the vendors answer ------------------------------------------------------------------------------------------


def orchestration_rows(*days: Any) -> list[dict[str, Any]]:
    return [dict(r) for r in OrchestrationStatsExtractor().extract_records(answer({"details": list(days)}))]


def legacy_rows(*days: Any) -> list[dict[str, Any]]:
    return [dict(r) for r in LegacyStatsExtractor().extract_records(answer({"detail": list(days)}))]


def moengage_rows(**details: Any) -> list[dict[str, Any]]:
    body = moengage_answer({"c1": moengage_campaign_stats(**details)}, total=1)
    return [dict(r) for r in MoEngageStatsExtractor(MOENGAGE).extract_records(answer(body))]


@pytest.mark.parametrize("as_map", [True, False])
def test_every_breakdown_of_an_orchestration_is_made_to_fit(as_map: bool) -> None:
    def split(name: str, key: str, **numbers: Any) -> dict[str, Any]:
        return {name: {"A": numbers} if as_map else [{key: "A", **numbers}]}

    odd = {"sent": "3", "delivered": 2.0, "total_revenue": "1.50", "new": 2**70}
    parts = {**odd, **split("platform", "platform", **odd)}
    (row,) = orchestration_rows(
        {
            **day("2026-11-20"),
            **parts,
            **split("versions", "version", **parts),
            **split("message_steps", "step_id", **parts),
        }
    )

    fits = {"sent": 3, "delivered": 2, "total_revenue": 1.5, "new": 2**70}
    platforms = [{"platform": "a", **fits}]
    assert row["versions"] == [{"version": "A", **fits, "platforms": platforms}]
    assert row["message_steps"] == [{"step_id": "A", **fits, "platforms": platforms}]
    assert (row["platforms"], row["sent"], row["other_metrics"]) == (platforms, 3, {"new": 2**70})
    assert_fits_schema("orchestration_stats", [row])


def test_ids_and_names_of_parts_that_are_numbers_stay_as_they_are_spelt() -> None:
    body = '{"details": [{"date": "2026-11-20", "message_steps": [{"step_id": 1e5}], "versions": [{"version": 1.10}]}]}'
    (row,) = OrchestrationStatsExtractor().extract_records(answer(body))

    assert row["message_steps"] == [{"step_id": "1e5"}]
    assert row["versions"] == [{"version": "1.10"}]


@pytest.mark.parametrize(("platform", "becomes"), [("IOS", "ios"), (7, "7"), (None, ""), ("", "")])
def test_a_platform_is_a_text_in_small_letters(platform: Any, becomes: str) -> None:
    (row,) = orchestration_rows({**day("2026-11-20"), "platform": [{"platform": platform, "sent": 1}]})

    assert row["platforms"] == [{"platform": becomes, "sent": 1}]


def test_the_versions_of_a_legacy_campaign_are_made_to_fit() -> None:
    (row,) = legacy_rows({**legacy_day("2026-11-20", sent="754"), "versions": {"a": {"sent": 486.0}}, "new": 2**64})

    assert (row["sent"], row["versions"]) == (754, [{"version": "a", "sent": 486}])
    assert row["other_metrics"] == {"new": 2**64}
    assert_fits_schema("legacy_campaign_stats", [row])


def test_every_group_of_a_moengage_leaf_is_made_to_fit() -> None:
    (row,) = moengage_rows(
        performance_stats={"sent": "2", "ctr": "12.5", "new": 2**64},
        delivery_funnel={"sent": 2.0},
        conversion_goal_stats={"Goal": {"conversions": "1", "cvr": "", "new": 2**64}},
        failure_breakdown={"Bounced": "4"},
    )

    assert (row["sent"], row["ctr"], row["other_metrics"]) == (2, 12.5, {"new": 2**64})
    assert row["delivery_funnel"] == {"sent": 2}
    assert row["conversion_goal_stats"] == [{"conversions": 1, "cvr": None, "new": 2**64, "goal_name": "Goal"}]
    assert row["failure_breakdown"] == [{"reason": "Bounced", "count": 4}]


def test_a_leaf_whose_metrics_say_nothing_has_no_performance_stats() -> None:
    (row,) = moengage_rows(performance_stats={"sent": "", "click": None})

    assert (row["sent"], row["in_total"]) == (None, False)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (lambda: orchestration_rows({**day("2026-11-20"), "versions": 5}), '"versions" holds 5 where an array or'),
        (lambda: orchestration_rows({**day("2026-11-20"), "versions": [5]}), '"versions" holds 5 where an object'),
        (lambda: orchestration_rows({**day("2026-11-20"), "platform": {"ios": 5}}), '"platforms" holds 5 where an obj'),
        (
            lambda: orchestration_rows(
                {**day("2026-11-20"), "platform": [{"platform": {}, "sent": []}, {"sent": "x"}]}
            ),
            '"platforms.sent" holds the text "x"',
        ),
        (lambda: legacy_rows({**legacy_day("2026-11-20"), "versions": "x"}), '"versions" holds the text "x" where an'),
        (lambda: moengage_rows(performance_stats=5), '"performance_stats" holds 5 for the campaign c1 where an object'),
        (
            lambda: moengage_rows(performance_stats={"sent": [5]}),
            '"sent" holds an array for the campaign c1 where a whole number',
        ),
        (
            lambda: moengage_rows(delivery_funnel=[5]),
            '"delivery_funnel" holds an array for the campaign c1 where an object',
        ),
        (
            lambda: moengage_rows(conversion_goal_stats=[5]),
            '"conversion_goal_stats" holds an array for the campaign c1 where an object',
        ),
        (
            lambda: moengage_rows(conversion_goal_stats={"Goal": 5}),
            '"conversion_goal_stats" holds 5 for the campaign c1 where an object',
        ),
        (
            lambda: moengage_rows(failure_breakdown={"Bounced": "x"}),
            '"failure_breakdown.count" holds the text "x" for the campaign c1',
        ),
    ],
)
def test_what_does_not_fit_a_breakdown_is_reported(rows: Callable[[], Any], told: str) -> None:
    with pytest.raises(UnfitValueError) as raised:
        rows()

    assert told in str(raised.value)


def test_rows_before_a_value_that_does_not_fit_are_read() -> None:
    rows = iter(
        OrchestrationStatsExtractor().extract_records(
            answer({"details": [day("2026-11-19"), day("2026-11-20", sent="many")]})
        )
    )

    assert next(rows)["date"] == "2026-11-19"
    with pytest.raises(UnfitValueError, match='The column "sent" holds the text "many"'):
        next(rows)


@pytest.mark.parametrize(
    ("extractor", "item", "column", "telling"),
    [
        (OrchestrationExtractor(), orchestration, "capping", ["id", "name", "created_date"]),
        (LegacyCampaignExtractor(), legacy_campaign, "live", ["campaign_token", "name", "created_date"]),
        (
            MoEngageCampaignExtractor(),
            moengage_campaign,
            "campaign_team",
            ["campaign_id", "campaign_name", "campaign_start_time"],
        ),
    ],
)
@pytest.mark.parametrize("value", ["1e400", "NaN", '{"a": 1}'])
def test_an_item_that_can_not_be_read_spoils_no_other_and_says_which_it_is(
    extractor: Any, item: Callable[..., dict[str, Any]], column: str, telling: list[str], value: str
) -> None:
    items = [item("c1"), item("c2", **{column: "<odd>"}), item("c3", **{telling[1]: "Half \ud83d"})]
    page = json.dumps(items).replace('"<odd>"', value)

    records = list(extractor.extract_records(answer(f'{{"orchestrations": {page}}}' if telling[0] == "id" else page)))

    assert [record[telling[0]] for record in records] == ["c1", "c2", "c3"]
    assert [isinstance(record, Unreadable) for record in records] == [False, True, False]
    assert list(records[1]) == telling
    assert f'The column "{column}" holds ' in records[1].reason
    assert records[2][telling[1]] == "Half \ufffd"


@pytest.mark.parametrize("name", [{"en": "Sale"}, None], ids=["a name that can't be read", "no name"])
def test_an_unreadable_item_keeps_the_identifying_columns_that_can_be_read(name: Any) -> None:
    page = json.dumps({"orchestrations": [orchestration("o1", capping="<odd>", name=name)]})

    (record,) = OrchestrationExtractor().extract_records(answer(page.replace('"<odd>"', "1e400")))

    assert record == {"id": "o1", "created_date": "2026-10-01T14:38:19Z"}


def test_a_channel_without_its_array_still_decides_which_days_are_asked() -> None:
    (record,) = OrchestrationExtractor().extract_records(
        answer({"orchestrations": [orchestration("o1", type="campaign", recurrence=None, channels="in_app")]})
    )

    assert record["channels"] == ["in_app"]
    assert days_with_rows(record) == (None, None)


# --- A sync -----------------------------------------------------------------------------------------------------------


def test_odd_spellings_in_answers_make_no_difference_to_a_sync(cep: BatchCep) -> None:
    config = ConfigBuilder().with_batch().build()
    cep.with_orchestrations(orchestration("o1", name="Half \ud83d", capping="3"))
    odd = {"details": [{"date": "2026-11-20", "sent": "12", "\ud83d": 2**64, "platform": {"IOS": {"sent": 12.0}}}]}
    cep.stats.first = [Answer("\ufeff" + json.dumps(odd))]

    sync = read(config, "orchestrations", "orchestration_stats").succeeded()

    row = sync.only("orchestration_stats")
    assert (row["sent"], row["other_metrics"]) == (12, {"\ufffd": 2**64})
    assert row["platforms"] == [{"platform": "ios", "sent": 12}]
    assert (sync.only("orchestrations")["name"], sync.only("orchestrations")["capping"]) == ("Half \ufffd", 3)
    assert len(cep.stats.asked) == 1, "no odd spelling is a reason to ask again"


def test_exact_reading_keeps_what_msgspec_reads() -> None:
    text = json.dumps(orchestration("o1", labels=["é", "😀"]))

    assert exactly(text.encode()) == msgspec.json.decode(text)
