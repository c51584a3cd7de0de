"""What became of each slice, and what the stream says about it."""

import threading
import time
from datetime import timedelta

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import LastWords, transient_error
from source_campaign_stats.settings.vendor import Pace
from source_campaign_stats.sync.outcome import MOST_OWED, REFUSALS_IN_A_ROW, Fate, Outcome, Outcomes, in_words
from source_campaign_stats.sync.rows import label, subject
from source_campaign_stats.vendors.batch import OrchestrationsWithRows
from unit_tests.builders import a_slice


def outcomes(planned: int = 20, known: tuple[str, ...] = ()) -> Outcomes:
    return Outcomes(
        "stats",
        unit="orchestrations",
        planned=planned,
        known={(name,) for name in known},
        way_out=OrchestrationsWithRows.way_out,
        pace=Pace(1, 1.0),
    )


def read(book: Outcomes, name: str, records: int = 1) -> None:
    book.settle(a_slice(id=name), Outcome(Fate.READ, records))


def miss(
    book: Outcomes, name: object, message: str = "refused", fate: Fate = Fate.REFUSED
) -> AirbyteTracedException | None:
    return book.settle(a_slice(id=name), Outcome(fate, message=message))


def fail(book: Outcomes, name: str, message: str) -> AirbyteTracedException | None:
    return book.settle(a_slice(id=name), Outcome(Fate.FAILED, error=transient_error(message)))


@pytest.mark.parametrize(
    ("one", "called", "of"),
    [
        (a_slice(app="Shop iOS", token="t1"), "Shop iOS, t1", 'stats, app "Shop iOS"'),
        (StreamSlice(partition={"id": "o1"}, cursor_slice={}, extra_fields={"name": "Sale"}), 'o1 "Sale"', "stats"),
        (a_slice("2026-11-20"), "2026-11-20", "stats"),
    ],
)
def test_a_slice_is_called_by_its_ids_and_name_or_its_day(one: StreamSlice, called: str, of: str) -> None:
    assert (label(one), subject("stats", one)) == (called, of)


def test_a_stream_that_was_read_whole_has_nothing_to_say() -> None:
    book = outcomes(1)
    read(book, "o1", records=5)

    assert book.verdict() is None
    assert not book.has_ended


def test_a_failure_is_reported_once() -> None:
    book = outcomes()

    assert [str(fail(book, "o1", "first")), fail(book, "o2", "second")] == ["first", None]
    assert "first" in str(book.ended_by)
    assert book.verdict() is None


def test_the_end_of_a_stream_calls_on_end() -> None:
    book, heard = outcomes(), []
    book.on_end = lambda: heard.append(1)
    fail(book, "o1", "first")

    assert heard == [1]


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.BROKEN])
def test_ten_in_a_row_that_can_not_be_read_are_one_error(fate: Fate) -> None:
    book = outcomes()
    told = [miss(book, f"o{number}", fate=fate) for number in range(REFUSALS_IN_A_ROW)]

    assert REFUSALS_IN_A_ROW == 10
    assert told[:-1] == [None] * 9
    assert told[-1]
    kind = FailureType.config_error if fate is Fate.REFUSED else FailureType.transient_error
    assert told[-1].failure_type == kind
    for words in ("10 orchestrations in a row", OrchestrationsWithRows.way_out, "o9: refused"):
        assert words in str(told[-1])
    assert book.has_ended


def test_a_success_between_refusals_starts_the_count_again() -> None:
    book = outcomes(40)
    for number in range(9):
        miss(book, number)
    assert book.is_in_doubt(("3",))
    read(book, "o")

    assert not book.is_in_doubt(("3",))
    assert [miss(book, 100 + number) for number in range(9)] == [None] * 9


def test_what_was_missing_before_is_not_counted_as_in_a_row() -> None:
    book = outcomes(known=tuple(f"o{number}" for number in range(50)))

    assert [miss(book, f"o{number}") for number in range(50)] == [None] * 50


def test_more_than_a_hundred_missing_campaigns_are_one_error() -> None:
    book = outcomes(300)
    told: list[AirbyteTracedException | None] = []
    for number in range(MOST_OWED + 1):
        read(book, f"r{number}")
        told.append(miss(book, f"o{number}"))

    assert MOST_OWED == 100
    assert told[:-1] == [None] * 100
    assert "More than 100 orchestrations" in str(told[-1])


