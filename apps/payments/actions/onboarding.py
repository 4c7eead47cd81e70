"""A contributor's connected account: who they are and where their bank is, only Stripe knows."""

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.accounts.models import ContributorProfile, User
from apps.accounts.queries import staff_ids
from apps.audit import actions as audit
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import derived
from apps.core.tenancy import Actor, acting, system
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments import gateway
from apps.payments.enums import CallState, PayoutState
from apps.payments.models import OutboxCall, Payout, StripeAccount
from apps.payments.permissions import check_can_be_paid
from apps.payments.rules import PAYABLE_COUNTRIES

# Until somebody releases it.
NEVER = dt.timedelta(days=3650)


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
                "destination_key": seen.destination_key,
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
        account = _locked(user_id)
        before = account.transfers_status
        account.transfers_status = seen.transfers_status[:30]
        account.requirements = seen.requirements
        account.checked_at = now
        has_changed = _take_destination(account, seen.destination_key, now=now)
        account.save()
        if has_changed:
            _move_calls(account, account.wait_until or now, "Waits: where it goes was changed.")
            _record(account, "destination_changed", by=by, now=now)
            _tell_change(account, now=now)
        if before != account.transfers_status:
            _record(account, account.transfers_status, by=by, now=now)
            _tell(account, now=now)
    return account


def _take_destination(account: StripeAccount, key: str, *, now: dt.datetime) -> bool:
    """Whether the money would go somewhere else than before. The first place is no change."""
    before, account.destination_key = account.destination_key, key or account.destination_key
    if not before or not key or before == key:
        return False
    account.wait_until = now + dt.timedelta(hours=settings.WAGEFILE["payout_account_wait_hours"])
    return True


def _move_calls(account: StripeAccount, until: dt.datetime, why: str) -> None:
    """What is reserved and not sent yet waits, too. Only the platform writes the outbox."""
    with acting(system()):
        waiting = Payout.objects.filter(user_id=account.user_id, state=PayoutState.REQUESTED)
        ids = list(waiting.values_list("id", flat=True))
        waiting.update(reason=why)
        OutboxCall.objects.filter(subject_id__in=ids, state=CallState.WAITING).update(
            next_try_at=until
        )


def stop_payouts(*, by: Actor, now: dt.datetime) -> StripeAccount:
    """The owner does not know the change: no payout until an administrator has looked."""
    user_id = check_can_be_paid(by)
    with transaction.atomic():
        account = _locked(user_id)
        if account.stopped_at is None:
            account.stopped_at = now
            account.save(update_fields=["stopped_at"])
            _move_calls(account, now + NEVER, "Stopped by you until an administrator has looked.")
            _record(account, "stopped", by=by, now=now)
            notices.tell(
                staff_ids(),
                kind=Notices.STAFF_PAYOUTS_STOPPED,
                title="A contributor does not know a change of the own payout account",
                body="Nothing is paid out to this person until somebody has looked.",
                url=reverse("payments:staff_money"),
                now=now,
            )
    return account


def release_payouts(*, user_id: uuid.UUID, by: Actor, now: dt.datetime) -> StripeAccount:
    """An administrator has looked, and talked to the person: payouts go again."""
    if not by.is_staff or by.user_id in (None, user_id):
        raise NotAllowed("Another administrator of the platform decides this.")
    with transaction.atomic():
        account = _locked(user_id)
        if account.stopped_at is None:
            raise Conflict("The payouts of this person are not stopped.")
        account.stopped_at = None
        account.save(update_fields=["stopped_at"])
        _move_calls(account, max(now, account.wait_until or now), "")
        _record(account, "released", by=by, now=now)
        notices.tell(
            [user_id],
            kind=Notices.PAYOUT_CHANGED,
            title="An administrator has looked: your payouts go again.",
            url=reverse("payments:payouts"),
            now=now,
        )
    return account


def _locked(user_id: uuid.UUID) -> StripeAccount:
    account = (
        StripeAccount.objects.select_for_update(of=("self",), no_key=True)
        .filter(user_id=user_id)
        .first()
    )
    if account is None:
        raise NotThere("Payouts are not set up yet.")
    return account


def _tell_change(account: StripeAccount, *, now: dt.datetime) -> None:
    notices.tell(
        [account.user_id],
        kind=Notices.PAYOUT_CHANGED,
        title="Where your payouts go was changed at Stripe.",
        body="Nothing is paid out for 48 hours. If it was not you, say so on the page of your "
        "payouts: then nothing goes out until an administrator has looked.",
        url=reverse("payments:payouts"),
        due_at=account.wait_until,
        now=now,
    )


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
