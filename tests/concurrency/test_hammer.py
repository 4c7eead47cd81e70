"""Sixteen clients, 5,000 operations, workers that are killed, events that come twice or never."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from marketplace.runtime.places import CHECKOUT
from tests.e2e.served import Served, served
from tests.e2e.test_faults import kill

pytestmark = [pytest.mark.worker, pytest.mark.concurrency]

OPERATIONS, CLIENTS, SEED = 5_000, 16, 20261128
# The worker dies as often as the house brings a process back.
KILLED_AT = (700, 1_600, 2_500, 3_400)
ENOUGH = {  # so that the sums below are about something
    "claim": 300, "submit": 150, "accept": 40, "reject": 10, "appeal": 10, "decide": 10,
    "payout": 1, "refund": 5, "fund": 20, "chargeback": 5,
}  # fmt: skip
PROOFS = (["check_ledger"], ["check_books"], ["reconcile_stripe", "--fetch"], ["check_audit"])


@pytest.fixture(scope="module")
def house() -> Iterator[Served]:
    with served("hammer", port=8300) as made:
        yield made


def test_no_cent_is_missing(house):
    waiting, last = list(KILLED_AT), ""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.concurrency.hammer",
         str(OPERATIONS), str(CLIENTS), str(SEED)],
        cwd=CHECKOUT, env=house.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            last = line.strip()
            if waiting and last.startswith("done ") and int(last.split()[1]) >= waiting[0]:
                waiting.pop(0)
                kill(house, "worker")
        assert process.wait() == 0, process.stderr.read()[-4000:]
    assert not waiting, "the worker was not killed as often as it should be"
    report = json.loads(last)
    assert report["faults"] == [], "\n".join(report["faults"])
    assert report["operations"] == OPERATIONS
    assert report["statements"] == []
    done = report["done"]
    few = {name: done.get(name, 0) for name, least in ENOUGH.items() if done.get(name, 0) < least}
    assert few == {}
    for command in PROOFS:
        checked = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=CHECKOUT, env=house.env,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert checked.returncode == 0, f"{command}: {checked.stdout}{checked.stderr}"[-3000:]
