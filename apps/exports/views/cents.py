"""One page an amount: its reasons, where it came from, and where it went."""

import uuid

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.exports.queries import cents
from apps.exports.views.papers import log_staff
from apps.ledger import queries as ledger
from apps.ledger.queries import TransferRow
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.payments.models import Funding, Payout, Refund
from apps.payments.permissions import check_can_see_money
from apps.projects.models import CriteriaVersion
from apps.projects.views.overview import fee_percent
from apps.work.models import Assignment, EarningLine, Enrolment
from apps.work.queries.history import done
from apps.work.views.buyer import pseudonym


def _check_side(request: HttpRequest, org_id: uuid.UUID, contributor_id: uuid.UUID | None) -> None:
    """The person who earned it, the buyer's people who see money, and staff."""
    if contributor_id is None or contributor_id != request.actor.user_id:
        check_can_see_money(request.actor, org_id=org_id)


def _life(
    request: HttpRequest, found: TransferRow | None, *, line_id: object = None
) -> HttpResponse:
    if found is None:
        raise Http404
    life = cents.life(found, request.actor)
    if life.assignment:
        _check_side(request, life.assignment.org_id, life.assignment.contributor_id)
    elif life.project:
        check_can_see_money(request.actor, org_id=life.project.org_id)
    else:
        _check_account(request, found)
    log_staff(request, "transfer", found.id, life.project.org_id if life.project else None)
    context = {"life": life, "transfer": found, "line_id": line_id, "who": _who(life)}
    return render(request, "exports/life.html", context)


def _who(life: cents.Life) -> str:
    """The contributor as this reader knows them."""
    if life.assignment is None or life.side == "contributor":
        return ""
    return pseudonym(life.assignment.project_id, life.assignment.contributor_id)


def _check_account(request: HttpRequest, found: TransferRow) -> None:
    """Of a wallet alone: members who see money. Of an own account: whoever it belongs to."""
    if request.actor.is_staff:
        return
    for account in ledger.accounts().filter(id__in=[found.debit_id, found.credit_id]):
        if account.holder_id in request.actor.org_ids:
            check(request.actor, Permission.SEE_MONEY, org_id=account.holder_id)


@login_required
@require_safe
def transfer(request: HttpRequest, transfer_id: uuid.UUID) -> HttpResponse:
    return _life(request, cents.transfer(transfer_id, request.actor))


@login_required
@require_safe
def line(request: HttpRequest, line_id: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(EarningLine.objects.visible_to(request.actor), id=line_id)
    _check_side(request, row.org_id, row.contributor_id)
    return _life(request, cents.of_line(row, request.actor), line_id=row.id)


@login_required
@require_safe
def payout(request: HttpRequest, payout_id: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(Payout.objects.visible_to(request.actor), id=payout_id)
    return _life(request, cents.of_payout(row, request.actor))


@login_required
@require_safe
def funding(request: HttpRequest, funding_id: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(Funding.objects.visible_to(request.actor), id=funding_id)
    check_can_see_money(request.actor, org_id=row.org_id)
    found = cents.of_funding(row, request.actor)
    if found is None:
        # Nothing is booked yet; its own page says how it stands.
        return redirect("payments:funding", row.id)
    return _life(request, found)


@login_required
@require_safe
def refund(request: HttpRequest, refund_id: uuid.UUID) -> HttpResponse:
    row = get_object_or_404(Refund.objects.visible_to(request.actor), id=refund_id)
    check_can_see_money(request.actor, org_id=row.org_id)
    return _life(request, cents.of_refund(row, request.actor))


@login_required
@require_safe
def item(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """One item of work: lines, verdicts, scores, and everything that was held for it."""
    row = get_object_or_404(
        Assignment.objects.visible_to(request.actor).select_related("project", "criteria"),
        id=assignment_id,
    )
    _check_side(request, row.org_id, row.contributor_id)
    log_staff(request, "assignment", row.id, row.org_id)
    rows = done([row], request.now)
    context = {
        "assignment": row,
        "row": rows[0],
        "lines": EarningLine.objects.filter(assignment=row).order_by("at", "id"),
        "transfers": [
            (each, cents.CODES.get(each.code, each.code))
            for each in cents.of_assignment(row, request.actor)
        ],
        "currency": row.criteria.body["currency"],
        "is_own": row.contributor_id == request.actor.user_id,
        "who": pseudonym(row.project_id, row.contributor_id),
    }
    return render(request, "exports/item.html", context)


@login_required
@require_safe
def criteria(request: HttpRequest, criteria_id: uuid.UUID) -> HttpResponse:
    """The version that an amount was paid under; for whoever works or buys under it."""
    rows = CriteriaVersion.objects.select_related("project")
    if not request.actor.is_staff:
        mine = Enrolment.objects.of_contributor(request.actor).values("project_id")
        rows = rows.filter(Q(org_id__in=request.actor.org_ids) | Q(project_id__in=mine))
    version = get_object_or_404(rows, id=criteria_id)
    context = {
        "version": version,
        "body": version.body,
        "project": version.project,
        "fee_percent": fee_percent(version.body),
    }
    return render(request, "exports/criteria.html", context)