def test_what_was_owed_before_and_not_asked_yet_counts_among_the_hundred() -> None:
    book = outcomes(300, known=tuple(f"k{number}" for number in range(MOST_OWED)))
    read(book, "k0")

    assert miss(book, "o1") is None
    read(book, "r1")
    assert "More than 100 orchestrations" in str(miss(book, "o2"))


def test_what_is_refused_after_the_end_is_not_remembered() -> None:
    book = outcomes()
    fail(book, "o1", "the vendor is down")

    assert miss(book, "o2") is None
    assert book.missing == {}
    assert book.fate_of(("o2",)) is Fate.NOT_ASKED


def test_missing_campaigns_are_reported_together_when_all_others_were_read() -> None:
    book = outcomes(3)
    miss(book, "o1", "contact Batch")
    read(book, "o2")
    miss(book, "o3", "ask somebody")

    message = str(book.verdict())

    for words in ("2 of 3 orchestrations", "o1: contact Batch", "o3: ask somebody", OrchestrationsWithRows.way_out):
        assert words in message
    assert book.has_ended


def test_a_long_list_of_missing_campaigns_says_how_many_more_there_are() -> None:
    book = outcomes(60)
    for number in range(23):
        read(book, f"r{number}")
        miss(book, f"o{number}")

    assert "And 3 more." in str(book.verdict())


@pytest.mark.parametrize(
    ("fate", "known", "kind"),
    [
        (Fate.REFUSED, (), FailureType.config_error),
        (Fate.BROKEN, (), FailureType.transient_error),
        (Fate.BROKEN, ("o1",), FailureType.config_error),
    ],
    ids=["refused", "broken for the first time", "broken again"],
)
def test_airbyte_tries_again_only_what_can_pass(fate: Fate, known: tuple[str, ...], kind: FailureType) -> None:
    book = outcomes(1, known)
    miss(book, "o1", fate=fate)
    error = book.verdict()

    assert error is not None
    assert error.failure_type == kind
    assert isinstance(error.as_airbyte_message(), LastWords), "errors about single campaigns are printed last"


def test_a_campaign_that_was_deleted_owes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    book = outcomes(2)
    miss(book, "o1")
    read(book, "o2", records=0)
    book.was_deleted(("o1",))

    assert book.verdict() is None
    assert book.deleted == ["o1: refused"]
    assert caplog.messages[-1] == "stats: the list does not have it any more, so it was deleted: o1: refused"


def test_another_slice_is_one_that_was_read_or_else_one_that_is_not_missing() -> None:
    book = outcomes()
    book.slices = [a_slice(id=name) for name in ("o1", "o2", "o3")]
    miss(book, "o1")

    assert book.another(a_slice(id="o2")) == a_slice(id="o3")
    read(book, "o2")
    assert book.another(a_slice(id="o3")) == a_slice(id="o2")


def test_the_only_slice_has_no_other() -> None:
    book = outcomes()
    book.slices = [a_slice(id="o1")]

    assert book.another(a_slice(id="o1")) is None


def test_many_threads_count_together() -> None:
    book = outcomes(4000)
    threads = [
        threading.Thread(target=lambda n=n: [read(book, f"o{n}-{m}", records=2) for m in range(500)])  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (book.read, book.records) == (4000, 8000)


def test_a_slice_that_is_asked_again_is_one_slice() -> None:
    book = outcomes(1)
    read(book, "o1", records=0)
    read(book, "o1", records=3)

    assert (book.read, book.records) == (1, 3)


def test_progress_is_told_every_half_minute_with_what_was_done_and_the_time_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "airbyte")
    book = outcomes(10031)
    for number in range(99):
        book.was_called()
        read(book, f"o{number}", records=30)
    miss(book, "o99")
    caplog.clear()
    book._told_at = time.monotonic() - 29
    read(book, "o100", records=0)
    assert caplog.messages == []

    book._told_at = time.monotonic() - 30
    read(book, "o101")
    read(book, "o102")

    assert caplog.messages == ["stats: o101, 102 of 10,031 orchestrations, 2,971 records so far, about 2 h 40 min left"]


