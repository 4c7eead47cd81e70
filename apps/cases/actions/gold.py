"""Contests of known answers, and what follows when one is taken back.

Locks: the known answer, then the cases about it by id, then its assignments by id, then the ledger.
"""

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from apps.accounts.queries import staff_ids
from apps.cases import rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind, CaseState
from apps.cases.errors import AlreadyOpen
from apps.cases.models import Case, CaseQuerySet
from apps.core.errors import Conflict, NotThere
from apps.core.tenancy import Actor, acting, system
from apps.projects import actions as projects
from apps.projects.models import GoldAnswer
from apps.work import actions as work
from apps.work.models import Assignment

SILENCE = "Nobody decided a contest of it in time, and silence finds for the contributor."


def contest_gold(
    *, assignment_id: uuid.UUID, reason: str, evidence: str, by: Actor, now: dt.datetime
) -> Case:
    """Say that the known answer that one's own answer missed is wrong or arguable. Once."""
    text = records.written(
        reason, field="reason", minimum=rules.REASON_MINIMUM, what="The reason of a contest"
    )
    shown = records.written(
        evidence, field="evidence", minimum=rules.REASON_MINIMUM, what="The evidence of a contest"
    )
    with transaction.atomic():
        own = Assignment.objects.of_contributor(by).select_related("criteria")
        row = own.filter(id=assignment_id).first()
        if row is None:
            raise NotThere("There is no such work of yours.")
        if _contests(assignment_id=row.id).exists():
            raise AlreadyOpen("You have contested this known answer already; it is decided once.")
        due_at = rules.decision_due(row.criteria.body["windows"], now)
        work.contest_gold(assignment_id=row.id, until=due_at, by=by, now=now)
        case = Case(
            kind=CaseKind.GOLD_CONTEST,
            contributor_id=row.contributor_id,
            org_id=row.org_id,
            project_id=row.project_id,
            assignment_id=row.id,
            opened_by_id=row.contributor_id,
            opened_at=now,
            reason=text,
            evidence=shown,
            due_at=due_at,
        )
        try:
            with transaction.atomic():
                records.opened(case, by=by, now=now)
        except IntegrityError as error:
            # A second click that waited for the first one.
            raise AlreadyOpen(
                "You have contested this known answer already; it is decided once."
            ) from error
        deadline = "Decided in time, else for the contributor."
        records.tell(
            case, records.buyers_of(case), "A known answer is contested", deadline, now=now
        )
        records.tell(case, staff_ids(), "A contest of a known answer waits", deadline, now=now)
        return case


def demote_gold(
    *, project_id: uuid.UUID, item_id: int, reason: str, by: Actor, now: dt.datetime
) -> GoldAnswer:
    """A manager of the buyer or an administrator takes a known answer back, for a written reason.

    Open contests of it are decided by it, for the contributors.
    """
    with transaction.atomic():
        gold = projects.locked_gold(item_id, by)
        if gold.project_id != project_id:
            raise NotThere("There is no such known answer in this project.")
        return _demote(gold, reason=reason, case=None, by=by, now=now)


def lock_gold_of(case_id: uuid.UUID, by: Actor) -> None:
    """The known answer that a contest is about is locked before the case; of other cases nothing.

    Two administrators who decide two contests of one answer would else wait for each other.
    """
    rows = Case.objects.all() if by.is_system else Case.objects.visible_to(by)
    case = rows.filter(id=case_id, kind=CaseKind.GOLD_CONTEST).select_related("assignment").first()
    if case is not None and case.assignment is not None:
        with acting(system(case.org_id)) as marketplace:
            projects.locked_gold(case.assignment.item_id, marketplace)


def carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> None:
    """Granted: the answer is taken back. Not granted: it stands, unless others contest it too."""
    gold = projects.locked_gold(_item_of(case), by)
    if is_granted:
        _demote(gold, reason=case.decision, case=case, by=by, now=now)
        work.pay_contest_time(assignment_id=_work_of(case), by=by, now=now)
        return
    if gold.demoted_at is not None:
        raise Conflict("This known answer was taken back meanwhile; it cannot stand any more.")
    others = _contests(assignment__item_id=gold.item_id).open().exclude(id=case.id)
    if not others.exists():
        projects.end_contest(item_id=gold.item_id, by=by)


