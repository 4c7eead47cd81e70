"""Repeats: which claims give an item of the contributor's own earlier work once more.

A draw follows from the seed of a contributor on a project and the number of the claim alone, so
that it can be done again, and nobody who does not know the seed can foresee it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

# Of the claims, whatever a buyer would like: each repeat is paid, and none adds to the data.
REPEAT_PERCENT_MAX = 5
_WORD = 8


@dataclass(frozen=True, slots=True)
class Repeats:
    """`percent` of the claims, each at least `between` own answers after the first one."""

    percent: int
    between: int

    @property
    def is_on(self) -> bool:
        return self.percent > 0


@dataclass(frozen=True, slots=True)
class Draw:
    """Whether this claim is to be a repeat, and a key (64 bits, signed) that puts the answers which
    could come again in an order.
    """

    is_repeat: bool
    order: int


def repeats_of(body: Mapping) -> Repeats:
    """Of criteria; those from before there were repeats have none."""
    return Repeats(body.get("repeat_percent", 0), body.get("repeat_between", 0))


def draw_repeat(repeats: Repeats, *, seed: int, claim: int) -> Draw:
    """The draw of the claim with this number, counted from 0. Exact: no floating point."""
    digest = hashlib.sha256(f"repeat:{seed}:{claim}".encode()).digest()
    share = int.from_bytes(digest[:_WORD])
    order = int.from_bytes(digest[_WORD : 2 * _WORD], signed=True)
    return Draw(share * 100 < repeats.percent << (8 * _WORD), order)
