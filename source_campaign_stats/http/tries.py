"""How often a request was sent, with what result, and how often it may be sent. The error handler reads it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import requests

# Seconds until a request is sent again because its answer is doubted.
SECONDS_OF_DOUBT = 5


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Patience:
    """How long a thread keeps trying: at most `tries` times (None: as often as the manifest says).

    It gives up earlier if `is_pointless` gives true. `on_send` is called before each request.
    """

    tries: int | None = None
    is_pointless: Callable[[], bool] = _never
    on_send: Callable[[], None] = _nothing

    @property
    def can_ask_again(self) -> bool:
        return self.tries != 1


@dataclass
class Tries:
    """The tries of one request.

    `failed` counts the answers that could not be used, `seconds` adds up how long they took: from `began`, when the
    request went on its way, to the end of the answer's body. `doubted` holds the
    answers that are believed when they come a second time. `reason` says why the request is sent again. `least_wait` is
    the least wait before that, in seconds, and `most` the highest number of tries.
    """

    patience: Patience
    failed: int = 0
    seconds: float = 0.0
    began: float | None = None
    doubted: set[object] = field(default_factory=set)
    reason: str = ""
    least_wait: float = 0.0
    most: int = 0


class _OfThisThread(threading.local):
    patience = Patience()


_THREAD = _OfThisThread()


@contextmanager
def patience(given: Patience) -> Iterator[None]:
    """Inside the `with` block, each request of this thread is sent again only as long as `given` allows."""
    before, _THREAD.patience = _THREAD.patience, given
    try:
        yield
    finally:
        _THREAD.patience = before


def tries_of(subject: requests.PreparedRequest | requests.Response | Exception | None) -> Tries:
    """The tries of a request, which is given by itself, by its response or by its exception."""
    request: Any = getattr(subject, "request", subject)
    tries = getattr(request, "tries", None)
    if tries is None:
        tries = Tries(_THREAD.patience)
        if isinstance(request, requests.PreparedRequest):
            cast(Any, request).tries = tries
    return cast(Tries, tries)
