"""Who may act on an assignment. `check_…` raises with a sentence, `can_…` asks."""

from apps.core.errors import NotAllowed, NotThere
from apps.core.tenancy import Actor
from apps.organizations.enums import Permission
from apps.organizations.permissions import can, check
from apps.work.models import Assignment, Submission


def can_work_on(actor: Actor, assignment: Assignment) -> bool:
    return actor.user_id is not None and assignment.contributor_id == actor.user_id


def check_can_work_on(actor: Actor, assignment: Assignment) -> None:
    """The payee is always the person who did the work: nobody acts for somebody else."""
    if not can_work_on(actor, assignment):
        raise NotThere("This assignment is not yours.")


def can_decide(actor: Actor, row: Assignment | Submission) -> bool:
    return (
        can(actor, Permission.DECIDE_VERDICTS, org_id=row.org_id)
        and row.contributor_id != actor.user_id
    )


def check_can_decide(actor: Actor, row: Assignment | Submission) -> None:
    check(actor, Permission.DECIDE_VERDICTS, org_id=row.org_id)
    if row.contributor_id == actor.user_id:
        raise NotAllowed("Nobody decides over their own work.")


def check_is_staff(actor: Actor) -> None:
    if not actor.is_staff:
        raise NotAllowed("Only an administrator of the platform may do this.")
