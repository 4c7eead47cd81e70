"""Who may do what with a project. `check_can_…` raises NotAllowed, `can_…` asks."""

from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor
from apps.organizations import permissions as organizations
from apps.organizations.enums import Permission
from apps.projects.models import Project


def can_manage(actor: Actor, project: Project) -> bool:
    return organizations.can(actor, Permission.MANAGE_PROJECTS, org_id=project.org_id)


def check_can_manage(actor: Actor, project: Project) -> None:
    organizations.check(actor, Permission.MANAGE_PROJECTS, org_id=project.org_id)


def can_add_seats(actor: Actor, project: Project) -> bool:
    """Whoever may move the organization's money, or spend the wallet on projects."""
    return can_manage(actor, project) or organizations.can(
        actor, Permission.MOVE_MONEY, org_id=project.org_id
    )


def check_can_add_seats(actor: Actor, project: Project) -> None:
    if not can_manage(actor, project):
        organizations.check(actor, Permission.MOVE_MONEY, org_id=project.org_id)


def check_is_system(actor: Actor, project: Project) -> None:
    """For steps that follow from a rule, never from a person's wish."""
    if not (actor.is_system and project.org_id in actor.roles):
        raise NotAllowed("Only the marketplace itself does this.")
