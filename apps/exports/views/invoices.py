"""A buyer's invoices: pages, CSV and PDF, and what stands on the next ones."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.exports import actions as exports
from apps.exports import gateway
from apps.exports.forms import BillingForm, ProjectBillingForm
from apps.exports.models import Invoice, ProjectBilling
from apps.exports.queries import invoices as queries
from apps.exports.queries import papers
from apps.exports.views.papers import log_staff, send_pdf, stream_csv
from apps.exports.views.spend import organization
from apps.organizations import actions as organizations
from apps.organizations.enums import Permission
from apps.organizations.permissions import can, check
from apps.payments.permissions import check_can_see_money
from apps.projects.models import Project


@login_required
@require_safe
def show_all(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    org = organization(request, org_id)
    log_staff(request, "organization", org.id, org.id)
    context = {
        "org": org,
        "invoices": queries.of_organization(org.id, request.actor),
        "details": queries.buyer(org),
        "projects": queries.projects_to_bill(org, request.actor),
        "may_bill": can(request.actor, Permission.MOVE_MONEY, org_id=org.id),
    }
    return render(request, "exports/invoices.html", context)


def _invoice(request: HttpRequest, invoice_id: uuid.UUID) -> Invoice:
    found = get_object_or_404(
        Invoice.objects.visible_to(request.actor).select_related("org", "corrects"), id=invoice_id
    )
    check_can_see_money(request.actor, org_id=found.org_id)
    log_staff(request, "invoice", found.id, found.org_id)
    return found


@login_required
@require_safe
def show(request: HttpRequest, invoice_id: uuid.UUID) -> HttpResponse:
    found = _invoice(request, invoice_id)
    context = {
        "invoice": found,
        "lines": queries.lines(found),
        "notes": papers.notes(found),
        "credit_notes": found.notes.order_by("serial"),
    }
    return render(request, "exports/invoice.html", context)


@login_required
@require_GET
def table(request: HttpRequest, invoice_id: uuid.UUID) -> HttpResponseBase:
    found = _invoice(request, invoice_id)
    return stream_csv(lambda: queries.table(found), name=found.name, actor=request.actor)


@login_required
@require_GET
def paper(request: HttpRequest, invoice_id: uuid.UUID) -> HttpResponse:
    found = _invoice(request, invoice_id)
    content = gateway.pdf("invoice.typ", papers.invoice(found), at=found.issued_at)
    return send_pdf(content, name=found.name)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def billing(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    """Legal name, address, VAT number, PO number and cost centre, for the next invoices."""
    org = organization(request, org_id)
    check(request.actor, Permission.MOVE_MONEY, org_id=org.id)
    details = queries.billing(org)
    names = ("legal_name", "address", "vat_number", "po_number", "cost_centre")
    initial = {name: getattr(details, name) for name in names}
    form = BillingForm(request.POST or None, initial=initial, country=org.country)
    if request.method == "POST" and form.is_valid():
        try:
            organizations.set_billing(
                org_id=org.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Saved. The next invoice says this; issued ones stay.")
            return redirect("money:invoices", org.id)
    context = {"org": org, "form": form}
    return render(request, "exports/billing.html", context, status=status_of(form))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def project_billing(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = get_object_or_404(
        Project.objects.visible_to(request.actor).select_related("org"), id=project_id
    )
    check(request.actor, Permission.MOVE_MONEY, org_id=project.org_id)
    row = ProjectBilling.objects.filter(project=project).first() or ProjectBilling()
    initial = {"po_number": row.po_number, "cost_centre": row.cost_centre}
    form = ProjectBillingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        exports.set_project_billing(
            project_id=project.id, **form.cleaned_data, by=request.actor, now=request.now
        )
        messages.success(request, f"Saved for {project.title}.")
        return redirect("money:invoices", project.org_id)
    context = {"org": project.org, "project": project, "form": form}
    return render(request, "exports/billing.html", context, status=status_of(form))
