"""What the records of all vendors have in common."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from source_campaign_stats.vendors.records import NameOrigin, as_timestamp, taken_out, with_timestamps
from unit_tests.builders import a_slice


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-06-30T14:38:19Z", "2025-06-30T14:38:19Z"),
        ("2025-06-30T14:38:19", "2025-06-30T14:38:19Z"),
        (" 2025-06-30T14:38:19 ", "2025-06-30T14:38:19Z"),
        ("2025-06-30T16:38:19+02:00", "2025-06-30T14:38:19Z"),
        ("2025-06-30T14:38:19.250Z", "2025-06-30T14:38:19.250000Z"),
        ("2025-06-30 14:38:19", "2025-06-30T14:38:19Z"),
        ("2025-06-30", "2025-06-30T00:00:00Z"),
        ("", None),
        (None, None),
        (1751294299, None),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("place", ["UTC", "Asia/Tokyo"])
def test_a_timestamp_has_one_form_wherever_the_machine_stands(
    value: Any, expected: str | None, place: str, zone_of_the_machine: Callable[[str], None]
) -> None:
    zone_of_the_machine(place)

    assert as_timestamp(value) == expected


@pytest.mark.parametrize(("value", "lines"), [("", 0), (None, 0), ("soon", 1)])
def test_a_timestamp_that_can_not_be_read_is_logged_and_a_missing_one_is_not(
    value: Any, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert with_timestamps({"created": value}, ("created",), "stats, o1") == {"created": None}

    told = "stats, o1: created can't be read as a time and is left empty: 'soon'"
    assert caplog.messages == [told] * lines


@pytest.fixture
def zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def move(place: str) -> None:
        monkeypatch.setenv("TZ", place)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("value", ["Monday", "12", "5 PM"])
def test_a_text_without_a_date_does_not_become_one(value: str) -> None:
    """An orchestration with such a start would not be asked, although its days are not known."""
    assert as_timestamp(value) is None


def test_only_the_named_timestamps_that_are_there_are_changed() -> None:
    item = {"created": "2025-06-30T14:38:19", "other": "2025-06-30T14:38:19"}

    assert with_timestamps(item, ("created", "missing"), "stats, o1") == item | {"created": "2025-06-30T14:38:19Z"}
    assert item["created"] == "2025-06-30T14:38:19"


@pytest.mark.parametrize(
    ("numbers", "left", "taken"),
    [
        ({"sent": 3}, {"sent": 3}, None),
        ({}, {}, None),
        ({"sent": None, "new": None}, {"sent": None}, {"new": None}),
        ({"z": 1, "sent": 3, "a": {"sent": 2}}, {"sent": 3}, {"z": 1, "a": {"sent": 2}}),
    ],
)
def test_what_is_not_known_is_taken_out_in_its_order(
    numbers: dict[str, Any], left: dict[str, Any], taken: dict[str, Any] | None
) -> None:
    kept = {**numbers}

    found = taken_out(kept, {"sent", "delivered"})

    assert (kept, found) == (left, taken)
    assert list(found or {}) == list(taken or {})


def test_the_origin_is_written_exactly_as_it_is_configured() -> None:
    record: dict[str, Any] = {"sent": 1}
    origin = NameOrigin(from_slice={"id": "campaign"}, from_settings={"project_key": ["batch", "project_key"]})

    origin.transform(record, {"batch": {"project_key": "1e5"}}, stream_slice=a_slice(campaign="1_000"))

    assert record == {"sent": 1, "id": "1_000", "project_key": "1e5"}
