"""Qualification seats of a project: funded, taken, left over; what more of them cost."""

import uuid
from dataclasses import dataclass

from django.db import connection

from apps.core.errors import Invalid
from apps.projects import queries
from apps.projects.models import Project


@dataclass(frozen=True, slots=True)
class Seats:
    """Seats of one tier. `cost` is the most that one attempt can cost now, in minor units."""

    tier: str
    title: str
    funded: int
    taken: int
    finished: int
    cost: int

    @property
    def left(self) -> int:
        return max(0, self.funded - self.taken)


def seats_of(project: Project) -> list[Seats]:
    """Seats of every tier with a qualification; none for a draft."""
    if project.criteria is None:
        return []
    body, begun = project.criteria.body, attempts(project.id)
    funded, costs = project.seats, queries.seat_costs(body)
    if funded is None:
        funded = queries.seats_of(body)
    return [
        Seats(
            tier=tier["key"],
            title=tier["title"],
            funded=funded.get(tier["key"], 0),
            taken=begun.get(tier["key"], (0, 0))[0],
            finished=begun.get(tier["key"], (0, 0))[1],
            cost=costs[tier["key"]],
        )
        for tier in body["tiers"]
        if tier["qualification"]
    ]


def spare(project: Project, tiers: list[Seats]) -> int:
    """What finished attempts left over: free money that no funded seat can need any more."""
    needed = sum((row.funded - row.finished) * row.cost for row in tiers)
    return max(0, queries.funds(project).seats.available - needed)


def price(project: Project, tier: str, count: int) -> int:
    """What has to come from the wallet for so many more seats of a tier."""
    tiers = seats_of(project)
    row = next((each for each in tiers if each.tier == tier), None)
    if row is None:
        raise Invalid("This project has no qualification of that tier.", field="tier")
    return max(0, count * row.cost - spare(project, tiers))


def attempts(project_id: uuid.UUID) -> dict[str, tuple[int, int]]:
    """Attempts begun and finished, of each tier."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tier, taken, finished FROM work_seats(%s)", [project_id])
        return {tier: (taken, finished) for tier, taken, finished in cursor.fetchall()}
