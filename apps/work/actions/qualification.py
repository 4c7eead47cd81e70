"""Marking a qualification: paid whatever the result, feedback per item, a dated retake.

When a known answer is taken back its misses leave every result, and who passes by it has passed.
Answers that met it stay as they are, so no result becomes worse and nobody loses a pass.

Locks: the known answer, the enrolments by id, then the ledger.
"""

import datetime as dt
import uuid
from collections import defaultdict
from typing import NamedTuple

from django.db import connection
from django.urls import reverse

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.projects.enums import ItemPurpose
from apps.projects.models import GoldAnswer
from apps.projects.rules import Kind
from apps.work.actions import decide, money
from apps.work.enums import ENROLMENT_TRANSITIONS, AssignmentState, Decider, EnrolmentState
from apps.work.models import Assignment, Enrolment, Submission


class AttemptCount(NamedTuple):
    """What stands of an attempt. `left_out` are misses of known answers that were taken back,
    `in_hand` what is claimed, `ahead` items that could still be given.
    """

    contributor_id: uuid.UUID
    attempt: int
    tier: str
    criteria_id: uuid.UUID
    done: int
    correct: int
    left_out: int
    in_hand: int
    ahead: int

    @property
    def of(self) -> int:
        """Answers that count."""
        return self.done - self.left_out

    def is_over(self, items: int) -> bool:
        """All items are marked, or all that there still are."""
        return self.done > 0 and (self.done >= items or not (self.in_hand or self.ahead))

    def passes(self, percent: int) -> bool:
        return self.correct * 100 >= self.of * percent


def mark(row: Assignment, submission: Submission, *, by: Actor, now: dt.datetime) -> None:
    """Accept by rule (a qualification is never rejected) and, at the last item, give the result."""
    # Before the ledger, as claims do; and a known answer that is taken back meanwhile is seen.
    enrolment = Enrolment.objects.select_for_update(of=("self",), no_key=True).get(
        contributor_id=row.contributor_id, project_id=row.project_id
    )
    correct, explanation, is_demoted = _marked(row)
    submission.scores = {"gold": bool(correct)}
    submission.scored_at = now
    submission.save(update_fields=["scores", "scored_at"])
    decide.accept_all([row], decider=Decider.RULE, by=by, now=now)
    if enrolment.state != EnrolmentState.QUALIFYING:
        # Passed meanwhile by an answer that was taken back; this item was in hand then.
        return
    feedback = (
        enrolment.result.get("items", []) if enrolment.result.get("attempt") == row.attempt else []
    )
    feedback.append(
        {
            "assignment": str(row.id),
            "correct": bool(correct),
            "explanation": explanation or "",
            "is_left_out": is_demoted and not correct,
        }
    )
    enrolment.result = {"attempt": row.attempt, "items": feedback}
    found = next(
        each
        for each in _attempts(row.project_id, row.contributor_id)
        if each.attempt == row.attempt
    )
    _conclude(enrolment, found, by=by, now=now)
    enrolment.save(update_fields=["result", "state", "retake_at"])


def rescore(gold: GoldAnswer, *, by: Actor, now: dt.datetime) -> list[Enrolment]:
    """A known answer was taken back: who passes now, of those who are in the tier that it is about.

    Whoever has nothing left to do without its item gets the result, too. Other known answers do
    nothing here.
    """
    if gold.item.purpose != ItemPurpose.QUALIFICATION:
        return []
    # All who ever began: one that is being marked now is waited for, and its answer seen.
    locked = Enrolment.objects.select_for_update(of=("self",), no_key=True).filter(
        project_id=gold.project_id, attempts__gt=0
    )
    people = {row.contributor_id: row for row in locked.order_by("id")}
    attempts: dict[uuid.UUID, list[AttemptCount]] = defaultdict(list)
    for found in _attempts(gold.project_id):
        attempts[found.contributor_id].append(found)
    misses = Submission.objects.filter(
        item_id=gold.item_id, kind=Kind.QUALIFICATION, undone_at=None, scores__gold=False
    )
    missed = {str(pk) for pk in misses.values_list("assignment_id", flat=True)}
    passed = []
    for person, enrolment in people.items():
        before = (enrolment.state, enrolment.retake_at)
        is_told = _leave_out(enrolment, attempts[person], missed)
        _judge(enrolment, attempts[person], reason=gold.demoted_reason, by=by, now=now)
        if is_told or before != (enrolment.state, enrolment.retake_at):
            enrolment.save(update_fields=["result", "state", "retake_at"])
        if enrolment.state == EnrolmentState.QUALIFIED != before[0]:
            passed.append(enrolment)
    return passed


def _leave_out(enrolment: Enrolment, attempts: list[AttemptCount], missed: set[str]) -> bool:
    """The result that is shown says of these that they do not count; whether there was one."""
    result = enrolment.result
    items = [item for item in result.get("items", []) if item["assignment"] in missed]
    for item in items:
        item["is_left_out"] = True
    if items and "of" in result:
        result["of"] = next(each.of for each in attempts if each.attempt == result["attempt"])
    return bool(items)


