"""What has no answer to wait for goes to PostgreSQL together with the next statement.

BEGIN, SAVEPOINT, RELEASE, who acts and evidence are held back and sent in front of the next
statement or of COMMIT, in one message. PostgreSQL runs them in the order in which they were given,
as if each had come alone; what is wrong with one of them is raised by the statement that takes it
along. What nothing follows is never sent: a transaction in which nothing was asked, a savepoint
that is released right before the commit.
"""

# The stubs of Django describe this backend with psycopg 2.
# mypy: disable-error-code="arg-type, attr-defined, call-arg, misc"

import select
from collections.abc import Iterable, Sequence
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper, debug_transaction
from psycopg import ClientCursor, Connection
from psycopg.pq import TransactionStatus


def _send(held: list[str], session: Connection) -> None:
    """Send what is held back on its own."""
    if held:
        text = "; ".join(held)
        held.clear()
        with ClientCursor(session) as sender:
            sender.execute(text)


class Cursor(base.Cursor):
    """Django's, and `execute` takes along what was held back."""

    held: list[str]

    def execute(self, query: Any, params: Any = None, **options: Any) -> "Cursor":
        if not self.held or not isinstance(query, str):
            _send(self.held, self.connection)
            super().execute(query, params, **options)
            return self
        before, text = len(self.held), "; ".join(self.held)
        self.held.clear()
        if params is not None:
            text = text.replace("%", "%%")
        super().execute(f"{text}; {query}", params, **options)
        for _ in range(before):
            self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        _send(self.held, self.connection)
        super().executemany(query, params_seq, **options)

    def copy(self, *args: Any, **options: Any) -> Any:
        _send(self.held, self.connection)
        return super().copy(*args, **options)


class KeptCursor(base.ServerBindingCursor):
    """For statements that are run again and again: a session parses and plans each of them once."""

    held: list[str]

    def execute(self, query: Any, params: Any = None, **options: Any) -> "KeptCursor":
        _send(self.held, self.connection)
        super().execute(query, params, **options)
        return self


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: list[str] = []
        # Whether anything that is held back must be done even if no statement follows.
        self._is_owed = False

    def hold_back(self, sql: str, params: Sequence[Any], *, is_owed: bool) -> None:
        """Run this in front of the next statement; nobody waits for an answer.

        What is owed is done before COMMIT at the latest, other things only if a statement follows.
        Within a transaction only.
        """
        self.ensure_connection()
        self.validate_no_broken_transaction()
        self._held.append(self.ops.compose_sql(sql, params))
        self._is_owed |= is_owed

    # ── Cursors ─────────────────────────────────────────────────────────────────────────────────

    def get_connection_params(self) -> dict[str, Any]:
        # Statements of kept cursors are prepared at once; others bind on the client's side and
        # never are.
        return super().get_connection_params() | {"cursor_factory": Cursor, "prepare_threshold": 0}

    def create_cursor(self, name: str | None = None) -> Any:
        if name is None:
            cursor = super().create_cursor()
            cursor.held = self._held
            return cursor
        _send(self._held, self.connection)
        return base.ServerSideCursor(
            self.connection, name=name, scrollable=False, withhold=self.autocommit
        )

    def kept_cursor(self) -> CursorWrapper:
        """A cursor for a statement that does not change from call to call."""
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor = KeptCursor(self.connection)
        cursor.held = self._held
        return self._prepare_cursor(cursor)

    # ── Transactions ────────────────────────────────────────────────────────────────────────────

    def _start_transaction_under_autocommit(self) -> None:
        # Django calls this in place of turning psycopg's own BEGIN on, which would be a message.
        self._forget()
        self._held.append("BEGIN")

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)

    def _savepoint(self, sid: str) -> None:
        self._held.append(self.ops.savepoint_create_sql(sid))

    def _savepoint_commit(self, sid: str) -> None:
        if self._is_broken():
            # Refused by PostgreSQL, and Django rolls back. Held back, nobody would hear of it.
            super()._savepoint_commit(sid)
        elif self._held and self._held[-1] == self.ops.savepoint_create_sql(sid):
            self._held.pop()
        else:
            self._held.append(self.ops.savepoint_commit_sql(sid))

    def _savepoint_rollback(self, sid: str) -> None:
        created = self.ops.savepoint_create_sql(sid)
        if created in self._held:
            # Nothing was sent since.
            del self._held[self._held.index(created) + 1 :]
        else:
            self._held.clear()
            super()._savepoint_rollback(sid)

    def _is_broken(self) -> bool:
        return self.connection.info.transaction_status == TransactionStatus.INERROR

    def _commit(self) -> None:
        if not (self._held and self._is_owed):
            self._forget()
            super()._commit()
            return
        text = "; ".join([*self._held, "COMMIT"])
        self._forget()
        with (
            debug_transaction(self, "COMMIT"),
            self.wrap_database_errors,
            ClientCursor(self.connection) as sender,
        ):
            sender.execute(text)

    def _rollback(self) -> None:
        self._forget()
        super()._rollback()

    def _close(self) -> None:
        self._forget()
        super()._close()

    def _forget(self) -> None:
        self._held.clear()
        self._is_owed = False

    # ── Sessions ────────────────────────────────────────────────────────────────────────────────

    def is_usable(self) -> bool:
        """Whether the server still holds this session, which waits for a statement now.

        A server that ends one says so, or closes the socket: there is something to read. Asked
        once a request, so without a message.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)


def current() -> DatabaseWrapper:
    """The connection of this thread, for what other backends of Django do not have."""
    return cast("DatabaseWrapper", connections[DEFAULT_DB_ALIAS])
