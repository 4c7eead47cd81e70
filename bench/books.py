"""`check_ledger` and the rest of `check_books` on ledgers of a million transfers and more.

An own server, removed afterwards. What is timed are the checks themselves, in a child process with
the product's settings; memory is the private memory of PostgreSQL's session that answers it.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psycopg

from bench import ledger, page
from marketplace.runtime import Environment, ensure, instance

INSTANCE = "bench-books"
SIZES = (1_000_000, 5_000_000)
BATCH = 1_000
LOOK_SECONDS = 0.2

# Every fifth one a fee; funds, contributors and what it is for go round.
FILL = """
SELECT ledger_post(array_agg(uuidv7()), array_agg('posted'::text), array_agg('base'::text),
  array_agg(now()), array_agg(115::bigint), array_agg(%(first)s + i %% %(spread)s),
  array_agg(CASE WHEN i %% 5 = 0 THEN %(fees)s
    ELSE %(first)s + %(spread)s + i * 7 %% %(spread)s END),
  array_agg('USD'::text), array_agg(NULL::uuid), array_agg(NULL::uuid),
  array_agg(lpad((i %% %(spread)s)::text, 32, '0')::uuid), array_agg(md5(i::text)::uuid),
  array_agg(NULL::timestamptz))
FROM generate_series(%(begin)s::bigint, %(end)s::bigint - 1) AS i
"""


def measured_books() -> list[str]:
    """The section's lines."""
    instance.remove(INSTANCE)
    try:
        return _lines(list(_sizes(ensure(INSTANCE))))
    finally:
        instance.remove(INSTANCE)


def _sizes(server: Environment) -> Iterator[tuple[int, dict[str, Any]]]:
    ledger.manage(server, "migrate", "--verbosity", "0", "--skip-checks")
    written = 0
    with psycopg.connect(server.database_url, autocommit=True) as app:
        with app.transaction():
            accounts = ledger.open_accounts(app)
        for size in SIZES:
            print(f"-> books: {size:,} transfers", flush=True)
            # The funding is a transfer for each of the funds, too.
            for begin in range(written, size - ledger.SPREAD, BATCH):
                app.execute(
                    FILL,
                    {
                        "first": accounts[0],
                        "spread": ledger.SPREAD,
                        "fees": accounts[0] + 2 * ledger.SPREAD,
                        "begin": begin,
                        "end": min(begin + BATCH, size - ledger.SPREAD),
                    },
                )
            written = size - ledger.SPREAD
            with psycopg.connect(server.database_admin_url, autocommit=True) as admin:
                admin.execute("VACUUM ANALYZE ledger_transfer, ledger_account")
            yield size, json.loads(ledger.child(server, "bench.books").splitlines()[-1])


def _lines(found: list[tuple[int, dict[str, Any]]]) -> list[str]:
    rows = [
        [
            f"{size:,}",
            f"{one['ledger']:.1f}",
            f"{one['others']:.1f}",
            f"{one['transfers'] / one['ledger']:,.0f}",
            f"{one['bytes'] / 2**20:.0f}",
        ]
        for size, one in found
    ]
    (small, first), (large, last) = found[0], found[-1]
    growth = (last["ledger"] / first["ledger"]) / (large / small)
    return [
        (
            f"Transfers between {ledger.SPREAD:,} funds, {ledger.SPREAD:,} contributors and the fee"
            f" account, written by `ledger_post` in batches of {BATCH:,}; no projects or payouts"
            " beside them, so the other checks of `check_books` read the ledger's accounts alone."
            " One session of PostgreSQL with its usual settings (what does not fit into work_mem"
            " is sorted on disk)."
        ),
        "",
        *page.table(
            ["transfers", "`check_ledger`, s", "rest of `check_books`, s", "transfers a second",
             "private memory of the session, MiB"],
            rows,
        ),
        "",
        (
            f"{large // small} times the transfers take {growth:.2f} times as long for each of them"
            " (1 is linear)."
        ),
    ]  # fmt: skip


def _check() -> dict[str, Any]:
    """In the child: time every check, and watch the session that answers."""
    import django  # noqa: PLC0415 -- only where the settings are

    django.setup()
    from django.db import connection  # noqa: PLC0415

    from apps.core import clock  # noqa: PLC0415
    from apps.core.tenancy import Actor, acting  # noqa: PLC0415
    from apps.ledger import queries  # noqa: PLC0415
    from apps.pages import checks  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        rollup = Path(f"/proc/{cursor.fetchone()[0]}/smaps_rollup")
    most, is_over = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(rollup, most, is_over), daemon=True)
    watcher.start()
    with acting(Actor(kind="staff")):
        start = perf_counter()
        proof = queries.prove()
        proved = perf_counter() - start
        if proof.fault:
            raise RuntimeError(proof.fault)
        # Without Stripe's balance solvency says no, after it has read what it reads.
        start = perf_counter()
        list(checks.run(clock.now()))
        others = max(0.0, perf_counter() - start - proved)
    is_over.set()
    watcher.join()
    return {"ledger": proved, "others": others, "transfers": proof.transfers, "bytes": most[0]}


def _watch(rollup: Path, most: list[int], is_over: threading.Event) -> None:
    while not is_over.is_set():
        private = sum(
            int(line.split()[1]) * 1024
            for line in rollup.read_text().splitlines()
            if line.startswith("Private_")
        )
        most[0] = max(most[0], private)
        sleep(LOOK_SECONDS)


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    sys.stdout.write(json.dumps(_check()) + "\n")
