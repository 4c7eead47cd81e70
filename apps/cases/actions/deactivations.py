"""Deactivation: notice, reason, evidence, an answer, and a second human who decides."""

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.accounts import actions as accounts
from apps.accounts.models import ContributorProfile
from apps.accounts.queries import staff_ids
from apps.cases import rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind, CaseState
from apps.cases.errors import AlreadyOpen
from apps.cases.models import Case
from apps.cases.permissions import check_staff
from apps.cases.rules import GROUND_LABELS, IMMEDIATE_GROUNDS, Ground
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import Actor, system


def propose_deactivation(
    *,
    user_id: uuid.UUID,
    reason: str,
    evidence: str,
    is_immediate: bool,
    by: Actor,
    now: dt.datetime,
    ground: str = Ground.CONDUCT,
) -> Case:
    """Ask for a deactivation. Nothing happens before the notice ends, unless it is immediate.

    Immediate is for fraud and safety only, and ends by itself if no second administrator confirms
    it in time.
    """
    with transaction.atomic():
        proposer = check_staff(by)
        if proposer == user_id:
            raise NotAllowed("Nobody decides about themselves.")
        words = _words(reason, evidence, ground=ground, is_immediate=is_immediate)
        profile = _locked_profile(user_id)
        if Case.objects.open().filter(contributor_id=user_id, kind=CaseKind.DEACTIVATION).exists():
            raise AlreadyOpen("A deactivation of this person is under review already.")
        if profile.deactivated_at is not None or profile.deactivation_notice_until is not None:
            raise Conflict("This person is deactivated already, or the notice is running.")
        due_at = now + _time_to_decide(is_immediate=is_immediate)
        if is_immediate:
            accounts.deactivate(user_id=user_id, by=by, now=now)
        else:
            accounts.give_deactivation_notice(user_id=user_id, until=due_at, by=by, now=now)
        case = Case(
            kind=CaseKind.DEACTIVATION,
            contributor_id=user_id,
            opened_by_id=proposer,
            opened_at=now,
            reason=words[0],
            evidence=words[1],
            due_at=due_at,
        )
        records.opened(case, by=by, now=now)
        _tell(case, is_immediate=is_immediate, by=by, now=now)
        return case


def _words(reason: str, evidence: str, *, ground: str, is_immediate: bool) -> tuple[str, str]:
    if ground not in GROUND_LABELS:
        raise Invalid("Choose the ground.", field="ground")
    if is_immediate and ground not in IMMEDIATE_GROUNDS:
        raise Invalid("Only fraud or safety lets a deactivation act at once.", field="is_immediate")
    text = records.written(
        reason, field="reason", minimum=rules.DECISION_MINIMUM, what="The reason"
    )
    if not evidence.strip():
        raise Invalid(
            "Name the evidence: two independent signals at least, since none alone is enough.",
            field="evidence",
        )
    return f"{GROUND_LABELS[Ground(ground)]}: {text}", evidence.strip()


def _locked_profile(user_id: uuid.UUID) -> ContributorProfile:
    rows = ContributorProfile.objects.select_for_update(of=("self",), no_key=True)
    profile = rows.filter(user_id=user_id).first()
    if profile is None:
        raise NotThere("This person has no contributor profile.")
    return profile


def _time_to_decide(*, is_immediate: bool) -> dt.timedelta:
    numbers: Mapping[str, Any] = settings.WAGEFILE
    if is_immediate:
        return dt.timedelta(hours=numbers["deactivation_human_hours"])
    return dt.timedelta(days=numbers["deactivation_notice_days"])


def _tell(case: Case, *, is_immediate: bool, by: Actor, now: dt.datetime) -> None:
    title = (
        "Your account is stopped while it is reviewed"
        if is_immediate
        else f"Notice: your account may be deactivated on {case.due_at:%d %B %Y}"
    )
    body = (
        f"{case.reason}\n\nRead the evidence and answer on the page. A second administrator "
        "decides. What you earned stays payable and downloadable."
    )
    records.tell(case, [case.contributor_id], title, body, now=now)
    others = "A second administrator decides, else silence does, for the contributor."
    records.tell(
        case, staff_ids(), "A deactivation waits for a decision", others, now=now,
        besides=by.user_id,
    )  # fmt: skip


def carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> None:
    """Granted: the notice runs to its end (`finish_notices`). Not granted: nothing stays of it."""
    if not is_granted:
        accounts.reinstate(user_id=case.contributor_id, by=by, now=now)


def carry_out_silence(case: Case) -> None:
    accounts.reinstate(user_id=case.contributor_id, by=system(), now=case.due_at)


def finish_notices(*, by: Actor, now: dt.datetime) -> int:
    """Deactivate whose notice is over and was confirmed; how many. For the platform's sweep.

    What acts is the decision of a named administrator, and stands under that name.
    """
    if not by.is_system:
        raise NotAllowed("Notices end by themselves.")
    due = Case.objects.filter(
        kind=CaseKind.DEACTIVATION,
        state=CaseState.GRANTED,
        contributor__profile__deactivated_at=None,
        contributor__profile__deactivation_notice_until__lte=now,
    ).order_by("due_at")
    done = 0
    for case in due:
        with transaction.atomic():
            decider = Actor(kind="staff", user_id=case.decided_by_id)
            accounts.deactivate(user_id=case.contributor_id, by=decider, now=now)
            records.tell(
                case,
                [case.contributor_id],
                "Your account is deactivated",
                "You can take no new work. What you earned stays payable and downloadable.",
                now=now,
            )
        done += 1
    return done
