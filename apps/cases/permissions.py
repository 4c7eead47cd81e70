"""Who may open, answer and decide. `check_…` raises with a sentence, `why_not_…` gives it."""

import uuid

from apps.cases.enums import CaseKind
from apps.cases.errors import Involved
from apps.cases.models import Case
from apps.core.errors import NotAllowed
from apps.core.tenancy import Actor
from apps.organizations.enums import Permission
from apps.organizations.models import Membership
from apps.organizations.permissions import can, check
from apps.projects.models import GoldAnswer
from apps.work.models import Assignment, EarningLine, Verdict

# Whose business a case is on the buyer's side: who makes its statement, and who is told.
ANSWERED_WITH: dict[str, Permission] = {
    CaseKind.APPEAL: Permission.DECIDE_VERDICTS,
    CaseKind.DISPUTE: Permission.SEE_MONEY,
    CaseKind.GOLD_CONTEST: Permission.DECIDE_VERDICTS,
}
TOLD_WITH: dict[str, Permission] = {
    **ANSWERED_WITH,
    CaseKind.BAD_FAITH: Permission.DECIDE_VERDICTS,
    CaseKind.LIFT_CONTEST: Permission.MANAGE_PROJECTS,
}


def is_by_contributor(case: Case) -> bool:
    """Whether the person whom it concerns opened it."""
    return case.opened_by_id == case.contributor_id


def check_staff(actor: Actor) -> uuid.UUID:
    """The administrator by whose name it is done."""
    if not actor.is_staff or actor.user_id is None:
        raise NotAllowed("Only an administrator of the platform may do this.")
    return actor.user_id


def check_platform(actor: Actor) -> None:
    """What beat tasks do for the marketplace, in no organization's name."""
    if not actor.is_system or actor.org_ids:
        raise NotAllowed("Only the marketplace itself does this.")


def check_may_dispute(actor: Actor, line: EarningLine) -> uuid.UUID:
    """The contributor of the line, or whoever sees the buyer's money; the person's id."""
    if actor.is_staff and line.contributor_id != actor.user_id:
        raise NotAllowed("An administrator decides disputes and opens none.")
    if line.contributor_id != actor.user_id:
        check(actor, Permission.SEE_MONEY, org_id=line.org_id)
    if actor.user_id is None:
        raise NotAllowed("Only a person opens a dispute.")
    return actor.user_id


def why_not_open_bad_faith(actor: Actor, row: Assignment) -> str | None:
    """Why this person may not call this work bad faith; None when they may."""
    if not actor.is_staff or actor.user_id is None:
        return (
            "Only an administrator of the platform opens a case of bad faith; who reviews for the "
            "buyer rejects in good faith, with the kill fee, or reports it."
        )
    if actor.user_id == row.contributor_id:
        return "Nobody opens a case about their own work."
    if _is_member(actor.user_id, row.org_id):
        return "A member of the buyer's organization does not open a case about its work."
    return None


def check_may_open_bad_faith(actor: Actor, row: Assignment) -> uuid.UUID:
    """The administrator by whose name the case is opened."""
    reason = why_not_open_bad_faith(actor, row)
    if reason or actor.user_id is None:
        raise Involved(reason or "")
    return actor.user_id


def check_can_read(actor: Actor, case: Case) -> None:
    """Both sides and staff. At the buyer: whoever sees the answers, or the money of a dispute."""
    if actor.is_staff or case.contributor_id == actor.user_id or case.org_id is None:
        return
    if not (
        can(actor, Permission.SEE_ANSWERS, org_id=case.org_id)
        or (case.kind == CaseKind.DISPUTE and can(actor, Permission.SEE_MONEY, org_id=case.org_id))
    ):
        raise NotAllowed("Your role in this organization does not let you read its cases.")


def can_answer(actor: Actor, case: Case) -> bool:
    """The other side of the one who opened it."""
    if not is_by_contributor(case):
        return actor.user_id == case.contributor_id
    wanted = ANSWERED_WITH.get(case.kind)
    return wanted is not None and case.org_id is not None and can(actor, wanted, org_id=case.org_id)


def check_can_answer(actor: Actor, case: Case) -> None:
    if not can_answer(actor, case):
        raise NotAllowed("Only the other side of this case may make a statement.")


def why_not_decide(actor: Actor, case: Case) -> str | None:
    """Why this person may not decide this case; None when they may."""
    if not actor.is_staff:
        return "Only an administrator of the platform decides cases."
    if actor.user_id == case.opened_by_id:
        return "Whoever opened a case does not decide it; another administrator does."
    if actor.user_id == case.contributor_id:
        return "Nobody decides about themselves."
    if case.org_id and actor.user_id and _is_member(actor.user_id, case.org_id):
        return "A member of the buyer's organization does not decide its cases."
    if _has_decided_before(actor, case):
        return "Whoever decided about the work does not decide the case about it."
    if case.kind == CaseKind.GOLD_CONTEST and _has_authored(actor, case):
        return "Whoever wrote a known answer does not decide whether it stands."
    if _has_accused(actor, case):
        return "Whoever opened a case of bad faith about this work does not decide its appeal."
    return None


def _is_member(user_id: uuid.UUID, org_id: uuid.UUID) -> bool:
    return Membership.objects.filter(org_id=org_id, user_id=user_id).exists()


def _has_decided_before(actor: Actor, case: Case) -> bool:
    if case.project_id is None:
        return False
    verdicts = Verdict.objects.filter(decided_by_id=actor.user_id)
    if case.assignment_id:
        return verdicts.filter(assignment_id=case.assignment_id).exists()
    # A settlement is over everything the contributor did on the project.
    return verdicts.filter(project_id=case.project_id, contributor_id=case.contributor_id).exists()


def _has_authored(actor: Actor, case: Case) -> bool:
    gold = GoldAnswer.objects.filter(authored_by_id=actor.user_id)
    return gold.filter(item__assignments=case.assignment_id).exists()


def _has_accused(actor: Actor, case: Case) -> bool:
    if case.assignment_id is None:
        return False
    accusations = Case.objects.filter(kind=CaseKind.BAD_FAITH, opened_by_id=actor.user_id)
    return accusations.filter(assignment_id=case.assignment_id).exists()


def check_may_decide(actor: Actor, case: Case) -> None:
    reason = why_not_decide(actor, case)
    if reason:
        raise Involved(reason)
