"""One item in hand: the editor, the clock, the draft, handing in and giving back."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from apps.core.errors import NotThere, WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import written
from apps.projects.rules import Kind
from apps.work import actions as work
from apps.work.actions import Clock
from apps.work.enums import AssignmentState, EnrolmentState, GiveBackReason
from apps.work.forms import GiveBackForm, answer_of
from apps.work.models import DECIDED
from apps.work.queries import desk, gold, history


@login_required
@require_GET
def show(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """The work page. Loading it is a heartbeat: the clock also runs where there is no script."""
    assignment = desk.assignment_of(assignment_id, request.actor)
    if assignment.state not in desk.WRITABLE:
        return _page(request, assignment_id)
    try:
        work.beat(assignment_id=assignment_id, by=request.actor, now=request.now, had_input=True)
    except WagefileError as refusal:
        return _page(request, assignment_id, refusal=refusal)
    return _page(request, assignment_id)


@login_required
@require_POST
def beat(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """A heartbeat of the page's script. Only input in a visible page is input."""
    is_visible = request.POST.get("is_visible") == "1"
    try:
        clock = work.beat(
            assignment_id=assignment_id,
            by=request.actor,
            now=request.now,
            had_input=is_visible and request.POST.get("had_input") == "1",
            on_instructions=is_visible and request.POST.get("on_instructions") == "1",
        )
    except WagefileError as refusal:
        return _refused(refusal)
    return JsonResponse(_clock(request, assignment_id, clock))


@login_required
@require_POST
def draft(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Keep what is written so far; the script asks for JSON, a plain form gets the page again."""
    wants_json = request.headers.get("Accept") == "application/json"
    answer = answer_of(request.POST)
    try:
        clock = work.save_draft(
            assignment_id=assignment_id, draft=answer, by=request.actor, now=request.now
        )
    except NotThere:
        raise
    except WagefileError as refusal:
        if wants_json:
            return _refused(refusal)
        return _page(request, assignment_id, answer=answer, refusal=refusal)
    if wants_json:
        return JsonResponse(_clock(request, assignment_id, clock))
    messages.success(request, "The draft is saved.")
    return redirect("work:assignment", assignment_id)


@login_required
@require_POST
def submit(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Hand in. A gate that refuses says why beside the field; what was typed stays."""
    answer = answer_of(request.POST)
    try:
        submission = work.submit(
            assignment_id=assignment_id, answer=answer, by=request.actor, now=request.now
        )
    except NotThere:
        raise
    except WagefileError as refusal:
        return _page(request, assignment_id, answer=answer, refusal=refusal)
    if submission.kind == Kind.QUALIFICATION:
        enrolment = desk.enrolment_of(submission.project_id, request.actor)
        if enrolment is not None and enrolment.state != EnrolmentState.QUALIFYING:
            return redirect("work:qualification", submission.project_id)
    return redirect("work:desk", submission.project_id)


@login_required
@require_POST
def undo(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    try:
        work.undo(assignment_id=assignment_id, by=request.actor, now=request.now)
    except NotThere:
        raise
    except WagefileError as refusal:
        return _page(request, assignment_id, refusal=refusal)
    return redirect("work:assignment", assignment_id)


@login_required
@require_POST
def give_back(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Skip, give back, or report a broken item."""
    form = GiveBackForm(request.POST)
    if not form.is_valid():
        return _page(request, assignment_id, give_back_form=form, status=422)
    try:
        assignment = work.give_back(
            assignment_id=assignment_id,
            reason=GiveBackReason(form.cleaned_data["reason"]),
            note=form.cleaned_data["note"],
            by=request.actor,
            now=request.now,
        )
    except NotThere:
        raise
    except WagefileError as refusal:
        show_refusal(form, refusal)
        return _page(request, assignment_id, give_back_form=form, status=refusal.status)
    said = {
        GiveBackReason.SKIP: "Skipped. Your time on it counts.",
        GiveBackReason.GIVEN_BACK: "Given back. Your time on it counts.",
        GiveBackReason.BROKEN: "Reported as broken. Your time on it counts.",
    }
    messages.success(request, said[GiveBackReason(assignment.give_back_reason)])
    return redirect("work:desk", assignment.project_id)


def _page(
    request: HttpRequest,
    assignment_id: uuid.UUID,
    *,
    answer: dict | None = None,
    refusal: WagefileError | None = None,
    give_back_form: GiveBackForm | None = None,
    status: int = 200,
) -> HttpResponse:
    assignment = desk.assignment_of(assignment_id, request.actor)
    done = history.done(history.assignments(request.actor).filter(id=assignment_id), request.now)[0]
    context = {
        "assignment": assignment,
        "task": assignment.criteria.body["task"],
        "rubric": assignment.criteria.body["rubric"],
        "editor": desk.editor(assignment, answer=answer),
        "clock": desk.clock(assignment),
        "earns": desk.earns_now(assignment),
        "done": done,
        "missed": gold.missed(request.actor, request.now, assignment.project_id).get(assignment.id)
        if assignment.state in DECIDED
        else None,
        "is_writable": assignment.state in desk.WRITABLE,
        "is_claimed": assignment.state == AssignmentState.CLAIMED,
        "can_undo": any(
            row.assignment_id == assignment.id
            for row in desk.undoable(assignment.project_id, request.actor, request.now)
        ),
        "shows_instructions": answer is None and desk.is_first(assignment),
        "refusal": refusal.sentence if refusal else "",
        "refused_field": (refusal.field or "") if refusal else "",
        "give_back_form": give_back_form or GiveBackForm(),
        "heartbeat_seconds": desk.heartbeat_seconds(),
    }
    return render(
        request, "work/assignment.html", context, status=refusal.status if refusal else status
    )


def _clock(request: HttpRequest, assignment_id: uuid.UUID, clock: Clock) -> dict:
    assignment = desk.assignment_of(assignment_id, request.actor)
    earns = desk.earns_now(assignment)
    return {
        "active_seconds": clock.active_seconds,
        "idle_seconds": clock.idle_seconds,
        "cap_seconds": clock.cap_seconds,
        "is_capped": clock.is_capped,
        "expires_at": clock.expires_at.isoformat(),
        "floor": written(earns.floor, earns.currency),
    }


def _refused(refusal: WagefileError) -> JsonResponse:
    return JsonResponse({"detail": refusal.sentence}, status=refusal.status)
