"""Making people, organizations and money for a demo or a replay, through the real actions."""

import datetime as dt
import time
import uuid
from collections.abc import Iterable, Sequence

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from apps.accounts import actions as accounts
from apps.accounts.models import ContributorProfile, User
from apps.accounts.queries import terms_in_force
from apps.core import clock
from apps.core.tenancy import Actor, acting, system
from apps.organizations import actions as organizations
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.pages import gateway
from apps.payments import actions as payments
from apps.payments.models import StripeAccount
from apps.projects import actions as projects
from apps.projects.enums import ImportState
from apps.projects.models import ItemImport

FUNDING_STEP = 90_000_000  # minor units: below what one Checkout session may hold
# More than Stripe takes of a payment, with its fixed part. Percent, minor units.
FEE_PERCENT, FEE_FIXED = 5, 1_00


def check_is_simulated() -> None:
    """Simulated people and a stand-in for Stripe belong to no real marketplace."""
    if settings.PRODUCTION:
        message = "This works on a demo or a test only: it makes people and money up."
        raise CommandError(message)


def double(path: str, /, **body: object) -> dict:
    """Call the stand-in for Stripe on its own address; only a demo or a test ever does."""
    try:
        return gateway.double(path, **body)
    except gateway.StandInAway as error:
        raise CommandError(error.sentence) from error


def administrator(email: str, name: str) -> User:
    user = User.objects.filter(email=email).first()
    return user or User.objects.create_user(email, None, name=name, is_staff=True)


def sign_in(
    email: str, name: str, *, password: str, is_staff: bool = False, is_simulated: bool = False
) -> User:
    """Somebody who can sign in at once: the address counts as confirmed."""
    with transaction.atomic():
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(
                email, password, name=name, is_staff=is_staff, is_simulated=is_simulated
            )
            EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        if not is_staff:
            accept_terms([user.id])
    return user


def accept_terms(user_ids: Iterable[uuid.UUID]) -> None:
    """These people accept the terms in force, as they would at sign-up."""
    now = clock.now()
    current = terms_in_force(now)
    if current is None:
        return
    for user_id in user_ids:
        with acting(person(user_id)) as by:
            accounts.accept_terms(number=current.number, by=by, now=now)


def buyer(
    email: str, name: str, *, organization: str, owners: str, now: dt.datetime
) -> tuple[User, Organization]:
    """An owner and their organization."""
    user = User.objects.create_user(email, None, name=name, is_simulated=True)
    with acting(actor_of(user)) as actor:
        org = organizations.create(
            name=organization, country="US", currency="USD", owners=owners, by=actor, now=now
        )
    return user, org


def fund(org: Organization, owner: User, amount: int, *, now: dt.datetime) -> None:
    """Pay into the wallet through Checkout, at the stand-in, in as many payments as it takes."""
    while amount > 0:
        part = min(amount, FUNDING_STEP)
        with acting(actor_of(owner)) as actor:
            funding = payments.fund(org_id=org.id, amount=part, by=actor, now=now)
        double(f"checkout/{funding.session_id}/pay", outcome="paid", available=True)
        with acting(system(org.id)) as actor:
            payments.check_funding(funding_id=funding.id, by=actor, now=now)
        amount -= part


def capital(amount: int, *, now: dt.datetime) -> None:
    """The operator's own money at the stand-in: it bears Stripe's fees, nobody else's does."""
    double("topups", amount=amount, currency="usd")
    payments.fetch_balance(now=now)


def capital_for_fees(amount: int, *, now: dt.datetime) -> None:
    """What Stripe may take of `amount` when it is paid in, from the operator's own money."""
    payments_made = -(-amount // FUNDING_STEP)
    capital(amount * FEE_PERCENT // 100 + payments_made * FEE_FIXED, now=now)


def finish_import(load: ItemImport, org: Organization, owner: User) -> None:
    """Read the file here, or wait for the worker that was quicker to take it."""
    while True:
        projects.run_import(import_id=load.id, by=system(org.id), now=clock.now())
        with acting(actor_of(owner)):
            load.refresh_from_db()
        if load.state == ImportState.DONE:
            return
        if load.state not in {ImportState.QUEUED, ImportState.RUNNING}:
            message = f"The items were not taken: {load.error or load.refused[:3]}"
            raise CommandError(message)
        time.sleep(0.2)


def contributors(
    people: Sequence[tuple[str, str]], *, staff: User, region: str = "US", now: dt.datetime
) -> dict[str, uuid.UUID]:
    """Simulated contributors (email, name) with a profile each; email → id."""
    emails = [email for email, _ in people]
    known = dict(User.objects.filter(email__in=emails).values_list("email", "id"))
    fresh = [
        User(email=email, name=name, is_simulated=True, password="!")  # noqa: S106 -- unusable
        for email, name in people
        if email not in known
    ]
    with transaction.atomic():
        User.objects.bulk_create(fresh, batch_size=2_000)
        known |= {user.email: user.id for user in fresh}
        with acting(Actor(kind="staff", user_id=staff.id)):
            ContributorProfile.objects.bulk_create(
                (
                    ContributorProfile(
                        user_id=known[email],
                        region=region,
                        languages=["en"],
                        adult_confirmed_at=now,
                    )
                    for email in emails
                ),
                ignore_conflicts=True,
                batch_size=2_000,
            )
    return {email: known[email] for email in emails}


def person(user_id: uuid.UUID) -> Actor:
    return Actor(kind="person", user_id=user_id)


def verify(user_ids: Iterable[uuid.UUID], *, now: dt.datetime) -> None:
    """Onboard contributors at the stand-in: what a person does on Stripe's own page."""
    for user_id in user_ids:
        with acting(person(user_id)) as actor:
            account = StripeAccount.objects.filter(user_id=user_id).first()
            if account is None:
                payments.connect(by=actor, now=now)
                account = StripeAccount.objects.get(user_id=user_id)
            if not account.is_verified:
                double(f"accounts/{account.account_id}/verify")
                payments.refresh_account(user_id=user_id, by=actor, now=now)
