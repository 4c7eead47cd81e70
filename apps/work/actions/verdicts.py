"""Verdicts by people, and what due process makes of them."""

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import derived, uuid7
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.ledger.errors import InsufficientFunds
from apps.ledger.queries import find_account
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects import rules
from apps.projects.models import GoldAnswer, Project
from apps.projects.rules import AS_WORK, Kind, LineKind
from apps.work.actions import decide, money, told, windows
from apps.work.enums import AssignmentState, Decider, VerdictOutcome
from apps.work.errors import TooLate
from apps.work.models import Assignment, EarningLine, Submission
from apps.work.permissions import check_can_decide, check_is_staff

S = AssignmentState


def _open(submission_id: uuid.UUID, by: Actor, now: dt.datetime) -> tuple[Assignment, Submission]:
    """The locked assignment and its submission, ready for a verdict by this person."""
    submission = Submission.objects.visible_to(by).filter(id=submission_id).first()
    if submission is None:
        raise NotThere("There is no such submission.")
    row = Assignment.objects.select_for_update(of=("self",), no_key=True).get(
        id=submission.assignment_id
    )
    check_can_decide(by, row)
    windows.settle_overdue([row], now=now)
    submission.refresh_from_db()
    if submission.undone_at or submission.round != row.rounds:
        raise Conflict("This answer was replaced by a later one.")
    if row.state != S.SUBMITTED:
        if row.state == S.ACCEPTED:
            raise TooLate("This work is already accepted and paid; that cannot be taken back.")
        raise Conflict(
            f"This work is {row.get_state_display().lower()}; there is nothing to decide."
        )
    if now < submission.undo_until:
        raise Conflict("The contributor can still undo this answer for a few seconds.")
    if row.is_review_stopped(now):
        # Refused, not held back: what the case finds may be the very opposite of the verdict.
        raise Conflict(
            "A case of bad faith is open about this work: nobody decides over it before "
            f"{row.review_stopped_until:%d %B %Y, %H:%M} UTC. Then your review window goes on "
            "where it stopped."
        )
    return row, submission


@windows.keeps_deadlines
def accept(*, submission_id: uuid.UUID, by: Actor, now: dt.datetime) -> Assignment:
    """Accept. It books at once when the scores stand, else when they do, at latest in an hour."""
    with transaction.atomic():
        row, submission = _open(submission_id, by, now)
        if submission.scored_at is not None:
            decide.accept_all([row], decider=Decider.PERSON, by=by, now=now)
            return row
        wait = dt.timedelta(hours=settings.WAGEFILE["early_acceptance_wait_hours"])
        row.accept_requested_at, row.accept_requested_by_id = now, by.user_id
        row.next_due_at = min(windows.deadline(row.review_due_at), now + wait)
        money.save([row])
        audit.record(decide.event(row, "assignment.accept_requested"), by=by, now=now)
        return row


def check_criterion(row: Assignment, key: str) -> None:
    """The line of the rubric that a rework or a rejection cites is one of its criteria."""
    keys = {line["key"] for line in money.body_of(row.criteria_id)["rubric"]}
    if key not in keys:
        raise Invalid("Cite the line of the rubric that the answer misses.", field="criterion")


