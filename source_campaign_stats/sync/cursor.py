"""Which slices a statistics stream asks, and the state that follows from what became of them."""

import logging
import threading
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date, timedelta
from typing import Any, cast

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record, StreamSlice

from source_campaign_stats.output.errors import config_error, in_plain_words
from source_campaign_stats.sync.campaigns import CampaignRouter
from source_campaign_stats.sync.days import FIRST_DAY, ONE_DAY, Window, window_to_ask
from source_campaign_stats.sync.outcome import Outcomes
from source_campaign_stats.sync.state import day_in_state, state_of

LOGGER = logging.getLogger("airbyte")

# So far can the state of another time zone or clock be ahead.
_DAYS_AHEAD = timedelta(days=2)


class DayCursor(Cursor):
    """The days that were asked for, as one date: the last one up to which no day is missing.

    It takes the place of the CDK's cursors, because those follow the days that *had rows* (an account without
    rows is asked for more days on every sync), ask for two days in the last window, and move on past a list that
    failed half-way. State: `{"date": "2026-11-20"}`, for a whole stream, however many campaigns it has.

    A stream without a router has one slice a day and a state after each day. One with a router has one slice a
    campaign for the whole window, and its state moves once, when the last campaign was read.
    """

    def __init__(
        self,
        *,
        stream_name: str,
        cursor_field: str,
        state: Mapping[str, Any],
        start: date,
        last: date,
        today: date,
        lookback: timedelta,
        earliest: date | None,
        router: CampaignRouter | None,
        at_once: int,
        state_manager: ConnectorStateManager,
        output: MessageRepository,
    ) -> None:
        self.cursor_field = CursorField(cursor_field)
        self.outcomes = Outcomes(stream_name, unit=router.unit if router else "days")
        self._stream_name = stream_name
        self._state: MutableMapping[str, Any] = dict(state)
        try:
            self._state_day = day_in_state(state, cursor_field)
        except ValueError:
            raise config_error(
                f"The saved state of the stream {stream_name} holds no date, or has another shape than this connector "
                "writes. Refresh the stream."
            ) from None
        if self._state_day and self._state_day > today + _DAYS_AHEAD:
            raise config_error(
                f"The saved state of the stream {stream_name} says that days up to {self._state_day} were read, which "
                f"are not over yet: it is {today}. Check the clock, or refresh the stream."
            )
        self._start, self._last, self._today = start, last, today
        self._lookback, self._earliest = lookback, earliest
        self._router = router
        # A slice is handed out when there is a place for it; its reader frees the place.
        self.places = threading.Semaphore(at_once)
        self._state_manager = state_manager
        self._output = output
        self._lock = threading.RLock()
        self._window: Window | None = None
        self._slices_to_close = 0
        self._read_days: set[date] = set()
        self._next_day = start

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._state

    def stream_slices(self) -> Iterable[StreamSlice]:
        try:
            self._window = self._window_of_this_sync()
            slices = self._slices_of(self._window) if self._window else []
        except Exception as error:
            self.outcomes.end(error)
            raise in_plain_words(error, f"{self._stream_name}: the list of campaigns could not be read") from error
        if self._window:
            self._next_day = self._window.first
        self.outcomes.planned = self._slices_to_close = len(slices)
        for stream_slice in slices:
            self.places.acquire()
            if self.outcomes.has_ended:
                return
            yield stream_slice
        if not slices:
            self._finish()

    def observe(self, record: Record) -> None:
        """Nothing: the state follows the days asked, not the records."""

    def close_partition(self, partition: Partition) -> None:
        stream_slice = cast(StreamSlice, partition.to_slice())
        with self._lock:
            self._slices_to_close -= 1
            if self._router is None and not self.outcomes.is_missing(stream_slice):
                self._read_days.add(date.fromisoformat(stream_slice[FIRST_DAY]))
                self._move_over_read_days()
            if self._slices_to_close == 0:
                self._finish()

    def ensure_at_least_one_state_emitted(self) -> None:
        self.outcomes.log_summary()
        self._emit_state()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _window_of_this_sync(self) -> Window | None:
        reached = self._state_day
        if reached and reached > self._today:
            # Another clock or time zone: the days that are over are read again, and the state stays.
            reached = min(reached, self._last)
        window = window_to_ask(reached, self._start, self._last, self._lookback, self._earliest)
        wanted = window_to_ask(reached, self._start, self._last, self._lookback)
        if window and wanted and wanted.first < window.first:
            LOGGER.info(
                "%s: reads from %s on instead of %s, because the vendor keeps no older statistics.",
                self._stream_name,
                window.first,
                wanted.first,
            )
        return window

    def _slices_of(self, window: Window) -> list[StreamSlice]:
        if self._router is None:
            return [StreamSlice(partition={}, cursor_slice=Window(day, day).as_slice()) for day in window.days]
        return self._router.slices_within(window)

    def _move_over_read_days(self) -> None:
        """Moves a daily stream's state to the last day before which no day is unread."""
        reached = None
        while self._next_day in self._read_days:
            reached = self._next_day
            self._next_day += ONE_DAY
        if reached:
            self._move_state(reached)

    def _finish(self) -> None:
        error = self.outcomes.verdict()
        if error:
            raise error
        if self._router is not None and self._window and not self.outcomes.has_ended:
            self._move_state(self._window.last)

    def _move_state(self, day: date) -> None:
        if self._state_day is None or day > self._state_day:
            self._state_day = day
        self._state = state_of(self._state_day, self.cursor_field.cursor_field_key)
        self._emit_state()

    def _emit_state(self) -> None:
        self._state_manager.update_state_for_stream(self._stream_name, None, self._state)
        self._output.emit_message(self._state_manager.create_state_message(self._stream_name, None))
