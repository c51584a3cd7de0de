"""The work with dlt's `rest_api`: `dlt_pipeline.py task.json WORKERS run | extract`.

`run` ends with files of JSON lines, one record per line with its breakdowns inside. `extract` is only dlt's first step:
it leaves the records in files that only dlt's next step (`normalize`) reads.
"""

import os
import sys
from typing import Any

import orjson
from api import BASE, PAGE_SIZE, STATUSES, Task

TASK = Task()
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["EXTRACT__WORKERS"] = str(TASK.workers)
# The other programs do not compress their output either.
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

os.environ["NORMALIZE__WORKERS"] = "1"
os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = "50000"

# Imported here, because dlt reads its settings when it is imported.
import dlt  # noqa: E402
import requests  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402
from shape import record_of  # noqa: E402


def decode_with_orjson(response: requests.Response, *_: Any, **__: Any) -> requests.Response:
    """dlt calls `response.json()`, which is slower with the decoder of requests."""
    response.json = lambda **_: orjson.loads(response.content)  # type: ignore[method-assign]
    return response


def as_record(day: dict[str, Any]) -> dict[str, Any]:
    # dlt puts the name of the parent's resource before the names of its fields.
    return record_of(day, day.pop("_orchestrations_id"), TASK.project_key)


SOURCE = rest_api_source(
    # The breakdowns stay inside their record, as in the other programs.
    max_table_nesting=0,
    config={
        "client": {"base_url": f"{BASE}/", "headers": TASK.headers},
        "resource_defaults": {"write_disposition": "append", "parallelized": TASK.workers > 1},
        "resources": [
            {
                "name": "orchestrations",
                "selected": False,
                "endpoint": {
                    "path": "list",
                    "params": {"limit": PAGE_SIZE, "status": list(STATUSES)},
                    "data_selector": "orchestrations",
                    "paginator": {"type": "cursor", "cursor_path": "next_from", "cursor_param": "from"},
                },
            },
            {
                "name": "orchestration_stats",
                "include_from_parent": ["id"],
                "processing_steps": [{"map": as_record}],
                "endpoint": {
                    "path": "stats",
                    "params": {"orchestration_id": "{resources.orchestrations.id}", **TASK.window_params},
                    "data_selector": "details",
                    "paginator": "single_page",
                    "response_actions": [decode_with_orjson],
                },
            },
        ],
    },
)


def main() -> None:
    destination = dlt.destinations.filesystem(bucket_url=f"{TASK.folder}/files")
    pipeline = dlt.pipeline("benchmark", pipelines_dir=f"{TASK.folder}/pipeline", destination=destination)
    if sys.argv[3:] == ["extract"]:
        pipeline.extract(SOURCE)
    else:
        pipeline.run(SOURCE, loader_file_format="jsonl")


# `normalize` starts processes of its own, which import this module again.
if __name__ == "__main__":
    main()
