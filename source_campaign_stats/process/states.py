"""The states of the sync before, as the file of `--state` holds them."""

from collections.abc import Iterable, Mapping
from typing import Any

from source_campaign_stats.process.mistake import Mistake

_MAKE = 'Make it with "source-campaign-stats state" from the output of the read before.'


def last_states(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last state of each stream in `read`'s output, as the next `read` takes them; `Mistake` if there is none.

    Example: `[{"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, …}}}]` ->
    `[{"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, …}}]`.
    """
    found: dict[str, dict[str, Any]] = {}
    for message in messages:
        stream = message["state"]["stream"]
        found[stream["stream_descriptor"]["name"]] = {"type": "STREAM", "stream": stream}
    if not found:
        raise Mistake('There is no state in this output. Give what "source-campaign-stats read" prints.')
    return list(found.values())


def states_in(content: Any) -> list[dict[str, Any]]:
    """The state messages of a file; raises `Mistake` for anything else. A file that holds none is no state.

    Shape: `[{"type": "STREAM", "stream": {"stream_descriptor": {"name": "a"}, "stream_state": {…}}}]`.
    """
    if content is None or content in ([], {}, ""):
        return []
    if isinstance(content, dict):
        if content.keys() <= {"type", "data"} and not content.get("data"):
            # The oldest kind of state, without data.
            return []
        if content.get("type") in ("STATE", "STREAM") or "stream" in content:
            raise Mistake(f"The state is one message, where a list of the last one of each stream is wanted. {_MAKE}")
        if "type" in content:
            raise Mistake(f"The state is a line of a command's output. {_MAKE}")
        if all(isinstance(value, dict) for value in content.values()):
            raise Mistake(f"The state is a map by stream, where a list of messages is wanted. {_MAKE}")
        if not any(content.values()):
            return []
    if not isinstance(content, list):
        raise Mistake(f"The state has to be a list of state messages, one for each stream. {_MAKE}")
    if any(isinstance(item, dict) and ("state" in item or item.get("type") in _OUTPUT) for item in content):
        raise Mistake(f"The state is the output of a command. {_MAKE}")
    return [state for number, item in enumerate(content, start=1) if (state := _state_in(item, number))]


_OUTPUT = {"STATE", "RECORD", "LOG", "TRACE", "CATALOG", "SPEC", "CONNECTION_STATUS"}


def _state_in(item: Any, number: int) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        raise Mistake(f"The state's entry {number} is no state message. {_MAKE}")
    stream = item.get("stream")
    if stream is None and not item.get("data") and not item.get("global"):
        # The oldest kind of state, without data.
        return None
    if not isinstance(stream, dict):
        raise Mistake(f"The state's entry {number} is of no stream. Leave it out, and refresh the streams it was for.")
    descriptor = stream.get("stream_descriptor")
    name = descriptor.get("name") if isinstance(descriptor, dict) else None
    if not isinstance(name, str):
        raise Mistake(f'The state\'s entry {number} lacks the "name" in its "stream_descriptor". {_MAKE}')
    state = stream.get("stream_state")
    if state is not None and not isinstance(state, dict):
        raise Mistake(
            f'The state of the stream "{name}" has a shape that this connector never wrote. '
            "Refresh the stream, or leave its state out."
        )
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": state or {}}}
