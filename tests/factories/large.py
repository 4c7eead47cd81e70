"""A project as it is after years: 100,000 rows of everything that its lists show.

Written past the actions, as a superuser: what the pages need is many rows that hold every
constraint, not their history. One contributor has done all of it; a third waits for review.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

ROWS = 100_000
_STATEMENTS = (
    """
    INSERT INTO projects_item (project_id, org_id, external_id, purpose, state, payload, kind,
        overlap, open_slots, sort_key, broken_reports)
      SELECT i.project_id, i.org_id, %(name)s || '-' || lpad(n::text, 7, '0'), 'work',
        'active', i.payload, '', 2, 1, hashtextextended(n::text, 7), 0
      FROM generate_series(1, %(rows)s) n,
        (SELECT * FROM projects_item WHERE project_id = %(project)s ORDER BY id LIMIT 1) i
    """,
    """
    INSERT INTO work_assignment (id, org_id, project_id, contributor_id, item_id, criteria_id, kind,
        state, tier, attempt, triggers, rounds, claimed_at, last_beat_at, last_input_at,
        active_seconds, idle_seconds, instruction_seconds, cap_seconds, is_time_counted,
        submitted_at, ended_at, review_due_at, give_back_reason, give_back_note, held_pay, held_fee,
        held_extra, held_bonus, pay_step, fee_step, extra_step, unreviewed, is_topped_up,
        funded_from, is_bad_faith)
      SELECT gen_random_uuid(), i.org_id, i.project_id, %(contributor)s, i.id, p.criteria_id,
        'work', CASE WHEN i.n %% 3 = 0 THEN 'submitted' ELSE 'accepted' END, 'general', 0, '[]', 1,
        i.at, i.at, i.at, i.n %% 90, 0, 0, 120, true, i.at, i.at, i.at + interval '72 hours', '',
        '', CASE WHEN i.n %% 3 = 0 THEN 40 ELSE 0 END, 0, 0, 0, 1, 1, 1, 0, true, 'held', false
      FROM (SELECT *, %(now)s::timestamptz - row_number * interval '25 minutes' AS at,
              row_number AS n
            FROM (SELECT *, row_number() OVER (ORDER BY id DESC) FROM projects_item
                  WHERE project_id = %(project)s AND external_id LIKE %(name)s || '-%%') numbered) i
        JOIN projects_project p ON p.id = i.project_id
    """,
    """
    INSERT INTO work_submission (id, org_id, project_id, contributor_id, assignment_id, item_id,
        kind, round, answer, answer_key, submitted_at, undo_until, scored_at, scores)
      SELECT gen_random_uuid(), org_id, project_id, contributor_id, id, item_id, 'work', 1,
        '{"choice": "yes"}', 'yes', submitted_at, submitted_at, submitted_at, '{}'
      FROM work_assignment WHERE id IN (SELECT a.id FROM work_assignment a
        JOIN projects_item i ON i.id = a.item_id WHERE a.project_id = %(project)s
          AND i.external_id LIKE %(name)s || '-%%')
    """,
    """
    INSERT INTO work_earningline (id, org_id, project_id, contributor_id, assignment_id,
        criteria_id, kind, net, fee, gross, currency, reason, code, at)
      SELECT gen_random_uuid(), a.org_id, a.project_id, a.contributor_id, a.id, a.criteria_id,
        'base', 40 + a.active_seconds, 6, 46 + a.active_seconds, 'USD', 'Accepted', 'accept',
        a.ended_at
      FROM work_assignment a JOIN projects_item i ON i.id = a.item_id
      WHERE a.project_id = %(project)s AND i.external_id LIKE %(name)s || '-%%'
    """,
    """
    INSERT INTO notices_notice (id, user_id, kind, title, body, url, created_at, is_in_page, mail,
        tally, count)
      SELECT gen_random_uuid(), u.id, 'accepted', 'Accepted', '', '/', %(now)s::timestamptz
        - n * interval '25 minutes', true, 'none', '', 1
      FROM generate_series(1, %(rows)s) n, unnest(%(readers)s::uuid[]) AS u(id)
    """,
    "ANALYZE projects_item, work_assignment, work_submission, work_earningline, notices_notice",
)


def grow(
    session: Any,
    *,
    project: uuid.UUID,
    contributor: uuid.UUID,
    now: dt.datetime,
    readers: Sequence[uuid.UUID],
    rows: int = ROWS,
    name: str = "many",
) -> None:
    """`session`: a superuser's psycopg connection. The project has an item at least; `name` begins
    the ids of the items, and is another one each time.
    """
    words = {
        "project": project,
        "contributor": contributor,
        "now": now,
        "readers": list(readers),
        "rows": rows,
        "name": name,
    }
    for statement in _STATEMENTS:
        session.execute(statement, None if statement.startswith("ANALYZE") else words)
