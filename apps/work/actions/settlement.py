"""Settlement: quality bonus and top-up per contributor and project, each Monday and at close.

Computed over everything decided since the project began, less what earlier settlements paid; paid
out of what the assignments still hold, the rest of which goes back to the project.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q, Sum

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.projects import actions as projects
from apps.projects import rules
from apps.projects.enums import ProjectState
from apps.projects.models import GoldAnswer, Project
from apps.projects.rules import AS_WORK, Hold, Line, LineKind
from apps.work.actions import gold, lift, money
from apps.work.enums import DECIDED, PAID_AS_ACCEPTED, AssignmentState
from apps.work.models import Assignment, EarningLine, Enrolment, Score, Settlement

S = AssignmentState
# While one of these exists, more can become due: the project cannot be settled for the last time.
STILL_OPEN = frozenset({S.CLAIMED, S.SUBMITTED, S.REWORK, S.REJECTED})
# Contributors settled in one transaction: a second of locks, however large the project.
PEOPLE_AT_ONCE = 100
# The fee of a bonus is reserved upwards and posted half-even: its rest outlives the bonus itself.
STILL_HELD = Q(held_extra__gt=0) | Q(held_fee__gt=0)
# A finding of bad faith can still turn into the full pay, or into the floor alone, but never into
# both: it is settled when its appeal is over.
UNDECIDED = Q(state=S.REJECTED, is_bad_faith=True)


@dataclass(frozen=True, slots=True)
class Part:
    """Some people of a settlement: how many got a row, and whom to go on after (None: nobody)."""

    settled: int
    last: uuid.UUID | None


def settle(*, project_id: uuid.UUID, by: Actor, now: dt.datetime, is_last: bool = False) -> int:
    """Settle every contributor of a project in one transaction; how many got a settlement row."""
    return settle_part(
        project_id=project_id, by=by, now=now, after=None, most=None, is_last=is_last
    ).settled


def settle_part(
    *,
    project_id: uuid.UUID,
    by: Actor,
    now: dt.datetime,
    after: uuid.UUID | None,
    most: int | None = PEOPLE_AT_ONCE,
    is_last: bool = False,
) -> Part:
    """Settle the next `most` contributors in the order of their ids, in one transaction.

    A settlement is named by project, contributor and `now`: whoever has it already is passed over,
    so the same moment can be settled again from the start.
    """
    people = (
        Assignment.objects.filter(~UNDECIDED, STILL_HELD, project_id=project_id, state__in=DECIDED)
        .order_by("contributor_id")
        .values_list("contributor_id", flat=True)
        .distinct()
    )
    if after is not None:
        people = people.filter(contributor_id__gt=after)
    count = 0
    with transaction.atomic(), ledger.last():
        chosen = list(people[:most])
        for contributor_id in chosen:
            with ledger.kept():
                count += _settle_person(project_id, contributor_id, by=by, now=now, is_last=is_last)
    is_more = most is not None and len(chosen) == most
    if not is_last and not is_more:
        project = Project.objects.select_related("criteria").get(id=project_id)
        lift.follow_settlement(project=project, by=by, now=now)
    return Part(settled=count, last=chosen[-1] if is_more else None)


def _settle_person(
    project_id: uuid.UUID, contributor_id: uuid.UUID, *, by: Actor, now: dt.datetime, is_last: bool
) -> int:
    # One lock order everywhere: assignments, then the enrolment, then the ledger.
    rows = list(
        Assignment.objects.select_for_update(of=("self",), no_key=True)
        .filter(
            ~UNDECIDED,
            STILL_HELD,
            project_id=project_id,
            contributor_id=contributor_id,
            state__in=DECIDED,
        )
        .order_by("id")
    )
    if not rows:
        return 0
    already = derived(project_id, "settlement", contributor_id, now.isoformat())
    if Settlement.objects.filter(id=already).exists():
        if not is_last:
            return 0
        # The project closes in the very moment of a settlement: the last one comes right after it.
        now += dt.timedelta(microseconds=1)
        already = derived(project_id, "settlement", contributor_id, now.isoformat())
    account, facts = _account(project_id, contributor_id)
    terms = money.terms_of(rows[-1].criteria_id)
    lines = rules.settle(terms, account)
    due = {line.kind: line for line in lines}
    bonus = due.get(LineKind.QUALITY_BONUS, Line(LineKind.QUALITY_BONUS, 0, 0, ""))
    top_up = due.get(LineKind.TOP_UP, Line(LineKind.TOP_UP, 0, 0, ""))
    settlement = Settlement(
        id=already,
        org_id=rows[0].org_id,
        project_id=project_id,
        contributor_id=contributor_id,
        at=now,
        is_last=is_last,
        criteria_id=rows[-1].criteria_id,
        assignments=len(rows),
        paid_seconds=account.paid_seconds,
        earned_before=account.earned,
        bonus=bonus.net,
        bonus_fee=bonus.fee,
        top_up=top_up.net,
        facts=facts,
    )
    settlement.save(force_insert=True)
    entries = _pay_out_of(rows, bonus, top_up, currency=terms.currency, is_last=is_last, now=now)
    money.save(rows)
    EarningLine.objects.bulk_create(
        money.earning_line(rows[-1], terms, line, code="settlement", settlement=settlement, now=now)
        for line in lines
    )
    audit.record(
        Event(
            "settlement.made",
            ("settlement", settlement.id),
            settlement.org_id,
            {"bonus": bonus.net, "fee": bonus.fee, "top_up": top_up.net, "last": is_last},
        ),
        by=by,
        now=now,
    )
    ledger.post(entries)
    return 1


def _account(project_id: uuid.UUID, contributor_id: uuid.UUID) -> tuple[rules.Account, dict]:
    """What the pay rules need to know of a person on a project, from lines and the clock."""
    mine = {"project_id": project_id, "contributor_id": contributor_id}
    sums: dict[str, dict[str, int]] = defaultdict(lambda: {"net": 0, "fee": 0})
    for kind, net, fee in (
        EarningLine.objects.filter(**mine)
        .order_by()
        .values_list("kind")
        .annotate(Sum("net"), Sum("fee"))
    ):
        sums[kind] = {"net": net, "fee": fee}
    accepted = (
        Assignment.objects.filter(**mine, kind__in=AS_WORK, state__in=PAID_AS_ACCEPTED)
        .values_list("criteria_id")
        .annotate(Count("id"))
    )
    seconds = sum(
        row.paid_seconds
        for row in Assignment.objects.filter(~UNDECIDED, **mine, state__in=DECIDED).only(
            "active_seconds", "cap_seconds", "is_time_counted"
        )
    )
    known = gold.standing(Enrolment.objects.get(**mine))
    run = Score.objects.filter(**mine).order_by("-week").values_list("run_id", flat=True).first()
    account = rules.Account(
        earned=sum(
            value["net"] for kind, value in sums.items() if kind not in rules.BESIDE_THE_CLOCK
        ),
        accepted_base=sum(money.terms_of(criteria).base * count for criteria, count in accepted),
        paid_seconds=seconds,
        bonus_paid=sums[LineKind.QUALITY_BONUS]["net"],
        bonus_fee_paid=sums[LineKind.QUALITY_BONUS]["fee"],
        gold_count=known.count,
        gold_lower_bound=known.lower,
    )
    facts = {
        "gold_count": known.count,
        "gold_lower": str(known.lower) if known.lower is not None else None,
        "accepted_base": account.accepted_base,
        # What the bound was read from; `manage.py recompute` takes the settlement's id.
        "run": str(run) if run else None,
        # Known answers that were taken back after it, and count no more.
        **({"gold_demoted": known.demoted} if known.demoted else {}),
    }
    return account, facts


def _pay_out_of(
    rows: Sequence[Assignment],
    bonus: Line,
    top_up: Line,
    *,
    currency: str,
    is_last: bool,
    now: dt.datetime,
) -> list[ledger.Entry]:
    """Post what is due out of the holds, keep what a later bonus may need, release the rest."""
    entries: list[ledger.Entry] = []
    bonus_left, fee_left, top_up_left = bonus.net, bonus.fee, top_up.net
    for row in rows:
        # Only accepted work earns a bonus; a rejection keeps its own for an overturn.
        is_accepted = row.state in PAID_AS_ACCEPTED
        from_bonus = min(bonus_left, row.held_bonus) if is_accepted else 0
        from_top_up = min(top_up_left, row.held_extra - row.held_bonus)
        from_fee = min(fee_left, row.held_fee) if is_accepted else 0
        keeps = 0 if is_last else row.held_bonus - from_bonus
        row.is_topped_up = True
        entries += money.rewrite(
            row,
            Hold(
                pay=0 if is_last else row.held_pay,
                fee=0 if is_last else row.held_fee - from_fee,
                extra=keeps,
            ),
            currency=currency,
            code="settlement",
            fee=from_fee,
            extra=from_bonus + from_top_up,
            bonus=keeps,
            now=now,
        )
        bonus_left, fee_left = bonus_left - from_bonus, fee_left - from_fee
        top_up_left -= from_top_up
    if bonus_left or fee_left or top_up_left:
        message = f"The holds do not cover a settlement: {bonus_left}, {fee_left}, {top_up_left}."
        raise AssertionError(message)
    return entries


def close_when_done(
    *, project_id: uuid.UUID, by: Actor, now: dt.datetime, most: int | None = None
) -> bool:
    """Settle a closing project for the last time once nothing in it is open; True when closed.

    With `most`, at most so many people in this transaction: the project closes with the call that
    finds no more of them. The last settlement leaves nothing held, so it goes on where it stopped.
    """
    with transaction.atomic():
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(id=project_id)
        if project.state != ProjectState.CLOSING:
            return False
        if Assignment.objects.filter(project_id=project_id, state__in=STILL_OPEN).exists():
            return False
        # A contest that is upheld can still reach the bar; afterwards nothing is held for it.
        contested = GoldAnswer.objects.filter(
            project_id=project_id, contested_until__isnull=False, demoted_at=None
        )
        if contested.exists():
            return False
        part = settle_part(
            project_id=project_id, by=by, now=now, after=None, most=most, is_last=True
        )
        if part.last is not None:
            return False
        closed = projects.finish_close(project_id=project_id, by=by, now=now)
        lift.begin_pool(project=closed, by=by, now=now)
        return True
