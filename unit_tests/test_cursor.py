"""The state moves over days without a gap, and only over what was read."""

import itertools
import json
import re
import threading
import time
from collections.abc import Collection, Iterable
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
from source_campaign_stats.settings.vendor import Pace
from source_campaign_stats.sync import cursor as cursor_module
from source_campaign_stats.sync.campaigns import CampaignRouter
from source_campaign_stats.sync.cursor import Asked, CampaignCursor, DayCursor, StateOutput, StatisticsCursor
from source_campaign_stats.sync.days import Window
from source_campaign_stats.sync.outcome import Fate, Outcome
from source_campaign_stats.sync.state import Key, StreamState
from source_campaign_stats.vendors.batch_legacy import CampaignsOfApps
from unit_tests.builders import state_of

PRINTED: list[AirbyteMessage] = []


@pytest.fixture(autouse=True)
def nothing_printed_yet() -> None:
    PRINTED.clear()


class Campaigns(CampaignRouter):
    """A router whose list has these campaigns, each created after the one before, or fails."""

    unit = "campaigns"
    way_out = CampaignsOfApps.way_out

    def __init__(self, names: Iterable[str] = (), error: Exception | None = None) -> None:
        self.names, self.error = list(names), error
        self.created: dict[str, str] = {}
        # Those that only the second reading of the list has.
        self.hidden: set[str] = set()
        self.left_out: set[str] = set()
        self.windows: list[Window] = []
        self.lists_read = 0

    def slices_within(self, window: Window, owed: Collection[Key] = ()) -> list[StreamSlice]:
        if self.error:
            raise self.error
        self.windows.append(window)
        return [
            StreamSlice(
                partition={"orchestration_id": name},
                cursor_slice=window.as_slice(),
                extra_fields={"created": self.created.get(name, f"2026-01-01T{number:06}")},
            )
            for number, name in enumerate(self.names)
            if name not in self.hidden | self.left_out
        ]

    def exist(self, keys: Collection[Key]) -> set[Key]:
        return {(name,) for name in self.names if name not in self.hidden} & set(keys)

    def still_exist(self, keys: Collection[Key]) -> set[Key]:
        self.lists_read += 1
        self.hidden = set()
        return self.exist(keys)


def cursor(
    first: str = "2026-11-16",
    state: dict[str, Any] | None = None,
    router: CampaignRouter | None = None,
    last: str = "2026-11-20",
    earliest: date | None = None,
    pace: Pace | None = None,
    step: timedelta | None = None,
) -> Any:
    """A cursor over the days from `first` to `last`, with a lookback of two days."""
    end = date.fromisoformat(last)
    asked = Asked(
        stream_name="stats",
        cursor_field="date",
        start=date.fromisoformat(first),
        last=end,
        today=end + timedelta(days=1),
        lookback=timedelta(days=2),
        earliest=earliest,
        pace=pace,
        step=step,
        at_once=10_000,
    )
    states = ConnectorStateManager(state=state_of({"stats": state}) if state else [])
    output = StateOutput("stats", "date", states, Mock(emit_message=PRINTED.append))
    return CampaignCursor(asked, output, router) if router else DayCursor(asked, output)


def close(days: StatisticsCursor, part: StreamSlice, fate: Fate = Fate.READ, records: int = 1) -> None:
    days.outcomes.settle(part, Outcome(fate, records, message="was refused"))
    days.close_partition(Mock(to_slice=lambda: part))


def handed_out(days: StatisticsCursor) -> list[StreamSlice]:
    """The slices that are handed out before the first one is closed."""
    generator = iter(days.stream_slices())
    slices = [next(generator)]
    while len(slices) < len(days.outcomes.slices):
        slices.append(next(generator))
    return slices


def sync(
    days: StatisticsCursor, until: int | None = None, refused: Collection[str] = ()
) -> tuple[list[str], AirbyteTracedException | None]:
    """Reads slices one by one, at most `until` of them. Gives the names that were asked, and the error of the end."""
    asked: list[str] = []
    try:
        for part in days.stream_slices():
            if until is not None and len(asked) == until:
                break
            name = str(next(iter(part.partition.values()), part["start_time"]))
            asked.append(name)
            close(days, part, Fate.REFUSED if name in refused else Fate.READ)
    except AirbyteTracedException as error:
        return asked, error
    return asked, None


