"""Syncs by PyAirbyte, in PyAirbyte's own environment: `python pyairbyte_sync.py EXECUTABLE CONFIG CACHE…`.

CACHE is a JSON object: `{"db_path": "file"}` is a DuckDB file, one with a host is a PostgreSQL database.
PyAirbyte keeps the state in the cache, so the same line a second time is an incremental sync.
"""

import json
import sys
from pathlib import Path

from airbyte import get_source
from airbyte.caches import CacheBase, DuckDBCache, PostgresCache


def cache_of(settings: dict) -> CacheBase:
    if "host" in settings:
        return PostgresCache(**settings)
    return DuckDBCache(**{**settings, "db_path": Path(settings["db_path"])})


def main(executable: str, config: str, *caches: str) -> None:
    source = get_source(
        "source-campaign-stats",
        local_executable=Path(executable),
        config=json.loads(Path(config).read_text(encoding="utf-8")),
    )
    source.check()
    source.select_all_streams()
    counts = [source.read(cache=cache_of(json.loads(cache))).processed_records for cache in caches]
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