def carry_out_silence(case: Case) -> None:
    """The deadline has passed: it counts from the deadline, whenever it is carried out."""
    with acting(system(case.org_id)) as marketplace:
        gold = projects.locked_gold(_item_of(case), marketplace)
        if gold.demoted_at is None:
            _demote(gold, reason=SILENCE, case=case, by=marketplace, now=case.due_at)


def _demote(
    gold: GoldAnswer, *, reason: str, case: Case | None, by: Actor, now: dt.datetime
) -> GoldAnswer:
    """Take it back, end every other case that it decides, and pay what was short."""
    about = Case.objects.open().filter(
        assignment__item_id=gold.item_id, kind__in=[CaseKind.GOLD_CONTEST, CaseKind.APPEAL]
    )
    if case is not None:
        about = about.exclude(id=case.id)
    locked = list(about.select_for_update(of=("self",), no_key=True).order_by("id"))
    contests = [each for each in locked if each.kind == CaseKind.GOLD_CONTEST]
    appeals = {each.assignment_id: each for each in locked if each.kind == CaseKind.APPEAL}
    done = work.demote_gold(
        item_id=gold.item_id,
        reason=reason,
        case_id=case.id if case else None,
        appealed=[row_id for row_id in appeals if row_id],
        by=by,
        now=now,
    )
    said = done.gold.demoted_reason
    overturned = {row.id for row in done.overturned}
    won = [each for row_id, each in appeals.items() if row_id in overturned]
    _grant([*contests, *won], said, by=by, now=now)
    for each in contests:
        work.pay_contest_time(assignment_id=_work_of(each), by=by, now=now)
    for row, amount in done.owed:
        _reopen(row, amount, said, by=by, now=now)
    return done.gold


def _grant(decided: Iterable[Case], said: str, *, by: Actor, now: dt.datetime) -> None:
    """These are right, since the known answer is gone: by whoever took it back, else by silence."""
    for case in decided:
        to = CaseState.LAPSED
        # Nobody stands as the decider of a case of their own.
        if by.user_id and by.user_id not in (case.opened_by_id, case.contributor_id):
            to, case.decided_by_id, case.decision = CaseState.GRANTED, by.user_id, said
        records.move(case, to, by=by, at=now)
        _tell_outcome(case, said, now=now, besides=by.user_id)


def _reopen(row: Assignment, amount: int, said: str, *, by: Actor, now: dt.datetime) -> None:
    """A rejection was final and rested on it: an appeal that is found for the contributor, at once.

    The rejected answer stays out of releases; only its pay is made good. Where neither project nor
    wallet has the money an administrator pays it later, as with a dispute.
    """
    transfer = work.pay_missing(assignment_id=row.id, amount=amount, now=now) if amount else None
    is_person = by.user_id is not None and by.user_id != row.contributor_id
    case = Case(
        kind=CaseKind.APPEAL,
        contributor_id=row.contributor_id,
        org_id=row.org_id,
        project_id=row.project_id,
        assignment_id=row.id,
        opened_by_id=row.contributor_id,
        opened_at=now,
        reason="Opened by the marketplace: the known answer behind this rejection was taken back.",
        amount=amount or None,
        due_at=now,
        transfer_id=transfer,
    )
    records.opened(case, by=by, now=now)
    if is_person:
        case.decided_by_id, case.decision = by.user_id, said
    records.move(case, CaseState.GRANTED if is_person else CaseState.LAPSED, by=by, at=now)
    _tell_outcome(case, said, now=now)
    if amount and transfer is None:
        people = [*staff_ids(), *records.buyers_of(case)]
        records.tell(case, people, "An appeal cannot be paid: funds are missing", now=now)


def _tell_outcome(
    case: Case, said: str, *, now: dt.datetime, besides: uuid.UUID | None = None
) -> None:
    sentence = rules.outcome(case.kind, case.state, is_by_contributor=True)
    people = [case.contributor_id, *records.buyers_of(case)]
    title = f"Decided: {case.get_kind_display().lower()}"
    records.tell(case, people, title, f"{sentence}\n\n{said}", now=now, besides=besides)


def _contests(**about: object) -> CaseQuerySet:
    return Case.objects.filter(kind=CaseKind.GOLD_CONTEST, **about)


def _work_of(case: Case) -> uuid.UUID:
    if case.assignment_id is None:
        raise NotThere("This case is about no work.")
    return case.assignment_id


def _item_of(case: Case) -> int:
    return Assignment.objects.values_list("item_id", flat=True).get(id=_work_of(case))
