"""Try to cheat us: each try once through the action, and once past it with plain SQL.

Both run as the application's own database role, in one transaction that is always rolled back. What
is shown is what was raised; a try that goes through is shown as such.
"""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from apps.cases import actions as cases
from apps.core import ratelimit
from apps.core.errors import NotThere, WagefileError
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.queries import find_account
from apps.pages.actions import evidence
from apps.pages.actions.evidence import Attempt
from apps.pages.actions.sandbox import SECTIONS, Sandbox, build
from apps.projects import actions as projects
from apps.work import actions as work

TRIES_AN_HOUR = 60
NOTE = "The answer is wrong, and no line of the rubric is cited for it, nor anything shown. " * 2


@dataclass(frozen=True, slots=True)
class ByAction:
    """`tried` says in words what is asked of `call`, which gets the sandbox."""

    tried: str
    as_whom: str
    call: Callable[[Sandbox], object]


@dataclass(frozen=True, slots=True)
class ByStatement:
    """SQL with parameters, as whom row-level security sees us, and the table it aims at."""

    as_whom: str
    table: str
    sql: str
    values: Callable[[Sandbox], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Case:
    key: str
    actions: tuple[ByAction, ...]
    statements: tuple[ByStatement, ...]


def attempt(*, key: str, by: Actor, now: dt.datetime) -> list[Attempt]:
    """Run one case; nothing of it is kept. NotThere outside a demo, TooMany above the limit."""
    case = CASES.get(key)
    if not settings.DEMO or case is None:
        raise NotThere("There is no such try.")
    ratelimit.check("cheat", by=by, limit=TRIES_AN_HOUR)
    with transaction.atomic():
        scene = build(now=now)
        found = [_act(way, scene) for way in case.actions]
        found += [_state(way, scene) for way in case.statements]
        transaction.set_rollback(True)
    return found


def _actor(scene: Sandbox, as_whom: str) -> Actor:
    actor: Actor = getattr(scene, as_whom)
    return actor


def _act(way: ByAction, scene: Sandbox) -> Attempt:
    try:
        with acting(_actor(scene, way.as_whom)), transaction.atomic():
            way.call(scene)
            _at_commit()
            transaction.set_rollback(True)
    except WagefileError as error:
        return evidence.of_action(way.tried, way.as_whom, error)
    except DatabaseError as error:
        return evidence.of_statement(way.tried, way.as_whom, error)
    return evidence.of_action(way.tried, way.as_whom, None)


def _state(way: ByStatement, scene: Sandbox) -> Attempt:
    values: list[Any] = [
        json.dumps(value) if isinstance(value, dict) else value for value in way.values(scene)
    ]
    shown = str(connection.ops.compose_sql(way.sql, values)).strip()  # type: ignore[attr-defined]
    met = 0
    try:
        with acting(_actor(scene, way.as_whom)), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(way.sql, values)
                met = cursor.rowcount
            _at_commit()
            transaction.set_rollback(True)
    except DatabaseError as error:
        return evidence.of_statement(shown, way.as_whom, error, table=way.table)
    if met == 0:
        return evidence.of_nothing(shown, way.as_whom, way.table)
    return Attempt(shown, way.as_whom, is_stopped=False)


def _at_commit() -> None:
    """What PostgreSQL would only ask at a commit, it asks now: we never commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def database_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


# ── 1. A qualification priced at zero ───────────────────────────────────────────────────────────


def _publish_free_qualification(scene: Sandbox) -> None:
    projects.save_draft(
        project_id=scene.draft_id,
        step="pay",
        data={**SECTIONS["pay"], "qualification": 0},
        by=scene.owner,
        now=scene.now,
    )
    projects.publish(project_id=scene.draft_id, by=scene.owner, now=scene.now)


_FREE_CRITERIA = """
INSERT INTO projects_criteriaversion
  (id, project_id, org_id, number, body, sha256, published_at, published_by_id)
SELECT %s, project_id, org_id, number + 1, jsonb_set(body, '{pay,qualification}', '0'),
  sha256, published_at, published_by_id
FROM projects_criteriaversion WHERE id = %s"""

_FREE_ASSIGNMENT = """
UPDATE work_assignment SET kind = 'qualification', held_pay = 0 WHERE id = %s"""


# ── 2. A rejection without a cited line ─────────────────────────────────────────────────────────


def _reject_without_line(scene: Sandbox) -> None:
    work.reject(
        submission_id=scene.submission_id,
        criterion="",
        note=NOTE,
        evidence="It is wrong.",
        by=scene.owner,
        now=scene.now,
    )


_VERDICT_WITHOUT_LINE = """
INSERT INTO work_verdict (id, org_id, project_id, contributor_id, assignment_id, submission_id,
  outcome, decider, decided_by_id, decided_at, criterion, note, evidence, scores)
SELECT %s, org_id, project_id, contributor_id, id, %s, 'rejected', 'person', %s, %s, '', %s,
  'It is wrong.', '{}'
FROM work_assignment WHERE id = %s"""

_UNDO_ACCEPTANCE = """
UPDATE work_verdict SET outcome = 'rejected' WHERE assignment_id = %s"""


# ── 3. A deactivation with money inside, and the money kept ─────────────────────────────────────


def _deactivate_without_evidence(scene: Sandbox) -> None:
    cases.propose_deactivation(
        user_id=scene.contributor_id,
        reason=NOTE,
        evidence="",
        is_immediate=True,
        ground="fraud",
        by=scene.administrator,
        now=scene.now,
    )


def _deactivate_and_keep(scene: Sandbox) -> None:
    """The deactivation itself is allowed, with a ground and evidence; keeping the money is not."""
    cases.propose_deactivation(
        user_id=scene.contributor_id,
        reason=NOTE,
        evidence="Two signals.",
        is_immediate=True,
        ground="fraud",
        by=scene.administrator,
        now=scene.now,
    )
    ledger.post([_seizure(scene)])


def _seizure(scene: Sandbox) -> ledger.Entry:
    payable = find_account(Purpose.PAYABLE, currency="USD", holder=scene.contributor_id)
    return ledger.Entry(
        id=uuid7(),
        kind=TransferKind.POSTED,
        code="adjustment",
        at=scene.now,
        amount=payable.available,
        debit=ledger.account(Purpose.PAYABLE, currency="USD", holder=scene.contributor_id),
        credit=ledger.account(Purpose.WALLET, currency="USD", holder=scene.org_id),
        currency="USD",
    )


def _seizing_batch(scene: Sandbox) -> list[object]:
    with acting(scene.administrator):
        return [*ledger.arrays([_seizure(scene)])]


_SEIZE = ledger.STATEMENT
_EMPTY_ACCOUNT = """
UPDATE ledger_account SET debits_posted = credits_posted
WHERE purpose = 'payable' AND holder_id = %s"""
_DELETE_TRANSFER = """
DELETE FROM ledger_transfer WHERE subject_id = %s"""


# ── 4. Other numbers under the same criteria ────────────────────────────────────────────────────


def _pay_less_afterwards(scene: Sandbox) -> None:
    projects.save_draft(
        project_id=scene.project_id,
        step="pay",
        data={**SECTIONS["pay"], "base": 20},
        by=scene.owner,
        now=scene.now,
    )
    projects.publish_version(project_id=scene.project_id, by=scene.owner, now=scene.now)


_OTHER_CRITERIA = """
UPDATE projects_criteriaversion SET body = jsonb_set(body, '{pay,base}', '1') WHERE id = %s"""


# ── 5. Another tenant's answers ─────────────────────────────────────────────────────────────────


def _accept_foreign(scene: Sandbox) -> None:
    work.accept(submission_id=scene.submission_id, by=scene.outsider, now=scene.now)


_READ_FOREIGN = "SELECT answer FROM work_submission WHERE id = %s"
_MOVE_FOREIGN = "UPDATE work_assignment SET state = 'rejected' WHERE id = %s"


CASES: dict[str, Case] = {
    case.key: case
    for case in (
        Case(
            "free-qualification",
            (
                ByAction(
                    "Publish a project whose qualification pays nothing.",
                    "owner",
                    _publish_free_qualification,
                ),
            ),
            (
                ByStatement(
                    "owner",
                    "projects_criteriaversion",
                    _FREE_CRITERIA,
                    lambda scene: [uuid7(), scene.criteria_id],
                ),
                ByStatement(
                    "owner",
                    "work_assignment",
                    _FREE_ASSIGNMENT,
                    lambda scene: [scene.assignment_id],
                ),
            ),
        ),
        Case(
            "uncited-rejection",
            (
                ByAction(
                    "Reject an answer with a long note, and no line of the rubric.",
                    "owner",
                    _reject_without_line,
                ),
            ),
            (
                ByStatement(
                    "owner",
                    "work_verdict",
                    _VERDICT_WITHOUT_LINE,
                    lambda scene: [
                        uuid7(),
                        scene.submission_id,
                        scene.owner.user_id,
                        scene.now,
                        NOTE,
                        scene.assignment_id,
                    ],
                ),
                ByStatement(
                    "owner", "work_verdict", _UNDO_ACCEPTANCE, lambda scene: [scene.accepted_id]
                ),
            ),
        ),
        Case(
            "kept-money",
            (
                ByAction(
                    "Deactivate somebody at once, with no evidence.",
                    "administrator",
                    _deactivate_without_evidence,
                ),
                ByAction(
                    "Deactivate with ground and evidence, and book the earned money back to the "
                    "buyer.",
                    "administrator",
                    _deactivate_and_keep,
                ),
            ),
            (
                ByStatement("administrator", "ledger_transfer", _SEIZE, _seizing_batch),
                ByStatement(
                    "administrator",
                    "ledger_account",
                    _EMPTY_ACCOUNT,
                    lambda scene: [scene.contributor_id],
                ),
                ByStatement(
                    "administrator",
                    "ledger_transfer",
                    _DELETE_TRANSFER,
                    lambda scene: [scene.accepted_id],
                ),
            ),
        ),
        Case(
            "changed-criteria",
            (
                ByAction(
                    "Publish a later version that pays half for the same work.",
                    "owner",
                    _pay_less_afterwards,
                ),
            ),
            (
                ByStatement(
                    "owner",
                    "projects_criteriaversion",
                    _OTHER_CRITERIA,
                    lambda scene: [scene.criteria_id],
                ),
            ),
        ),
        Case(
            "foreign-rows",
            (
                ByAction(
                    "Decide about an answer that was given to another organization.",
                    "outsider",
                    _accept_foreign,
                ),
            ),
            (
                ByStatement(
                    "outsider",
                    "work_submission",
                    _READ_FOREIGN,
                    lambda scene: [scene.submission_id],
                ),
                ByStatement(
                    "outsider",
                    "work_assignment",
                    _MOVE_FOREIGN,
                    lambda scene: [scene.assignment_id],
                ),
            ),
        ),
    )
}
