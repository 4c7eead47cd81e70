"""The buyer's review: the queue by deadline, and many acceptances at once."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_POST, require_safe

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import MOST_COUNTED, Column, Table
from apps.organizations.enums import Permission
from apps.organizations.permissions import can, check
from apps.projects.models import Project
from apps.projects.rules import AS_WORK
from apps.projects.views.gates import visible
from apps.tasktypes import registry
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import DECIDED, Submission
from apps.work.permissions import can_decide
from apps.work.queries import review

S = AssignmentState
PAGE_SIZE = 50
ALL = Table(
    Column("project", "Project", "title"),
    Column("organization", "Organization", "org__name"),
    Column("waiting", "Waiting", "waiting", is_number=True),
    Column("due", "Next deadline", "due"),
    sort="due",
    size=PAGE_SIZE,
    is_long=False,
)


def pseudonym(project_id: uuid.UUID, contributor_id: uuid.UUID) -> str:
    """The same name for the same person within one project, and another one in every other."""
    name = f"{project_id}:{contributor_id}"
    digest = salted_hmac("wagefile.reviewer", name, algorithm="sha256").hexdigest()
    return f"Contributor {digest[:4].upper()}-{digest[4:8].upper()}"


# ── The queue ───────────────────────────────────────────────────────────────────────────────────


class QueueForm(forms.Form):
    state = forms.ChoiceField(
        required=False,
        choices=[("", "Waiting for review"), ("rework", "In rework"), ("decided", "Decided")],
        help_text="Where the answer stands.",
    )
    flag = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            ("gold", "Known answer missed"),
            ("label", "Against the aggregated label"),
            ("anomaly", "Unusual time"),
            ("unscored", "Not scored yet"),
        ],
        label="Scores",
        help_text="What the scores say. They decide nothing.",
    )
    item = forms.CharField(
        required=False, max_length=200, help_text="The beginning of an item's id."
    )
    contributor = forms.CharField(
        required=False, widget=forms.HiddenInput, help_text="One contributor, by a submission."
    )


_FLAGS = {
    "gold": Q(scores__gold=False),
    "label": Q(scores__label=False),
    "anomaly": Q(scores__anomaly__in=["fast", "slow"]),
    "unscored": Q(scored_at=None),
}
_STATES = {
    "": [S.SUBMITTED],
    "rework": [S.REWORK],
    "decided": DECIDED,
}


def _queue_of(label: str, order: str, sort: str) -> Table:
    """A queue in one state; its last column is what it is sorted by.

    Everything of the order is the assignment's, as its index is; one item is answered by one
    contributor once.
    """
    return Table(
        Column("item", "Item"),
        Column("answer", "Answer"),
        Column("contributor", "Contributor"),
        Column("scores", "Scores"),
        Column("when", label, f"assignment__{order} assignment__item_id"),
        sort=sort,
        size=PAGE_SIZE,
        key="assignment__contributor_id",
    )


QUEUES = {
    "": _queue_of("Accepted by silence", "review_due_at", "when"),
    "rework": _queue_of("Second round due", "rework_due_at", "when"),
    "decided": _queue_of("Decided", "ended_at", "-when"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue."""

    submission: Submission
    who: str
    answer: str
    flags: Sequence[str]
    is_mine_to_decide: bool


def _project(request: HttpRequest, project_id: uuid.UUID) -> Project:
    project = visible(request).filter(id=project_id).first()
    if project is None or project.criteria is None:
        raise Http404("There is no such project.")
    check(request.actor, Permission.SEE_ANSWERS, org_id=project.org_id)
    return project


@login_required
@require_safe
def everything(request: HttpRequest) -> HttpResponse:
    """Every project of one's organizations with answers waiting, the earliest deadline first."""
    org_ids = [
        org_id
        for org_id in request.actor.org_ids
        if can(request.actor, Permission.SEE_ANSWERS, org_id=org_id)
    ]
    page = ALL.page(request, review.projects_waiting(org_ids))
    return render(
        request,
        "work/buyer_all.html",
        {"page": page, "may_review": bool(org_ids), "most_counted": MOST_COUNTED},
    )


