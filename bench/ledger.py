"""Postings a second of `ledger_post` against a bare INSERT of the same row.

The same role, the same server, fsync on, one transaction a call. Every client is a process with
one session; the rows go out as a client would send them, ids of version 7 made on the way.
"""

import datetime as dt
import json
import multiprocessing
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Barrier
from statistics import median
from time import monotonic

import psycopg

from apps.core.ids import uuid7
from bench import turns
from marketplace.runtime import Environment, ensure, instance

INSTANCE = "bench"
SECONDS = 3.0
ROUNDS = 3
CLIENTS = (1, 8)
BATCH = 100
WARM_UP = 10
"""Calls of each client before the clock starts."""
SPREAD = 1_000
"""Held funds, and contributors' accounts, that the postings go round."""
FUNDS = 10**15

# The columns of ledger_transfer with its primary key, and nothing that guards them: no checks, no
# other index, no foreign key, no trigger, no row-level security.
BARE = """
CREATE SEQUENCE bench_bare_number;
CREATE TABLE bench_bare (
  id uuid PRIMARY KEY, number bigint NOT NULL DEFAULT nextval('bench_bare_number'),
  kind varchar(7) NOT NULL, debit_id bigint NOT NULL, credit_id bigint NOT NULL,
  amount bigint NOT NULL, currency varchar(3) NOT NULL, code varchar(30) NOT NULL,
  pending_id uuid, reverses_id uuid, scope_id uuid, subject_id uuid,
  request_hash varchar(64) NOT NULL, at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT statement_timestamp());
GRANT INSERT ON bench_bare TO wagefile_app;
GRANT USAGE ON SEQUENCE bench_bare_number TO wagefile_app;
"""
INSERT = (
    "INSERT INTO bench_bare (id, kind, debit_id, credit_id, amount, currency, code, scope_id, "
    "subject_id, request_hash, at) VALUES "
)
ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """held and payable are guarded and keep counters; fees is not, and keeps none."""

    held: list[int]
    payable: list[int]
    fees: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """accounts: "many" (held to payable, a thousand of each), "hot fees" (held to the one fee
    account, which is unguarded) or "one fund" (one guarded held account to payable). batch:
    transfers of one call, and so of one transaction.
    """

    writer: str
    accounts: str
    batch: int


CASES = (
    Case(writer="INSERT", accounts="many", batch=1),
    Case(writer="ledger_post", accounts="many", batch=1),
    Case(writer="ledger_post", accounts="hot fees", batch=1),
    Case(writer="ledger_post", accounts="one fund", batch=1),
    Case(writer="INSERT", accounts="many", batch=BATCH),
    Case(writer="ledger_post", accounts="many", batch=BATCH),
    Case(writer="ledger_post", accounts="hot fees", batch=BATCH),
)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """rates: transfers a second, one a round, by (case, clients). proof: a sentence's part."""

    rates: dict[tuple[Case, int], list[float]]
    proof: str
    settings: dict[str, str]

    def rate(self, case: Case, clients: int) -> float:
        return median(self.rates[case, clients])

    def ratio(self, case: Case, clients: int, to: Case, to_clients: int) -> dict[str, float]:
        """Of rates, round by round."""
        pairs = zip(self.rates[case, clients], self.rates[to, to_clients], strict=True)
        return turns.spread(over / under for over, under in pairs)


def run() -> Ledger:
    """Everything, on an own server that is removed afterwards."""
    # What a run that was killed left behind would not be a fresh ledger.
    instance.remove(INSTANCE)
    try:
        return _measure(ensure(INSTANCE))
    finally:
        instance.remove(INSTANCE)


def _measure(server: Environment) -> Ledger:
    print("-> ledger: migrations", flush=True)
    _manage(server, "migrate", "--verbosity", "0", "--skip-checks")
    with psycopg.connect(server.database_owner_url, autocommit=True) as owner:
        owner.execute(BARE)
    with psycopg.connect(server.database_url, autocommit=True) as app:
        accounts = _open_accounts(app)
        settings = {
            name: app.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        }
    rates: dict[tuple[Case, int], list[float]] = {
        (case, clients): [] for case in CASES for clients in CLIENTS
    }
    written = 0
    for number in range(ROUNDS):
        for (case, clients), found in rates.items():
            print(
                f"-> ledger: round {number + 1} of {ROUNDS}, {case.writer}, {case.accounts}, "
                f"{case.batch} a call, {clients} clients",
                flush=True,
            )
            count, rate = _round(server.database_url, case, clients, accounts)
            found.append(rate)
            if case.writer == "ledger_post":
                written += count + clients * WARM_UP * case.batch
    proof = _prove(server, written + SPREAD)
    return Ledger(rates=rates, proof=proof, settings=settings)


