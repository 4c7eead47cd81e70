"""What decisions do to assignments and money: no permissions here, those who call have checked.

Everything takes a list, since silence decides over many at once; the rows are locked by the caller.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Sequence

from django.db import connection

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import IllegalTransition
from apps.core.ids import derived
from apps.core.tenancy import Actor, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.projects import rules
from apps.projects.rules import Kind, Outcome, Stage
from apps.work.actions import money, told
from apps.work.enums import (
    ASSIGNMENT_TRANSITIONS,
    UNSUBMITTED,
    AssignmentState,
    Decider,
    VerdictOutcome,
)
from apps.work.models import Assignment, EarningLine, Submission, Verdict

S = AssignmentState


def move(assignment: Assignment, to: AssignmentState) -> None:
    """The only place where an assignment's state changes; the table decides."""
    if to not in ASSIGNMENT_TRANSITIONS[assignment.state]:
        raise IllegalTransition(
            f"This work is {assignment.get_state_display()}; it cannot become {to.label}."
        )
    assignment.state = to


def latest_submissions(assignments: Sequence[Assignment]) -> dict[uuid.UUID, Submission]:
    """The answer that counts of each assignment: its last round that was not undone."""
    rows = Submission.objects.filter(
        assignment_id__in=[a.id for a in assignments], undone_at=None
    ).order_by("round")
    return {row.assignment_id: row for row in rows}


def event(assignment: Assignment, type_: str, **data: object) -> Event:
    return Event(type_, ("assignment", assignment.id), assignment.org_id, data)


def return_slots(assignments: Iterable[Assignment]) -> None:
    """Open the items' slots again; counted under each item's lock, in the order of the items."""
    with connection.cursor() as cursor:
        for assignment in sorted(assignments, key=lambda a: a.item_id):
            cursor.execute("SELECT work_return_slot(%s)", [assignment.id])


# What one assignment's decision leaves behind: entries, lines, the audit event.
type Step = tuple[list[ledger.Entry], list[EarningLine], Event]


def _carry_out(
    assignments: Sequence[Assignment],
    steps: Iterable[Step],
    *,
    by: Actor,
    now: dt.datetime,
    opens_slots: bool = False,
) -> None:
    """Write what the steps say in one statement a table; money last, since it locks accounts."""
    entries: list[ledger.Entry] = []
    lines: list[EarningLine] = []
    events: list[Event] = []
    for new_entries, new_lines, new_event in steps:
        entries += new_entries
        lines += new_lines
        events.append(new_event)
    money.count_unaccepted(assignments)
    money.save(assignments)
    if opens_slots:
        # Slots are counted from the states that have just been written.
        return_slots(assignments)
    EarningLine.objects.bulk_create(lines)
    audit.record_all(events, by=by, now=now)
    ledger.post(entries)


def _scores(submission: Submission) -> dict:
    """The scores that stand on a verdict; what cannot be computed by then says so."""
    names = ("gold", "agreement", "anomaly")
    found = {name: submission.scores.get(name, "not available") for name in names}
    # Of the person, where the criteria disclose such signals.
    return found | {k: v for k, v in submission.scores.items() if k == "signals"}


def verdict(
    assignment: Assignment,
    submission: Submission,
    outcome: VerdictOutcome,
    *,
    decider: Decider,
    at: dt.datetime,
    by: uuid.UUID | None = None,
    criterion: str = "",
    note: str = "",
    evidence: str = "",
    is_bad_faith: bool = False,
) -> Verdict:
    return Verdict(
        org_id=assignment.org_id,
        project_id=assignment.project_id,
        contributor_id=assignment.contributor_id,
        assignment_id=assignment.id,
        submission_id=submission.id,
        outcome=outcome,
        decider=decider,
        decided_by_id=by,
        decided_at=at,
        criterion=criterion,
        note=note,
        evidence=evidence,
        scores=_scores(submission),
        is_bad_faith=is_bad_faith,
    )


