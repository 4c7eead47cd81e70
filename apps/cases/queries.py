"""Reads about cases: lists by deadline, and everything that a decision needs to see."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core import signing
from django.db import connection
from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    Prefetch,
    Q,
    QuerySet,
    Sum,
)

from apps.cases import rules
from apps.cases.enums import SIGNAL_NAMES, SIGNAL_SOURCES, CaseKind, CaseState, SignalKind
from apps.cases.models import Case, Letter, Ticket
from apps.cases.permissions import is_by_contributor
from apps.core.errors import NotThere
from apps.core.tenancy import Actor, acting, system
from apps.projects import queries as projects
from apps.projects.models import Asset
from apps.projects.queries import pictures
from apps.projects.rules import AS_WORK, BESIDE_THE_CLOCK, MEANINGS, max_remaining
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Enrolment, Score, Submission, Verdict
from apps.work.queries import gold
from apps.work.queries.history import shown_scores

# Ledger codes of the lines that a decision of a case writes.
CODES = ("overturn", "case_time", "adjustment", "lift_bonus")

# ── Lists ───────────────────────────────────────────────────────────────────────────────────────


def of_contributor(actor: Actor) -> QuerySet[Case]:
    """Cases about the acting person, the open ones first."""
    return _open_first(Case.objects.filter(contributor_id=actor.user_id))


def of_organization(actor: Actor, org_id: uuid.UUID) -> QuerySet[Case]:
    """The organization's, the open ones first."""
    return _open_first(Case.objects.visible_to(actor).filter(org_id=org_id))


def _open_first(rows: QuerySet[Case]) -> QuerySet[Case]:
    is_decided = ExpressionWrapper(~Q(state=CaseState.OPEN), output_field=BooleanField())
    return (
        rows.select_related("project")
        .annotate(is_decided=is_decided)
        .order_by("is_decided", "due_at", "id")
    )


def open_by_deadline(actor: Actor, kind: str = "") -> QuerySet[Case]:
    """What waits for a decision, the most urgent first."""
    rows = Case.objects.visible_to(actor).open()
    if kind:
        rows = rows.filter(kind=kind)
    return rows.select_related("contributor", "project").order_by("due_at", "id")


def lately_decided(actor: Actor, kind: str = "") -> QuerySet[Case]:
    rows = Case.objects.visible_to(actor).exclude(state=CaseState.OPEN)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.select_related("contributor", "project", "decided_by").order_by("-decided_at", "id")


def contest_of(row: Assignment, actor: Actor) -> Case | None:
    """The contest of the known answer of this work, if there was one: it is decided once."""
    mine = Case.objects.visible_to(actor).filter(kind=CaseKind.GOLD_CONTEST)
    return mine.filter(assignment_id=row.id).first()


def is_unpaid(case: Case) -> bool:
    """It was decided for the contributor, and there was no money for it: a dispute by silence, or
    the appeal of a rejection that was final when its known answer was taken back.
    """
    if not is_by_contributor(case) or case.transfer_id is not None or not case.amount:
        return False
    if case.kind == CaseKind.DISPUTE:
        return case.state == CaseState.LAPSED
    return case.kind == CaseKind.APPEAL and case.state in {CaseState.GRANTED, CaseState.LAPSED}


# ── How much a contributor can ask for ──────────────────────────────────────────────────────────


def most_due(line: EarningLine) -> int:
    """The most that the work of a line could still pay under its criteria, net, minor units.

    Of a settlement's line: all work of that contributor on the project.
    """
    of = {"project_id": line.project_id, "contributor_id": line.contributor_id}
    work = Assignment.objects.filter(**of).select_related("criteria")
    paid = EarningLine.objects.filter(**of).exclude(kind__in=BESIDE_THE_CLOCK)
    if line.assignment_id:
        work = work.filter(id=line.assignment_id)
        paid = paid.filter(assignment_id=line.assignment_id)
    most = sum(_most(row) for row in work)
    return max(0, most - (paid.aggregate(net=Sum("net"))["net"] or 0))


def _most(row: Assignment) -> int:
    hold = max_remaining(projects.terms(row.criteria_id), row.open_facts)
    return hold.pay + hold.extra


