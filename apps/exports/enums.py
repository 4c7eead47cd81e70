"""States of a dataset release; kinds of invoices."""

from django.db import models


class ReleaseState(models.TextChoices):
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


RELEASE_TRANSITIONS: dict[str, frozenset[str]] = {
    ReleaseState.BUILDING: frozenset({ReleaseState.READY, ReleaseState.FAILED}),
    ReleaseState.READY: frozenset(),
    ReleaseState.FAILED: frozenset({ReleaseState.BUILDING}),
}


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"
