"""Qualification seats: how many are left, what pays for them, and adding more (invariant 16)."""

import datetime as dt
import uuid
from collections.abc import Mapping

from django.db import connection, transaction

from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.projects import actions as projects
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.rules import Kind
from apps.work.queries import seats

# What a claim says when its account lacks the money.
SHORT: dict[str, str] = {
    Purpose.HELD: (
        "The project's funds are all reserved now; it opens again when the buyer adds money."
    ),
    Purpose.SEATS: (
        "The money for qualification seats is all reserved now; it opens again when other "
        "attempts are settled or the buyer adds seats."
    ),
}
SEATS_MAX = 100_000


def account_of(kind: Kind, *, has_seats: bool) -> Purpose:
    """Qualifications are paid from the seats alone, everything else from the held funds alone."""
    return Purpose.SEATS if has_seats and kind == Kind.QUALIFICATION else Purpose.HELD


def take(project: Project, tier: Mapping) -> None:
    """One seat for an attempt that begins. Until the end of the transaction nobody else asks."""
    funded = tier["qualification"]["seats"]
    if project.seats is not None:
        funded = project.seats.get(tier["key"], 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT work_take_seat(%s, %s, %s)", [project.id, tier["key"], funded])
        if not cursor.fetchone()[0]:
            raise Conflict(
                "All funded seats of this qualification are taken; the buyer can add more."
            )


def add(
    *,
    project_id: uuid.UUID,
    tier: str,
    count: int,
    most: int | None = None,
    by: Actor,
    now: dt.datetime,
) -> Project:
    """Fund more attempts at the qualification of a tier, from what is spare and the wallet.

    `most` is the amount that the person was told; nothing happens when it has become more since.
    """
    with transaction.atomic():
        project = (
            Project.objects.visible_to(by)
            .select_for_update(of=("self",), no_key=True)
            .select_related("criteria")
            .filter(id=project_id)
            .first()
        )
        if project is None or project.state == ProjectState.DRAFT:
            raise NotThere("There is no such published project.")
        if not 0 < count <= SEATS_MAX:
            raise Invalid(f"Add from 1 to {SEATS_MAX:,} seats.", field="count")
        amount = seats.price(project, tier, count)
        if most is not None and amount > most:
            raise Conflict("These seats cost more than a moment ago; look at the new amount.")
        return projects.add_seats(
            project_id=project_id, tier=tier, seats=count, amount=amount, by=by, now=now
        )
