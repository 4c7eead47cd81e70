"""Every change of payments. Money is booked in the transaction of the row that causes it."""

from apps.payments.actions.balance import catch_up, fetch_balance
from apps.payments.actions.events import handle_event, store_event, take_events
from apps.payments.actions.funding import check_funding, fund
from apps.payments.actions.onboarding import connect, refresh_account
from apps.payments.actions.outbox import push_outbox
from apps.payments.actions.payouts import pay_weekly, request_payout, take_bank_payout
from apps.payments.actions.refunds import check_refund, refund_unspent

__all__ = [
    "catch_up",
    "check_funding",
    "check_refund",
    "connect",
    "fetch_balance",
    "fund",
    "handle_event",
    "pay_weekly",
    "push_outbox",
    "refresh_account",
    "refund_unspent",
    "request_payout",
    "store_event",
    "take_bank_payout",
    "take_events",
]
