"""People, and what Stripe says of them."""

import datetime as dt

from allauth.account.models import EmailAddress

from apps.accounts.models import ContributorProfile, TermsAcceptance, TermsVersion, User
from apps.core.tenancy import Actor, acting, system
from apps.payments.models import StripeAccount

PASSWORD = "a long enough password 7"


def user(
    name: str, *, is_staff: bool = False, domain: str = "example.org", has_accepted: bool = True
) -> User:
    """A person with a confirmed e-mail address, the password above and the terms accepted."""
    made = User.objects.create_user(
        email=f"{name}@{domain}", password=PASSWORD, name=name.capitalize(), is_staff=is_staff
    )
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    if not is_staff and has_accepted:
        accept_terms(made)
    return made


def accept_terms(user: User) -> None:
    """As at sign-up: whatever version is the latest, without evidence."""
    version = TermsVersion.objects.order_by("-number").first()
    with acting(Actor(kind="person", user_id=user.id)):
        TermsAcceptance.objects.create(user=user, version=version, accepted_at=version.effective_at)


def contributor(
    name: str, *, now: dt.datetime, region: str = "US", is_verified: bool = True
) -> User:
    """A person with a profile; verified is who Stripe pays."""
    made = user(name)
    with acting(Actor(kind="person", user_id=made.id)):
        ContributorProfile.objects.create(
            user=made, region=region, languages=["en"], adult_confirmed_at=now
        )
    with acting(system()):
        StripeAccount.objects.create(
            user=made,
            account_id=f"acct_{made.id.hex[-20:]}",
            country=region,
            transfers_status="active" if is_verified else "inactive",
            created_at=now,
            checked_at=now,
        )
    return made
