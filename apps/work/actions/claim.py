"""Enrolling and claiming: no unfunded work, no slot given twice, no surprise after the fact."""

import datetime as dt
import random
import uuid

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from apps.accounts.models import ContributorProfile
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.errors import InsufficientFunds
from apps.projects import rules
from apps.projects.enums import ProjectState, Visibility
from apps.projects.models import Project
from apps.projects.rules import Hold, Kind
from apps.work.actions import seats, windows
from apps.work.actions.money import body_of, facts_of, rewrite, terms_of
from apps.work.enums import AssignmentState, EnrolmentState
from apps.work.errors import MayNotClaim, NothingToDo
from apps.work.models import Assignment, Enrolment
from apps.work.queries import offers


def enrol(
    *,
    project_id: uuid.UUID,
    tier: str,
    has_consented: bool,
    by: Actor,
    now: dt.datetime,
    contributor_id: uuid.UUID | None = None,
) -> Enrolment:
    """Join a project under its criteria in force, or begin the next attempt of its qualification.

    Region, languages, credentials and adulthood are checked here, before any work. The buyer or
    the system may name a contributor for an assigned project; nobody can enrol somebody else in a
    public one.
    """
    with transaction.atomic():
        project = _project(project_id)
        person = contributor_id or by.user_id
        if person is None:
            raise MayNotClaim("Sign in to work.")
        _check_door(project, person, by)
        body = body_of(project.criteria_in_force_id)
        wanted = next((row for row in body["tiers"] if row["key"] == tier), None)
        if wanted is None:
            raise Invalid("This project has no such tier.", field="tier")
        if not has_consented:
            raise Invalid("Work starts only when you agree to the consent terms.", field="consent")
        # The same gaps that the offer names; the first of them is the refusal.
        gaps = [] if by.is_system else offers.Person(person).gaps(wanted)
        if gaps:
            raise MayNotClaim(f"This tier is not open to you. {gaps[0]}")
        enrolment = (
            Enrolment.objects.select_for_update(of=("self",))
            .filter(project=project, contributor_id=person)
            .first()
        )
        if enrolment and enrolment.state != EnrolmentState.FAILED:
            return enrolment
        attempt = _check_attempt(project, enrolment, wanted, body, now)
        enrolment = enrolment or Enrolment(
            org_id=project.org_id, project=project, contributor_id=person, created_at=now
        )
        enrolment.tier = tier
        enrolment.state = EnrolmentState.QUALIFYING if attempt else EnrolmentState.QUALIFIED
        enrolment.consent_criteria_id = project.criteria_in_force_id
        enrolment.consent_scope = body["consent"]
        enrolment.consented_at = now
        if attempt:
            enrolment.attempts, enrolment.attempted_at, enrolment.retake_at = attempt, now, None
        try:
            with transaction.atomic():
                enrolment.save()
        except IntegrityError:
            # The same person joined at the same moment, by a second click.
            return Enrolment.objects.get(project=project, contributor_id=person)
        audit.record(
            Event(
                "enrolment.begun",
                ("enrolment", enrolment.id),
                project.org_id,
                {"project": project.id, "criteria": project.criteria_id, "attempt": attempt},
            ),
            by=by,
            now=now,
        )
        return enrolment


def _project(project_id: uuid.UUID) -> Project:
    # PostgreSQL shows a contributor listed projects and those they are enrolled in.
    project = Project.objects.filter(id=project_id).first()
    if project is None or project.criteria_id is None:
        raise NotThere("There is no such project.")
    return project


def _check_door(project: Project, person: uuid.UUID, by: Actor) -> None:
    if project.state != ProjectState.LIVE:
        raise Conflict("This project takes no new work now.")
    if project.visibility == Visibility.PUBLIC:
        if person != by.user_id and not by.is_system:
            raise MayNotClaim("Nobody can join for somebody else.")
    elif not (by.is_system or project.org_id in by.org_ids):
        raise MayNotClaim("This project is open to named contributors only.")
    if project.org_id in by.org_ids and person == by.user_id:
        raise MayNotClaim("The buyer's own people do not work on the buyer's public projects.")


