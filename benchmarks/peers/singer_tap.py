"""The work as a Meltano tap: singer-sdk with msgspec, records on stdout. The SDK reads one request after the other.

`singer_tap.py task.json 1` follows the SDK's template. With `tuned` after it the tap decodes the answers itself, with
msgspec, and does not compare values with the schema.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
import requests
from api import BASE, PAGE_SIZE, STATUSES, Task
from shape import record_of
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers.types import Context
from singer_sdk.pagination import JSONPathPaginator
from singer_sdk.streams.core import TypeConformanceLevel

TASK = Task()
IS_TUNED = sys.argv[3:] == ["tuned"]


class BatchStream(RESTStream[str]):
    url_base = BASE
    if IS_TUNED:
        TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    @property
    def requests_session(self) -> requests.Session:
        session = super().requests_session
        # The SDK sends prepared requests, and for these the library `requests` ignores REQUESTS_CA_BUNDLE.
        session.verify = os.environ["REQUESTS_CA_BUNDLE"]
        return session

    @property
    def http_headers(self) -> dict[str, str]:
        return TASK.headers


class Orchestrations(BatchStream):
    name = "orchestrations"
    path = "/list"
    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    schema = th.PropertiesList(th.Property("id", th.StringType)).to_dict()
    # Only the statistics are wanted.
    selected_by_default = False

    def get_new_paginator(self) -> JSONPathPaginator:
        return JSONPathPaginator("$.next_from")

    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        following = {"from": next_page_token} if next_page_token else {}
        return {"limit": PAGE_SIZE, "status": list(STATUSES), **following}

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        return [{"id": item["id"]} for item in msgspec.json.decode(response.content)["orchestrations"]]

    def get_child_context(self, record: dict[str, Any], context: Context | None) -> dict[str, Any]:
        return {"orchestration_id": record["id"]}


class OrchestrationStats(BatchStream):
    name = "orchestration_stats"
    path = "/stats"
    parent_stream_type = Orchestrations
    primary_keys: ClassVar[tuple[str, ...]] = ("orchestration_id", "date")
    # Otherwise every state would have a bookmark for each of 1,000 parents.
    state_partitioning_keys: ClassVar[list[str]] = []
    schema = TASK.schema
    records_jsonpath = "$.details[*]"

    def get_new_paginator(self) -> None:
        return None

    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        assert context is not None
        return TASK.stats_params(context["orchestration_id"])

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        return msgspec.json.decode(response.content)["details"] if IS_TUNED else super().parse_response(response)

    def post_process(self, row: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        assert context is not None
        return record_of(row, context["orchestration_id"], TASK.project_key)


class TapBatch(Tap):
    name = "tap-batch"
    config_jsonschema = th.PropertiesList().to_dict()
    message_writer_class = MsgSpecWriter

    def discover_streams(self) -> list[BatchStream]:
        return [Orchestrations(self), OrchestrationStats(self)]


TapBatch(config={}).sync_all()
