"""The statement of the other side, the decision of a person, and the decision of silence."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.queries import staff_ids
from apps.cases import queries, rules
from apps.cases.actions import (
    appeals,
    bad_faith,
    deactivations,
    disputes,
    gold,
    lift,
    records,
)
from apps.cases.enums import CaseKind, CaseState
from apps.cases.errors import NoMoney, TooLate
from apps.cases.models import Case
from apps.cases.permissions import check_can_answer, check_may_decide, is_by_contributor
from apps.core.errors import Conflict, IllegalTransition
from apps.core.tenancy import Actor, system

LAPSED = "The deadline of this case has passed; it was decided for the contributor."
GONE_ON = "The deadline of this case has passed: nothing was found, and the review window goes on."


def answer(*, case_id: uuid.UUID, text: str, by: Actor, now: dt.datetime) -> Case:
    """The other side's one statement, until the case is decided."""
    _settle_first(case_id, by, now)
    with transaction.atomic():
        case = records.locked(case_id, by)
        check_can_answer(by, case)
        if case.state != CaseState.OPEN:
            raise Conflict("This case is decided; nothing can be added to it.")
        if case.answer:
            raise Conflict("Your side has made its statement already.")
        case.answer = records.written(
            text, field="text", minimum=rules.REASON_MINIMUM, what="A statement"
        )
        case.answered_at = now
        records.answered(case, by=by, now=now)
        people = [case.opened_by_id, *staff_ids()]
        title = "The other side of a case has made its statement"
        records.tell(case, people, title, now=now, besides=by.user_id)
        return case


def decide(
    *, case_id: uuid.UUID, is_granted: bool, decision: str, by: Actor, now: dt.datetime
) -> Case:
    """A named administrator who was not involved decides, with a written reason."""
    _settle_first(case_id, by, now)
    try:
        return _decide(case_id, is_granted=is_granted, decision=decision, by=by, now=now)
    except NoMoney:
        _tell_of_missing_money(records.locked(case_id, by), now=now)
        raise


def _decide(
    case_id: uuid.UUID, *, is_granted: bool, decision: str, by: Actor, now: dt.datetime
) -> Case:
    with transaction.atomic():
        gold.lock_gold_of(case_id, by)
        case = records.locked(case_id, by)
        check_may_decide(by, case)
        if case.state != CaseState.OPEN:
            raise IllegalTransition("This case is decided already.")
        case.decision = records.written(
            decision,
            field="decision",
            minimum=rules.DECISION_MINIMUM,
            what="The reason of a decision",
        )
        case.decided_by_id = by.user_id
        to = CaseState.GRANTED if is_granted else CaseState.UPHELD
        case.transfer_id = _carry_out(case, is_granted=is_granted, by=by, now=now)
        records.move(case, to, by=by, at=now)
        _tell_outcome(case, now=now, besides=by.user_id)
        return case


def _carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> uuid.UUID | None:
    if case.kind == CaseKind.APPEAL:
        return appeals.carry_out(case, is_granted=is_granted, by=by, now=now)
    if case.kind == CaseKind.DISPUTE:
        reason = f"A dispute was granted: {case.decision}"
        return disputes.carry_out(case, is_granted=is_granted, reason=reason, by=by, now=now)
    if case.kind == CaseKind.BAD_FAITH:
        bad_faith.carry_out(case, is_granted=is_granted, by=by, now=now)
        return None
    if case.kind == CaseKind.GOLD_CONTEST:
        gold.carry_out(case, is_granted=is_granted, by=by, now=now)
        return None
    if case.kind == CaseKind.LIFT_CONTEST:
        return lift.carry_out(case, is_granted=is_granted, by=by, now=now)
    deactivations.carry_out(case, is_granted=is_granted, by=by, now=now)
    return None


def lapse(*, case_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """Let the deadline decide if it has passed; whether it has. Called by the sweep."""
    with transaction.atomic():
        gold.lock_gold_of(case_id, by)
        return settle_overdue(records.locked(case_id, by), now=now)


def _settle_first(case_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """The deadline comes before anybody's action, and is kept even though that is then refused."""
    if lapse(case_id=case_id, by=by, now=now):
        is_bad_faith = records.locked(case_id, by).kind == CaseKind.BAD_FAITH
        raise TooLate(GONE_ON if is_bad_faith else LAPSED)


def settle_overdue(case: Case, *, now: dt.datetime) -> bool:
    """Silence finds for the contributor, at the deadline, whenever it is carried out."""
    if case.state != CaseState.OPEN or case.due_at > now:
        return False
    by = system(case.org_id)
    if case.kind == CaseKind.LIFT_CONTEST and not lift.is_repeated(case):
        # The run that decides is still to come; it is looked at again with the next sweep.
        return False
    if case.kind == CaseKind.APPEAL:
        case.transfer_id = appeals.carry_out_silence(case, by=by)
    elif case.kind == CaseKind.DISPUTE:
        case.transfer_id = disputes.carry_out_silence(case, by=by)
    elif case.kind == CaseKind.DEACTIVATION:
        deactivations.carry_out_silence(case)
    elif case.kind == CaseKind.GOLD_CONTEST:
        gold.carry_out_silence(case)
    elif case.kind == CaseKind.LIFT_CONTEST:
        case.transfer_id = lift.carry_out_silence(case, by=by, now=now)
    # Bad faith: nothing to do, the review window goes on by itself.
    records.move(case, CaseState.LAPSED, by=by, at=case.due_at)
    _tell_outcome(case, now=now)
    if queries.is_unpaid(case):
        _tell_of_missing_money(case, now=now)
    return True


def _tell_outcome(case: Case, *, now: dt.datetime, besides: uuid.UUID | None = None) -> None:
    sentence = rules.outcome(case.kind, case.state, is_by_contributor=is_by_contributor(case))
    people = [case.contributor_id, *records.buyers_of(case)]
    title = f"Decided: {case.get_kind_display().lower()}"
    records.tell(case, people, title, f"{sentence}\n\n{case.decision}", now=now, besides=besides)


def _tell_of_missing_money(case: Case, *, now: dt.datetime) -> None:
    people = [*staff_ids(), *records.buyers_of(case)]
    title = "A dispute cannot be paid"
    body = (
        "It goes to the contributor, and neither the project nor the wallet has the money. "
        "When funds are added an administrator pays it."
    )
    records.tell(case, people, title, body, now=now)
