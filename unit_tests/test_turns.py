"""One answer is read at a time, wide ones never more than two, and only a wide one waits as long as it takes."""

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import pytest
import requests
import requests_mock as requests_mocking
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats import turns
from source_campaign_stats.errors import transient_error
from source_campaign_stats.http import adjust
from source_campaign_stats.turns import RoomForWideAnswers, Turn
from unit_tests.builders import a_slice
from unit_tests.test_reading import Vendor, campaign, list_of, read, slices_of


class Worker:
    """Another worker, which takes a turn or a place at once."""

    def __init__(self, take: Callable[[], object]) -> None:
        self._goes_on, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(take,), daemon=True)
        self._thread.start()

    def _run(self, take: Callable[[], object]) -> None:
        take()
        self._goes_on.set()
        self._may_end.wait(10)

    def waits(self) -> bool:
        return not self._goes_on.wait(0.2)

    def goes_on(self) -> bool:
        return self._goes_on.wait(5)


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """The turn of the whole process, so long that no test sees it end."""
    monkeypatch.setattr(turns, "TURN", Turn(seconds=60))
    return turns.TURN


# --- The turn ---------------------------------------------------------------------------------------------------------


def test_the_next_worker_waits_until_the_turn_is_given_back(turn: Turn) -> None:
    turn.take()
    other = Worker(turn.take)
    assert other.waits(), "two workers had the turn"

    turn.give_back()

    assert other.goes_on()


def test_a_worker_that_has_waited_long_enough_goes_on() -> None:
    turn = Turn(seconds=0.4)
    turn.take()
    other = Worker(turn.take)
    assert other.waits()
    assert other.goes_on()


def test_the_next_page_of_the_same_slice_needs_no_second_turn(turn: Turn) -> None:
    reader = Worker(lambda: (turn.take(), turn.take(), turn.give_back()))
    assert reader.goes_on(), "a worker waited for itself"
    assert Worker(turn.take).goes_on()


def test_a_worker_that_took_too_long_does_not_give_back_the_turn_of_another() -> None:
    turn = Turn(seconds=0.4)
    turn.take()
    assert Worker(turn.take).goes_on()

    turn.give_back()

    assert Worker(turn.take).waits(), "a third worker did not wait for the second"


def test_each_answer_takes_the_turn(turn: Turn) -> None:
    adjust(session := requests.Session())
    with requests_mocking.Mocker(session=session) as vendor:
        vendor.get("https://api.batch.com/")
        session.get("https://api.batch.com/")

    assert Worker(turn.take).waits()


@pytest.mark.parametrize("failure", [None, transient_error("cut")])
def test_a_slice_or_a_list_that_was_read_gives_back_turn_and_place(
    turn: Turn, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    monkeypatch.setattr(turns, "ROOM_FOR_WIDE_ANSWERS", room := RoomForWideAnswers(places=1, wide=10))

    def answer(_: StreamSlice) -> Iterable[dict[str, Any]]:
        turn.take()
        room.enter(10)
        yield {"id": 1, "date": "2026-11-10"}
        if failure:
            raise failure

    for reader, part in ((slices_of(Vendor(answer)), campaign("a")), (list_of(Vendor(answer)), a_slice())):
        with pytest.raises(AirbyteTracedException, match="cut") if failure else nullcontext():
            read(reader, part)
        other = Worker(lambda: (turn.take(), room.enter(10), turn.give_back(), room.leave()))
        assert other.goes_on(), f"{reader} kept the turn or the place"


# --- Wide answers -----------------------------------------------------------------------------------------------------


def test_a_third_wide_answer_waits_until_one_of_the_two_before_it_is_read() -> None:
    room = RoomForWideAnswers(places=2, wide=10)
    room.enter(10)
    room.enter(10)  # the next page of the same slice takes no second place
    second = Worker(lambda: room.enter(10))
    assert second.goes_on()
    third = Worker(lambda: room.enter(10))
    assert third.waits(), "three wide answers were objects at once"

    room.leave()

    assert third.goes_on()


def test_an_answer_that_is_not_wide_never_waits() -> None:
    room = RoomForWideAnswers(places=1, wide=10)
    room.enter(10)
    assert Worker(lambda: room.enter(9)).goes_on()
