"""The idempotency store and the faults, time-out after commit first: the double-pay test."""

import json
import threading
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

DAY = 86_400


def send(double, path, params, *, key=None, authorization="Bearer sk_test_1"):
    """A POST by hand: status, headers, body."""
    connection = HTTPConnection(urlsplit(double.url).netloc, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if authorization:
        headers["Authorization"] = authorization
    if key:
        headers["Idempotency-Key"] = key
    connection.request("POST", path, urlencode(params), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, answer.headers, body


def transfers(story):
    return story.client.v1.transfers.list().data


def test_the_same_key_answers_the_same_and_pays_once(story):
    story.fund()
    account = story.account().id
    first = story.transfer(account, 100, key="tr:1")
    again = story.transfer(account, 100, key="tr:1")
    assert again.id == first.id and len(transfers(story)) == 1
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert (
        again.last_response.headers["Original-Request"]
        == (first.last_response.headers["Request-Id"])
    )
    assert "Idempotent-Replayed" not in first.last_response.headers


def test_the_same_key_with_another_body_is_an_error(story):
    story.fund()
    account = story.account().id
    story.transfer(account, 100, key="tr:1")
    with pytest.raises(stripe.IdempotencyError) as refused:
        story.transfer(account, 101, key="tr:1")
    assert refused.value.http_status == 400 and len(transfers(story)) == 1


def test_a_refusal_is_stored_too(story):
    account = story.account().id
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            story.transfer(account, 100, key="tr:1")
        assert refused.value.code == "balance_insufficient"
    assert refused.value.headers["Idempotent-Replayed"] == "true"
    story.fund()
    with pytest.raises(stripe.InvalidRequestError):
        story.transfer(account, 100, key="tr:1")
    assert story.transfer(account, 100, key="tr:2").amount == 100


def test_a_faulty_request_is_not_stored(story):
    story.fund()
    account = story.account().id
    with pytest.raises(stripe.InvalidRequestError):
        story.transfer(account, "ten", key="tr:1")
    assert story.transfer(account, 100, key="tr:1").amount == 100


def test_a_key_is_forgotten_after_a_day(story, double):
    story.fund()
    account = story.account().id
    first = story.transfer(account, 100, key="tr:1")
    double.advance(DAY + 1)
    assert story.transfer(account, 100, key="tr:1").id != first.id


def test_v2_keys_too(story):
    params = {"idempotency_key": "acct:1"}
    recipient = {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
    body = {
        "identity": {"country": "us"},
        "configuration": {"recipient": recipient},
        "defaults": {
            "responsibilities": {
                "fees_collector": "application",
                "losses_collector": "application",
            }
        },
    }
    create = story.client.v2.core.accounts.create
    assert create(body, params).id == create(body, params).id


def test_a_request_under_way_with_the_same_key_is_a_conflict(double, story):
    story.fund()
    params = {"amount": 100, "currency": "usd", "destination": story.account().id}
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(send(double, "/v1/transfers", params, key="tr:1"))
    )
    double.api.keys.in_flight = Announced()
    with double.sim.store.lock:
        first.start()
        assert double.api.keys.in_flight.filled.wait(10)
        status, _, body = send_outside_the_lock(double, params)
    first.join()
    assert status == 409 and body["error"]["code"] == "idempotency_key_in_use"
    assert answers[0][0] == 200


class Announced(set):
    """A set that tells when it is first filled."""

    def __init__(self):
        super().__init__()
        self.filled = threading.Event()

    def add(self, item):
        super().add(item)
        self.filled.set()


def send_outside_the_lock(double, params):
    """The conflict is found before the lock is asked for, so this returns while it is held."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(send(double, "/v1/transfers", params, key="tr:1"))
    )
    thread.start()
    thread.join(timeout=10)
    return found[0]


def test_time_out_after_commit_the_sdk_retries_with_the_same_key(story, double):
    story.fund()
    account = story.account().id
    fault = {"path": "/v1/transfers", "kind": "timeout_after_commit", "times": 1}
    double.post("/_double/fault", fault)
    transfer = story.transfer(account, 100)
    assert transfer.last_response.headers["Idempotent-Replayed"] == "true"
    assert [row.id for row in transfers(story)] == [transfer.id]
    assert story.available(account) == 100


def test_time_out_after_commit_and_no_retry_leaves_the_outcome_unknown(story, double):
    story.fund()
    account = story.account().id
    fault = {"path": "/v1/transfers", "kind": "timeout_after_commit", "times": 3}
    double.post("/_double/fault", fault)
    with pytest.raises(stripe.APIConnectionError):
        story.transfer(account, 100, key="tr:1")
    assert len(transfers(story)) == 1
    assert story.transfer(account, 100, key="tr:1").id == transfers(story)[0].id
    assert story.transfer(account, 100, key="tr:other").id != transfers(story)[-1].id
    assert story.available(account) == 200


def test_a_500_is_stored_and_does_nothing(story, double):
    story.fund()
    account = story.account().id
    double.post("/_double/fault", {"path": "/v1/transfers", "kind": "error_500"})
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            story.transfer(account, 100, key="tr:1")
        assert failed.value.http_status == 500
    assert transfers(story) == [] and story.available() == 9_680


def test_a_429_is_not_stored(story, double):
    story.fund()
    account = story.account().id
    double.post("/_double/fault", {"path": "/v1/transfers", "kind": "error_429"})
    with pytest.raises(stripe.RateLimitError):
        story.transfer(account, 100, key="tr:1")
    assert story.transfer(account, 100, key="tr:1").amount == 100


def test_a_lock_timeout_is_tried_again_by_the_sdk(story, double):
    story.fund()
    account = story.account().id
    double.post("/_double/fault", {"path": "/v1/transfers", "kind": "error_409"})
    assert story.transfer(account, 100, key="tr:1").amount == 100
    assert len(transfers(story)) == 1
    double.post("/_double/fault", {"path": "/v1/transfers", "kind": "error_409", "times": 3})
    with pytest.raises(stripe.APIError) as refused:
        story.transfer(account, 100, key="tr:2")
    assert refused.value.http_status == 409
    assert refused.value.json_body["error"]["code"] == "lock_timeout"


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer sk_live_1", "Bearer pk_test_1"])
def test_only_test_keys_are_taken(quiet, authorization):
    status, _, body = send(quiet, "/v1/transfers", {}, authorization=authorization)
    assert status == 401 and body["error"]["type"] == "invalid_request_error"


def test_faults_that_make_no_sense_are_refused(quiet):
    for body in ({"kind": "earthquake"}, {"kind": "error_500"}, {"kind": "drop_event"}):
        with pytest.raises(RuntimeError, match="400"):
            quiet.post("/_double/fault", body)
    status, _, _ = send(quiet, "/_double/clock", {"advance_seconds": 1})
    assert status == 415


def test_the_clock_never_goes_back(quiet):
    with pytest.raises(RuntimeError, match="never goes back"):
        quiet.advance(-1)