def printed() -> list[dict[str, Any]]:
    """The states that were put out so far in this test."""
    messages: list[Any] = PRINTED
    return [json.loads(json.dumps(message.state.stream.stream_state.__dict__)) for message in messages]


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
def test_the_state_is_the_last_day_without_a_gap_in_whatever_order_days_close(
    order: tuple[int, ...],
) -> None:
    days = cursor("2026-11-17")
    slices = list(handed_out(days))
    closed: set[int] = set()
    for number in order:
        close(days, slices[number])
        closed.add(number)
        whole = next((n for n in range(5) if n not in closed), 4)
        expected = {"date": f"2026-11-{16 + whole}"} if whole else {}
        assert dict(days.state) == expected, f"after {sorted(closed)}"


def test_a_day_that_is_missing_stops_the_state_and_is_reported() -> None:
    days = cursor()
    _, error = sync(days, refused=["2026-11-18"])

    assert dict(days.state) == {"date": "2026-11-17"}
    assert "stats: the numbers of 1 of 5 days are missing" in str(error)
    assert "2026-11-18: was refused" in str(error)


def test_a_stream_of_days_says_after_the_first_one_what_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    days = cursor(pace=Pace(97, 62))
    first = handed_out(days)[0]
    assert caplog.messages == []

    days.outcomes.settle(first, Outcome(Fate.READ, records=5, calls=97))

    assert caplog.messages == ["stats: 485 requests, which take about 4 min 08 s"]


def test_the_state_does_not_go_back_while_the_lookback_is_read() -> None:
    sync(cursor(state={"date": "2026-11-19"}))

    assert [state["date"] for state in printed()] == ["2026-11-19"] * 3 + ["2026-11-20"]


def test_there_is_a_slice_for_each_day_of_the_window() -> None:
    asked, _ = sync(cursor(state={"date": "2026-11-19"}))

    assert asked == ["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"]


# --- Campaigns --------------------------------------------------------------------------------------------------------


def test_a_stream_of_campaigns_moves_its_state_after_the_last_one() -> None:
    router = Campaigns("abc")
    asked, error = sync(cursor(router=router))

    assert (asked, error) == (["a", "b", "c"], None)
    assert router.windows == [Window(date(2026, 11, 16), date(2026, 11, 20))]
    assert printed() == [{"date": "2026-11-20"}]


def test_a_stream_without_campaigns_moves_its_state() -> None:
    days = cursor(router=Campaigns())

    assert sync(days) == ([], None)
    assert dict(days.state) == {"date": "2026-11-20"}


def test_a_refused_campaign_is_owed_from_its_first_day_on_and_reported_at_the_end() -> None:
    days = cursor(router=Campaigns("abc"), state={"date": "2026-11-19"})

    asked, error = sync(days, refused="b")

    assert asked == ["a", "b", "c"]
    assert "b: was refused" in str(error)
    assert dict(days.state) == {"date": "2026-11-20", "owed": [["b", "2026-11-17"]]}


def test_a_refused_campaign_that_is_no_longer_listed_counts_as_deleted() -> None:
    router = Campaigns("abc")
    days = cursor(router=router)
    slices = days.stream_slices()
    for part in slices:
        name = part["orchestration_id"]
        close(days, part, Fate.REFUSED if name == "b" else Fate.READ)
        router.names = ["a", "c"]

    assert router.lists_read == 1
    assert dict(days.state) == {"date": "2026-11-20"}


def test_a_stream_of_campaigns_says_what_it_costs_with_the_windows_of_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    sync(cursor(router=Campaigns("abc"), pace=Pace(2, 60), step=timedelta(days=2)))

    assert "stats: 9 requests, which take about 4 min 00 s" in caplog.messages


def test_who_misses_campaigns_is_told_how_to_get_rid_of_them() -> None:
    _, error = sync(cursor(router=Campaigns("abc")), refused="b")

    assert Campaigns.way_out in str(error)


def test_the_only_campaign_of_a_stream_can_be_missing_alone() -> None:
    """No other campaign can show that the vendor works, but nothing else would be lost either."""
    assert cursor(router=Campaigns("a")).outcomes.can_be_alone
    assert not cursor().outcomes.can_be_alone


def test_the_list_is_not_read_again_when_nothing_new_is_missing() -> None:
    router = Campaigns("abc")
    sync(cursor(router=router))
    sync(cursor(router=router, state={"date": "2026-11-20", "owed": [["b", "2026-11-01"]]}), refused="b")

    assert router.lists_read == 0


