"""Standard output and standard error that lose nothing, even if the pipe is full, slow or non-blocking."""

import io
import os
import select
import threading


class WholeLines(io.TextIOBase):
    """A text stream whose `write` returns when the line is written. Lines of different threads never mix.

    Python's own stream loses text at a pipe that does not block, and whoever started the process may have made it so.
    A line that a thread has begun waits for its line feed, or for `finish`. Raises `OSError` when nobody reads.
    Example: `print("a", file=WholeLines(1))` writes `b"a\\n"` to the file with the number 1, at once.
    """

    # The protocol is UTF-8, whatever the machine's locale says; a half character in a path must not end it.
    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, number: int) -> None:
        self._number = number
        self._begun: dict[int, str] = {}
        # Reentrant: garbage collection can print a warning at any point, also while this thread holds the lock.
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        thread = threading.get_ident()
        lines, feed, begun = text.rpartition("\n")
        if feed:
            self._write(self._begun.pop(thread, "") + lines + feed)
        if begun:
            self._begun[thread] = self._begun.get(thread, "") + begun
        return len(text)

    def finish(self) -> None:
        """Writes what this thread has begun, and stops all others: the end of the process would cut their lines."""
        self._lock.acquire()
        self._write(self._begun.pop(threading.get_ident(), ""))

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def _write(self, text: str) -> None:
        left = memoryview(text.encode(self.encoding, self.errors))
        with self._lock:
            while left:
                try:
                    left = left[os.write(self._number, left) :]
                except BlockingIOError:
                    self._wait()

    def _wait(self) -> None:
        """Waits until there is room or the reader is gone; the next write shows which."""
        place = select.poll()
        place.register(self._number, select.POLLOUT)
        place.poll()
