"""Kinds of transfer and of account. The ledger knows no other states."""

from django.db import models


class TransferKind(models.TextChoices):
    """Posted at once, or in two phases: pending, then resolved once by post, void or expire."""

    POSTED = "posted"
    PENDING = "pending"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"  # a void at or after the deadline of the pending transfer


class Purpose(models.TextChoices):
    """What an account is for; (purpose, holder, scope, currency) names it."""

    STRIPE = "stripe"  # money at Stripe; unguarded, the mirror of Stripe's balance
    INCOMING = "incoming"  # bank debits on their way: in Stripe's books, not yet anybody's
    WALLET = "wallet"  # an organization's money that is not yet promised to a project
    HELD = "held"  # a project's held funds
    SEATS = "seats"  # a project's money for qualification seats, apart from its held funds
    LIFT = "lift"  # a project's lift pool: what bonuses for lift are paid from, and nothing else
    COMPUTE = "compute"  # a project's money for the computing of its lift runs
    PAYABLE = "payable"  # what a contributor has earned and not yet withdrawn
    FEES = "fees"  # the platform's fees; unguarded, written by every acceptance
    METERED = "metered"  # what buyers paid the platform for computing; unguarded, as the fees are
    CAPITAL = "capital"  # the operator's own money: bears Stripe's fees and losses
    RECEIVABLE = "receivable"  # what an organization owes after a chargeback


# A guarded account may never promise more than it has: a pending debit counts at once.
# Unguarded ones carry no counters, so that the whole marketplace does not queue for one row.
GUARDED = frozenset(
    {
        Purpose.WALLET,
        Purpose.HELD,
        Purpose.SEATS,
        Purpose.LIFT,
        Purpose.COMPUTE,
        Purpose.PAYABLE,
    }
)
