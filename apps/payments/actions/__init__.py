"""Every change of payments. Money is booked in the transaction of the row that causes it."""

from apps.payments.actions.balance import catch_up, fetch_balance
from apps.payments.actions.corrections import ask_for_refund, back_refund, decide, propose
from apps.payments.actions.disputes import (
    check_dispute,
    note_workers_told,
    settle_chargebacks,
)
from apps.payments.actions.events import handle_event, store_event, take_events
from apps.payments.actions.funding import check_funding, fund
from apps.payments.actions.holds import watch_holds
from apps.payments.actions.onboarding import (
    connect,
    refresh_account,
    release_payouts,
    stop_payouts,
)
from apps.payments.actions.outbox import push_outbox
from apps.payments.actions.payouts import pay_weekly, request_payout, take_bank_payout
from apps.payments.actions.reconciling import reconcile
from apps.payments.actions.refunds import check_refund, refund_unspent
from apps.payments.actions.reversals import check_reversals
from apps.payments.actions.topping_up import set_top_up, switch_off_top_up, top_up

__all__ = [
    "ask_for_refund",
    "back_refund",
    "catch_up",
    "check_dispute",
    "check_funding",
    "check_refund",
    "check_reversals",
    "connect",
    "decide",
    "fetch_balance",
    "fund",
    "handle_event",
    "note_workers_told",
    "pay_weekly",
    "propose",
    "push_outbox",
    "reconcile",
    "refresh_account",
    "refund_unspent",
    "release_payouts",
    "request_payout",
    "set_top_up",
    "settle_chargebacks",
    "stop_payouts",
    "store_event",
    "switch_off_top_up",
    "take_bank_payout",
    "take_events",
    "top_up",
    "watch_holds",
]
