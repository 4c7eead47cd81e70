"""The checks against Stripe's published description, on both sides."""

import json
from urllib.parse import urlencode

import pytest
import stripe

from stripe_double import spec
from stripe_double.errors import ApiError
from stripe_double.forms import tree
from stripe_double.routes import HANDLERS


def test_forms_become_trees():
    text = urlencode({"a[b][0]": "1", "a[b][1]": "2", "c[]": "x", "d": "y"})
    assert tree(text) == {"a": {"b": {"0": "1", "1": "2"}}, "c": {"0": "x"}, "d": "y"}
    with pytest.raises(ApiError):
        tree("a=1&a[b]=2")


def test_strings_take_the_types_of_the_description():
    params = tree("amount=12&currency=usd&destination=acct_1&metadata[0]=7&expand[0]=destination")
    checked = spec.check_request("POST", "/v1/transfers", params)
    assert checked["amount"] == 12 and checked["expand"] == ["destination"]
    assert checked["metadata"] == {"0": "7"}


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("currency=usd&destination=a&amount=1.5", "parameter_invalid_integer", "amount"),
        ("currency=usd&destination=a&nope=1", "parameter_unknown", "nope"),
        ("destination=a", "parameter_missing", "currency"),
        ("currency=usd&destination=a&metadata=x", None, "metadata"),
    ],
)
def test_faulty_requests(text, code, param):
    with pytest.raises(ApiError) as refused:
        spec.check_request("POST", "/v1/transfers", tree(text))
    assert (refused.value.code, refused.value.param) == (code, param)


def test_unknown_names_are_found_at_depth():
    text = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][x]=1"
    with pytest.raises(ApiError) as refused:
        spec.check_request("POST", "/v1/checkout/sessions", tree(text))
    assert refused.value.param == "line_items[0][price_data][x]"


def test_a_wrong_enumeration():
    with pytest.raises(ApiError, match="must be one of"):
        spec.check_request("POST", "/v1/refunds", {"charge": "ch_1", "reason": "bored"})


def test_every_handler_is_a_route_of_the_description():
    for method, template in HANDLERS:
        assert spec.has_operation(method, template)
        assert spec.match(template.replace("{", "x").replace("}", "x"))[0] == template


def test_a_broken_answer_is_caught():
    good = json.loads(
        '{"id": "trr_1", "object": "transfer_reversal", "amount": 1, "created": 1,'
        ' "currency": "usd", "transfer": "tr_1"}'
    )
    spec.check_object("transfer_reversal", good)
    for bad in ({**good, "amount": "1"}, {k: v for k, v in good.items() if k != "currency"}):
        with pytest.raises(spec.ResponseError):
            spec.check_object("transfer_reversal", bad)
    with pytest.raises(spec.ResponseError):
        spec.check_response("GET", "/v1/transfers/{transfer}", good)


def test_routes_that_stripe_or_the_stand_in_does_not_have(client):
    with pytest.raises(stripe.InvalidRequestError, match="does not simulate GET /v1/files"):
        client.v1.files.list()
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.raw_request("get", "/v1/nothing")
    assert refused.value.http_status == 404


def test_what_cannot_be_expanded(story):
    charge = story.fund()
    full = story.client.v1.charges.retrieve(
        charge.id, {"expand": ["balance_transaction.source", "payment_intent"]}
    )
    assert full.balance_transaction.source.id == charge.id and full.payment_intent.amount
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        story.client.v1.charges.retrieve(charge.id, {"expand": ["amount.x"]})
    rows = story.client.v1.balance_transactions.list({"expand": ["data.source"]}).data
    assert rows[0].source.id == charge.id


def test_versions_are_looked_at(client, double):
    ok = client.raw_request("get", "/v1/balance", stripe_version="2020-08-27")
    assert ok.code == 200 and ok.headers["Stripe-Version"] == spec.api_version()
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.raw_request("get", "/v1/balance", stripe_version="latest")


def test_violations_are_kept_until_they_are_expected(client, double):
    path = "/v1/transfers"
    create = client.raw_request
    with pytest.raises(stripe.InvalidRequestError):
        create("post", path, amount=1)
    (text,) = double.get("/_double/violations")["requests"]
    assert text.startswith("POST /v1/transfers: Missing required param")
    assert double.post("/_double/violations/expect", {"path": path})["requests"] == []
    with pytest.raises(stripe.InvalidRequestError):
        create("post", path, amount=1)
    with pytest.raises(stripe.InvalidRequestError):
        create("get", "/v1/nowhere", headers={"X-Double-Expect-Invalid": "1"})
    assert double.get("/_double/violations") == {"requests": [], "responses": []}


def test_an_answer_of_our_own_that_does_not_fit_is_a_500_and_a_violation(
    client, double, monkeypatch, capsys
):
    monkeypatch.setitem(HANDLERS, ("GET", "/v1/balance"), lambda *_: {"object": "balance"})
    with pytest.raises(stripe.APIError) as failed:
        client.v1.balance.retrieve()
    assert failed.value.http_status == 500
    text, *_ = double.get("/_double/violations")["responses"]
    assert "GET /v1/balance" in text and "required" in text
    double.sim.violations.responses.clear()