def _judge(
    enrolment: Enrolment,
    attempts: list[AttemptCount],
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
) -> None:
    """The newest attempt that passes, in the tier of the enrolment; else the one under way, if
    nothing is left of it to do.
    """
    if enrolment.state == EnrolmentState.QUALIFIED:
        return
    for found in reversed(attempts):
        is_current = found.attempt == enrolment.attempts
        if found.tier != enrolment.tier or not found.left_out:
            continue
        if is_current and enrolment.state == EnrolmentState.QUALIFYING:
            continue
        qualification = _qualification(found)
        if qualification and found.passes(qualification["pass_percent"]):
            _give(enrolment, found, passed=True, reason=reason, by=by, now=now)
            return
    for found in attempts:
        if found.attempt == enrolment.attempts and enrolment.state == EnrolmentState.QUALIFYING:
            _conclude(enrolment, found, reason=reason, by=by, now=now)


def _attempts(project_id: uuid.UUID, contributor_id: uuid.UUID | None = None) -> list[AttemptCount]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM work_attempts(%s, %s)", [project_id, contributor_id])
        return [AttemptCount(*row) for row in cursor.fetchall()]


def _marked(row: Assignment) -> tuple[bool, str, bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT correct, explanation, is_demoted FROM work_mark(%s)", [row.id])
        return cursor.fetchone() or (False, "", False)


def _qualification(found: AttemptCount) -> dict | None:
    """`items` and `pass_percent` of its tier, by the criteria of its last item."""
    tiers = money.body_of(found.criteria_id)["tiers"]
    tier = next((tier for tier in tiers if tier["key"] == found.tier), None)
    return tier["qualification"] if tier else None


def _conclude(
    enrolment: Enrolment, found: AttemptCount, *, reason: str = "", by: Actor, now: dt.datetime
) -> None:
    """The result, if the attempt is over."""
    qualification = _qualification(found)
    if qualification is None or not found.is_over(qualification["items"]):
        return
    passed = found.passes(qualification["pass_percent"])
    _give(enrolment, found, passed=passed, reason=reason, by=by, now=now)


def _give(
    enrolment: Enrolment,
    found: AttemptCount,
    *,
    passed: bool,
    reason: str,
    by: Actor,
    now: dt.datetime,
) -> None:
    to = EnrolmentState.QUALIFIED if passed else EnrolmentState.FAILED
    if to not in ENROLMENT_TRANSITIONS[enrolment.state]:
        return
    enrolment.state = to
    if enrolment.result.get("attempt") != found.attempt:
        # A later attempt had begun; the one that passes is shown.
        enrolment.result = {"attempt": found.attempt, "items": _feedback(enrolment, found.attempt)}
    enrolment.result |= {"correct": found.correct, "of": found.of, "passed": passed}
    enrolment.retake_at = None
    if not passed:
        limits = money.body_of(found.criteria_id)["limits"]
        enrolment.retake_at = now + dt.timedelta(days=limits["retake_days"])
    audit.record(
        Event(
            f"enrolment.{to}",
            ("enrolment", enrolment.id),
            enrolment.org_id,
            {"correct": found.correct, "of": found.of, "left_out": found.left_out},
        ),
        by=by,
        now=now,
    )
    notices.tell(
        [enrolment.contributor_id],
        kind=Notices.QUALIFICATION,
        title="You passed the qualification" if passed else "The qualification was not passed",
        body=f"{found.correct} of {found.of} right. Every item was paid."
        + ("" if passed else f" You can try again from {enrolment.retake_at:%d %B %Y}.")
        + (f" A known answer of it was taken back and counts no more: {reason}" if reason else ""),
        url=reverse("work:qualification", args=[enrolment.project_id]),
        now=now,
    )


def _feedback(enrolment: Enrolment, attempt: int) -> list[dict]:
    """As it was written when the items of an earlier attempt were marked."""
    rows = Assignment.objects.filter(
        project_id=enrolment.project_id,
        contributor_id=enrolment.contributor_id,
        kind=Kind.QUALIFICATION,
        attempt=attempt,
        state=AssignmentState.ACCEPTED,
    ).order_by("submitted_at", "id")
    marks = dict(
        Submission.objects.filter(assignment__in=rows, undone_at=None).values_list(
            "assignment_id", "scores__gold"
        )
    )
    known = {
        gold.item_id: gold
        for gold in GoldAnswer.objects.filter(item_id__in=[row.item_id for row in rows])
    }
    return [
        {
            "assignment": str(row.id),
            "correct": marks[row.id] is True,
            "explanation": known[row.item_id].explanation if row.item_id in known else "",
            "is_left_out": marks[row.id] is False
            and row.item_id in known
            and known[row.item_id].demoted_at is not None,
        }
        for row in rows
    ]
