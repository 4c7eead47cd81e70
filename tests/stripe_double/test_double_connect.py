"""Recipient accounts, transfers, reversals, payouts and their scoping."""

import pytest
import stripe

DAY = 86_400


def status(account):
    return account.configuration.recipient.capabilities.stripe_balance.stripe_transfers.status


def test_a_new_account_must_be_onboarded(story):
    account = story.account(verified=False, contact_email="a@example.test")
    assert status(account) == "restricted" and len(account.requirements.entries) == 2
    bare = story.client.v2.core.accounts.retrieve(account.id)
    assert bare.configuration is None and bare.contact_email == "a@example.test"
    full = story.client.v2.core.accounts.retrieve(
        account.id, {"include": ["configuration.recipient", "requirements"]}
    )
    assert status(full) == "restricted" and full.defaults is None


def test_onboarding_activates_transfers_and_tells_it_thinly(story, double, receiver):
    account = story.account(verified=False)
    double.post(f"/_double/accounts/{account.id}/verify")
    double.post(f"/_double/accounts/{account.id}/verify")
    full = story.client.v2.core.accounts.retrieve(
        account.id, {"include": ["configuration.recipient", "requirements"]}
    )
    assert status(full) == "active" and full.requirements.entries == []
    assert double.drain() == 0
    name = "v2.core.account[configuration.recipient].capability_status_updated"
    bodies = receiver.bodies("/connect", name)
    assert len(bodies) == 1
    notice = stripe.v2.core.EventNotification.from_json(bodies[0], story.client)
    assert "data" not in bodies[0] and notice.related_object.id == account.id
    assert notice.fetch_related_object().id == account.id
    event = notice.fetch_event()
    assert event.data.updated_capability == "stripe_balance.stripe_transfers"


def test_accounts_that_are_refused(story):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.account(identity={})
    assert refused.value.code == "identity_country_required"
    collectors = {"fees_collector": "stripe", "losses_collector": "stripe"}
    with pytest.raises(stripe.InvalidRequestError, match="express dashboard"):
        story.account(defaults={"responsibilities": collectors})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v2.core.accounts.retrieve("acct_none")
    assert refused.value.http_status == 404


def test_account_list_pages(story):
    made = [story.account(verified=False).id for _ in range(5)]
    first = story.client.v2.core.accounts.list({"limit": 2})
    assert [row.id for row in first.auto_paging_iter()] == made[::-1]


def test_updating_an_account(story):
    account = story.account(metadata={"user": "1", "old": "x"})
    after = story.client.v2.core.accounts.update(
        account.id, {"display_name": "Ada", "metadata": {"old": ""}}
    )
    assert after.display_name == "Ada" and after.metadata.to_dict() == {"user": "1"}


def test_a_transfer_moves_money(story):
    story.fund(10_000)
    account = story.account().id
    transfer = story.transfer(account, 4_000, transfer_group="project_1", metadata={"txn": "9"})
    assert story.available() == 5_680 and story.available(account) == 4_000
    assert transfer.metadata.to_dict() == {"txn": "9"} and transfer.reversals.data == []
    payment = story.client.v1.charges.retrieve(
        transfer.destination_payment, options={"stripe_account": account}
    )
    assert payment.amount == 4_000 and payment.source_transfer == transfer.id
    rows = story.client.v1.transfers.list({"transfer_group": "project_1"}).data
    assert [row.id for row in rows] == [transfer.id]
    assert story.client.v1.transfers.list({"transfer_group": "project_2"}).data == []


def test_no_transfer_above_the_available_balance(story):
    story.fund(10_000, available=False)
    account = story.account().id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.transfer(account, 1)
    assert refused.value.code == "balance_insufficient"
    assert story.client.v1.transfers.list().data == [] and story.available(account) == 0


