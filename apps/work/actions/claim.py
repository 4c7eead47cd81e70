"""Enrolling and claiming: no unfunded work, no slot given twice, no surprise after the fact."""

import datetime as dt
import random
import uuid
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import rows
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.errors import InsufficientFunds
from apps.projects import queries as projects
from apps.projects import rules
from apps.projects.enums import ProjectState, Visibility
from apps.projects.models import Item, Project
from apps.projects.rules import AS_WORK, Kind
from apps.work.actions import seats, windows
from apps.work.actions.money import body_of, facts_of, rewrite, terms_of, triggers_at_claim
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
            Enrolment.objects.select_for_update(of=("self",), no_key=True)
            .filter(project=project, contributor_id=person)
            .first()
        )
        if enrolment and enrolment.state != EnrolmentState.FAILED:
            return enrolment
        attempt = _check_attempt(enrolment, wanted, body, now)
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
                if attempt:
                    seats.take(project, wanted)
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


def _check_attempt(enrolment: Enrolment | None, tier: dict, body: dict, now: dt.datetime) -> int:
    """The number of the attempt that begins now; 0 when the tier needs no qualification."""
    qualification = tier["qualification"]
    if not qualification:
        return 0
    attempts = enrolment.attempts if enrolment else 0
    if enrolment and enrolment.retake_at and now < enrolment.retake_at:
        raise Conflict(f"You can try again from {enrolment.retake_at:%d %B %Y, %H:%M} UTC.")
    if attempts >= body["limits"]["attempts_per_year"]:
        raise Conflict("All paid attempts at this qualification are used for this year.")
    return attempts + 1


class Scene(NamedTuple):
    """What a claim looks at, as `work_claim_scene` found it; the enrolment is locked."""

    open_claim: uuid.UUID | None
    org_id: uuid.UUID
    project_state: str
    visibility: str
    criteria_id: uuid.UUID
    enrolment_id: uuid.UUID | None
    enrolment_state: str
    tier: str
    attempts: int
    cursor: int
    instruction_seconds: int
    gold_count: int
    is_deactivated: bool
    has_seats: bool
    gold_unsure: float | None
    claims: int
    repeat_seed: int


def claim(
    *, project_id: uuid.UUID, by: Actor, now: dt.datetime, item: str | None = None
) -> Assignment:
    """One item for this contributor, its maximum cost reserved first.

    An open claim is returned again, so that a repeated request takes nothing twice. `item` names an
    external id and is for assigned projects only.
    """
    with transaction.atomic(), ledger.last():
        scene = _scene(project_id, by)
        while scene.open_claim:
            already = _open_claim(scene, scene.open_claim, now)
            if already:
                return already
            scene = _scene(project_id, by)
        _check_may_claim(scene, item)
        if scene.enrolment_state == EnrolmentState.QUALIFYING:
            kind, taken = Kind.QUALIFICATION, _take_qualification(project_id, scene, by)
            cursor = scene.cursor
        else:
            kind, cursor = Kind.REPEAT, scene.cursor
            taken = _take_repeat(project_id, scene, by) if item is None else None
            if taken is None:
                kind, (taken, cursor) = Kind.WORK, _take_work(project_id, scene, item, by)
        if taken is None:
            raise NothingToDo("There is no item for you now; more may come when others give back.")
        return _assign(project_id, scene, taken, kind, cursor, by=by, now=now)


def _scene(project_id: uuid.UUID, by: Actor) -> Scene:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM work_claim_scene(%s, %s)", [project_id, by.user_id])
        row = cursor.fetchone()
    if row:
        return Scene(*row)
    # PostgreSQL shows a contributor listed projects and those they are enrolled in.
    if Project.objects.filter(id=project_id).exists():
        raise MayNotClaim("Read the offer and agree to its terms before you claim.")
    raise NotThere("There is no such project.")


def _open_claim(scene: Scene, claim_id: uuid.UUID, now: dt.datetime) -> Assignment | None:
    """What is in hand already, unless its hold has run out."""
    row = Assignment.objects.get(id=claim_id)
    if scene.enrolment_id is None and row.next_due_at is not None and row.next_due_at <= now:
        row = Assignment.objects.select_for_update(of=("self",), no_key=True).get(id=row.id)
        windows.settle_overdue([row], now=now)
    return row if row.state == AssignmentState.CLAIMED else None


def _check_may_claim(scene: Scene, item: str | None) -> None:
    if scene.enrolment_state == EnrolmentState.FAILED:
        raise MayNotClaim(
            "The qualification of this tier is not passed; see when you can retake it."
        )
    if scene.project_state != ProjectState.LIVE:
        raise Conflict("This project takes no new work now; what you have in hand you can finish.")
    if item is not None and scene.visibility != Visibility.ASSIGNED:
        raise Invalid("Items of this project are given out by the queue.", field="item")
    if scene.is_deactivated:
        raise MayNotClaim(offers.DEACTIVATED)


