"""Money that moves only when two administrators say so."""

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError

from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed
from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account, settled_amounts
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.actions import corrections
from apps.payments.enums import CORRECTION_TRANSITIONS, CorrectionState
from apps.payments.models import Correction, Refund
from apps.payments.queries import owed_after_chargebacks
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db

WHY = {
    "reason": "An acceptance was paid to the wrong person.",
    "evidence": "Ticket 17, transfer number 4711 of the ledger.",
}
DECISION = "Checked both numbers; they are as written."


@pytest.fixture
def first(ada, as_):
    return as_(ada)


@pytest.fixture
def second(adam, as_):
    return as_(adam)


@pytest.fixture
def boss(acme, alice, as_):
    return as_(alice)


def propose(money, by, kind, amount, **whom):
    with acting(by):
        return payments.propose(kind=kind, amount=amount, **WHY, **whom, by=by, now=money.now)


def decide(money, by, row, *, is_approved=True):
    with acting(by):
        return payments.decide(
            correction_id=row.id, is_approved=is_approved, decision=DECISION, by=by, now=money.now
        )


def capital() -> int:
    with acting(STAFF):
        return sum(settled_amounts(find_account(Purpose.CAPITAL, currency="USD")).values())


# ── Two administrators ──────────────────────────────────────────────────────────────────────────


def test_one_proposes_another_decides(money, carol, first, second):
    row = propose(money, first, "credit_contributor", 12_00, user_id=carol.id)
    assert row.state == "proposed" and money.payable(carol) == 0
    with pytest.raises(NotAllowed, match="Another administrator"):
        decide(money, first, row)
    assert decide(money, second, row).state == "done"
    assert money.payable(carol) == 12_00 and capital() == -12_00
    with pytest.raises(IllegalTransition):
        decide(money, second, row)
    assert money.payable(carol) == 12_00


def test_what_is_refused_moves_nothing(money, carol, first, second):
    row = propose(money, first, "credit_contributor", 12_00, user_id=carol.id)
    assert decide(money, second, row, is_approved=False).state == "refused"
    assert money.payable(carol) == 0 and capital() == 0


def test_postgresql_wants_two_names(money, carol, first, second, ada, adam):
    row = propose(money, first, "credit_contributor", 12_00, user_id=carol.id)
    with acting(STAFF):
        rows = Correction.objects.filter(id=row.id)
        with pytest.raises(IntegrityError, match="not_by_the_same"), transaction.atomic():
            rows.update(state="done", decided_by=ada)
        with pytest.raises(IntegrityError, match="two_administrators"), transaction.atomic():
            rows.update(state="done")
        with pytest.raises(IntegrityError, match="two_administrators"), transaction.atomic():
            rows.update(state="done", decided_by=adam, proposed_by=None)
    decide(money, second, row)
    with acting(STAFF):
        with pytest.raises(DatabaseError, match="not changed"), transaction.atomic():
            rows.update(amount=99_00)
        with pytest.raises(DatabaseError), transaction.atomic():
            rows._raw_delete("default")


def test_only_administrators_and_never_about_oneself(money, acme, carol, alice, as_, first):
    for person in (carol, alice):
        with pytest.raises(NotAllowed):
            propose(money, as_(person), "credit_contributor", 5_00, user_id=carol.id)
    with pytest.raises(NotAllowed, match="own money"):
        propose(money, first, "credit_contributor", 5_00, user_id=first.user_id)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"reason": "short"}, "reason"),
        ({"evidence": "none"}, "evidence"),
        ({"amount": 0}, "amount"),
        ({"kind": "refund"}, "kind"),
        ({"user_id": None}, "whom"),
        ({"kind": "credit_buyer"}, "whom"),
        ({"kind": "reversal"}, "whom"),
    ],
)
def test_a_proposal_without_grounds_is_refused(money, carol, first, words, field):
    typed = {"kind": "credit_contributor", "amount": 5_00, "user_id": carol.id, **WHY, **words}
    with acting(first), pytest.raises(Invalid) as refusal:
        payments.propose(**typed, by=first, now=money.now)
    assert refusal.value.field == field