@windows.keeps_deadlines
def ask_rework(
    *, submission_id: uuid.UUID, criterion: str, note: str, by: Actor, now: dt.datetime
) -> Assignment:
    """Ask for a second round, once: its pay is reserved now."""
    with transaction.atomic():
        row, submission = _open(submission_id, by, now)
        check_criterion(row, criterion)
        if not note.strip():
            raise Invalid("Say what should be changed.", field="note")
        if row.kind not in AS_WORK:
            raise Conflict("A qualification is marked, not reworked.")
        _check_is_judged_alike(row, submission)
        if row.rework_due_at is not None:
            # Also when nobody came for the second round and the first answer stands again.
            raise Conflict("Rework can be asked for once; accept or reject this answer.")
        decide.verdict(
            row,
            submission,
            VerdictOutcome.REWORK,
            decider=Decider.PERSON,
            by=by.user_id,
            at=now,
            criterion=criterion,
            note=note,
        ).save(force_insert=True)
        decide.move(row, S.REWORK)
        row.rounds += 1
        row.cap_seconds += money.terms_of(row.criteria_id).paid_seconds_max
        hours = money.body_of(row.criteria_id)["windows"]["rework_hours"]
        row.rework_due_at = row.next_due_at = now + dt.timedelta(hours=hours)
        row.accept_requested_at = row.accept_requested_by_id = None
        row.last_beat_at = row.last_input_at = now
        entries = money.rewrite_open(row, now=now)
        money.count_unaccepted([row])
        money.save([row])
        Assignment.objects.filter(id=row.id).update(draft=submission.answer)
        audit.record(decide.event(row, "assignment.rework", criterion=criterion), by=by, now=now)
        title = "The buyer asks for a second round"
        told.contributor(row, Notices.REWORK, title, note, due_at=row.rework_due_at, now=now)
        _post_or_say(entries)
        return row


def _post_or_say(entries: list[ledger.Entry]) -> None:
    try:
        ledger.post(entries)
    except InsufficientFunds as error:
        raise Conflict(
            "The project's funds do not cover a rework round; top it up first."
        ) from error


@windows.keeps_deadlines
def reject(
    *,
    submission_id: uuid.UUID,
    criterion: str,
    note: str,
    evidence: str,
    by: Actor,
    now: dt.datetime,
) -> Assignment:
    """Reject in good faith, with a cited line and evidence. The kill fee is paid at once."""
    with transaction.atomic():
        row, submission = _open(submission_id, by, now)
        if row.kind not in AS_WORK:
            raise Conflict("A qualification is paid whatever its result; it cannot be rejected.")
        check_grounds(row, criterion, note, evidence)
        _check_is_judged_alike(row, submission)
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(
            id=row.project_id
        )
        _check_breaker(project, row, now=now)
        carry_out_rejection(
            project,
            row,
            submission,
            criterion=criterion,
            note=note,
            evidence=evidence,
            by=by,
            now=now,
        )
        _trip_breaker(project, money.body_of(row.criteria_id), by=by, now=now)
        title = "An answer of yours was rejected"
        told.contributor(row, Notices.REJECTED, title, note, due_at=row.appeal_due_at, now=now)
        return row


def carry_out_rejection(
    project: Project,
    row: Assignment,
    submission: Submission,
    *,
    criterion: str,
    note: str,
    evidence: str,
    by: Actor,
    now: dt.datetime,
    is_bad_faith: bool = False,
) -> None:
    """The verdict, the money that follows, and the appeal window; those who call have checked."""
    verdict = decide.verdict(
        row,
        submission,
        VerdictOutcome.REJECTED,
        decider=Decider.PERSON,
        by=by.user_id,
        at=now,
        criterion=criterion,
        note=note.strip(),
        evidence=evidence.strip(),
        is_bad_faith=is_bad_faith,
    )
    if GoldAnswer.objects.filter(item_id=row.item_id, demoted_at__isnull=False).exists():
        # Taken back since the last run: a rejection can no longer rest on it.
        verdict.scores["gold"] = "not available"
    days = money.body_of(row.criteria_id)["windows"]["appeal_days"]
    decide.reject(
        row,
        verdict,
        appeal_due_at=now + dt.timedelta(days=days),
        opens_slot=_is_funded_again(project, row),
        by=by,
        now=now,
    )


def check_grounds(row: Assignment, criterion: str, note: str, evidence: str) -> None:
    """A rejection cites a line of the criteria, says why at some length, and shows it."""
    check_criterion(row, criterion)
    minimum = settings.WAGEFILE["rejection_note_minimum"]
    if len(note.strip()) < minimum:
        raise Invalid(
            f"A rejection needs a note of at least {minimum} characters; this one has "
            f"{len(note.strip())}.",
            field="note",
        )
    if not evidence.strip():
        raise Invalid("Show the evidence: what in the answer misses the line.", field="evidence")


