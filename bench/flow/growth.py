"""A claim at a million items against a claim at a thousand, by somebody who has done a tenth.

Two databases on one server, each with one process that claims; the two take turns, claim by claim.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench import turns
from bench.flow import ours
from marketplace.runtime import instance
from marketplace.runtime.house import OWNER_VARIABLES
from marketplace.runtime.postgres import Postgres

SMALL, BIG = 1_000, 1_000_000
BLOCKS, BLOCK = 5, 120
"""Claims of a block on each side; the small project has room for all of them."""
WARM_UP = 20
GOLD_PERCENT = 10
GOLD_EVERY = 50
"""One item in so many has a known answer."""
# Every item wants three answers, so that what this person has done stays in the queue of others.
GROW = """
UPDATE projects_item SET overlap = 3, open_slots = 3;
INSERT INTO projects_item (project_id, org_id, external_id, purpose, state, payload, kind, overlap,
    open_slots, sort_key, broken_reports)
  SELECT i.project_id, i.org_id, 'more-' || n, 'work', 'active', i.payload, '', 3, 3,
    hashtextextended(n::text, 7), 0
  FROM generate_series(1, {more}) n,
    (SELECT * FROM projects_item ORDER BY id LIMIT 1) i;
INSERT INTO projects_goldanswer (item_id, project_id, org_id, answer, answer_key, explanation)
  SELECT id, project_id, org_id, '{{"choice": "neutral"}}', 'neutral', '' FROM projects_item
  WHERE id % {every} = 0 ON CONFLICT DO NOTHING;
CREATE TEMPORARY TABLE done AS
  (SELECT id, sort_key FROM projects_item ORDER BY sort_key LIMIT {done});
INSERT INTO work_assignment (id, org_id, project_id, contributor_id, item_id, criteria_id, kind,
    state, tier, attempt, triggers, rounds, claimed_at, last_beat_at, last_input_at,
    active_seconds, idle_seconds, instruction_seconds, cap_seconds, is_time_counted, submitted_at,
    ended_at, give_back_reason, give_back_note, held_pay, held_fee, held_extra, held_bonus,
    pay_step, fee_step, extra_step, unreviewed, is_topped_up, funded_from)
  SELECT gen_random_uuid(), e.org_id, e.project_id, e.contributor_id, d.id, p.criteria_id, 'work',
    'accepted', e.tier, 0, '[]', 1, now(), now(), now(), 30, 0, 0, 120, true, now(), now(), '', '',
    0, 0, 0, 0, 1, 1, 1, 0, true, 'held'
  FROM done d, work_enrolment e JOIN projects_project p ON p.id = e.project_id;
INSERT INTO work_submission (id, org_id, project_id, contributor_id, assignment_id, item_id, kind,
    round, answer, answer_key, submitted_at, undo_until, scored_at, scores)
  SELECT gen_random_uuid(), org_id, project_id, contributor_id, id, item_id, 'work', 1,
    '{{"choice": "neutral"}}', 'neutral', now(), now(), now(), '{{}}' FROM work_assignment;
UPDATE projects_item i SET open_slots = 2 FROM done d WHERE d.id = i.id;
UPDATE work_enrolment SET cursor = (SELECT max(sort_key) FROM done), gold_count = 100,
  gold_correct = 100, instruction_seconds = 600;
"""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Seconds of a claim, block by block; gold claims are among them."""

    small: Sequence[Sequence[float]]
    big: Sequence[Sequence[float]]

    def p95(self) -> dict[str, float]:
        """The big project's by the small one's, block by block."""
        pairs = zip(self.small, self.big, strict=True)
        return turns.spread(_p95(big) / _p95(small) for small, big in pairs)

    def medians(self) -> dict[str, float]:
        pairs = zip(self.small, self.big, strict=True)
        return turns.spread(median(big) / median(small) for small, big in pairs)

    def milliseconds(self, name: str) -> tuple[float, float]:
        """Median and 95th percentile of all claims."""
        values = [value * 1000 for block in getattr(self, name) for value in block]
        return median(values), _p95(values)


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def run() -> Growth:
    with ExitStack() as stack:
        site = stack.enter_context(
            ours.opened(projects=1, items=SMALL, people=1, gold=GOLD_PERCENT, serve=False)
        )
        server = instance.servers(ours.INSTANCE)[0]
        assert isinstance(server, Postgres)
        admin = instance.environment(ours.INSTANCE).database_admin_url
        postgres = make_conninfo(admin, dbname="postgres")
        with psycopg.connect(postgres, autocommit=True) as session:
            session.execute("CREATE DATABASE big TEMPLATE wagefile")
        children = {}
        for name, items in (("wagefile", SMALL), ("big", BIG)):
            print(f"-> claims: {items:,} items, {items // 10:,} done", flush=True)
            person = _grow(make_conninfo(admin, dbname=name), items)
            variables = {
                **os.environ,
                **site.house.variables,
                **ours.PRODUCTION,
                "DATABASE_URL": server.url("wagefile_app", name),
            }
            children[name] = stack.enter_context(
                turns.Runner(
                    turns.PYTHON,
                    "bench.flow.claims",
                    site.staged["projects"][0],
                    person,
                    env={k: v for k, v in variables.items() if k not in OWNER_VARIABLES},
                )
            )
        return _measure(children["wagefile"], children["big"])


def _grow(database: str, items: int) -> str:
    """Make the rows; the id of the person who has done a tenth of them."""
    assert conninfo_to_dict(database)["dbname"] in {"wagefile", "big"}
    text = GROW.format(more=items - SMALL, done=items // 10, every=GOLD_EVERY)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(text)  # type: ignore[arg-type]
        session.execute("VACUUM ANALYZE")
        row = session.execute("SELECT contributor_id FROM work_enrolment").fetchone()
    assert row
    return str(row[0])


def _measure(small: turns.Runner, big: turns.Runner) -> Growth:
    for _ in range(WARM_UP):
        _claim(small)
        _claim(big)
    found: tuple[list[list[float]], list[list[float]]] = ([], [])
    for number in range(BLOCKS):
        print(f"-> claims: block {number + 1} of {BLOCKS}", flush=True)
        pairs = []
        for step in range(BLOCK):
            if step % 2:
                pairs.append((_claim(small), _claim(big)))
            else:
                second = _claim(big)
                pairs.append((_claim(small), second))
        found[0].append([pair[0] for pair in pairs])
        found[1].append([pair[1] for pair in pairs])
    return Growth(small=found[0], big=found[1])


def _claim(runner: turns.Runner) -> float:
    done = runner.do("claim")
    if "fault" in done:
        raise RuntimeError(f"A claim failed: {done['fault']}")
    return done["wall"]