def _take_work(
    project_id: uuid.UUID, scene: Scene, wanted: str | None, by: Actor
) -> tuple[Item | None, int]:
    """The item taken, and where this contributor's walk through the queue stands then."""
    body = body_of(scene.criteria_id)
    percent = rules.gold_percent(body, scene.gold_unsure)
    most = body["limits"].get("gold_exposure_max")
    is_planned = rules.overlap_of(body).is_dynamic
    # Gold is mixed in by chance alone: nothing in id, order, price or timing tells it apart.
    wants_gold = wanted is None and random.random() * 100 < percent  # noqa: S311 -- sampling
    for gold in (True, False) if wants_gold else (False,):
        item = rows.given(
            Item,
            "work_take_item(%s, %s, %s, %s, %s, %s, %s)",
            [project_id, by.user_id, scene.cursor, gold, wanted, most, is_planned],
        )
        if item:
            # Only the walk moves on: what is asked for and what is known lie beside its way.
            return item, scene.cursor if gold or item.asked else item.sort_key
    return None, scene.cursor


def _take_repeat(project_id: uuid.UUID, scene: Scene, by: Actor) -> Item | None:
    """The item of an own accepted answer, if this claim is drawn for one and the free funds cover
    it beside all open slots. Neither a slot nor the walk moves.
    """
    body = body_of(scene.criteria_id)
    repeats = rules.repeats_of(body)
    drawn = rules.draw_repeat(repeats, seed=scene.repeat_seed, claim=scene.claims)
    if not drawn.is_repeat:
        return None
    terms = terms_of(scene.criteria_id)
    most = projects.reserve_of(body, Kind.REPEAT)
    return rows.given(
        Item,
        "work_take_repeat(%s, %s, %s, %s, %s, %s, %s)",
        [
            project_id, by.user_id, scene.criteria_id, repeats.between, drawn.order,
            most, rules.price_max(terms),
        ],
    )  # fmt: skip


def _take_qualification(project_id: uuid.UUID, scene: Scene, by: Actor) -> Item | None:
    return rows.given(
        Item,
        "work_take_qualification_item(%s, %s, %s)",
        [project_id, by.user_id, scene.attempts],
    )


_MOVE_ON = (
    "UPDATE work_enrolment SET unreviewed_held = unreviewed_held + %s, instruction_seconds = %s, "
    "cursor = %s, claims = claims + 1 WHERE id = %s"
)

# Accounts that nobody knows yet hold at most a share of the budget, together with this claim.
_NEWCOMERS = "work_newcomers_may_hold(%s, %s, %s)"


def _assign(
    project_id: uuid.UUID,
    scene: Scene,
    item: Item,
    kind: Kind,
    cursor: int,
    *,
    by: Actor,
    now: dt.datetime,
) -> Assignment:
    terms, body = terms_of(scene.criteria_id), body_of(scene.criteria_id)
    is_first = scene.instruction_seconds == 0
    assignment = Assignment(
        org_id=scene.org_id,
        project_id=project_id,
        contributor_id=by.person_id,
        item=item,
        criteria_id=scene.criteria_id,
        kind=kind,
        tier=scene.tier,
        funded_from=seats.account_of(kind, has_seats=scene.has_seats),
        attempt=scene.attempts if kind == Kind.QUALIFICATION else 0,
        claimed_at=now,
        last_beat_at=now,
        last_input_at=now,
        # Reading the instructions is booked to the first assignment under these criteria.
        cap_seconds=terms.paid_seconds_max + (terms.instruction_seconds_max if is_first else 0),
        next_due_at=now + dt.timedelta(minutes=body["windows"]["hold_minutes"]),
    )
    assignment.triggers = triggers_at_claim(assignment)
    hold = rules.max_remaining(terms, facts_of(assignment, rules.Stage.OPEN))
    bonus = terms.bonus_max if kind in AS_WORK else 0
    entries = rewrite(assignment, hold, currency=terms.currency, bonus=bonus, now=now)
    assignment.unreviewed = hold.total if kind in AS_WORK else 0
    onward = [
        assignment.unreviewed,
        scene.instruction_seconds or terms.instruction_seconds_max or 1,
        cursor,
        scene.enrolment_id,
    ]
    rows.insert(assignment, beside=rows.Statement(_MOVE_ON, onward))
    audit.record(
        Event(
            "assignment.claimed",
            ("assignment", assignment.id),
            scene.org_id,
            {"item": item.id, "criteria": scene.criteria_id, "reserved": hold.total},
        ),
        by=by,
        now=now,
    )
    share = body["limits"]["newcomer_share_percent"]
    is_bounded = share < 100 and scene.gold_count < terms.gold_minimum
    # Qualifications are bounded by their seats (invariant 16). Late, as others wait meanwhile.
    newcomers = rows.Statement(_NEWCOMERS, [project_id, terms.gold_minimum, share])
    try:
        booked = ledger.post(entries, only_if=newcomers if is_bounded and kind in AS_WORK else None)
    except InsufficientFunds as error:
        raise NothingToDo(seats.SHORT[assignment.funded_from]) from error
    if not booked:
        raise NothingToDo(
            f"New contributors together hold at most {share}% of this budget until their work is "
            "reviewed; try again when some of it is."
        )
    return assignment
