"""An orchestration that can have no row in the window is not asked for; when in doubt it is."""

from datetime import date
from typing import Any

import pytest

from source_campaign_stats.sync.days import Window
from source_campaign_stats.vendors.batch import can_have_rows, days_with_rows, orchestration_record
from unit_tests.builders import BatchCep, ConfigBuilder, one_shot, orchestration, read

WINDOW = Window(date(2026, 11, 10), date(2026, 11, 20))
OLD = "2020-01-01T00:00:00Z"
STEPS = [{"step_id": "s1", "step_name": "First"}]


def is_asked(**changes: Any) -> bool:
    return can_have_rows(orchestration_record(orchestration(**({"status": "completed"} | changes))), WINDOW)


def trigger(**changes: Any) -> dict[str, Any]:
    return orchestration(**({"type": "trigger", "recurrence": None} | changes))


@pytest.mark.parametrize("kind", ["campaign", "onetime"])
@pytest.mark.parametrize("status", ["completed", "stopped"])
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-05T23:59:59Z", False),  # rows from the 4th to the 9th
        ("2026-11-06T00:00:00Z", True),  # to the 10th
        ("2026-11-15T12:00:00Z", True),
        ("2026-11-21T23:59:59Z", True),  # from the 20th
        ("2026-11-22T00:00:00Z", False),  # from the 21st
        ("2026-11-06T00:00:00", True),
        ("2026-11-05T23:59:59", False),
    ],
)
def test_a_one_shot_has_rows_from_a_day_before_to_four_days_after_its_start(
    kind: str, status: str, start: str, expected: bool
) -> None:
    assert is_asked(type=kind, status=status, recurrence=None, start_time=start) is expected


@pytest.mark.parametrize(
    "changes",
    [
        {"recurrence": {"repeat_unit": "DAILY"}},
        {"end_time": "2026-11-30T00:00:00Z"},
        {"message_steps": STEPS},
        {"messages_steps": STEPS},
        {"nbr_message_steps": 2},
        {"channels": ["in_app"]},
        {"channels": ["in-app"]},
        {"channels": ["push", "IN_APP"]},
    ],
    ids=str,
)
def test_a_campaign_that_can_send_later_than_its_start_is_no_one_shot(changes: dict[str, Any]) -> None:
    item = one_shot(start_time="2026-01-01T00:00:00Z", status="completed") | changes

    assert can_have_rows(orchestration_record(item), WINDOW), item


@pytest.mark.parametrize("start", [None, "", "soon", 1767225600, "2026-13-45T00:00:00Z"])
def test_a_one_shot_without_a_readable_start_is_asked(start: Any) -> None:
    assert is_asked(type="campaign", recurrence=None, start_time=start)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "recurring", "recurrence": {"end_time": "END"}},
        {"type": "recurring", "end_time": "END"},
        {"type": "warmup", "end_time": "END"},
        {"type": "warm-up", "end_time": "END"},
        {"type": "Warm_up", "end_time": "END"},
        {"type": "Recurring", "recurrence": {"end_time": "END"}},
        {"type": "trigger", "recurrence": None, "channels": ["in_app"], "end_time": "END"},
        {"type": "trigger", "recurrence": None, "channels": ["in-app"], "end_time": "END"},
        {"type": "campaign", "recurrence": None, "channels": ["in_app"], "end_time": "END"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("end", "expected"),
    [("2026-11-05T23:59:59Z", False), ("2026-11-06T00:00:00Z", True), ("2026-12-01T00:00:00", True)],
)
@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_recurring_warm_up_or_in_app_one_has_rows_until_four_days_after_its_end(
    changes: dict[str, Any], end: str, expected: bool, status: str
) -> None:
    recurrence = changes.get("recurrence", {"repeat_unit": "DAILY"})
    if recurrence and recurrence.get("end_time"):
        recurrence = recurrence | {"end_time": end}
    ends = {"end_time": end} if "end_time" in changes else {}

    assert is_asked(**(changes | {"recurrence": recurrence, "status": status} | ends)) is expected


