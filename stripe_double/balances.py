"""Balance transactions and the Balance of the platform and of each connected account.

Amounts are integers of minor units. Balance is kept as running counters and must always equal the
sum of the balance transactions: `net` of those that are available, `net` of those still pending.
"""

from typing import Any

from stripe_double.core import PLATFORM, Request, Sim, next_midnight, page
from stripe_double.errors import ApiError
from stripe_double.events import emit
from stripe_double.store import Record, new_id, public

REPORTING = {
    "charge": "charge",
    "refund": "refund",
    "transfer": "transfer",
    "transfer_refund": "transfer_reversal",
    "payment": "charge",
    "payment_refund": "refund",
    "payout": "payout",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "payment_failure_refund": "charge_failure",
    "topup": "topup",
    "adjustment": "other_adjustment",
    "connect_collection_transfer": "connect_collection_transfer",
}


class Balances:
    """Counters by (account, currency): [available, pending]."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.totals: dict[tuple[str, str], list[int]] = {}
        self.sweeps: set[tuple[str, int]] = set()
        for record in sim.store.records["balance_transaction"].values():
            self._add(record, record["status"] == "available", record["net"])
            if record["status"] == "pending":
                sim.schedule(record["available_on"], "available", record["id"])
        for account, currency in list(self.totals):
            if self.available(account, currency) > 0:
                self.plan_sweep(account)

    def _add(self, record: Record, available: bool, net: int) -> None:
        counters = self.totals.setdefault((record["_account"], record["currency"]), [0, 0])
        counters[0 if available else 1] += net

    def _move(self, record: Record, available: bool, net: int) -> None:
        self._add(record, available, net)
        self.sim.store.on_rollback(lambda: self._add(record, available, -net))

    def available(self, account: str, currency: str) -> int:
        return self.totals.get((account, currency), [0, 0])[0]

    def book(
        self,
        account: str,
        *,
        kind: str,
        amount: int,
        currency: str,
        source: str | None,
        fee: int = 0,
        available_on: int | None = None,
        description: str | None = None,
        reporting: str | None = None,
        fee_label: str = "Stripe processing fees",
    ) -> Record:
        """Add one balance transaction; `net = amount - fee`, pending until `available_on`."""
        sim = self.sim
        available_on = max(sim.now, available_on or 0)
        pending = available_on > sim.now
        fee_line = {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": fee_label,
            "type": "stripe_fee",
        }
        record = sim.store.insert(
            "balance_transaction",
            {
                "id": new_id("txn"),
                "object": "balance_transaction",
                "amount": amount,
                "available_on": available_on,
                "balance_type": "payments",
                "created": sim.now,
                "currency": currency,
                "description": description,
                "exchange_rate": None,
                "fee": fee,
                "fee_details": [fee_line] if fee else [],
                "net": amount - fee,
                "reporting_category": reporting or REPORTING[kind],
                "source": source,
                "status": "pending" if pending else "available",
                "type": kind,
                "_account": account,
                "_payout": None,
            },
        )
        self._move(record, not pending, record["net"])
        if pending:
            sim.schedule(available_on, "available", record["id"])
        else:
            self.plan_sweep(account)
        return record

    def mature(self, ident: str) -> None:
        """Pending money becomes available."""
        record = self.sim.store.get("balance_transaction", ident)
        if record is None or record["status"] != "pending":
            return
        self._move(record, False, -record["net"])
        self._move(record, True, record["net"])
        self.sim.store.update("balance_transaction", ident, status="available")
        account = record["_account"]
        emit(self.sim, "balance.available", self.balance(account), account=account)
        self.plan_sweep(account)

    def plan_sweep(self, account: str) -> None:
        """A connected account is looked at for an automatic payout each midnight (UTC)."""
        at = next_midnight(self.sim.now)
        if account == PLATFORM or (account, at) in self.sweeps:
            return
        self.sweeps.add((account, at))
        self.sim.schedule(at, "sweep", account)

    def currencies(self, account: str) -> list[str]:
        return sorted(currency for owner, currency in self.totals if owner == account) or ["usd"]

    def balance(self, account: str) -> dict[str, Any]:
        """The Balance object of one account."""

        def column(index: int) -> list[dict[str, Any]]:
            rows = []
            for currency in self.currencies(account):
                amount = self.totals.get((account, currency), [0, 0])[index]
                row = {"amount": amount, "currency": currency, "source_types": {"card": amount}}
                rows.append(row)
            return rows

        body = {"object": "balance", "livemode": False}
        return {**body, "available": column(0), "pending": column(1)}


def cover(sim: Sim, account: str, currency: str) -> None:
    """The platform answers for the losses of its accounts: one below zero is brought to zero."""
    debt = -sim.balances.available(account, currency)
    if debt <= 0:
        raise ApiError("This account is not below zero.")
    for owner, amount in ((PLATFORM, -debt), (account, debt)):
        sim.balances.book(
            owner,
            kind="connect_collection_transfer",
            amount=amount,
            currency=currency,
            source=None,
        )


def get_balance(sim: Sim, request: Request) -> dict[str, Any]:
    return sim.balances.balance(request.account)


def get_transaction(sim: Sim, request: Request, ident: str) -> dict[str, Any]:
    return public(sim.find("balance_transaction", ident, request.account))


def list_transactions(sim: Sim, request: Request) -> dict[str, Any]:
    """All filters of the description; `payout` lists the contents of automatic payouts only."""
    params = request.params
    wanted = {name: params[name] for name in ("currency", "source", "type") if name in params}
    payout = params.get("payout")
    if payout:
        found = sim.find("payout", payout, request.account, param="payout")
        payout = payout if found["automatic"] else "none: manual payouts are not mapped"

    def keep(record: Record) -> bool:
        if payout and record["_payout"] != payout:
            return False
        return all(record[name] == value for name, value in wanted.items())

    return page(sim, request, "balance_transaction", keep=keep, show=public)


def list_history(sim: Sim, request: Request) -> dict[str, Any]:
    """The old name of the list; its `url` is the new one."""
    return {**list_transactions(sim, request), "url": "/v1/balance_transactions"}
