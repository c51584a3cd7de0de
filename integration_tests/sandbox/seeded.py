"""Numbers made from a seed: the same key always gives the same number, in any order of calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any

Block = dict[str, Any]

# A prime, so that each stride below visits every block before it repeats one.
POOL_SIZE = 2003
REVISION_STRIDE = 1009
PART_STRIDE = 389


def digest(*parts: object) -> int:
    """Return a number of 64 bits that depends only on the parts."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def chance(share: float, *parts: object) -> bool:
    """Return true for about `share` of all possible parts."""
    return share >= 1 or digest(*parts) < share * 2**64


def hexadecimal(length: int, *parts: object) -> str:
    """Return an id of hex digits."""
    text = "\x1f".join(map(str, parts)).encode()
    return blake2b(text, digest_size=32).hexdigest()[:length]


def base36(length: int, *parts: object) -> str:
    """Return an id as Batch makes them: digits and small letters."""
    number, text = int(hexadecimal(64, *parts), 16), ""
    while len(text) < length:
        number, rest = divmod(number, 36)
        text += "0123456789abcdefghijklmnopqrstuvwxyz"[rest]
    return text


def days_between(first: date, last: date) -> list[date]:
    """Return every day from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def months_before(day: date, months: int) -> date:
    """Return the same day of the month so many calendar months earlier, or that month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


class Pool:
    """A fixed number of metric blocks, each made when it is first asked for.

    An answer of 180 days, 20 steps and 3 platforms holds 15,000 blocks. The sandbox has to be faster than the connector
    that is measured with it, so it looks blocks up instead of making new ones. Blocks are shared, so never change one.
    """

    def __init__(self, make: Callable[[random.Random], Block], *key: object) -> None:
        self._make, self._key = make, key
        self._blocks: dict[int, Block] = {}

    def block(self, base: int, revision: int = 0, part: int = 0) -> Block:
        """Return the block of a key; another revision always gives another block."""
        n = (base + revision * REVISION_STRIDE + part * PART_STRIDE) % POOL_SIZE
        if n not in self._blocks:
            # The simulator needs few of them: its histories take a fifth less time when no more are made.
            self._blocks[n] = self._make(random.Random(digest("pool", *self._key, n)))
        return self._blocks[n]