def test_an_owed_campaign_is_asked_from_its_day_on_until_it_answers() -> None:
    state = {"date": "2026-11-19", "owed": [["b", "2026-11-03"]]}
    days = cursor("2026-11-01", state=state, router=Campaigns("abc"))
    slices = list(handed_out(days))
    assert {part["orchestration_id"]: part["start_time"] for part in slices} == {
        "a": "2026-11-17",
        "b": "2026-11-03",
        "c": "2026-11-17",
    }

    for fate, expected in ((Fate.REFUSED, state | {"date": "2026-11-20"}), (Fate.READ, {"date": "2026-11-20"})):
        days = cursor("2026-11-01", state=state, router=Campaigns("abc"))
        sync(days, refused="b" if fate is Fate.REFUSED else "")
        assert dict(days.state) == expected


def test_an_owed_campaign_keeps_its_place_in_the_order() -> None:
    days = cursor("2026-11-01", state={"date": "2026-11-19", "owed": [["b", "2026-11-03"]]}, router=Campaigns("abc"))

    assert all(part.extra_fields["created"] for part in handed_out(days))


def test_no_owed_campaign_is_asked_for_days_that_the_vendor_no_longer_has() -> None:
    state = {"date": "2026-11-19", "owed": [["b", "2026-05-03"]]}
    days = cursor("2026-11-01", state=state, router=Campaigns("b"), earliest=date(2026, 5, 20))

    assert [part["start_time"] for part in handed_out(days)] == ["2026-05-20"]


def test_a_start_before_the_days_that_the_vendor_has_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    days = cursor("2026-11-01", router=Campaigns("a"), earliest=date(2026, 11, 18))

    assert [part["start_time"] for part in handed_out(days)] == ["2026-11-18"]
    told = "stats: reads from 2026-11-18 on instead of 2026-11-01, because the vendor keeps no older statistics."
    assert told in caplog.messages


def test_nothing_is_logged_when_the_vendor_has_every_day_that_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    state = {"date": "2026-11-20"}
    days = cursor("2026-11-01", state=state, router=Campaigns("a"), earliest=date(2026, 11, 18))

    assert [part["start_time"] for part in handed_out(days)] == ["2026-11-18"]
    assert not any("keeps no older" in line for line in caplog.messages)


def test_a_campaign_that_is_no_longer_listed_is_no_longer_owed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    days = cursor(state={"date": "2026-11-19", "owed": [["x", "y", "2026-11-01"]]}, router=Campaigns("a"))

    assert sync(days) == (["a"], None)
    assert dict(days.state) == {"date": "2026-11-20"}
    told = "stats: x, y owes nothing any more: it is not listed, or the settings leave it out"
    assert told in caplog.messages


def test_an_owed_campaign_that_one_reading_of_the_list_lacks_is_asked() -> None:
    router = Campaigns("abc")
    router.hidden = {"b", "c"}
    days = cursor(state={"date": "2026-11-19", "owed": [["b", "2026-11-01"]]}, router=router)

    asked, error = sync(days)

    assert (asked, error, router.lists_read) == (["a", "b", "c"], None, 1)
    assert dict(days.state) == {"date": "2026-11-20"}


@pytest.mark.parametrize(("names", "lists_read"), [("ab", 0), ("a", 1)], ids=["left out", "deleted"])
def test_the_list_is_read_again_for_what_it_lacks_and_not_for_what_the_settings_leave_out(
    names: str, lists_read: int
) -> None:
    router = Campaigns(names)
    router.left_out = {"b"}
    days = cursor(state={"date": "2026-11-19", "owed": [["b", "2026-11-01"]]}, router=router)

    assert sync(days) == (["a"], None)
    assert dict(days.state) == {"date": "2026-11-20"}
    assert router.lists_read == lists_read


def test_a_list_that_can_not_be_read_again_deletes_no_campaign(caplog: pytest.LogCaptureFixture) -> None:
    router = Campaigns("ab")
    router.still_exist = Mock(side_effect=transient_error("503"))  # type: ignore[method-assign]
    days = cursor(router=router)

    sync(days, refused="b")

    assert dict(days.state) == {"date": "2026-11-20", "owed": [["b", "2026-11-16"]]}
    told = "stats: the list of campaigns could not be read again: 503 The campaigns stay missing."
    assert told in caplog.messages


