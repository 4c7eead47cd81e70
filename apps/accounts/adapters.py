"""How django-allauth and Django's sessions speak with our user.

Every request reads its session and its user, so both are read with kept statements.
"""

import uuid

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.models import User
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


class Backend(AuthenticationBackend):
    def get_user(self, user_id: uuid.UUID) -> User | None:
        user = rows.first(User, "id = %s", [user_id])
        return user if user and self.user_can_authenticate(user) else None


class SessionStore(DatabaseStore):
    """Django's own, in the database; this module is SESSION_ENGINE."""

    def _get_session_from_db(self) -> Session | None:
        # Sessions keep real time, also where the demo's clock was moved.
        found = rows.first(
            Session, "session_key = %s AND expire_date > %s", [self.session_key, timezone.now()]
        )
        if found is None:
            self._session_key = None
        return found
