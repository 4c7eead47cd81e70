"""A lift run repeated for a contest, and what it gives more than was paid."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.projects import rules
from apps.projects.models import Project
from apps.projects.queries import funds
from apps.projects.rules import Line, LineKind
from apps.scoring.enums import Grouping, LiftState, Reason
from apps.scoring.models import LiftRun
from apps.work.actions import lift, lift_rows, money
from apps.work.actions.lift_rounds import ask
from apps.work.models import Assignment, EarningLine, LiftPool, LiftRound, LiftScore


def repeat_for_contest(
    *, project_id: uuid.UUID, since: dt.datetime, until: dt.datetime, by: Actor, now: dt.datetime
) -> bool:
    """Keep the rest of the pool until then and ask for the run, with the seed of the first."""
    with transaction.atomic():
        lift.hold_pool(project_id=project_id, until=until)
        rounds = LiftRound.objects.filter(
            project_id=project_id, reason=Reason.CONTEST, asked_at__gte=since
        )
        if rounds.exists():
            return False
        pool = LiftPool.objects.select_related("run", "project__criteria").get(
            project_id=project_id
        )
        seed = pool.run.seed if pool.run else 0
        asked = ask(pool.project, Reason.CONTEST, by=by, now=now, seed=seed)
        return asked is not None


def repeated(
    project_id: uuid.UUID, contributor_id: uuid.UUID, *, since: dt.datetime
) -> LiftScore | None:
    """What the last run for a contest says of this person; None while there is none."""
    rows = LiftScore.objects.filter(
        project_id=project_id, contributor_id=contributor_id, reason=Reason.CONTEST
    )
    return rows.filter(at__gte=since).select_related("run").first()


def is_repeated(project_id: uuid.UUID, *, since: dt.datetime) -> bool:
    """Whether a run for a contest that was asked for since then is done and taken."""
    return LiftRun.objects.filter(
        project_id=project_id,
        grouping=Grouping.CONTRIBUTOR,
        reason=Reason.CONTEST,
        state=LiftState.DONE,
        created_at__gte=since,
        handled_at__isnull=False,
    ).exists()


@dataclass(frozen=True, slots=True)
class _Difference:
    """What the repeated run gives more, net and fee above what was paid (net, fee) `before`."""

    author: Assignment
    line: Line
    net: int
    fee: int
    before: tuple[int, int]


def has_lift_difference(again: LiftScore) -> bool:
    pool = LiftPool.objects.get(project_id=again.project_id)
    return _difference(again, pool, Project.objects.get(id=again.project_id)) is not None


def _difference(again: LiftScore, pool: LiftPool, project: Project) -> _Difference | None:
    terms, found = lift_rows.terms_of(project), lift.measured(again.run)
    place = next(
        (i for i, each in enumerate(found) if each.author.contributor_id == again.contributor_id),
        None,
    )
    if terms is None or place is None:
        return None
    part = rules.pool_shares(pool.amount, [each.lift for each in found])[place]
    author = found[place].author
    line = rules.lift_bonus(
        money.terms_of(author.criteria_id),
        terms,
        found[place].lift,
        part=part,
        run=str(again.run_id),
    )
    before = _paid(again)
    net = line.net - before[0]
    if net <= 0:
        return None
    return _Difference(author, line, net, max(0, line.fee - before[1]), before)


def pay_lift_difference(
    again: LiftScore, *, base: uuid.UUID, by: Actor, now: dt.datetime
) -> uuid.UUID | None:
    """Book what the repeated run gives more; the transfer, or None where it gives no more.

    From what is left of the pool with its fee, else from the platform's fees: then the buyer pays
    nothing for it.
    """
    with transaction.atomic():
        pool = lift.locked_pool(again.project_id)
        project = Project.objects.select_related("criteria", "org").get(id=again.project_id)
        more = _difference(again, pool, project)
        if more is None:
            return None
        author, line, net, fee = more.author, more.line, more.net, more.fee
        own_terms = money.terms_of(author.criteria_id)
        is_in_pool = funds(project).lift.available >= net + fee
        reason = f"After a contest, what was missing. {line.reason}"
        due = Line(LineKind.LIFT_BONUS, net, fee if is_in_pool else -net, reason)
        EarningLine.objects.bulk_create(
            [money.earning_line(author, own_terms, due, code=lift.CODE, now=now)]
        )
        if is_in_pool:
            pool.net, pool.fee = pool.net + net, pool.fee + fee
            pool.people += not more.before[0]
            pool.save(update_fields=["net", "fee", "people"])
        transfer = derived(base, again.contributor_id.hex, "pay")
        audit.record(
            Event(
                "project.lift_corrected", ("project", project.id), project.org_id,
                {"run": again.run_id, "net": net, "from_pool": is_in_pool},
            ),
            by=by,
            now=now,
        )  # fmt: skip
        if is_in_pool:
            entries = lift.entries(base, [(author, due)], now=now)
        else:
            entries = [
                money.direct(author, transfer, net, purpose=Purpose.FEES, code=lift.CODE, now=now)
            ]
        ledger.post(entries)
        return transfer


def _paid(again: LiftScore) -> tuple[int, int]:
    """(net, fee) of what this person got of the pool so far, the platform's part included."""
    rows = EarningLine.objects.filter(
        project_id=again.project_id,
        contributor_id=again.contributor_id,
        kind=LineKind.LIFT_BONUS,
    ).values_list("net", "fee")
    return sum(net for net, _ in rows), sum(max(0, fee) for _, fee in rows)
