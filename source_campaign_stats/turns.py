"""Which answer is read and made records of next: all workers share one interpreter and its memory."""

import threading
import time


class Turn:
    """Lets one worker at a time take its answer out of the connection and make records of it.

    Taking turns loses nothing, since one interpreter does one thing at a time anyway; without them the pieces of all
    answers wait for the interpreter in between each other (docs/performance.md). A turn ends after `seconds`, so that
    an answer that trickles in, or a list of many pages, holds up nobody for longer.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._holder: int | None = None
        self._ends = 0.0
        self._changed = threading.Condition()

    def take(self) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._holder not in (None, me) and (seconds_left := self._ends - time.monotonic()) > 0:
                self._changed.wait(seconds_left)
            self._holder = me
            self._ends = time.monotonic() + self._seconds

    def give_back(self) -> None:
        with self._changed:
            if self._holder == threading.get_ident():
                self._holder = None
                self._changed.notify()


TURN = Turn(seconds=0.25)
