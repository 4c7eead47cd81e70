"""kill -9 of the web, the worker, the broker and the database while answers come in over HTTP.

The house brings each back; the same command, run again if it had to give up, finishes, and the
books say that nothing was lost and nothing was done twice.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from apps.work.enums import HOLDS_SLOT
from marketplace.runtime import instance
from marketplace.runtime.places import CHECKOUT
from marketplace.runtime.processes import wait_until
from tests.e2e.served import Served, served

pytestmark = pytest.mark.worker

WORKERS, ITEMS = 6, 20
ANSWERS = WORKERS * ITEMS
# Which process is killed once so many answers are in.
KILLED = ((10, "web"), (35, "worker"), (60, "Valkey"), (85, "Postgres"))
RUNS_MAX = 1 + len(KILLED)


@pytest.fixture(scope="module")
def house() -> Iterator[Served]:
    with served("faults", port=8200) as made:
        yield made


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Six workers, three answers, each right in four of five cases; every second item is gold."""
    chance = random.Random(20261122)  # noqa: S311 -- the same crowd in every run
    rows = ["item_id,worker_id,answer,gold"]
    for item in range(ITEMS):
        known = f"c{item % 3}"
        for worker in range(WORKERS):
            given = known if chance.random() < 0.8 else f"c{(item + 1) % 3}"
            rows.append(f"i{item:02d},w{worker},{given},{known if item % 2 else ''}")
    path = tmp_path / "crowd.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


class Replay:
    """The command, again and again until it finishes."""

    def __init__(self, house: Served, crowd: Path, folder: Path) -> None:
        self.house, self.crowd, self.folder = house, crowd, folder
        self.out, self.runs = folder / "report.json", 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.runs += 1
        assert self.runs <= RUNS_MAX, self.said()
        with (self.folder / f"replay-{self.runs}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", "replay", "--data", str(self.crowd),
                 "--via", "http", "--seconds", "30", "--out", str(self.out)],
                cwd=CHECKOUT, env=self.house.env, stdout=log, stderr=log,
            )  # fmt: skip

    def said(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in self.folder.glob("replay-*.log"))

    def goes_on(self) -> None:
        """Run the same command again if it has given up."""
        if self.process.poll() not in {None, 0} and self._is_up():
            self.process = self._start()

    def _is_up(self) -> bool:
        """Without its database the command cannot even look where it was."""
        return one(self.house, "SELECT 1") == 1

    def finish(self) -> dict:
        while self.process.wait(timeout=180) != 0:
            assert wait_until(self._is_up, seconds=120), self.said()
            self.process = self._start()
        return json.loads(self.out.read_text())


def one(house: Served, question: str) -> int:
    """One number from the database, as the superuser sees it; -1 while nobody answers."""
    try:
        with psycopg.connect(house.variables["DATABASE_ADMIN_URL"], connect_timeout=5) as session:
            row = session.execute(question).fetchone()
    except psycopg.OperationalError:
        return -1
    assert row is not None
    return row[0]


def answers_in(house: Served) -> int:
    return one(
        house, "SELECT count(*) FROM work_submission WHERE kind = 'work' AND undone_at IS NULL"
    )


def kill(house: Served, name: str) -> None:
    """SIGKILL, with everything that the process has started."""
    for server in instance.servers(house.name):
        if type(server).__name__ == name:
            pid = server.pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            return
    needles = {"web": ("gunicorn", house.url.removeprefix("http://")), "worker": ("worker", "-Q")}
    found = [pid for pid in children(house) if all(each in said(pid) for each in needles[name])]
    assert len(found) == 1, found
    os.killpg(found[0], signal.SIGKILL)


def children(house: Served) -> list[int]:
    assert house.process is not None
    folder = Path(f"/proc/{house.process.pid}/task/{house.process.pid}/children")
    return [int(pid) for pid in folder.read_text().split()]


def said(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@pytest.fixture
def replay(house: Served, crowd: Path, tmp_path: Path) -> Iterator[Replay]:
    made = Replay(house, crowd, tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_each_process_dies_once_and_nothing_is_lost(house, replay):
    for threshold, name in KILLED:

        def enough(threshold: int = threshold) -> bool:
            replay.goes_on()
            return answers_in(house) >= threshold

        came = wait_until(enough, seconds=120)
        assert came, f"{threshold} answers never came\n{replay.said()}\n{house.lines}"
        assert answers_in(house) < ANSWERS, "too late: every answer was in before the fault"
        kill(house, name)
        house.restarted(name)
    report = replay.finish()
    assert report["ledger_balanced"] is True
    assert report["wage_file_matches_ledger"] is True
    assert report["submissions"] == report["answers"] == ANSWERS
    assert report["contributors"] == WORKERS
    assert answers_in(house) == ANSWERS
    assert one(house, TWICE) == 0, "somebody holds the same item twice"
    assert one(house, OVERFULL) == 0, "an item was given out more often than its overlap"
    assert one(house, UNPAID) == 0, "an accepted answer has no earning line"
    house.python("from django.core.management import call_command; call_command('check_books')")


HELD = ", ".join(f"'{state}'" for state in sorted(HOLDS_SLOT))
TWICE = """
SELECT count(*) FROM (
  SELECT 1 FROM work_assignment WHERE kind = 'work'
  GROUP BY item_id, contributor_id HAVING count(*) > 1
) AS pairs
"""
OVERFULL = f"""
SELECT count(*) FROM (
  SELECT 1 FROM work_assignment AS a JOIN projects_item AS i ON i.id = a.item_id
  WHERE a.kind = 'work' AND a.state IN ({HELD})
  GROUP BY i.id, i.overlap HAVING count(*) > i.overlap
) AS items
"""  # noqa: S608 -- own names
UNPAID = """
SELECT count(*) FROM work_assignment AS a
WHERE a.kind = 'work' AND a.state IN ('accepted', 'overturned')
  AND NOT EXISTS (SELECT 1 FROM work_earningline AS l WHERE l.assignment_id = a.id)
"""
