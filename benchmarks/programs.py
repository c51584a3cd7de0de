"""The programs that are compared: how each is started, and how its records are counted."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.environments import OWN, python_of
from integration_tests.process import command, configured_catalog

_PEERS = Path(__file__).parent / "peers"
STREAM = "orchestration_stats"

Counting = Callable[[Path, Path], int]


@dataclass(frozen=True)
class Program:
    """A program to measure. `count` takes the file with its stdout and the folder for its files."""

    name: str
    environment: str
    arguments: Callable[[Path], list[str]]
    count: Counting
    # The role in the goals: "connector"; "peer", used as its documentation says; "part", a peer that does a part of the
    # work or was tuned in code; "floor".
    role: str = ""


def _peer(
    name: str, environment: str, file: str, workers: int, count: Counting, role: str = "", rest: Sequence[str] = ()
) -> Program:
    def arguments(folder: Path) -> list[str]:
        return [python_of(environment), str(_PEERS / file), str(folder / "task.json"), str(workers), *rest]

    return Program(name, environment, arguments, count, role)


def _connector(name: str, executable: list[str], workers: int, role: str = "") -> Program:
    def arguments(folder: Path) -> list[str]:
        config = json.loads((folder / "task.json").read_text())["config"]
        files = {"config": {**config, "num_workers": workers}, "catalog": configured_catalog([STREAM])}
        for file, content in files.items():
            (folder / f"{file}.json").write_text(json.dumps(content))
        return [*executable, "read", *(part for file in files for part in (f"--{file}", f"{folder}/{file}.json"))]

    return Program(name, OWN, arguments, records_of_airbyte, role)


def all_programs() -> list[Program]:
    """The programs in the order of the table, some of them with two numbers of workers."""
    without_budget = [python_of(OWN), str(_PEERS / "connector.py")]
    return [
        _connector("connector, 20 workers", without_budget, 20, "connector"),
        _connector("connector, 10 workers", without_budget, 10),
        _connector("connector as shipped, 20 workers, `requests_per_second` 100", command(), 20),
        _peer("dlt `rest_api`, JSONL files, 20 workers", "dlt", "dlt_pipeline.py", 20, records_of_dlt, "peer", ["run"]),
        _peer("dlt `rest_api`, JSONL files, 1 worker", "dlt", "dlt_pipeline.py", 1, records_of_dlt, "peer", ["run"]),
        _peer(
            "dlt `rest_api`, `extract` alone, 20 workers",
            "dlt",
            "dlt_pipeline.py",
            20,
            records_of_dlt_extract,
            "part",
            ["extract"],
        ),
        _peer("singer-sdk with msgspec", "singer-sdk", "singer_tap.py", 1, records_of_singer, "peer"),
        _peer(
            "singer-sdk with msgspec, tuned by hand",
            "singer-sdk",
            "singer_tap.py",
            1,
            records_of_singer,
            "part",
            ["tuned"],
        ),
        _peer("CDK `HttpStream` in Python, 10 workers", OWN, "cdk_stream.py", 10, records_of_airbyte),
        _peer("CDK `HttpStream` in Python, one by one", OWN, "cdk_stream.py", 1, records_of_airbyte),
        _peer("asyncio loop writing JSON lines (the floor)", "asyncio", "floor.py", 20, records_of_lines, "floor"),
    ]


def drain() -> list[str]:
    """The command of a client that only reads the answers, to measure how fast the sandbox is."""
    return [python_of("asyncio"), str(_PEERS / "floor.py"), "{folder}/task.json", "20", "drain"]


def _days(records: Any) -> int:
    """The number of complete records. A program that leaves something out must not win."""
    return sum(_is_whole(record) for record in records)


def _is_whole(record: Mapping[str, Any]) -> bool:
    """Whether a record is complete: three platforms, one step, and three platforms within the step."""
    (step,) = record["message_steps"]
    named = record["orchestration_id"] and record["project_key"] and record["date"]
    return bool(named) and len(record["platforms"]) == len(step["platforms"]) == 3


def records_of_airbyte(output: Path, folder: Path) -> int:
    with output.open("rb") as lines:
        messages = (orjson.loads(line) for line in lines if line.startswith(b"{"))
        return _days(message["record"]["data"] for message in messages if message["type"] == "RECORD")


def records_of_singer(output: Path, folder: Path) -> int:
    with output.open("rb") as lines:
        messages = (orjson.loads(line) for line in lines)
        return _days(message["record"] for message in messages if message["type"] == "RECORD")


def records_of_lines(output: Path, folder: Path) -> int:
    with output.open("rb") as lines:
        return _days(orjson.loads(line) for line in lines)


def records_of_dlt(output: Path, folder: Path) -> int:
    return sum(records_of_lines(path, folder) for path in (folder / "files").rglob(f"{STREAM}/*.jsonl"))


def records_of_dlt_extract(output: Path, folder: Path) -> int:
    """The records in dlt's own files, which have one JSON array per line."""
    files = [path for path in (folder / "pipeline").rglob(f"{STREAM}.*") if path.is_file()]
    return sum(_days(orjson.loads(line)) for path in files for line in path.open("rb"))
