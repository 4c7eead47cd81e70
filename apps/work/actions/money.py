"""Turning the pay rules' answers into transfers: reserve, post the part due, keep the rest.

Each assignment has up to three open pending transfers (legs): pay and extra to the contributor,
fee to the platform. A leg that changes is resolved (post what is due, or void) and opened again for
what stays; ids follow from assignment, leg and step, so that the same step twice books once.
"""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import connection

from apps.core import rows
from apps.core.ids import derived
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.projects import rules
from apps.projects.queries import criteria
from apps.projects.rules import AS_WORK, Facts, Hold, Kind, Line, Source, Stage, Terms
from apps.work.enums import PAID_AS_ACCEPTED, AssignmentState
from apps.work.models import Assignment, EarningLine, Settlement

LEGS = ("pay", "fee", "extra")


def terms_of(criteria_id: uuid.UUID) -> Terms:
    """The pay rules of a criteria version, from the one cache of them."""
    return criteria.terms(criteria_id)


def body_of(criteria_id: uuid.UUID) -> dict:
    return criteria.kept(criteria_id).body


def facts_of(assignment: Assignment, stage: Stage, *, earned: int = 0) -> Facts:
    """Facts of an assignment for the pay rules; while it is open the clock may still run."""
    return Facts(
        kind=Kind(assignment.kind),
        stage=stage,
        cap_seconds=assignment.cap_seconds,
        triggers=frozenset(assignment.triggers),
        rounds=assignment.rounds,
        paid_seconds=None if stage == Stage.OPEN else assignment.paid_seconds,
        earned=earned,
        is_topped_up=assignment.is_topped_up,
        is_bad_faith=assignment.is_bad_faith,
    )


def _accounts(assignment: Assignment, currency: str) -> tuple[int, dict[str, int]]:
    held = ledger.account(
        Purpose(assignment.funded_from),
        currency=currency,
        holder=assignment.org_id,
        scope=assignment.project_id,
    )
    payable = ledger.account(Purpose.PAYABLE, currency=currency, holder=assignment.contributor_id)
    fees = ledger.account(Purpose.FEES, currency=currency)
    return held, {"pay": payable, "fee": fees, "extra": payable}


def direct(
    assignment: Assignment,
    transfer: uuid.UUID,
    amount: int,
    *,
    purpose: Purpose,
    code: str,
    now: dt.datetime,
    to_fees: bool = False,
) -> ledger.Entry:
    """Pay at once, past any reserve: from the project, its lift pool, the wallet or the fees.

    The contributor is paid, or with `to_fees` the platform.
    """
    currency = terms_of(assignment.criteria_id).currency
    holder = None if purpose == Purpose.FEES else assignment.org_id
    scope = assignment.project_id if purpose in {Purpose.HELD, Purpose.LIFT} else None
    payee = Purpose.FEES if to_fees else Purpose.PAYABLE
    return ledger.Entry(
        id=transfer,
        kind=TransferKind.POSTED,
        code=code,
        amount=amount,
        debit=ledger.account(purpose, currency=currency, holder=holder, scope=scope),
        credit=ledger.account(
            payee, currency=currency, holder=None if to_fees else assignment.contributor_id
        ),
        currency=currency,
        scope=assignment.project_id,
        subject=assignment.id,
        at=now,
    )


def triggers_at_claim(assignment: Assignment) -> list[str]:
    """Which premiums hold for what is being claimed: reserved with it, and named to its author."""
    premiums = terms_of(assignment.criteria_id).premiums
    if assignment.kind not in AS_WORK or not premiums:
        return []
    named: list[str] = []
    if any(premium.source == Source.ITEM for premium in premiums):
        # Nobody sees an item before it is claimed; of this one the claim itself may ask.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT work_item_triggers(%s, %s)",
                [assignment.item_id, assignment.contributor_id],
            )
            named = json.loads(cursor.fetchone()[0])
    return sorted(
        rules.holding(
            premiums,
            body=body_of(assignment.criteria_id),
            tier=assignment.tier,
            item=named,
            at=assignment.claimed_at,
        )
    )


