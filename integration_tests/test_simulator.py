"""The simulator itself: a seed always gives the same history, and a connector broken on purpose is noticed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from integration_tests.simulator.__main__ import HAPPENINGS, OUTCOMES, Workers, name_of, never_came
from integration_tests.simulator.destination import Audit, Promise, Rows, Table
from integration_tests.simulator.history import KINDS, Fault, History, Step, simpler_ones
from integration_tests.simulator.rotation import FIRST, SCENARIOS, begun_by

Answer = dict[str, Any]
SABOTAGE = "integration_tests.simulator.sabotage:"


def answers(*orders: Answer, processes: int = 1, broken_by: str | None = None) -> Iterator[Answer]:
    with closing(Workers(processes, broken_by)) as workers:
        yield from workers.each(orders)


# --- histories ------------------------------------------------------------------------------------------


def test_a_seed_is_one_history_in_every_process() -> None:
    # Threads, faults, waits and a death.
    killed = FIRST.index("killed")
    first, second = [list(answers({"seed": 3}, {"seed": killed})) for _ in range(2)]
    for one, other in zip(*(sorted(a, key=lambda answer: answer["seed"]) for a in (first, second)), strict=True):
        for part in ("history", "trace", "violations", "events", "seconds"):
            assert one[part] == other[part], f"seed {one['seed']}: {part}"


@pytest.mark.parametrize("turn", range(len(FIRST)), ids=FIRST)
def test_a_history_survives_being_written_and_read(turn: int) -> None:
    history = begun_by(History(steps=(Step(), Step(faults=(Fault("batch_list", "500"),)))), turn)
    assert History.from_json(history.to_json()) == history


def test_what_is_not_written_has_its_default() -> None:
    assert History.from_json('{"seed": 2, "steps": [{"kept": 40}]}') == History(seed=2, steps=(Step(kept=40),))


def test_as_many_histories_as_there_are_kinds_begin_with_each_of_them() -> None:
    begun = [begun_by(History(), turn).steps[0].faults for turn in range(len(FIRST))]
    kinds = [faults[0].kind for faults in begun[: len(KINDS)]]
    assert kinds == list(KINDS)
    assert len(FIRST) == len(KINDS) + len(SCENARIOS) <= 100


def test_a_simpler_history_has_one_thing_less() -> None:
    history = History(workers=2, steps=(Step(), Step(restated=3, faults=(Fault("batch_list", "500", every=2),))))
    simpler = list(simpler_ones(history))
    assert history not in simpler
    assert History(workers=2, steps=(Step(restated=3, faults=(Fault("batch_list", "500", every=2),)),)) in simpler
    assert History(workers=2, steps=(Step(), Step(restated=3))) in simpler
    assert History(steps=history.steps) in simpler


# --- counts ---------------------------------------------------------------------------------------------

EVERYTHING = Counter({**{f"{kind}@batch_list": 1 for kind in KINDS}, **dict.fromkeys(HAPPENINGS, 1)})


def test_an_event_or_outcome_that_never_came_is_named() -> None:
    events = EVERYTHING - Counter({"half_pair@batch_list": 1, "goes on": 1})
    outcomes = Counter(dict.fromkeys(OUTCOMES, 1)) - Counter({"killed": 1})
    assert never_came(events, outcomes, 100) == ["half_pair", "goes on", "killed"]


def test_few_histories_need_not_have_every_kind() -> None:
    assert never_came(Counter(), Counter(), len(FIRST) - 1) == []
    assert never_came(EVERYTHING, Counter(OUTCOMES), 100) == []


def test_many_histories_have_every_kind_at_every_endpoint() -> None:
    never = never_came(EVERYTHING, Counter(OUTCOMES), 10_000)
    assert "500@legacy_stats" in never
    assert "500@batch_list" not in never


# --- the promises of states -----------------------------------------------------------------------------

STREAM = "legacy_campaign_stats"
ASKED_FOR = {("iOS", "a"), ("iOS", "b")}
WINDOW = (date(2026, 3, 1), date(2026, 3, 2))
TRUTH: Rows = {("iOS", token, f"2026-03-0{day}"): b"1" for token, day in itertools.product("ab", (1, 2))}


def audit_of(table: Table, number: int = 1, truth: Rows = TRUTH) -> Audit:
    table.learn(number, truth, truth)
    return Audit(table, number, truth, WINDOW, ASKED_FOR)


def of_campaign(token: str) -> Rows:
    return {key: row for key, row in TRUTH.items() if key[1] == token}


def state(text: dict[str, Any]) -> Promise:
    return Promise.of({"stream": {"stream_state": text}})


def test_a_state_before_its_rows_is_a_fault() -> None:
    table = Table(STREAM, rows=of_campaign("a"))
    assert "2 rows missing" in (audit_of(table).commit(state({"date": "2026-03-02"})) or "")


def test_a_state_after_its_rows_is_right() -> None:
    table = Table(STREAM, rows=dict(TRUTH))
    assert audit_of(table).commit(state({"date": "2026-03-02"})) is None


def test_a_campaign_that_is_owed_can_be_missing_from_its_day_on() -> None:
    late = {key: row for key, row in TRUTH.items() if key[1] == "a" or key[2] == "2026-03-01"}
    for rows, since, is_well in ((of_campaign("a"), 1, True), (late, 2, True), (of_campaign("a"), 2, False)):
        told = audit_of(Table(STREAM, rows=dict(rows))).commit(
            state({"date": "2026-03-02", "owed": [["iOS", "b", f"2026-03-0{since}"]]})
        )
        assert (told is None) == is_well, told


def test_a_campaign_that_is_no_longer_owed_has_to_be_there() -> None:
    table = Table(STREAM, rows=of_campaign("a"))
    first = audit_of(table)
    assert first.commit(state({"date": "2026-03-02", "owed": [["iOS", "b", "2026-03-01"]]})) is None
    first.settle(is_complete=False)
    assert "2 rows missing" in (audit_of(table, 2).commit(state({"date": "2026-03-02"})) or "")


def test_a_state_under_way_without_a_date_promises_nothing() -> None:
    now = {"under_way": {"first": "2026-03-01", "last": "2026-03-02"}}
    table = Table(STREAM)
    assert audit_of(table).commit(state(now)) is None
    assert audit_of(table).commit(state({**now, "date": "2026-03-02"})) is not None


def test_a_resumed_sync_has_to_bring_what_the_first_one_did_not() -> None:
    table = Table(STREAM, rows=of_campaign("a"))
    first = audit_of(table)
    assert first.commit(state({"under_way": {"first": "2026-03-01", "last": "2026-03-02"}})) is None
    first.settle(is_complete=False)
    # "a" has the numbers of the first sync, and "b" had none.
    restated = {key: b"2" if key[2] == "2026-03-01" else row for key, row in TRUTH.items()}
    second = Audit(table, 2, restated, (date(2026, 3, 2), date(2026, 3, 2)), ASKED_FOR)
    table.learn(2, restated, restated)
    table.rows[("iOS", "b", "2026-03-02")] = b"1"
    assert "1 rows missing, 0 not restated" in (second.commit(state({"date": "2026-03-02"})) or "")


def test_a_number_older_than_the_sync_that_had_to_read_it_is_a_fault() -> None:
    table = Table(STREAM, rows=dict(TRUTH))
    first = audit_of(table)
    first.commit(state({"date": "2026-03-02"}))
    first.settle(is_complete=True)
    restated = dict.fromkeys(TRUTH, b"2")
    assert [kind for kind, _ in audit_of(table, 2, restated).faults()] == ["rows not restated"]


def test_a_complete_sync_that_still_owes_a_campaign_is_a_fault() -> None:
    audit = audit_of(Table(STREAM, rows=dict(TRUTH)))
    audit.commit(state({"date": "2026-03-02", "owed": [["iOS", "b", "2026-03-01"]]}))
    assert [kind for kind, _ in audit.faults()] == ["complete but not at rest"]


# --- the connector, broken on purpose -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sabotage", "turn", "kind"),
    [
        ("forget_the_lookback", "restated", "rows not restated"),
        ("read_the_first_page_only", "goes_round", "rows missing"),
        ("forget_what_is_owed", "refused, then heals", "state promises too much"),
        ("leave_out_the_rest", "killed half-way", "rows missing"),
        ("believe_what_comes_once", "404", "does not survive"),
        ("lose_the_last_row", "500", "rows missing"),
    ],
)
def test_a_connector_broken_on_purpose_is_noticed(sabotage: str, turn: str, kind: str) -> None:
    """In the history that fits."""
    (played,) = answers({"seed": FIRST.index(turn)}, broken_by=SABOTAGE + sabotage)
    assert kind in [violation["kind"] for violation in played["violations"]], played["violations"]


def test_a_history_that_fails_is_made_small() -> None:
    seed = FIRST.index("all archetypes")
    (played,) = answers({"seed": seed}, broken_by=SABOTAGE + "lose_the_last_row")
    name = name_of(played["violations"][0])
    (small,) = answers({"seed": seed, "shrink": name}, broken_by=SABOTAGE + "lose_the_last_row")
    history = History.from_json(small["history"])
    assert name_of(small["violations"][0]) == name
    assert len(history.steps) == 1
    assert not history.steps[0].faults, small["history"]
    assert len(history.vendors) == 1
