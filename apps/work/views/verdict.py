"""The buyer's review of one answer: what stands, what a verdict costs, and the verdict."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.projects import queries as projects
from apps.projects import rules
from apps.projects.rules import Facts, Kind, Outcome
from apps.tasktypes import registry
from apps.work import actions as work
from apps.work.enums import AssignmentState, VerdictOutcome
from apps.work.models import Assignment, Submission, Verdict
from apps.work.permissions import can_decide
from apps.work.queries import desk
from apps.work.views.buyer import pseudonym, rows_of

S = AssignmentState
NOT_AVAILABLE = "not available"
SCORE_NAMES = {
    "gold": "Known answer",
    "agreement": "Agreement with others",
    "label": "Agrees with the aggregated label",
    "anomaly": "Time against the item's own distribution",
}


class VerdictForm(forms.Form):
    outcome = forms.ChoiceField(
        label="Verdict",
        choices=[
            ("accept", "Accept: the full pay is due"),
            ("rework", "Ask for rework: a second, paid round"),
            ("reject", "Reject: the kill fee is paid, the contributor can appeal"),
        ],
        widget=forms.RadioSelect,
        help_text="Accepting needs nothing else. What is paid cannot be taken back.",
    )
    criterion = forms.ChoiceField(
        required=False,
        label="Cited line of the rubric",
        help_text="Needed for rework and rejection: the line that the answer misses.",
    )
    evidence = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed for a rejection: what in the answer misses the line. Can be appealed.",
    )
    note = forms.CharField(
        required=False,
        max_length=4000,
        label="Note to the contributor",
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def __init__(self, *args: Any, rubric: Sequence[dict], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = [(line["key"], line["title"]) for line in rubric]
        self.fields["criterion"].choices = [("", "None"), *lines]  # type: ignore[attr-defined]
        minimum = settings.WAGEFILE["rejection_note_minimum"]
        self.fields[
            "note"
        ].help_text = (
            f"What should have been different. At least {minimum} characters for a rejection."
        )
        self.fields["note"].widget.attrs["data-minimum"] = minimum


@dataclass(frozen=True, slots=True)
class Stakes:
    """What accepting and rejecting cost, of this answer alone, in minor units.

    `keeps` is the contributor's net if it is rejected, `kill_fee` and `top_up` are its parts.
    """

    accept_net: int
    accept_fee: int
    accept_gross: int
    reject_gross: int
    kill_fee: int
    rework_pay: int
    top_up: int

    @property
    def keeps(self) -> int:
        return self.kill_fee + self.rework_pay + self.top_up

    @property
    def saves(self) -> int:
        return max(0, self.accept_gross - self.reject_gross)


def stakes(assignment: Assignment) -> Stakes:
    """The floor holds for rejected work too, so near the floor a rejection saves little."""
    terms, facts = projects.terms(assignment.criteria_id), assignment.open_facts
    accepted = _with_top_up(terms, facts, Outcome.ACCEPTED, assignment.paid_seconds)
    rejected = _with_top_up(terms, facts, Outcome.REJECTED, assignment.paid_seconds)

    def net(kind: rules.LineKind) -> int:
        return sum(line.net for line in rejected if line.kind == kind)

    return Stakes(
        accept_net=sum(line.net for line in accepted),
        accept_fee=sum(line.fee for line in accepted),
        accept_gross=sum(line.gross for line in accepted),
        reject_gross=sum(line.gross for line in rejected),
        kill_fee=net(rules.LineKind.KILL_FEE),
        rework_pay=net(rules.LineKind.REWORK),
        top_up=net(rules.LineKind.TOP_UP),
    )


def _with_top_up(
    terms: rules.Terms, facts: Facts, outcome: Outcome, seconds: int
) -> list[rules.Line]:
    lines = rules.earn(terms, facts, outcome)
    account = rules.Account(
        earned=sum(line.net for line in lines), accepted_base=0, paid_seconds=seconds
    )
    return [*lines, *rules.settle(terms, account)]


def _submission(request: HttpRequest, submission_id: uuid.UUID) -> Submission:
    row = (
        Submission.objects.visible_to(request.actor)
        .filter(org_id__in=request.actor.org_ids)
        .select_related(
            "assignment",
            "assignment__criteria",
            "assignment__item",
            "item",
            "project",
            "project__org",
        )
        .filter(id=submission_id, undone_at=None)
        .first()
    )
    if row is None:
        raise Http404("There is no such submission.")
    check(request.actor, Permission.SEE_ANSWERS, org_id=row.org_id)
    return row


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def submission(request: HttpRequest, submission_id: uuid.UUID) -> HttpResponse:
    """The item, the answer and its scores; the verdict. A refusal keeps everything typed."""
    row = _submission(request, submission_id)
    rubric = row.assignment.criteria.body["rubric"]
    form, status = VerdictForm(request.POST or None, rubric=rubric), 200
    if request.method == "POST":
        check(request.actor, Permission.DECIDE_VERDICTS, org_id=row.org_id)
        status = 422
        if form.is_valid():
            try:
                decided = _decide(row, form.cleaned_data, request)
            except WagefileError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.sentence
                )
                status = refusal.status
            else:
                messages.success(request, _said(decided, form.cleaned_data["outcome"]))
                return redirect(_next(request, row))
    return render(request, "work/buyer_submission.html", _page(request, row, form), status=status)


def _decide(row: Submission, data: dict, request: HttpRequest) -> Assignment:
    shared: dict = {"submission_id": row.id, "by": request.actor, "now": request.now}
    if data["outcome"] == "accept":
        return work.accept(**shared)
    if data["outcome"] == "rework":
        return work.ask_rework(criterion=data["criterion"], note=data["note"], **shared)
    return work.reject(
        criterion=data["criterion"], note=data["note"], evidence=data["evidence"], **shared
    )


def _said(row: Assignment, outcome: str) -> str:
    if outcome == "rework":
        return "Rework is asked for; its pay is reserved."
    if outcome == "reject":
        return (
            "Rejected. The kill fee is paid; the rest stays held until the appeal window is over."
        )
    if row.state == S.ACCEPTED:
        return "Accepted and booked."
    return "Accepted. It is booked when the scores stand, at latest within the hour."


def _next(request: HttpRequest, row: Submission) -> str:
    """The next answer of the queue, so that a reviewer works through it; else the queue."""
    following = (
        rows_of(request, row.project, {})
        .filter(assignment__accept_requested_at=None)
        .exclude(id=row.id)
        .order_by("assignment__review_due_at", "id")
        .values_list("id", flat=True)
        .first()
    )
    if following:
        return reverse("work:review-submission", args=[following])
    return reverse("work:review", args=[row.project_id])


def _page(request: HttpRequest, row: Submission, form: VerdictForm) -> dict:
    assignment, task = row.assignment, row.assignment.criteria.body["task"]
    kind = registry.get(task["type"])
    editor = desk.editor(assignment, answer=row.answer)
    is_open = assignment.state == S.SUBMITTED and row.round == assignment.rounds
    others = (
        Submission.objects.visible_to(request.actor)
        .filter(item=row.item, undone_at=None, undo_until__lte=request.now)
        .exclude(assignment=assignment)
        .exclude(kind=Kind.REPEAT)
        .order_by("submitted_at", "id")
    )
    if row.kind == Kind.REPEAT:
        # The own first answer is not among the others: a difference from it is no ground.
        others = others.exclude(contributor_id=row.contributor_id)
    return {
        "project": row.project,
        "submission": row,
        "assignment": assignment,
        "item": row.item,
        "who": pseudonym(row.project_id, row.contributor_id),
        "form": form,
        "editor": replace(editor, is_readonly=True),
        "answer": kind.describe(task["config"], row.answer),
        "rounds": _rounds(assignment, task),
        "others": [
            (
                pseudonym(each.project_id, each.contributor_id),
                kind.describe(task["config"], each.answer),
            )
            for each in others[:20]
        ],
        "scores": shown_scores(row.scores),
        "verdicts": _verdicts(assignment),
        "rubric": assignment.criteria.body["rubric"],
        "estimate": task["estimate_seconds"],
        "stakes": stakes(assignment),
        "lines": assignment.lines.all(),
        "currency": assignment.criteria.body["currency"],
        "is_open": is_open,
        "is_stopped": is_open and assignment.is_review_stopped(request.now),
        "is_late": is_open and _is_late(assignment, request.now),
        "is_undoable": request.now < row.undo_until,
        "may_decide": can_decide(request.actor, row),
    }


def _is_late(assignment: Assignment, now: dt.datetime) -> bool:
    return assignment.review_due_at is not None and assignment.review_due_at <= now


def _rounds(assignment: Assignment, task: dict) -> list[tuple[int, str]]:
    kind = registry.get(task["type"])
    rows = assignment.submissions.filter(undone_at=None).order_by("round")
    return [(each.round, kind.describe(task["config"], each.answer)) for each in rows]


def shown_scores(scores: dict) -> list[tuple[str, str]]:
    """Each score in words; one that could not be computed says so."""
    return [(label, _score(name, scores.get(name))) for name, label in SCORE_NAMES.items()]


def _score(name: str, value: object) -> str:
    if value is None or value == NOT_AVAILABLE:
        return NOT_AVAILABLE
    if isinstance(value, bool):
        words = {"gold": ("right", "wrong"), "label": ("yes", "no")}.get(name, ("yes", "no"))
        return words[0] if value else words[1]
    if name == "agreement" and isinstance(value, (int, float)):
        return f"{100 * value:.0f}% of the others gave the same answer"
    if name == "anomaly":
        return "usual" if value == "none" else f"unusually {value}"
    return str(value)


def _verdicts(assignment: Assignment) -> list[tuple[Verdict, str]]:
    """Every decision with who made it: a colleague by name, an administrator by office."""
    rows = assignment.verdicts.select_related("decided_by").order_by("decided_at", "id")
    return [(each, _decider(each)) for each in rows]


def _decider(verdict: Verdict) -> str:
    if verdict.decided_by is None:
        return verdict.get_decider_display()
    if verdict.outcome == VerdictOutcome.OVERTURNED or verdict.is_bad_faith:
        return "an administrator of the platform"
    return str(verdict.decided_by)
