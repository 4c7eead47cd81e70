"""Who is acting, and the second wall: the same fact told to PostgreSQL for row-level security.

`acting(actor)` is the only writer of `app.user_id`, `app.org_ids` and `app.kind`. All three are
local to the transaction that it opens, so a pooled connection carries nothing to the next one.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal

from django.db import connection, transaction

from apps.core.errors import NotAllowed
from apps.core.postgresql.base import current

Kind = Literal["anonymous", "person", "staff", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (with the permissions held in each organization), staff, or the system itself."""

    kind: Kind = "anonymous"
    user_id: uuid.UUID | None = None
    roles: Mapping[uuid.UUID, str] = field(default_factory=dict)

    @property
    def org_ids(self) -> tuple[uuid.UUID, ...]:
        return tuple(self.roles)

    @property
    def person_id(self) -> uuid.UUID:
        """`user_id` for what only a person can do. NotAllowed when nobody is signed in."""
        if self.user_id is None:
            raise NotAllowed("Sign in first.")
        return self.user_id

    @property
    def is_staff(self) -> bool:
        return self.kind == "staff"

    @property
    def is_system(self) -> bool:
        return self.kind == "system"

    def with_role(self, org_id: uuid.UUID, role: str) -> "Actor":
        return replace(self, roles={**self.roles, org_id: role})

    def __str__(self) -> str:
        return f"{self.kind}:{self.user_id or ','.join(map(str, self.org_ids)) or '-'}"


ANONYMOUS = Actor()


def system(org_id: uuid.UUID | None = None) -> Actor:
    """The marketplace itself, within one organization (or in none: it then sees no tenant row)."""
    return Actor(kind="system", roles={org_id: "system"} if org_id else {})


_current: ContextVar[Actor | None] = ContextVar("actor", default=None)

_SET = (
    "SELECT set_config('app.kind', %s, true), set_config('app.user_id', %s, true), "
    "set_config('app.org_ids', %s, true)"
)


def _tell_database(actor: Actor | None) -> None:
    values = (
        [
            actor.kind,
            str(actor.user_id or ""),
            "{" + ",".join(str(org_id) for org_id in actor.org_ids) + "}",
        ]
        if actor
        else ["", "", "{}"]
    )
    current().hold_back(_SET, values, is_owed=False)


def current_actor() -> Actor | None:
    return _current.get()


@contextmanager
def acting(actor: Actor) -> Iterator[Actor]:
    """A transaction in which PostgreSQL shows exactly what `actor` may see."""
    before = _current.get()
    nested = connection.in_atomic_block
    with transaction.atomic():
        _tell_database(actor)
        token = _current.set(actor)
        try:
            yield actor
        finally:
            _current.reset(token)
            # The settings end with the transaction; only an enclosing one needs its own back.
            # A broken transaction is rolled back, and its settings with it.
            if nested and not connection.needs_rollback:
                _tell_database(before)
