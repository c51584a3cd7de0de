"""How often a request was sent, with what result, and how often it may be sent; known where its answer is judged."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import requests

# What proves nothing is asked for again after so many seconds.
SECONDS_OF_DOUBT = 5


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Patience:
    """How long a thread goes on asking: at most `tries` times (None: as the manifest says), until it is pointless.

    `on_send` hears of every request that is sent.
    """

    tries: int | None = None
    is_pointless: Callable[[], bool] = _never
    on_send: Callable[[], None] = _nothing

    @property
    def can_ask_again(self) -> bool:
        return self.tries != 1


@dataclass
class Tries:
    """One request, which is the same request when it is sent again.

    `failed` counts the answers that could not be used, `seconds` is the time that it was on its way; `doubted` are the
    answers that are believed only when they come twice, `reason` says why it is sent again, `least_wait` after how
    many seconds.
    """

    patience: Patience
    failed: int = 0
    seconds: float = 0.0
    doubted: set[object] = field(default_factory=set)
    reason: str = ""
    least_wait: float = 0.0
    most: int = 0


class _OfThisThread(threading.local):
    patience = Patience()


_THREAD = _OfThisThread()


@contextmanager
def patience(given: Patience) -> Iterator[None]:
    """Every request that this thread sends meanwhile is asked again only as long as this allows."""
    before, _THREAD.patience = _THREAD.patience, given
    try:
        yield
    finally:
        _THREAD.patience = before


def tries_of(subject: requests.PreparedRequest | requests.Response | Exception | None) -> Tries:
    """The tries of a request, or of the request that was answered or broke."""
    request: Any = getattr(subject, "request", subject)
    tries = getattr(request, "tries", None)
    if tries is None:
        tries = Tries(_THREAD.patience)
        if isinstance(request, requests.PreparedRequest):
            cast(Any, request).tries = tries
    return cast(Tries, tries)
