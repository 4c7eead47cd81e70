"""The people of the tests, as fixtures.

acme buys work: alice owns it, mia manages, rob reviews, fay does the money, vic only looks.
globex is the other tenant, gus its owner and the outsider to everything of acme's. carol and dave
do the work. ada and adam are administrators of the platform.
"""

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.core import clock
from apps.core.tenancy import Actor
from apps.organizations.enums import Role
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.projects.models import Project
from tests.factories import accounts, ledger, organizations, projects

__all__ = [
    "acme",
    "ada",
    "adam",
    "alice",
    "as_",
    "carol",
    "client_of",
    "clock_at",
    "dave",
    "fay",
    "funded",
    "globex",
    "gus",
    "mia",
    "now",
    "project",
    "rob",
    "vic",
]

# A Monday, so that a week of settlement begins with it.
NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.datetime], dt.datetime]:
    """Set what web requests and tasks of this process take for `now`; call again to move on."""

    def set_to(moment: dt.datetime) -> dt.datetime:
        monkeypatch.setattr(clock, "real_now", lambda: moment)
        return moment

    return set_to


@pytest.fixture
def now(clock_at: Callable[[dt.datetime], dt.datetime]) -> dt.datetime:
    """A fixed moment; requests of a test that asks for it happen then, too."""
    return clock_at(NOW)


@pytest.fixture
def as_(db: None) -> Callable[[User], Actor]:
    """The actor that a signed-in person is: read anew, since roles change."""
    return actor_of


@pytest.fixture
def client_of(db: None) -> Callable[[User | None], Client]:
    """A test client signed in as this person, or as nobody."""

    def client(user: User | None) -> Client:
        made = Client()
        if user is not None:
            made.force_login(user)
        return made

    return client


@pytest.fixture
def alice(db: None) -> User:
    return accounts.user("alice")


@pytest.fixture
def gus(db: None) -> User:
    return accounts.user("gus")


@pytest.fixture
def acme(alice: User, now: dt.datetime) -> Organization:
    return organizations.organization("acme", owner=alice, now=now)


@pytest.fixture
def globex(gus: User, now: dt.datetime) -> Organization:
    return organizations.organization("globex", owner=gus, now=now)


def _member(name: str, role: Role) -> Callable:
    @pytest.fixture(name=name)
    def person(acme: Organization, alice: User, now: dt.datetime) -> User:
        user = accounts.user(name)
        organizations.member(acme, user, role, by=actor_of(alice), now=now)
        return user

    return person


mia = _member("mia", Role.MANAGER)
rob = _member("rob", Role.REVIEWER)
fay = _member("fay", Role.FINANCE)
vic = _member("vic", Role.VIEWER)


@pytest.fixture
def carol(db: None, now: dt.datetime) -> User:
    return accounts.contributor("carol", now=now)


@pytest.fixture
def dave(db: None, now: dt.datetime) -> User:
    return accounts.contributor("dave", now=now)


@pytest.fixture
def ada(db: None) -> User:
    return accounts.user("ada", is_staff=True)


@pytest.fixture
def adam(db: None) -> User:
    return accounts.user("adam", is_staff=True)


@pytest.fixture
def funded(db: None, now: dt.datetime) -> Callable[[Organization, int], int]:
    """`funded(org, amount)`: money from Stripe into the wallet; the wallet's account id."""

    def put(org: Organization, amount: int) -> int:
        return ledger.fund(org.id, amount, currency=org.currency, now=now)

    return put


@pytest.fixture
def project(db: None, now: dt.datetime) -> Callable[..., Project]:
    """`project(org, ...)`: a live project of choices; the words are those of `projects.published`.

    It is made by whoever made the organization.
    """

    def make(org: Organization, **words: object) -> Project:
        return projects.published(org, **{"by": actor_of(org.created_by), "now": now, **words})

    return make
