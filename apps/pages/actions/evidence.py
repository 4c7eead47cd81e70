"""What stopped a try, read from what was raised and from PostgreSQL's own error; nothing is said
here that they do not say.
"""

import traceback
from dataclasses import dataclass

from django.db import DatabaseError, connection
from psycopg import Error as PostgresError
from psycopg import errors

from apps.core.errors import WagefileError


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way in. `guard` is the class of the refusal or the name of the rule in the database;
    `where` the function that raised it, or the table; "" where nobody said.
    """

    tried: str
    as_whom: str
    is_stopped: bool
    kind: str = ""
    guard: str = ""
    where: str = ""
    sentence: str = ""


# How PostgreSQL calls a refusal; the name of the rule itself comes with the error.
KINDS: dict[type[PostgresError], str] = {
    errors.CheckViolation: "check constraint",
    errors.NotNullViolation: "not-null constraint",
    errors.UniqueViolation: "unique constraint",
    errors.ForeignKeyViolation: "foreign key",
}


def of_action(tried: str, as_whom: str, error: WagefileError | None) -> Attempt:
    """An action that refused, or that went through."""
    if error is None:
        return Attempt(tried, as_whom, is_stopped=False)
    return Attempt(
        tried,
        as_whom,
        is_stopped=True,
        kind="refusal of the action",
        guard=type(error).__name__,
        where=_raised_in(error),
        sentence=error.sentence,
    )


def _raised_in(error: BaseException) -> str:
    """The innermost function of ours on the way of the error, as module and name."""
    own = [
        f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith("apps.")
    ]
    return own[-1] if own else ""


# Integrity, privileges, and the codes of our own functions. Any other error is a broken try, not a
# rule that held, and must not be shown as one.
_RULES = ("23", "42501", "WL", "P0001")

_POLICIES = """
SELECT p.policyname FROM pg_policies p JOIN pg_class c ON c.oid = p.tablename::regclass
WHERE p.tablename = %s AND c.relrowsecurity ORDER BY 1"""

_GRANTS = """
SELECT current_user, (SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type)
  FROM information_schema.role_table_grants WHERE table_name = %s AND grantee = current_user)"""


def of_statement(statement: str, as_whom: str, error: DatabaseError, *, table: str = "") -> Attempt:
    """A statement that a rule of the database refused. Any other error is raised again."""
    cause = error.__cause__
    if not isinstance(cause, PostgresError) or not (cause.sqlstate or "").startswith(_RULES):
        raise error
    diag = cause.diag
    kind = next((name for type_, name in KINDS.items() if isinstance(cause, type_)), "")
    guard, where = diag.constraint_name or "", diag.table_name or ""
    if isinstance(cause, errors.InsufficientPrivilege):
        # PostgreSQL says 42501 for both, and does not name the policy.
        is_policy = "row-level security" in (diag.message_primary or "")
        kind = "row-level security" if is_policy else "missing grant"
        guard, where = (_policies(table) if is_policy else _grants(table)), table
    if not kind:
        # RAISE in a function of ours, with a code of its own or as a restrict violation.
        kind = "trigger" if guard else "function"
    return Attempt(
        statement,
        as_whom,
        is_stopped=True,
        kind=kind,
        guard=guard or f"SQLSTATE {diag.sqlstate}",
        where=where or _line(diag.context),
        sentence=diag.message_primary or str(cause),
    )


def _policies(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_POLICIES, [table])
        return ", ".join(row[0] for row in cursor.fetchall())


def _grants(table: str) -> str:
    """What our role holds on the table, which is what it does not hold either."""
    with connection.cursor() as cursor:
        cursor.execute(_GRANTS, [table])
        role, held = cursor.fetchone()
    return f"{role} holds {held or 'nothing'}, and no more"


def _line(context: str | None) -> str:
    return (context or "").splitlines()[0] if context else ""


def of_nothing(statement: str, as_whom: str, table: str) -> Attempt:
    """A statement that met no row: row-level security hides them, by the policies of the table."""
    policies = _policies(table)
    if not policies:
        message = f"The try aims at no row of {table}, which has no row-level security."
        raise ValueError(message)
    return Attempt(
        statement,
        as_whom,
        is_stopped=True,
        kind="row-level security",
        guard=policies,
        where=table,
        sentence="No row is visible, so none was read or changed.",
    )
