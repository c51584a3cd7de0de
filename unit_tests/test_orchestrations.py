"""Stream `orchestrations`: the whole list of Batch CEP, one record an orchestration."""

import itertools
from typing import Any

import pytest
import requests_mock as requests_mocking

from unit_tests.builders import (
    BATCH_KEY,
    MAINTENANCE,
    NULL,
    PROJECT,
    Answer,
    Asked,
    BatchCep,
    ConfigBuilder,
    Sync,
    assert_fits_schema,
    orchestration,
    read,
)

STREAM = "orchestrations"
CONFIG = ConfigBuilder().with_batch().build()


def ids(sync: Sync) -> list[str]:
    return [record["id"] for record in sync.records(STREAM)]


def test_one_page_is_read_whole(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))

    sync = read(CONFIG, STREAM).succeeded()

    assert ids(sync) == ["o1", "o2"]
    assert len(cep.list.asked) == 1


def test_several_pages_are_read_in_their_order(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")], [orchestration("o3")])

    sync = read(CONFIG, STREAM).succeeded()

    assert ids(sync) == ["o1", "o2", "o3"]
    assert len(cep.list.asked) == 3


def test_a_project_without_orchestrations_has_no_records(cep: BatchCep) -> None:
    assert ids(read(CONFIG, STREAM).succeeded()) == []


def test_an_empty_page_in_the_middle_does_not_end_the_list(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [], [orchestration("o3")])

    assert ids(read(CONFIG, STREAM).succeeded()) == ["o1", "o3"]


def test_next_from_is_sent_back_verbatim(cep: BatchCep) -> None:
    cep.with_pages(*([orchestration(f"o{number}")] for number in range(5)))

    read(CONFIG, STREAM).succeeded()

    assert cep.list.params("from") == [None, *cep.cursors]


def test_all_four_statuses_are_asked_for_as_repeated_keys(cep: BatchCep) -> None:
    read(CONFIG, STREAM).succeeded()

    assert sorted(cep.list.asked[0].params["status"]) == ["completed", "draft", "running", "stopped"]
    assert cep.list.asked[0].params["limit"] == ["100"]


def test_the_keys_stand_in_the_headers(cep: BatchCep) -> None:
    read(CONFIG, STREAM).succeeded()

    assert cep.list.asked[0].headers["Authorization"] == f"Bearer {BATCH_KEY}"
    assert cep.list.asked[0].headers["X-Batch-Project"] == PROJECT


@pytest.mark.parametrize(
    "key", ["1e5000000000000000000007", "1_000_000", "0123456789", "k['a']", "k{{config}}", "None1"]
)
def test_a_key_that_looks_like_something_else_is_sent_verbatim(cep: BatchCep, key: str) -> None:
    config = ConfigBuilder().with_batch(rest_api_key=key, project_key=f"0{key[::-1]}").build()

    read(config, STREAM).succeeded()

    assert cep.list.asked[0].headers["Authorization"] == f"Bearer {key}"
    assert cep.list.asked[0].headers["X-Batch-Project"] == f"0{key[::-1]}"


def test_a_record_is_the_orchestration_and_the_project_it_belongs_to(cep: BatchCep) -> None:
    item = orchestration("o1", labels=["NEWSLETTER"], platforms=["ios"], capping=0)
    cep.with_orchestrations(item)

    sync = read(CONFIG, STREAM).succeeded()

    assert sync.only(STREAM) == item | {"project_key": PROJECT}
    assert_fits_schema(STREAM, sync.records(STREAM))


def test_an_id_that_looks_like_a_number_stays_text(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("123456789012345678901e23"), orchestration("1e5000000000000000000007"))

    assert ids(read(CONFIG, STREAM).succeeded()) == ["123456789012345678901e23", "1e5000000000000000000007"]


def test_the_misspelt_repeat_fequency_arrives_under_its_right_name(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration(recurrence={"repeat_unit": "weekly", "repeat_fequency": 2}))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert record["recurrence"] == {"repeat_unit": "weekly", "repeat_frequency": 2}


def test_the_misspelt_messages_steps_arrive_under_their_right_name(cep: BatchCep) -> None:
    steps = [{"step_name": "First", "step_id": "step_1"}]
    cep.with_orchestrations(orchestration(messages_steps=steps))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert record["message_steps"] == steps
    assert "messages_steps" not in record


def test_the_right_spelling_is_left_as_it_is(cep: BatchCep) -> None:
    steps = [{"step_name": "First", "step_id": "step_1"}]
    cep.with_orchestrations(orchestration(message_steps=steps, recurrence={"repeat_frequency": 3}))

    record = read(CONFIG, STREAM).succeeded().only(STREAM)

    assert (record["message_steps"], record["recurrence"]) == (steps, {"repeat_frequency": 3})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2025-06-30T14:38:19Z", "2025-06-30T14:38:19Z"),
        ("2025-06-30T14:38:19", "2025-06-30T14:38:19Z"),
        ("2025-06-30T16:38:19+02:00", "2025-06-30T14:38:19Z"),
        ("not a date", None),
    ],
)
def test_timestamps_arrive_in_one_form(cep: BatchCep, sent: str, expected: str | None) -> None:
    cep.with_orchestrations(
        orchestration(created_date=sent, start_time=sent, end_time=sent, recurrence={"end_time": sent})
    )

    sync = read(CONFIG, STREAM).succeeded()

    record = sync.only(STREAM)
    assert [record["created_date"], record["start_time"], record["end_time"]] == [expected] * 3
    assert record["recurrence"]["end_time"] == expected
    assert_fits_schema(STREAM, [record])


