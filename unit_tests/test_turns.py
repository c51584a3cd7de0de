"""One answer is read at a time, and none that trickles in holds up the others."""

import requests
import requests_mock as requests_mocking

from source_campaign_stats.http import adjust
from source_campaign_stats.turns import Turn
from unit_tests.builders import Worker


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
