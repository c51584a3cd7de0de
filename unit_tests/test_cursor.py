"""The state moves over days without a gap, and only over what was read."""

import itertools
from collections.abc import Iterable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import transient_error
from source_campaign_stats.sync.campaigns import CampaignRouter
from source_campaign_stats.sync.cursor import DayCursor
from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.outcome import Fate, Outcome

PRINTED: list[AirbyteMessage] = []


@pytest.fixture(autouse=True)
def nothing_printed_yet() -> None:
    PRINTED.clear()


class Campaigns(CampaignRouter):
    """A router whose list has these campaigns, or fails."""

    def __init__(self, names: Iterable[str] = (), error: Exception | None = None) -> None:
        self.names, self.error = list(names), error

    def slices_within(self, window: Window) -> list[StreamSlice]:
        if self.error:
            raise self.error
        return [
            StreamSlice(partition={"orchestration_id": name}, cursor_slice=window.as_slice()) for name in self.names
        ]


def cursor(
    first: str = "2026-11-16", state: dict[str, Any] | None = None, router: CampaignRouter | None = None
) -> DayCursor:
    """A cursor over the days from `first` to 2026-11-20, two of which are read again."""
    return DayCursor(
        stream_name="stats",
        cursor_field="date",
        state=state or {},
        start=date.fromisoformat(first),
        last=date(2026, 11, 20),
        today=date(2026, 11, 21),
        lookback=timedelta(days=2),
        earliest=None,
        router=router,
        at_once=10_000,
        state_manager=ConnectorStateManager(),
        output=Mock(emit_message=PRINTED.append),
    )


def close(days: DayCursor, part: StreamSlice) -> None:
    days.close_partition(Mock(to_slice=lambda: part))


def printed() -> list[dict[str, Any]]:
    """The states that were put out so far in this test."""
    messages: list[Any] = PRINTED
    return [dict(message.state.stream.stream_state.__dict__) for message in messages]


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_the_state_is_the_last_day_before_which_none_is_missing_in_whatever_order_days_close(
    order: tuple[int, ...],
) -> None:
    days = cursor("2026-11-17")
    slices = list(days.stream_slices())
    closed: set[int] = set()
    for number in order:
        close(days, slices[number])
        closed.add(number)
        whole = next((n for n in range(5) if n not in closed), 4)
        expected = {"date": f"2026-11-{16 + whole}"} if whole else {}
        assert dict(days.state) == expected, f"after {sorted(closed)}"


def test_a_day_that_is_missing_stops_the_state(caplog: pytest.LogCaptureFixture) -> None:
    days = cursor()
    slices = list(days.stream_slices())
    days.outcomes.settle(slices[2], Outcome(Fate.NOT_ASKED))
    for part in slices:
        close(days, part)

    assert dict(days.state) == {"date": "2026-11-17"}


def test_the_state_does_not_go_back_while_the_lookback_is_read() -> None:
    days = cursor(state={"date": "2026-11-19"})
    for part in days.stream_slices():
        close(days, part)

    assert [state["date"] for state in printed()] == ["2026-11-19"] * 3 + ["2026-11-20"]


def test_there_is_a_slice_for_each_day_of_the_window() -> None:
    slices = list(cursor(state={"date": "2026-11-19"}).stream_slices())

    assert [(part["start_time"], part["end_time"]) for part in slices] == [
        (of, of) for of in ("2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20")
    ]


def test_a_stream_of_campaigns_moves_its_state_once_after_the_last_one() -> None:
    days = cursor(router=Campaigns("abc"))
    slices = list(days.stream_slices())
    assert {(part["start_time"], part["end_time"]) for part in slices} == {("2026-11-16", "2026-11-20")}
    for part in slices[:-1]:
        close(days, part)
    assert printed() == []

    close(days, slices[-1])

    assert printed() == [{"date": "2026-11-20"}]


def test_a_stream_without_campaigns_moves_its_state() -> None:
    days = cursor(router=Campaigns())

    assert list(days.stream_slices()) == []
    assert dict(days.state) == {"date": "2026-11-20"}


def test_a_refused_campaign_keeps_the_state_and_is_told_at_the_end() -> None:
    days = cursor(router=Campaigns("ab"), state={"date": "2026-11-18"})
    slices = list(days.stream_slices())
    days.outcomes.settle(slices[0], Outcome(Fate.REFUSED, message="was refused"))
    close(days, slices[0])

    with pytest.raises(AirbyteTracedException, match="a: was refused"):
        close(days, slices[1])

    assert dict(days.state) == {"date": "2026-11-18"}


def test_an_ended_stream_moves_no_state() -> None:
    days = cursor(router=Campaigns("ab"), state={"date": "2026-11-18"})
    slices = list(days.stream_slices())
    days.outcomes.end(transient_error("over"))
    for part in slices:
        days.outcomes.settle(part, Outcome(Fate.NOT_ASKED))
        close(days, part)
    days.ensure_at_least_one_state_emitted()

    assert dict(days.state) == {"date": "2026-11-18"}
    assert printed() == [{"date": "2026-11-18"}]


def test_a_stream_that_ended_makes_no_further_slices() -> None:
    days = cursor(router=Campaigns("abc"))
    slices = days.stream_slices()
    made = [next(iter(slices))]
    days.outcomes.end(transient_error("over"))

    assert len(made + list(slices)) == 1


def test_a_list_that_fails_moves_no_state_and_says_which_stream_it_was_for() -> None:
    days = cursor(router=Campaigns(error=transient_error("page 2 is gone")), state={"date": "2026-11-18"})

    with pytest.raises(AirbyteTracedException, match=r"stats: the list .* page 2 is gone"):
        list(days.stream_slices())

    assert dict(days.state) == {"date": "2026-11-18"}
    assert days.outcomes.has_ended


@pytest.mark.parametrize(("state", "days"), [("2026-11-21", 2), ("2026-11-22", 3), ("2026-11-23", 3)])
def test_a_state_up_to_two_days_ahead_reads_the_last_whole_days_again_and_stays(state: str, days: int) -> None:
    cursor_ahead = cursor(state={"date": state})

    slices = list(cursor_ahead.stream_slices())
    for part in slices:
        close(cursor_ahead, part)

    assert [part["start_time"] for part in slices] == ["2026-11-18", "2026-11-19", "2026-11-20"][-days:]
    assert dict(cursor_ahead.state) == {"date": state}


def test_a_state_further_ahead_is_refused() -> None:
    with pytest.raises(AirbyteTracedException, match=r"up to 2026-11-24 were read.*refresh the stream"):
        cursor(state={"date": "2026-11-24"})


def test_records_do_not_move_the_state() -> None:
    days = cursor()
    days.observe(SimpleNamespace(data={"date": "2026-11-20"}))  # type: ignore[arg-type]

    assert dict(days.state) == {}
    assert days.should_be_synced(SimpleNamespace(data={"date": "1999-01-01"}))  # type: ignore[arg-type]


def test_the_state_that_is_printed_is_small() -> None:
    days = cursor(router=Campaigns(map(str, range(5000))))
    for part in days.stream_slices():
        close(days, part)

    assert printed() == [{"date": "2026-11-20"}]
