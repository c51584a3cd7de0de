"""Makes the sources of one process prepare their manifest once.

For every source, the CDK parses its schema, prepares the manifest and compares the two. That is most of the time of a
short sync in a test.
"""

import functools
import pickle
from typing import Any

from airbyte_cdk.sources.declarative import concurrent_declarative_source

import source_campaign_stats.source

_PREPARE = concurrent_declarative_source.ConcurrentDeclarativeSource._pre_process_manifest
_COMPARE = concurrent_declarative_source.validate_manifest
_MANIFEST = pickle.dumps(source_campaign_stats.source.read_manifest())
_PREPARED: dict[bytes, bytes] = {}
_COMPARED: set[bytes] = set()


def _prepared(source: Any, manifest: dict[str, Any]) -> Any:
    key = pickle.dumps(manifest)
    if key not in _PREPARED:
        _PREPARED[key] = pickle.dumps(_PREPARE(source, manifest))
    return pickle.loads(_PREPARED[key])


def _compared(manifest: dict[str, Any], schema: dict[str, Any]) -> None:
    key = pickle.dumps(manifest)
    if key not in _COMPARED:
        _COMPARE(manifest, schema)
        _COMPARED.add(key)


def prepare_manifests_once() -> None:
    """From now on each manifest is parsed, prepared and compared once in this process; every source gets a copy."""
    module: Any = concurrent_declarative_source
    module.safe_load_yaml = functools.lru_cache(module.safe_load_yaml)
    module.ConcurrentDeclarativeSource._pre_process_manifest = _prepared
    module.validate_manifest = _compared
    source_campaign_stats.source.read_manifest = lambda: pickle.loads(_MANIFEST)