def accept_all(
    assignments: Sequence[Assignment],
    *,
    decider: Decider,
    by: Actor,
    now: dt.datetime,
    at: Callable[[Assignment], dt.datetime] | None = None,
) -> None:
    """Accept submitted work and book base, premiums and fee. `at` is when the decision counts."""
    if not assignments:
        return
    submissions = latest_submissions(assignments)
    verdicts: list[Verdict] = []

    def step(assignment: Assignment) -> Step:
        when = at(assignment) if at else now
        person = assignment.accept_requested_by_id
        named = decider == Decider.PERSON or person is not None
        who = (by.user_id if decider == Decider.PERSON else person) if named else None
        move(assignment, S.ACCEPTED)
        assignment.ended_at, assignment.next_due_at = when, None
        terms = money.terms_of(assignment.criteria_id)
        lines = rules.earn(terms, money.facts_of(assignment, Stage.OPEN), Outcome.ACCEPTED)
        code = "qualification" if assignment.kind == Kind.QUALIFICATION else "acceptance"
        entries, rows = money.book(assignment, Stage.ACCEPTED, lines, code=code, now=when)
        verdicts.append(
            verdict(
                assignment,
                submissions[assignment.id],
                VerdictOutcome.ACCEPTED,
                decider=Decider.PERSON if named else decider,
                by=who,
                at=when,
            )
        )
        return entries, rows, event(assignment, "assignment.accepted", decider=str(decider))

    steps = [step(assignment) for assignment in assignments]
    # Verdicts are evidence of the step; they are written with it.
    Verdict.objects.bulk_create(verdicts)
    told.accepted(assignments, now=now)
    _carry_out(assignments, steps, by=by, now=now)


def reject(
    assignment: Assignment,
    row: Verdict,
    *,
    appeal_due_at: dt.datetime,
    opens_slot: bool,
    by: Actor,
    now: dt.datetime,
) -> None:
    """Reject: the kill fee posts, the difference stays held for an appeal.

    Where the verdict says bad faith nothing posts, and everything stays held.
    """
    row.save(force_insert=True)
    is_bad_faith = row.is_bad_faith

    def step(a: Assignment) -> Step:
        move(a, S.REJECTED)
        a.ended_at, a.appeal_due_at, a.next_due_at = now, appeal_due_at, appeal_due_at
        terms = money.terms_of(a.criteria_id)
        outcome = Outcome.BAD_FAITH if is_bad_faith else Outcome.REJECTED
        lines = rules.earn(terms, money.facts_of(a, Stage.OPEN), outcome)
        a.is_bad_faith = is_bad_faith
        code = "bad_faith" if is_bad_faith else "kill_fee"
        entries, rows = money.book(a, Stage.REJECTED, lines, code=code, now=now)
        data = {"criterion": row.criterion, "bad_faith": is_bad_faith}
        return entries, rows, event(a, "assignment.rejected", **data)

    _carry_out([assignment], [step(assignment)], by=by, now=now, opens_slots=opens_slot)


def case_time(
    assignment: Assignment, *step: str, what: str = "An appeal", now: dt.datetime
) -> tuple[list[ledger.Entry], list[EarningLine]]:
    """What the platform pays for the time that a case of this work took, once a `step`."""
    terms = money.terms_of(assignment.criteria_id)
    lines = rules.case_time(terms, what=what)
    entries = [
        money.direct(
            assignment,
            derived(assignment.id, "case_time", *step),
            line.net,
            purpose=Purpose.FEES,
            code="case_time",
            now=now,
        )
        for line in lines
    ]
    return entries, [
        money.earning_line(assignment, terms, line, code="case_time", now=now) for line in lines
    ]


