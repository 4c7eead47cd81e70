"""The wallet pays in by itself below a level, with a method kept at Stripe, up to a monthly cap."""

import datetime as dt
import logging
import uuid

from django.db import transaction
from django.db.models import QuerySet, Sum

from apps.core.errors import Invalid, NotThere, WagefileError
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tasks import enqueue, one_at_a_time
from apps.core.tenancy import Actor, acting, system
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.organizations.models import Organization
from apps.payments import gateway
from apps.payments.actions.funding import fund
from apps.payments.actions.outcomes import locked, record, tell
from apps.payments.enums import FundingState
from apps.payments.models import Funding, OutboxCall, TopUpRule
from apps.payments.permissions import check_can_move_money
from apps.payments.rules import FUNDING_MAXIMUM, FUNDING_MINIMUM

log = logging.getLogger(__name__)

ON_THE_WAY = (FundingState.OPEN, FundingState.PENDING)


def set_top_up(
    *, org_id: uuid.UUID, level: int, amount: int, monthly_cap: int, by: Actor, now: dt.datetime
) -> Funding | None:
    """Write the rule down; the funding whose checkout asks for consent, None if Stripe has it.

    The first `amount` is paid by the buyer on Stripe's page, who agrees there that the method is
    used again. The rule is on from then.
    """
    setter = check_can_move_money(by, org_id=org_id)
    _check(level, amount, monthly_cap)
    with transaction.atomic():
        org = Organization.objects.visible_to(by).filter(id=org_id).first()
        if org is None:
            raise NotThere("There is no such organization.")
        rule = (
            TopUpRule.objects.select_for_update(of=("self",), no_key=True).filter(org=org).first()
        )
        rule = rule or TopUpRule(org=org, customer_id=gateway.create_customer(org.id))
        rule.level, rule.amount, rule.monthly_cap = level, amount, monthly_cap
        rule.currency, rule.set_at, rule.set_by_id = org.currency, now, setter
        rule.failures, rule.off_reason = 0, ""
        rule.is_on = bool(rule.method_id)
        asking = None
        if not rule.is_on:
            asking = fund(
                org_id=org.id, amount=amount, by=by, now=now, customer_id=rule.customer_id
            )
            rule.consent_funding = asking
        rule.save()
        record(rule, "set", by=by, now=now)
    return asking


def _check(level: int, amount: int, monthly_cap: int) -> None:
    if level <= 0:
        raise Invalid("The level is more than nothing.", field="level")
    if not FUNDING_MINIMUM <= amount <= FUNDING_MAXIMUM:
        raise Invalid("The amount is too small or too large for one payment.", field="amount")
    if monthly_cap < amount:
        raise Invalid("The cap of a month is at least one payment.", field="monthly_cap")


def switch_off_top_up(*, org_id: uuid.UUID, by: Actor, now: dt.datetime) -> TopUpRule:
    """No more automatic payments. The kept method is forgotten: a new rule asks for consent."""
    check_can_move_money(by, org_id=org_id)
    with transaction.atomic():
        rule = locked(org_id)
        method_id = rule.method_id
        rule.is_on, rule.method_id, rule.off_reason = False, "", "Switched off by you."
        rule.save()
        record(rule, "off", by=by, now=now)
    if method_id:
        try:
            gateway.forget_method(method_id)
        except WagefileError as error:
            # It is off here all the same, and without its id nobody can use it again.
            log.warning("method of %s: %s", org_id, error.sentence)
    return rule


def take_consent(funding: Funding, *, by: Actor, now: dt.datetime) -> None:
    """A paid checkout that asked for consent: its payment method is the one to use."""
    rule = TopUpRule.objects.filter(consent_funding=funding, method_id="").first()
    if rule is None:
        return
    method_id = gateway.read_method(funding.payment_intent_id)
    with transaction.atomic():
        rule = locked(funding.org_id)
        if not method_id or rule.method_id or rule.off_reason:
            return
        rule.method_id, rule.is_on = method_id, True
        rule.save()
        record(rule, "on", by=by, now=now)