def test_an_undocumented_field_passes_through(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration(novelty={"new": [1]}))

    assert read(CONFIG, STREAM).succeeded().only(STREAM)["novelty"] == {"new": [1]}


def test_an_orchestration_that_a_moving_list_repeats_is_one_record(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1"), orchestration("o2")], [orchestration("o2"), orchestration("o3")])

    assert ids(read(CONFIG, STREAM).succeeded()) == ["o1", "o2", "o3"]


def test_drafts_and_skipped_orchestrations_are_listed(cep: BatchCep) -> None:
    config = ConfigBuilder().with_batch(skip_orchestration_ids=["o2"]).build()
    cep.with_orchestrations(orchestration("o1", status="draft"), orchestration("o2"))

    assert ids(read(config, STREAM).succeeded()) == ["o1", "o2"]


@pytest.mark.parametrize(
    "answer",
    [
        MAINTENANCE,
        NULL,
        Answer(""),
        Answer([]),
        Answer({"has_more": False}),
        Answer({"orchestrations": None, "has_more": False}),
        Answer({"orchestrations": [], "has_more": "no"}),
        Answer({"orchestrations": [], "has_more": True}),
        Answer({"orchestrations": [], "has_more": True, "next_from": ""}),
        Answer("", status=503),
        Answer("", status=302, headers={"Location": "https://elsewhere.example/"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body!r:.40}",
)
def test_one_answer_that_is_not_the_documented_one_is_survived(cep: BatchCep, answer: Answer) -> None:
    cep.with_orchestrations(orchestration("o1"))
    cep.list.first = [answer]

    sync = read(CONFIG, STREAM).succeeded()

    assert ids(sync) == ["o1"]
    assert len(cep.list.asked) == 2


def test_a_maintenance_page_that_stays_fails_the_stream(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    cep.list.always = MAINTENANCE

    sync = read(CONFIG, STREAM)

    assert sync.failure is not None, "a page that is no list was taken for an empty list"
    assert "Batch answered something that is not the documented answer" in sync.errors_of(STREAM)[0]
    assert 4 <= len(cep.list.asked) <= 10


def test_a_page_that_leads_to_itself_fails_the_stream(cep: BatchCep) -> None:
    cep.list.always = Answer({"orchestrations": [], "has_more": True, "next_from": "same"})

    sync = read(CONFIG, STREAM)

    assert "leads to the same page again" in sync.errors_of(STREAM)[0]
    assert len(cep.list.asked) < 12


def test_a_list_that_leads_back_to_an_earlier_page_is_asked_again_and_then_an_error(cep: BatchCep) -> None:
    many = [orchestration(f"o{number}") for number in range(3)]
    cep.cursors = ["a", "b", "a"]
    cep.with_pages(many[:1], many[1:2], many[2:], [])

    sync = read(CONFIG, STREAM)

    assert "leads back to a page that was read before" in sync.errors_of(STREAM)[0]
    assert ids(sync) == ["o0", "o1", "o2"], "what came before the error is put out"
    assert len(cep.list.asked) <= 6


def test_a_cursor_that_leads_back_once_is_survived(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o0")], [orchestration("o1")], [orchestration("o2")])
    say, wrong = cep.list._say, ["once"]

    def answer(asked: Asked) -> Answer:
        told = say(asked)
        return Answer(told.body | {"next_from": cep.cursors[0]}) if len(cep.list.asked) == 3 and wrong.pop() else told

    cep.cursors = ["a", "b", "c"]
    cep.with_pages(*cep.pages, [orchestration("o3")])
    cep.list._say = answer

    assert ids(read(CONFIG, STREAM).succeeded()) == ["o0", "o1", "o2", "o3"]


@pytest.mark.parametrize("is_last", [True, False])
def test_a_page_that_brings_nothing_new_is_asked_again(cep: BatchCep, is_last: bool) -> None:
    pages = [[orchestration(f"o{page}{number}") for number in range(3)] for page in range(2 if is_last else 3)]
    cep.with_pages(*pages)
    say = cep.list._say

    def repeat_once(asked: Asked) -> Answer:
        told = say(asked)
        return Answer(told.body | {"orchestrations": pages[0]}) if len(cep.list.asked) == 2 else told

    cep.list._say = repeat_once

    sync = read(CONFIG, STREAM).succeeded()

    assert sorted(ids(sync)) == sorted(item["id"] for page in pages for item in page)
    assert len(cep.list.asked) == len(pages) + 1


@pytest.mark.parametrize("items", [[], [orchestration("o1")]])
def test_a_list_without_an_end_ends(cep: BatchCep, items: list[dict[str, Any]]) -> None:
    numbers = itertools.count()
    cep.list._say = lambda _: Answer({"orchestrations": items, "has_more": True, "next_from": f"c{next(numbers)}"})

    sync = read(CONFIG, STREAM)

    assert "does not come to an end" in sync.errors_of(STREAM)[0]
    assert len(cep.list.asked) < 1100


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["elsewhere.example", "api.batch.com"])
def test_no_redirection_is_followed_with_the_keys(
    cep: BatchCep, http: requests_mocking.Mocker, status: int, host: str
) -> None:
    target = http.get(f"https://{host}/trap", json={"orchestrations": [orchestration("trap")], "has_more": False})
    cep.with_orchestrations(orchestration("o1"))
    cep.list.first = [Answer("", status=status, headers={"Location": f"https://{host}/trap"})]

    sync = read(CONFIG, STREAM).succeeded()

    assert target.call_count == 0
    assert ids(sync) == ["o1"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_configuration_error_and_not_tried_again(cep: BatchCep, status: int) -> None:
    cep.list.always = Answer({"error_message": "no", "error_code": "AUTHENTICATION_INVALID"}, status=status)

    sync = read(CONFIG, STREAM)

    assert len(cep.list.asked) == 1
    assert len(sync.errors_of(STREAM)) == 1
    assert '"REST API key"' in sync.errors_of(STREAM)[0]
    assert "Settings → General" in sync.errors_of(STREAM)[0]


def test_a_limit_says_nothing_about_a_stream_that_is_not_read(
    cep: BatchCep, capsys: pytest.CaptureFixture[str]
) -> None:
    cep.list.first = [Answer("", status=429)]

    sync = read(CONFIG, "orchestration_stats").succeeded()

    assert len(cep.list.asked) == 3, "the page without an item is asked for once more"
    assert sync.status(STREAM) is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("status", [400, 404])
def test_a_list_that_is_refused_fails(cep: BatchCep, status: int) -> None:
    cep.list.always = Answer({"error_message": "wrong", "error_code": "X"}, status=status)

    assert read(CONFIG, STREAM).failure is not None


@pytest.mark.parametrize(("number", "is_too_many"), [(20, False), (21, True)])
def test_more_than_twenty_empty_pages_in_a_row_end_the_list_with_an_error(
    cep: BatchCep, number: int, is_too_many: bool
) -> None:
    cep.cursors = [f"cursor {n}" for n in range(50)]
    empty: list[list[dict[str, Any]]] = [[]] * number
    cep.with_pages([orchestration("o1")], *empty, [orchestration("o2")], *empty[:20], [orchestration("o3")])

    sync = read(CONFIG, STREAM)

    assert ("21 empty pages in a row" in sync.everything) == is_too_many
    assert is_too_many or ids(sync) == ["o1", "o2", "o3"]


def test_a_list_that_fails_on_its_second_page_is_one_error(cep: BatchCep) -> None:
    cep.with_pages([orchestration("o1")], [orchestration("o2")])
    answers = iter([None])
    say = cep.list._say
    cep.list._say = lambda asked: say(asked) if next(answers, asked) is None else Answer("", status=503)

    sync = read(CONFIG, STREAM)

    assert sync.failure is not None
    assert len(sync.errors_of(STREAM)) == 1
