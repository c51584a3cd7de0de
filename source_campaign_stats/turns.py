"""How many answers are read and made records of at the same time: all workers share one interpreter and its memory."""

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


class RoomForWideAnswers:
    """Lets only so many wide answers be objects at the same time; the others wait as bytes, however long.

    Half a year of an orchestration with 20 steps is 5 MB of text and 40 MB of objects. A thread takes a place when it
    decodes, and leaves it when its slice is read.
    """

    def __init__(self, places: int, wide: int) -> None:
        self._places = threading.Semaphore(places)
        self._wide = wide
        self._mine = threading.local()

    def enter(self, size: int) -> None:
        if size >= self._wide and not getattr(self._mine, "is_taken", False):
            self._places.acquire()
            self._mine.is_taken = True

    def leave(self) -> None:
        if getattr(self._mine, "is_taken", False):
            self._mine.is_taken = False
            self._places.release()


TURN = Turn(seconds=0.25)
ROOM_FOR_WIDE_ANSWERS = RoomForWideAnswers(places=2, wide=1_000_000)


def answer_is_read() -> None:
    """The next worker can go on; to be called when a slice is read, however that ended."""
    ROOM_FOR_WIDE_ANSWERS.leave()
    TURN.give_back()
