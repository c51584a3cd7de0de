"""The two endpoints of the work, for every peer."""

import json
import sys
from pathlib import Path
from typing import Any

BASE = "https://api.batch.com/2.10/orchestrations"
STATUSES = ("draft", "running", "completed", "stopped")
PAGE_SIZE = 100


class Task:
    """The work: `python program.py task.json [workers]`."""

    def __init__(self) -> None:
        given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
        self.workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
        self.project_key: str = given["project_key"]
        self.rest_api_key: str = given["rest_api_key"]
        self.first: str = given["first"]
        self.last: str = given["last"]
        # The connector's own schema of the records, for a program that declares its columns.
        self.schema: dict[str, Any] = given["schema"]
        # For a program that writes files in place of lines on stdout.
        self.folder: str = given["folder"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.rest_api_key}", "X-Batch-Project": self.project_key}

    def stats_params(self, orchestration_id: str) -> dict[str, str]:
        return {"orchestration_id": orchestration_id, **self.window_params}

    @property
    def window_params(self) -> dict[str, str]:
        return {"from": self.first, "to": self.last, "include_platforms": "true"}
