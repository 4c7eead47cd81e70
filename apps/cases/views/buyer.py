"""The buyer's side: the cases of the organization."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from apps.cases import queries
from apps.cases.views.lists import CASES, CaseFilter, filtered
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.permissions import check


@login_required
@require_safe
def organization(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    """Every role sees that there are cases; what may be answered depends on the role."""
    mine = Organization.objects.filter(id__in=request.actor.org_ids)
    org = get_object_or_404(mine, id=org_id)
    check(request.actor, Permission.VIEW, org_id=org.id)
    form = CaseFilter(request.GET)
    rows = filtered(queries.of_organization(request.actor, org.id), form)
    page = CASES.page(request, rows, hidden=["person"])
    return render(request, "cases/organization.html", {"page": page, "org": org, "form": form})
