"""Postings a second of `ledger_post_one`, beside pgledger and beside a plain INSERT of one row.

The same server, fsync on, and the same client for all: pgbench, with prepared statements. One
posting is one statement, one round trip and one commit. pgledger's SQL is no part of this project:
it is loaded from the folder that the environment variable PGLEDGER names (a checkout of its
repository).
"""

import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from apps.core.ids import uuid7
from bench import turns
from marketplace.runtime import Environment, ensure, instance
from marketplace.runtime.places import places
from marketplace.runtime.postgres import binaries

INSTANCE = "bench"
SECONDS = 3
ROUNDS = 3
CLIENTS = (1, 2, 4, 8, 16)
SPREAD = 1_000
"""Accounts on each side that the postings go round."""
FUNDS = 10**15
OWN = "ledger_post_one"
PGLEDGER = "pgledger"
"""The name of the peer's database, too."""
PGLEDGER_FILES = (
    "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql",
    "vendor/scoville-pgsql-ulid/ulid-to-uuid.sql",
    "pgledger.sql",
)

# The columns of ledger_transfer with its primary key, and nothing that guards them: no checks, no
# other index, no trigger, no row-level security.
BARE = """
CREATE SEQUENCE bench_bare_number;
CREATE TABLE bench_bare (
  id uuid PRIMARY KEY, number bigint NOT NULL DEFAULT nextval('bench_bare_number'),
  kind varchar(7) NOT NULL, debit_id bigint NOT NULL, credit_id bigint NOT NULL,
  amount bigint NOT NULL, currency varchar(3) NOT NULL, code varchar(30) NOT NULL,
  pending_id uuid, reverses_id uuid, scope_id uuid, subject_id uuid,
  request_hash bytea NOT NULL, expires_at timestamptz, at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT statement_timestamp());
GRANT INSERT ON bench_bare TO wagefile_app;
GRANT USAGE ON SEQUENCE bench_bare_number TO wagefile_app;
"""

# What pgbench runs. :debit and :credit are numbers of accounts, :thing is what it is for.
SIDES = "\\set debit {debit}\n\\set credit {credit}\n\\set thing random(1, 1000000000)\n"
PLAIN = SIDES + (  # noqa: S608 -- constants of this file
    "INSERT INTO bench_bare (id, kind, debit_id, credit_id, amount, currency, code, scope_id, "
    "subject_id, request_hash, at) VALUES (uuidv7(), 'posted', :debit, :credit, 115, 'USD', "
    "'base', lpad(:debit::text, 32, '0')::uuid, lpad(:thing::text, 32, '0')::uuid, "
    "decode(lpad(:thing::text, 64, '0'), 'hex'), now())\n"
)
# What `ledger.post` sends for one transfer.
OURS = SIDES + (
    "SELECT ledger_post_one(uuidv7(), 'posted', 'base', now(), 115, :debit, :credit, 'USD', NULL, "
    "NULL, lpad(:debit::text, 32, '0')::uuid, lpad(:thing::text, 32, '0')::uuid, NULL)\n"
)
THEIRS = SIDES + (  # noqa: S608 -- constants of this file
    "SELECT id FROM pgledger_create_transfer('pgla_' || lpad(:debit::text, 26, '0'), "
    "'pgla_' || lpad(:credit::text, 26, '0'), 115)\n"
)
# Money for the accounts of the first side.
FUNDING = """
SELECT ledger_post(array_agg(uuidv7()), array_agg('posted'::text), array_agg('budget'::text),
  array_agg(now()), array_agg(%s::bigint), array_agg(%s::bigint), array_agg(account),
  array_agg('USD'::text), array_agg(NULL::uuid), array_agg(NULL::uuid), array_agg(NULL::uuid),
  array_agg(NULL::uuid), array_agg(NULL::timestamptz))
FROM unnest(%s::bigint[]) AS account
"""
# Accounts with ids that a number gives, so that the client has nothing to look up. The first ones
# may not go below zero, as our held funds.
THEIR_ACCOUNTS = """
INSERT INTO pgledger_accounts (id, name, currency, balance, allow_negative_balance,
  allow_positive_balance, created_at, updated_at)
SELECT 'pgla_' || lpad(n::text, 26, '0'), n::text, 'USD',
  CASE WHEN n <= %(spread)s THEN %(funds)s ELSE 0 END, n > %(spread)s, true, now(), now()
FROM generate_series(1, 2 * %(spread)s + 2) AS n
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """accounts: "spread" (a thousand guarded ones to a thousand), "hot fees" (a thousand guarded
    ones to one that is not), "hot pair" (one that is not guarded, clearing, to another, fees) or
    "one fund" (one guarded one to a thousand).
    """

    writer: str
    accounts: str


CASES = tuple(
    Case(writer=writer, accounts=accounts)
    for accounts, writers in {
        "spread": ("INSERT", OWN, PGLEDGER),
        "hot fees": (OWN, PGLEDGER),
        "hot pair": (OWN, PGLEDGER),
        "one fund": (OWN, PGLEDGER),
    }.items()
    for writer in writers
)


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """rates: postings a second, one a round, by (case, clients). proof: a sentence's part."""

    rates: dict[tuple[Case, int], list[float]]
    proof: str
    settings: dict[str, str]
    client: str

    def rate(self, case: Case, clients: int) -> float | None:
        found = self.rates.get((case, clients))
        return median(found) if found else None

    def ratio(self, case: Case, clients: int, to: Case, to_clients: int) -> dict[str, float] | None:
        """Of rates, round by round; None if one of them was not run."""
        if (case, clients) not in self.rates or (to, to_clients) not in self.rates:
            return None
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
    manage(server, "migrate", "--verbosity", "0", "--skip-checks")
    with psycopg.connect(server.database_owner_url, autocommit=True) as owner:
        owner.execute(BARE)
    with psycopg.connect(server.database_url, autocommit=True) as app:
        with app.transaction():
            ours = open_accounts(app)
        settings = {
            name: app.execute("SELECT current_setting(%s)", [name]).fetchone()[0]
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        }
    cases = [case for case in CASES if case.writer != PGLEDGER]
    folder = os.environ.get("PGLEDGER")
    if folder:
        _load_peer(server, Path(folder))
        cases = list(CASES)
    rates: dict[tuple[Case, int], list[float]] = {
        (case, clients): [] for clients in CLIENTS for case in cases
    }
    written = SPREAD
    for number in range(ROUNDS):
        for (case, clients), found in rates.items():
            print(
                f"-> ledger: round {number + 1} of {ROUNDS}, {case.writer}, {case.accounts}, "
                f"{clients} clients",
                flush=True,
            )
            count, rate = _round(server, case, clients, ours)
            found.append(rate)
            written += count if case.writer == OWN else 0
    return Ledger(
        rates=rates, proof=_prove(server, written), settings=settings, client=_pgbench("--version")
    )