def test_ten_refusals_in_a_row_are_not_owed_but_asked_again() -> None:
    names = [f"c{number:02}" for number in range(40)]
    days = cursor(router=Campaigns(names), state={"date": "2026-11-18"})

    for part in days.stream_slices():
        name = part["orchestration_id"]
        close(days, part, Fate.READ if name < "c10" else Fate.REFUSED)
    days.ensure_at_least_one_state_emitted()

    state = dict(days.state)
    assert state["date"] == "2026-11-18"
    assert "owed" not in state
    assert state["under_way"]["place"][-1] == "c09", "the refused ones are asked again, the read ones are not"


def test_an_ended_stream_moves_no_state() -> None:
    days = cursor(router=Campaigns("ab"), state={"date": "2026-11-18"})
    slices = list(handed_out(days))
    days.outcomes.end(transient_error("over"))
    for part in slices:
        close(days, part, Fate.NOT_ASKED)
    days.ensure_at_least_one_state_emitted()

    assert dict(days.state) == {"date": "2026-11-18"}
    assert printed() == [{"date": "2026-11-18"}]


@pytest.mark.parametrize("router", [Campaigns("abcdef"), None], ids=["campaigns", "days"])
def test_a_stream_that_ended_makes_no_further_slices(router: Campaigns | None) -> None:
    days = cursor(router=router)
    slices = iter(days.stream_slices())
    made = [next(slices)]
    days.outcomes.end(transient_error("over"))

    assert len(made + list(slices)) == 1


def test_a_list_that_fails_moves_no_state_and_says_which_stream_it_was_for() -> None:
    days = cursor(router=Campaigns(error=transient_error("page 2 is gone")), state={"date": "2026-11-18"})

    _, error = sync(days)

    assert re.search("stats: the list .* page 2 is gone", str(error))
    assert dict(days.state) == {"date": "2026-11-18"}
    assert days.outcomes.has_ended


def test_a_quiet_day_between_days_with_rows_holds_the_state_until_it_comes_empty_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "airbyte")
    days, found = cursor(), []
    for part in days.stream_slices():
        close(days, part, records=0 if part["start_time"] in ("2026-11-17", "2026-11-20") else 1)
        found.append((part["start_time"][-2:], str(days.state.get("date"))[-2:]))

    assert found == [("16", "16"), ("17", "16"), ("18", "16"), ("17", "18"), ("19", "19"), ("20", "19")]
    assert dict(days.state) == {"date": "2026-11-20"}
    assert "stats: 2026-11-17 has no rows, but days around it have: it is asked again" in caplog.messages


# --- Going on ---------------------------------------------------------------------------------------------------------


NAMES = [f"c{number:03}" for number in range(240)]


def died(until: int, state: dict[str, Any] | None = None, last: str = "2026-11-20") -> dict[str, Any]:
    """The last state of a sync that died when so many campaigns had been asked."""
    PRINTED.clear()
    sync(cursor(router=Campaigns(NAMES), state=state, last=last), until=until)
    found = printed()
    return found[-1] if found else state or {}


@pytest.mark.parametrize("until", [0, 49, 50, 51, 99, 100, 239])
def test_a_sync_goes_on_where_the_last_one_died(until: int) -> None:
    state = died(until)
    assert "date" not in state, "no sync was whole yet"
    days = cursor(router=Campaigns(NAMES), state=state)

    asked, error = sync(days)

    assert asked == NAMES[until // 50 * 50 :], "at most 49 campaigns are asked twice"
    assert error is None
    assert dict(days.state) == {"date": "2026-11-20"}


def test_the_rest_begins_with_the_first_day_that_the_vendor_still_has() -> None:
    days = cursor(first="2026-11-01", router=(router := Campaigns(NAMES)), state=died(60), earliest=date(2026, 11, 18))

    sync(days)

    assert [str(window.first) for window in router.windows] == ["2026-11-18"]


def test_a_sync_that_goes_on_says_how_far_the_last_one_came(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    sync(cursor(router=Campaigns(NAMES), state=died(60)))

    assert "stats: goes on where the last sync ended: 50 of 240 campaigns were asked" in caplog.messages


def test_a_checkpoint_comes_at_least_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 10_000, 25))
    monkeypatch.setattr(cursor_module.time, "monotonic", lambda: next(seconds))
    sync(cursor(router=Campaigns(NAMES)), until=10)

    assert len(printed()) >= 3


