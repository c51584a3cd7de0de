"""How slices are read: lists once and whole, failures reported once."""

import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_campaign_stats.http.answers import Unreadable
from source_campaign_stats.http.tries import tries_of
from source_campaign_stats.output.errors import (
    ItemRefusedError,
    UnfitValueError,
    WaitTooLongError,
    config_error,
    traced,
    transient_error,
)
from source_campaign_stats.settings.vendor import Pace
from source_campaign_stats.sync.lists import ListReader
from source_campaign_stats.sync.outcome import Fate, Outcomes
from source_campaign_stats.sync.rows import RowOfAnswer, key_of_slice
from source_campaign_stats.sync.slices import SliceReader
from unit_tests.builders import a_slice


class Vendor:
    """A retriever that counts how often it was asked."""

    def __init__(self, say: Callable[[StreamSlice], Iterable[dict[str, Any]]]) -> None:
        self.say, self.asked = say, 0
        self._lock = threading.Lock()

    def read_records(self, _: Any, stream_slice: StreamSlice) -> Iterable[Record]:
        with self._lock:
            self.asked += 1
        for data in self.say(stream_slice):
            yield Record(data=data, stream_name="s", associated_slice=stream_slice)


def list_of(vendor: Vendor) -> ListReader:
    return ListReader(vendor, "campaigns", ["id"])  # type: ignore[arg-type]


def slices_of(vendor: Vendor, planned: int = 100) -> SliceReader:
    outcomes = Outcomes("stats", unit="orchestrations", planned=planned)
    return SliceReader(vendor, outcomes, ["id", "date"], threading.Semaphore(0))  # type: ignore[arg-type]


def failing(error: Exception, *before: dict[str, Any]) -> Vendor:
    def say(_: StreamSlice) -> Iterable[dict[str, Any]]:
        yield from before
        raise error

    return Vendor(say)


def broken_at_every_try(tries: list[int | None]) -> Vendor:
    """A vendor that is broken; each request adds how often it may be tried (None: as often as the manifest says)."""

    def say(_: StreamSlice) -> Iterable[dict[str, Any]]:
        tries.append(tries_of(None).patience.tries)
        raise transient_error("500 each time")

    return Vendor(say)


def campaign(name: str) -> StreamSlice:
    return StreamSlice(
        partition={"id": name},
        cursor_slice={"start_time": "2026-11-01", "end_time": "2026-11-20"},
        extra_fields={"name": f"Name of {name}"},
    )


def read(reader: SliceReader | ListReader, part: StreamSlice) -> list[dict[str, Any]]:
    return [dict(record.data) for record in reader.read_records({}, part)]


def test_a_request_that_waits_to_be_sent_again_is_not_sent_once_the_stream_has_ended() -> None:
    sent = []

    def say(_: StreamSlice) -> Iterable[dict[str, Any]]:
        for number in range(2):
            tries_of(None).patience.on_send()
            sent.append(number)
            reader.outcomes.end(transient_error("another one ended it"))
        yield {}

    reader = slices_of(Vendor(say))

    assert read(reader, part := campaign("a")) == []
    assert sent == [0]
    assert reader.outcomes.fate_of(key_of_slice(part)) is Fate.NOT_ASKED


# --- Lists ------------------------------------------------------------------------------------------------------------