# ── What the platform's own numbers say of an answer ────────────────────────────────────────────


def measured(row: Assignment) -> dict[str, str]:
    """Kind of signal → what is stored about it, in words; kinds without a number are left out.

    Known answers only as a count over the project: which items have one must not be told.
    """
    of_person = {"project_id": row.project_id, "contributor_id": row.contributor_id}
    kinds = AS_WORK if row.kind in AS_WORK else {row.kind}
    answers = Submission.objects.filter(**of_person, kind__in=kinds, undone_at=None)
    last = answers.filter(assignment_id=row.id).order_by("-round").first()
    scores = last.scores if last else {}
    found = {SignalKind.ANSWER_TIME: f"{row.active_seconds} s of active time"}
    if scores.get("anomaly") in {"fast", "slow"}:
        found[SignalKind.ANSWER_TIME] += f", unusually {scores['anomaly']} for this item"
    enrolment = Enrolment.objects.filter(**of_person).first()
    if enrolment is not None and enrolment.gold_count:
        found[SignalKind.GOLD_ACCURACY] = (
            f"{enrolment.gold_correct} of {enrolment.gold_count} known answers right on this "
            f"project, lower 90% bound {enrolment.gold_lower}"
        )
    if isinstance(scores.get("agreement"), int | float):
        share = f"{100 * scores['agreement']:.0f}%"
        found[SignalKind.AGREEMENT] = f"{share} of the others gave the same answer to this item"
    signals = _signals_about(row)
    for kind, names in SIGNAL_NAMES.items():
        said = [MEANINGS[name] for name in names if signals.get(name)]
        judged = [name for name in names if name in signals]
        if kind == SignalKind.STRAIGHT_LINING and not said:
            # The share of the commonest answer, below, says more than that nothing speaks.
            continue
        if judged:
            words = "; ".join(said) or "nothing unusual over the whole project"
            found[kind] = f"{found[kind]}; {words}" if kind in found else words
    by_answer = list(answers.order_by().values_list("answer_key").annotate(n=Count("id")))
    counts = [count for _, count in by_answer]
    if counts:
        share = f"{max(counts)} of this person's {sum(counts)} answers on the project are the same"
        more = found.get(SignalKind.STRAIGHT_LINING)
        found[SignalKind.STRAIGHT_LINING] = f"{share}; {more}" if more else share
    return {str(kind): text for kind, text in found.items()}


def _signals_about(row: Assignment) -> dict[str, bool]:
    """Signal → whether it speaks about the person, as the last run of the project found."""
    score = (
        Score.objects.filter(project_id=row.project_id, contributor_id=row.contributor_id)
        .order_by("-week")
        .first()
    )
    return score.signals if score else {}


def scores_of(row: Assignment) -> list[tuple[str, object]]:
    """Every stored score of the answer that counts, known answers included: for staff only."""
    last = row.submissions.filter(undone_at=None).order_by("-round").first()
    return _all_scores(last.scores) if last else []


def why_too_late(row: Assignment) -> str:
    """Why no bad-faith case can be opened about this work any more; empty while one can be."""
    if Case.objects.filter(assignment_id=row.id, kind=CaseKind.BAD_FAITH).exists():
        return "There was a case of bad faith about this work; there is no second."
    if row.state != AssignmentState.SUBMITTED or row.kind not in AS_WORK:
        return f"Only a submitted answer can be called bad faith; this is {row.kind}, {row.state}."
    if row.accept_requested_at is not None:
        return "The buyer has accepted this work already; it is paid."
    return ""


def in_review(actor: Actor, user_id: uuid.UUID) -> QuerySet[Assignment]:
    """A person's answers that wait for a verdict: what a bad-faith case can be about."""
    rows = Assignment.objects.visible_to(actor).filter(contributor_id=user_id)
    return (
        rows.filter(state=AssignmentState.SUBMITTED, kind__in=AS_WORK, accept_requested_at=None)
        .select_related("project", "item")
        .order_by("review_due_at", "id")
    )


