"""Runs all threads of a process in one, with a clock that moves only when all of them wait.

Call `take_over` before the import of anything that starts threads, and `freeze` after it. From then on threads are
greenlets. They switch only where they wait, so the same seed gives the same order. Timers, sleeps and time-outs are
kept here. When no greenlet can run, the clock jumps to the next timer: minutes of waiting take no time, and waits
overlap as in a real process.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import freezegun
import gevent
import gevent.monkey
from freezegun.api import FrozenDateTimeFactory
from gevent.libev.corecext import loop as LibevLoop  # noqa: N812

cpu_seconds = time.process_time


class VirtualTimer:
    """A timer with the interface that gevent expects, on the clock of this module."""

    def __init__(self, loop: VirtualLoop, after: float, repeat: float) -> None:
        self._loop, self._after, self._repeat = loop, max(after, 0.0), repeat
        self.callback: Callable[..., Any] | None = None
        self.args: tuple[Any, ...] = ()
        self.pending = False

    @property
    def active(self) -> bool:
        return self.callback is not None

    def start(self, callback: Callable[..., Any], *args: Any, update: bool = True) -> None:
        self.callback, self.args = callback, args
        self._loop.wait_for(self, self._after)

    again = start

    def stop(self) -> None:
        self.callback, self.args = None, ()

    close = stop

    def fire(self) -> None:
        if self.callback is None:
            return
        callback, args = self.callback, self.args
        if self._repeat:
            self._loop.wait_for(self, self._repeat)
        else:
            self.stop()
        callback(*args)

    def __enter__(self) -> VirtualTimer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VirtualLoop(LibevLoop):  # type: ignore[misc]
    """libev's loop, whose timers are virtual."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: list[tuple[float, int, VirtualTimer]] = []
        self._numbers = itertools.count()
        self._idle = None
        self.seconds = 0.0

    def timer(self, after: float, repeat: float = 0.0, ref: bool = True, priority: int | None = None) -> VirtualTimer:
        return VirtualTimer(self, after, repeat)

    def wait_for(self, timer: VirtualTimer, seconds: float) -> None:
        heapq.heappush(self._waiting, (self.seconds + seconds, next(self._numbers), timer))
        if self._idle is None:
            self._idle = self.idle()
        if not self._idle.active:
            self._idle.start(self._nobody_runs)

    def forget(self) -> None:
        """Drops every timer, because the greenlets that they would wake are gone."""
        self._waiting.clear()

    def _nobody_runs(self) -> None:
        if self._callbacks:
            return
        while self._waiting and not self._waiting[0][2].active:
            heapq.heappop(self._waiting)
        if not self._waiting:
            self._idle.stop()
            return
        due, _, timer = heapq.heappop(self._waiting)
        if due > self.seconds:
            _move_to(due)
            self.seconds = due
        timer.fire()


# A loop that asks the clock again and again, as a call budget does, has to see it move.
_LEAST_SLEEP = 0.001


def _sleep(seconds: float) -> None:
    gevent.sleep(max(seconds, _LEAST_SLEEP))


_factory: FrozenDateTimeFactory
_began: datetime
_offset = timedelta()


def _move_to(seconds: float) -> None:
    _factory.move_to(_began + timedelta(seconds=seconds) + _offset)


def take_over() -> None:
    """Turns the threads of this process into greenlets, for good."""
    gevent.config.loop = VirtualLoop
    gevent.monkey.patch_all()
    assert isinstance(gevent.get_hub().loop, VirtualLoop), "gevent was used before take_over"
    time.sleep = _sleep


def freeze(moment: str = "2026-01-01T00:00:00") -> None:
    """Replaces the clocks of every module that is already imported, for good."""
    global _factory, _began
    freezegun.configure(default_ignore_list=["gevent"])
    _factory = freezegun.freeze_time(moment).start()
    _began = datetime.fromisoformat(moment)


def loop() -> VirtualLoop:
    return gevent.get_hub().loop


def elapsed() -> float:
    """The virtual seconds since the process began; they never go back."""
    return loop().seconds


def set_clock(moment: datetime) -> None:
    """Sets the wall clock to a moment in UTC (a datetime without time zone); `time.monotonic` moves with it."""
    global _offset
    _offset = moment - (_began + timedelta(seconds=elapsed()))
    _move_to(elapsed())
