"""Reads the files that a command takes. An error names the file, its role and the place in it."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from source_campaign_stats.process.mistake import Mistake
from source_campaign_stats.settings.credentials import can_be_a_key

ROLES = {"config": "configuration", "catalog": "catalog", "state": "state"}


def content_of(path: str, option: str) -> Any:
    """What the JSON file of an option holds; `Mistake` says which file can't be read, why, and where in it.

    Example: `content_of("secrets/config.json", "config")` -> `{"start_date": "2026-01-31", …}`.
    """
    what = f"The {ROLES[option]}"
    if not path.strip():
        raise Mistake(f'{what} is missing: "--{option}" takes the path of a file.')
    if re.search(r"[{}\"\n]", path):
        raise Mistake(f'{what} has to be put into a file: "--{option}" takes the path of it.')
    named = f"{what} {shown(path)}"
    content = _parsed(_text_of(path, what), named, option)
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Mistake(
            f"{named} holds half of a character, which can't be printed. Look for a \\u with d8 to df."
        ) from None
    return content


def messages_in(text: str) -> list[dict[str, Any]] | None:
    """The messages of a command's output, one a line; None for a text that is no such output."""
    # `splitlines` also splits at characters that a name may have, such as U+2028.
    lines = [line for line in text.split("\n") if line.strip()]
    messages = list(_messages(lines))
    # The last line of an output that was cut off is half a message.
    return messages if messages and len(messages) >= len(lines) - 1 else None


def _messages(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            yield message


def decoded(data: bytes, what: str) -> str:
    """The text of a file; `Mistake` for one that is empty or in another encoding than UTF-8."""
    if not data.strip():
        raise Mistake(f"{what} is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:100]:
        raise Mistake(f"{what} is not in UTF-8, but in UTF-16 or the like. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Mistake(f"{what} is not in UTF-8: line {line} has another encoding. Save it as UTF-8.") from None


def _text_of(path: str, what: str) -> str:
    named = f"{what} {shown(path)}"
    try:
        return decoded(Path(path).read_bytes(), named)
    except FileNotFoundError:
        raise Mistake(
            f"{named} is not there. Check the path; in a container, check that the folder is mounted."
        ) from None
    except IsADirectoryError:
        raise Mistake(f"{named} is a folder. Name the file in it.") from None
    except NotADirectoryError:
        raise Mistake(f"{named} is not there: a part of its path is a file. Check the path.") from None
    except PermissionError:
        raise Mistake(
            f"{named} can't be read by the user {os.getuid()}. Allow it, for example with chmod a+r."
        ) from None
    except (OSError, ValueError):
        raise Mistake(f"{named} can't be read. Check the path and the disk.") from None


def shown(path: str) -> str:
    """The path in quotation marks, unless a key was given in its place."""
    is_path = len(path) <= 300 and path.isprintable() and ("/" in path or "." in path or not can_be_a_key(path))
    return f'"{path}"' if is_path else "(its path is not shown, because it can be a key)"


def _parsed(text: str, named: str, option: str) -> Any:
    # In the configuration a repeated name is a person's mistake. Programs repeat names: PyAirbyte does in its states.
    is_typed = option == "config"
    try:
        return json.loads(text, object_pairs_hook=(lambda pairs: _each_once(pairs, named)) if is_typed else None)
    except RecursionError:
        raise Mistake(f"{named} is nested too deeply to be read.") from None
    except json.JSONDecodeError as error:
        if option != "config" and (messages := messages_in(text)):
            return messages
        _raise_for_syntax(text, named, error)


def _each_once(pairs: list[tuple[str, Any]], named: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = "a name" if len(name) > 40 or can_be_a_key(name) else f'the name "{name}"'
            raise Mistake(f"{named} has {shown} twice in the same place. Remove one of them.")
        found[name] = value
    return found


def _raise_for_syntax(text: str, named: str, error: json.JSONDecodeError) -> NoReturn:
    """Says what is wrong and where, and never quotes the text: it can be a key."""
    place = f"line {error.lineno}, column {error.colno}"
    rest = text[error.pos :].strip()
    first = text.lstrip()[:1]
    if first not in '{["' and re.search(r"(?m)^\s*[\w-]+\s*:(\s|$)|^---", text):
        raise Mistake(f"{named} is YAML, or nearly so. Write it as JSON.") from None
    if not rest or ("Unterminated string" in error.msg and text.count("\n", error.pos) <= 1):
        raise Mistake(
            f"{named} ends too early, at {place}: a part of it is missing, or a bracket or quotation mark."
        ) from None
    reason = {"'": "JSON wants double quotation marks", "/": "JSON has no comments", "#": "JSON has no comments"}.get(
        rest[0]
    )
    if rest[0] in "]}" and text[: error.pos].rstrip().endswith(","):
        reason = "there is a comma before the closing bracket"
    if error.msg.startswith("Extra data"):
        reason = "there is something after its end"
    raise Mistake(f"{named} is no JSON at {place}{f': {reason}' if reason else ''}. Correct it there.") from None
