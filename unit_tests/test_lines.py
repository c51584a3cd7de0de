"""Records as lines: the same text as the CDK's, in order, none held back, each counted."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import orjson
import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type
from airbyte_cdk.sources.types import Record
from airbyte_cdk.sources.utils.record_helper import stream_data_to_airbyte_message

from source_campaign_stats import SourceCampaignStats
from source_campaign_stats.output.lines import Lines, in_lines, lines_of, record_line
from source_campaign_stats.process.commands import printed as printed_by_the_command
from unit_tests.builders import LOGGER, BatchCep, ConfigBuilder, a_slice, catalog, day, orchestration

STREAM = "orchestration_stats"
CONFIG = ConfigBuilder().with_batch().build()


def records(count: int, size: int) -> Iterator[Record]:
    for number in range(count):
        yield Record(data={"number": number, "text": "x" * size}, stream_name="s", associated_slice=a_slice())


def handed_over(count: int, size: int) -> list[Lines]:
    made = in_lines(records(count, size), "s", a_slice())
    messages = [stream_data_to_airbyte_message(record.stream_name, record.data) for record in made]
    return [lines for message in messages if (lines := lines_of(message))]


def numbers(lines: Lines) -> list[int]:
    return [json.loads(line)["record"]["data"]["number"] for line in lines.text.splitlines()]


class Output(io.StringIO):
    """A standard output that counts the records of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[int] = []

    def write(self, text: str) -> int:
        if count := text.count('{"type":"RECORD"'):
            self.records.append(count)
        return super().write(text)


def printed(to: io.StringIO | None = None, streams: tuple[str, ...] = (STREAM,)) -> list[dict[str, Any]]:
    """The messages of a read, by default of `orchestration_stats`, as the console script prints them."""
    source = SourceCampaignStats(catalog=catalog(*streams), config=CONFIG, state=[], as_lines=True)
    with redirect_stdout(to or io.StringIO()) as output:
        for message in printed_by_the_command(source.read(LOGGER, CONFIG, catalog(*streams), [])):
            print(AirbyteEntrypoint.airbyte_message_to_string(message))
    return [json.loads(line) for line in output.getvalue().splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    "data",
    [
        {"id": "a", "sent": 1, "rate": 0.1, "is_on": True},
        {"id": None, "sent": 0, "platforms": [None, {"sent": None}], "texts": {"key": None}},
        {"name": 'Été "🎉"\n\u2028', "large": 2**63 - 1, "empty": "", "none": []},
        {"only": None},
    ],
)
def test_a_line_is_what_the_cdk_prints_for_the_record(data: dict[str, Any]) -> None:
    line = record_line("orchestrations", data).decode()

    record = AirbyteRecordMessage("orchestrations", dict(data), json.loads(line)["record"]["emitted_at"])
    assert line == AirbyteEntrypoint.airbyte_message_to_string(AirbyteMessage(Type.RECORD, record=record)) + "\n"


def test_a_whole_number_beyond_64_bits_is_printed_exactly() -> None:
    data = {"name": "Été 🎉", "sent": 2**64, "other_metrics": {"read": -(2**63) - 1}, "parts": [{"sent": 10**40}]}

    line = record_line("orchestrations", data)

    assert line.endswith(b"}\n")
    assert json.loads(line)["record"]["data"] == data


def test_all_records_are_handed_over_in_their_order() -> None:
    handed = handed_over(1000, size=1000)

    assert [number for lines in handed for number in numbers(lines)] == list(range(1000))
    assert [lines.count for lines in handed] == [len(numbers(lines)) for lines in handed]


def test_narrow_records_are_handed_over_many_at_a_time_and_wide_ones_one_by_one() -> None:
    narrow, wide = handed_over(1000, size=1000), handed_over(3, size=400_000)

    assert (len(narrow), len(wide)) == (5, 3), "of about 250 kB each"


def test_what_was_read_before_a_failure_of_the_slice_does_not_hide_the_failure() -> None:
    def failing() -> Iterator[Record]:
        yield from records(2, size=10)
        raise ValueError("page 2")

    with pytest.raises(ValueError, match="page 2"):
        list(in_lines(failing(), "s", a_slice()))


def test_the_printed_records_are_those_of_a_read_that_makes_messages(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    cep.with_days("o1", day("2026-11-01", sent=1), day("2026-11-20", sent=None)).with_days("o2", day("2026-11-05"))

    source = SourceCampaignStats(catalog=catalog(STREAM), config=CONFIG, state=[])
    messages = [
        orjson.loads(AirbyteEntrypoint.airbyte_message_to_string(message))
        for message in source.read(LOGGER, CONFIG, catalog(STREAM), [])
    ]

    wanted = [message["record"]["data"] for message in messages if message["type"] == "RECORD"]
    found = [message["record"]["data"] for message in printed() if message["type"] == "RECORD"]
    assert len(wanted) == 3
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_lines_are_not_gathered_before_they_are_written(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"), orchestration("o2"))
    cep.with_days("o1", day("2026-11-01")).with_days("o2", day("2026-11-05"))

    printed(to=(output := Output()))

    assert output.records == [1, 1]


def test_a_state_comes_after_its_records_and_has_their_number(cep: BatchCep) -> None:
    cep.with_orchestrations(orchestration("o1"))
    cep.with_days("o1", *(day(f"2026-11-{number:02}") for number in range(1, 21)))

    messages = printed()

    kinds = [message["type"] for message in messages if message["type"] in ("RECORD", "STATE")]
    states = [message["state"] for message in messages if message["type"] == "STATE"]
    assert kinds[:21] == ["RECORD"] * 20 + ["STATE"]
    assert [state["sourceStats"]["recordCount"] for state in states] == [20.0] + [0.0] * (len(states) - 1)


def test_the_status_that_ends_a_stream_comes_after_its_last_state(cep: BatchCep) -> None:
    """What comes after it, a destination need not keep."""
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-01"))
    streams = ("orchestrations", STREAM)

    for stream in streams:
        of_it = [m for m in printed(streams=streams) if json.dumps(stream) in json.dumps(m) and m["type"] != "LOG"]
        kinds = [m["trace"]["type"] if m["type"] == "TRACE" else m["type"] for m in of_it]
        assert kinds[-2:] == ["STATE", "STREAM_STATUS"], kinds


def test_the_stream_is_running_before_its_first_record_and_the_log_counts_each_record(
    cep: BatchCep, caplog: pytest.LogCaptureFixture
) -> None:
    cep.with_orchestrations(orchestration("o1")).with_days("o1", day("2026-11-01"), day("2026-11-02"))

    caplog.set_level("INFO", "airbyte")

    messages = printed()

    statuses = [
        number
        for number, message in enumerate(messages)
        if message["type"] == "TRACE" and message["trace"].get("stream_status", {}).get("status") == "RUNNING"
    ]
    first_record = next(number for number, message in enumerate(messages) if message["type"] == "RECORD")
    assert len(statuses) == 1
    assert statuses[0] < first_record
    assert f"{STREAM}: 2 records from 1 of 1 orchestrations" in caplog.text
    assert "Read 1 records" not in caplog.text, "the CDK would count many lines as one record"
