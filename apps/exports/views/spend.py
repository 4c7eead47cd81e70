"""What an organization's human input cost."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.exports.queries import spend as queries
from apps.exports.views.papers import log_staff, stream_csv
from apps.organizations.models import Organization
from apps.payments.permissions import check_can_see_money


def organization(request: HttpRequest, org_id: uuid.UUID) -> Organization:
    """The organization, for members who see money, and for staff."""
    found = get_object_or_404(Organization.objects.visible_to(request.actor), id=org_id)
    check_can_see_money(request.actor, org_id=org_id)
    return found


@login_required
@require_safe
def show(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    org = organization(request, org_id)
    log_staff(request, "organization", org.id, org.id)
    by = request.GET.get("by", "project")
    by = by if by in queries.BY else "project"
    context = {
        "org": org,
        "by": by,
        "tabs": [(f"By {word}", f"?by={word}", word == by) for word in queries.BY],
        "spends": queries.spend(org.id, by=by),
        "agreement": queries.AGREEMENT,
    }
    return render(request, "exports/spend.html", context)


@login_required
@require_GET
def table(request: HttpRequest, org_id: uuid.UUID) -> HttpResponseBase:
    org = organization(request, org_id)
    log_staff(request, "organization", org.id, org.id)
    return stream_csv(
        lambda: queries.table(org.id), name=f"wagefile-spend-{org.slug}", actor=request.actor
    )
