"""Every engine that was ever published still gives the same money and the same sentences."""

import itertools
import json
from decimal import Decimal
from pathlib import Path

from apps.projects import rules
from apps.projects.rules import Account, Facts, Kind, Outcome, Stage, Terms
from tests.factories.projects import body

KEPT = Path(__file__).with_name("pay-1.json")
PREMIUMS = [
    {"key": "each", "label": "Each", "amount": 7, "trigger": "always"},
    {"key": "night", "label": "Night", "amount": 13, "trigger": "night"},
]
PAYS = [
    {},
    {"base": 33, "fee_bps": 1_530, "kill_fee_percent": 33, "premiums": PREMIUMS},
    {"base": 1, "fee_bps": 0, "kill_fee_percent": 0, "rework_percent": 0, "premiums": PREMIUMS[1:]},
    {"base": 999, "kill_fee_percent": 100, "quality_bonus_percent": 0, "floor_per_hour": 6_000},
]


# Those of that day: a repeat came later, and is paid as work by both engines.
KINDS = [kind for kind in Kind if kind != Kind.REPEAT]


def computed() -> list:
    """Lines, holds and settlements of a grid of criteria and facts, as plain values."""
    found = []
    for number, pay in enumerate(PAYS, start=1):
        terms = Terms.of(body(engine="pay/1", pay=pay), version=number)
        for kind, triggers, rounds, is_bad_faith in itertools.product(
            KINDS, (frozenset(), frozenset({"night"})), (1, 2), (False, True)
        ):
            facts = Facts(
                kind=kind, stage=Stage.OPEN, cap_seconds=720, triggers=triggers, rounds=rounds,
                is_bad_faith=is_bad_faith,
            )  # fmt: skip
            for outcome in Outcome:
                lines = rules.earn(terms, facts, outcome)
                found.append([[line.kind, line.net, line.fee, line.reason] for line in lines])
            for stage, paid, earned in itertools.product(Stage, (None, 300), (21,)):
                hold = rules.max_remaining(
                    terms,
                    Facts(
                        kind=kind, stage=stage, cap_seconds=720, triggers=triggers, rounds=rounds,
                        is_bad_faith=is_bad_faith, paid_seconds=paid, earned=earned,
                    ),
                )  # fmt: skip
                found.append([hold.pay, hold.fee, hold.extra])
        for earned, base, seconds, gold in itertools.product(
            (0, 400), (0, 333), (0, 3_599), (None, "0.7999", "0.8000")
        ):
            lines = rules.settle(
                terms,
                Account(
                    earned=earned, accepted_base=base, paid_seconds=seconds, gold_count=9,
                    bonus_paid=base // 30, gold_lower_bound=None if gold is None else Decimal(gold),
                ),
            )  # fmt: skip
            found.append([[line.kind, line.net, line.fee, line.reason] for line in lines])
    return found


def test_pay_1_is_what_it_was():
    """Written once by the engine itself; criteria of that day are paid by it for ever."""
    kept = json.loads(KEPT.read_text())
    found = json.loads(json.dumps(computed()))
    assert len(found) == len(kept)
    for number, (now, then) in enumerate(zip(found, kept, strict=True)):
        assert now == then, number