def test_one_walk_serves_two_consumers_at_the_same_time() -> None:
    vendor = Vendor(lambda _: ({"id": number} for number in range(100)))
    reader, found = list_of(vendor), []
    threads = [threading.Thread(target=lambda: found.append(read(reader, a_slice()))) for _ in range(4)]
    threads += [threading.Thread(target=lambda: found.append([*reader.whole_slice(a_slice())])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert vendor.asked == 1
    assert [len(records) for records in found] == [100] * 8


def test_what_one_stream_does_to_a_record_of_a_list_does_not_reach_the_other() -> None:
    reader = list_of(Vendor(lambda _: ({"id": number} for number in range(250))))

    for record in reader.whole_slice(a_slice()):
        cast(dict[str, Any], record.data)["id"] = "changed"

    assert read(reader, a_slice()) == [{"id": number} for number in range(250)]


def test_a_list_that_failed_fails_for_both_consumers_without_asking_again() -> None:
    vendor = failing(transient_error("page 2 is gone"), {"id": 1})
    reader = list_of(vendor)

    with pytest.raises(AirbyteTracedException, match="campaigns: page 2 is gone"):
        read(reader, a_slice())
    with pytest.raises(AirbyteTracedException, match="page 2 is gone"):
        reader.whole_slice(a_slice())

    assert vendor.asked == 1


def test_a_list_that_failed_in_one_slice_fails_in_the_others_with_one_error() -> None:
    vendor = failing(config_error("refused"))
    reader = list_of(vendor)

    with pytest.raises(AirbyteTracedException, match="refused"):
        read(reader, a_slice(app="iOS"))

    assert read(reader, a_slice(app="Web")) == []
    with pytest.raises(AirbyteTracedException, match="refused"):
        reader.whole_slice(a_slice(app="Web"))
    assert vendor.asked == 1


def test_a_list_that_fails_hands_on_what_came_before_the_error() -> None:
    records = iter(list_of(failing(transient_error("cut"), {"id": 1}, {"id": 2})).read_records({}, a_slice()))

    assert [next(records)["id"], next(records)["id"]] == [1, 2]
    with pytest.raises(AirbyteTracedException, match="campaigns: cut"):
        next(records)


def test_nobody_acts_on_half_a_list() -> None:
    with pytest.raises(AirbyteTracedException, match="cut"):
        list_of(failing(transient_error("cut"), {"id": 1})).whole_slice(a_slice())


def test_if_an_item_comes_twice_the_later_answer_counts() -> None:
    reader = list_of(Vendor(lambda _: [{"id": 1, "name": "old"}, {"id": 2}, {"id": 1, "name": "new"}]))

    assert read(reader, a_slice()) == [{"id": 1, "name": "new"}, {"id": 2}]


def test_an_item_that_can_not_be_read_and_then_is_not_there_is_reported() -> None:
    unreadable = Unreadable({"id": 2}, 'The column "date" holds an array where a text belongs.')
    walks = iter([[{"id": 1}, unreadable], [{"id": 1}, {"id": 3}]])
    reader = list_of(Vendor(lambda _: next(walks)))
    records = reader.read_records({}, a_slice())

    with pytest.raises(AirbyteTracedException, match=r'1 items of the list.*The column "date" holds an array'):
        assert [*records]


def test_an_item_that_can_not_be_read_is_reported_and_no_other_is_lost() -> None:
    unreadable = Unreadable({"id": 2}, 'The column "date" holds an array where a text belongs.')
    reader = list_of(Vendor(lambda _: [{"id": 1}, unreadable, {"id": 3}]))
    records = iter(reader.read_records({}, a_slice()))

    assert [next(records)["id"], next(records)["id"]] == [1, 3]
    with pytest.raises(AirbyteTracedException, match=r"1 items of the list can't be read.*where a text belongs"):
        next(records)
    assert [item["id"] for item in reader.whole_slice(a_slice())] == [1, 2, 3], "its statistics are asked for"


def test_a_list_is_read_anew_on_demand() -> None:
    vendor = Vendor(lambda _: [{"id": 1}])
    reader = list_of(vendor)

    assert [read(one, a_slice()) for one in (reader, reader, reader.anew())] == [[{"id": 1}]] * 3
    assert vendor.asked == 2


# --- Slices -----------------------------------------------------------------------------------------------------------


def test_a_key_is_put_out_once_and_only_for_the_days_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    dates = ["2026-10-31", *["2026-11-01"] * 4, "2026-11-20", "2026-11-21"]
    reader = slices_of(Vendor(lambda _: ({"id": "o1", "date": of} for of in dates)))

    assert [record["date"] for record in read(reader, campaign("o1"))] == ["2026-11-01", "2026-11-20"]
    assert (reader.outcomes.read, reader.outcomes.records) == (1, 2)
    assert caplog.messages == ['stats: 3 rows of o1 "Name of o1" came twice']


def test_after_the_end_no_request_is_made() -> None:
    vendor = failing(config_error("refused"))
    reader = slices_of(vendor)

    with pytest.raises(AirbyteTracedException, match="stats: refused"):
        read(reader, campaign("o1"))
    for number in range(20):
        assert read(reader, campaign(f"x{number}")) == []

    assert vendor.asked == 1
    assert reader.outcomes.fate_of(("x5",)) is Fate.NOT_ASKED


def test_slices_under_way_when_the_stream_ends_report_no_second_error() -> None:
    barrier = threading.Barrier(8)

    def say(_: StreamSlice) -> Iterable[dict[str, Any]]:
        barrier.wait(5)
        raise transient_error("gave up")

    reader, errors = slices_of(Vendor(say)), []

    def run(number: int) -> None:
        try:
            read(reader, campaign(f"o{number}"))
        except AirbyteTracedException as error:
            errors.append(str(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == ["stats: gave up"]


def test_a_slice_under_way_asks_for_no_further_page_after_the_stream_has_ended() -> None:
    pages_asked = []

    def pages(_: StreamSlice) -> Iterable[dict[str, Any]]:
        for page in range(3):
            pages_asked.append(page)
            yield {"id": str(page), "date": "2026-11-02"}

    reader, part = slices_of(Vendor(pages)), campaign("a")
    records = iter(reader.read_records({}, part))
    next(iter(records))
    reader.outcomes.end(config_error("the key was refused"))

    assert list(records) == []
    assert pages_asked == [0, 1], "it went on paging"
    assert reader.outcomes.fate_of(("a",)) is Fate.NOT_ASKED


def test_a_list_under_way_asks_for_no_further_page_after_another_slice_has_failed() -> None:
    pages_asked, second_page, failed = [], threading.Event(), threading.Event()

    def pages(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        if stream_slice["id"] == "failing":
            second_page.wait(5)
            raise config_error("the key was refused")
        for page in range(4):
            pages_asked.append(page)
            yield {"id": str(page)}
            if page == 0:
                second_page.set()
                failed.wait(5)

    def walk_the_other_slice() -> None:
        with pytest.raises(AirbyteTracedException):
            reader.whole_slice(campaign("long"))

    reader = list_of(Vendor(pages))
    walk = threading.Thread(target=walk_the_other_slice)
    walk.start()
    with pytest.raises(AirbyteTracedException):
        reader.whole_slice(campaign("failing"))
    failed.set()
    walk.join(5)

    assert pages_asked == [0, 1], "it went on paging"


def test_the_tenth_refusal_in_a_row_ends_the_stream() -> None:
    vendor = failing(ItemRefusedError(message="refused"))
    reader = slices_of(vendor)
    for number in range(9):
        read(reader, campaign(f"o{number}"))

    with pytest.raises(AirbyteTracedException, match="10 orchestrations in a row"):
        read(reader, campaign("o9"))
    assert read(reader, campaign("o10")) == []
    assert vendor.asked == 10


def broken_only(name: str, error: Exception) -> Vendor:
    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        if stream_slice["id"] == name:
            raise error
        return [{"id": stream_slice["id"], "date": "2026-11-02"}]

    return Vendor(say)


BREAKS = [
    transient_error("500 each time"),
    KeyError("sent"),
    UnicodeError("half"),
    traced("odd", FailureType.system_error),
]


@pytest.mark.parametrize("error", BREAKS, ids=repr)
def test_a_campaign_that_breaks_is_missing_alone_when_another_one_is_answered(error: Exception) -> None:
    vendor = broken_only("o2", error)
    reader = slices_of(vendor)
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2", "o3")]

    assert [len(read(reader, campaign(name))) for name in ("o2", "o1", "o3")] == [0, 1, 1]
    assert [*reader.outcomes.missing] == [("o2",)]
    assert vendor.asked == 4, "one other campaign is asked once"
    assert "KeyError" not in reader.outcomes.missing[("o2",)]
    assert "stats" not in reader.outcomes.missing[("o2",)], "the message that names it begins with the stream"


@pytest.mark.parametrize("error", BREAKS, ids=repr)
def test_a_vendor_that_answers_nothing_ends_the_stream(error: Exception) -> None:
    vendor = failing(error)
    reader = slices_of(vendor)
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2", "o3")]

    with pytest.raises(AirbyteTracedException, match="stats: "):
        read(reader, campaign("o1"))
    assert read(reader, campaign("o2")) == []
    assert vendor.asked == 2


def test_another_campaign_is_asked_with_a_single_try() -> None:
    tries: list[int | None] = []
    reader = slices_of(broken_at_every_try(tries))
    reader.outcomes.slices = [campaign("o1"), campaign("o2")]

    with pytest.raises(AirbyteTracedException):
        read(reader, campaign("o1"))
    assert tries == [None, 1]


@pytest.mark.parametrize(
    ("of_another", "told"),
    [(config_error("the key was refused"), "the key was refused"), (transient_error("503"), "not whole")],
    ids=["about all campaigns", "as broken"],
)
def test_when_another_campaign_fails_too_the_cause_is_told(of_another: Exception, told: str) -> None:
    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        raise transient_error("not whole") if stream_slice["id"] == "o1" else of_another

    reader = slices_of(Vendor(say))
    reader.outcomes.slices = [campaign("o1"), campaign("o2")]

    with pytest.raises(AirbyteTracedException, match=told):
        read(reader, campaign("o1"))


def test_a_refusal_of_another_campaign_is_an_answer_too() -> None:
    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        raise transient_error("500") if stream_slice["id"] == "o1" else ItemRefusedError(message="no")

    reader = slices_of(Vendor(say))
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2")]

    assert read(reader, campaign("o1")) == []
    assert not reader.outcomes.has_ended


@pytest.mark.parametrize(
    "error", [config_error("the key was refused"), WaitTooLongError("wait an hour")], ids=["the key", "a long wait"]
)
def test_what_is_about_all_campaigns_ends_the_stream_without_asking_another(error: Exception) -> None:
    vendor = broken_only("o1", error)
    reader = slices_of(vendor)
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2")]

    with pytest.raises(AirbyteTracedException, match=str(error)):
        read(reader, campaign("o1"))
    assert vendor.asked == 1


def test_a_campaign_that_was_missing_before_is_asked_twice_at_most_and_no_other_for_it() -> None:
    tries: list[int | None] = []
    reader = slices_of(broken_at_every_try(tries))
    reader.outcomes.known = [("o1",)]
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2")]

    assert read(reader, campaign("o1")) == []
    assert tries == [2]
    assert [*reader.outcomes.missing] == [("o1",)]


def test_messages_name_the_app_whose_key_can_be_the_cause_once() -> None:
    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        raise transient_error("500") if stream_slice["id"] == "o1" else config_error("the key was refused")

    reader = slices_of(Vendor(say))
    reader.outcomes.slices = [a_slice("2026-11-20", app=app, id=name) for app, name in (("iOS", "o1"), ("Web", "o2"))]

    with pytest.raises(AirbyteTracedException, match=r'^stats, app "Web": the key was refused$'):
        read(reader, reader.outcomes.slices[0])
    assert "Web" not in str(reader.outcomes.missing)


def test_a_missing_campaign_is_told_without_the_stream_and_app_that_stand_before_it() -> None:
    reader = slices_of(failing(transient_error("500")))
    reader.outcomes.can_be_alone = True

    assert read(reader, a_slice("2026-11-20", app="iOS", id="o1")) == []
    assert reader.outcomes.missing == {("iOS", "o1"): "iOS, o1: 500"}


def test_another_campaign_without_rows_is_an_answer() -> None:
    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        if stream_slice["id"] == "o1":
            raise transient_error("500")
        return []

    reader = slices_of(Vendor(say))
    reader.outcomes.slices = [campaign("o1"), campaign("o2")]

    assert read(reader, campaign("o1")) == []
    assert [*reader.outcomes.missing] == [("o1",)]


@pytest.mark.parametrize("times", [1, 2])
def test_a_value_that_does_not_fit_is_asked_again_once(times: int) -> None:
    left = [UnfitValueError("sent", "many", "a whole number")] * times

    def say(stream_slice: StreamSlice) -> Iterable[dict[str, Any]]:
        yield {"id": "o1", "date": "2026-11-02"}
        if stream_slice["id"] == "o1" and left:
            raise left.pop()
        yield {"id": "o1", "date": "2026-11-03"}

    reader = slices_of(Vendor(say))
    reader.outcomes.slices = [campaign(name) for name in ("o1", "o2")]

    dates = [record["date"] for record in read(reader, campaign("o1"))]

    assert dates == ["2026-11-02", "2026-11-03"][: 3 - times], "each row once"
    assert [*reader.outcomes.missing] == ([("o1",)] if times == 2 else [])


def test_a_list_with_an_item_that_does_not_fit_once_is_read_again_and_whole() -> None:
    answers = [[{"id": 1}, Unreadable({"id": 2}, "odd")], [{"id": 1}, {"id": 2}]]
    reader = list_of(Vendor(lambda _: answers.pop(0)))

    assert read(reader, a_slice()) == [{"id": 1}, {"id": 2}]


def test_a_slice_that_nobody_takes_to_its_end_ends_the_stream() -> None:
    reader = slices_of(Vendor(lambda _: [{"id": "o1", "date": "2026-11-02"}, {"id": "o1", "date": "2026-11-03"}]))
    rows = iter(reader.read_records({}, campaign("o1")))
    next(rows)

    rows.close()  # type: ignore[attr-defined]

    assert reader.outcomes.has_ended


def test_the_requests_of_the_first_slice_say_what_all_of_them_cost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")

    def say(_: StreamSlice) -> Iterable[dict[str, Any]]:
        for _ in range(3):
            tries_of(None).patience.on_send()
        return []

    reader = slices_of(Vendor(say), planned=10)
    reader.outcomes.calls_a_slice, reader.outcomes.pace = None, Pace(10, 60)

    read(reader, campaign("o1"))

    assert caplog.messages == ["stats: 30 requests, which take about 2 min 00 s"]


def test_a_slice_whose_reader_fails_half_way_does_not_count_as_read() -> None:
    reader = slices_of(failing(ItemRefusedError(message="x"), {"id": "o1", "date": "2026-11-02"}))

    assert len(read(reader, campaign("o1"))) == 1
    assert reader.outcomes.read == 0
    assert reader.outcomes.fate_of(("o1",)) is Fate.REFUSED


def test_a_campaign_of_several_answers_is_taken_whole_from_the_last() -> None:
    def row(answer: int, variation: str) -> RowOfAnswer:
        made = RowOfAnswer(id="c1", date="2026-11-02", variation=variation)
        made.group, made.answer = "c1", answer
        return made

    vendor = Vendor(lambda _: [row(1, "a"), row(1, "b"), row(2, "total")])
    reader = slices_of(vendor)
    reader.primary_key = ["id", "date", "variation"]

    assert [record["variation"] for record in read(reader, campaign("o1"))] == ["total"]