def top_up(*, now: dt.datetime) -> int:
    """Every wallet below its level is paid in once; how many were."""
    with one_at_a_time("payments.top_up") as is_mine:
        with acting(system()):
            rules = TopUpRule.objects.filter(is_on=True).order_by("org_id")
            org_ids = list(rules.values_list("org_id", flat=True)) if is_mine else []
            asked = TopUpRule.objects.filter(method_id="", off_reason="")
            paid = Funding.objects.filter(
                id__in=asked.values("consent_funding_id"), state=FundingState.PAID
            )
            waiting = list(paid) if is_mine else []
        for funding in waiting:
            _note_consent(funding, now=now)
        return sum(_top_up(org_id, now=now) for org_id in org_ids)


def _note_consent(funding: Funding, *, now: dt.datetime) -> None:
    try:
        with acting(system(funding.org_id)) as by:
            take_consent(funding, by=by, now=now)
    except WagefileError as error:
        log.warning("consent of %s: %s", funding.org_id, error.sentence)


def _top_up(org_id: uuid.UUID, *, now: dt.datetime) -> bool:
    with acting(system(org_id)) as by, transaction.atomic():
        rule = locked(org_id)
        org = Organization.objects.get(id=org_id)
        wallet = find_account(Purpose.WALLET, currency=rule.currency, holder=org_id)
        automatic = Funding.objects.filter(org=org, is_automatic=True)
        if (
            not rule.is_on
            or org.frozen_at is not None
            or wallet.available >= rule.level
            or automatic.filter(state__in=ON_THE_WAY).exists()
            or _tried_today(automatic, now)
        ):
            return False
        if _of_month(automatic, now) + rule.amount > rule.monthly_cap:
            _tell_capped(rule, now=now)
            return False
        _send(rule, by=by, now=now)
    return True


def _tried_today(automatic: QuerySet[Funding], now: dt.datetime) -> bool:
    """A refused one is tried again a day later, not five minutes."""
    recent = automatic.filter(created_at__gt=now - dt.timedelta(days=1))
    return recent.filter(state=FundingState.FAILED).exists()


def _of_month(automatic: QuerySet[Funding], now: dt.datetime) -> int:
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = automatic.filter(created_at__gte=start).exclude(state=FundingState.FAILED)
    return rows.aggregate(total=Sum("amount"))["total"] or 0


def _send(rule: TopUpRule, *, by: Actor, now: dt.datetime) -> None:
    funding = Funding.objects.create(
        org_id=rule.org_id,
        amount=rule.amount,
        currency=rule.currency,
        is_automatic=True,
        created_at=now,
        created_by_id=rule.set_by_id,
    )
    booked = derived(funding.id, "paid")
    OutboxCall.objects.bulk_create(
        [
            OutboxCall(
                kind="top_up",
                subject_id=funding.id,
                ledger_transfer_id=booked,
                idempotency_key=f"pi:{booked}:1",
                params={
                    "amount": rule.amount,
                    "currency": rule.currency,
                    "customer": rule.customer_id,
                    "payment_method": rule.method_id,
                    "metadata": {"funding": str(funding.id)},
                },
                next_try_at=now,
                created_at=now,
            )
        ]
    )
    record(rule, "tried", by=by, now=now)
    enqueue("payments.push_outbox")


def _tell_capped(rule: TopUpRule, *, now: dt.datetime) -> None:
    cap = written(rule.monthly_cap, rule.currency)
    tell(
        rule,
        "The wallet is below its level, and the cap of the month is reached.",
        f"Automatic top-ups of this month stay under {cap}. Pay in yourself, or raise the cap.",
        key=f"top_up_cap:{rule.org_id}:{now:%Y-%m}:{rule.monthly_cap}",
        now=now,
    )
