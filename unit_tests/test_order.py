"""How far a sync came in the order of its campaigns, and what the next one makes of it."""

import random

import pytest

from source_campaign_stats.sync.order import Checksums, Progress, asked_before
from source_campaign_stats.sync.state import Key, Place


def places(*numbers: int) -> list[Place]:
    return [(f"2026-01-{number // 24 + 1:02}T{number % 24:02}:00:00Z", f"o{number:03}") for number in numbers]


def keys(*numbers: int) -> set[Key]:
    return {(f"o{number:03}",) for number in numbers}


def asked(now: list[Place], progress: Progress) -> set[Key]:
    return asked_before(now, progress.place, progress.beyond, progress.checksums)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_asked_in_whatever_order_is_known_to_the_next_sync(seed: int) -> None:
    order = places(*range(200))
    progress = Progress(random.Random(seed).sample(order, 200))
    done = random.Random(seed).sample(range(200), 150)
    for number in done:
        progress.add((f"o{number:03}",))

    assert asked(order, progress) == keys(*done)


def test_a_checksum_stays_the_same_because_states_outlive_a_version() -> None:
    written = str(Checksums([("token-1",), ("Shop iOS", "token-2")]))

    groups = [written[start : start + 6] for start in range(0, 1536, 6)]
    assert {number: group for number, group in enumerate(groups) if group != "000000"} == {99: "b9c57f", 116: "da5cae"}


def test_a_key_may_have_half_a_surrogate_pair() -> None:
    order = [("2026-01-01T00:00:00Z", "o\ud800")]
    progress = Progress(order)
    progress.add(("o\ud800",))

    assert asked(order, progress) == {("o\ud800",)}


def test_the_place_is_the_last_one_without_a_gap_before_it() -> None:
    progress = Progress(places(0, 1, 2, 3, 4))
    for number in (0, 2, 4, 1):
        progress.add((f"o{number:03}",))

    assert progress.place == places(2)[0]
    assert progress.beyond == keys(4)


def test_what_was_done_before_counts_from_the_start() -> None:
    progress = Progress(places(0, 1, 2, 3), done=keys(0, 1, 3))

    assert (progress.place, progress.beyond) == (places(1)[0], keys(3))


@pytest.mark.parametrize("newcomer", [("", "new"), ("2026-01-01T05:30:00Z", "new"), ("2026-01-01T05:00:00Z", "o0051")])
def test_a_campaign_that_came_in_between_was_not_asked_wherever_it_stands(newcomer: Place) -> None:
    progress = Progress(places(*range(200)))
    for number in range(100):
        progress.add((f"o{number:03}",))

    found = asked([*places(*range(200)), newcomer], progress)

    assert newcomer[1:] not in found
    assert len(found) >= 95, f"the others are not asked again: {len(found)}"


def test_a_campaign_that_vanished_hardly_costs_a_call() -> None:
    progress = Progress(places(*range(200)))
    for number in range(100):
        progress.add((f"o{number:03}",))

    found = asked([place for place in places(*range(200)) if place[1] != "o007"], progress)

    assert found <= keys(*range(100)) - keys(7)
    assert len(found) >= 95


def test_nothing_was_asked_before_the_first_campaign_was() -> None:
    assert asked(places(0, 1), Progress(places(0, 1))) == set()