def test_no_transfer_before_onboarding(story):
    story.fund(10_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.transfer(story.account(verified=False).id, 100)
    assert refused.value.code == "insufficient_capabilities_for_transfer"
    assert story.available() == 9_680


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": 0}, "parameter_invalid_integer"),
        ({"amount": "ten"}, "parameter_invalid_integer"),
        ({"destination": "acct_none"}, "resource_missing"),
        ({"surprise": 1}, "parameter_unknown"),
        ({"amount": None}, "parameter_missing"),
    ],
)
def test_transfers_that_are_refused(story, change, code):
    params = {"amount": 100, "currency": "usd", "destination": story.account().id, **change}
    params = {name: value for name, value in params.items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v1.transfers.create(params)
    assert refused.value.code == code


def test_a_source_transaction_funds_transfers_up_to_its_amount(story, double):
    charge = story.fund(10_000, available=False)
    account = story.account().id
    story.transfer(account, 6_000, source_transaction=charge.id)
    assert story.balance(account).pending[0].amount == 6_000
    with pytest.raises(stripe.InvalidRequestError, match="must not exceed"):
        story.transfer(account, 4_001, source_transaction=charge.id)
    double.advance(2 * DAY + 1)
    assert story.available() == 3_680 and story.available(account) == 6_000


def test_reversals_stop_at_the_transfer_and_at_the_destination(story, double):
    story.fund(10_000)
    account = story.account().id
    transfer = story.transfer(account, 4_000)
    create = story.client.v1.transfers.reversals.create
    create(transfer.id, {"amount": 1_500})
    assert story.available() == 7_180 and story.available(account) == 2_500
    with pytest.raises(stripe.InvalidRequestError, match="left of the transfer"):
        create(transfer.id, {"amount": 2_501})
    assert story.client.v1.transfers.retrieve(transfer.id).amount_reversed == 1_500
    double.advance(DAY)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        create(transfer.id, {"amount": 2_500})
    assert refused.value.code == "balance_insufficient"


def test_an_automatic_payout_is_paid_on_its_arrival_date(story, double, receiver):
    story.fund(10_000)
    account = story.account().id
    options = {"stripe_account": account}
    story.transfer(account, 1_000)
    story.transfer(account, 500)
    double.advance(DAY)
    (payout,) = story.client.v1.payouts.list(options=options).data
    assert (payout.amount, payout.automatic, payout.status) == (1_500, True, "pending")
    assert story.available(account) == 0
    double.advance(DAY)
    assert story.client.v1.payouts.retrieve(payout.id, options=options).status == "in_transit"
    double.advance(payout.arrival_date - payout.created)
    assert story.client.v1.payouts.retrieve(payout.id, options=options).status == "paid"
    contents = story.client.v1.balance_transactions.list({"payout": payout.id}, options).data
    assert sum(row.net for row in contents if row.type == "payment") == 1_500
    assert double.drain() == 0
    names = [name for name in receiver.types("/connect") if name.startswith("payout")]
    assert names == ["payout.created", "payout.updated", "payout.paid"]
    assert receiver.bodies("/connect", "payout.paid")[0]["account"] == account
    assert story.client.v1.payouts.list().data == []


def test_a_paid_payout_can_still_fail_and_the_money_comes_back(story, double):
    story.fund(10_000)
    account = story.account().id
    options = {"stripe_account": account}
    story.transfer(account, 1_000)
    double.advance(5 * DAY)
    (payout,) = story.client.v1.payouts.list(options=options).data
    double.post(f"/_double/payouts/{payout.id}/fail")
    after = story.client.v1.payouts.retrieve(payout.id, options=options)
    assert after.status == "failed" and after.failure_code == "account_closed"
    double.advance(3 * DAY)
    assert story.available(account) == 1_000
    double.post(f"/_double/accounts/{account}/verify")
    double.advance(5 * DAY)
    assert story.available(account) == 0


def test_manual_payouts_after_the_setting(story, double):
    story.fund(10_000)
    account = story.account().id
    options = {"stripe_account": account}
    schedule = {"payments": {"payouts": {"schedule": {"interval": "manual"}}}}
    settings = story.client.v1.balance_settings.update(schedule, options)
    assert settings.payments.payouts.schedule.interval == "manual"
    story.transfer(account, 1_000)
    double.advance(5 * DAY)
    assert story.available(account) == 1_000
    pay = story.client.v1.payouts
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay.create({"amount": 1_001, "currency": "usd"}, options)
    assert refused.value.code == "balance_insufficient"
    first = pay.create({"amount": 400, "currency": "usd"}, options)
    assert pay.cancel(first.id, options=options).status == "canceled"
    second = pay.create({"amount": 600, "currency": "usd"}, options)
    double.advance(5 * DAY)
    assert pay.retrieve(second.id, options=options).status == "paid"
    assert story.available(account) == 400


def test_scoping_keeps_accounts_apart(story):
    story.fund(10_000)
    one, two = story.account().id, story.account().id
    transfer = story.transfer(one, 1_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v1.charges.retrieve(
            transfer.destination_payment, options={"stripe_account": two}
        )
    assert refused.value.http_status == 404
    with pytest.raises(stripe.PermissionError):
        story.client.v1.balance.retrieve(options={"stripe_account": "acct_none"})
    with pytest.raises(stripe.PermissionError):
        story.client.v1.transfers.create(
            {"amount": 1, "currency": "usd", "destination": two}, {"stripe_account": one}
        )