@pytest.mark.parametrize("steps", [{"message_steps": STEPS}, {"messages_steps": STEPS}, {"nbr_message_steps": 1}])
@pytest.mark.parametrize(("end", "expected"), [("2026-08-11T23:59:59Z", False), ("2026-08-12T00:00:00Z", True)])
def test_a_trigger_with_steps_has_rows_until_ninety_days_after_its_end(
    steps: dict[str, Any], end: str, expected: bool
) -> None:
    assert is_asked(**trigger(status="completed", end_time=end, **steps)) is expected


@pytest.mark.parametrize("status", ["running", "Running "])
@pytest.mark.parametrize("item", [one_shot(start_time=OLD), trigger(end_time=OLD), orchestration()])
def test_one_that_is_running_is_always_asked_because_its_dates_can_be_edited(item: dict[str, Any], status: str) -> None:
    assert can_have_rows(orchestration_record(item | {"status": status}), WINDOW)


@pytest.mark.parametrize("status", ["running", "completed", "stopped"])
@pytest.mark.parametrize(
    "item",
    [
        orchestration(),
        orchestration(type="warmup"),
        trigger(),
        trigger(message_steps=STEPS),
        trigger(channels=["in_app"]),
        orchestration(type="something new", recurrence=None, start_time=OLD),
    ],
    ids=["recurring", "warmup", "trigger", "trigger with steps", "in-app", "unknown type"],
)
def test_a_stopped_orchestration_without_an_end_is_asked(item: dict[str, Any], status: str) -> None:
    assert can_have_rows(orchestration_record(item | {"status": status}), WINDOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"recurrence": {"end_time": "never"}},
        {"end_time": "not before 2020"},
        {"end_time": OLD, "recurrence": {"end_time": "?"}},
        {"end_time": 1577836800},
    ],
    ids=str,
)
def test_an_end_that_can_not_be_read_is_no_end(changes: dict[str, Any]) -> None:
    assert is_asked(**changes)


def test_the_later_of_two_ends_counts() -> None:
    assert is_asked(end_time=OLD, recurrence={"end_time": "2026-11-15T00:00:00Z"})
    assert is_asked(end_time="2026-11-15T00:00:00Z", recurrence={"end_time": OLD})


@pytest.mark.parametrize("item", [orchestration(), one_shot(start_time="2026-11-15T00:00:00Z"), trigger()])
def test_a_draft_is_never_asked(item: dict[str, Any]) -> None:
    assert not can_have_rows(orchestration_record(item | {"status": "draft"}), WINDOW)


@pytest.mark.parametrize("status", [None, "", "archived"])
def test_an_unknown_status_is_asked(status: str | None) -> None:
    assert is_asked(status=status)


def test_the_days_of_a_one_shot_are_those_of_its_start() -> None:
    assert days_with_rows(one_shot(start_time="2026-11-15T12:00:00Z")) == (date(2026, 11, 14), date(2026, 11, 19))


def test_a_sync_applies_the_rules_to_what_the_api_sent(cep: BatchCep) -> None:
    """The rules see dates in one form and misspelt keys under their right names."""
    cep.with_orchestrations(
        one_shot("old", status="completed", start_time="2026-10-27T12:00:00"),
        one_shot("unreadable", status="completed", start_time="someday"),
        one_shot("in window", status="completed", start_time="2026-10-28T12:00:00"),
        trigger(message_steps=STEPS, status="completed") | {"id": "old trigger", "end_time": "2026-08-02T12:00:00Z"},
        trigger(messages_steps=STEPS, status="completed") | {"id": "trigger", "end_time": "2026-08-03T12:00:00Z"},
        orchestration("unreadable end", status="completed", end_time=OLD, recurrence={"end_time": "?"}),
        orchestration("other end", status="completed", end_time="?", recurrence={"end_time": OLD}),
        one_shot("end of a one-shot", status="completed", start_time=OLD, end_time="?"),
        orchestration("draft", status="draft"),
    )

    sync = read(ConfigBuilder().with_batch().build(), "orchestration_stats").succeeded()

    assert cep.ids_asked == ["end of a one-shot", "in window", "other end", "trigger", "unreadable", "unreadable end"]
    assert any("asked 6 of 9 orchestrations" in line for line in sync.logs)
