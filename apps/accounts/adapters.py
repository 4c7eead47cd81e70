"""How django-allauth and Django's sessions speak with our user.

Every request reads its session and its user, so both are read with kept statements.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.core import rows


class AccountAdapter(DefaultAccountAdapter):
    """E-mail addresses are stored in lower case: one person, one account."""

    def save_user(
        self, request: HttpRequest, user: User, form: object, commit: bool = True
    ) -> User:
        user = super().save_user(request, user, form, commit=False)
        user.email = user.email.lower()
        if commit:
            user.save()
        return user


_session: ContextVar["SessionStore | None"] = ContextVar("session", default=None)


@contextmanager
def signed_in_by(session: "SessionStore") -> Iterator[None]:
    """In here the person of this session is not read again."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


class Backend(AuthenticationBackend):
    def get_user(self, user_id: uuid.UUID) -> User | None:
        session = _session.get()
        user = session.person if session else None
        if user is None or user.pk != user_id:
            user = rows.first(User, "id = %s", [user_id])
        return user if user and self.user_can_authenticate(user) else None


class SessionStore(DatabaseStore):
    """Django's own, in the database; this module is SESSION_ENGINE."""

    # Whose it is, as the row said when it was read.
    person: User | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast("Session", super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        return row

    def _get_session_from_db(self) -> Session | None:
        # Sessions keep real time, also where the demo's clock was moved.
        found = rows.first(
            Session,
            "session_key = %s AND expire_date > %s",
            [self.session_key, timezone.now()],
            also="user",
        )
        if found is None:
            self._session_key = None
        self.person = found.user if found else None
        return found