# ── One case ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the timeline."""

    at: dt.datetime
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with the rubric line it cites and the scores that stood on it."""

    verdict: Verdict
    criterion: str
    anchors: Sequence[tuple[str, str]]
    scores: Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Work:
    """The work that a case is about: item, answers, verdicts, money."""

    assignment: Assignment
    question: str
    fields: Sequence[tuple[str, str]]
    pictures: Sequence[tuple[str, str]]
    answers: Sequence[tuple[Submission, str]]
    decisions: Sequence[Decision]
    lines: Sequence[EarningLine]


@dataclass(frozen=True, slots=True)
class Signal:
    """One ground of a bad-faith case, with what the platform's own numbers said of it."""

    kind: SignalKind
    source: str
    evidence: str
    measured: str


@dataclass(frozen=True, slots=True)
class Known:
    """The known answer that a contest is about, in words; "" where this reader is not told it."""

    answer: str
    explanation: str
    demoted_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class CaseView:
    case: Case
    currency: str
    is_by_contributor: bool
    outcome: str
    steps: Sequence[Step]
    work: Work | None
    booked: Sequence[EarningLine]
    signals: Sequence[Signal]
    cited: str
    known: Known | None

    @property
    def is_open(self) -> bool:
        return self.case.state == CaseState.OPEN

    @property
    def is_against_contributor(self) -> bool:
        """A finding of bad faith is granted to the one who opened it; elsewhere upheld is bad."""
        lost = CaseState.GRANTED if self.case.kind == CaseKind.BAD_FAITH else CaseState.UPHELD
        return self.case.state == lost

    @property
    def is_unpaid(self) -> bool:
        return is_unpaid(self.case)


def view(case: Case, *, has_all_scores: bool) -> CaseView:
    """A case for its page. Gold scores are for the buyer and staff: who works must not learn
    which items have a known answer.
    """
    by_contributor = is_by_contributor(case)
    work = work_of(case.assignment, has_all_scores=has_all_scores) if case.assignment else None
    return CaseView(
        case=case,
        currency=case.project.currency if case.project else "",
        is_by_contributor=by_contributor,
        outcome=rules.outcome(case.kind, case.state, is_by_contributor=by_contributor),
        steps=_steps(case, is_by_contributor=by_contributor),
        work=work,
        booked=_booked(case),
        signals=_signals(case),
        cited=_cited(case),
        known=_known(case),
    )


def _known(case: Case) -> Known | None:
    """Read by a function of the database: a contributor sees no known answer but this one."""
    if case.kind != CaseKind.GOLD_CONTEST or case.assignment is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT answer::text, explanation, demoted_at FROM cases_contested_gold(%s)", [case.id]
        )
        found = cursor.fetchone()
    if found is None:
        return None
    words = gold.in_words(case.assignment, json.loads(found[0])) if found[0] else ""
    return Known(words, found[1], found[2])


def _signals(case: Case) -> list[Signal]:
    return [
        Signal(
            kind=SignalKind(signal["kind"]),
            source=SIGNAL_SOURCES[signal["kind"]],
            evidence=signal["evidence"],
            measured=signal["measured"],
        )
        for signal in case.signals
    ]


def _cited(case: Case) -> str:
    """The title of the line of the rubric that a bad-faith case cites."""
    if case.assignment is None or not case.criterion:
        return ""
    rubric = case.assignment.criteria.body["rubric"]
    return next((line["title"] for line in rubric if line["key"] == case.criterion), case.criterion)


def _steps(case: Case, *, is_by_contributor: bool) -> list[Step]:
    opener = _opener(case, is_by_contributor=is_by_contributor)
    steps = [Step(case.opened_at, f"Opened by {opener}", case.reason)]
    if case.answered_at:
        other = "the contributor" if not is_by_contributor else "the buyer"
        steps.append(Step(case.answered_at, f"Statement of {other}", case.answer))
    if case.decided_at and case.decided_by:
        name = case.decided_by.name or "an administrator"
        steps.append(Step(case.decided_at, f"Decided by {name}", case.decision))
    elif case.decided_at:
        steps.append(Step(case.decided_at, "Decided by silence", "Nobody had decided by then."))
    return steps


def _opener(case: Case, *, is_by_contributor: bool) -> str:
    if is_by_contributor:
        return "the contributor"
    if case.kind == CaseKind.BAD_FAITH:
        return case.opened_by.name or "an administrator"
    return "the buyer" if case.org_id else "an administrator"