def _check_is_judged_alike(row: Assignment, submission: Submission) -> None:
    """What was accepted once is accepted again: no one answer is right and wrong under one version
    of the criteria.
    """
    if row.kind != Kind.REPEAT:
        return
    first = Submission.objects.filter(
        item_id=row.item_id,
        contributor_id=row.contributor_id,
        kind=Kind.WORK,
        undone_at=None,
        answer_key=submission.answer_key,
        assignment__criteria_id=row.criteria_id,
        assignment__state=S.ACCEPTED,
    )
    if first.exists():
        raise Conflict(
            "This item came to the contributor a second time, and this is the answer that was "
            "accepted the first time, under the same criteria. It can only be accepted."
        )


def _is_funded_again(project: Project, row: Assignment) -> bool:
    """Whether the slot of a rejected answer can open again: another full maximum is free."""
    held = find_account(
        Purpose.HELD, currency=project.currency, holder=project.org_id, scope=project.id
    )
    terms = money.terms_of(project.criteria_in_force_id)
    again = rules.max_cost(
        terms,
        kind=Kind.WORK,
        triggers=frozenset(row.triggers),
        cap_seconds=terms.paid_seconds_max,
    )
    return held.available >= again.total


def _check_breaker(project: Project, row: Assignment, *, now: dt.datetime) -> None:
    if project.rejections_frozen_at is not None:
        raise Conflict(
            "Rejections of this project are frozen: too many were rejected. An administrator "
            "reviews them; accepting and rework stay open."
        )
    limit = money.body_of(row.criteria_id)["limits"]["breaker_per_contributor_day"]
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = row.verdicts.model.objects.filter(
        project_id=project.id,
        contributor_id=row.contributor_id,
        outcome=VerdictOutcome.REJECTED,
        is_bad_faith=False,
        decided_at__gte=day,
        decided_at__lt=day + dt.timedelta(days=1),
    ).count()
    if today >= limit:
        raise Conflict(
            f"{limit} answers of this contributor were rejected today; more wait for a review by "
            "an administrator."
        )


