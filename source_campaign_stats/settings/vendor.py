"""What the shared code needs to know about a vendor, besides the manifest and the specification."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from airbyte_cdk.sources.types import StreamSlice

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Probe:
    """One small request of `check` that shows whether a credential works.

    `stream` is the stream whose requester is used, `stream_slice` what it is asked for, `params` and `body` keep it
    small, and `page` is the token of the page that is asked. `what` follows the vendor's title: `, app "Shop iOS"`.
    """

    stream: str
    what: str = ""
    stream_slice: StreamSlice = field(default_factory=lambda: StreamSlice(partition={}, cursor_slice={}))
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    page: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class NamedIds:
    """Ids that a person typed, and the list that has them if they are right.

    `stream` is the list, and `partition` says which of its slices; None: no list has them. `column` is where a row has
    its id. `statistics` is the stream that asks for these ids by name, if one does. `what` is what messages call the
    setting. `nothing_else` says that only these ids are read.
    """

    ids: Sequence[str]
    what: str
    column: str
    stream: str | None = None
    partition: Mapping[str, Any] = field(default_factory=dict)
    statistics: str | None = None
    nothing_else: bool = False


@dataclass(frozen=True)
class Pace:
    """The connector's own limit, a little under the vendor's: so many calls in any window of so many seconds."""

    calls: int
    seconds: float

    def seconds_for(self, calls: int, sent: Sequence[float] = (), now: float = 0.0) -> float:
        """The seconds that so many more calls take if only the limit slows them down.

        `sent` are the moments of the last calls, on the same clock as `now`.

        Example: `Pace(58, 62).seconds_for(100)` -> 62: 58 calls at once, and 42 when the first ones are 62 s old.
        """
        times = list(sent[-self.calls :])
        for _ in range(calls):
            oldest = times[-self.calls] + self.seconds if len(times) >= self.calls else now
            times.append(max(now, oldest))
        return max(times[-1] - now, 0.0) if calls else 0.0


@dataclass(frozen=True)
class Vendor:
    """A vendor: its group of settings, and its own part of what the shared code does for every vendor.

    - `name`: of its group in the specification and in the configuration.
    - `ids_in_headers`: settings that are sent as they are and are no secrets.
    - `probes`: settings and today's date -> the requests of `check`.
    - `complaints`: settings, each of them right alone -> what is wrong with them together.
    - `keys_in_headers`: settings -> the forms in which a key is sent, other than the key itself.
    - `first_sync`: settings and the number of days to read -> a line that says what the first sync costs.
    - `named_ids`: settings -> the ids in them that a list may or may not have.
    - `paces`: settings -> the pace of each statistics stream.
    - `free_texts`: lists whose entries are any texts, not ids.
    - `needs`: a stream that exists only with some setting -> what to do to get it.
    """

    name: str
    ids_in_headers: frozenset[str]
    probes: Callable[[Settings, date], list[Probe]]
    complaints: Callable[[Settings], Iterator[str]] = lambda settings: iter(())
    keys_in_headers: Callable[[Settings], set[str]] = lambda settings: set()
    first_sync: Callable[[Settings, int], str] = lambda settings, days: ""
    named_ids: Callable[[Settings], list[NamedIds]] = lambda settings: []
    paces: Callable[[Settings], Mapping[str, Pace]] = lambda settings: {}
    free_texts: frozenset[str] = frozenset()
    needs: Mapping[str, str] = field(default_factory=dict)
