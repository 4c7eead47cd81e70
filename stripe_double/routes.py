"""Which handler answers which route, what the clock sets off, and what can be expanded."""

from collections.abc import Callable
from typing import Any

from stripe_double import (
    accounts,
    balances,
    banks,
    charges,
    checkout,
    customers,
    disputes,
    events,
    intents,
    links,
    methods,
    payouts,
    refunds,
    stages,
    topups,
    transfers,
)
from stripe_double.core import Sim
from stripe_double.updates import labels

Handler = Callable[..., dict[str, Any]]

HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/v1/accounts/{account}/external_accounts"): banks.list_banks,
    ("GET", "/v1/accounts/{account}/external_accounts/{id}"): banks.get_bank,
    ("GET", "/v1/balance"): balances.get_balance,
    ("GET", "/v1/balance/history"): balances.list_history,
    ("GET", "/v1/balance/history/{id}"): balances.get_transaction,
    ("GET", "/v1/balance_transactions"): balances.list_transactions,
    ("GET", "/v1/balance_transactions/{id}"): balances.get_transaction,
    ("GET", "/v1/balance_settings"): payouts.get_settings,
    ("POST", "/v1/balance_settings"): payouts.update_settings,
    ("GET", "/v1/charges"): charges.list_charges,
    ("GET", "/v1/charges/{charge}"): charges.get_charge,
    ("POST", "/v1/charges/{charge}"): labels("charge", "charge.updated", also=("description",)),
    ("GET", "/v1/charges/{charge}/dispute"): disputes.get_of_charge,
    ("GET", "/v1/checkout/sessions"): checkout.list_sessions,
    ("POST", "/v1/checkout/sessions"): checkout.create_session,
    ("GET", "/v1/checkout/sessions/{session}"): checkout.get_session,
    ("POST", "/v1/checkout/sessions/{session}"): labels("checkout.session"),
    ("POST", "/v1/checkout/sessions/{session}/expire"): checkout.expire_session,
    ("GET", "/v1/checkout/sessions/{session}/line_items"): checkout.session_lines,
    ("GET", "/v1/customers"): customers.list_customers,
    ("POST", "/v1/customers"): customers.create_customer,
    ("GET", "/v1/customers/{customer}"): customers.get_customer,
    ("POST", "/v1/customers/{customer}"): customers.update_customer,
    ("DELETE", "/v1/customers/{customer}"): customers.delete_customer,
    ("GET", "/v1/customers/{customer}/payment_methods"): methods.list_methods,
    ("GET", "/v1/customers/{customer}/payment_methods/{payment_method}"): methods.get_of_customer,
    ("GET", "/v1/disputes"): disputes.list_disputes,
    ("GET", "/v1/disputes/{dispute}"): disputes.get_dispute,
    ("POST", "/v1/disputes/{dispute}"): disputes.update_dispute,
    ("POST", "/v1/disputes/{dispute}/close"): disputes.close_dispute,
    ("GET", "/v1/events"): events.list_events,
    ("GET", "/v1/events/{id}"): events.get_event,
    ("GET", "/v1/payment_intents"): intents.list_intents,
    ("POST", "/v1/payment_intents"): intents.create_intent,
    ("GET", "/v1/payment_intents/{intent}"): intents.get_intent,
    ("POST", "/v1/payment_intents/{intent}"): labels("payment_intent", also=("description",)),
    ("POST", "/v1/payment_intents/{intent}/cancel"): intents.cancel_intent,
    ("POST", "/v1/payment_intents/{intent}/confirm"): intents.confirm_intent,
    ("GET", "/v1/payment_methods"): methods.list_methods,
    ("GET", "/v1/payment_methods/{payment_method}"): methods.get_method,
    ("POST", "/v1/payment_methods/{payment_method}"): labels(
        "payment_method", "payment_method.updated"
    ),
    ("POST", "/v1/payment_methods/{payment_method}/attach"): methods.attach,
    ("POST", "/v1/payment_methods/{payment_method}/detach"): methods.detach,
    ("GET", "/v1/payouts"): payouts.list_payouts,
    ("POST", "/v1/payouts"): payouts.create_payout,
    ("GET", "/v1/payouts/{payout}"): payouts.get_payout,
    ("POST", "/v1/payouts/{payout}"): labels("payout", "payout.updated"),
    ("POST", "/v1/payouts/{payout}/cancel"): payouts.cancel_payout,
    ("GET", "/v1/refunds"): refunds.list_refunds,
    ("POST", "/v1/refunds"): refunds.create_refund,
    ("GET", "/v1/refunds/{refund}"): refunds.get_refund,
    ("POST", "/v1/refunds/{refund}"): labels("refund", "refund.updated"),
    ("GET", "/v1/topups"): topups.list_topups,
    ("POST", "/v1/topups"): topups.create_topup,
    ("GET", "/v1/topups/{topup}"): topups.get_topup,
    ("POST", "/v1/topups/{topup}"): labels("topup", also=("description",)),
    ("POST", "/v1/topups/{topup}/cancel"): topups.cancel_topup,
    ("GET", "/v1/transfers"): transfers.list_transfers,
    ("POST", "/v1/transfers"): transfers.create_transfer,
    ("GET", "/v1/transfers/{transfer}"): transfers.get_transfer,
    ("POST", "/v1/transfers/{transfer}"): labels(
        "transfer", "transfer.updated", also=("description",)
    ),
    ("GET", "/v1/transfers/{id}/reversals"): transfers.list_reversals,
    ("POST", "/v1/transfers/{id}/reversals"): transfers.create_reversal,
    ("GET", "/v1/transfers/{transfer}/reversals/{id}"): transfers.get_reversal,
    ("POST", "/v1/transfers/{transfer}/reversals/{id}"): labels("transfer_reversal"),
    ("GET", "/v2/core/accounts"): accounts.list_accounts,
    ("POST", "/v2/core/accounts"): accounts.create_account,
    ("GET", "/v2/core/accounts/{id}"): accounts.get_account,
    ("POST", "/v2/core/accounts/{id}"): accounts.update_account,
    ("POST", "/v2/core/accounts/{id}/close"): accounts.close_account,
    ("POST", "/v2/core/account_links"): links.create_link,
    ("GET", "/v2/core/events"): events.list_thin_events,
    ("GET", "/v2/core/events/{id}"): events.get_thin_event,
}

