"""Stream `moengage_campaigns`: names and attributes of MoEngage's campaigns."""

import base64
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from unit_tests.builders import (
    MAINTENANCE,
    MOENGAGE_KEY,
    NULL,
    WORKSPACE,
    Answer,
    Asked,
    ConfigBuilder,
    MoEngage,
    Sync,
    assert_fits_schema,
    moengage_campaign,
    read,
)

STREAM = "moengage_campaigns"
CONFIG = ConfigBuilder().with_moengage().build()


def ids(sync: Sync) -> list[str]:
    return [record["campaign_id"] for record in sync.records(STREAM)]


@pytest.mark.parametrize("number", [0, 2, 15, 30, 31])
def test_the_list_is_walked_to_an_empty_page_until_two_walks_agree(
    moengage: MoEngage, number: int, waits: list[float]
) -> None:
    moengage.with_campaigns(*(moengage_campaign(f"c{n}") for n in range(number)))

    sync = read(CONFIG, STREAM).succeeded()

    assert ids(sync) == [f"c{n}" for n in range(number)]
    first = list(range(1, -(-number // 15) + 2))
    second = first[:-1] if number % 15 else first
    assert [asked.body["page"] for asked in moengage.list.asked] == [*first, *second]
    assert {asked.body["limit"] for asked in moengage.list.asked} == {15}
    assert waits == [5]


def lying_once(moengage: MoEngage, page: int, lie: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """The first answer for a page is wrong."""
    say, lies = moengage.list._say, [lie]

    def answer(asked: Asked) -> Answer:
        told = say(asked)
        return Answer(lies.pop()(told.body)) if lies and asked.body["page"] == page else told

    moengage.list._say = answer


@pytest.mark.parametrize("page", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "lie",
    [
        lambda page: [],
        lambda page: page[1:],
        lambda page: page[:7],
        lambda page: [moengage_campaign(f"c{n}") for n in range(15)],
        lambda page: [moengage_campaign("c0"), *page[:-1]],
    ],
    ids=["empty", "short", "cut", "page 1", "in another order"],
)
def test_a_page_that_is_wrong_once_loses_nothing(moengage: MoEngage, page: int, lie: Any) -> None:
    moengage.with_campaigns(*(moengage_campaign(f"c{n}") for n in range(40)))
    lying_once(moengage, page, lie)

    assert sorted(ids(read(CONFIG, STREAM).succeeded())) == sorted(f"c{n}" for n in range(40))
    assert len(moengage.list.asked) <= 3 * 5


def read_three_walks(moengage: MoEngage, *walks: str) -> Sync:
    """A sync in which each walk of the list has other campaigns: `abc` are three of them, on one page."""
    numbers = itertools.count()
    moengage.list._say = lambda asked: Answer(
        [moengage_campaign(name) for name in walks[next(numbers)]] if asked.body["page"] == 1 else []
    )
    return read(CONFIG, STREAM)


@pytest.mark.parametrize(
    "walks", [("ab", "a", "ab"), ("ab", "ac", "abc"), ("ab", "abc", "ac"), ("abc", "ab", "abcd"), ("a", "ab", "abc")]
)
def test_three_walks_are_believed_if_two_agree_or_one_has_all_that_the_other_two_have(
    moengage: MoEngage, walks: tuple[str, ...]
) -> None:
    assert sorted(ids(read_three_walks(moengage, *walks).succeeded())) == sorted({*"".join(walks)})


@pytest.mark.parametrize("walks", [("ab", "ac", "bc"), ("ab", "ac", "a"), ("ab", "c", "abd")])
def test_three_walks_that_agree_in_no_such_way_are_not_believed(moengage: MoEngage, walks: tuple[str, ...]) -> None:
    sync = read_three_walks(moengage, *walks)

    assert "other campaigns each time" in sync.errors_of(STREAM)[0]
    assert sorted(ids(sync)) == sorted({*"".join(walks)}), "what was seen arrives"


def test_a_list_that_differs_at_each_walk_is_an_error_and_all_its_campaigns_are_put_out(moengage: MoEngage) -> None:
    numbers = itertools.count()
    moengage.list._say = lambda asked: Answer(
        [moengage_campaign(f"c{next(numbers)}")] if asked.body["page"] == 1 else []
    )

    sync = read(CONFIG, STREAM)

    assert "other campaigns each time" in sync.errors_of(STREAM)[0]
    assert ids(sync) == ["c0", "c1", "c2"]


def test_every_request_has_an_id_of_its_own_also_when_it_is_sent_again(moengage: MoEngage) -> None:
    moengage.with_campaigns(*(moengage_campaign(f"c{n}") for n in range(40)))
    moengage.list.first = [MAINTENANCE, Answer("", status=500)]

    read(CONFIG, STREAM).succeeded()

    ids_sent = [asked.body["request_id"] for asked in moengage.list.asked]
    assert len(set(ids_sent)) == len(ids_sent) == 9


def test_a_workspace_without_campaigns_has_no_records(moengage: MoEngage) -> None:
    assert ids(read(CONFIG, STREAM).succeeded()) == []


def test_children_and_archived_campaigns_are_asked_for(moengage: MoEngage) -> None:
    read(CONFIG, STREAM).succeeded()

    body = moengage.list.asked[0].body
    assert body["include_child_campaigns"] is True
    assert body["include_archive_campaigns"] is True
    assert body["request_id"]


def test_a_record_is_the_campaign_without_the_e_mail_address_of_its_creator(moengage: MoEngage) -> None:
    moengage.with_campaigns(moengage_campaign("c1", parent_campaign_id="p1"))

    sync = read(CONFIG, STREAM).succeeded()

    expected = moengage_campaign("c1", parent_campaign_id="p1") | {"workspace_id": WORKSPACE}
    del expected["created_by"]
    assert sync.only(STREAM) == expected | {"campaign_start_time": "2026-11-10T09:00:00Z"}
    assert_fits_schema(STREAM, sync.records(STREAM))
    assert "somebody@example.com" not in sync.everything


def test_a_campaign_need_not_say_who_created_it(moengage: MoEngage) -> None:
    item = moengage_campaign("c1")
    del item["created_by"]
    moengage.with_campaigns(item)

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["campaign_id"] == "c1"


@pytest.mark.parametrize("campaign_id", ["123456789012345678901e23", "1e5000000000000000000007"])
def test_an_id_that_looks_like_a_number_stays_text(moengage: MoEngage, campaign_id: str) -> None:
    moengage.with_campaigns(moengage_campaign(campaign_id, parent_campaign_id=campaign_id))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert (record["campaign_id"], record["parent_campaign_id"]) == (campaign_id, campaign_id)


def test_a_campaign_that_a_moving_list_repeats_is_one_record(moengage: MoEngage) -> None:
    moengage.with_campaigns(*(moengage_campaign(f"c{n}") for n in (*range(15), 14, 15)))

    assert ids(read(CONFIG, STREAM).succeeded()) == [f"c{n}" for n in range(16)]


def test_a_long_list_may_be_walked_twice(moengage: MoEngage) -> None:
    moengage.with_campaigns(*(moengage_campaign(f"c{number:04}") for number in range(1100)))

    assert len(read(CONFIG, STREAM).succeeded().records(STREAM)) == 1100


def test_a_list_that_ignores_the_page_ends(moengage: MoEngage) -> None:
    moengage.list.always = Answer([moengage_campaign(f"c{n}") for n in range(15)])

    sync = read(CONFIG, STREAM)

    assert "repeats itself" in sync.errors_of(STREAM)[0]


@pytest.mark.parametrize("data_center", ["01", "02", "03", "04", "05", "06", "101"])
def test_the_data_center_decides_the_host(moengage: MoEngage, data_center: str) -> None:
    read(ConfigBuilder().with_moengage(data_center=data_center).build(), STREAM).succeeded()

    assert moengage.list.asked[0].url.startswith(f"https://api-{data_center}.moengage.com/core-services/v1/")


@pytest.mark.parametrize("key", [MOENGAGE_KEY, "1e5000000000000000000007", "0123"])
def test_the_keys_stand_verbatim_in_both_headers(moengage: MoEngage, key: str) -> None:
    read(ConfigBuilder().with_moengage(workspace_id=f"0{key[::-1]}", api_key=key).build(), STREAM).succeeded()

    headers = moengage.list.asked[0].headers
    assert headers["MOE-APPKEY"] == f"0{key[::-1]}"
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"0{key[::-1]}:{key}".encode()).decode()


def test_an_undocumented_field_passes_through(moengage: MoEngage) -> None:
    moengage.with_campaigns(moengage_campaign("c1", novelty={"a": 1}))

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["novelty"] == {"a": 1}


@pytest.mark.parametrize(
    "answer",
    [MAINTENANCE, NULL, Answer(""), Answer({}), Answer([{"channel": "PUSH"}]), Answer([None]), Answer("", status=504)],
    ids=lambda answer: f"{answer.status} {answer.body!r:.40}",
)
def test_one_answer_that_is_not_the_documented_one_is_survived(moengage: MoEngage, answer: Answer) -> None:
    moengage.with_campaigns(moengage_campaign("c1"))
    moengage.list.first = [answer]

    assert ids(read(CONFIG, STREAM).succeeded()) == ["c1"]


@pytest.mark.parametrize(("status", "words"), [(401, "Settings > Account > APIs"), (403, "enable")])
def test_a_refused_key_is_reported_and_not_tried_again(moengage: MoEngage, status: int, words: str) -> None:
    moengage.list.always = Answer({"error": {"message": "no"}}, status=status)

    sync = read(CONFIG, STREAM)

    [message] = sync.errors_of(STREAM)
    assert words in message
    assert len(moengage.list.asked) == 1
