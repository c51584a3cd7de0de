"""The order in which campaigns are asked, and how far a sync came, so that the next one can go on there."""

import hashlib
from collections.abc import Collection, Iterable, Sequence

from source_campaign_stats.sync.state import Key, Place

_GROUPS = 256
_BYTES_OF_A_GROUP = 3


class Checksums:
    """A fingerprint of a set of campaigns, in 256 groups: a group that differs gained or lost a campaign.

    A place in the order is not enough. A campaign that is created later, but with an earlier date or without a date,
    stands before the place and would count as asked. Example of the text: `00000a1b2c3d…`, 1,536 digits.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._sums = [0] * _GROUPS
        for key in keys:
            self.add(key)

    def add(self, key: Key) -> None:
        group, number = _hashed(key)
        self._sums[group] ^= number

    def __str__(self) -> str:
        return "".join(f"{number:0{2 * _BYTES_OF_A_GROUP}x}" for number in self._sums)


def asked_before(places: Iterable[Place], place: Place | None, beyond: Collection[Key], checksums: str) -> set[Key]:
    """Which of the campaigns that exist now were asked by the interrupted sync.

    All up to its place, without the groups that gained or lost a campaign, and all in `beyond`.
    """
    listed = list(places)
    up_to_place = [key_of(one) for one in listed if place and one <= place]
    digits = 2 * _BYTES_OF_A_GROUP
    now = str(Checksums(up_to_place))
    same = {
        group
        for group in range(_GROUPS)
        if now[group * digits : (group + 1) * digits] == checksums[group * digits : (group + 1) * digits]
    }
    asked = {key for key in up_to_place if _hashed(key)[0] in same}
    return asked | {key_of(one) for one in listed if key_of(one) in beyond}


def key_of(place: Place) -> Key:
    """The campaign at a place."""
    return place[1:]


class Progress:
    """How far a sync came in the order of its campaigns: all up to a place are done, and some beyond it."""

    def __init__(self, places: Sequence[Place], done: Collection[Key] = ()) -> None:
        self._places = sorted(places)
        self._beyond = set(done)
        self._next = 0
        self._checksums = Checksums()
        self._move()

    @property
    def place(self) -> Place | None:
        return self._places[self._next - 1] if self._next else None

    @property
    def beyond(self) -> frozenset[Key]:
        return frozenset(self._beyond)

    @property
    def checksums(self) -> str:
        return str(self._checksums)

    def add(self, key: Key) -> None:
        """One more campaign is done."""
        self._beyond.add(key)
        self._move()

    def _move(self) -> None:
        while self._next < len(self._places) and (key := key_of(self._places[self._next])) in self._beyond:
            self._beyond.remove(key)
            self._checksums.add(key)
            self._next += 1


def _hashed(key: Key) -> tuple[int, int]:
    digest = hashlib.blake2b("\x00".join(key).encode("utf-8", "replace"), digest_size=1 + _BYTES_OF_A_GROUP).digest()
    return digest[0], int.from_bytes(digest[1:], "big")
