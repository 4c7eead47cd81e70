"""Was the human needed? A model's imported answers beside people's, asked for by the buyer."""

import datetime as dt
import io
import uuid
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import transaction
from django.db.models import Count

from apps.core import blobs
from apps.core.errors import Conflict
from apps.core.money import half_even
from apps.core.tenancy import Actor
from apps.projects import permissions
from apps.projects.actions.moves import locked
from apps.projects.enums import AnnotatorKind
from apps.projects.models import AnnotatorAnswer, Project
from apps.projects.queries import cost_preview
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work.actions import inputs, money

KIND = "human"
LEAST = 20  # items with a known answer, one of the model and one of a person: of the engine
MICROS = 1_000_000  # of a minor unit


def ask_human(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> ScoringRun:
    """Queue the comparison of every model whose price is known with people, on known answers.

    Raises Conflict with the reason where there is nothing to compare.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.criteria_id is None:
            raise Conflict("Nobody has answered yet: this project is not published.")
        runs = ScoringRun.objects.filter(project=project, kind=KIND)
        if runs.filter(state__in=[RunState.QUEUED, RunState.RUNNING]).exists():
            raise Conflict("Models and people are being compared already.")
        prices = model_prices(project)
        body = money.body_of(project.criteria_in_force_id)
        table, _ = inputs.write(project, body, now)
        met = _met(table)
        models = {name: price for name, price in prices.items() if met.get(name, 0) >= LEAST}
        if not models:
            most = max((met.get(name, 0) for name in prices), default=0)
            raise Conflict(
                f"{most} items have a known answer, one of the model and one of a person; at least "
                f"{LEAST} are needed."
            )
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        return scoring.request(
            project_id=project.id,
            org_id=project.org_id,
            kind=KIND,
            input_sha256=blobs.put(buffer.getvalue()),
            input_rows=table.num_rows,
            # What an accepted answer costs by the criteria: pay and fee, without premiums.
            params={"price": cost_preview(body, 0, 0).per_item.gross * MICROS, "models": models},
            by=by,
            now=now,
        )


def model_prices(project: Project) -> dict[str, int]:
    """Model, as it stands in a run, → what one of its answers costs in micro-units.

    Of several files the mean over their answers. Raises Conflict where no price is known.
    """
    rows = (
        AnnotatorAnswer.objects.filter(project=project, kind=AnnotatorKind.MODEL)
        .values("annotator", "load__tokens_per_answer", "load__price_per_million")
        .annotate(answers=Count("id"))
        .order_by("annotator")
    )
    if not rows:
        raise Conflict("No model has answered here: upload its answers first.")
    found: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
    for row in rows:
        tokens, price = row["load__tokens_per_answer"], row["load__price_per_million"]
        told = None if tokens is None or price is None else tokens * price
        found[row["annotator"]].append((row["answers"], told))
    prices = {
        f"{AnnotatorKind.MODEL}:{name}": half_even(
            sum(count * (micros or 0) for count, micros in parts), sum(n for n, _ in parts)
        )
        for name, parts in found.items()
        if all(micros is not None for _, micros in parts)
    }
    if not prices:
        raise Conflict(
            "What the model's answers cost is not known: take its file out, and upload it again "
            "with the tokens of an answer and their price."
        )
    return prices


def _met(table: pa.Table) -> dict[str, int]:
    """Machine → items with a known answer that it and at least one person answered."""
    people: set[str] = set()
    machines: dict[str, set[str]] = defaultdict(set)
    columns = (table[name].to_pylist() for name in ("item_id", "worker_id", "gold", "annotator"))
    for item, worker, known, annotator in zip(*columns, strict=True):
        if known is None:
            continue
        if annotator is None:
            people.add(item)
        else:
            machines[worker].add(item)
    return {name: len(items & people) for name, items in machines.items()}