def test_buyers_are_credited_charged_and_forgiven(money, acme, boss, first, second):
    with acting(boss):
        funding = money.fund(acme, boss, 50_00)
    decide(money, second, propose(money, first, "credit_buyer", 20_00, org_id=acme.id))
    assert money.wallet(acme) == 70_00
    decide(money, second, propose(money, first, "charge_buyer", 15_00, org_id=acme.id))
    assert money.wallet(acme) == 55_00
    row = propose(money, first, "charge_buyer", 55_01, org_id=acme.id)
    with pytest.raises(Conflict, match="not enough"):
        decide(money, second, row)
    assert money.wallet(acme) == 55_00
    money.close(money.dispute(funding), "lost")
    money.news()
    with acting(STAFF):
        owed = owed_after_chargebacks(acme.id)["USD"]
    assert owed == 10_00
    with pytest.raises(Conflict, match=r"owe \$10.00 only"):
        decide(money, second, propose(money, first, "write_off", owed + 1, org_id=acme.id))
    decide(money, second, propose(money, first, "write_off", owed, org_id=acme.id))
    payments.fetch_balance(now=money.now)
    with acting(STAFF):
        assert owed_after_chargebacks(acme.id) == {}
        acme.refresh_from_db()
    assert acme.frozen_at is None and told() == []


@pytest.mark.parametrize("at", CorrectionState)
def test_every_illegal_move_is_refused(money, carol, first, second, at):
    row = propose(money, first, "credit_contributor", 12_00, user_id=carol.id)
    row.decided_by_id = second.user_id
    with acting(first):
        for target in set(CorrectionState) - CORRECTION_TRANSITIONS[at]:
            row.state = at
            with pytest.raises(IllegalTransition):
                corrections._move(row, target, by=first, now=money.now)


# ── Refunds over the limit ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def limited(settings):
    settings.WAGEFILE = {**settings.WAGEFILE, "refund_limit": {"USD": 30_00}}


def ask(money, acme, boss, amount):
    with acting(boss):
        return payments.ask_for_refund(org_id=acme.id, amount=amount, by=boss, now=money.now)


def back(money, by, row):
    with acting(by):
        return payments.back_refund(correction_id=row.id, **WHY, by=by, now=money.now)


def test_many_small_refunds_are_a_large_one(money, acme, boss, limited):
    with acting(boss):
        money.fund(acme, boss, 100_00)
        for amount in (20_00, 10_00):
            payments.refund_unspent(org_id=acme.id, amount=amount, by=boss, now=money.now)
        with pytest.raises(Conflict, match="Two administrators"):
            payments.refund_unspent(org_id=acme.id, amount=1, by=boss, now=money.now)
        money.later(days=1, minutes=1)
        payments.refund_unspent(org_id=acme.id, amount=30_00, by=boss, now=money.now)
    assert money.wallet(acme) == 40_00


def test_a_large_refund_needs_two(money, acme, boss, limited, first, second):
    with acting(boss):
        money.fund(acme, boss, 100_00)
    row = ask(money, acme, boss, 80_00)
    assert row.state == "asked" and money.wallet(acme) == 100_00
    with pytest.raises(Conflict, match="one at a time"):
        ask(money, acme, boss, 50_00)
    with pytest.raises(Conflict, match="propose it first"):
        decide(money, second, row)
    back(money, first, row)
    with pytest.raises(NotAllowed):
        decide(money, first, row)
    decide(money, second, row)
    assert money.wallet(acme) == 20_00
    payments.push_outbox(now=money.now)
    with acting(STAFF):
        refund = Refund.objects.get()
    assert (refund.state, refund.amount, refund.created_by_id) == ("done", 80_00, boss.user_id)
    with acting(boss):
        payments.refund_unspent(org_id=acme.id, amount=20_00, by=boss, now=money.now)
    payments.push_outbox(now=money.now)
    payments.fetch_balance(now=money.now)
    assert told() == [], "what two approved does not use up what one may do"


def test_money_that_is_spent_meanwhile_is_not_refunded(
    money, acme, boss, carol, limited, first, second
):
    with acting(boss):
        money.fund(acme, boss, 100_00)
    row = back(money, first, ask(money, acme, boss, 80_00))
    money.earn(carol, acme, 50_00)
    with pytest.raises(Conflict):
        decide(money, second, row)
    with acting(STAFF):
        assert Correction.objects.get().state == "proposed" and not Refund.objects.exists()


def test_the_way_through_the_pages(money, acme, boss, limited, client_of, fay, ada, adam, carol):
    with acting(boss):
        money.fund(acme, boss, 100_00)
    answer = client_of(fay).post(
        f"/payments/wallets/{acme.id}/refund/", {"refund-amount": "80"}, follow=True
    )
    assert "waits for two administrators" in answer.content.decode()
    with acting(STAFF):
        row = Correction.objects.get()
    page = f"/payments/staff/corrections/{row.id}/"
    assert "Propose to another administrator" in client_of(ada).get(page).content.decode()
    assert client_of(ada).post(page, {"reason": "", "evidence": "x"}).status_code == 422
    client_of(ada).post(page, WHY)
    assert "You have proposed it" in client_of(ada).get(page).content.decode()
    typed = {"outcome": "approve", "decision": DECISION}
    own = client_of(ada).post(page, typed)
    assert own.status_code == 422 and "Another administrator decides" in own.content.decode()
    assert client_of(adam).post(page, typed).status_code == 302
    assert money.wallet(acme) == 20_00
    assert client_of(carol).get("/payments/staff/").status_code == 403