@login_required
@require_safe
def queue(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The answers of a project by deadline."""
    return _queue(request, _project(request, project_id), refusals=[], status=200)


def _queue(
    request: HttpRequest,
    project: Project,
    *,
    refusals: Sequence[tuple[Submission, str]],
    status: int,
) -> HttpResponse:
    form = QueueForm(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    state = wanted.get("state", "")
    rows = rows_of(request, project, wanted)
    page = QUEUES[state].page(request, rows, path=reverse("work:review", args=[project.id]))
    task = project.criteria.body["task"] if project.criteria else {}
    shown = [_row(each, task, request) for each in page]
    context = {
        "project": project,
        "form": form,
        "page": page,
        "rows": shown,
        "refusals": refusals,
        "is_waiting": state == "",
        "state": state,
        "can_decide": can(request.actor, Permission.DECIDE_VERDICTS, org_id=project.org_id),
    }
    return render(request, "work/buyer_queue.html", context, status=status)


def rows_of(request: HttpRequest, project: Project, wanted: dict) -> QuerySet[Submission]:
    """The answer that counts of each assignment; what can still be undone is not shown yet."""
    rows = (
        Submission.objects.visible_to(request.actor)
        .filter(
            kind__in=AS_WORK,
            undone_at=None,
            undo_until__lte=request.now,
            assignment__project=project,
            assignment__state__in=_STATES[wanted.get("state", "")],
        )
        .select_related("assignment", "item")
    )
    if wanted.get("state") != "rework":
        rows = rows.filter(round=F("assignment__rounds"))
    if wanted.get("flag"):
        rows = rows.filter(_FLAGS[wanted["flag"]])
    if wanted.get("item"):
        rows = rows.filter(item__external_id__startswith=wanted["item"])
    if wanted.get("contributor"):
        rows = rows.filter(contributor_id__in=_same_person(project, wanted["contributor"]))
    return rows


def _same_person(project: Project, submission_id: str) -> list[uuid.UUID]:
    """Whoever gave this answer; addresses hold no ids of people."""
    try:
        wanted = uuid.UUID(submission_id)
    except ValueError:
        return []
    found = Submission.objects.filter(project=project, id=wanted)
    return list(found.values_list("contributor_id", flat=True))


def _row(row: Submission, task: dict, request: HttpRequest) -> Row:
    return Row(
        submission=row,
        who=pseudonym(row.project_id, row.contributor_id),
        answer=registry.get(task["type"]).describe(task["config"], row.answer),
        flags=_flags(row, request.now),
        is_mine_to_decide=can_decide(request.actor, row),
    )


def _flags(row: Submission, now: dt.datetime) -> list[str]:
    flags = []
    if row.assignment.is_review_stopped(now):
        flags.append("a case of bad faith is open")
    if row.scores.get("gold") is False:
        flags.append("known answer missed")
    if row.scores.get("label") is False:
        flags.append("against the label")
    if row.scores.get("anomaly") in {"fast", "slow"}:
        flags.append(f"unusually {row.scores['anomaly']}")
    return flags


@login_required
@require_POST
def accept_chosen(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Accept what was ticked, one by one; what cannot be accepted is named with its reason."""
    project = _project(request, project_id)
    check(request.actor, Permission.DECIDE_VERDICTS, org_id=project.org_id)
    chosen = Submission.objects.visible_to(request.actor).filter(
        project=project, id__in=_uuids(request.POST.getlist("submission")[:PAGE_SIZE])
    )
    accepted, refusals, status = 0, [], 200
    for row in chosen.select_related("item").order_by("id"):
        try:
            work.accept(submission_id=row.id, by=request.actor, now=request.now)
            accepted += 1
        except WagefileError as refusal:
            refusals.append((row, refusal.sentence))
            status = refusal.status
    if accepted:
        ending = "" if accepted == 1 else "s"
        messages.success(
            request,
            f"{accepted} answer{ending} accepted. Those whose scores do not stand yet are booked "
            "when they do, at latest within the hour.",
        )
    if refusals:
        return _queue(request, project, refusals=refusals, status=200 if accepted else status)
    if not accepted:
        messages.warning(request, "Tick the answers that you accept.")
    return redirect("work:review", project.id)


def _uuids(texts: Sequence[str]) -> list[uuid.UUID]:
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found
