"""The stand-in, the official SDK pointed at it, and a receiver of webhooks."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
import stripe

from stripe_double import Double

SECRET, CONNECT_SECRET = "whsec_platform", "whsec_connect"


class Receiver:
    """Takes webhooks at /platform and /connect; answers with `answers` first, then 200."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[str, bytes, str]] = []
        self.answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["Stripe-Signature"]
                receiver.got.append((self.path, body, signature))
                status = 200 if receiver.answers.empty() else receiver.answers.get()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def types(self, path: str | None = None) -> list[str]:
        return [json.loads(body)["type"] for at, body, _ in self.got if path in (None, at)]

    def bodies(self, path: str, name: str) -> list[dict[str, Any]]:
        rows = [json.loads(body) for at, body, _ in self.got if at == path]
        return [row for row in rows if row["type"] == name]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def double(receiver):
    with Double.start(
        webhook=f"{receiver.url}/platform",
        secret=SECRET,
        connect_webhook=f"{receiver.url}/connect",
        connect_secret=CONNECT_SECRET,
    ) as double:
        yield double
        assert double.sim.violations.responses == []


@pytest.fixture
def quiet():
    """A stand-in without webhooks."""
    with Double.start() as double:
        yield double
        assert double.sim.violations.responses == []


@pytest.fixture
def sdk():
    """Make an official client of a stand-in."""
    sessions = []

    def make(double: Double) -> stripe.StripeClient:
        sessions.append(requests.Session())
        return stripe.StripeClient(
            "sk_test_123",
            base_addresses={"api": double.url},
            max_network_retries=2,
            http_client=stripe.RequestsClient(session=sessions[-1]),
        )

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def client(double, sdk):
    return sdk(double)


class Story:
    """Steps that most tests begin with."""

    def __init__(self, double: Double, client: stripe.StripeClient) -> None:
        self.double, self.client = double, client

    def session(self, amount: int = 10_000, currency: str = "usd", **extra: Any) -> Any:
        price = {
            "currency": currency,
            "unit_amount": amount,
            "product_data": {"name": "Wallet"},
        }
        params = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.test/back",
            **extra,
        }
        return self.client.v1.checkout.sessions.create(params)

    def fund(self, amount: int = 10_000, *, available: bool = True, **extra: Any) -> Any:
        """Pay a new session; returns its charge."""
        ident = self.session(amount, **extra).id
        self.double.post(
            f"/_double/checkout/{ident}/pay", {"outcome": "paid", "available": available}
        )
        session = self.client.v1.checkout.sessions.retrieve(
            ident, {"expand": ["payment_intent.latest_charge"]}
        )
        return session.payment_intent.latest_charge

    def account(self, *, verified: bool = True, country: str = "us", **extra: Any) -> Any:
        params = {
            "dashboard": "express",
            "identity": {"country": country},
            "configuration": {
                "recipient": {
                    "capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}
                }
            },
            "defaults": {
                "responsibilities": {
                    "fees_collector": "application",
                    "losses_collector": "application",
                }
            },
            "include": ["configuration.recipient", "requirements", "identity", "defaults"],
            **extra,
        }
        account = self.client.v2.core.accounts.create(params)
        if verified:
            self.double.post(f"/_double/accounts/{account.id}/verify")
        return account

    def link(self, account: str) -> Any:
        onboarding = {
            "configurations": ["recipient"],
            "refresh_url": "http://shop.test/again",
            "return_url": "http://shop.test/returned",
        }
        use_case = {"type": "account_onboarding", "account_onboarding": onboarding}
        return self.client.v2.core.account_links.create({"account": account, "use_case": use_case})

    def transfer(self, account: str, amount: int, *, key: str | None = None, **extra: Any) -> Any:
        params = {"amount": amount, "currency": "usd", "destination": account, **extra}
        return self.client.v1.transfers.create(params, {"idempotency_key": key} if key else None)

    def available(self, account: str | None = None) -> int:
        return self.balance(account).available[0].amount

    def balance(self, account: str | None = None) -> Any:
        options = {"stripe_account": account} if account else None
        return self.client.v1.balance.retrieve(options=options)


@pytest.fixture
def story(double, client):
    return Story(double, client)


@pytest.fixture
def stories(sdk):
    """Make a story over another stand-in."""
    return lambda double: Story(double, sdk(double))
