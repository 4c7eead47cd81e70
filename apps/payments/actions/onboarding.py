"""A contributor's connected account: who they are and where their bank is, only Stripe knows."""

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.models import ContributorProfile, User
from apps.audit import actions as audit
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments import gateway
from apps.payments.models import StripeAccount
from apps.payments.permissions import check_can_be_paid
from apps.payments.rules import PAYABLE_COUNTRIES


def connect(*, by: Actor, now: dt.datetime) -> str:
    """A fresh address of Stripe's onboarding, good once and for minutes; never stored.

    Makes the connected account at the first call. Where we may not pay is said before anything is
    typed: Invalid for a country outside PAYABLE_COUNTRIES.
    """
    user_id = check_can_be_paid(by)
    account = StripeAccount.objects.filter(user_id=user_id).first()
    account_id = account.account_id if account else _open(user_id, by=by, now=now).account_id
    page = settings.SITE_URL + reverse("payments:payouts")
    return gateway.create_onboarding_link(
        account_id, refresh_url=f"{page}?again=1", return_url=f"{page}?returned=1"
    )


def _open(user_id: uuid.UUID, *, by: Actor, now: dt.datetime) -> StripeAccount:
    profile = ContributorProfile.objects.filter(user_id=user_id).first()
    if profile is None:
        raise Conflict("Save your profile first: the country decides how you can be paid.")
    if profile.region not in PAYABLE_COUNTRIES:
        raise Invalid(
            "Payouts reach people in the US, Canada, the UK, Switzerland and the European Economic "
            f"Area; not yet in {profile.region}. What you have earned stays yours.",
            field="region",
        )
    email = User.objects.values_list("email", flat=True).get(id=user_id)
    seen = gateway.create_recipient(user_id=user_id, country=profile.region, email=email)
    with transaction.atomic():
        # Two clicks at once get the same account from Stripe, and one row here.
        account, is_new = StripeAccount.objects.get_or_create(
            user_id=user_id,
            defaults={
                "account_id": seen.id,
                "country": profile.region,
                "transfers_status": seen.transfers_status,
                "requirements": seen.requirements,
                "created_at": now,
                "checked_at": now,
            },
        )
        if is_new:
            _record(account, "opened", by=by, now=now)
    return account


def refresh_account(*, user_id: uuid.UUID, by: Actor, now: dt.datetime) -> StripeAccount:
    """Ask Stripe whether the account can be paid and what is still missing."""
    if not (by.is_system or by.user_id == user_id):
        raise NotAllowed("Only you can do this.")
    account = StripeAccount.objects.filter(user_id=user_id).first()
    if account is None:
        raise NotThere("Payouts are not set up yet.")
    seen = gateway.read_recipient(account.account_id)
    with transaction.atomic():
        account = StripeAccount.objects.select_for_update(of=("self",)).get(user_id=user_id)
        before = account.transfers_status
        account.transfers_status = seen.transfers_status[:30]
        account.requirements = seen.requirements
        account.checked_at = now
        account.save(update_fields=["transfers_status", "requirements", "checked_at"])
        if before != account.transfers_status:
            _record(account, account.transfers_status, by=by, now=now)
            _tell(account, now=now)
    return account


def _tell(account: StripeAccount, *, now: dt.datetime) -> None:
    notices.tell(
        [account.user_id],
        kind=Notices.PAYOUT_ACCOUNT,
        title="Stripe can pay you now."
        if account.is_verified
        else "Stripe cannot pay you at the moment; it asks for something.",
        url=reverse("payments:payouts"),
        now=now,
    )


def _record(account: StripeAccount, what: str, *, by: Actor, now: dt.datetime) -> None:
    aggregate = ("stripe_account", derived(account.user_id, "stripe"))
    event = audit.Event(f"stripe_account.{what}", aggregate, data={"country": account.country})
    audit.record(event, by=by, now=now)
