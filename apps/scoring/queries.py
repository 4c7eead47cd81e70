"""Reads about scoring runs, and a run computed once more beside what is stored of it."""

import tempfile
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform

from apps.core import blobs
from apps.core.tenancy import Actor
from apps.scoring import rules
from apps.scoring.enums import Measure, RunState
from apps.scoring.models import (
    CHUNKED_FILES,
    FILES,
    ErrorRun,
    LiftRun,
    RepeatRun,
    Run,
    ScoringRun,
)
from gpu_jobs import runner
from gpu_jobs.contracts import Spec


def latest(project_id: uuid.UUID, actor: Actor) -> ScoringRun | None:
    """The newest run of quality, whatever its state."""
    rows = ScoringRun.objects.visible_to(actor).filter(project_id=project_id, kind="quality")
    return rows.first()


def latest_done(project_id: uuid.UUID, actor: Actor) -> ScoringRun | None:
    """The newest finished run of quality: the figures to show while a later one computes."""
    return (
        ScoringRun.objects.visible_to(actor)
        .filter(project_id=project_id, kind="quality", state=RunState.DONE)
        .first()
    )


def of_kind(project_id: uuid.UUID, kind: str, actor: Actor) -> QuerySet[ScoringRun]:
    """Runs of a kind, the newest first."""
    return ScoringRun.objects.visible_to(actor).filter(project_id=project_id, kind=kind)


def latest_taken(project_id: uuid.UUID) -> ScoringRun | None:
    """The newest run of quality whose scores stand on the answers; for tasks, which see only the
    rows of their organization.
    """
    return ScoringRun.objects.filter(
        project_id=project_id, kind="quality", state=RunState.DONE, handled_at__isnull=False
    ).first()


def latest_errors(project_id: uuid.UUID, actor: Actor) -> ErrorRun | None:
    """The newest analysis of errors; one without figures says why in its note."""
    return ErrorRun.objects.visible_to(actor).filter(project_id=project_id).first()


def latest_repeats(project_id: uuid.UUID, actor: Actor) -> RepeatRun | None:
    """The newest run over items that were given twice; one without figures says why in its note."""
    return RepeatRun.objects.visible_to(actor).filter(project_id=project_id).first()


def history(project_id: uuid.UUID, actor: Actor, *, most: int = 120) -> list[dict]:
    """The last finished runs, the newest first: finished_at, input_rows, gold, agreement."""
    return list(
        ScoringRun.objects.visible_to(actor)
        .filter(project_id=project_id, kind="quality", state=RunState.DONE)
        .order_by("-created_at")
        .values(
            "finished_at",
            "input_rows",
            gold=KeyTransform("gold", "result"),
            agreement=KeyTransform("agreement", "result"),
        )[:most]
    )


def spec_of(run: Run) -> Spec:
    """What `gpu_jobs` is asked for. Raises NotThere when the input is no longer stored.

    Rows to train on name pictures by their place among the blobs.
    """
    places = {"pictures": str(blobs.root())} if run.kind in (Measure.LIFT, Measure.CURVE) else {}
    return Spec(
        kind=run.kind,
        input=str(blobs.path(run.input_sha256)),
        params={**run.params, **places},
        seed=run.seed,
        version=run.version,
    )


def recompute(run: Run) -> tuple[rules.Comparison, dict[str, pa.Table]]:
    """A finished run computed again from its stored input; nothing is written.

    The comparison, and the files that came out by name. Raises NotThere when a file of it is gone
    and InputError when this code computes no such version of the kind. Of an older version the
    figures whose rules have changed since are set apart.
    """
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder)
        result = runner.run(spec_of(run), workdir=workdir, report=lambda *_: None)
        found = {name: pq.read_table(workdir / name) for name in result.files}
        # A run in chunks keeps its one key without the name of the kind.
        told = {run.kind: run.result} if isinstance(run, LiftRun) else run.result
        pairs, added = rules.compare_figures(told or {}, result.figures)
    known = CHUNKED_FILES[run.kind] if isinstance(run, LiftRun) else FILES
    files = [
        rules.FilePair(name, is_same=True)
        if result.files.get(name, {}).get("sha256") == stored
        else rules.compare_tables(name, pq.read_table(blobs.path(stored)), found[name])
        for name, field in known.items()
        if (stored := getattr(run, field, "")) and name in found
    ]
    kept, changed = rules.without_changed(pairs, runner.CHANGED.get((run.kind, run.version), {}))
    return rules.Comparison(kept, files, added, changed), found