DUE: dict[str, Callable[[Sim, str], object]] = {
    "available": lambda sim, ident: sim.balances.mature(ident),
    "debit": checkout.settle,
    "dispute_due": disputes.overdue,
    "expire_session": checkout.expire,
    "payout_paid": payouts.paid,
    "payout_sent": payouts.sent,
    "requirements_due": stages.overdue,
    "sweep": payouts.sweep,
    "topup": topups.arrive,
}

EXPANDABLE = {
    "ba": "bank_account",
    "ch": "charge",
    "cs": "checkout.session",
    "cus": "customer",
    "du": "dispute",
    "pi": "payment_intent",
    "pm": "payment_method",
    "po": "payout",
    "py": "charge",
    "re": "refund",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "tu": "topup",
    "txn": "balance_transaction",
}


PLANS: dict[str, Callable[[Sim, dict[str, Any]], None]] = {
    "checkout.session": checkout.plan,
    "dispute": disputes.plan,
    "payment_intent": intents.plan,
    "payout": payouts.plan,
    "topup": topups.plan,
    "v2.core.account": stages.plan,
}


def connect(sim: Sim) -> Sim:
    """Wire the schedule to the clock and plan again what a restart interrupted."""
    sim.on_due = DUE
    sim.balances = balances.Balances(sim)
    for kind, plan in PLANS.items():
        for record in sim.store.records[kind].values():
            plan(sim, record)
    return sim
