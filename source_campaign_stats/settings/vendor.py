"""What the shared code needs to know of a vendor, beside the manifest and the specification."""

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

    `stream` lists them in its `column`, in the slices of `partition`; None: no list has them. `statistics` is the
    stream that asks for them by name, if one does. `what` is what the setting is called. `nothing_else` says that only
    these are read.
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
    """What the connector allows itself of a vendor's limit: so many calls in so many seconds, at any time."""

    calls: int
    seconds: float

    def seconds_for(self, calls: int, sent: Sequence[float] = (), now: float = 0.0) -> float:
        """How long so many more calls take, when the last ones were sent at these moments and nothing else is slow.

        Example: `Pace(58, 62).seconds_for(100)` -> 62: 58 calls at once, and 42 when the first ones are 62 s old.
        """
        times = list(sent[-self.calls :])
        for _ in range(calls):
            oldest = times[-self.calls] + self.seconds if len(times) >= self.calls else now
            times.append(max(now, oldest))
        return max(times[-1] - now, 0.0) if calls else 0.0


@dataclass(frozen=True)
class Vendor:
    """A vendor: its group of settings and what only this vendor has of the things that all of them have.

    `name` is that of its group in the specification and in the configuration. `ids_in_headers` are the settings that
    are sent as they are and are no secrets. `probes` takes the settings and today's date; `complaints` takes settings
    of which each alone is right and yields what is wrong with them together; `keys_in_headers` gives the forms in which
    a key is sent, beside the key itself; `first_sync` takes the settings and the days to read, and says what the first
    sync of them costs; `named_ids` gives the ids in the settings that a list can know or not know; `paces` gives the
    pace of each statistics stream. `free_texts` are the lists whose entries can be any text, and no ids; `needs` says
    for a stream that is only there with some setting what to do for it.
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
