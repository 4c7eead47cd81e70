"""A project that is live: pause, resume, extend, close, and its published figures."""

import datetime as dt
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects import permissions
from apps.projects.actions.funds import RUNNING, returns
from apps.projects.actions.moves import check_not_frozen, locked, move, record, tell_managers
from apps.projects.enums import ItemPurpose, ItemState, ProjectState
from apps.projects.models import Item, Offer, Project, ProjectFigures
from apps.projects.queries import funds

OVERLAP_MAX = 1000


def pause(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    """No new claims; what is open goes on, with its windows."""
    return _moved(project_id, ProjectState.PAUSED, by=by, now=now)


def resume(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    with transaction.atomic():
        project = locked(project_id, by=by)
        if project.state == ProjectState.DRAFT:
            raise Conflict("A draft becomes live by publishing it.")
        check_not_frozen(project)
        return _moved(project_id, ProjectState.LIVE, by=by, now=now)


def freeze_projects(*, org_id: uuid.UUID, by: Actor, now: dt.datetime) -> list[Project]:
    """Pause every live project of a buyer whose money is frozen; which ones.

    What is claimed goes on, with its reserves and deadlines.
    """
    _check_is_system(by, org_id)
    with transaction.atomic():
        found = list(_of_buyer(org_id, by).filter(state=ProjectState.LIVE))
        for project in found:
            project.frozen_at = now
            move(project, ProjectState.PAUSED, by=by, now=now, why="chargeback")
        return found


def thaw_projects(*, org_id: uuid.UUID, by: Actor, now: dt.datetime) -> list[Project]:
    """What was paused by the freezing is live again; what was closed meanwhile stays so."""
    _check_is_system(by, org_id)
    with transaction.atomic():
        found = list(_of_buyer(org_id, by).filter(frozen_at__isnull=False))
        for project in found:
            project.frozen_at = None
            if project.state == ProjectState.PAUSED:
                move(project, ProjectState.LIVE, by=by, now=now, why="chargeback over")
            else:
                project.save(update_fields=["frozen_at"])
        return found


def _check_is_system(by: Actor, org_id: uuid.UUID) -> None:
    if not (by.is_system and org_id in by.roles):
        raise NotAllowed("Only the marketplace itself does this.")


def _of_buyer(org_id: uuid.UUID, by: Actor) -> QuerySet[Project]:
    rows = Project.objects.visible_to(by).select_for_update(of=("self",), no_key=True)
    return rows.select_related("org").filter(org_id=org_id).order_by("id")


def begin_close(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    """No new claims ever; the rest goes back once every window has closed."""
    with transaction.atomic():
        project = _moved(project_id, ProjectState.CLOSING, by=by, now=now)
        tell_managers(
            project,
            f"{project.title} is closing",
            "Nothing new is claimed. What is not spent goes back to the wallet when the last "
            "review and appeal window has closed.",
            now=now,
        )
        return project


def finish_close(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Project:
    """Nothing is reserved any more: the rest, seats included, goes back to the wallet."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_is_system(by, project)
        account = funds(project)
        if account.reserved:
            raise Conflict("Money of this project is still reserved; it cannot be closed yet.")
        returned = account.held.available + account.seats.available
        move(project, ProjectState.CLOSED, by=by, now=now, returned=returned)
        lift = "" if not account.lift.balance else " The lift pool waits for the last lift run."
        tell_managers(
            project,
            f"{project.title} is closed",
            f"Every window is over. What was not spent is back in the wallet.{lift}",
            now=now,
        )
        ledger.post(returns(project, account, now=now))
        return project


def extend(*, project_id: uuid.UUID, overlap: int, by: Actor, now: dt.datetime) -> int:
    """Give every item this overlap if it has less; how many answers more can be claimed.

    Nothing is reserved by it: each claim reserves its own maximum, as long as the budget lasts.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.state not in RUNNING:
            raise Conflict("Only a live or paused project can be extended.")
        if not 1 <= overlap <= OVERLAP_MAX:
            raise Invalid("The overlap must be from 1 to 1,000 answers an item.", field="overlap")
        few = Item.objects.select_for_update(of=("self",), no_key=True).filter(
            project=project,
            purpose=ItemPurpose.WORK,
            state=ItemState.ACTIVE,
            overlap__lt=overlap,
        )
        slots = sum(overlap - had for had in few.values_list("overlap", flat=True).iterator())
        if not slots:
            raise Invalid(f"Every item has an overlap of {overlap} already.", field="overlap")
        few.update(open_slots=F("open_slots") + overlap - F("overlap"), overlap=overlap)
        record(project, "extended", by=by, now=now, overlap=overlap, slots=slots)
        return slots


def watch_funds(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """Tell, once a funding, that little of a live project's budget is free while work is left."""
    project = Project.objects.visible_to(by).filter(id=project_id, state=ProjectState.LIVE).first()
    if project is None:
        return
    permissions.check_is_system(by, project)
    account = funds(project).held
    if account.available * 100 >= account.credits_posted * settings.WAGEFILE["low_funds_percent"]:
        return
    slots = Item.objects.filter(
        project=project, purpose=ItemPurpose.WORK, state=ItemState.ACTIVE, open_slots__gt=0
    )
    if not slots.exists():
        return
    free, budget = (
        written(amount, project.currency) for amount in (account.available, account.credits_posted)
    )
    managers = people_with(Permission.MANAGE_PROJECTS, org_id=project.org_id)
    finance = people_with(Permission.MOVE_MONEY, org_id=project.org_id)
    notices.tell(
        [*managers, *finance],
        kind=Notices.LOW_FUNDS,
        title=f"{project.title} runs out of budget",
        body=f"{free} of {budget} is free, and work is left. Nobody can claim what is not funded.",
        url=reverse("projects:detail", args=[project.id]),
        key=f"low_funds:{project.id}:{account.credits_posted}",
        now=now,
    )


def store_figures(
    *,
    project_id: uuid.UUID,
    body: Mapping,
    offer_figures: Mapping | None,
    by: Actor,
    now: dt.datetime,
) -> None:
    """Counters for the buyer's page and, published, for the offer. Keys that are not given stay.

    The floors above compute what they alone know and hand it down here.
    """
    with transaction.atomic():
        project = Project.objects.visible_to(by).filter(id=project_id).first()
        if project is None:
            raise NotThere("There is no such project.")
        permissions.check_is_system(by, project)
        # The project's own row stays free: figures are written often, and nobody waits for them.
        row, _ = ProjectFigures.objects.select_for_update(of=("self",), no_key=True).get_or_create(
            project=project, defaults={"org_id": project.org_id, "updated_at": now}
        )
        row.body = {**row.body, **body}
        row.updated_at = now
        row.save()
        offer = (
            Offer.objects.select_for_update(of=("self",), no_key=True)
            .filter(project=project)
            .first()
        )
        if offer is not None and offer_figures:
            offer.figures = {**offer.figures, **offer_figures}
            offer.updated_at = now
            offer.save(update_fields=["figures", "updated_at"])


def _moved(project_id: uuid.UUID, state: ProjectState, *, by: Actor, now: dt.datetime) -> Project:
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        move(project, state, by=by, now=now)
        return project
