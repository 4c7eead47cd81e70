"""Objects of the stand-in: in memory, with an undo journal, and optionally in one SQLite file.

Records are never changed in place: `update` puts a new dictionary, so that an event may share the
snapshot it was made from and a failed transaction can be undone. Names that begin with an
underscore (`_account`, the owner, among them) are the stand-in's own and never shown to a client.
With a file, a transaction is committed to SQLite (WAL) before its answer leaves the process, so
what a client was told survives kill -9.
"""

import json
import secrets
import sqlite3
import string
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ALPHABET = string.ascii_letters + string.digits
Record = dict[str, Any]


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(length))


def public(record: Record) -> Record:
    """What a client may see of a record."""
    return {key: value for key, value in record.items() if not key.startswith("_")}


class Store:
    """All records by kind and id, and in order of creation by (kind, account)."""

    def __init__(self, path: str | Path | None = None) -> None:
        self.lock = threading.RLock()
        self.records: dict[str, dict[str, Record]] = defaultdict(dict)
        self.order: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.place: dict[tuple[str, str], int] = {}
        self._undo: list[Callable[[], None]] = []
        self._dirty: dict[tuple[str, str], None] = {}
        self._depth = 0
        self._seq = 0
        self._db = self._open(path) if path else None

    def _open(self, path: str | Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Held until the process ends, so that two of them never serve one file.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY, kind TEXT, body TEXT)"
        )
        for seq, kind, body in db.execute("SELECT * FROM record ORDER BY seq"):
            record = json.loads(body)
            self.records[kind][record["id"]] = record
            self._append(kind, record)
            self._seq = max(self._seq, seq)
        return db

    def _append(self, kind: str, record: Record) -> None:
        ids = self.order[(kind, record["_account"])]
        self.place[(kind, record["id"])] = len(ids)
        ids.append(record["id"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nests into the outer one. One writer at a time."""
        with self.lock:
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._commit()
            except BaseException:
                if self._depth == 1:
                    self._rollback()
                raise
            finally:
                self._depth -= 1

    def _commit(self) -> None:
        if self._db is not None and self._dirty:
            rows = []
            for kind, ident in self._dirty:
                record = self.records[kind].get(ident)
                if record is None:
                    continue
                body = json.dumps(record, separators=(",", ":"))
                rows.append((record["_seq"], kind, body))
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", rows)
            self._db.execute("COMMIT")
        self._dirty.clear()
        self._undo.clear()

    def _rollback(self) -> None:
        if self._db is not None and self._db.in_transaction:
            self._db.rollback()
        for step in reversed(self._undo):
            step()
        self._undo.clear()
        self._dirty.clear()

    def on_rollback(self, step: Callable[[], None]) -> None:
        """Register the undoing of a cache that follows the records."""
        self._undo.append(step)

    def get(self, kind: str, ident: str) -> Record | None:
        return self.records[kind].get(ident)

    def insert(self, kind: str, record: Record) -> Record:
        self._seq += 1
        record = {**record, "_seq": self._seq}
        ids = self.order[(kind, record["_account"])]
        key = (kind, record["id"])

        def undo() -> None:
            del self.records[kind][record["id"]]
            del self.place[key]
            ids.pop()

        self._undo.append(undo)
        self.records[kind][record["id"]] = record
        self._append(kind, record)
        self._dirty[key] = None
        return record

    def update(self, kind: str, ident: str, **changes: Any) -> Record:
        before = self.records[kind][ident]
        after = {**before, **changes}
        self._undo.append(lambda: self.records[kind].__setitem__(ident, before))
        self.records[kind][ident] = after
        self._dirty[(kind, ident)] = None
        return after

    def newest_first(
        self, kind: str, account: str, *, after: str | None = None
    ) -> Iterator[Record]:
        """Records of an account, newest first, those older than `after` when it is given."""
        ids = self.order[(kind, account)]
        end = self.place[(kind, after)] if after else len(ids)
        for index in range(end - 1, -1, -1):
            yield self.records[kind][ids[index]]

    def oldest_first(
        self, kind: str, account: str, *, after: str | None = None
    ) -> Iterator[Record]:
        ids = self.order[(kind, account)]
        start = self.place[(kind, after)] + 1 if after else 0
        for ident in ids[start:]:
            yield self.records[kind][ident]

    def close(self) -> None:
        with self.lock:
            if self._db is not None:
                self._db.close()
                self._db = None