def test_a_checkpoint_is_made_while_the_campaigns_under_way_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    days = cursor(router=Campaigns(NAMES))
    slices = handed_out(days)
    for part in slices[:7]:
        close(days, part)
    assert days.progress_that_is_due(lambda: True) is None, "a minute has not passed"
    later = time.monotonic() + 60
    monkeypatch.setattr(cursor_module.time, "monotonic", lambda: later)

    assert days.progress_that_is_due(lambda: False) is None, "records or an older state wait to be printed"
    message = days.progress_that_is_due(lambda: True)

    assert message.state.stream.stream_state.under_way["place"][-1] == "c006"
    assert days.progress_that_is_due(lambda: True) is None, "it was just made"
    assert printed() == [], "the caller prints it"


def test_no_checkpoint_is_made_while_a_worker_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    days = cursor(router=Campaigns(NAMES))
    close(days, handed_out(days)[0])
    later = time.monotonic() + 60
    monkeypatch.setattr(cursor_module.time, "monotonic", lambda: later)
    found: list[Any] = []
    with days._closed:
        asking = threading.Thread(target=lambda: found.append(days.progress_that_is_due(lambda: True)))
        asking.start()
        asking.join(5)

    assert found == [None], "the printing thread must not wait for a worker that waits for the output"


def test_the_day_of_the_last_whole_sync_stays_until_the_next_one_is_whole() -> None:
    state = died(100, {"date": "2026-11-19"})

    assert state["date"] == "2026-11-19"
    assert state["under_way"] | {"checksums": ""} == {
        "first": "2026-11-17",
        "last": "2026-11-20",
        "place": ["2026-01-01T000099", "c099"],
        "beyond": [],
        "checksums": "",
    }


def test_after_midnight_the_rest_is_asked_up_to_the_new_day_and_then_the_others_as_in_a_daily_sync() -> None:
    state = died(100)
    router = Campaigns(NAMES)
    days = cursor(router=router, state=state, last="2026-11-21")

    asked, error = sync(days)

    assert error is None
    assert asked == [*NAMES[100:], *NAMES[:100]], "each once"
    assert router.windows == [
        Window(date(2026, 11, 16), date(2026, 11, 21)),
        Window(date(2026, 11, 18), date(2026, 11, 21)),
    ]
    assert dict(days.state) == {"date": "2026-11-21"}


def test_the_last_campaign_of_the_rest_can_be_missing() -> None:
    days = cursor(router=Campaigns(NAMES), state=died(100), last="2026-11-21")

    asked, error = sync(days, refused=["c239"])

    assert asked == [*NAMES[100:], *NAMES[:100]], "each once"
    assert error is not None
    assert dict(days.state) == {"date": "2026-11-21", "owed": [["c239", "2026-11-16"]]}


def test_each_of_several_deaths_repeats_at_most_twenty_campaigns() -> None:
    state: dict[str, Any] = {}
    asked: list[str] = []
    for _ in range(4):
        PRINTED.clear()
        asked += sync(cursor(router=Campaigns(NAMES), state=state), until=70)[0]
        state = printed()[-1]
    rest, _ = sync(cursor(router=Campaigns(NAMES), state=state))
    asked += rest

    assert set(asked) == set(NAMES)
    assert len(asked) <= len(NAMES) + 4 * 20


def test_after_deaths_over_several_midnights_no_state_promises_a_day_that_was_not_read() -> None:
    state = died(100)
    PRINTED.clear()
    sync(cursor(router=Campaigns(NAMES), state=state, last="2026-11-21"), until=200)
    states = printed()

    assert [found.get("date") for found in states] == [None, None, "2026-11-20", "2026-11-20"], (
        "the other 140 complete the first sync"
    )
    asked, _ = sync(cursor(router=Campaigns(NAMES), state=states[-1], last="2026-11-22"))
    assert set(asked) == set(NAMES)


@pytest.mark.parametrize("created", ["", "2025-01-01", "2026-01-01T000050", "2030-01-01"])
def test_a_campaign_that_was_created_in_between_is_asked_wherever_it_stands(created: str) -> None:
    state = died(100)
    router = Campaigns([*NAMES, "new"])
    router.created["new"] = created

    asked, _ = sync(cursor(router=router, state=state))

    assert "new" in asked
    assert len(asked) <= 1 + 140 + 5


