"""How the process behaves in any host: it ends at once when asked to, and says in words what is wrong."""

import atexit
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from source_campaign_stats.process.mistake import Mistake
from source_campaign_stats.process.streams import WholeLines

# Commands whose output is read by a program, in the messages of the Airbyte protocol.
_SPEAKING_THE_PROTOCOL = ("check", "discover", "read")


def prepare() -> None:
    """Makes the process ready for any host; the first thing that the command line does."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        # No exception: one can be caught, and an output that nobody reads would hold it up. In a container the process
        # has the number 1, which ignores a signal without a handler.
        signal.signal(ending, lambda received, _: os._exit(128 + received))
    closed = [number for number in (0, 1, 2) if not _is_open(number)]
    for number in closed:
        # Otherwise the next file that is opened gets this number, and what is printed goes into it.
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
    if 1 in closed:
        end("Standard output is closed, so nothing can be printed. Run the command with an output.")
    sys.stdout = sys.__stdout__ = _in_whole_lines(1, sys.stdout)  # type: ignore[assignment, misc]
    sys.stderr = sys.__stderr__ = _in_whole_lines(2, sys.stderr)  # type: ignore[assignment, misc]


@contextmanager
def told_in_words(command: str) -> Iterator[None]:
    """Ends the process with 1 and a message after a `Mistake`, and when the output can't be written."""
    try:
        yield
    except Mistake as mistake:
        if command in _SPEAKING_THE_PROTOCOL:
            for message in _messages_of(command, str(mistake)):
                print(json.dumps(message))
            sys.exit(1)
        end(str(mistake))
    except OSError:
        # An error of reading a file is a `Mistake`, so this one is about the output.
        end_without_output()


def end_without_output() -> NoReturn:
    """Ends the process whose output can't be written any more."""
    end("The output can't be written any more: whoever read it has gone, or the disk is full. The command was ended.")


def end(words: str) -> NoReturn:
    """Ends the process with 1 at once, whatever its other threads do, and says why on standard error."""
    with suppress(OSError):
        os.write(2, f"source-campaign-stats: {words}\n".encode())
    os._exit(1)


def _messages_of(command: str, words: str) -> Iterator[dict[str, object]]:
    error = {"message": words, "internal_message": words, "failure_type": "config_error"}
    yield {"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": time.time() * 1000, "error": error}}
    if command == "check":
        yield {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": words}}


def _in_whole_lines(number: int, stream: TextIO | None) -> TextIO:
    if stream:
        try:
            stream.flush()
            number = stream.fileno()
        except OSError:
            # Another program runs the command line inside its own process and captures the output.
            return stream
    lines = WholeLines(number)
    atexit.register(lines.finish)
    return lines  # type: ignore[return-value]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
