"""The configured catalog: which streams are read, as the file of `--catalog` says it."""

from collections.abc import Iterable, Mapping
from typing import Any

from source_campaign_stats.process.mistake import Mistake

_MAKE = 'Make it with "source-campaign-stats catalog" from the output of discover.'
_SYNC_MODES = ("full_refresh", "incremental")
_DESTINATION_SYNC_MODES = ("append", "overwrite", "append_dedup")


def configured(messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A catalog that reads every stream of `discover`'s output: incrementally where it can be.

    Raises `Mistake` if the messages have no catalog.
    Example: `[{"type": "CATALOG", "catalog": {"streams": [{"name": "a", …}]}}]` ->
    `{"streams": [{"stream": {"name": "a", …}, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}]}`.
    """
    for message in messages:
        return {"streams": [_configured_stream(stream) for stream in message["catalog"]["streams"]]}
    raise Mistake('There is no catalog in this output. Give what "source-campaign-stats discover" prints.')


def _configured_stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    if "incremental" in stream.get("supported_sync_modes", ()):
        item |= {"sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
        item["cursor_field"] = stream.get("default_cursor_field") or []
    item["primary_key"] = stream.get("source_defined_primary_key") or []
    return item


def catalog_in(content: Any) -> dict[str, Any]:
    """The configured catalog of a file, completed where the meaning is plain; raises `Mistake` for anything else.

    A stream may lack `json_schema`, `supported_sync_modes` and `destination_sync_mode`: none of them changes what is
    read.
    """
    if isinstance(content, list) and content and all(isinstance(item, dict) and "type" in item for item in content):
        raise Mistake(f"The catalog is the output of a command. {_MAKE}")
    if isinstance(content, dict) and content.get("type") == "CATALOG":
        raise Mistake(
            f"The catalog is a message of discover: it says which streams there are, not which to read. {_MAKE}"
        )
    if not isinstance(content, dict) or not isinstance(content.get("streams"), list):
        raise Mistake(f'The catalog has to be an object with a list "streams". {_MAKE}')
    if not content["streams"]:
        raise Mistake(f"The catalog has no stream, so there is nothing to read. Add the streams to read. {_MAKE}")
    return {"streams": [_stream_in(item, number) for number, item in enumerate(content["streams"], start=1)]}


def _stream_in(item: Any, number: int) -> dict[str, Any]:
    which = f"stream {number}"
    if isinstance(item, dict) and "stream" not in item and "name" in item:
        raise Mistake(
            f"The catalog is what discover prints: it says which streams there are, not which to read. {_MAKE}"
        )
    if not isinstance(item, dict) or not isinstance(item.get("stream"), dict):
        raise Mistake(f'The catalog\'s {which} has to be an object with an object "stream" and a "sync_mode". {_MAKE}')
    stream = item["stream"]
    name = stream.get("name")
    if not isinstance(name, str) or not name:
        raise Mistake(f'The catalog\'s {which} lacks the field "name" of its "stream".')
    which = f'stream "{name}"'
    for field, allowed, default in (
        ("sync_mode", _SYNC_MODES, None),
        ("destination_sync_mode", _DESTINATION_SYNC_MODES, "append"),
    ):
        value = item.get(field, default)
        if value is None:
            raise Mistake(f'The catalog\'s {which} lacks the field "{field}". Take {" or ".join(allowed)}.')
        if value not in allowed:
            raise Mistake(f'The field "{field}" of the catalog\'s {which} has to be {" or ".join(allowed)}.')
        item = {**item, field: value}
    for field, fits in (("cursor_field", _is_path), ("primary_key", _is_key)):
        if not fits(item.get(field) or []):
            raise Mistake(
                f'The field "{field}" of the catalog\'s {which} has another form than the protocol says. {_MAKE}'
            )
    schema = stream.get("json_schema")
    return {
        **{field: item[field] for field in ("sync_mode", "destination_sync_mode")},
        **{field: item[field] for field in ("cursor_field", "primary_key") if item.get(field)},
        "stream": {
            "name": name,
            "json_schema": schema if isinstance(schema, dict) else {},
            "supported_sync_modes": list(_SYNC_MODES),
            **({"namespace": stream["namespace"]} if isinstance(stream.get("namespace"), str) else {}),
        },
    }


def _is_path(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_key(value: Any) -> bool:
    return isinstance(value, list) and all(_is_path(path) for path in value)
