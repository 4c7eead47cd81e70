"""Our side: PostgreSQL and Valkey of an instance of its own, and the site as in production."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from bench import turns
from bench.flow.clients import Person, Round, Way, measure
from marketplace.runtime import house, instance
from marketplace.runtime.house import OWNER_VARIABLES, House

INSTANCE = "flow"
# As an operator runs it, except that it is reached without TLS: no demo, no debugging. What
# worker and beat do (scores, deadlines, payouts) comes later in the life of an answer.
PRODUCTION = {"WAGEFILE_DEMO": "False", "DJANGO_DEBUG": "False", "WAGEFILE_TESTING": "False"}
TAKEN_ONCE = """
SELECT count(*) FROM projects_item i LEFT JOIN (
  SELECT item_id, count(*) AS held FROM work_assignment
  WHERE state NOT IN ('given_back', 'expired') GROUP BY item_id) a ON a.item_id = i.id
WHERE coalesce(a.held, 0) <> i.overlap - i.open_slots OR coalesce(a.held, 0) > i.overlap
"""
RESERVED = """
SELECT count(*) FROM work_assignment a WHERE a.held_pay + a.held_fee + a.held_extra <> (
  SELECT coalesce(sum(t.amount), 0) FROM ledger_transfer t
  WHERE t.subject_id = a.id AND t.kind = 'pending') OR a.held_pay = 0
"""


@dataclass(kw_only=True)
class Ours:
    """The running site. `taken` collects the assignments that clients were given."""

    house: House
    staged: dict[str, Any]
    unused: list[str]
    taken: list[str] = field(default_factory=list)

    def round(self, clients: int, seconds: float) -> Round:
        """One round on a project that nobody has worked on."""
        project = self.unused.pop()
        submission = self.staged["submission"]
        way = Way(
            port=self.house.ports["web"],
            take=lambda: ("POST", self.staged["claims"], {"project": project}),
            answer=lambda taken: (
                "POST",
                submission.format(taken["id"]),
                {"answer": {"choice": "neutral"}},
            ),
            is_over=lambda status, body: status == 409 and b"no item" in body,
        )
        people = [Person(headers=one) for one in self.staged["people"][:clients]]
        done = measure(way, people, seconds=seconds)
        self.taken += done.items
        return done

    def prove(self) -> str:
        """What held after all rounds, as a sentence; RuntimeError when it did not."""
        twice = [one for one, times in Counter(self.taken).items() if times > 1]
        with psycopg.connect(instance.environment(INSTANCE).database_admin_url) as session:

            def count(query: str) -> int:
                row = session.execute(query).fetchone()
                assert row
                return row[0]

            found = {
                "slots given twice": count(TAKEN_ONCE) + len(twice),
                "assignments whose money is not reserved": count(RESERVED),
                "answers too many or too few": abs(
                    count("SELECT count(*) FROM work_submission") - len(self.taken)
                )
                + count(
                    "SELECT count(*) FROM work_assignment a WHERE (SELECT count(*) FROM "
                    "work_submission s WHERE s.assignment_id = a.id) <> 1"
                ),
                "claims or submissions without evidence": abs(
                    count(
                        "SELECT count(*) FROM audit_auditevent WHERE type IN "
                        "('assignment.claimed', 'assignment.submitted')"
                    )
                    - 2 * len(self.taken)
                ),
            }
        wrong = {name: number for name, number in found.items() if number}
        if wrong:
            raise RuntimeError(f"After the rounds: {wrong}")
        self.house.manage("check_ledger")
        self.house.manage("check_audit")
        return f"{len(self.taken):,}"


@contextmanager
def opened(
    *, projects: int, items: int, people: int, gold: int = 0, serve: bool = True
) -> Iterator[Ours]:
    """A site with `projects` published projects, on servers that are removed afterwards.

    gold: per cent of the claims that are given an item with a known answer.
    """
    instance.remove(INSTANCE)
    try:
        with house.opened(INSTANCE) as site:
            site.servers()
            site.migrate()
            site.double()
            site.step(f"{projects} projects of {items:,} items")
            staged = stage(site, "bench.flow.stage", projects, items, people, gold)
            if serve:
                site.step("Web as in production, two workers")
                site.web("web", workers=2, env=PRODUCTION)
            yield Ours(house=site, staged=staged, unused=list(staged["projects"]))
    finally:
        instance.remove(INSTANCE)


def stage(site: House, module: str, *words: object) -> dict[str, Any]:
    """What this module makes in the site's database, as the application's own role."""
    own = {**os.environ, **site.variables}
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=turns.ROOT,
        env={key: value for key, value in own.items() if key not in OWNER_VARIABLES},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} could not make its rows; the error stands above.")
    return json.loads(done.stdout.splitlines()[-1])


def settings() -> dict[str, str]:
    """What PostgreSQL says of its own safety."""
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
    with psycopg.connect(instance.environment(INSTANCE).database_url) as session:
        rows = session.execute(
            "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(names)]
        ).fetchall()
    return dict(rows)


def database(name: str) -> str:
    """An empty database on our server, as its superuser."""
    admin = instance.environment(INSTANCE).database_admin_url
    with psycopg.connect(admin, autocommit=True) as session:
        session.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return make_conninfo(admin, dbname=name)
