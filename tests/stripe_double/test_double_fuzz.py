"""Any request that the description allows, and many that it does not: never a 500 of our own, every
answer fits the description, and the sums hold afterwards.

Parameters are made up from the description itself; ids are those that exist, or nonsense.
"""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_double import spec
from stripe_double.core import PLATFORM
from stripe_double.means import BY_NAME
from stripe_double.routes import HANDLERS
from tests.stripe_double.world import ACCOUNT, KEYS, World

PREPARED = [
    ("pay", 90_000, "available"),
    ("pay", 20_000, "debit"),
    ("pay", 5_000, "declined"),
    ("pay", 9_000, "disputed"),
    ("transfer", 0, 30_000),
    ("transfer", 1, 5_000),
    ("reverse", 0, 400),
    ("refund", 0, 700),
    ("payout", 1, 600),
    ("topup", 800, False),
]
# The kinds of things whose ids a parameter of this name may hold.
KINDS = {
    "account": "v2.core.account",
    "charge": "charge",
    "customer": "customer",
    "destination": "v2.core.account",
    "dispute": "dispute",
    "intent": "payment_intent",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "payout": "payout",
    "refund": "refund",
    "session": "checkout.session",
    "source": "charge",
    "source_transaction": "charge",
    "topup": "topup",
    "transfer": "transfer",
}
BY_PATH = {
    "/v1/balance": "balance_transaction",
    "/v1/events": "event",
    "/v1/transfers/{id}": "transfer",
    "/v1/transfers/{transfer}": "transfer_reversal",
    "/v1/accounts": "bank_account",
    "/v2/core/accounts": "v2.core.account",
    "/v2/core/events": "v2.core.event",
}
LINE = {
    "price_data": {"currency": "usd", "unit_amount": 900, "product_data": {"name": "Wallet"}},
    "quantity": 1,
}
# Requests that would do, of which one field is changed.
SOUND = {
    ("POST", "/v1/checkout/sessions"): {
        "mode": "payment",
        "success_url": "http://shop.test/",
        "line_items": [LINE],
    },
    ("POST", "/v1/payment_intents"): {
        "amount": 900,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": True,
    },
    ("POST", "/v1/payment_intents/{intent}/confirm"): {"payment_method": "pm_card_visa"},
    ("POST", "/v1/payment_methods/{payment_method}/attach"): {"customer": ""},
    ("POST", "/v1/payouts"): {"amount": 50, "currency": "usd", "method": "instant"},
    ("POST", "/v1/refunds"): {"payment_intent": "", "amount": 1},
    ("POST", "/v1/transfers"): {"amount": 3, "currency": "usd", "destination": ""},
    ("POST", "/v2/core/accounts"): ACCOUNT,
}
EXISTING = ("customer", "destination", "payment_intent")
NUMBERS = st.one_of(
    st.integers(-5, 30_000), st.sampled_from([0, 50, 10**8, 2**53, 10**17, 10**30, "1.5", "", "x"])
)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["usd", "eur", "jpy", "true", "http://shop.test/", *BY_NAME, "a" * 6000]),
)


def values(schema, name, ids):
    """What a client may send for a schema, and now and then what it may not."""
    if "anyOf" in schema:
        return st.one_of(*(values(choice, name, ids) for choice in schema["anyOf"]))
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), TEXTS)
    match schema.get("type"):
        case "integer" | "number":
            return NUMBERS
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(values(schema.get("items", {}), name, ids), max_size=2)
        case "object":
            return things(schema, ids)
    known = ids(KINDS.get(name, ""))
    return st.one_of(st.sampled_from(known), TEXTS) if known else TEXTS