def rewrite(
    assignment: Assignment,
    target: Hold,
    *,
    currency: str,
    code: str = "release",
    pay: int = 0,
    fee: int = 0,
    extra: int = 0,
    bonus: int = 0,
    now: dt.datetime,
) -> list[ledger.Entry]:
    """Entries that post `pay`, `fee` and `extra` and leave exactly `target` held.

    `bonus` is the part of target.extra that waits for the quality bonus. Changes the assignment's
    holds and steps in memory; the caller saves it and posts the entries.
    """
    held, payees = _accounts(assignment, currency)
    entries: list[ledger.Entry] = []
    dues = {"pay": pay, "fee": fee, "extra": extra}
    for leg in LEGS:
        before, after, due = getattr(assignment, f"held_{leg}"), getattr(target, leg), dues[leg]
        if due == 0 and before == after:
            continue
        step = getattr(assignment, f"{leg}_step")
        pending = derived(assignment.id, leg, step)
        if before:
            entries.append(
                ledger.Entry(
                    id=derived(pending, "resolve"),
                    kind=TransferKind.POST if due else TransferKind.VOID,
                    code=("fee" if leg == "fee" else code) if due else "release",
                    amount=due or None,
                    pending=pending,
                    at=now,
                )
            )
        if after:
            entries.append(
                ledger.Entry(
                    id=derived(assignment.id, leg, step + 1),
                    kind=TransferKind.PENDING,
                    code=f"reserve_{leg}",
                    amount=after,
                    debit=held,
                    credit=payees[leg],
                    currency=currency,
                    scope=assignment.project_id,
                    subject=assignment.id,
                    at=now,
                )
            )
            setattr(assignment, f"{leg}_step", step + 1)
        setattr(assignment, f"held_{leg}", after)
    assignment.held_bonus = bonus
    return entries


def rewrite_open(assignment: Assignment, *, now: dt.datetime) -> list[ledger.Entry]:
    """Entries that leave held what an open assignment can still cost; else as `rewrite`."""
    terms = terms_of(assignment.criteria_id)
    facts = facts_of(assignment, Stage.OPEN)
    return rewrite(
        assignment,
        rules.max_remaining(terms, facts),
        currency=terms.currency,
        bonus=bonus_in(terms, facts),
        now=now,
    )


def bonus_in(terms: Terms, facts: Facts) -> int:
    """The part of the extra hold that waits for the quality bonus."""
    if facts.kind not in AS_WORK or facts.stage in {Stage.FINAL, Stage.UNSUBMITTED}:
        return 0
    return terms.bonus_max if facts.can_bonus else 0


def book(
    assignment: Assignment,
    stage: Stage,
    lines: Sequence[Line],
    *,
    code: str,
    earned_before: int = 0,
    now: dt.datetime,
) -> tuple[list[ledger.Entry], list[EarningLine]]:
    """Entries and earning lines of a decision: post what the lines say, keep what may come."""
    terms = terms_of(assignment.criteria_id)
    net, fee = sum(line.net for line in lines), sum(line.fee for line in lines)
    facts = facts_of(assignment, stage, earned=earned_before + net)
    entries = rewrite(
        assignment,
        rules.max_remaining(terms, facts),
        currency=terms.currency,
        code=code,
        pay=net,
        fee=fee,
        bonus=bonus_in(terms, facts),
        now=now,
    )
    return entries, [earning_line(assignment, terms, line, code=code, now=now) for line in lines]


def earning_line(
    assignment: Assignment,
    terms: Terms,
    line: Line,
    *,
    code: str,
    settlement: Settlement | None = None,
    now: dt.datetime,
) -> EarningLine:
    """A line of this assignment, or of a settlement whose last assignment it is."""
    return EarningLine(
        org_id=assignment.org_id,
        project_id=assignment.project_id,
        contributor_id=assignment.contributor_id,
        assignment_id=None if settlement else assignment.id,
        settlement=settlement,
        criteria_id=assignment.criteria_id,
        kind=line.kind,
        net=line.net,
        fee=line.fee,
        gross=line.gross,
        currency=terms.currency,
        reason=line.reason,
        code=code,
        at=now,
    )


