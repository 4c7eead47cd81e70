"""Known answers that turned out wrong or arguable: taken back once and for all, by somebody.

Who is affected by it, and what becomes of their scores and money, is known to the floors above.
"""

import datetime as dt
import uuid

from django.db import transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.organizations import permissions as organizations
from apps.organizations.enums import Permission
from apps.projects.models import GoldAnswer

# Characters of the reason: everybody whose score it changes reads it.
REASON_MINIMUM = 40


def locked_gold(item_id: int, by: Actor) -> GoldAnswer:
    """The known answer of an item, locked. NotThere when this actor sees none."""
    rows = GoldAnswer.objects.all() if by.is_system else GoldAnswer.objects.visible_to(by)
    gold = rows.select_for_update(of=("self",), no_key=True).filter(item_id=item_id).first()
    if gold is None:
        raise NotThere("There is no such known answer.")
    return gold


def demote_gold(
    *, item_id: int, reason: str, by: Actor, now: dt.datetime, case_id: uuid.UUID | None = None
) -> GoldAnswer:
    """Take a known answer out of use for ever. The buyer's managers and administrators may; what
    was decided in a contest names its case, also when nobody but silence decided it.
    """
    with transaction.atomic():
        gold = locked_gold(item_id, by)
        _check_may_demote(by, gold, case_id)
        text = reason.strip()
        if len(text) < REASON_MINIMUM:
            raise Invalid(
                f"Say in at least {REASON_MINIMUM} characters why this known answer is wrong or "
                f"arguable; this has {len(text)}.",
                field="reason",
            )
        if gold.demoted_at is not None:
            raise Conflict("This known answer was demoted already.")
        gold.demoted_at, gold.demoted_reason = now, text
        gold.demoted_by_id, gold.demoted_case = by.user_id, case_id
        gold.contested_until = None
        gold.save(
            update_fields=[
                "demoted_at", "demoted_reason", "demoted_by", "demoted_case", "contested_until",
            ]
        )  # fmt: skip
        aggregate = ("gold", derived(gold.project_id, "gold", str(item_id)))
        data = {"item": item_id, "project": gold.project_id, "case": case_id}
        audit.record(Event("gold.demoted", aggregate, gold.org_id, data), by=by, now=now)
        return gold


def end_contest(*, item_id: int, by: Actor) -> None:
    """No contest of this known answer is open any more."""
    with transaction.atomic():
        gold = locked_gold(item_id, by)
        gold.contested_until = None
        gold.save(update_fields=["contested_until"])


def _check_may_demote(by: Actor, gold: GoldAnswer, case_id: uuid.UUID | None) -> None:
    if by.is_system:
        if case_id is None or gold.org_id not in by.roles:
            raise NotAllowed("No signal alone demotes a known answer: a person does, or a contest.")
    elif not (by.is_staff and by.user_id):
        organizations.check(by, Permission.MANAGE_PROJECTS, org_id=gold.org_id)
