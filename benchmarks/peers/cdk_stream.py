"""The work as a plain stream of airbyte-cdk in Python: `HttpStream`, nothing declared in YAML."""

import json
import logging
import tempfile
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
import requests
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources.abstract_source import AbstractSource
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.concurrent_source_adapter import ConcurrentSourceAdapter
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.streams import Stream
from airbyte_cdk.sources.streams.concurrent.adapters import StreamFacade
from airbyte_cdk.sources.streams.concurrent.cursor import FinalStateCursor
from airbyte_cdk.sources.streams.http import HttpStream
from api import BASE, PAGE_SIZE, STATUSES, Task
from shape import record_of

TASK = Task()
_REPOSITORY = InMemoryMessageRepository()


class BatchStream(HttpStream):
    url_base = f"{BASE}/"

    def request_headers(self, *_: Any, **__: Any) -> Mapping[str, str]:
        return TASK.headers

    def get_json_schema(self) -> Mapping[str, Any]:
        return {"type": "object", "additionalProperties": True}


class Orchestrations(BatchStream):
    primary_key = "id"

    def path(self, **_: Any) -> str:
        return "list"

    def next_page_token(self, response: requests.Response) -> Mapping[str, Any] | None:
        answer = orjson.loads(response.content)
        return {"from": answer["next_from"]} if answer["has_more"] else None

    def request_params(
        self,
        stream_state: Mapping[str, Any] | None,
        stream_slice: Mapping[str, Any] | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> MutableMapping[str, Any]:
        return {"limit": PAGE_SIZE, "status": STATUSES, **(next_page_token or {})}

    def parse_response(self, response: requests.Response, **_: Any) -> Iterable[Mapping[str, Any]]:
        return orjson.loads(response.content)["orchestrations"]  # type: ignore[no-any-return]


class OrchestrationStats(BatchStream):
    primary_key: ClassVar[list[str]] = ["orchestration_id", "date"]

    def path(self, **_: Any) -> str:
        return "stats"

    def next_page_token(self, response: requests.Response) -> None:
        return None

    def stream_slices(self, **_: Any) -> Iterable[Mapping[str, Any]]:
        for item in Orchestrations().read_only_records():
            yield {"orchestration_id": item["id"]}  # type: ignore[index,call-overload]

    def request_params(
        self,
        stream_state: Mapping[str, Any] | None,
        stream_slice: Mapping[str, Any] | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> MutableMapping[str, Any]:
        assert stream_slice is not None
        return dict(TASK.stats_params(stream_slice["orchestration_id"]))

    def parse_response(
        self, response: requests.Response, *, stream_slice: Mapping[str, Any] | None = None, **_: Any
    ) -> Iterable[Mapping[str, Any]]:
        assert stream_slice is not None
        id_ = stream_slice["orchestration_id"]
        return [record_of(day, id_, TASK.project_key) for day in orjson.loads(response.content)["details"]]


class Source(AbstractSource):
    """A source that sends one request after the other."""

    def check_connection(self, logger: logging.Logger, config: Mapping[str, Any]) -> tuple[bool, None]:
        return True, None

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecification(connectionSpecification={"type": "object"})

    def streams(self, config: Mapping[str, Any]) -> list[Stream]:
        return [OrchestrationStats()]


class SourceWithWorkers(ConcurrentSourceAdapter, Source):
    """The same stream with the CDK's concurrent reader around it."""

    def __init__(self, logger: logging.Logger) -> None:
        workers = ConcurrentSource.create(
            TASK.workers, max(1, TASK.workers // 2), logger, self._slice_logger, _REPOSITORY
        )
        super().__init__(workers)

    @property
    def message_repository(self) -> InMemoryMessageRepository:
        return _REPOSITORY

    def streams(self, config: Mapping[str, Any]) -> list[Stream]:
        stream = OrchestrationStats()
        cursor = FinalStateCursor(stream.name, stream.namespace, _REPOSITORY)
        return [StreamFacade.create_from_stream(stream, self, logging.getLogger("airbyte"), {}, cursor)]


def main() -> None:
    stream = OrchestrationStats()
    catalog = {
        "streams": [
            {
                "stream": {"name": stream.name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
                "sync_mode": "full_refresh",
                "destination_sync_mode": "overwrite",
            }
        ]
    }
    with tempfile.TemporaryDirectory() as folder:
        files = {"config": {}, "catalog": catalog}
        for name, content in files.items():
            (Path(folder) / name).write_text(json.dumps(content))
        source = SourceWithWorkers(logging.getLogger("airbyte")) if TASK.workers > 1 else Source()
        launch(source, ["read", *(part for name in files for part in (f"--{name}", f"{folder}/{name}"))])


if __name__ == "__main__":
    main()
