"""The stand-in for Stripe, our own code pointed at it, and the steps that most tests begin with."""

import datetime as dt
import json
import time
from contextlib import suppress

import pytest
import stripe
from django.test import Client

from apps.accounts.models import ContributorProfile
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.queries import find_account
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.models import Funding, OutboxCall, Payout, Refund, StripeAccount, StripeEvent
from apps.payments.queries import differences
from stripe_double import Double
from stripe_double.webhooks import sign

PLATFORM, CONNECT = "whsec_platform_of_the_tests", "whsec_connect_of_the_tests"
STAFF = Actor(kind="staff")


@pytest.fixture
def double(settings, monkeypatch, now):
    """Stripe's stand-in with the tests' clock. Its webhooks are fetched by `deliver`."""
    settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_CONNECT_WEBHOOK_SECRET = PLATFORM, CONNECT
    # The official client waits half a second and more between its own retries.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0)
    with Double.start(now=now.isoformat()) as made:
        settings.STRIPE_API_BASE = made.url
        yield made
        with suppress(AttributeError):
            gateway.client()._requestor._client.close()
        gateway._client.cache_clear()


class Money:
    """Asks the ledger, pays in, earns, and looks at both sides."""

    def __init__(self, double: Double, now: dt.datetime) -> None:
        self.double, self.now = double, now

    # Both sides of the books.

    def wallet(self, org) -> int:
        with acting(STAFF):
            return find_account(Purpose.WALLET, currency="USD", holder=org.id).available

    def payable(self, user) -> int:
        with acting(STAFF):
            return find_account(Purpose.PAYABLE, currency="USD", holder=user.id).available

    def at_stripe(self) -> int:
        """The platform's balance there, available and pending."""
        return sum(row.available + row.pending for row in gateway.read_balance())

    def transfers(self, account_id: str) -> list:
        found = gateway.client().v1.transfers.list({"destination": account_id, "limit": 100})
        return list(found.data)

    # Steps.

    def fund(self, org, by, amount: int, *, available: bool = True) -> Funding:
        """Pay in and let the event come."""
        funding = payments.fund(org_id=org.id, amount=amount, by=by, now=self.now)
        self.pay(funding, available=available)
        self.check(funding)
        return self.fresh(funding)

    def pay(self, funding: Funding, *, outcome: str = "paid", available: bool = True) -> dict:
        body = {"outcome": outcome, "available": available}
        return self.double.post(f"/_double/checkout/{funding.session_id}/pay", body)

    def settle(self, funding: Funding, outcome: str) -> dict:
        """The bank's word on a debit: "paid" or "failed"."""
        return self.double.post(
            f"/_double/checkout/{funding.session_id}/settle", {"outcome": outcome}
        )

    def dispute(self, funding: Funding, **body: object) -> str:
        """The payer's bank asks for the money back; the id of the dispute at Stripe."""
        return self.double.post(
            "/_double/disputes", {"payment_intent": funding.payment_intent_id, **body}
        )["id"]

    def close(self, dispute_id: str, status: str, **body: object) -> dict:
        return self.double.post(f"/_double/disputes/{dispute_id}/close", {"status": status, **body})

    def news(self, *types: str) -> None:
        """Deliver every event of these types (all: none named), and handle what is stored."""
        self.deliver(*self.events(*types))
        payments.take_events(now=self.now)

    def check(self, funding: Funding) -> Funding:
        with acting(system(funding.org_id)) as by:
            return payments.check_funding(funding_id=funding.id, by=by, now=self.now)

    def earn(self, user, org, amount: int) -> None:
        """Wallet to payable, as an acceptance would in two steps."""
        with acting(system(org.id)):
            ledger.post(
                [
                    ledger.Entry(
                        id=uuid7(),
                        kind=TransferKind.POSTED,
                        code="base",
                        at=self.now,
                        amount=amount,
                        currency="USD",
                        debit=ledger.account(Purpose.WALLET, currency="USD", holder=org.id),
                        credit=ledger.account(Purpose.PAYABLE, currency="USD", holder=user.id),
                    )
                ]
            )

    def connect(self, user, *, is_verified: bool = True) -> StripeAccount:
        """A connected account of the stand-in in place of the cast's invented one."""
        person = Actor(kind="person", user_id=user.id)
        with acting(system()):
            StripeAccount.objects.filter(user=user).delete()
        with acting(person):
            payments.connect(by=person, now=self.now)
            account = StripeAccount.objects.get(user=user)
        if is_verified:
            self.double.post(f"/_double/accounts/{account.account_id}/verify")
        with acting(person):
            return payments.refresh_account(user_id=user.id, by=person, now=self.now)

    def request(self, user, amount: int | None = None) -> Payout:
        person = Actor(kind="person", user_id=user.id)
        with acting(person):
            return payments.request_payout(by=person, now=self.now, amount=amount)

    def later(self, **span) -> dt.datetime:
        """Move the tests' and Stripe's clock on."""
        step = dt.timedelta(**span)
        self.now += step
        self.double.advance(int(step.total_seconds()))
        return self.now

    def fresh(self, row: Funding | Payout | Refund):
        with acting(STAFF):
            return type(row).objects.get(id=row.id)

    def calls(self) -> list[OutboxCall]:
        with acting(STAFF):
            return list(OutboxCall.objects.order_by("created_at", "id"))

    # Events, as Stripe would send them.

    def events(self, *types: str) -> list[dict]:
        """What the stand-in has to tell so far, oldest first."""
        rows = []
        for kind in ("event", "v2.core.event"):
            rows += self.double.sim.store.records[kind].values()
        clean = [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]
        return [row for row in clean if not types or row["type"] in types]

    def deliver(self, *bodies: dict) -> list[int]:
        """POST them to our endpoints; the statuses."""
        statuses = []
        for body in bodies:
            is_connect = "account" in body or body["object"] == "v2.core.event"
            statuses.append(post(body, endpoint="connect" if is_connect else "platform"))
        return statuses

    def stored(self) -> list[StripeEvent]:
        with acting(STAFF):
            return list(StripeEvent.objects.order_by("id"))


def told() -> list[str]:
    """Where Stripe's books and the ledger differ, in sentences."""
    with acting(STAFF):
        return list(differences())


def post(
    body: dict, *, endpoint: str, secret: str | None = None, at: float | None = None, raw=b""
) -> int:
    payload = raw or json.dumps(body).encode()
    secret = secret or (CONNECT if endpoint == "connect" else PLATFORM)
    signature = sign(payload, secret, int(at or time.time()))
    answer = Client().post(
        f"/payments/webhooks/{endpoint}/",
        payload,
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )
    return answer.status_code


@pytest.fixture
def money(double, now):
    return Money(double, now)


@pytest.fixture
def profile(db):
    """Change a contributor's profile."""

    def change(user, **fields) -> None:
        with acting(Actor(kind="person", user_id=user.id)):
            ContributorProfile.objects.filter(user=user).update(**fields)

    return change
