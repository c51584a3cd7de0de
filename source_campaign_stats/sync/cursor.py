"""Which slices a statistics stream asks, and the state that follows from their outcomes."""

import json
import logging
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast

from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.output.errors import config_error, in_plain_words
from source_campaign_stats.settings.vendor import Pace
from source_campaign_stats.sync.campaigns import CampaignRouter
from source_campaign_stats.sync.days import FIRST_DAY, ONE_DAY, Window, window_to_ask
from source_campaign_stats.sync.order import Progress, asked_before
from source_campaign_stats.sync.outcome import MISSING, Fate, Outcomes
from source_campaign_stats.sync.rows import key_of_slice
from source_campaign_stats.sync.state import Key, Place, StreamState, UnderWay, state_in

LOGGER = logging.getLogger("airbyte")

# A state of another time zone or clock can be ahead by this much.
_DAYS_AHEAD = timedelta(days=2)
# After a sync that died, the next one asks at most this much again, and campaigns that did not fit into the state.
_CAMPAIGNS_BETWEEN_STATES = 50
_SECONDS_BETWEEN_STATES = 60
# A platform may not keep a larger state.
_BYTES_OF_A_STATE = 16_000


@dataclass(frozen=True)
class Asked:
    """What the settings and the clock say about a statistics stream: which days to ask, how many slices at once.

    `step` is how many days one request can ask for; None: any number.
    """

    stream_name: str
    cursor_field: str
    start: date
    last: date
    today: date
    lookback: timedelta
    earliest: date | None = None
    at_once: int = 1
    pace: Pace | None = None
    step: timedelta | None = None

    def window_after(self, reached: date | None) -> Window | None:
        """The days of a sync after one that read up to `reached`."""
        if reached and reached > self.today:
            # Another clock or time zone: the days that are over are read again, and the state stays.
            reached = min(reached, self.last)
        window = window_to_ask(reached, self.start, self.last, self.lookback, self.earliest)
        wanted = window_to_ask(reached, self.start, self.last, self.lookback)
        if window and wanted and wanted.first < window.first:
            LOGGER.info(
                "%s: reads from %s on instead of %s, because the vendor keeps no older statistics.",
                self.stream_name,
                window.first,
                wanted.first,
            )
        return window


@dataclass
class StateOutput:
    """The state of one stream: at first the one that the platform gave; printed each time it is set."""

    stream_name: str
    cursor_field: str
    state_manager: ConnectorStateManager
    output: MessageRepository

    def __post_init__(self) -> None:
        given = self.state_manager.get_stream_state(self.stream_name, None)
        try:
            self.current = state_in(given, self.cursor_field)
        except ValueError:
            raise config_error(
                f"The saved state of the stream {self.stream_name} holds no date, or has another shape than this "
                "connector writes. Refresh the stream."
            ) from None

    def set(self, state: StreamState) -> None:
        self.current = state
        self.emit()

    def emit(self) -> None:
        self.output.emit_message(self.message())

    def message(self) -> AirbyteMessage:
        """The message that is printed for the current state."""
        written = self.current.written(self.cursor_field)
        self.state_manager.update_state_for_stream(self.stream_name, None, written)
        return self.state_manager.create_state_message(self.stream_name, None)


