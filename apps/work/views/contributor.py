"""Before and between items: the board, the offer, joining, the desk of one project."""

import uuid
from decimal import Decimal

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from apps.core.errors import NotThere, WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.projects.rules import Terms
from apps.work import actions as work
from apps.work.enums import EnrolmentState
from apps.work.forms import EnrolForm
from apps.work.models import Enrolment
from apps.work.queries import desk as desks
from apps.work.queries import earnings, examples, gold, offers
from apps.work.queries.offers import OfferView

BOARD = Table(
    Column("published", "Published", "project_id"), sort="-published", key="project_id", size=20
)


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """Every listed, live offer; public, and with one's own gaps and projects when signed in."""
    reader = offers.Reader(request.actor)
    page = BOARD.page(request, offers.listed())
    context = {
        "page": page,
        "offers": offers.views(page.rows, reader),
        "in_hand": desks.in_hand(request.actor) if request.actor.user_id else [],
        "has_profile": reader.profile is not None,
    }
    return render(request, "work/board.html", context)


@require_GET
def offer(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The whole offer, in plain words, and the form that agrees to it."""
    view = offers.offer_of(project_id, request.actor)
    return _offer_page(request, view, _enrol_form(view))


@login_required
@require_POST
def enrol(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    view = offers.offer_of(project_id, request.actor)
    form = EnrolForm(request.POST, tiers=view.open_tiers)
    if form.is_valid() and form.cleaned_data["criteria"] != view.criteria.id:
        form = _fresh(form, view)
    elif form.is_valid():
        try:
            work.enrol(
                project_id=project_id,
                tier=form.cleaned_data["tier"],
                has_consented=form.cleaned_data["has_consented"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            return redirect("work:desk", project_id)
    return _offer_page(request, view, form, status=422)


def _enrol_form(view: OfferView) -> EnrolForm:
    return EnrolForm(tiers=view.open_tiers, initial={"criteria": view.criteria.id})


def _fresh(form: EnrolForm, view: OfferView) -> EnrolForm:
    """The form bound again to the version that is shown now; agreeing has to be done anew."""
    data = {name: form.data[name] for name in form.data} | {"criteria": str(view.criteria.id)}
    data.pop("has_consented", None)
    fresh = EnrolForm(data, tiers=view.open_tiers)
    fresh.add_error(None, "The buyer published a new version while you read. Please read it again.")
    return fresh


def _offer_page(
    request: HttpRequest, view: OfferView, form: EnrolForm, status: int = 200
) -> HttpResponse:
    terms = Terms.of(view.body, version=view.criteria.number)
    context = {
        "offer": view,
        "body": view.body,
        "terms": terms,
        "examples": examples.of(view.body, version=view.criteria.number),
        "form": form,
        "fee_percent": f"{Decimal(terms.fee_bps) / 100:f}",
        "may_join": view.is_open and (view.enrolment is None or _may_retake(view, request)),
    }
    return render(request, "work/offer.html", context, status=status)


def _may_retake(view: OfferView, request: HttpRequest) -> bool:
    enrolment = view.enrolment
    return (
        enrolment is not None
        and enrolment.state == EnrolmentState.FAILED
        and (enrolment.retake_at is None or enrolment.retake_at <= request.now)
    )


@login_required
@require_GET
def desk(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """One project: what is in hand, what can be taken back, what comes next."""
    if _enrolment(request, project_id) is None:
        return redirect("work:offer", project_id)
    return _desk_page(request, project_id)


@login_required
@require_POST
def claim(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    try:
        assignment = work.claim(project_id=project_id, by=request.actor, now=request.now)
    except NotThere:
        raise
    except WagefileError as refusal:
        if _enrolment(request, project_id) is None:
            return redirect("work:offer", project_id)
        return _desk_page(request, project_id, refusal=refusal)
    return redirect("work:assignment", assignment.id)


def _enrolment(request: HttpRequest, project_id: uuid.UUID) -> Enrolment | None:
    return desks.enrolment_of(project_id, request.actor)


def _desk_page(
    request: HttpRequest, project_id: uuid.UUID, refusal: WagefileError | None = None
) -> HttpResponse:
    actor = request.actor
    view = offers.offer_of(project_id, actor)
    in_hand = [row for row in desks.in_hand(actor) if row.project_id == project_id]
    context = {
        "offer": view,
        "enrolment": view.enrolment,
        "in_hand": in_hand,
        "undoable": desks.undoable(project_id, actor, request.now),
        "earned": earnings.of_project(project_id, actor),
        "refusal": refusal.sentence if refusal else "",
        "may_retake": _may_retake(view, request),
    }
    status = refusal.status if refusal else 200
    return render(request, "work/desk.html", context, status=status)


@login_required
@require_GET
def qualification(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The result of the last attempt: what was right, why, what it paid, when it can be retaken."""
    enrolment = _enrolment(request, project_id)
    if enrolment is None:
        raise NotThere("You have not joined this project.")
    view = offers.offer_of(project_id, request.actor)
    context = {
        "offer": view,
        "enrolment": enrolment,
        "tier": next((tier for tier in view.tiers if tier.key == enrolment.tier), None),
        "attempt": desks.attempt_of(enrolment, request.actor),
        "may_retake": _may_retake(view, request),
        "contestable": gold.missed_in_qualification(request.actor, project_id),
    }
    return render(request, "work/qualification.html", context)
