"""A platform may hold a buyer's money for a limited time; what is unspent then goes back."""

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.urls import reverse

from apps.core.errors import WagefileError
from apps.core.money import written
from apps.core.tenancy import acting, system
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.queries import people_with
from apps.payments.actions.refunds import send_back
from apps.payments.enums import CallState, FundingState
from apps.payments.models import Funding, Refund
from apps.payments.queries import disputed_ids
from apps.payments.rules import unspent_parts

log = logging.getLogger(__name__)


def watch_holds(*, now: dt.datetime) -> None:
    """Warn, then refund: whatever of an old payment still lies in the wallet. What projects hold is
    promised to contributors and stays.
    """
    near = now + dt.timedelta(days=settings.WAGEFILE["hold_notice_days"])
    with acting(system()):
        due = Funding.objects.filter(state=FundingState.PAID, hold_until__lte=near)
        org_ids = list(due.order_by("org_id").values_list("org_id", flat=True).distinct())
    for org_id in org_ids:
        try:
            _watch(org_id, near, now=now)
        except WagefileError as error:
            log.warning("holds of %s: %s", org_id, error.sentence)


def _watch(org_id: uuid.UUID, near: dt.datetime, *, now: dt.datetime) -> None:
    with acting(system(org_id)) as by, transaction.atomic():
        org = Organization.objects.get(id=org_id)
        fundings = list(
            Funding.objects.select_for_update(of=("self",), no_key=True)
            .filter(org=org, state=FundingState.PAID, currency=org.currency)
            .order_by("paid_at", "id")
        )
        gone = dict(
            Refund.objects.filter(org=org)
            .exclude(state=CallState.REFUSED)
            .values_list("funding_id")
            .annotate(total=Sum("amount"))
        )
        wallet = find_account(Purpose.WALLET, currency=org.currency, holder=org.id)
        left = [(row.id, row.amount - gone.get(row.id, 0)) for row in fundings]
        parts = unspent_parts(left, wallet.available)
        over, disputed = [], set(disputed_ids(org))
        for row in fundings:
            part = parts.get(row.id, 0)
            if not part or row.id in disputed or row.hold_until is None or row.hold_until > near:
                continue
            if row.hold_until <= now:
                over.append((row, part))
            else:
                _warn(row, part, now=now)
        if over:
            send_back(org, over, asked_by=None, by=by, now=now)


def _warn(funding: Funding, part: int, *, now: dt.datetime) -> None:
    notices.tell(
        people_with(Permission.MOVE_MONEY, org_id=funding.org_id),
        kind=Notices.HOLD_NEAR,
        title=f"{written(part, funding.currency)} in the wallet goes back soon.",
        body="Stripe lets us hold a payment for a limited time. What is not spent by then is "
        "refunded to the payment method that it came from.",
        url=reverse("payments:wallet", args=[funding.org_id]),
        due_at=funding.hold_until,
        key=f"hold:{funding.id}",
        now=now,
    )