class StatisticsCursor(Cursor):
    """The cursor of a statistics stream: its state is the last day up to which no day is missing.

    State: `{"date": "2026-11-20"}`, one date for the whole stream, however many campaigns it has.

    It replaces the CDK's cursors for three reasons. They follow the days that *had rows*, so an account without rows is
    asked for more days on every sync. Their last window is two days wide. And they move on past a list that failed
    half-way.

    `stream_slices` drives the sync: it hands out a slice when a place is free, and waits for outcomes where the next
    slice depends on them.
    """

    def __init__(self, asked: Asked, states: StateOutput, outcomes: Outcomes) -> None:
        self.cursor_field = CursorField(asked.cursor_field)
        self.outcomes = outcomes
        self._asked, self._states = asked, states
        self._name = asked.stream_name
        # Each slice under way takes a place; its reader gives the place back.
        self.places = threading.Semaphore(asked.at_once)
        self._closed = threading.Condition(threading.RLock())
        self._under_way = 0
        outcomes.on_end = self._wake_up
        day = states.current.day
        if day and day > asked.today + _DAYS_AHEAD:
            raise config_error(
                f"The saved state of the stream {asked.stream_name} says that days up to {day} were read, which are "
                f"not over yet: it is {asked.today}. Check the clock, or refresh the stream."
            )

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._states.current.written(self._asked.cursor_field)

    @abstractmethod
    def stream_slices(self) -> Iterable[StreamSlice]:
        """The slices of this sync; raises what ends the stream."""

    @abstractmethod
    def _close(self, key: Key) -> None:
        """Updates the state after a slice whose records were all handed on; called for one slice at a time."""

    def observe(self, record: Record) -> None:
        """Does nothing: the state follows the days asked, not the records."""

    def close_partition(self, partition: Partition) -> None:
        key = key_of_slice(cast(StreamSlice, partition.to_slice()))
        with self._closed:
            self._under_way -= 1
            try:
                self._close(key)
            finally:
                self._closed.notify_all()

    def ensure_at_least_one_state_emitted(self) -> None:
        self.outcomes.log_summary()
        self._states.emit()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _handed_out(self, slices: Iterable[StreamSlice]) -> Iterator[StreamSlice]:
        """The slices, each when a place is free, until the stream ends."""
        for stream_slice in slices:
            self.places.acquire()
            if self.outcomes.has_ended:
                self.places.release()
                return
            with self._closed:
                self._under_way += 1
            yield stream_slice

    def _all_are_closed(self) -> bool:
        """Waits until every slice that was handed out is closed; False if the stream ended before."""
        with self._closed:
            while self._under_way and not self.outcomes.has_ended:
                self._closed.wait()
        return not self.outcomes.has_ended

    def _wake_up(self) -> None:
        with self._closed:
            self._closed.notify_all()

    def _end_if_missing(self) -> None:
        if error := self.outcomes.verdict():
            raise error


class DayCursor(StatisticsCursor):
    """The cursor of a stream that asks one day at a time: its state moves day by day.

    The state stops before a day that is missing; later days are still read. A day without rows between days with rows
    is asked again before it is believed; until then the state stops before it.
    """

    def __init__(self, asked: Asked, states: StateOutput) -> None:
        super().__init__(asked, states, Outcomes(asked.stream_name, unit="days", pace=asked.pace, calls_a_slice=None))
        self._fates: dict[date, Fate] = {}
        self._with_rows: set[date] = set()
        self._to_ask_again: deque[date] = deque()
        self._asked_again: set[date] = set()
        self._confirmed: set[date] = set()
        self._next_day = asked.start

    def stream_slices(self) -> Iterable[StreamSlice]:
        window = self._asked.window_after(self._states.current.day)
        days = window.days if window else []
        self.outcomes.begins([_slice_of(day) for day in days])
        self._next_day = window.first if window else self._next_day
        for stream_slice in self.outcomes.slices:
            yield from self._handed_out([*self._doubtful(), stream_slice])
        while self._all_are_closed() and (doubtful := self._doubtful()):
            yield from self._handed_out(doubtful)
        if not self.outcomes.has_ended:
            self._move(is_end=True)
            self._end_if_missing()

    def _doubtful(self) -> list[StreamSlice]:
        """The days to ask again."""
        with self._closed:
            days, self._to_ask_again = list(self._to_ask_again), deque()
        for day in days:
            LOGGER.info("%s: %s has no rows, but days around it have: it is asked again", self._name, day)
        return [_slice_of(day) for day in days]

    def _close(self, key: Key) -> None:
        day = date.fromisoformat(key[0])
        if day in self._asked_again:
            self._confirmed.add(day)
        self._fates[day] = self.outcomes.fate_of(key) or Fate.NOT_ASKED
        if self.outcomes.has_rows(key):
            self._with_rows.add(day)
        if self._with_rows:
            first, last = min(self._with_rows), max(self._with_rows)
            between = [one for one in sorted(self._empty() - self._asked_again) if first < one < last]
            self._to_ask_again += between
            self._asked_again.update(between)
        self._move(is_end=False)

    def _empty(self) -> set[date]:
        return {day for day, fate in self._fates.items() if fate is Fate.READ and day not in self._with_rows}

    def _move(self, is_end: bool) -> None:
        """Moves the state to the last day up to which every day is read and believed."""
        reached = None
        with self._closed:
            while self._fates.get(self._next_day) is Fate.READ and (is_end or self._is_believed(self._next_day)):
                reached = self._next_day
                self._next_day += ONE_DAY
            if reached:
                self._states.set(StreamState(max(reached, self._states.current.day or reached)))

    def _is_believed(self, day: date) -> bool:
        """Whether a day that was read is believed: it has rows, it came twice, or no day before it has rows."""
        return day in self._with_rows or day in self._confirmed or not any(one < day for one in self._with_rows)


