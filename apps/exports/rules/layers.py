"""Which charge an amount came from: first in, first out.

Money in a wallet is pooled, and a cent has no name. So that each can still be followed, the house
takes the oldest money first, everywhere: out of the wallet into a project, out of the project to a
contributor, out of what a contributor has earned to the bank. What a project gives back is its
newest money, and queues up in the wallet again. This is a convention of reading; no booking depends
on it.
"""

import uuid
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

INTO_PROJECT = {
    "fund_project": "held",
    "top_up_project": "held",
    "fund_seats": "seats",
    "fund_lift": "lift",
    "fund_compute": "compute",
}
OUT_OF_PROJECT = {
    "return_unspent": "held",
    "return_seats": "seats",
    "return_lift": "lift",
    "return_compute": "compute",
}


@dataclass(frozen=True, slots=True)
class Move:
    """One settled transfer of a wallet, minor units. `scope` is the project, `is_in` the side."""

    id: uuid.UUID
    code: str
    amount: int
    scope: uuid.UUID | None
    is_in: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """`amount` minor units that came into the wallet with transfer `source`."""

    source: uuid.UUID
    amount: int


Pot = tuple[uuid.UUID | None, str]


def pots(moves: Iterable[Move]) -> dict[Pot, list[Layer]]:
    """What each account of each project was filled with, the oldest first.

    `moves` are all of one wallet, in their order. Other ways out of the wallet (a refund, an
    adjustment) have a pot of their own, named by their transfer.
    """
    wallet: deque[Layer] = deque()
    found: dict[Pot, list[Layer]] = defaultdict(list)
    for move in moves:
        if move.is_in:
            purpose = OUT_OF_PROJECT.get(move.code)
            back = _tail(found[move.scope, purpose], move.amount) if purpose else []
            wallet.extend(back or [Layer(move.id, move.amount)])
        elif move.code in INTO_PROJECT:
            found[move.scope, INTO_PROJECT[move.code]] += _head(wallet, move.amount)
        else:
            found[move.id, "wallet"] += _head(wallet, move.amount)
    return found


def _head(layers: deque[Layer], amount: int) -> list[Layer]:
    taken = []
    while amount and layers:
        layer = layers.popleft()
        part = min(amount, layer.amount)
        taken.append(Layer(layer.source, part))
        if layer.amount > part:
            layers.appendleft(Layer(layer.source, layer.amount - part))
        amount -= part
    return taken


def _tail(layers: list[Layer], amount: int) -> list[Layer]:
    """Takes the newest `amount` off; in the order in which it had come."""
    taken: list[Layer] = []
    while amount and layers:
        layer = layers.pop()
        part = min(amount, layer.amount)
        taken.insert(0, Layer(layer.source, part))
        if layer.amount > part:
            layers.append(Layer(layer.source, layer.amount - part))
        amount -= part
    return taken


def carried(layers: Sequence[Layer], before: int, amount: int) -> list[Layer]:
    """The sources of the `amount` that leaves after `before` has left; one entry a source."""
    end, at = before + amount, 0
    sums: dict[uuid.UUID, int] = {}
    for layer in layers:
        part = min(at + layer.amount, end) - max(at, before)
        if part > 0:
            sums[layer.source] = sums.get(layer.source, 0) + part
        at += layer.amount
    return [Layer(source, part) for source, part in sums.items()]
