"""Which days a sync asks for."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteGlobalState, AirbyteStateMessage, AirbyteStateType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.sync.days import Window, window_to_ask
from source_campaign_stats.sync.state import StreamState, UnderWay, raise_for_foreign_states, state_in
from unit_tests.builders import state_of

START, LAST = date(2026, 11, 1), date(2026, 11, 20)


def nov(number: int) -> date:
    return date(2026, 11, number)


def asked(state: date | None, lookback: int = 7, start: date = START, earliest: date | None = None) -> Window | None:
    return window_to_ask(state, start, LAST, timedelta(days=lookback), earliest)


@pytest.mark.parametrize(
    ("state", "lookback", "first"),
    [(None, 7, 1), (nov(19), 7, 12), (nov(20), 0, 20), (nov(19), 0, 19), (nov(3), 7, 1), (nov(20), 180, 1)],
)
def test_the_lookback_before_the_state_is_asked_again_but_nothing_before_the_start(
    state: date | None, lookback: int, first: int
) -> None:
    assert asked(state, lookback) == Window(nov(first), LAST)


@pytest.mark.parametrize("state", [None, nov(10)])
def test_days_that_the_vendor_no_longer_has_are_not_asked(state: date | None) -> None:
    assert asked(state, earliest=nov(15)) == Window(nov(15), LAST)


def test_a_vendor_that_has_older_days_than_needed_changes_nothing() -> None:
    assert asked(nov(19), earliest=date(2026, 5, 1)) == Window(nov(12), LAST)


@pytest.mark.parametrize("start", [nov(21), date(2027, 1, 1)])
def test_there_is_nothing_to_ask_when_the_start_is_after_the_last_day(start: date) -> None:
    assert asked(None, start=start) is None


def test_there_is_nothing_to_ask_when_the_state_is_ahead_and_no_day_is_read_again() -> None:
    assert asked(nov(21), lookback=0) is None


def test_a_window_names_both_its_ends() -> None:
    window = Window(nov(19), nov(21))

    assert window.days == [nov(19), nov(20), nov(21)]
    assert window.as_slice() == {"start_time": "2026-11-19", "end_time": "2026-11-21"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, None),
        ({"date": None}, None),
        ({"date": ""}, None),
        ({"__ab_no_cursor_state_message": True}, None),
        ({"__ab_full_refresh_sync_complete": True}, None),
        ({"__ab_no_cursor_state_message": True, "__ab_full_refresh_sync_complete": True}, None),
        ({"date": "2026-11-19"}, nov(19)),
        ({"date": "2026-11-19T00:00:00Z"}, nov(19)),
        ({"use_global_cursor": True, "state": {"date": "2026-11-19"}, "lookback_window": 1}, nov(19)),
        ({"use_global_cursor": True, "state": {}}, None),
        (
            {
                "use_global_cursor": True,
                "state": {"date": "2026-11-19"},
                "lookback_window": 1,
                "parent_state": {},
                "states": [],
            },
            nov(19),
        ),
    ],
    ids=str,
)
def test_the_day_is_found_in_states_of_every_shape(state: dict[str, Any], expected: date | None) -> None:
    assert state_in(state, "date") == StreamState(expected)


EVERYTHING = StreamState(
    nov(19),
    {("iOS", "b"): nov(3), ("iOS", "a"): nov(1)},
    UnderWay(nov(1), nov(20), ("2026-01-31T10:00:00Z", "iOS", "c"), frozenset({("iOS", "e"), ("iOS", "d")}), "0f"),
)


@pytest.mark.parametrize(
    ("state", "written"),
    [
        (StreamState(), {}),
        (StreamState(nov(20)), {"date": "2026-11-20"}),
        (
            StreamState(nov(20), {("o2",): nov(3), ("o1",): nov(1)}),
            {"date": "2026-11-20", "owed": [["o1", "2026-11-01"], ["o2", "2026-11-03"]]},
        ),
        (
            replace(EVERYTHING, under_way=replace(EVERYTHING.under_way, place=None)),
            EVERYTHING.written("date") | {"under_way": EVERYTHING.written("date")["under_way"] | {"place": None}},
        ),
        (
            EVERYTHING,
            {
                "date": "2026-11-19",
                "owed": [["iOS", "a", "2026-11-01"], ["iOS", "b", "2026-11-03"]],
                "under_way": {
                    "first": "2026-11-01",
                    "last": "2026-11-20",
                    "place": ["2026-01-31T10:00:00Z", "iOS", "c"],
                    "beyond": [["iOS", "d"], ["iOS", "e"]],
                    "checksums": "0f",
                },
            },
        ),
    ],
    ids=["nothing", "at rest", "owed", "only some beyond", "under way"],
)
def test_what_is_written_is_what_is_read(state: StreamState, written: dict[str, Any]) -> None:
    assert state.written("date") == written
    assert state_in(written, "date") == state


@pytest.mark.parametrize(
    "state",
    [
        *(
            {"date": text}
            for text in ("yesterday", "2026-13-01", "20", "20261119", "2026-W47-4", 20261119, ["2026-11-19"])
        ),
        {"other": "2026-11-19"},
        {"date": "2026-11-19", "other": 1},
        {"owed": {"o1": "2026-11-19"}},
        {"owed": [["o1", 5]]},
        {"owed": [[7, "2026-11-19"]]},
        {"owed": 3},
        {"under_way": {"first": "2026-11-01"}},
        {"under_way": [1]},
        EVERYTHING.written("date") | {"under_way": EVERYTHING.written("date")["under_way"] | {"place": [1, 2]}},
        {"states": [{"partition": {"id": "a"}, "cursor": {"date": "2026-11-19"}}]},
        {"use_global_cursor": True, "state": "2026-11-19"},
    ],
    ids=str,
)
def test_a_state_of_another_shape_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        state_in(state, "date")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["a", "x", "y"], "unknown streams: x, y. Take it out of the states, or refresh the streams. There are: a, b."),
        (["b", "a", "b", "a"], "There is more than one saved state of a, b. Leave the last one of each in."),
        (["b", "a", "b"], "There is more than one saved state of b. Leave the last one of each in."),
    ],
)
def test_states_of_other_streams_and_several_of_one_are_named(states: list[str], told: str) -> None:
    no_state = AirbyteStateMessage()
    saved = [no_state, *(state for name in states for state in state_of({name: {"date": "2026-11-19"}}))]

    with pytest.raises(AirbyteTracedException, match=re.escape(told)):
        raise_for_foreign_states(saved, ("a", "b"))


@pytest.mark.parametrize(
    "state",
    [
        AirbyteStateMessage(data={"stats": {"date": "2026-11-19"}}),
        AirbyteStateMessage(type=AirbyteStateType.GLOBAL, global_=AirbyteGlobalState(stream_states=[])),
    ],
    ids=["of the oldest kind", "of all streams"],
)
def test_a_state_that_is_not_by_stream_is_refused(state: AirbyteStateMessage) -> None:
    with pytest.raises(AirbyteTracedException, match="not one by stream"):
        raise_for_foreign_states([state], ("stats",))
