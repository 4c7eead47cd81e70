"""Clients that were not written here: Stripe's official one for Node.js, and requests by hand."""

import base64
import json
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from marketplace.runtime import node
from stripe_double import spec
from stripe_double.webhooks import sign

HERE = Path(__file__).parent
VERIFY = """
import Stripe from "stripe";
const [body, good, bad, secret] = process.argv.slice(1);
const { webhooks } = new Stripe("sk_test_node");
const event = webhooks.constructEvent(body, good, secret);
let refused = false;
try { webhooks.constructEvent(body, bad, secret); } catch { refused = true; }
console.log(JSON.stringify({ type: event.type, refused }));
"""


@pytest.fixture(scope="session")
def node_js():
    """Node.js with the client of package-lock.json."""
    runner = node.find()
    if runner is None:
        pytest.skip("No Node.js 20.11 or newer: the official Node.js client was NOT tried.")
    if not node.install(runner, dev=True, say=lambda _text: None):
        pytest.skip("npm can't install by the lock file: the Node.js client was NOT tried.")

    def run(*arguments):
        done = subprocess.run(
            [runner, *arguments], capture_output=True, text=True, timeout=60, cwd=HERE, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_official_client_of_another_language(quiet, node_js):
    seen = node_js(HERE / "client.mjs", quiet.url)
    assert seen["paid"] == "paid" and seen["net"] == 9_680 and seen["again"] == "succeeded"
    assert seen["declined"]["type"] == "StripeCardError"
    assert seen["declined"]["decline_code"] == "generic_decline"
    assert (seen["before"], seen["after"]) == ("restricted", "active")
    assert seen["gate"]["code"] == "insufficient_capabilities_for_transfer"
    assert seen["same"] and seen["received"] == 1_000
    assert seen["other_body"]["type"] == "StripeIdempotencyError"
    assert seen["unknown"] == {
        "type": "StripeInvalidRequestError",
        "code": "parameter_unknown",
        "param": "surprise",
        "statusCode": 400,
    }
    assert seen["rows"] == 5 and seen["event"]
    state = quiet.get("/_double/state")
    assert state["sums_match_balances"]
    (available,) = state["platform"]["available"]
    (pending,) = state["platform"]["pending"]
    assert seen["sum"] == available["amount"] + pending["amount"]
    assert quiet.get("/_double/violations")["responses"] == []


def test_signatures_hold_for_the_official_client_of_another_language(
    story, double, receiver, node_js
):
    story.fund()
    assert double.drain() == 0
    _, body, signature = receiver.got[0]
    forged = sign(body, "whsec_other", int(signature.split(",")[0].removeprefix("t=")))
    seen = node_js(
        "--input-type=module", "-e", VERIFY, body.decode(), signature, forged, "whsec_platform"
    )
    assert seen == {"type": "payment_intent.created", "refused": True}


def curl(double, method, target, body=None, **headers):
    """A request as curl sends it: HTTP/1.1, its own headers, nothing of an SDK."""
    connection = HTTPConnection(urlsplit(double.url).netloc, timeout=10)
    token = base64.b64encode(b"sk_test_curl:").decode()
    sent = {"User-Agent": "curl/8.5.0", "Accept": "*/*", "Authorization": f"Basic {token}"}
    if body is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, target, body, {**sent, **headers})
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def test_requests_by_hand(quiet):
    status, customer = curl(quiet, "POST", "/v1/customers", "name=Acme&metadata[org]=7")
    assert status == 200 and customer["metadata"] == {"org": "7"}
    line = "line_items[0][price_data]"
    form = {
        "mode": "payment",
        "customer": customer["id"],
        f"{line}[currency]": "usd",
        f"{line}[unit_amount]": "10000",
        f"{line}[product_data][name]": "Wallet",
        "line_items[0][quantity]": "1",
        "success_url": "http://shop.test/",
        "expand[]": "customer",
    }
    status, session = curl(quiet, "POST", "/v1/checkout/sessions", urlencode(form))
    assert status == 200 and session["customer"]["name"] == "Acme"
    quiet.post(f"/_double/checkout/{session['id']}/pay", {"available": True})
    target = "/v1/charges?limit=1&expand[]=data.balance_transaction&created[gte]=0"
    status, charges = curl(quiet, "GET", target)
    (charge,) = charges["data"]
    assert status == 200 and charge["balance_transaction"]["fee"] == 320
    status, refund = curl(quiet, "POST", "/v1/refunds", f"charge={charge['id']}&amount=100")
    assert (status, refund["amount"]) == (200, 100)
    assert curl(quiet, "DELETE", f"/v1/customers/{customer['id']}")[1]["deleted"]


def test_mistakes_by_hand_get_stripes_answers(quiet):
    status, body = curl(quiet, "POST", "/v1/refunds", "charge=ch_1&amount=1.5")
    assert status == 400 and body["error"]["code"] == "parameter_invalid_integer"
    assert body["error"]["doc_url"].endswith("/error-codes/parameter-invalid-integer")
    kind = {"Content-Type": "application/json"}
    status, body = curl(quiet, "POST", "/v1/refunds", '{"charge": "ch_1"}', **kind)
    assert status == 400 and "form-urlencoded" in body["error"]["message"]
    status, body = curl(quiet, "POST", "/v2/core/accounts", '{"identity": {"country": 5}}', **kind)
    assert status == 400 and body["error"]["code"] and "param" not in body["error"]
    status, body = curl(quiet, "GET", "/v1/charges/ch_none")
    assert (status, body["error"]["code"]) == (404, "resource_missing")
    status, body = curl(quiet, "PUT", "/v1/charges/ch_none")
    assert status == 404 and "Unrecognized request URL" in body["error"]["message"]
    assert spec.api_version() == "2026-05-27.dahlia"