def _check_attempt(
    project: Project, enrolment: Enrolment | None, tier: dict, body: dict, now: dt.datetime
) -> int:
    """The number of the attempt that begins now; 0 when the tier needs no qualification."""
    qualification = tier["qualification"]
    if not qualification:
        return 0
    attempts = enrolment.attempts if enrolment else 0
    if enrolment and enrolment.retake_at and now < enrolment.retake_at:
        raise Conflict(f"You can try again from {enrolment.retake_at:%d %B %Y, %H:%M} UTC.")
    if attempts >= body["limits"]["attempts_per_year"]:
        raise Conflict("All paid attempts at this qualification are used for this year.")
    if not seats.is_one_left(project, tier):
        raise Conflict("All funded seats of this qualification are taken; the buyer can add more.")
    return attempts + 1


def claim(
    *, project_id: uuid.UUID, by: Actor, now: dt.datetime, item: str | None = None
) -> Assignment:
    """One item for this contributor, its maximum cost reserved first.

    An open claim is returned again, so that a repeated request takes nothing twice. `item` names an
    external id and is for assigned projects only.
    """
    with transaction.atomic():
        already = _open_claim(project_id, by, now)
        if already:
            return already
        enrolment = (
            Enrolment.objects.select_for_update(of=("self",))
            .filter(project_id=project_id, contributor_id=by.user_id)
            .first()
        )
        # Whoever asked at the same moment had the enrolment first, and has the item now.
        already = _claimed(project_id, by).first()
        if already:
            return already
        project, enrolment = _check_may_claim(
            Project.objects.filter(id=project_id).first(), enrolment, item
        )
        if enrolment.state != EnrolmentState.QUALIFYING:
            taken, kind, key = _take_work(project, enrolment, item)
        else:
            taken, kind, key = _take_qualification(project, enrolment), Kind.QUALIFICATION, None
        if taken is None:
            raise NothingToDo("There is no item for you now; more may come when others give back.")
        return _assign(project, enrolment, taken, kind, key, by=by, now=now)


def _claimed(project_id: uuid.UUID, by: Actor) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        project_id=project_id, contributor_id=by.user_id, state=AssignmentState.CLAIMED
    )


def _open_claim(project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment | None:
    row = _claimed(project_id, by).select_for_update(of=("self",)).first()
    if row is None:
        return None
    windows.settle_overdue([row], now=now)
    return row if row.state == AssignmentState.CLAIMED else None


def _check_may_claim(
    project: Project | None, enrolment: Enrolment | None, item: str | None
) -> tuple[Project, Enrolment]:
    if project is None:
        raise NotThere("There is no such project.")
    if enrolment is None:
        raise MayNotClaim("Read the offer and agree to its terms before you claim.")
    if enrolment.state == EnrolmentState.FAILED:
        raise MayNotClaim(
            "The qualification of this tier is not passed; see when you can retake it."
        )
    if project.state != ProjectState.LIVE:
        raise Conflict("This project takes no new work now; what you have in hand you can finish.")
    if item is not None and project.visibility != Visibility.ASSIGNED:
        raise Invalid("Items of this project are given out by the queue.", field="item")
    deactivated = ContributorProfile.objects.filter(
        Q(user_id=enrolment.contributor_id), Q(deactivated_at__isnull=False)
    ).exists()
    if deactivated:
        raise MayNotClaim(offers.DEACTIVATED)
    return project, enrolment


def _take_work(
    project: Project, enrolment: Enrolment, item: str | None
) -> tuple[int | None, Kind, int | None]:
    percent = body_of(project.criteria_in_force_id)["gold_percent"]
    # Gold is mixed in by chance alone: nothing in id, order, price or timing tells it apart.
    wants_gold = item is None and random.random() * 100 < percent  # noqa: S311 -- sampling
    row = None
    with connection.cursor() as cursor:
        for gold in (True, False) if wants_gold else (False,):
            cursor.execute(
                "SELECT item_id, item_sort_key FROM work_take_item(%s, %s, %s, %s, %s)",
                [project.id, enrolment.contributor_id, enrolment.cursor, gold, item],
            )
            row = cursor.fetchone()
            if row:
                break
    return (row[0], Kind.WORK, row[1]) if row else (None, Kind.WORK, None)


def _take_qualification(project: Project, enrolment: Enrolment) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT work_take_qualification_item(%s, %s, %s)",
            [project.id, enrolment.contributor_id, enrolment.attempts],
        )
        return cursor.fetchone()[0]