def _open_accounts(app: psycopg.Connection) -> Accounts:
    """A thousand funded projects, a thousand contributors, and the fee account."""

    def opened(purpose: str, holder: uuid.UUID | None, scope: uuid.UUID | None) -> int:
        row = app.execute(
            "SELECT ledger_account_id(%s, %s, %s, 'USD')", [purpose, holder, scope]
        ).fetchone()
        return row[0]

    buyer = uuid7()
    accounts = Accounts(
        held=[opened("held", buyer, uuid7()) for _ in range(SPREAD)],
        payable=[opened("payable", uuid7(), None) for _ in range(SPREAD)],
        fees=opened("fees", None, None),
    )
    stripe = opened("stripe", None, None)
    funding = [_entry(stripe, held) | {"amount": FUNDS} for held in accounts.held]
    app.execute("SELECT ledger_post(%s::jsonb)", [json.dumps(funding)])
    return accounts


def _entry(debit: int, credit: int) -> dict[str, object]:
    """What `Entry.as_json` of the ledger's actions gives for a posted transfer."""
    return {
        "id": str(uuid7()),
        "kind": "posted",
        "code": "base",
        "at": dt.datetime.now(dt.UTC).isoformat(),
        "amount": 115,
        "debit": debit,
        "credit": credit,
        "currency": "USD",
        "pending": None,
        "reverses": None,
        "scope": str(uuid7()),
        "subject": str(uuid7()),
    }


def _between(case: Case, accounts: Accounts, number: int) -> tuple[int, int]:
    """The accounts of the number-th transfer. Steps of a prime, so that clients spread out."""
    held = accounts.held[number * 7919 % SPREAD]
    payable = accounts.payable[number * 104729 % SPREAD]
    if case.accounts == "hot fees":
        return held, accounts.fees
    if case.accounts == "one fund":
        return accounts.held[0], payable
    return held, payable


def _round(url: str, case: Case, clients: int, accounts: Accounts) -> tuple[int, float]:
    """Transfers written by all clients together, and how many that is a second."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(clients), context.SimpleQueue()
    processes = [
        context.Process(target=_client, args=(url, case, accounts, number, barrier, results.put))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"a client of {case} ended with code {process.exitcode}")
    done = [results.get() for _ in processes]
    return sum(count for count, _ in done), sum(count / seconds for count, seconds in done)


def _client(
    url: str,
    case: Case,
    accounts: Accounts,
    client: int,
    barrier: Barrier,
    tell: Callable[[tuple[int, float]], None],
) -> None:
    """Write for SECONDS, then tell how many transfers in how many seconds."""
    number = client * 1_000_003
    with psycopg.connect(url, autocommit=True) as session:
        write = partial(_bare if case.writer == "INSERT" else _post, session)
        # Prepared statements and caches of the session are not what is measured.
        for step in range(WARM_UP):
            write([_between(case, accounts, number + step)] * case.batch)
        barrier.wait(timeout=60)
        calls, start = 0, monotonic()
        while monotonic() - start < SECONDS:
            first = number + calls * case.batch
            write([_between(case, accounts, first + step) for step in range(case.batch)])
            calls += 1
        seconds = monotonic() - start
    tell((calls * case.batch, seconds))


def _post(session: psycopg.Connection, pairs: list[tuple[int, int]]) -> None:
    batch = json.dumps([_entry(debit, credit) for debit, credit in pairs])
    session.execute("SELECT ledger_post(%s::jsonb)", [batch])


def _bare(session: psycopg.Connection, pairs: list[tuple[int, int]]) -> None:
    values: list[object] = []
    for debit, credit in pairs:
        entry = _entry(debit, credit)
        values += [entry[name] for name in ("id", "kind")]
        values += [debit, credit]
        values += [entry[name] for name in ("amount", "currency", "code", "scope", "subject")]
        values += ["0" * 64, entry["at"]]
    session.execute(INSERT + ", ".join([ROW] * len(pairs)), values)  # type: ignore[arg-type]


PROOF = """
WITH leg AS (
  SELECT debit_id AS account, amount AS debit, 0 AS credit FROM ledger_transfer
  UNION ALL SELECT credit_id, 0, amount FROM ledger_transfer),
total AS (SELECT account, sum(debit) AS debits, sum(credit) AS credits FROM leg GROUP BY account)
SELECT (SELECT count(*) FROM ledger_transfer),
  (SELECT count(*) FROM ledger_account a LEFT JOIN total t ON t.account = a.id
   WHERE a.is_guarded AND (a.debits_posted, a.credits_posted)
     IS DISTINCT FROM (coalesce(t.debits, 0), coalesce(t.credits, 0)))
"""


def _prove(server: Environment, expected: int) -> str:
    """Every call that returned is in the ledger, nothing else, and each counter is its sum.

    `check_ledger` proves more and would take longer than the benchmark.
    """
    with psycopg.connect(server.database_admin_url) as admin:
        found, wrong = admin.execute(PROOF).fetchone()
    if found != expected or wrong:
        raise RuntimeError(
            f"{found:,} transfers are in the ledger, not {expected:,}; {wrong:,} accounts have "
            "counters that are not their sums"
        )
    return f"{found:,} transfers, as many as the clients had counted"


def _manage(server: Environment, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=turns.ROOT,
        env={**os.environ, **server.variables(), "WAGEFILE_TESTING": "True"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"manage.py {arguments[0]} failed: {done.stdout}{done.stderr}")
