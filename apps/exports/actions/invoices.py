"""Invoices: what the ledger charged a buyer in a month, numbered and never changed."""

import datetime as dt
import logging
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import NotThere
from apps.core.money import written
from apps.core.tenancy import Actor, acting, system
from apps.exports.actions.statements import SWEPT, tell_wrong
from apps.exports.enums import InvoiceKind
from apps.exports.errors import NotTheLedger
from apps.exports.models import Invoice, InvoiceLine, ProjectBilling
from apps.exports.queries import invoices
from apps.exports.rules import taxes
from apps.exports.rules.months import Month
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.permissions import check
from apps.organizations.queries import people_with
from apps.payments.permissions import check_is_system
from apps.projects.actions.moves import locked
from apps.projects.models import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What a project owes more than invoices said until now; negative where it is less."""

    project_id: uuid.UUID
    currency: str
    pay: int
    fee: int
    compute: int

    @property
    def amounts(self) -> tuple[int, int, int]:
        return self.pay, self.fee, self.compute


def issue_invoices(*, by: Actor, now: dt.datetime) -> int:
    """Invoice the month that is over to every organization; how many papers were issued.

    Call it outside of a transaction: each organization has its own, and a call that was stopped
    goes on with the next. Twice issues nothing twice. Where ledger and earning lines differ
    nothing is issued, and staff is told.
    """
    check_is_system(by)
    month = Month.of(now - SWEPT).before
    with acting(by), connection.cursor() as cursor:
        cursor.execute("SELECT exports_charged_organizations(%s)", [month.end])
        orgs = [row[0] for row in cursor.fetchall()]
    made = 0
    for org_id in orgs:
        try:
            with acting(system(org_id)) as actor:
                made += len(issue(org_id=org_id, month=month, by=actor, now=now))
        except NotTheLedger as error:
            log.exception("the invoice %s of %s is not the ledger", month.name, org_id)
            with acting(by):
                tell_wrong(f"invoice {month.name} of {org_id}", error, now=now)
    return made


def issue(*, org_id: uuid.UUID, month: Month, by: Actor, now: dt.datetime) -> list[Invoice]:
    """An invoice a currency of what was charged until the month's end and not invoiced yet; credit
    notes of what is less than invoices said. None for a month that has its invoice.
    """
    check_is_system(by)
    with transaction.atomic():
        org = (
            Organization.objects.select_for_update(of=("self",), no_key=True)
            .filter(id=org_id)
            .first()
        )
        if org is None:
            raise NotThere("There is no such organization.")
        if Invoice.objects.filter(
            org=org, kind=InvoiceKind.INVOICE, month__gte=month.first
        ).exists():
            return []
        until = _checked(org_id, month.end)
        as_of = max((row.as_of for row in until), default=0)
        made = []
        for currency, changes in _changes(org_id, until).items():
            more = [change for change in changes if max(change.amounts) > 0]
            if more:
                made.append(_write(org, month, currency, more, as_of=as_of, by=by, now=now))
            made += _credit(org, month, currency, changes, as_of=as_of, by=by, now=now)
        return made


def _checked(org_id: uuid.UUID, until: dt.datetime) -> list[invoices.Charged]:
    """What the ledger charged; refused where earning lines or lift runs say something else."""
    found = invoices.charged(org_id, until)
    lines = invoices.lines_until(org_id, until)
    ledger = {(row.project_id, row.currency): (row.pay, row.fee) for row in found}
    runs = invoices.computed_until(org_id, until)
    computed = {(row.project_id, row.currency): row.compute for row in found if row.compute}
    if computed != runs:
        raise NotTheLedger(f"The ledger charged {computed} for computing, the lift runs {runs}.")
    for key in sorted(set(ledger) | set(lines), key=str):
        if ledger.get(key, (0, 0)) != lines.get(key, (0, 0)):
            raise NotTheLedger(
                f"Project {key[0]}: the ledger charged {ledger.get(key, (0, 0))} {key[1]} for pay "
                f"and fee, the earning lines say {lines.get(key, (0, 0))}."
            )
    return found


def _changes(org_id: uuid.UUID, until: Sequence[invoices.Charged]) -> dict[str, list[Change]]:
    said = invoices.invoiced(org_id)
    found: dict[str, list[Change]] = defaultdict(list)
    for row in until:
        if row.project_id is None:  # the lines all have a project, and were compared
            continue
        before = said.get((row.project_id, row.currency), (0, 0, 0))
        now = (row.pay, row.fee, row.compute)
        if now != before:
            more = (one - other for one, other in zip(now, before, strict=True))
            found[row.currency].append(Change(row.project_id, row.currency, *more))
    return found


def _credit(
    org: Organization,
    month: Month,
    currency: str,
    changes: Sequence[Change],
    *,
    as_of: int,
    by: Actor,
    now: dt.datetime,
) -> list[Invoice]:
    """A credit note for each invoice that said more than is due now: the latest of each project."""
    by_invoice: dict[Invoice, list[Change]] = defaultdict(list)
    for change in changes:
        if min(change.amounts) < 0:
            said = (
                InvoiceLine.objects.filter(
                    project_id=change.project_id,
                    invoice__kind=InvoiceKind.INVOICE,
                    invoice__currency=currency,
                )
                .select_related("invoice")
                .latest("invoice__serial")
            )
            by_invoice[said.invoice].append(
                Change(change.project_id, currency, *(-amount for amount in change.amounts))
            )
    return [
        _write(org, month, currency, less, corrects=invoice, as_of=as_of, by=by, now=now)
        for invoice, less in by_invoice.items()
    ]


def _write(
    org: Organization,
    month: Month,
    currency: str,
    changes: Sequence[Change],
    *,
    corrects: Invoice | None = None,
    as_of: int,
    by: Actor,
    now: dt.datetime,
) -> Invoice:
    """PostgreSQL numbers it. A credit note is taxed as the invoice was that it corrects."""
    pay = sum(max(change.pay, 0) for change in changes)
    fee = sum(max(change.fee, 0) for change in changes)
    compute = sum(max(change.compute, 0) for change in changes)
    buyer = corrects.facts["buyer"] if corrects else invoices.buyer(org)
    seller = corrects.facts["seller"] if corrects else invoices.seller()
    tax = taxes.tax(
        fee + compute,
        operator=seller["country"],
        buyer=buyer["country"],
        has_vat_number=bool(buyer["vat_number"]),
        rates=settings.WAGEFILE["vat_rates"],
    )
    row = Invoice(
        org=org,
        kind=InvoiceKind.CREDIT_NOTE if corrects else InvoiceKind.INVOICE,
        corrects=corrects,
        month=month.first,
        currency=currency,
        pay=pay,
        fee=fee,
        compute=compute,
        tax=tax.amount,
        total=pay + fee + compute + tax.amount,
        as_of=as_of,
        issued_at=now,
        facts={
            "seller": seller,
            "buyer": buyer,
            "tax": {**asdict(tax), "rate": str(tax.rate)},
        },
    )
    row.save(force_insert=True)
    row.refresh_from_db(fields=["serial"])
    _write_lines(row, changes)
    audit.record(
        Event(
            f"{row.kind}.issued",
            ("invoice", row.id),
            org.id,
            {"serial": row.serial, "total": row.total, "month": month.name},
        ),
        by=by,
        now=now,
    )
    notices.tell(
        people_with(Permission.MOVE_MONEY, org_id=org.id),
        kind=Notices.INVOICE,
        title=f"{row.get_kind_display()} {row.name} over {written(row.total, currency)}",
        body=f"{month}. It was paid from the wallet; there is nothing to transfer.",
        url=reverse("money:invoice", args=[row.id]),
        now=now,
    )
    return row


def _write_lines(invoice: Invoice, changes: Sequence[Change]) -> None:
    projects = Project.objects.in_bulk([change.project_id for change in changes])
    billing = invoices.project_billing(invoice.org_id)
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            org_id=invoice.org_id,
            invoice=invoice,
            project=projects[change.project_id],
            title=projects[change.project_id].title,
            layer=projects[change.project_id].layer,
            po_number=known.po_number if known else "",
            cost_centre=known.cost_centre if known else "",
            pay=max(change.pay, 0),
            fee=max(change.fee, 0),
            compute=max(change.compute, 0),
        )
        for change in changes
        for known in [billing.get(change.project_id)]
    )


def set_project_billing(
    *, project_id: uuid.UUID, po_number: str, cost_centre: str, by: Actor, now: dt.datetime
) -> ProjectBilling:
    """What stands beside this project on invoices from now on."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        check(by, Permission.MOVE_MONEY, org_id=project.org_id)
        row, _ = ProjectBilling.objects.update_or_create(
            project=project,
            defaults={
                "org_id": project.org_id,
                "po_number": po_number.strip(),
                "cost_centre": cost_centre.strip(),
            },
        )
        audit.record(
            Event("project.billing_changed", ("project", project.id), project.org_id),
            by=by,
            now=now,
        )
        return row
