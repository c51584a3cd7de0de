"""What became of each slice, and what the stream says about it."""

import threading

import pytest

from source_campaign_stats.errors import transient_error
from source_campaign_stats.ledger import REFUSALS_IN_A_ROW, Ledger
from unit_tests.builders import a_slice


def ledger(planned: int = 20) -> Ledger:
    return Ledger("stats", unit="orchestrations", planned=planned)


def test_a_stream_that_was_read_whole_has_nothing_to_say() -> None:
    book = ledger(1)
    book.succeed(5, "o1")

    assert book.verdict() is None
    assert not book.has_ended


def test_a_failure_is_told_once() -> None:
    book = ledger()

    assert [book.end(transient_error("first")), book.end(transient_error("second"))] == [True, False]
    assert "first" in str(book.ended_by)
    assert book.verdict() is None


def test_ten_refusals_in_a_row_are_one_error() -> None:
    book = ledger()
    told = [book.refuse(a_slice(id=number), f"o{number} refused") for number in range(REFUSALS_IN_A_ROW)]

    assert REFUSALS_IN_A_ROW == 10
    assert told[:-1] == [None] * 9
    assert "10 refusals in a row" in str(told[-1])
    assert "o9 refused" in str(told[-1])


def test_a_success_between_refusals_starts_the_count_again() -> None:
    book = ledger(40)
    for number in range(9):
        book.refuse(a_slice(id=number), "refused")
    book.succeed(1, "o")

    assert [book.refuse(a_slice(id=100 + number), "refused") for number in range(9)] == [None] * 9


def test_refused_campaigns_are_told_together_and_stay_missing() -> None:
    book = ledger(3)
    book.refuse(a_slice(id="o1"), 'o1 "Sale": contact Batch')
    book.succeed(1, "o2")
    book.refuse(a_slice(id="o3"), 'o3 "Spring": contact Batch')

    message = str(book.verdict())

    for words in ("2 of 3 orchestrations", 'o1 "Sale"', 'o3 "Spring"'):
        assert words in message
    assert book.has_ended
    assert book.is_missing(a_slice(id="o1"))
    assert not book.is_missing(a_slice(id="o2"))


def test_deleted_campaigns_are_no_failure_unless_all_are() -> None:
    some, every = ledger(2), ledger(2)
    some.leave_out("o1 is gone")
    some.succeed(0, "o2")
    every.leave_out("o1 is gone")
    every.leave_out("o2 is gone")

    assert some.verdict() is None
    assert "o1 is gone" in str(every.verdict())


def test_a_refusal_and_a_deletion_are_told_as_a_refusal() -> None:
    book = ledger(2)
    book.leave_out("o1 is gone")
    book.refuse(a_slice(id="o2"), "o2 refused")

    assert "o2 refused" in str(book.verdict())


def test_a_slice_that_made_no_request_is_missing() -> None:
    book = ledger()
    book.miss(a_slice("2026-11-20"))

    assert book.is_missing(a_slice("2026-11-20"))


def test_many_threads_count_together() -> None:
    book = ledger(4000)
    threads = [
        threading.Thread(target=lambda: [book.succeed(2, "o") for _ in range(500)])  # type: ignore[func-returns-value]
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (book.read, book.records) == (4000, 8000)


def test_progress_and_summary_are_told_in_numbers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    book = ledger(10031)
    for _ in range(100):
        book.succeed(30, "o1")
    book.log_summary()

    assert "100 of 10,031 orchestrations, 3,000 records so far" in caplog.text
    assert "3,000 records from 100 of 10,031 orchestrations" in caplog.text
