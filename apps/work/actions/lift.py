"""Lift between work and scoring: rounds are asked for and begun, runs come back, the pool is paid.

The pool lies in an account of its own from publishing on. At the close it waits for one more run;
then bonuses are booked, the rest stays while they can be contested, and goes back after that.
"""

import datetime as dt
import os
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs
from apps.core.errors import Conflict, IllegalTransition, NotThere
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose
from apps.projects import permissions, rules
from apps.projects.actions.funds import return_lift
from apps.projects.actions.moves import locked, tell_managers
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.queries import funds
from apps.projects.rules import Kind, Lift, LiftTerms, Line
from apps.scoring import actions as scoring
from apps.scoring.enums import Grouping, LiftState, Payer, Reason
from apps.scoring.models import LiftRun
from apps.work.actions import lift_rows, money, more, told
from apps.work.actions.lift_rounds import ask
from apps.work.enums import PAID_AS_ACCEPTED, POOL_TRANSITIONS, PoolState
from apps.work.models import (
    Assignment,
    EarningLine,
    LiftPool,
    LiftRound,
    LiftScore,
    Submission,
)

CODE = "lift_bonus"
OPEN = (LiftState.QUEUED, LiftState.RUNNING)
# Contributors read of runs whose time does not tell which of their answers were known ones.
TOLD = frozenset({Reason.ROUND, Reason.CLOSE, Reason.CONTEST})
EXAMPLES = 5  # of each effect


