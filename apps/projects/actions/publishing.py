"""Publishing: the draft becomes a promise that nobody can change, with the money to keep it."""

import datetime as dt
import uuid
from collections.abc import Mapping

from django.db import transaction

from apps.core.errors import Conflict, NotAllowed
from apps.core.tenancy import Actor
from apps.projects import permissions
from apps.projects.actions.funds import deposit, lift_deposits, post_from_wallet, seat_deposit
from apps.projects.actions.moves import check_not_frozen, locked, move, record, tell_managers
from apps.projects.enums import ProjectState, Visibility
from apps.projects.errors import NotReady
from apps.projects.models import CriteriaVersion, Offer, Project, ProjectFigures
from apps.projects.queries import (
    cost_preview,
    draft_body,
    item_counts,
    keep_test_items,
    lift_funds,
    problems,
    qualification_exposure,
    seats_of,
    sha256_of,
    version_problems,
    version_seats,
)
from apps.projects.queries.criteria import draft_of
from apps.projects.rules import LiftTerms


def publish(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> CriteriaVersion:
    """Criteria v1 is frozen and hashed, the budget moves from the wallet to the held funds.

    Raises NotReady with every problem at once.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.state != ProjectState.DRAFT:
            raise Conflict("This project is published already.")
        check_not_frozen(project)
        blocking = problems(project, now=now)
        if blocking:
            raise NotReady(blocking)
        criteria = _freeze(project, draft_body(project), number=1, by=by, now=now)
        budget = int(draft_of(project)["budget"]["amount"])
        project.published_at = now
        _adopt(project, criteria)
        project.seats = seats_of(criteria.body)
        for_seats = qualification_exposure(criteria.body).qualification
        lift = LiftTerms.of(criteria.body)
        if lift is not None:
            keep_test_items(project)
        for_lift = lift_funds(criteria.body)
        move(
            project, ProjectState.LIVE, by=by, now=now, criteria=str(criteria.id),
            sha256=criteria.sha256, budget=budget, seats=for_seats, lift=for_lift,
        )  # fmt: skip
        _offer(project, criteria, now=now)
        ProjectFigures.objects.get_or_create(
            project=project, defaults={"org_id": project.org_id, "updated_at": now}
        )
        tell_managers(
            project,
            f"{project.title} is live",
            "Criteria v1 is frozen and the budget is held for this project.",
            now=now,
        )
        # The seats get money of their own: work that is claimed first cannot use it up.
        entries = [
            deposit(
                project, budget - for_seats - for_lift, step="publish", code="fund_project", now=now
            )
        ]
        if for_seats:
            entries.append(seat_deposit(project, for_seats, step="publish", now=now))
        if lift is not None:
            entries += lift_deposits(project, lift, now=now)
        post_from_wallet(entries)
        return criteria


def publish_version(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> CriteriaVersion:
    """A later version, for claims from now on. Accepted assignments keep the one they have."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if (
            project.state not in {ProjectState.LIVE, ProjectState.PAUSED}
            or project.criteria is None
        ):
            raise Conflict("Only a live or paused project can get a later version.")
        blocking = version_problems(project, now=now)
        if blocking:
            raise NotReady(blocking)
        number = project.criteria.number + 1
        criteria = _freeze(project, draft_body(project), number=number, by=by, now=now)
        project.seats, for_seats = version_seats(project, criteria.body)
        if for_seats:
            check_not_frozen(project)
        _adopt(project, criteria)
        project.save()
        record(
            project, "version", by=by, now=now,
            criteria=str(criteria.id), number=number, sha256=criteria.sha256, seats=for_seats,
        )  # fmt: skip
        _offer(project, criteria, now=now)
        tell_managers(
            project,
            f"{project.title} has criteria v{number}",
            "It holds for claims from now on; assignments already accepted keep their version.",
            now=now,
        )
        if for_seats:
            post_from_wallet([seat_deposit(project, for_seats, step=f"v{number}", now=now)])
        return criteria


def _freeze(
    project: Project, body: dict, *, number: int, by: Actor, now: dt.datetime
) -> CriteriaVersion:
    if by.user_id is None:
        raise NotAllowed("Criteria are published by a person.")
    return CriteriaVersion.objects.create(
        project=project,
        org_id=project.org_id,
        number=number,
        body=body,
        sha256=sha256_of(body),
        published_at=now,
        published_by_id=by.user_id,
    )


def _adopt(project: Project, criteria: CriteriaVersion) -> None:
    """The row of the project repeats what lists and sweeps need of its criteria."""
    body = criteria.body
    project.criteria = criteria
    project.title = body["title"]
    project.task_type = body["task"]["type"]
    project.layer = body["layer"]
    project.visibility = body["visibility"]


def _offer(project: Project, criteria: CriteriaVersion, *, now: dt.datetime) -> None:
    """The public summary; listed only when the project is public."""
    Offer.objects.update_or_create(
        project=project,
        defaults={
            "org_id": project.org_id,
            "state": project.state,
            "is_listed": project.visibility == Visibility.PUBLIC,
            "body": _offer_body(project, criteria.body, criteria),
            "updated_at": now,
        },
    )


def _offer_body(project: Project, body: Mapping, criteria: CriteriaVersion) -> dict:
    preview = cost_preview(body, items=0, budget=0)
    counts = item_counts(project)
    public = (
        "title", "currency", "unit", "layer", "band", "rubric", "gates", "pay", "windows",
        "limits", "tiers",
        "overlap", "overlap_max", "label_error_percent",
        "gold_percent", "gold_percent_min", "repeat_percent", "repeat_between",
        "consent", "disclosure",
    )  # fmt: skip
    return {
        **{key: body[key] for key in public if key in body},
        **({"lift": body["lift"]} if body.get("lift") else {}),
        "task": {key: body["task"][key] for key in ("type", "instructions", "estimate_seconds")},
        "organization": {
            "name": project.org.name,
            "country": project.org.country,
            "owners": project.org.owners,
        },
        "criteria": {
            "id": str(criteria.id),
            "number": criteria.number,
            "sha256": criteria.sha256,
            "published_at": criteria.published_at.isoformat(),
        },
        "per_item": {
            "gross": preview.per_item.gross,
            "fee": preview.per_item.fee,
            "net": preview.per_item.net,
        },
        "items": counts.work,
        "is_simulated": project.is_simulated,
    }
