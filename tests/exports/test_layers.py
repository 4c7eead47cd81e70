"""First in, first out: no cent is lost, and none comes from two charges."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from apps.exports.rules.layers import Layer, Move, carried, pots

A, B = uuid.uuid4(), uuid.uuid4()
P, Q = uuid.uuid4(), uuid.uuid4()


def move(code: str, amount: int, *, scope=None, is_in: bool = False, id_=None) -> Move:
    return Move(id_ or uuid.uuid4(), code, amount, scope, is_in)


def test_the_oldest_charge_is_spent_first():
    found = pots(
        [
            move("funding", 100, is_in=True, id_=A),
            move("funding", 50, is_in=True, id_=B),
            move("fund_project", 120, scope=P),
            move("fund_seats", 30, scope=P),
        ]
    )
    assert found[P, "held"] == [Layer(A, 100), Layer(B, 20)]
    assert found[P, "seats"] == [Layer(B, 30)]
    assert carried(found[P, "held"], 0, 40) == [Layer(A, 40)]
    assert carried(found[P, "held"], 90, 30) == [Layer(A, 10), Layer(B, 20)]


def test_what_a_project_gives_back_keeps_its_charge():
    found = pots(
        [
            move("funding", 100, is_in=True, id_=A),
            move("fund_project", 100, scope=P),
            move("funding", 50, is_in=True, id_=B),
            move("return_unspent", 40, scope=P, is_in=True),
            move("fund_project", 80, scope=Q),
        ]
    )
    assert found[P, "held"] == [Layer(A, 60)]
    assert found[Q, "held"] == [Layer(B, 50), Layer(A, 30)]


@given(
    st.lists(st.tuples(st.sampled_from(["in", "P", "Q", "back", "out"]), st.integers(1, 500))),
    st.data(),
)
def test_every_cent_has_one_charge(steps, data):
    """Over any history that the ledger allows (nothing is overdrawn)."""
    wallet, held, moves, into = 0, {P: 0, Q: 0}, [], 0
    for what, amount in steps:
        if what == "in":
            wallet, into = wallet + amount, into + amount
            moves.append(move("funding", amount, is_in=True))
        elif what in "PQ" and wallet >= amount:
            scope = P if what == "P" else Q
            wallet, held[scope] = wallet - amount, held[scope] + amount
            moves.append(move("fund_project", amount, scope=scope))
        elif what == "back" and held[P]:
            part = min(amount, held[P])
            wallet, held[P] = wallet + part, held[P] - part
            moves.append(move("return_unspent", part, scope=P, is_in=True))
        elif what == "out" and wallet >= amount:
            wallet -= amount
            moves.append(move("refund", amount))
    found = pots(moves)
    for scope in (P, Q):
        assert sum(layer.amount for layer in found[scope, "held"]) == held[scope]
    charged = {each.id: each.amount for each in moves if each.code == "funding"}
    spent: dict = {}
    for layers in found.values():
        for layer in layers:
            spent[layer.source] = spent.get(layer.source, 0) + layer.amount
    assert all(charged[source] >= amount for source, amount in spent.items())
    assert sum(spent.values()) == into - wallet
    layers = found[P, "held"]
    cut = data.draw(st.integers(0, held[P]))
    parts = carried(layers, 0, cut), carried(layers, cut, held[P] - cut)
    assert [sum(layer.amount for layer in part) for part in parts] == [cut, held[P] - cut]