def ask_lift(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> LiftRound:
    """The buyer wants lift measured now, within what was set apart for computing."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.criteria_id is None or lift_rows.terms_of(project) is None:
            raise Conflict("The criteria of this project have no lift.")
        if project.state == ProjectState.CLOSED:
            raise Conflict("This project is closed; its last lift run was made at the close.")
        is_busy = LiftRun.objects.filter(project=project, state__in=OPEN).exists()
        made = None if is_busy else ask(project, Reason.ASKED, by=by, now=now)
        if made is None:
            raise Conflict("Lift is being measured already; wait for it or cancel it.")
        return made


def follow_settlement(*, project: Project, by: Actor, now: dt.datetime) -> LiftRound | None:
    """After a settlement of a running project: measure what was accepted since the last time."""
    if lift_rows.terms_of(project) is None or project.state == ProjectState.CLOSED:
        return None
    last = LiftRound.objects.filter(project=project).exclude(reason=Reason.MORE).first()
    news = Assignment.objects.filter(project=project, kind=Kind.WORK, state__in=PAID_AS_ACCEPTED)
    if last is not None:
        news = news.filter(ended_at__gt=last.asked_at)
    return ask(project, Reason.ROUND, by=by, now=now) if news.exists() else None


def begin_pool(*, project: Project, by: Actor, now: dt.datetime) -> LiftPool | None:
    """The project has closed: its pool waits for the run that pays it, which is asked for now."""
    terms = lift_rows.terms_of(project)
    if terms is None:
        return None
    pool = LiftPool.objects.create(
        org_id=project.org_id, project=project, amount=terms.pool, closed_at=now
    )
    ask(project, Reason.CLOSE, by=by, now=now)
    return pool


def ask_again(*, project_id: uuid.UUID, seed: int, by: Actor, now: dt.datetime) -> LiftRound:
    """An administrator repeats the run: of a failed close for the pool, else for a contest.

    What was paid is repeated with the seed that paid it, so that nobody wins or loses by a draw.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        pool = LiftPool.objects.select_related("run").filter(project=project).first()
        if not by.is_staff or pool is None:
            raise NotThere("There is no lift pool of this project to measure for.")
        is_close = pool.state == PoolState.WAITING
        if not is_close:
            seed = pool.run.seed if pool.run else 0
        reason = Reason.CLOSE if is_close else Reason.CONTEST
        made = ask(project, reason, by=by, now=now, seed=seed)
        if made is None:
            raise Conflict("This run is asked for already.")
        return made


def begin_lift(*, round_id: uuid.UUID, by: Actor, now: dt.datetime) -> list[LiftRun]:
    """Write the rows of a round and queue its runs; one by contributor, and by what else differs.

    Where nothing can be measured the round says why.
    """
    with transaction.atomic():
        asked = (
            LiftRound.objects.select_for_update(of=("self",), no_key=True)
            .select_related("project__criteria")
            .filter(id=round_id, begun_at=None)
            .first()
        )
        if asked is None:
            return []
        project, reason = asked.project, Reason(asked.reason)
        terms = lift_rows.terms_of(project)
        if terms is None:
            raise NotThere("The criteria of this project have no lift.")
        payer = Payer.PLATFORM if reason == Reason.CONTEST else Payer.BUYER
        mine = LiftRun.objects.filter(project=project, payer=payer, state__in=OPEN)
        if mine.exists():
            # The round waits until they are over; the sweep comes again.
            return []
        asked.begun_at = now
        try:
            make = more.runs if reason == Reason.MORE else _runs
            made = make(asked, terms, payer, by=by, now=now)
        except Conflict as error:
            asked.note = error.sentence[:300]
            made = []
        asked.save(update_fields=["begun_at", "note"])
        if asked.note and reason == Reason.CLOSE:
            _nobody(project, asked.note, by=by, now=now)
        return made


def _runs(
    asked: LiftRound, terms: LiftTerms, payer: Payer, *, by: Actor, now: dt.datetime
) -> list[LiftRun]:
    project, reason = asked.project, Reason(asked.reason)
    key = os.urandom(32)
    rows = lift_rows.Rows(project, terms)
    groupings = [Grouping.CONTRIBUTOR] if reason == Reason.CONTEST else list(Grouping)
    made = []
    for grouping in groupings:
        file = rows.file(grouping, key)
        if file.groups < 2:
            if grouping == Grouping.CONTRIBUTOR:
                raise Conflict("Lift compares contributors, and only one has accepted work.")
            continue
        made.append(
            scoring.request_lift(
                project=project,
                round_id=asked.id,
                grouping=grouping,
                reason=reason,
                payer=payer,
                input_sha256=file.sha256,
                rows=(file.rows, file.test_rows),
                groups=file.groups,
                key=key,
                params=lift_rows.params(terms),
                seed=asked.seed,
                by=by,
                now=now,
            )
        )
    return made


def cancel_lift(
    *, project_id: uuid.UUID, by: Actor, now: dt.datetime, reason: Reason = Reason.ASKED
) -> int:
    """Cancel what the buyer asked for and is not over; how many runs. What was computed is paid."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        waiting = LiftRound.objects.filter(project=project, reason=reason, begun_at=None)
        count = waiting.update(begun_at=now, note="Cancelled before it began.")
        runs = LiftRun.objects.filter(project=project, reason=reason, state__in=OPEN)
        with ledger.last():
            for run in runs.order_by("id"):
                with ledger.kept():
                    scoring.cancel_lift(run_id=run.id, by=by, now=now)
                count += 1
        if not count:
            raise Conflict("There is nothing to cancel.")
        return count


# ── What comes back ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Measured:
    """One contributor in a finished run, with the last accepted work that money is booked on."""

    author: Assignment
    group: str
    figures: Mapping[str, Any]

    @property
    def lift(self) -> Lift:
        low, high = self.figures["low"], self.figures["high"]
        return Lift(
            value=Decimal(repr(self.figures["value"])),
            low=None if low is None else Decimal(repr(low)),
            high=None if high is None else Decimal(repr(high)),
            beats_chance=low is None or low <= 0 or self.significant == "positive",
        )

    @property
    def significant(self) -> str:
        return self.figures["significant"] or ""


def take_lift(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """Take a run that is over: scores for contributors, and at the close the pool."""
    with transaction.atomic(), ledger.last():
        run = (
            LiftRun.objects.select_for_update(of=("self",), no_key=True)
            .select_related("project__criteria")
            .get(id=run_id)
        )
        if run.handled_at is not None or run.state not in {LiftState.DONE, LiftState.FAILED}:
            return False
        run.handled_at = now
        run.save(update_fields=["handled_at"])
        if run.reason == Reason.MORE:
            return True
        if run.grouping != Grouping.CONTRIBUTOR or run.state != LiftState.DONE:
            return True
        if run.reason in TOLD:
            found = measured(run)
            if run.reason == Reason.CLOSE:
                _pay(run, found, by=by, now=now)
            else:
                _keep(run, found, [0] * len(found), {}, now=now)
        return True


def measured(run: LiftRun) -> list[Measured]:
    """Everybody whom the run has a figure of, in the order of their accounts."""
    figures = {row["group"]: row for row in (run.result or {}).get("groups", [])}
    authors = (
        Assignment.objects.filter(
            project_id=run.project_id, kind=Kind.WORK, state__in=PAID_AS_ACCEPTED
        )
        .order_by("contributor_id", "-id")
        .distinct("contributor_id")
    )
    key = bytes(run.key)
    found = [(row, lift_rows.pseudonym(key, row.contributor_id)) for row in authors]
    return [
        Measured(row, group, figures[group])
        for row, group in found
        if group in figures and figures[group]["value"] is not None
    ]


def _pay(run: LiftRun, found: Sequence[Measured], *, by: Actor, now: dt.datetime) -> None:
    """Share the pool and book the bonuses; what computing left over goes back at once."""
    project = run.project
    pool = locked_pool(project.id)
    if pool.state != PoolState.WAITING:
        _keep(run, found, [0] * len(found), {}, now=now)
        return
    terms = lift_rows.terms_of(project)
    if terms is None:
        raise NotThere("The criteria of this project have no lift.")
    parts = rules.pool_shares(pool.amount, [each.lift for each in found])
    lines = {
        each.author.contributor_id: rules.lift_bonus(
            money.terms_of(each.author.criteria_id), terms, each.lift, part=part, run=str(run.id)
        )
        for each, part in zip(found, parts, strict=True)
    }
    _keep(run, found, parts, lines, now=now)
    paid = [(each.author, lines[each.author.contributor_id]) for each in found]
    paid = [(row, line) for row, line in paid if line.net]
    EarningLine.objects.bulk_create(
        money.earning_line(row, money.terms_of(row.criteria_id), line, code=CODE, now=now)
        for row, line in paid
    )
    for each in found:
        told.lift(each.author, lines[each.author.contributor_id], now=now)
    pool.run, pool.people = run, len(paid)
    pool.net, pool.fee = sum(line.net for _, line in paid), sum(line.fee for _, line in paid)
    if not paid:
        pool.note = (
            "No contributor's interval lies above zero, and above what shuffled answers do, so "
            "nobody gets a part."
        )
    _settle_pool(project, pool, terms, by=by, now=now)
    ledger.post(
        [
            *entries(run.id, paid, now=now),
            *return_lift(project, funds(project), is_pool_over=False, now=now),
        ]
    )


def entries(
    base: uuid.UUID, paid: Sequence[tuple[Assignment, Line]], *, now: dt.datetime
) -> list[ledger.Entry]:
    return [
        money.direct(
            row,
            derived(base, row.contributor_id.hex, "fee" if to_fees else "pay"),
            amount,
            purpose=Purpose.LIFT,
            code="fee" if to_fees else CODE,
            to_fees=to_fees,
            now=now,
        )
        for row, line in paid
        for amount, to_fees in ((line.net, False), (line.fee, True))
        if amount
    ]


def locked_pool(project_id: uuid.UUID) -> LiftPool:
    return LiftPool.objects.select_for_update(of=("self",), no_key=True).get(project_id=project_id)


def _move(pool: LiftPool, to: PoolState) -> None:
    if to not in POOL_TRANSITIONS[pool.state]:
        raise IllegalTransition(f"A {pool.state} lift pool cannot become {to}.")
    pool.state = to


def _settle_pool(
    project: Project, pool: LiftPool, terms: LiftTerms, *, by: Actor, now: dt.datetime
) -> None:
    _move(pool, PoolState.PAID)
    pool.paid_at = now
    pool.due_at = now + dt.timedelta(days=terms.contest_days)
    pool.save()
    audit.record(
        Event(
            "project.lift_paid", ("project", project.id), project.org_id,
            {"run": pool.run_id, "net": pool.net, "fee": pool.fee, "people": pool.people},
        ),
        by=by,
        now=now,
    )  # fmt: skip
    said = pool.note or f"{pool.people} contributors share it by their lift."
    tell_managers(
        project,
        f"{project.title}: the lift pool is decided",
        f"{said} What is left goes back to the wallet when the time to contest it is over, in "
        f"{terms.contest_days} days.",
        now=now,
    )


def _nobody(project: Project, why: str, *, by: Actor, now: dt.datetime) -> None:
    """Nothing could be measured: nobody has a part, and the rest goes back as always."""
    pool, terms = locked_pool(project.id), lift_rows.terms_of(project)
    if pool.state != PoolState.WAITING or terms is None:
        return
    pool.note = why[:300]
    _settle_pool(project, pool, terms, by=by, now=now)
    ledger.post(return_lift(project, funds(project), is_pool_over=False, now=now))


def sweep_pool(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """Ask for the run that is missing, give up on one that cannot be made, return the rest."""
    with transaction.atomic():
        pool = locked_pool(project_id)
        project = Project.objects.select_related("criteria", "org").get(id=project_id)
        if pool.state == PoolState.WAITING:
            return _wait(project, pool, by=by, now=now)
        if pool.state != PoolState.PAID or pool.due_at is None or now < pool.due_at:
            return False
        account = funds(project)
        _move(pool, PoolState.RETURNED)
        pool.returned_at = now
        pool.save()
        audit.record(
            Event(
                "project.lift_returned", ("project", project.id), project.org_id,
                {"amount": account.lift.available},
            ),
            by=by,
            now=now,
        )  # fmt: skip
        ledger.post(return_lift(project, account, is_pool_over=True, now=now))
        return True


def _wait(project: Project, pool: LiftPool, *, by: Actor, now: dt.datetime) -> bool:
    runs = LiftRun.objects.filter(
        project=project, reason=Reason.CLOSE, grouping=Grouping.CONTRIBUTOR
    )
    if LiftRound.objects.filter(project=project, reason=Reason.CLOSE, begun_at=None).exists():
        return False
    last = runs.first()
    if last is None:
        return ask(project, Reason.CLOSE, by=by, now=now) is not None
    over = pool.closed_at + dt.timedelta(days=settings.WAGEFILE["lift_rerun_days"])
    if last.state != LiftState.FAILED or now < over:
        # It is under way, or an administrator still can repeat it.
        return False
    _nobody(project, f"Lift could not be measured: {last.error}", by=by, now=now)
    return True


def hold_pool(*, project_id: uuid.UUID, until: dt.datetime) -> None:
    """A case over the pool is open: the rest does not go back before `until`."""
    with transaction.atomic():
        pool = locked_pool(project_id)
        if pool.state == PoolState.PAID and pool.due_at is not None and pool.due_at < until:
            pool.due_at = until
            pool.save(update_fields=["due_at"])


# ── What contributors read ──────────────────────────────────────────────────────────────────────


def _keep(
    run: LiftRun,
    found: Sequence[Measured],
    parts: Sequence[int],
    lines: Mapping[uuid.UUID, Line],
    *,
    now: dt.datetime,
) -> None:
    examples = _examples(run, found)
    facts = facts_of(run)
    nothing = Line(rules.LineKind.LIFT_BONUS, 0, 0, "")
    rows = []
    for each, part in zip(found, parts, strict=True):
        line = lines.get(each.author.contributor_id, nothing)
        rows.append(
            LiftScore(
                id=derived(run.id, "score", each.author.contributor_id),
                org_id=run.org_id,
                project_id=run.project_id,
                contributor_id=each.author.contributor_id,
                run=run,
                reason=run.reason,
                at=now,
                group=each.group,
                rows=each.figures["n"],
                value=each.figures["value"],
                error=each.figures["se"],
                low=each.figures["low"],
                high=each.figures["high"],
                significant=each.significant,
                part=part,
                net=line.net,
                fee=line.fee,
                facts=facts,
                examples=examples.get(each.group, []),
            )
        )
    LiftScore.objects.bulk_create(rows)


def facts_of(run: LiftRun) -> dict[str, Any]:
    """What is needed to repeat it, and how it went."""
    result = run.result or {}
    return {
        "metric": result["metric"],
        "recipe": result["recipe"],
        "method": result["method"],
        "everybody": result["everybody"],
        "nobody": result["nobody"],
        "stopped": result["stopped"],
        "assumptions": result["assumptions"],
        "seed": run.seed,
        "params": run.params,
        "input": run.input_sha256,
        "rows": run.input_rows,
        "test_rows": run.test_rows,
        "groups": run.groups,
    }


def _examples(run: LiftRun, found: Sequence[Measured]) -> dict[str, list[dict]]:
    """Group → own answers that moved a model most: submission, effect, size, and how sure it is.

    Where a run names items that models are measured on, the own answer to such an item, if there is
    one, and only at the close: before that it would tell which known answers are asked for.
    """
    if not run.examples_sha256:
        return {}
    rows = pq.read_table(blobs.path(run.examples_sha256)).to_pylist()
    known = _known_answers(run, found, rows) if run.reason == Reason.CLOSE else {}
    kept: dict[str, list[dict]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        # Files from before models were trained for each group hold own answers alone.
        is_known = row.get("split") == "test"
        place = (row["group"], row["item_id"])
        submission = known.get(place) if is_known else row["row_id"]
        if submission is None:
            continue
        counts[row["group"], row["effect"]] += 1
        if counts[row["group"], row["effect"]] <= EXAMPLES:
            kept.setdefault(row["group"], []).append(
                {
                    "submission": submission,
                    "effect": row["effect"],
                    "size": row["size"],
                    "low": row.get("low"),
                    "high": row.get("high"),
                    "is_known": is_known,
                }
            )
    return kept


def _known_answers(
    run: LiftRun, found: Sequence[Measured], rows: Sequence[Mapping]
) -> dict[tuple[str, str], str]:
    """(group, item) → the last answer that this person gave to an item of the test set."""
    items = {row["item_id"] for row in rows if row.get("split") == "test"}
    groups = {each.author.contributor_id: each.group for each in found}
    answers = Submission.objects.filter(
        project_id=run.project_id, kind=Kind.WORK, undone_at=None, item__external_id__in=items
    )
    given = answers.order_by("id").values_list("contributor_id", "item__external_id", "id")
    return {(groups[who], item): str(pk) for who, item, pk in given if who in groups}
