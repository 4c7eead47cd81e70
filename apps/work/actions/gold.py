"""Known answers that are taken back: scores, standing and money follow; nobody is paid less by it.

Locks: the known answer first, then what `cases` needs, then its assignments by id, then enrolments
by id, then the ledger.
"""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from importlib import import_module

from django.db import connection, transaction
from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import Conflict, NotThere
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor, system
from apps.ledger import actions as ledger
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects import actions as projects
from apps.projects import rules
from apps.projects.models import GoldAnswer, Project
from apps.projects.rules import Kind, Stage
from apps.work.actions import decide, money, qualification, told, verdicts, windows
from apps.work.enums import AssignmentState, VerdictOutcome
from apps.work.models import Assignment, EarningLine, Enrolment, Score, Submission, Verdict

S = AssignmentState
# A verdict over these can rest on the known answer, now or in a moment.
_CONCERNED = (S.SUBMITTED, S.REWORK, S.REJECTED, S.FINAL)
REOPENED = (
    "The known answer that this rejection rested on was taken back: the rest of the full pay."
)


@dataclass(frozen=True, slots=True)
class Demotion:
    """What a demotion did. `overturned` were rejected and are paid in full now; `owed` are
    rejections that were final: (assignment, net that is missing to the full pay, minor units).
    `passed` are enrolments whose qualification is passed by it.
    """

    gold: GoldAnswer
    overturned: list[Assignment] = field(default_factory=list)
    owed: list[tuple[Assignment, int]] = field(default_factory=list)
    passed: list[Enrolment] = field(default_factory=list)