def _trip_breaker(project: Project, body: dict, *, by: Actor, now: dt.datetime) -> None:
    work = Assignment.objects.filter(project_id=project.id, kind__in=AS_WORK)
    percent = body["limits"]["breaker_percent"]
    rejected = work.filter(state__in=[S.REJECTED, S.FINAL], is_bad_faith=False).count()
    # Of so many answers these are no more than the share; further ones are not counted.
    least = settings.WAGEFILE["breaker_minimum_answers"]
    enough = max(least, -(-rejected * 100 // max(1, percent)))
    answers = work.exclude(state__in=[S.CLAIMED, S.GIVEN_BACK, S.EXPIRED])[:enough].count()
    if answers < least or rejected * 100 <= answers * percent:
        return
    counts = {"answers": answers, "rejected": rejected}
    project.rejections_frozen_at = now
    project.save(update_fields=["rejections_frozen_at"])
    audit.record(
        Event("project.rejections_frozen", ("project", project.id), project.org_id, counts),
        by=by,
        now=now,
    )
    body_text = f"{counts['rejected']} of {counts['answers']} answers were rejected."
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_FROZEN,
        title="Rejections of a project are frozen",
        body=body_text,
        url=reverse("pages:staff-rejections", args=[project.id]),
        now=now,
    )
    notices.tell(
        people_with(Permission.MANAGE_PROJECTS, org_id=project.org_id),
        kind=Notices.REJECTIONS_FROZEN,
        title=f"Rejections of {project.title} are frozen",
        body=f"{body_text} An administrator looks at them; accepting and rework stay open.",
        url=reverse("projects:detail", args=[project.id]),
        now=now,
    )


def unfreeze_rejections(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    """An administrator has looked at the rejections."""
    with transaction.atomic():
        check_is_staff(by)
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(id=project_id)
        project.rejections_frozen_at = None
        project.save(update_fields=["rejections_frozen_at"])
        audit.record(
            Event("project.rejections_unfrozen", ("project", project.id), project.org_id),
            by=by,
            now=now,
        )
        return project


# ── What due process makes of a rejection (called by `cases`) ───────────────────────────────────


def locked(assignment_id: uuid.UUID) -> Assignment:
    """The assignment of a case, locked; the case has checked who may touch it."""
    row = (
        Assignment.objects.select_for_update(of=("self",), no_key=True)
        .filter(id=assignment_id)
        .first()
    )
    if row is None:
        raise NotThere("There is no such assignment.")
    return row


def overturn(
    *, assignment_id: uuid.UUID, by: Actor, now: dt.datetime, is_lapse: bool = False
) -> uuid.UUID | None:
    """The contributor was right: the rest of the full pay posts at once; the ledger transfer."""
    with transaction.atomic():
        row = locked(assignment_id)
        if row.state == S.OVERTURNED:
            # The deadline came first; the money has moved already.
            return derived(derived(row.id, "pay", row.pay_step), "resolve")
        if not is_lapse:
            _check_uninvolved(row, by)
        return decide.overturn(row, by=by, at=now, is_silence=is_lapse)


@windows.keeps_deadlines
def uphold(*, assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """The rejection stands: the difference goes back to the project."""
    with transaction.atomic():
        row = locked(assignment_id)
        _check_uninvolved(row, by)
        windows.settle_overdue([row], now=now)
        if row.state != S.REJECTED:
            raise TooLate(
                "The deadline of this case has passed; it was decided for the contributor."
            )
        decide.finalise_all([row], by=by, now=now)


def _check_uninvolved(row: Assignment, by: Actor) -> None:
    """Decided by an administrator who was not involved, never by the buyer's organization."""
    check_is_staff(by)
    if row.verdicts.filter(decided_by_id=by.user_id).exists() or row.contributor_id == by.user_id:
        raise NotAllowed("Whoever decided does not decide the appeal.")


@windows.keeps_deadlines
def hold_until(
    *, assignment_id: uuid.UUID, until: dt.datetime, by: Actor, now: dt.datetime
) -> Assignment:
    """An appeal is open: nothing is released before `until`; then silence finds for the person."""
    with transaction.atomic():
        row = locked(assignment_id)
        windows.settle_overdue([row], now=now)
        if row.state != S.REJECTED:
            raise TooLate("The time for an appeal is over, or this work was not rejected.")
        row.held_until = row.next_due_at = until
        money.save([row])
        audit.record(decide.event(row, "assignment.held", until=until.isoformat()), by=by, now=now)
        return row


def adjust(
    *, assignment_id: uuid.UUID, amount: int, reason: str, by: Actor, now: dt.datetime
) -> uuid.UUID:
    """Pay what a dispute granted, from the project's free funds, else from the buyer's wallet."""
    with transaction.atomic():
        if not by.is_system:
            # Silence on a dispute finds for the contributor: then the marketplace itself pays.
            check_is_staff(by)
        row = locked(assignment_id)
        if amount <= 0:
            raise Invalid("An adjustment only adds.", field="amount")
        terms = money.terms_of(row.criteria_id)
        transfer = uuid7()
        line = rules.Line(LineKind.ADJUSTMENT, amount, 0, reason[:400])
        EarningLine.objects.bulk_create(
            [money.earning_line(row, terms, line, code="adjustment", now=now)]
        )
        audit.record(decide.event(row, "assignment.adjusted", amount=amount), by=by, now=now)
        for purpose in (Purpose.HELD, Purpose.WALLET):
            entry = money.direct(row, transfer, amount, purpose=purpose, code="adjustment", now=now)
            try:
                ledger.post([entry])
            except InsufficientFunds:
                continue
            return transfer
        raise Conflict(
            "Neither the project nor the wallet has the money; the buyer is told to add it."
        )