# Columns that decisions change, with their PostgreSQL types: written back in one statement.
_COLUMNS = {
    "state": "text",
    "rounds": "smallint",
    "cap_seconds": "integer",
    "is_time_counted": "boolean",
    "give_back_reason": "text",
    "give_back_note": "text",
    "ended_at": "timestamptz",
    "submitted_at": "timestamptz",
    "next_due_at": "timestamptz",
    "review_due_at": "timestamptz",
    "rework_due_at": "timestamptz",
    "appeal_due_at": "timestamptz",
    "held_until": "timestamptz",
    "review_stopped_at": "timestamptz",
    "review_stopped_until": "timestamptz",
    "is_bad_faith": "boolean",
    "accept_requested_at": "timestamptz",
    "accept_requested_by_id": "uuid",
    "active_seconds": "integer",
    "idle_seconds": "integer",
    "instruction_seconds": "integer",
    "last_beat_at": "timestamptz",
    "last_input_at": "timestamptz",
    "held_pay": "bigint",
    "held_fee": "bigint",
    "held_extra": "bigint",
    "held_bonus": "bigint",
    "pay_step": "smallint",
    "fee_step": "smallint",
    "extra_step": "smallint",
    "unreviewed": "bigint",
    "is_topped_up": "boolean",
}
_SAVE = (
    "UPDATE work_assignment a SET "  # noqa: S608 -- names from the table above
    + ", ".join(f"{name} = r.{name}" for name in _COLUMNS)
    + " FROM jsonb_to_recordset(%s::jsonb) AS r(id uuid, "
    + ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    + ") WHERE a.id = r.id"
)


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID | Decimal):
        return str(value)
    return value


def saving(assignment: Assignment) -> rows.Statement:
    """What `save` does for one row, to be done beside something else."""
    return rows.change(assignment, tuple(_COLUMNS))


def save(assignments: Iterable[Assignment]) -> None:
    """Write back what decisions change, all rows in one statement."""
    changed = list(assignments)
    if len(changed) == 1:
        rows.update(changed[0], tuple(_COLUMNS))
    elif changed:
        plain = [
            {"id": str(a.id), **{name: _plain(getattr(a, name)) for name in _COLUMNS}}
            for a in changed
        ]
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, [json.dumps(plain)])


def _unaccepted(assignment: Assignment) -> int:
    """What this costs the buyer without an acceptance: still held, or paid for rejected work."""
    if assignment.kind not in AS_WORK or assignment.state in PAID_AS_ACCEPTED:
        return 0
    terms, lines = terms_of(assignment.criteria_id), []
    is_rejected = assignment.state in {AssignmentState.REJECTED, AssignmentState.FINAL}
    if is_rejected and not assignment.is_bad_faith:
        lines = rules.earn(terms, assignment.open_facts, rules.Outcome.REJECTED)
    top_up = 0
    if assignment.is_topped_up:
        # A settlement has paid it, or a part, together with that of other work.
        floor = terms.floor_for(assignment.paid_seconds)
        top_up = max(0, floor - sum(line.net for line in lines))
    return assignment.held + top_up + sum(line.gross for line in lines)


def count_unaccepted(assignments: Iterable[Assignment]) -> None:
    """Correct what newcomers hold or took without an acceptance (invariant 16).

    Rejected work and time that was given back stay counted: else a ring of new accounts could take
    kill fees and top-ups again and again, each time that somebody looks.
    """
    by_person: dict[tuple[uuid.UUID, uuid.UUID], int] = {}
    for assignment in assignments:
        now = _unaccepted(assignment)
        if now != assignment.unreviewed:
            key = (assignment.project_id, assignment.contributor_id)
            by_person[key] = by_person.get(key, 0) + now - assignment.unreviewed
            assignment.unreviewed = now
    if not by_person:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH found AS MATERIALIZED (SELECT e.id, r.amount FROM work_enrolment e "
            "JOIN jsonb_to_recordset(%s::jsonb) AS r(project uuid, person uuid, amount bigint) "
            "ON e.project_id = r.project AND e.contributor_id = r.person "
            "ORDER BY e.id FOR NO KEY UPDATE OF e) "
            "UPDATE work_enrolment e SET unreviewed_held = e.unreviewed_held + f.amount "
            "FROM found f WHERE e.id = f.id",
            [
                json.dumps(
                    [
                        {"project": str(project), "person": str(person), "amount": amount}
                        for (project, person), amount in sorted(by_person.items())
                    ]
                )
            ],
        )
