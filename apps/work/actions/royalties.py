"""A use of answers beyond the purpose of the consent: each author is paid its price."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.ledger.errors import InsufficientFunds
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.projects import rules
from apps.projects.models import Project
from apps.projects.rules import Kind, Line
from apps.work.actions import money, told
from apps.work.enums import PAID_AS_ACCEPTED
from apps.work.models import Assignment, EarningLine, Enrolment, SecondaryUse

CODE = "royalty"
USE_MINIMUM, USE_MAXIMUM = 10, 160


@dataclass(frozen=True, slots=True)
class Uses(rules.Sums):
    """What one use costs now: a line for each author of accepted work, with their last work."""

    authors: Sequence[Assignment]
    lines: Sequence[Line]


def uses(project: Project, use: str) -> Uses:
    """Each is paid by the consent that they gave, not by one that was written later."""
    rows = (
        Assignment.objects.filter(project=project, kind=Kind.WORK, state__in=PAID_AS_ACCEPTED)
        .order_by("contributor_id", "-id")
        .distinct("contributor_id")
    )
    scopes: dict[uuid.UUID, dict[str, Any]] = dict(
        Enrolment.objects.filter(project=project).values_list("contributor_id", "consent_scope")
    )
    found = [
        (row, line)
        for row in rows
        for line in rules.royalty(
            money.terms_of(row.criteria_id),
            price=scopes[row.contributor_id]["price_per_use"],
            use=use,
        )
    ]
    return Uses([row for row, _ in found], [line for _, line in found])


def record_use(
    *, project_id: uuid.UUID, use: str, most: int, by: Actor, now: dt.datetime
) -> SecondaryUse:
    """Say what the answers are used for now, and pay for it from the wallet.

    `most` is the gross amount that was shown before: more than that is not paid unasked.
    """
    with transaction.atomic():
        project = (
            Project.objects.visible_to(by)
            .select_for_update(of=("self",), no_key=True)
            .filter(id=project_id)
            .first()
        )
        if project is None or project.criteria_id is None:
            raise NotThere("There is no such project.")
        check(by, Permission.MOVE_MONEY, org_id=project.org_id)
        if not money.body_of(project.criteria_in_force_id)["consent"]["price_per_use"]:
            raise Conflict("The consent terms of this project allow no use beyond its purpose.")
        use = " ".join(use.split())
        if not USE_MINIMUM <= len(use) <= USE_MAXIMUM:
            raise Invalid(
                f"Say in {USE_MINIMUM} to {USE_MAXIMUM} characters what the answers are used for.",
                field="use",
            )
        owed = uses(project, use)
        if not owed.lines:
            raise Conflict("No work is accepted yet, so there is nothing that could be used.")
        if owed.gross > most:
            raise Conflict(
                f"It costs {written(owed.gross, project.currency)} now, more than was shown; "
                "look again."
            )
        made = SecondaryUse.objects.create(
            org_id=project.org_id,
            project=project,
            use=use,
            people=len(owed.authors),
            net=owed.net,
            fee=owed.fee,
            at=now,
            by_id=by.person_id,
        )
        _pay(made, owed, by=by, now=now)
        return made


def _pay(made: SecondaryUse, owed: Uses, *, by: Actor, now: dt.datetime) -> None:
    pairs = list(zip(owed.authors, owed.lines, strict=True))
    EarningLine.objects.bulk_create(
        money.earning_line(row, money.terms_of(row.criteria_id), line, code=CODE, now=now)
        for row, line in pairs
    )
    for row, line in pairs:
        told.used_again(row, line, now=now)
    audit.record(
        Event(
            "project.used_again", ("project", made.project_id), made.org_id,
            {"use": made.id, "people": made.people, "net": made.net, "fee": made.fee},
        ),
        by=by,
        now=now,
    )  # fmt: skip
    entries = []
    for row, line in pairs:
        for amount, to_fees in ((line.net, False), (line.fee, True)):
            if amount:
                entries.append(
                    money.direct(
                        row,
                        derived(made.id, row.id.hex, "fee" if to_fees else "pay"),
                        amount,
                        purpose=Purpose.WALLET,
                        code="fee" if to_fees else CODE,
                        to_fees=to_fees,
                        now=now,
                    )
                )
    try:
        ledger.post(entries)
    except InsufficientFunds as error:
        raise Conflict("The wallet has not enough for this use: fund it first.") from error
