"""Roles as data: what each may do. `permissions.py` asks this table and nothing else."""

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    VIEWER = "viewer"


class Permission(models.TextChoices):
    VIEW = "org:view", "see projects and figures"
    MANAGE_PROJECTS = "projects:manage", "write, publish, pause and close projects"
    MANAGE_PEOPLE = "people:manage", "invite people and set their roles"
    DECIDE_VERDICTS = "verdicts:decide", "accept, ask for rework and reject"
    SEE_ANSWERS = "answers:view", "see submissions"
    MOVE_MONEY = "money:move", "fund the wallet and ask for refunds"
    SEE_MONEY = "money:view", "see wallet, invoices and statements"
    RELEASE = "releases:make", "make and download releases"
    MANAGE_ORGANIZATION = "org:manage", "change the organization"


P = Permission
# Owner all · manager project, people, publish from the wallet · reviewer verdicts ·
# finance fund, refund, invoices · viewer read. Only owner and finance move money in or out.
ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(P),
    Role.MANAGER: frozenset(
        {
            P.VIEW,
            P.MANAGE_PROJECTS,
            P.MANAGE_PEOPLE,
            P.DECIDE_VERDICTS,
            P.SEE_ANSWERS,
            P.SEE_MONEY,
            P.RELEASE,
        }
    ),
    Role.REVIEWER: frozenset({P.VIEW, P.DECIDE_VERDICTS, P.SEE_ANSWERS}),
    Role.FINANCE: frozenset({P.VIEW, P.MOVE_MONEY, P.SEE_MONEY}),
    Role.VIEWER: frozenset({P.VIEW}),
}


class InvitationState(models.TextChoices):
    OPEN = "open"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


INVITATION_TRANSITIONS: dict[str, frozenset[str]] = {
    InvitationState.OPEN: frozenset({InvitationState.ACCEPTED, InvitationState.WITHDRAWN}),
    InvitationState.ACCEPTED: frozenset(),
    InvitationState.WITHDRAWN: frozenset(),
}