def _assign(
    project: Project,
    enrolment: Enrolment,
    item_id: int,
    kind: Kind,
    sort_key: int | None,
    *,
    by: Actor,
    now: dt.datetime,
) -> Assignment:
    criteria_id = project.criteria_in_force_id
    terms, body = terms_of(criteria_id), body_of(criteria_id)
    is_first = enrolment.instruction_seconds == 0
    assignment = Assignment(
        org_id=project.org_id,
        project_id=project.id,
        contributor_id=enrolment.contributor_id,
        item_id=item_id,
        criteria_id=criteria_id,
        kind=kind,
        tier=enrolment.tier,
        funded_from=seats.account_of(project, kind),
        attempt=enrolment.attempts if kind == Kind.QUALIFICATION else 0,
        triggers=[],
        claimed_at=now,
        last_beat_at=now,
        last_input_at=now,
        # Reading the instructions is booked to the first assignment under these criteria.
        cap_seconds=terms.paid_seconds_max + (terms.instruction_seconds_max if is_first else 0),
        next_due_at=now + dt.timedelta(minutes=body["windows"]["hold_minutes"]),
    )
    facts = facts_of(assignment, rules.Stage.OPEN)
    hold = rules.max_remaining(terms, facts)
    if kind == Kind.WORK:
        # Qualifications are bounded by their seats (invariant 16).
        _check_newcomer(project, enrolment, hold, terms.gold_minimum, body)
    bonus = terms.bonus_max if kind == Kind.WORK else 0
    entries = rewrite(assignment, hold, currency=terms.currency, bonus=bonus, now=now)
    assignment.unreviewed = hold.total if kind == Kind.WORK else 0
    assignment.save(force_insert=True)
    enrolment.unreviewed_held += assignment.unreviewed
    if is_first:
        enrolment.instruction_seconds = terms.instruction_seconds_max or 1
    if sort_key is not None:
        enrolment.cursor = sort_key
    enrolment.save(update_fields=["unreviewed_held", "instruction_seconds", "cursor"])
    audit.record(
        Event(
            "assignment.claimed",
            ("assignment", assignment.id),
            project.org_id,
            {"item": item_id, "criteria": criteria_id, "reserved": hold.total},
        ),
        by=by,
        now=now,
    )
    try:
        ledger.post(entries)
    except InsufficientFunds as error:
        raise NothingToDo(seats.SHORT[assignment.funded_from]) from error
    return assignment


def _check_newcomer(
    project: Project, enrolment: Enrolment, hold: Hold, gold_minimum: int, body: dict
) -> None:
    """Accounts that nobody knows yet hold at most a share of the budget, together."""
    share = body["limits"]["newcomer_share_percent"]
    if share >= 100 or enrolment.gold_count >= gold_minimum:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(project.id)])
        cursor.execute(
            "SELECT work_newcomers_held(%s, %s), work_budget(%s)",
            [project.id, gold_minimum, project.id],
        )
        held, budget = cursor.fetchone()
    if (held + hold.total) * 100 > budget * share:
        raise NothingToDo(
            f"New contributors together hold at most {share}% of this budget until their work is "
            "reviewed; try again when some of it is."
        )