class CampaignCursor(StatisticsCursor):
    """The cursor of a stream that asks one campaign at a time, for all days at once.

    The date of the state moves when the last campaign was asked; the state names campaigns that are missing as owed.
    Until then it says how far the sync came, so that the next sync goes on there if this one dies. The next sync asks
    the rest of the campaigns, up to its own last day. If that day is later than the last day of the sync that died, it
    then asks the other campaigns too, with the usual lookback.
    """

    def __init__(self, asked: Asked, states: StateOutput, router: CampaignRouter) -> None:
        given = states.current
        outcomes = Outcomes(
            asked.stream_name,
            unit=router.unit,
            pace=asked.pace,
            way_out=router.way_out,
            known=given.owed.keys(),
            can_be_alone=True,
            step=asked.step,
        )
        super().__init__(asked, states, outcomes)
        self._router = router
        self._day = given.day
        self._owed = dict(given.owed)
        self._since: dict[Key, date] = {}
        self._in_doubt: set[Key] = set()
        self._progress = Progress([])
        self._phase: Window | None = None
        self._closed_since, self._written_at = 0, time.monotonic()

    def stream_slices(self) -> Iterable[StreamSlice]:
        asked: set[Key] = set()
        if now := self._states.current.under_way:
            asked = yield from self._rest_of(now)
        if not self.outcomes.has_ended and (self._states.current.under_way is None or self._day != self._asked.last):
            window = self._asked.window_after(self._day)
            if window:
                yield from self._ask(self._slices_within(window), asked, window)
            if window and not self.outcomes.has_ended:
                self._day = max(self._day or window.last, window.last)
        if not self.outcomes.has_ended:
            self._finish()

    def _rest_of(self, now: UnderWay) -> Generator[StreamSlice, None, set[Key]]:
        """Asks the campaigns that the interrupted sync did not ask, up to the last day; returns their keys."""
        last = self._asked.last
        reached = min(now.last, last)
        window = window_to_ask(None, max(now.first, self._asked.start), last, timedelta(), self._asked.earliest)
        slices = self._slices_within(window) if window else []
        done = asked_before(map(_place_of, slices), now.place, now.beyond, now.checksums) - self._owed.keys()
        LOGGER.info(
            "%s: goes on where the last sync ended: %s of %s %s were asked",
            self._name,
            f"{len(done):,}",
            f"{len(slices):,}",
            self.outcomes.unit,
        )
        if window:
            yield from self._ask(slices, done, Window(window.first, max(reached, window.first)))
        if not self.outcomes.has_ended:
            with self._closed:
                self._enter_the_missing(lambda _: True)
            self._day = max(self._day or reached, reached)
        return {key_of_slice(one) for one in slices} - done

    def _slices_within(self, window: Window) -> list[StreamSlice]:
        """The slices of a window, in the order of their campaigns; one that is owed begins with its own first day."""
        try:
            slices = {key_of_slice(one): one for one in self._router.slices_within(window, self._owed.keys())}
            unlisted = self._owed.keys() - slices.keys()
            # Nothing else remembers what is owed, and one reading of a list can lack a campaign.
            unlisted -= self._router.exist(unlisted) if unlisted else set()
            if unlisted and self._router.still_exist(unlisted):
                again = self._router.slices_within(window, self._owed.keys())
                slices = {key_of_slice(one): one for one in again} | slices
        except Exception as error:
            self.outcomes.end(error)
            raise in_plain_words(error, f"{self._name}: the list of campaigns could not be read") from error
        for key in self._owed.keys() - slices.keys():
            LOGGER.info(
                "%s: %s owes nothing any more: it is not listed, or the settings leave it out",
                self._name,
                ", ".join(key),
            )
            del self._owed[key]
        return [self._from_the_day_owed(one) for one in sorted(slices.values(), key=_place_of)]

    def _from_the_day_owed(self, stream_slice: StreamSlice) -> StreamSlice:
        since = self._owed.get(key_of_slice(stream_slice))
        if since is None or since.isoformat() >= stream_slice[FIRST_DAY]:
            return stream_slice
        first = max(since, self._asked.earliest) if self._asked.earliest else since
        days = {**stream_slice.cursor_slice, FIRST_DAY: first.isoformat()}
        return StreamSlice(
            partition=stream_slice.partition, cursor_slice=days, extra_fields=dict(stream_slice.extra_fields)
        )

    def _ask(self, slices: list[StreamSlice], done: Collection[Key], phase: Window) -> Iterator[StreamSlice]:
        """Hands out the slices that are not done, and waits until they are closed."""
        with self._closed:
            self._progress = Progress([_place_of(one) for one in slices], done)
            self._phase = phase
        to_ask = [one for one in slices if key_of_slice(one) not in done]
        self._since = {key_of_slice(one): date.fromisoformat(one[FIRST_DAY]) for one in to_ask}
        self.outcomes.begins(to_ask)
        yield from self._handed_out(to_ask)
        self._all_are_closed()

    def _close(self, key: Key) -> None:
        fate = self.outcomes.fate_of(key)
        if fate is Fate.READ:
            self._owed.pop(key, None)
            self._progress.add(key)
        elif fate in MISSING:
            self._in_doubt.add(key)
        else:
            return
        self._enter_the_missing(lambda one: not self.outcomes.is_in_doubt(one))
        self._closed_since += 1
        seconds = time.monotonic() - self._written_at
        if self._closed_since >= _CAMPAIGNS_BETWEEN_STATES or seconds >= _SECONDS_BETWEEN_STATES:
            self._print_how_far()

    def _enter_the_missing(self, is_sure: Callable[[Key], bool]) -> None:
        for key in [one for one in self._in_doubt if is_sure(one)]:
            self._in_doubt.remove(key)
            self._owed[key] = self._since[key]
            self._progress.add(key)

    def progress_that_is_due(self, nothing_waits: Callable[[], bool]) -> AirbyteMessage | None:
        """A state after a minute without one, because the campaigns under way take long; None if none is due.

        The caller prints it. There is none while something waits to be printed: that can be records that belong before
        this state, or an older state.
        """
        if time.monotonic() < self._written_at + _SECONDS_BETWEEN_STATES or not self._closed.acquire(blocking=False):
            return None
        try:
            state = self._how_far() if self._closed_since and nothing_waits() else None
            if state is None:
                return None
            self._states.current = state
            return self._states.message()
        finally:
            self._closed.release()

    def _print_how_far(self) -> None:
        if state := self._how_far():
            self._states.set(state)

    def _how_far(self) -> StreamState | None:
        progress = self._progress
        if self._phase is None or not (progress.place or progress.beyond):
            return None
        self._closed_since, self._written_at = 0, time.monotonic()
        under_way = UnderWay(self._phase.first, self._phase.last, progress.place, checksums=progress.checksums)
        state = StreamState(self._day, dict(self._owed), under_way)
        # The widest spelling: with spaces, and letters as escapes.
        room = _BYTES_OF_A_STATE - len(json.dumps(state.written(self._asked.cursor_field)))
        if room < 0:
            return None
        beyond = set()
        for key in sorted(progress.beyond):
            room -= len(json.dumps(key)) + len(", ")
            if room < 0:
                # The next sync asks the others again.
                break
            beyond.add(key)
        return replace(state, under_way=replace(under_way, beyond=frozenset(beyond)))

    def ensure_at_least_one_state_emitted(self) -> None:
        """Also prints how far the sync came, so that the next one goes on there after an error."""
        self._print_how_far()
        super().ensure_at_least_one_state_emitted()

    def _finish(self) -> None:
        """Prints the state after the last campaign; raises an error if some are missing."""
        with self._closed:
            self._enter_the_missing(lambda _: True)
        if new := self.outcomes.missing.keys() - set(self.outcomes.known):
            self._ask_whether_they_exist(new)
        with self._closed:
            # Nothing is under way any more.
            self._phase = None
        if self._day:
            self._states.set(StreamState(self._day, dict(self._owed)))
        self._end_if_missing()

    def _ask_whether_they_exist(self, missing: Collection[Key]) -> None:
        """Reads the list again: a missing campaign that it does not have any more was deleted."""
        try:
            there = self._router.still_exist(missing)
        except Exception as error:
            told = in_plain_words(error, f"{self._name}: the list of campaigns could not be read again")
            LOGGER.warning("%s The campaigns stay missing.", told)
            return
        for key in missing:
            if key not in there:
                with self._closed:
                    self._owed.pop(key, None)
                self.outcomes.was_deleted(key)


def _slice_of(day: date) -> StreamSlice:
    return StreamSlice(partition={}, cursor_slice=Window(day, day).as_slice())


def _place_of(stream_slice: StreamSlice) -> Place:
    """The place of a campaign in the order: when it was created, then its key."""
    return (str(stream_slice.extra_fields.get("created") or ""), *key_of_slice(stream_slice))
