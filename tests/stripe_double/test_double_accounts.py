"""Connected accounts stage by stage, their countries, bank accounts, debts and closing."""

import pytest
import stripe

DAY = 86_400
CAPABILITY_EVENT = "v2.core.account[configuration.recipient].capability_status_updated"
REQUIREMENTS_EVENT = "v2.core.account[requirements].updated"
BANK_EVENT = "v2.core.account[configuration.recipient].updated"


def read(story, ident):
    return story.client.v2.core.accounts.retrieve(
        ident, {"include": ["configuration.recipient", "requirements"]}
    )


def capability(account):
    return account.configuration.recipient.capabilities.stripe_balance.stripe_transfers


@pytest.fixture
def stage(story, double):
    """Bring an account to a stage; the account after it."""

    def enter(ident, name):
        double.post(f"/_double/accounts/{ident}/stage", {"stage": name})
        return read(story, ident)

    return enter


@pytest.mark.parametrize(
    ("name", "status", "code", "asked", "who"),
    [
        ("bank", "restricted", "requirements_past_due", ["defaults.external_account"], "user"),
        (
            "review",
            "pending",
            "requirements_pending_verification",
            ["identity.individual.documents.primary_verification"],
            "stripe",
        ),
        ("refused", "restricted", "restricted_other", [], None),
    ],
)
def test_stages_on_the_way(story, stage, name, status, code, asked, who):
    account = stage(story.account(verified=False).id, name)
    assert capability(account).status == status
    assert capability(account).status_details[0].code == code
    assert [entry.description for entry in account.requirements.entries] == asked
    assert {entry.awaiting_action_from for entry in account.requirements.entries} <= {who}
    story.fund()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.transfer(account.id, 100)
    assert refused.value.code == "insufficient_capabilities_for_transfer"


def test_a_document_wanted_later_restricts_when_it_is_overdue(story, double, receiver, stage):
    account = story.account().id
    assert double.drain() == 0
    receiver.got.clear()
    due = stage(account, "due")
    assert capability(due).status == "active"
    assert due.requirements.summary.minimum_deadline.status == "currently_due"
    double.advance(14 * DAY - 60)
    assert capability(read(story, account)).status == "active"
    double.advance(61)
    overdue = read(story, account)
    assert capability(overdue).status == "restricted"
    assert overdue.requirements.summary.minimum_deadline.status == "past_due"
    assert capability(stage(account, "active")).status == "active"
    assert double.drain() == 0
    assert receiver.types("/connect") == [
        REQUIREMENTS_EVENT,
        REQUIREMENTS_EVENT,
        CAPABILITY_EVENT,
        REQUIREMENTS_EVENT,
        CAPABILITY_EVENT,
    ]


def test_a_document_given_in_time_has_no_deadline(story, double, stage):
    account = story.account().id
    stage(account, "due")
    stage(account, "active")
    double.advance(20 * DAY)
    assert capability(read(story, account)).status == "active"
    with pytest.raises(RuntimeError, match="stage must be one of"):
        stage(account, "somewhere")


def test_a_country_that_cannot_be_paid(story, double):
    account = story.account(verified=False, country="kp").id
    found = capability(read(story, account))
    assert found.status == "unsupported" and found.status_details[0].code == "unsupported_country"
    with pytest.raises(RuntimeError, match="does not pay to this country"):
        double.post(f"/_double/accounts/{account}/verify")


def test_money_to_another_country_is_there_a_day_later(story, double):
    story.fund(10_000)
    account = story.account(country="de").id
    story.transfer(account, 1_000)
    balance = story.balance(account)
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 1_000)
    double.advance(DAY + 1)
    balance = story.balance(account)
    assert balance.pending[0].amount == 0


def test_the_bank_account_of_an_account(story, double, receiver):
    account = story.account(verified=False).id
    banks = story.client.v1.accounts.external_accounts
    assert banks.list(account).data == []
    double.post(f"/_double/accounts/{account}/verify")
    (first,) = banks.list(account).data
    assert first.object == "bank_account" and first.default_for_currency and first.fingerprint
    assert banks.retrieve(account, first.id).last4 == "6789"
    double.post(f"/_double/accounts/{account}/external_account", {"last4": "1111"})
    (second,) = banks.list(account).data
    assert second.last4 == "1111" and second.id != first.id
    with pytest.raises(stripe.InvalidRequestError):
        banks.retrieve(account, first.id)
    double.post(f"/_double/accounts/{account}/external_account", {"change": "updated"})
    double.post(f"/_double/accounts/{account}/external_account", {"change": "deleted"})
    assert banks.list(account).data == []
    assert double.drain() == 0
    bank_events = [name for name in receiver.types("/connect") if "external_account" in name]
    assert bank_events == [
        "account.external_account.created",
        "account.external_account.created",
        "account.external_account.deleted",
        "account.external_account.updated",
        "account.external_account.deleted",
    ]
    (told, *_) = receiver.bodies("/connect", "account.external_account.created")
    assert told["account"] == account and told["data"]["object"]["id"] == first.id
    assert len(receiver.bodies("/connect", BANK_EVENT)) == 4


