"""Reads about people."""

import uuid

from django.db.models import Q, QuerySet

from apps.accounts.enums import CredentialState
from apps.accounts.models import ContributorProfile, Credential, User
from apps.accounts.permissions import check_staff
from apps.core.tenancy import Actor


def own_profile(actor: Actor) -> ContributorProfile | None:
    """The acting person's profile, if they made one."""
    return ContributorProfile.objects.visible_to(actor).filter(user_id=actor.person_id).first()


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


def staff_ids() -> list[uuid.UUID]:
    """Every administrator of the platform: whom to tell what waits for one."""
    rows = User.objects.filter(is_staff=True, is_active=True)
    return list(rows.values_list("id", flat=True))
