"""What became of each slice, and what the stream says about it."""

import threading

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.output.errors import transient_error
from source_campaign_stats.sync.outcome import REFUSALS_IN_A_ROW, Fate, Outcome, Outcomes
from unit_tests.builders import a_slice


def outcomes(planned: int = 20) -> Outcomes:
    return Outcomes("stats", unit="orchestrations", planned=planned)


def read(book: Outcomes, name: str, records: int = 1) -> None:
    book.settle(a_slice(id=name), Outcome(Fate.READ, records))


def leave_out(book: Outcomes, name: str) -> None:
    book.settle(a_slice(id=name), Outcome(Fate.GONE, message="gone"))


def refuse(book: Outcomes, name: object, message: str = "refused") -> AirbyteTracedException | None:
    return book.settle(a_slice(id=name), Outcome(Fate.REFUSED, message=message))


def fail(book: Outcomes, name: str, message: str) -> AirbyteTracedException | None:
    return book.settle(a_slice(id=name), Outcome(Fate.FAILED, error=transient_error(message)))


def test_a_stream_that_was_read_whole_has_nothing_to_say() -> None:
    book = outcomes(1)
    read(book, "o1", records=5)

    assert book.verdict() is None
    assert not book.has_ended


def test_a_failure_is_told_once() -> None:
    book = outcomes()

    assert [str(fail(book, "o1", "first")), fail(book, "o2", "second")] == ["first", None]
    assert "first" in str(book.ended_by)
    assert book.verdict() is None


def test_ten_refusals_in_a_row_are_one_error() -> None:
    book = outcomes()
    told = [refuse(book, f"o{number}") for number in range(REFUSALS_IN_A_ROW)]

    assert REFUSALS_IN_A_ROW == 10
    assert told[:-1] == [None] * 9
    assert "10 refusals in a row" in str(told[-1])
    assert "o9: refused" in str(told[-1])


def test_a_success_between_refusals_starts_the_count_again() -> None:
    book = outcomes(40)
    for number in range(9):
        refuse(book, number)
    read(book, "o")

    assert [refuse(book, 100 + number) for number in range(9)] == [None] * 9


def test_refused_campaigns_are_told_together_and_stay_missing() -> None:
    book = outcomes(3)
    refuse(book, "o1", "contact Batch")
    read(book, "o2")
    refuse(book, "o3", "ask somebody")

    message = str(book.verdict())

    for words in ("2 of 3 orchestrations", "o1: contact Batch", "o3: ask somebody"):
        assert words in message
    assert book.has_ended
    assert book.is_missing(a_slice(id="o1"))
    assert not book.is_missing(a_slice(id="o2"))


def test_deleted_campaigns_are_no_failure_unless_all_are() -> None:
    some, every = outcomes(2), outcomes(2)
    leave_out(some, "o1")
    read(some, "o2", records=0)
    leave_out(every, "o1")
    leave_out(every, "o2")

    assert some.verdict() is None
    assert "o1: gone" in str(every.verdict())


def test_a_refusal_and_a_deletion_are_told_as_a_refusal() -> None:
    book = outcomes(2)
    leave_out(book, "o1")
    refuse(book, "o2")

    assert "o2: refused" in str(book.verdict())


def test_a_slice_that_made_no_request_is_missing() -> None:
    book = outcomes()
    book.settle(a_slice("2026-11-20"), Outcome(Fate.NOT_ASKED))

    assert book.is_missing(a_slice("2026-11-20"))


def test_many_threads_count_together() -> None:
    book = outcomes(4000)
    threads = [
        threading.Thread(target=lambda: [read(book, "o", records=2) for _ in range(500)])  # type: ignore[func-returns-value]
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (book.read, book.records) == (4000, 8000)


def test_progress_and_summary_are_told_in_numbers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    book = outcomes(10031)
    for _ in range(100):
        read(book, "o1", records=30)
    book.log_summary()

    assert "100 of 10,031 orchestrations, 3,000 records so far" in caplog.text
    assert "3,000 records from 100 of 10,031 orchestrations" in caplog.text
