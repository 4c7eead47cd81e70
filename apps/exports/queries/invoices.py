"""What an organization was charged, and the invoices that say so. Amounts are minor units."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum

from apps.core.regions import COUNTRIES
from apps.core.tenancy import Actor
from apps.exports.enums import InvoiceKind
from apps.exports.models import Invoice, InvoiceLine, ProjectBilling
from apps.exports.rules.months import plain
from apps.organizations.models import BillingDetails, Organization
from apps.projects.models import Project
from apps.scoring.models import LiftRun
from apps.work.models import EarningLine

COLUMNS = (
    "number", "kind", "month", "issued_at", "project", "project_title", "layer", "po_number",
    "cost_centre", "currency", "pay", "fee", "compute", "tax", "total",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Charged:
    """One project and currency, everything until a moment: as the ledger has it."""

    project_id: uuid.UUID | None
    currency: str
    pay: int
    fee: int
    compute: int
    as_of: int


def charged(org_id: uuid.UUID, until: dt.datetime) -> list[Charged]:
    """From the transfers alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM exports_charged(%s, %s)", [org_id, until])
        return [Charged(*row) for row in cursor.fetchall()]


def lines_until(
    org_id: uuid.UUID, until: dt.datetime
) -> dict[tuple[uuid.UUID | None, str], tuple[int, int]]:
    """(project, currency) → (net, fee) of the lines that the buyer pays: the same money, seen from
    the other side. What the platform pays out of its fee has a gross of 0 and is on no invoice.
    """
    rows = (
        EarningLine.objects.filter(org_id=org_id, at__lt=until, gross__gt=0)
        .order_by()
        .values_list("project_id", "currency")
        .annotate(Sum("net"), Sum("fee"))
    )
    return {(project, currency): (net, fee) for project, currency, net, fee in rows}


def computed_until(org_id: uuid.UUID, until: dt.datetime) -> dict[tuple[uuid.UUID, str], int]:
    """(project, currency) → what lift runs were charged: as their rows have it."""
    rows = (
        LiftRun.objects.filter(org_id=org_id, charged_at__lt=until, charged__gt=0)
        .order_by()
        .values_list("project_id", "project__currency")
        .annotate(Sum("charged"))
    )
    return {(project, currency): charged for project, currency, charged in rows}


def invoiced(org_id: uuid.UUID) -> dict[tuple[uuid.UUID, str], tuple[int, int, int]]:
    """(project, currency) → (pay, fee, compute) that invoices say, credit notes taken off."""
    note = Q(invoice__kind=InvoiceKind.CREDIT_NOTE)
    rows = (
        InvoiceLine.objects.filter(org_id=org_id)
        .order_by()
        .values_list("project_id", "invoice__currency")
        .annotate(
            pay_said=Sum("pay", filter=~note),
            fee_said=Sum("fee", filter=~note),
            compute_said=Sum("compute", filter=~note),
            pay_back=Sum("pay", filter=note),
            fee_back=Sum("fee", filter=note),
            compute_back=Sum("compute", filter=note),
        )
    )
    return {
        (project, currency): (
            (pay or 0) - (pay_back or 0),
            (fee or 0) - (fee_back or 0),
            (compute or 0) - (compute_back or 0),
        )
        for project, currency, pay, fee, compute, pay_back, fee_back, compute_back in rows
    }


def of_organization(org_id: uuid.UUID, actor: Actor) -> list[Invoice]:
    return list(Invoice.objects.visible_to(actor).filter(org_id=org_id))


def lines(invoice: Invoice) -> list[InvoiceLine]:
    return list(invoice.lines.order_by("title", "id"))


def seller() -> dict[str, str]:
    """The operator, as it stands on invoices; what it has not said is empty."""
    operator = settings.OPERATOR
    return {
        "name": operator["name"] or "The operator of this installation (not said)",
        "address": operator["address"],
        "country": settings.OPERATOR_COUNTRY,
        "vat_number": settings.OPERATOR_VAT_NUMBER,
        "email": operator["email"],
    }


def buyer(org: Organization) -> dict[str, str]:
    """The organization with its billing details; its name where it gave no legal one."""
    details = billing(org)
    return {
        "name": details.legal_name or org.name,
        "address": details.address,
        "country": org.country,
        "country_name": COUNTRIES.get(org.country, org.country),
        "vat_number": details.vat_number,
        "po_number": details.po_number,
        "cost_centre": details.cost_centre,
    }


def billing(org: Organization) -> BillingDetails:
    """The details, or an unsaved empty row."""
    return BillingDetails.objects.filter(org=org).first() or BillingDetails(org=org)


def project_billing(org_id: uuid.UUID) -> dict[uuid.UUID, ProjectBilling]:
    return {row.project_id: row for row in ProjectBilling.objects.filter(org_id=org_id)}


def projects_to_bill(org: Organization, actor: Actor) -> list[tuple[Project, ProjectBilling]]:
    """Every project with what the buyer's bookkeeping wants beside it."""
    known = project_billing(org.id)
    rows = Project.objects.visible_to(actor).filter(org=org).order_by("-created_at")
    return [(project, known.get(project.id) or ProjectBilling(project=project)) for project in rows]


def table(invoice: Invoice) -> Iterator[Sequence[object]]:
    """Rows of the CSV: a line a project, then the whole. Those of a credit note are negative."""
    sign = -1 if invoice.kind == InvoiceKind.CREDIT_NOTE else 1
    head = (invoice.name, invoice.kind, f"{invoice.month:%Y-%m}", invoice.issued_at.isoformat())
    yield COLUMNS
    for line in lines(invoice):
        yield (
            *head, line.project_id, plain(line.title), line.layer, plain(line.po_number),
            plain(line.cost_centre), invoice.currency, sign * line.pay, sign * line.fee,
            sign * line.compute, "", sign * line.gross,
        )  # fmt: skip
    yield (
        *head, "", "Total", "", plain(invoice.facts["buyer"]["po_number"]),
        plain(invoice.facts["buyer"]["cost_centre"]), invoice.currency, sign * invoice.pay,
        sign * invoice.fee, sign * invoice.compute, sign * invoice.tax, sign * invoice.total,
    )  # fmt: skip