def test_after_the_last_slice_no_progress_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    book = outcomes(2)
    book._told_at -= 60
    read(book, "o1")
    book._told_at -= 60
    read(book, "o2")

    assert [message[:18] for message in caplog.messages] == ["stats: o1, 1 of 2 "]


@pytest.mark.parametrize(("error", "ending"), [(None, ""), ("the vendor is down", "; ended by an error")])
def test_the_summary_counts_what_was_read_deleted_and_missing(
    error: str | None, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "airbyte")
    book = outcomes(1031)
    for number in range(1001):
        read(book, f"o{number}", records=3)
    miss(book, "m1")
    miss(book, "m2")
    miss(book, "d1")
    book.was_deleted(("d1",))
    if error:
        fail(book, "o2", error)
    book.started = time.monotonic() - 61
    book.log_summary()

    counted = "stats: 3,003 records from 1,001 of 1,031 orchestrations, 1 deleted, 2 missing, in 1 min 01 s"
    assert caplog.messages[-1] == counted + ending


def test_the_summary_of_a_stream_that_never_began_counts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    Outcomes("stats", unit="days").log_summary()

    assert caplog.messages == ["stats: 0 records from 0 of 0 days, 0 deleted, 0 missing, in 1 s"]


def test_what_was_under_way_at_the_end_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    book = outcomes()
    fail(book, "o1", "first")
    fail(book, "o2", "second")

    assert caplog.messages == ["stats: o2 was not read either"]


# --- How long it takes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "sent", "now", "seconds"),
    [
        (0, [], 0.0, 0.0),
        (58, [], 0.0, 0.0),
        (59, [], 0.0, 62.0),
        (116, [], 0.0, 62.0),
        (1000, [], 0.0, 17 * 62.0),
        (5, [0.0] * 58, 2.0, 60.0),
        (5, [0.0] * 58, 70.0, 0.0),
        (5, [0.0] * 30, 2.0, 0.0),
    ],
)
def test_the_time_of_many_calls_follows_from_the_limit(
    calls: int, sent: list[float], now: float, seconds: float
) -> None:
    assert Pace(58, 62).seconds_for(calls, sent, now) == seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "1 s"), (1, "1 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (3600, "1 h 00 min"), (7199, "1 h 59 min")],
)
def test_a_duration_is_told_in_words(seconds: float, told: str) -> None:
    assert in_words(seconds) == told


def test_a_stream_of_campaigns_says_at_once_what_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    Outcomes("stats", pace=Pace(58, 62)).begins([a_slice(id=str(number)) for number in range(1200)])

    assert "stats: 1,200 requests, which take about 20 min 40 s" in caplog.text


def test_a_slice_of_many_days_takes_as_many_requests_as_it_has_steps(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    year = StreamSlice(partition={"id": "o1"}, cursor_slice={"start_time": "2026-01-01", "end_time": "2026-12-31"})
    Outcomes("stats", pace=Pace(58, 62), step=timedelta(days=178)).begins([year, year])

    assert caplog.messages == ["stats: 6 requests, which take about 1 s"]


def test_a_stream_of_days_says_after_the_first_one_what_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    book = Outcomes("stats", unit="days", pace=Pace(97, 62), calls_a_slice=None)
    book.begins([a_slice(f"2026-11-{number:02}") for number in range(1, 31)])
    assert caplog.text == ""

    for number in (1, 2):
        book.settle(a_slice(f"2026-11-{number:02}"), Outcome(Fate.READ, records=5, calls=7))

    assert [record.message for record in caplog.records] == ["stats: 210 requests, which take about 2 min 04 s"]


def test_the_time_left_follows_from_the_limit_even_just_after_a_burst() -> None:
    book = Outcomes("stats", pace=Pace(58, 62))
    book.begins([a_slice(id=str(number)) for number in range(60)])
    for number in range(58):
        book.was_called()
        read(book, str(number))

    assert 55 <= book._seconds_left(58, book._sent[-1]) <= 62


def test_without_a_limit_the_time_left_follows_from_the_time_so_far() -> None:
    book = Outcomes("stats", planned=150, started=1000.0)

    assert book._seconds_left(50, 1100.0) == 200