def test_a_correction_is_proposed_on_the_page(money, acme, client_of, ada, carol, first):
    browser = client_of(ada)
    typed = {
        "kind": "credit_contributor", "whom": carol.email.upper(), "amount": "12.50",
        "currency": "USD", **WHY,
    }  # fmt: skip
    wrong = browser.post("/payments/staff/corrections/", {**typed, "whom": "nobody@example.org"})
    assert wrong.status_code == 422 and "Name the contributor" in wrong.content.decode()
    assert "nobody@example.org" in wrong.content.decode(), "what was typed is kept"
    assert browser.post("/payments/staff/corrections/", typed).status_code == 302
    with acting(STAFF):
        row = Correction.objects.get()
    assert (row.user_id, row.amount, row.state) == (carol.id, 12_50, "proposed")


# ── Money that comes back from a connected account ──────────────────────────────────────────────


@pytest.fixture
def paid(money, acme, boss, carol):
    """A payout of 25.00 that lies at carol's connected account."""
    with acting(boss):
        money.fund(acme, boss, 100_00)
    money.earn(carol, acme, 40_00)
    money.connect(carol)
    payout = money.request(carol, 25_00)
    payments.push_outbox(now=money.now)
    return money.fresh(payout)


def test_a_payout_taken_back_is_payable_again(money, paid, carol, first, second):
    row = propose(money, first, "reversal", 25_00, payout_id=paid.id)
    assert decide(money, second, row).state == "approved" and money.payable(carol) == 15_00
    payments.push_outbox(now=money.now)
    payout = money.fresh(paid)
    assert (payout.state, payout.taken_back) == ("reversed", 25_00)
    assert money.payable(carol) == 40_00
    money.news("transfer.reversed")
    payments.fetch_balance(now=money.now)
    assert money.payable(carol) == 40_00 and told() == []


def test_a_part_taken_back_twice_and_no_more_than_all(money, paid, carol, first, second):
    for amount in (10_00, 15_00):
        decide(money, second, propose(money, first, "reversal", amount, payout_id=paid.id))
        payments.push_outbox(now=money.now)
    assert money.fresh(paid).state == "reversed" and money.payable(carol) == 40_00
    with pytest.raises(Invalid, match="More than"):
        propose(money, first, "reversal", 1, payout_id=paid.id)
    payments.fetch_balance(now=money.now)
    assert told() == []


def test_a_timeout_after_stripe_took_it_back_takes_it_back_once(
    money, paid, carol, first, second, double
):
    decide(money, second, propose(money, first, "reversal", 10_00, payout_id=paid.id))
    path = f"/v1/transfers/{paid.transfer_id}/reversals"
    double.post("/_double/fault", {"kind": "timeout_after_commit", "path": path, "times": 3})
    payments.push_outbox(now=money.now)
    money.news("transfer.reversed")
    assert money.payable(carol) == 25_00, "its event came before the answer"
    payments.push_outbox(now=money.later(hours=30))
    assert money.payable(carol) == 25_00 and money.fresh(paid).taken_back == 10_00
    assert [row.amount for row in gateway.reversals(paid.transfer_id)] == [10_00]


def test_what_the_account_no_longer_has_cannot_be_taken(money, paid, carol, first, second):
    """The bank payout has left: the connected account is empty, and other payouts do not wait."""
    money.later(days=3)
    row = propose(money, first, "reversal", 25_00, payout_id=paid.id)
    decide(money, second, row)
    other = money.request(carol, 15_00)
    payments.push_outbox(now=money.now)
    with acting(STAFF):
        assert Correction.objects.get().state == "failed"
    assert money.fresh(other).state == "transferred" and money.payable(carol) == 0


def test_a_reversal_made_at_stripe_is_found(money, paid, carol):
    gateway.create_reversal(
        {"transfer": paid.transfer_id, "amount": 5_00, "metadata": {}}, key=f"own:{uuid7()}"
    )
    payments.fetch_balance(now=money.now)
    assert money.fresh(paid).taken_back == 5_00 and money.payable(carol) == 20_00 and told() == []
