"""What becomes of automatic top-ups: told, counted, and after several failures switched off."""

import datetime as dt
import uuid

from django.conf import settings
from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import Conflict
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.payments.enums import FundingState
from apps.payments.models import Funding, TopUpRule


def note_outcome(funding: Funding, *, why: str = "", by: Actor, now: dt.datetime) -> None:
    """An automatic payment has arrived, or failed: after several failures in a row it is off."""
    rule = (
        TopUpRule.objects.select_for_update(of=("self",), no_key=True)
        .filter(org=funding.org_id)
        .first()
    )
    if rule is None or not funding.is_automatic:
        return
    if funding.state == FundingState.PAID:
        rule.failures = 0
        rule.save(update_fields=["failures"])
        return
    rule.failures += 1
    most = settings.WAGEFILE["top_up_failures_max"]
    if rule.failures >= most:
        rule.is_on = False
        rule.off_reason = f"{rule.failures} automatic payments in a row failed."
    rule.save()
    record(rule, "failed", by=by, now=now)
    amount = written(funding.amount, funding.currency)
    end = "It is switched off now." if not rule.is_on else "It is tried again in a day."
    tell(rule, f"Automatic top-up of {amount} failed.", f"{why} {end}".strip(), now=now)


def tell(
    rule: TopUpRule, title: str, body: str, *, now: dt.datetime, key: str | None = None
) -> None:
    notices.tell(
        people_with(Permission.MOVE_MONEY, org_id=rule.org_id),
        kind=Notices.TOP_UP,
        title=title,
        body=body,
        url=reverse("payments:wallet", args=[rule.org_id]),
        key=key,
        now=now,
    )


def locked(org_id: uuid.UUID) -> TopUpRule:
    rule = (
        TopUpRule.objects.select_for_update(of=("self",), no_key=True).filter(org_id=org_id).first()
    )
    if rule is None:
        raise Conflict("There is no automatic top-up.")
    return rule


def record(rule: TopUpRule, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"level": rule.level, "amount": rule.amount, "cap": rule.monthly_cap}
    event = audit.Event(f"top_up.{what}", ("top_up", rule.id), rule.org_id, data)
    audit.record(event, by=by, now=now)
