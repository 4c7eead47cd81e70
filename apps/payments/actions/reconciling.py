"""Once a night: Stripe's books beside ours, with the result kept for the administrators."""

import datetime as dt
from itertools import islice

from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.core.tenancy import Actor, acting, system
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments.actions.balance import fetch_balance
from apps.payments.models import BalanceTxn, Reconciliation
from apps.payments.queries import differences

KEPT = 100


def reconcile(*, now: dt.datetime, is_fetching: bool = True) -> Reconciliation:
    """Ask Stripe for news (`is_fetching`), compare, keep what was found, tell of differences."""
    if is_fetching:
        fetch_balance(now=now)
    # The staff reads every tenant's transfers, the system writes the platform's rows.
    with acting(Actor(kind="staff")):
        sentences = list(differences())
        count = BalanceTxn.objects.count()
    with acting(system()):
        row = Reconciliation.objects.create(
            at=now,
            transactions=count,
            differences=len(sentences),
            sentences=list(islice(sentences, KEPT)),
        )
        if sentences:
            notices.tell(
                staff_ids(),
                kind=Notices.STAFF_RECONCILE,
                title=f"Stripe's books and the ledger differ in {len(sentences)} places.",
                body=sentences[0],
                url=reverse("payments:staff_money"),
                now=now,
            )
    return row