def test_a_campaign_that_was_deleted_in_between_is_not_asked() -> None:
    asked, error = sync(cursor(router=Campaigns(NAMES[5:-5]), state=died(100)))

    assert error is None
    assert set(asked) >= set(NAMES[100:-5])
    assert len(asked) <= 135 + 10


def test_what_was_refused_before_the_death_is_owed_and_asked_when_the_sync_goes_on() -> None:
    sync(cursor(router=Campaigns(NAMES)), until=100, refused=["c007", "c050"])
    state = printed()[-1]
    assert state["owed"] == [["c007", "2026-11-16"], ["c050", "2026-11-16"]]
    days = cursor(router=Campaigns(NAMES), state=state)

    asked, error = sync(days, refused=["c050"])

    assert asked == ["c007", "c050", *NAMES[100:]]
    assert "c050" in str(error)
    assert dict(days.state) == {"date": "2026-11-20", "owed": [["c050", "2026-11-16"]]}


def test_states_stay_small_and_are_not_written_for_each_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[StreamState] = []
    write = StreamState.written

    def note(state: StreamState, cursor_field: str) -> dict[str, Any]:
        written.append(state)
        return write(state, cursor_field)

    monkeypatch.setattr(StreamState, "written", note)
    names = [f"orchestration_{number:032x}" for number in range(1200)]
    days = cursor(router=Campaigns(names), state={"date": "2026-11-18"})
    slices = list(handed_out(days))
    for number, part in enumerate(slices[150:]):
        # The first 150 are slow, every 12th of the others is refused.
        close(days, part, Fate.REFUSED if number % 12 == 7 else Fate.READ)
    for part in slices[:150]:
        close(days, part)

    states = printed()
    assert 15_900 < max(len(json.dumps(state)) for state in states) <= 16_000
    assert 1200 // 50 <= len(states) <= len(written) <= 3 * 1200 / 50


def test_what_does_not_fit_into_a_state_is_asked_again() -> None:
    """The first sync dies after 500 campaigns, the second one the day after, when it asks those again."""
    names = [f"orchestration_{number:032x}" for number in range(1200)]
    sync(cursor(router=Campaigns(names)), until=500)
    asked, _ = sync(cursor(router=Campaigns(names), state=printed()[-1], last="2026-11-21"), until=700 + 450)
    state = printed()[-1]
    days = cursor(router=Campaigns(names), state=state, last="2026-11-21")

    asked_last, error = sync(days)

    assert error is None
    assert asked == names[500:] + names[:450]
    in_state = {name for (name,) in state["under_way"]["beyond"]} | {*names[:450]}
    assert {*asked_last} == {*names} - in_state
    assert len(in_state) > 600
    assert dict(days.state) == {"date": "2026-11-21"}


def test_no_state_is_printed_on_the_way_if_those_that_are_owed_fill_it_alone() -> None:
    owed = [f"{number:0300}" for number in range(60)]
    state = {"date": "2026-11-18", "owed": [[name, "2026-11-01"] for name in owed]}

    sync(cursor(router=Campaigns([*owed, *NAMES]), state=state), until=200, refused=owed)

    assert printed() == []


def test_a_state_at_rest_is_tiny() -> None:
    days = cursor(router=Campaigns(NAMES), state={"date": "2026-11-18"})
    sync(days)

    assert len(json.dumps(dict(days.state))) <= 400


@pytest.mark.parametrize(("state", "days"), [("2026-11-21", 2), ("2026-11-22", 3), ("2026-11-23", 3)])
def test_a_state_up_to_two_days_ahead_reads_the_last_whole_days_again_and_stays(state: str, days: int) -> None:
    ahead = cursor(state={"date": state})

    asked, _ = sync(ahead)

    assert asked == ["2026-11-18", "2026-11-19", "2026-11-20"][-days:]
    assert dict(ahead.state) == {"date": state}


def test_a_state_further_ahead_is_refused() -> None:
    with pytest.raises(AirbyteTracedException, match=r"up to 2026-11-24 were read.*refresh the stream"):
        cursor(state={"date": "2026-11-24"})


def test_records_do_not_move_the_state() -> None:
    days = cursor()
    days.observe(SimpleNamespace(data={"date": "2026-11-20"}))  # type: ignore[arg-type]

    assert dict(days.state) == {}
    assert days.should_be_synced(SimpleNamespace(data={"date": "1999-01-01"}))  # type: ignore[arg-type]
