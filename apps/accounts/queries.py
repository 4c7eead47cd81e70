"""Reads about people."""

import datetime as dt
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Q, QuerySet

from apps.accounts.enums import CredentialState
from apps.accounts.models import (
    ContributorProfile,
    Credential,
    Description,
    TermsAcceptance,
    TermsVersion,
    User,
)
from apps.accounts.permissions import check_staff
from apps.accounts.rules import Change, differences
from apps.core.tenancy import Actor


def own_profile(actor: Actor) -> ContributorProfile | None:
    """The acting person's profile, if they made one."""
    return ContributorProfile.objects.visible_to(actor).filter(user_id=actor.person_id).first()


def own_description(actor: Actor) -> Description | None:
    """What the acting person says of themselves, if anything."""
    return Description.objects.visible_to(actor).first()


def described(people: Collection[uuid.UUID]) -> list[tuple[uuid.UUID, str, str]]:
    """(person, attribute, value) that at least ten of these people share; for the system alone.

    Attributes are the fields of `Description`, and `languages` of the profile (codes with commas).
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_described(%s)", [list(people)])
        return cursor.fetchall()


def is_contributor(actor: Actor) -> bool:
    """Whether the acting person has a contributor profile; staff and visitors have none."""
    if actor.is_staff or not actor.user_id:
        return False
    return ContributorProfile.objects.visible_to(actor).filter(user_id=actor.user_id).exists()


def own_credentials(actor: Actor) -> QuerySet[Credential]:
    return (
        Credential.objects.visible_to(actor).filter(user_id=actor.person_id).order_by("created_at")
    )


def credentials_waiting(actor: Actor) -> QuerySet[Credential]:
    """For staff: what waits for a decision, oldest first."""
    check_staff(actor)
    return (
        Credential.objects.visible_to(actor)
        .filter(state=CredentialState.SUBMITTED)
        .select_related("user")
        .order_by("created_at")
    )


def people(actor: Actor, *, search: str = "") -> QuerySet[User]:
    """For staff: everybody, newest first, or those whose name or address holds the words."""
    check_staff(actor)
    rows = User.objects.annotate(
        is_contributor=Q(profile__isnull=False),
        is_deactivated=Q(profile__deactivated_at__isnull=False),
    ).order_by("-date_joined")
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(email__icontains=search))
    return rows


def verified_kinds(user_id: uuid.UUID) -> frozenset[str]:
    """Kinds of credentials that hold for a person (who acts, or before staff)."""
    rows = Credential.objects.filter(user_id=user_id, state=CredentialState.VERIFIED)
    return frozenset(rows.values_list("kind", flat=True))


def terms_in_force(now: dt.datetime) -> TermsVersion | None:
    return TermsVersion.objects.filter(effective_at__lte=now).order_by("-number").first()


@lru_cache(maxsize=1)
def announced(_minute: int) -> tuple[tuple[int, dt.datetime], ...]:
    """Number and date of every version, as they were a minute ago at most.

    None takes effect sooner than `terms_notice_days` after it is published.
    """
    return tuple(TermsVersion.objects.order_by("number").values_list("number", "effective_at"))


def terms_to_accept(user: User | AnonymousUser, now: dt.datetime) -> TermsVersion | None:
    """The version in force, if this person has not accepted it (or a later one).

    Only people take on work and buy it; staff and the system have nothing to accept. Asked before
    every claim: where nothing waits, no statement is sent.
    """
    if not isinstance(user, User) or user.is_staff:
        return None
    versions = announced(int(time.monotonic() // 60))
    number = max((number for number, since in versions if since <= now), default=0)
    return TermsVersion.objects.get(number=number) if number > user.terms_number else None


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with what it changed against the one before, and when the reader accepted it."""

    version: TermsVersion
    changes: list[Change]
    accepted_at: dt.datetime | None
    is_in_force: bool
    is_upcoming: bool


def terms_versions(actor: Actor, now: dt.datetime) -> list[VersionView]:
    """All published versions, newest first. Two queries."""
    rows = list(TermsVersion.objects.order_by("number"))
    accepted = dict(
        TermsAcceptance.objects.visible_to(actor)
        .filter(user_id=actor.user_id)
        .values_list("version_id", "accepted_at")
        if actor.user_id
        else []
    )
    current = max((row.number for row in rows if row.effective_at <= now), default=0)
    views = [
        VersionView(
            version=row,
            changes=differences(before.body, row.body) if before else [],
            accepted_at=accepted.get(row.id),
            is_in_force=row.number == current,
            is_upcoming=row.effective_at > now,
        )
        for before, row in zip([None, *rows], rows, strict=False)
    ]
    return views[::-1]


def staff_ids() -> list[uuid.UUID]:
    """Every administrator of the platform: whom to tell what waits for one."""
    rows = User.objects.filter(is_staff=True, is_active=True)
    return list(rows.values_list("id", flat=True))
