"""Before buying more data: what more answers would gain, and what is in those that are there.

A round of its own reason, computed, metered and capped as lift is; it pays nobody.
"""

import datetime as dt
import os
import uuid

from django.conf import settings
from django.db import transaction

from apps.core.errors import Conflict, Invalid
from apps.core.tenancy import Actor
from apps.projects import permissions
from apps.projects.actions.moves import locked
from apps.projects.enums import ProjectState
from apps.projects.rules import LiftTerms
from apps.scoring import actions as scoring
from apps.scoring.enums import Grouping, LiftState, Measure, Payer, Reason
from apps.scoring.models import LiftRun
from apps.work.actions import lift_rows
from apps.work.actions.lift_rounds import ask
from apps.work.models import LiftRound
from apps.work.queries import more as queries

FURTHER_MIN, FURTHER_MAX = 10, 1_000_000


def ask_more(*, project_id: uuid.UUID, further: int, by: Actor, now: dt.datetime) -> LiftRound:
    """The buyer wants to know what the next `further` accepted answers would gain."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if not FURTHER_MIN <= further <= FURTHER_MAX:
            raise Invalid(
                f"Look ahead by {FURTHER_MIN:,} to {FURTHER_MAX:,} accepted answers.",
                field="further",
            )
        refusal = queries.refusal(project)
        if refusal:
            raise Conflict(refusal)
        if scoring.budget_of(project) <= 0:
            raise Conflict(
                "The computing that runs before the close may use is used up; what is left of the "
                "cap is for the run at the close."
            )
        open_runs = LiftRun.objects.filter(
            project=project, state__in=(LiftState.QUEUED, LiftState.RUNNING)
        )
        made = None
        if not open_runs.exists():
            made = ask(project, Reason.MORE, by=by, now=now, further=further)
        if made is None:
            raise Conflict("Something is being measured already; wait for it or cancel it.")
        return made


def runs(
    asked: LiftRound, terms: LiftTerms, payer: Payer, *, by: Actor, now: dt.datetime
) -> list[LiftRun]:
    """A curve by kind of item, one by tier where there are several, and a look at the items.

    Raises Conflict with the reason where nothing can be said.
    """
    project, key = asked.project, os.urandom(32)
    if project.state == ProjectState.CLOSED:
        raise Conflict("The project was closed before this began.")
    rows = lift_rows.Rows(project, terms)
    if len({row.answer for row in rows.rows}) < 2:
        raise Conflict("All accepted answers are the same, so there is nothing to learn from them.")
    by_kind, by_tier = rows.file(Grouping.KIND, key), rows.file(Grouping.TIER, key)
    curve = {
        "recipe": terms.recipe,
        **({"encoder": terms.encoder} if terms.encoder else {}),
        "metric": terms.metric,
        **({"positive": terms.positive} if terms.positive else {}),
        "further": asked.further,
        "least_gain": settings.WAGEFILE["more_least_gain"],
    }
    wanted = [(Measure.CURVE, Grouping.KIND, by_kind, curve)]
    if by_tier.groups > 1:
        # The curve of everything is in the first already.
        wanted.append((Measure.CURVE, Grouping.TIER, by_tier, curve | {"everything": False}))
    wanted.append((Measure.DIVERSITY, Grouping.BATCH, rows.items_file(key), {}))
    return [
        scoring.request_lift(
            project=project,
            kind=kind,
            round_id=asked.id,
            grouping=grouping,
            reason=Reason.MORE,
            payer=payer,
            input_sha256=file.sha256,
            rows=(file.rows, file.test_rows),
            groups=file.groups,
            key=key,
            params=params,
            seed=asked.seed,
            by=by,
            now=now,
        )
        for kind, grouping, file, params in wanted
    ]