def open_accounts(app: psycopg.Connection) -> range:
    """A thousand funded projects, a thousand contributors, fees and clearing, numbered on."""

    def opened(purpose: str, holder: uuid.UUID | None, scope: uuid.UUID | None) -> int:
        row = app.execute(
            "SELECT ledger_account_id(%s, %s, %s, 'USD')", [purpose, holder, scope]
        ).fetchone()
        return row[0]

    buyer = uuid7()
    held = [opened("held", buyer, uuid7()) for _ in range(SPREAD)]
    payable = [opened("payable", uuid7(), None) for _ in range(SPREAD)]
    fees, stripe = opened("fees", None, None), opened("stripe", None, None)
    all_of_them = [*held, *payable, fees, stripe]
    found = range(held[0], held[0] + len(all_of_them))
    if all_of_them != list(found):
        raise RuntimeError("the accounts of a fresh ledger are not numbered on")
    app.execute(FUNDING, [FUNDS, stripe, held])
    return found


def _load_peer(server: Environment, folder: Path) -> None:
    """The schema of pgledger in a database of its own on the same server."""
    with psycopg.connect(server.database_admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {PGLEDGER}")
    with psycopg.connect(_of_peer(server.database_admin_url), autocommit=True) as admin:
        for name in PGLEDGER_FILES:
            path = folder / name
            if not path.is_file():
                raise RuntimeError(f"PGLEDGER names a folder without {name}")
            admin.execute(path.read_text(encoding="utf-8"))  # type: ignore[arg-type]
        admin.execute(THEIR_ACCOUNTS, {"spread": SPREAD, "funds": FUNDS})


def _of_peer(url: str) -> str:
    return re.sub(r"/[^/?]*\?", f"/{PGLEDGER}?", url, count=1)


def _round(server: Environment, case: Case, clients: int, ours: range) -> tuple[int, float]:
    """Postings of all clients together, and how many that is a second."""
    first = 1 if case.writer == PGLEDGER else ours[0]
    held = f"random({first}, {first + SPREAD - 1})"
    payable = f"random({first + SPREAD}, {first + 2 * SPREAD - 1})"
    fees, clearing = first + 2 * SPREAD, first + 2 * SPREAD + 1
    script = {"INSERT": PLAIN, OWN: OURS, PGLEDGER: THEIRS}[case.writer].format(
        debit={"one fund": first, "hot pair": clearing}.get(case.accounts, held),
        credit=fees if case.accounts in {"hot fees", "hot pair"} else payable,
    )
    url = _of_peer(server.database_admin_url) if case.writer == PGLEDGER else server.database_url
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        told = _pgbench(
            *("--no-vacuum", "--protocol=prepared", "--jobs=1", f"--client={clients}"),
            *(f"--time={SECONDS}", f"--file={file.name}", url),
        )
    numbers = re.search(r"actually processed: (\d+).*?tps = ([\d.]+)", told, re.DOTALL)
    failed = re.search(r"failed transactions: (\d+)", told)
    if numbers is None or failed is None or int(failed[1]):
        raise RuntimeError(f"pgbench told of {case}: {told}")
    return int(numbers[1]), float(numbers[2])


def _pgbench(*arguments: str) -> str:
    return _ran([str(binaries(places(INSTANCE)) / "pgbench"), *arguments], os.environ).strip()


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
    """Every posting that was answered is in the ledger, and each counter is its sum."""
    with psycopg.connect(server.database_admin_url) as admin:
        found, wrong = admin.execute(PROOF).fetchone()
    # A client that pgbench stops at the end may have one more committed than it has counted.
    if not expected <= found <= expected + sum(CLIENTS) * ROUNDS * len(CASES) or wrong:
        raise RuntimeError(
            f"{found:,} transfers are in the ledger, {expected:,} were answered; {wrong:,} "
            "accounts have counters that are not their sums"
        )
    return f"{found:,} transfers, {expected:,} of them counted by the clients"


def manage(server: Environment, *arguments: str) -> None:
    _ran([sys.executable, "manage.py", *arguments], _variables(server))


def child(server: Environment, module: str) -> str:
    """What `python -m module` prints with the product's settings of this server."""
    return _ran([sys.executable, "-m", module], _variables(server))


def _variables(server: Environment) -> dict[str, str]:
    return {**os.environ, **server.variables(), "WAGEFILE_TESTING": "True"}


def _ran(command: list[str], variables: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, cwd=turns.ROOT, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stdout}{done.stderr}")
    return done.stdout