def things(schema, ids):
    """An object of some of its fields, the required ones mostly among them."""
    fields = schema.get("properties", {})
    if not fields:
        return st.dictionaries(st.text("abc", min_size=1, max_size=3), TEXTS, max_size=2)
    needed = [name for name in schema.get("required", []) if name in fields]

    @st.composite
    def draw_one(draw):
        most = draw(st.integers(0, 4))
        rest = st.lists(st.sampled_from(sorted(fields)), max_size=most, unique=True)
        chosen = [*needed, *draw(rest)] if draw(st.integers(0, 9)) else draw(rest)
        return {name: draw(values(fields[name], name, ids)) for name in dict.fromkeys(chosen)}

    return draw_one()


def form(value, name=""):
    """Stripe's encoding: `a[b][0]`, as pairs."""
    if isinstance(value, dict):
        rows = [(f"{name}[{key}]" if name else key, item) for key, item in value.items()]
        return [pair for key, item in rows for pair in form(item, key)]
    if isinstance(value, list):
        return [pair for at, item in enumerate(value) for pair in form(item, f"{name}[{at}]")]
    return [(name, json.dumps(value) if isinstance(value, bool) else str(value))]


class Client:
    """Draws one request after the other; knows the ids that exist by now."""

    def __init__(self, world, draw):
        self.world, self.draw = world, draw

    def ids(self, kind):
        return list(self.world.sim.store.records[kind])[-6:] if kind else []

    def path(self, template):
        kind = next((k for start, k in BY_PATH.items() if template.startswith(start)), "")
        parts = []
        for part in template.split("/"):
            if not part.startswith("{"):
                parts.append(part)
                continue
            known = self.ids(KINDS.get(part.strip("{}"), kind))
            nonsense = st.sampled_from(["none", "ch_1", "%00", "a%2Fb"])
            choice = st.one_of(st.sampled_from(known), nonsense) if known else nonsense
            parts.append(self.draw(choice))
        return "/".join(parts)

    def request(self, method, template):
        schema, _ = spec._request_schema(method, template)
        params = self.draw(things(schema, self.ids))
        if (method, template) in SOUND and self.draw(st.booleans()):
            changed = self.draw(st.sampled_from(["", *params]))
            known = {name: self.ids(KINDS.get(name, ""))[-1:] for name in EXISTING}
            sound = dict(SOUND[method, template])
            sound |= {name: ids[0] for name, ids in known.items() if name in sound and ids}
            params = {**sound, **{name: params[name] for name in params if name == changed}}
        target, headers, body = self.path(template), dict(KEYS), b""
        accounts = [PLATFORM, PLATFORM, *self.world.accounts]
        headers["Stripe-Account"] = self.draw(st.sampled_from(accounts))
        if self.draw(st.booleans()):
            headers["Idempotency-Key"] = self.draw(st.sampled_from(["a", "b", "c"]))
        if template.startswith("/v2") and method == "POST":
            headers["Content-Type"] = "application/json"
            body = json.dumps(params).encode()
        elif method == "POST":
            body = urlencode(form(params)).encode()
        else:
            target += f"?{urlencode(form(params))}"
        return self.world.api.answer(method, target, headers, body)


def prepared():
    world = World()
    for name, a, b in PREPARED:
        world.step(name, a, b)
    world.post("/v1/customers", {"payment_method": "pm_card_visa"})
    return world


@pytest.fixture(scope="module")
def shared_world():
    """One that remembers all that was done to it."""
    return prepared()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_no_request_breaks_the_stand_in(data):
    world = prepared()
    client = Client(world, data.draw)
    for _ in range(8):
        route = data.draw(st.sampled_from(sorted(HANDLERS)))
        answer = client.request(*route)
        assert answer.status < 500, (route, answer.body)
    assert world.sim.violations.responses == []
    world.check_sums()


@pytest.mark.parametrize("route", sorted(HANDLERS), ids=" ".join)
@settings(max_examples=4, deadline=None)
@given(st.data())
def test_every_route_is_answered(shared_world, route, data):
    answer = Client(shared_world, data.draw).request(*route)
    assert answer.status < 500, answer.body
    assert shared_world.sim.violations.responses == []
