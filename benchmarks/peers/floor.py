"""The floor: an asyncio loop that writes JSON lines. `floor.py task.json 20 drain` only reads the answers."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
from api import BASE, PAGE_SIZE, STATUSES, Task
from shape import record_of

TASK = Task()
DRAINS = sys.argv[3:] == ["drain"]
WRITE = sys.stdout.buffer.write


async def ids(session: aiohttp.ClientSession) -> AsyncIterator[str]:
    params: list[tuple[str, Any]] = [("limit", PAGE_SIZE), *(("status", status) for status in STATUSES)]
    following = None
    while True:
        page_params = [*params, ("from", following)] if following else params
        async with session.get(f"{BASE}/list", params=page_params) as response:
            page = orjson.loads(await response.read())
        for item in page["orchestrations"]:
            yield item["id"]
        if not page["has_more"]:
            return
        following = page["next_from"]


async def write_stats(session: aiohttp.ClientSession, orchestration_id: str) -> None:
    async with session.get(f"{BASE}/stats", params=TASK.stats_params(orchestration_id)) as response:
        response.raise_for_status()
        body = await response.read()
    if not DRAINS:
        days = orjson.loads(body)["details"]
        WRITE(b"".join(_line(record_of(day, orchestration_id, TASK.project_key)) for day in days))


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


async def worker(session: aiohttp.ClientSession, todo: "asyncio.Queue[str | None]") -> None:
    while (orchestration_id := await todo.get()) is not None:
        await write_stats(session, orchestration_id)


async def main() -> None:
    trust = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    connector = aiohttp.TCPConnector(limit=TASK.workers, ssl=trust)
    async with aiohttp.ClientSession(headers=TASK.headers, connector=connector, trust_env=True) as session:
        todo: asyncio.Queue[str | None] = asyncio.Queue()
        workers = [asyncio.create_task(worker(session, todo)) for _ in range(TASK.workers)]
        async for orchestration_id in ids(session):
            todo.put_nowait(orchestration_id)
        for _ in workers:
            todo.put_nowait(None)
        await asyncio.gather(*workers)


asyncio.run(main())