def contest_gold(
    *, assignment_id: uuid.UUID, until: dt.datetime, by: Actor, now: dt.datetime
) -> Assignment:
    """The known answer that one's own answer missed is in doubt until `until`; it still counts.

    NotThere unless the acting contributor missed it and was told so.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM work_contest_gold(%s, %s, %s)",
                           [assignment_id, now, until])  # fmt: skip
            is_there = cursor.fetchone() is not None
        if not is_there:
            raise NotThere("There is no known answer in use that this work of yours has missed.")
        row = Assignment.objects.select_related("criteria").get(id=assignment_id)
        event = decide.event(row, "assignment.gold_contested", until=until.isoformat())
        audit.record(event, by=by, now=now)
        return row


def demote_gold(
    *,
    item_id: int,
    reason: str,
    by: Actor,
    now: dt.datetime,
    case_id: uuid.UUID | None = None,
    appealed: Collection[uuid.UUID] = (),
) -> Demotion:
    """Take a known answer out of every score, and make good the rejections that rested on it.
    Of a qualification: who passes without it passes.

    `appealed` are assignments with an open appeal: where an administrator demotes, their author is
    paid the time of it. A run is asked for; what settles before it is done corrects the counts.
    """
    with transaction.atomic(), ledger.last():
        gold = projects.demote_gold(item_id=item_id, reason=reason, case_id=case_id, by=by, now=now)
        # Also those under review: a rejection that is being written now is waited for and seen.
        rows = list(
            Assignment.objects.select_for_update(of=("self",), no_key=True)
            .filter(item_id=item_id, kind=Kind.WORK, state__in=_CONCERNED)
            .order_by("id")
        )
        windows.settle_overdue(rows, now=now)
        cited = set(
            Verdict.objects.filter(
                assignment_id__in=[row.id for row in rows],
                outcome=VerdictOutcome.REJECTED,
                # A finding of bad faith rests on two signals; its own appeal looks at them.
                is_bad_faith=False,
                scores__gold=False,
            ).values_list("assignment_id", flat=True)
        )
        done = Demotion(gold)
        for row in rows:
            if row.id in cited and row.state == S.REJECTED:
                with ledger.kept():
                    decide.overturn(
                        row,
                        by=by,
                        at=now,
                        is_silence=by.is_system,
                        pays_time=by.is_staff and row.id in appealed,
                    )
                done.overturned.append(row)
            elif row.id in cited and row.state == S.FINAL:
                done.owed.append((row, _missing(row)))
        done.passed.extend(qualification.rescore(gold, by=by, now=now))
        _tell(done, by=by, now=now)
        enqueue("work.request_scores")
        return done


def _missing(row: Assignment) -> int:
    """What the full pay has more than what a rejection left, net."""
    terms, facts = money.terms_of(row.criteria_id), money.facts_of(row, Stage.REJECTED)
    return rules.full_pay(terms, facts) - rules.guaranteed_pay(terms, facts)


def pay_contest_time(*, assignment_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """An administrator found for whoever contested: the platform pays the time that it took."""
    with transaction.atomic():
        row = verdicts.locked(assignment_id)
        if not by.is_staff:
            return
        entries, lines = decide.case_time(row, "gold_contest", what="A gold contest", now=now)
        EarningLine.objects.bulk_create(lines)
        ledger.post(entries)


def pay_missing(*, assignment_id: uuid.UUID, amount: int, now: dt.datetime) -> uuid.UUID | None:
    """Pay at once what a rejection that was final fell short of; None when there is no money."""
    row = verdicts.locked(assignment_id)
    try:
        return verdicts.adjust(
            assignment_id=row.id, amount=amount, reason=REOPENED, by=system(row.org_id), now=now
        )
    except Conflict:
        return None


# ── Who is told ─────────────────────────────────────────────────────────────────────────────────


def _tell(done: Demotion, *, by: Actor, now: dt.datetime) -> None:
    gold = done.gold
    project = Project.objects.get(id=gold.project_id)
    overturned = {row.contributor_id for row in done.overturned}
    for row in done.overturned:
        title = "A rejection of yours is overturned: its known answer was taken back"
        body = f"The rest of the full pay is booked. {gold.demoted_reason}"
        told.contributor(row, Notices.GOLD_OVERTURNED, title, body, now=now)
    counted = Submission.objects.filter(
        item_id=gold.item_id, kind=Kind.WORK, undone_at=None, scores__gold__in=[True, False]
    )
    people = told.readers(set(counted.values_list("contributor_id", flat=True))) - overturned
    notices.tell(
        people - {by.user_id},
        kind=Notices.GOLD_DEMOTED,
        title=f"A known answer of {project.title} was taken back",
        body="It leaves your scores, the bar of the bonus and all that rests on them. Nothing "
        f"that is paid changes. The reason: {gold.demoted_reason}",
        url=reverse("work:score", args=[project.id]),
        now=now,
    )
    managers = set(people_with(Permission.MANAGE_PROJECTS, org_id=gold.org_id))
    overturns = len(done.overturned) + len(done.owed)
    notices.tell(
        managers - {by.user_id},
        kind=Notices.GOLD_DEMOTED,
        title=f"A known answer of {project.title} was demoted",
        body=f"Rejections that rested on it and are paid in full now: {overturns}. "
        f"Qualifications that are passed by it: {len(done.passed)}. "
        f"The reason: {gold.demoted_reason}",
        url=reverse("pages:project-gold", args=[project.id]),
        now=now,
    )


# ── Counts between a demotion and the next run ──────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Standing:
    """Known answers that count and those met, and the lower 90% bound; `demoted` were taken out."""

    count: int
    correct: int
    lower: Decimal | None
    demoted: int = 0


def standing(enrolment: Enrolment) -> Standing:
    """What the last run wrote on the enrolment, without what was demoted since."""
    stored = Standing(enrolment.gold_count, enrolment.gold_correct, enrolment.gold_lower)
    mine = {"project_id": enrolment.project_id, "contributor_id": enrolment.contributor_id}
    run = Score.objects.filter(**mine).order_by("-week").values_list("run_id", flat=True).first()
    if run is None:
        return stored
    # The next run says of these answers that no known one is there.
    gone = list(
        Submission.objects.filter(
            **mine,
            scores__run=str(run),
            scores__gold__in=[True, False],
            item__gold__demoted_at__isnull=False,
        ).values_list("scores__gold", flat=True)
    )
    if not gone:
        return stored
    count, correct = stored.count - len(gone), stored.correct - sum(gone)
    if count <= 0:
        return Standing(0, 0, None, demoted=len(gone))
    # Asked for here, so that the web, which imports the actions, never loads scipy.
    lower = import_module("gpu_jobs.gold.posterior").lower_bound(correct, count)
    return Standing(count, correct, floored(lower), demoted=len(gone))


def floored(bound: float) -> Decimal:
    """Rounded down: a bound that is shown never says more than was measured."""
    return Decimal(str(bound)).quantize(Decimal("0.0001"), rounding=ROUND_FLOOR)
