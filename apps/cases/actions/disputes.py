"""Disputes about an earning line, from either side."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.queries import staff_ids
from apps.cases import queries, rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind
from apps.cases.errors import AlreadyOpen, NoMoney
from apps.cases.models import Case
from apps.cases.permissions import check_may_dispute, check_staff, is_by_contributor
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine

SILENCE = "A dispute that nobody decided in time is decided for the contributor."


def dispute(*, line_id: uuid.UUID, reason: str, amount: int, by: Actor, now: dt.datetime) -> Case:
    """Say that a line is wrong. `amount` is what is asked for, in minor units.

    A contributor can ask for what the criteria could still have paid: silence would pay it, so it
    is bounded. A buyer can ask about the line's gross; accepted money is never taken back.
    """
    with transaction.atomic():
        line = (
            EarningLine.objects.visible_to(by)
            .select_for_update(of=("self",), no_key=True)
            .select_related("criteria")
            .filter(id=line_id)
            .first()
        )
        if line is None:
            raise NotThere("There is no such earning line.")
        person = check_may_dispute(by, line)
        _check_none_open(line)
        text = records.written(
            reason, field="reason", minimum=rules.REASON_MINIMUM, what="The reason of a dispute"
        )
        is_contributor = line.contributor_id == person
        _check_amount(line, amount, is_contributor=is_contributor)
        case = records.opened(
            Case(
                kind=CaseKind.DISPUTE,
                contributor_id=line.contributor_id,
                org_id=line.org_id,
                project_id=line.project_id,
                assignment_id=line.assignment_id,
                line_id=line.id,
                opened_by_id=person,
                opened_at=now,
                reason=text,
                amount=amount,
                due_at=rules.decision_due(line.criteria.body["windows"], now),
            ),
            by=by,
            now=now,
        )
        if line.assignment_id:
            work.keep_from_repeats(assignment_id=line.assignment_id)
        deadline = "Decided in time, else for the contributor."
        sides = [*records.buyers_of(case), case.contributor_id]
        title = "A payment is disputed"
        records.tell(case, sides, title, deadline, now=now, besides=person)
        records.tell(case, staff_ids(), title, deadline, now=now)
        return case


def _check_none_open(line: EarningLine) -> None:
    about = Case.objects.open().filter(kind=CaseKind.DISPUTE)
    same = {"assignment_id": line.assignment_id} if line.assignment_id else {"line_id": line.id}
    if about.filter(**same).exists():
        raise AlreadyOpen("A dispute about this work is open already; it waits for its decision.")


def _check_amount(line: EarningLine, amount: int, *, is_contributor: bool) -> None:
    if amount <= 0:
        raise Invalid("Ask for an amount above zero.", field="amount")
    most = queries.most_due(line) if is_contributor else line.gross
    if amount <= most:
        return
    if not is_contributor:
        raise Invalid(f"This line cost {written(most, line.currency)}, not more.", field="amount")
    raise Invalid(
        f"Under its criteria this work could have paid at most {written(most, line.currency)} more "
        "than it did.",
        field="amount",
    )


def carry_out(
    case: Case, *, is_granted: bool, reason: str, by: Actor, now: dt.datetime
) -> uuid.UUID | None:
    """Pay what a contributor's dispute was granted. A buyer's moves nothing, whatever comes out."""
    if not is_granted or not is_by_contributor(case) or case.amount is None:
        return None
    try:
        return work.adjust(
            assignment_id=_paid_through(case), amount=case.amount, reason=reason, by=by, now=now
        )
    except Conflict as error:
        raise NoMoney(
            "Neither the project nor the wallet has the money; the buyer is told to add it."
        ) from error


def carry_out_silence(case: Case, *, by: Actor) -> uuid.UUID | None:
    """Silence finds for the contributor; None also when nobody has the money."""
    try:
        return carry_out(case, is_granted=True, reason=SILENCE, by=by, now=case.due_at)
    except NoMoney:
        return None


def pay(*, case_id: uuid.UUID, by: Actor, now: dt.datetime) -> Case:
    """Pay what silence decided for the contributor when there was no money for it."""
    with transaction.atomic():
        check_staff(by)
        case = records.locked(case_id, by)
        if not queries.is_unpaid(case):
            raise Conflict("There is nothing left to pay in this case.")
        reason = SILENCE if case.kind == CaseKind.DISPUTE else work.REOPENED
        case.transfer_id = carry_out(case, is_granted=True, reason=reason, by=by, now=now)
        records.paid(case, by=by, now=now)
        title = f"Your {case.get_kind_display().lower()} is paid"
        records.tell(case, [case.contributor_id], title, now=now)
        return case


def _paid_through(case: Case) -> uuid.UUID:
    """A settlement's line belongs to no single item: the last one it counted stands for it."""
    if case.assignment_id:
        return case.assignment_id
    of_person = Assignment.objects.filter(contributor_id=case.contributor_id)
    last = of_person.filter(project=case.project).order_by("-claimed_at", "-id").first()
    if last is None:
        raise NotThere("There is no work to which this line belongs.")
    return last.id