def overturn(
    assignment: Assignment,
    *,
    by: Actor,
    at: dt.datetime,
    is_silence: bool,
    pays_time: bool | None = None,
) -> uuid.UUID | None:
    """A rejection did not stand: the rest of the full pay posts at once. The transfer's id.

    Where a person found so, the platform pays the time that the appeal took beside it; `pays_time`
    says otherwise, where there was none.
    """
    submission = latest_submissions([assignment])[assignment.id]
    verdict(
        assignment,
        submission,
        VerdictOutcome.OVERTURNED,
        decider=Decider.SILENCE if is_silence else Decider.PERSON,
        by=None if is_silence else by.user_id,
        at=at,
    ).save(force_insert=True)
    transfer = derived(derived(assignment.id, "pay", assignment.pay_step), "resolve")
    pays = assignment.held_pay > 0

    def step(a: Assignment) -> Step:
        move(a, S.OVERTURNED)
        a.next_due_at = a.held_until = None
        terms = money.terms_of(a.criteria_id)
        facts = money.facts_of(a, Stage.REJECTED)
        lines = rules.earn(terms, facts, Outcome.OVERTURNED)
        a.is_bad_faith = False
        entries, rows = money.book(
            a,
            Stage.ACCEPTED,
            lines,
            code="overturn",
            earned_before=rules.guaranteed_pay(terms, facts),
            now=at,
        )
        if not is_silence if pays_time is None else pays_time:
            beside, more = case_time(a, now=at)
            entries, rows = entries + beside, rows + more
        return entries, rows, event(a, "assignment.overturned", silence=is_silence)

    _carry_out([assignment], [step(assignment)], by=by, now=at)
    return transfer if pays else None


def finalise_all(assignments: Sequence[Assignment], *, by: Actor, now: dt.datetime) -> None:
    """Rejections that nobody contested, or that a person upheld: the difference goes back."""

    def step(a: Assignment) -> Step:
        move(a, S.FINAL)
        a.next_due_at = a.held_until = None
        terms = money.terms_of(a.criteria_id)
        guaranteed = rules.guaranteed_pay(terms, money.facts_of(a, Stage.REJECTED))
        entries, rows = money.book(
            a, Stage.FINAL, [], code="release", earned_before=guaranteed, now=now
        )
        return entries, rows, event(a, "assignment.final")

    if assignments:
        _carry_out(assignments, [step(a) for a in assignments], by=by, now=now)


def end_unsubmitted_all(
    assignments: Sequence[Assignment],
    to: AssignmentState,
    *,
    by: Actor,
    at: Callable[[Assignment], dt.datetime],
    now: dt.datetime,
) -> None:
    """Given back or expired: the pay goes back, the time that counts stays covered for top-up."""
    if not assignments:
        return

    def step(a: Assignment) -> Step:
        when = at(a)
        a.is_time_counted = _may_still_count(a, when)
        move(a, to)
        a.ended_at, a.next_due_at = when, None
        entries, rows = money.book(a, Stage.UNSUBMITTED, [], code="release", now=when)
        return entries, rows, event(a, f"assignment.{to}", seconds=a.paid_seconds)

    steps = [step(assignment) for assignment in assignments]
    _carry_out(assignments, steps, by=by, now=now, opens_slots=True)


def _may_still_count(assignment: Assignment, when: dt.datetime) -> bool:
    """At most so many unsubmitted assignments a contributor, project and day are paid.

    In a qualification also at most so many an attempt.
    """
    limits = money.body_of(assignment.criteria_id)["limits"]
    most = limits.get("unsubmitted_paid_per_attempt")
    if assignment.kind == Kind.QUALIFICATION and most is not None:
        # The seat of this attempt has money for so many; more would be somebody else's.
        earlier = Assignment.objects.filter(
            contributor_id=assignment.contributor_id,
            project_id=assignment.project_id,
            kind=Kind.QUALIFICATION,
            attempt=assignment.attempt,
            state__in=UNSUBMITTED,
            is_time_counted=True,
            active_seconds__gt=0,
        ).count()
        if earlier >= most:
            return False
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    counted = Assignment.objects.filter(
        contributor_id=assignment.contributor_id,
        project_id=assignment.project_id,
        state__in=UNSUBMITTED,
        is_time_counted=True,
        active_seconds__gt=0,
        ended_at__gte=day,
        ended_at__lt=day + dt.timedelta(days=1),
    ).count()
    return counted < limits["unsubmitted_paid_per_day"]


def silence(org_id: uuid.UUID) -> Actor:
    """Deadlines are kept by the marketplace itself, within one organization."""
    return system(org_id)