def _booked(case: Case) -> list[EarningLine]:
    """The lines that the decision wrote, all at the same moment."""
    if case.transfer_id is None or case.project_id is None or case.decided_at is None:
        return []
    rows = EarningLine.objects.filter(
        project_id=case.project_id, contributor_id=case.contributor_id, code__in=CODES
    )
    if case.assignment_id:
        rows = rows.filter(assignment_id=case.assignment_id)
    found = list(rows.filter(at__gte=case.decided_at).order_by("at", "id"))
    return [line for line in found if line.at == found[0].at]


def work_of(row: Assignment, *, has_all_scores: bool) -> Work:
    task = row.criteria.body["task"]
    kind = registry.get(task["type"])
    payload = row.item.payload
    names = kind.assets(payload)
    submissions = row.submissions.filter(undone_at=None).order_by("round", "id")
    verdicts = row.verdicts.order_by("decided_at", "id")
    return Work(
        assignment=row,
        question=str(task["config"].get("question", "")),
        fields=[(name, str(value)) for name, value in payload.items() if str(value) not in names],
        pictures=_pictures(row, names),
        answers=[(given, kind.describe(task["config"], given.answer)) for given in submissions],
        decisions=[_decision(row, verdict, has_all_scores) for verdict in verdicts],
        lines=list(row.lines.all()),
    )


def _pictures(row: Assignment, names: Sequence[str]) -> list[tuple[str, str]]:
    if not names:
        return []
    assets = Asset.objects.filter(project_id=row.project_id, name__in=names).order_by("name")
    return [(a.name, pictures.link(sha256=a.sha256, subject=row.id)) for a in assets]


def _decision(row: Assignment, verdict: Verdict, has_all_scores: bool) -> Decision:
    rubric = {line["key"]: line for line in row.criteria.body["rubric"]}
    line: Mapping = rubric.get(verdict.criterion, {})
    scores = _all_scores(verdict.scores) if has_all_scores else shown_scores(verdict.scores)
    return Decision(
        verdict=verdict,
        criterion=line.get("title", verdict.criterion),
        anchors=sorted(line.get("anchors", {}).items()),
        scores=scores,
    )


def _all_scores(scores: Mapping) -> list[tuple[str, object]]:
    return [(name, _in_words(value)) for name, value in sorted(scores.items())]


def _in_words(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return "not available" if value is None else value


def with_everything(rows: QuerySet[Case]) -> QuerySet[Case]:
    """Rows with what `view` reads, so that a page needs a fixed number of queries."""
    lines = Prefetch("assignment__lines", queryset=EarningLine.objects.order_by("at", "id"))
    return rows.select_related(
        "project",
        "assignment__criteria",
        "assignment__item",
        "line",
        "decided_by",
        "opened_by",
        "contributor",
    ).prefetch_related(lines)


# ── Tickets ─────────────────────────────────────────────────────────────────────────────────────

_LINKS = "cases.ticket"


@dataclass(frozen=True, slots=True)
class TicketView:
    ticket: Ticket
    letters: list[Letter]


def ticket_view(ticket: Ticket) -> TicketView:
    """A ticket that the actor may see, with its letters, the oldest first."""
    rows = Letter.objects.filter(ticket=ticket).select_related("answered_by")
    return TicketView(ticket, list(rows.order_by("written_at", "id")))


def link_of(ticket: Ticket) -> str:
    """The last part of the mailed address: the id, signed."""
    return signing.Signer(salt=_LINKS).sign(str(ticket.id))


def id_of_link(token: str) -> uuid.UUID:
    """NotThere when the link was not made by us."""
    try:
        return uuid.UUID(signing.Signer(salt=_LINKS).unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise NotThere("There is no such ticket, or this is not the whole link.") from error


def ticket_of_link(token: str) -> TicketView:
    """The ticket of somebody without an account, read for the platform once the link is checked."""
    ticket_id = id_of_link(token)
    with acting(system()):
        ticket = Ticket.objects.filter(id=ticket_id, user=None).first()
        if ticket is None:
            raise NotThere("There is no such ticket, or this is not the whole link.")
        return ticket_view(ticket)