def test_a_new_bank_account_lets_payouts_go_on(story, double):
    story.fund(10_000)
    account = story.account().id
    options = {"stripe_account": account}
    story.transfer(account, 1_000)
    double.advance(5 * DAY)
    (payout,) = story.client.v1.payouts.list(options=options).data
    double.post(f"/_double/payouts/{payout.id}/fail")
    double.post(f"/_double/accounts/{account}/external_account", {"last4": "2222"})
    double.advance(DAY)
    (again, _) = story.client.v1.payouts.list(options=options).data
    (bank,) = story.client.v1.accounts.external_accounts.list(account).data
    assert again.destination == bank.id != payout.destination


def test_an_account_below_zero_and_the_platform_that_answers_for_it(story, double):
    story.fund(10_000)
    account = story.account().id
    transfer = story.transfer(account, 1_000)
    double.post(f"/_double/accounts/{account}/debit", {"amount": 1_500})
    assert story.available(account) == -500
    with pytest.raises(stripe.InvalidRequestError):
        story.client.v1.transfers.reversals.create(transfer.id, {"amount": 1})
    double.advance(DAY)
    assert story.client.v1.payouts.list(options={"stripe_account": account}).data == []
    before = story.available()
    double.post(f"/_double/accounts/{account}/write_off")
    assert (story.available(account), story.available()) == (0, before - 500)
    (row,) = story.client.v1.balance_transactions.list({"type": "connect_collection_transfer"}).data
    assert row.amount == -500
    with pytest.raises(RuntimeError, match="not below zero"):
        double.post(f"/_double/accounts/{account}/write_off")


def test_a_debt_is_debited_from_the_bank_where_it_was_set_so(story, double):
    account = story.account().id
    options = {"stripe_account": account}
    settings = story.client.v1.balance_settings.update(
        {"payments": {"debit_negative_balances": True}}, options
    )
    assert settings.payments.debit_negative_balances
    double.post(f"/_double/accounts/{account}/debit", {"amount": 700})
    double.advance(DAY)
    (payout,) = story.client.v1.payouts.list(options=options).data
    assert payout.amount == -700 and story.available(account) == 0


def test_an_instant_payout_takes_minutes_and_a_fee(story, double):
    story.fund(20_000)
    account = story.account().id
    options = {"stripe_account": account}
    story.transfer(account, 10_000)
    pay = story.client.v1.payouts
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay.create({"amount": 9_950, "currency": "usd", "method": "instant"}, options)
    assert refused.value.code == "balance_insufficient"
    payout = pay.create({"amount": 9_000, "currency": "usd", "method": "instant"}, options)
    assert (payout.method, payout.status) == ("instant", "in_transit")
    row = story.client.v1.balance_transactions.retrieve(payout.balance_transaction, options=options)
    assert (row.fee, row.net) == (90, -9_090) and story.available(account) == 910
    double.advance(1_801)
    paid = pay.retrieve(payout.id, options=options)
    assert paid.status == "paid" and paid.trace_id.status == "supported"
    abroad = story.account(country="fr").id
    for options in ({"stripe_account": abroad}, {}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            pay.create({"amount": 100, "currency": "usd", "method": "instant"}, options)
        assert refused.value.code == "instant_payouts_unsupported"


def test_closing_an_account(story, receiver, double):
    story.fund(10_000)
    account = story.account().id
    story.transfer(account, 100)
    close = story.client.v2.core.accounts.close
    with pytest.raises(stripe.InvalidRequestError) as refused:
        close(account, {"applied_configurations": ["recipient"]})
    assert refused.value.code == "cannot_delete_account_with_balance"
    double.advance(DAY)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        close(account, {"applied_configurations": ["merchant"]})
    assert refused.value.code == "configs_must_match_to_close"
    assert close(account, {"applied_configurations": ["recipient"]}).closed
    with pytest.raises(stripe.InvalidRequestError):
        story.transfer(account, 100)
    assert [row.id for row in story.client.v2.core.accounts.list({"closed": True}).data] == [
        account
    ]
    assert double.drain() == 0 and receiver.types("/connect").count("v2.core.account.closed") == 1


def test_top_ups_are_canceled_or_fail_while_pending(story, double):
    topups = story.client.v1.topups
    made = [topups.create({"amount": 500, "currency": "usd"}) for _ in range(2)]
    assert topups.cancel(made[0].id).status == "canceled"
    double.post(f"/_double/topups/{made[1].id}/fail")
    double.advance(3 * DAY)
    assert story.available() == 0
    assert [row.id for row in topups.list({"status": "failed"}).data] == [made[1].id]
    with pytest.raises(stripe.InvalidRequestError, match="stays so"):
        topups.cancel(made[0].id)


def test_labels_can_be_changed(story):
    charge = story.fund(10_000)
    account = story.account().id
    transfer = story.transfer(account, 100, metadata={"a": "1", "b": "2"})
    update = story.client.v1.transfers.update
    assert update(transfer.id, {"metadata": {"a": ""}}).metadata.to_dict() == {"b": "2"}
    assert update(transfer.id, {"metadata": ""}).metadata.to_dict() == {}
    assert update(transfer.id, {"description": "Week 1"}).description == "Week 1"
    charges = story.client.v1.charges
    assert charges.update(charge.id, {"metadata": {"x": "y"}}).metadata.to_dict() == {"x": "y"}
    with pytest.raises(stripe.InvalidRequestError, match="does not simulate updating"):
        charges.update(charge.id, {"transfer_group": "g"})
