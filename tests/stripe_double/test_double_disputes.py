"""Disputes from the first letter to the bank's word."""

import pytest
import stripe

DAY = 86_400


@pytest.fixture
def dispute(story, double):
    def open_one(**body):
        charge = story.fund(10_000)
        return double.post("/_double/disputes", {"charge": charge.id, **body})

    return open_one


def names(receiver):
    return [name for name in receiver.types("/platform") if name.startswith("charge.dispute")]


def test_amount_and_fee_leave_the_balance_below_zero(story, double, receiver, dispute):
    made = dispute()
    found = story.client.v1.disputes.retrieve(made["id"])
    assert (found.status, found.amount) == ("needs_response", 10_000)
    assert story.available() == 9_680 - 10_000 - 1_500
    (row,) = found.balance_transactions
    assert (row.type, row.reporting_category) == ("adjustment", "dispute")
    assert (row.amount, row.fee, row.net) == (-10_000, 1_500, -11_500)
    listed = story.client.v1.balance_transactions.retrieve(row.id, {"expand": ["source"]})
    assert listed.source.id == found.id and listed.net == row.net
    assert story.client.v1.charges.retrieve(found.charge).disputed
    assert double.drain() == 0
    assert names(receiver) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v1.refunds.create({"charge": found.charge})
    assert refused.value.code == "charge_disputed"


def test_below_zero_nothing_is_transferred_until_a_top_up(story, double, dispute):
    dispute()
    account = story.account().id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.transfer(account, 100)
    assert refused.value.code == "balance_insufficient"
    topup = story.client.v1.topups.create({"amount": 5_000, "currency": "usd"})
    assert topup.status == "pending" and story.available() == -1_820
    double.advance(2 * DAY + 1)
    assert story.client.v1.topups.retrieve(topup.id).status == "succeeded"
    assert story.available() == 3_180
    assert story.transfer(account, 100).amount == 100


def test_evidence_is_sent_and_the_dispute_won(story, double, receiver, dispute):
    made = dispute()
    disputes = story.client.v1.disputes
    draft = disputes.update(
        made["id"], {"evidence": {"customer_name": "Ada"}, "submit": False, "metadata": {"a": "1"}}
    )
    assert draft.status == "needs_response" and draft.evidence_details.has_evidence
    sent = disputes.update(made["id"], {"evidence": {"service_date": "2030-01-01"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert sent.evidence.customer_name == "Ada" and sent.metadata.to_dict() == {"a": "1"}
    with pytest.raises(stripe.InvalidRequestError, match="takes no evidence"):
        disputes.update(made["id"], {"evidence": {"customer_name": "Eve"}})
    double.post(f"/_double/disputes/{made['id']}/close", {"status": "won"})
    won = disputes.retrieve(made["id"])
    assert won.status == "won" and len(won.balance_transactions) == 2
    assert (won.balance_transactions[1].amount, won.balance_transactions[1].fee) == (10_000, 0)
    assert won.balance_transactions[1].reporting_category == "dispute_reversal"
    assert story.available() == 9_680 - 1_500
    assert double.drain() == 0
    assert names(receiver)[2:] == [
        "charge.dispute.updated",
        "charge.dispute.updated",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]


def test_the_fee_comes_back_when_told_so(story, double, dispute):
    made = dispute()
    double.post(f"/_double/disputes/{made['id']}/close", {"status": "won", "return_fee": True})
    assert story.available() == 9_680


@pytest.mark.parametrize(
    ("text", "word"), [("winning_evidence", "won"), ("losing_evidence", "lost")]
)
def test_decisive_evidence(story, dispute, text, word):
    made = dispute()
    after = story.client.v1.disputes.update(made["id"], {"evidence": {"uncategorized_text": text}})
    assert after.status == word


def test_no_answer_in_time_is_lost(story, double, receiver, dispute):
    made = dispute()
    double.advance(14 * DAY + 1)
    lost = story.client.v1.disputes.retrieve(made["id"])
    assert lost.status == "lost" and lost.evidence_details.past_due
    assert double.drain() == 0 and names(receiver)[-1] == "charge.dispute.closed"


def test_giving_in_is_lost(story, dispute):
    made = dispute()
    assert story.client.v1.disputes.close(made["id"]).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        story.client.v1.disputes.close(made["id"])


def test_money_may_be_withdrawn_later_and_once(story, double, receiver, dispute):
    made = dispute(withdraw=False, amount=4_000)
    assert made["balance_transactions"] == [] and story.available() == 9_680
    double.post(f"/_double/disputes/{made['id']}/withdraw")
    assert story.available() == 9_680 - 5_500
    with pytest.raises(RuntimeError, match="was withdrawn before"):
        double.post(f"/_double/disputes/{made['id']}/withdraw")
    assert double.drain() == 0
    assert names(receiver) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_an_inquiry_withdraws_nothing_and_a_refund_is_possible(story, dispute):
    made = dispute(status="warning_needs_response")
    assert made["balance_transactions"] == [] and made["is_charge_refundable"]
    assert story.client.v1.refunds.create({"charge": made["charge"]}).status == "succeeded"
    assert story.client.v1.disputes.close(made["id"]).status == "warning_closed"


def test_a_word_that_nobody_knows_yet(story, double, dispute):
    made = dispute()
    double.post(f"/_double/disputes/{made['id']}/set", {"status": "appeal_pending"})
    assert story.client.v1.disputes.retrieve(made["id"]).status == "appeal_pending"


def test_disputes_are_found_by_charge_and_intent(story, dispute):
    one, two = dispute(), dispute()
    listing = story.client.v1.disputes.list
    assert [row.id for row in listing({"charge": one["charge"]}).data] == [one["id"]]
    found = listing({"payment_intent": two["payment_intent"]}).data
    assert [row.id for row in found] == [two["id"]]
    assert [row.id for row in listing().data] == [two["id"], one["id"]]


def test_a_test_card_disputes_by_itself(story, double):
    ident = story.session().id
    double.post(f"/_double/checkout/{ident}/pay", {"outcome": "disputed"})
    (found,) = story.client.v1.disputes.list().data
    assert found.reason == "fraudulent"


def test_what_can_not_be_disputed(story, double, dispute):
    made = dispute()
    with pytest.raises(RuntimeError, match="can't be disputed"):
        double.post("/_double/disputes", {"charge": made["charge"]})
    with pytest.raises(RuntimeError, match="No such charge"):
        double.post("/_double/disputes", {"charge": "ch_none"})
    charge = story.fund(5_000)
    with pytest.raises(RuntimeError, match="amount must be"):
        double.post("/_double/disputes", {"charge": charge.id, "amount": 5_001})
