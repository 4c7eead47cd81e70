"""What anyone needs to repeat a project's lift run: its rows, its figures, and the command line.

The rows are those of the run, byte for byte in their columns; contributors stand in them under the
run's own pseudonyms, which no other file of the release has.
"""

import io
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from apps.core import blobs
from apps.core.errors import NotThere
from apps.core.tenancy import Actor
from apps.projects.models import Asset, Project
from apps.scoring.enums import Grouping
from apps.scoring.models import LiftRun
from apps.work.queries import lift

TRAIN, TEST, FIGURES = "lift-train.parquet", "lift-test.parquet", "lift.json"


def lift_files(project: Project, by: Actor) -> dict[str, dict]:
    """Files of the run that paid the pool, before the close of the last one; none without lift."""
    run = _run(project, by)
    if run is None:
        return {}
    try:
        rows = pq.read_table(blobs.path(run.input_sha256))
    except NotThere:
        return {}
    rows = _with_names(rows, project)
    of = rows["split"]
    files = {
        TRAIN: _written(rows.filter(pc.equal(of, "train")).drop_columns("split")),
        TEST: _written(rows.filter(pc.equal(of, "test")).drop_columns(["split", "group"])),
    }
    told = {
        "run": str(run.id),
        "reason": run.reason,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "command": lift.command(run.params, run.seed),
        "params": run.params,
        "seed": run.seed,
        "input_sha256": run.input_sha256,
        "code_version": run.code_version,
        "environment": run.environment,
        "stopped": (run.result or {})["stopped"],
        "figures": run.result,
    }
    content = json.dumps(told, ensure_ascii=False, indent=1).encode()
    files[FIGURES] = {"sha256": blobs.put(content), "bytes": len(content), "rows": 1}
    return files


def _run(project: Project, by: Actor) -> LiftRun | None:
    if not lift.has_lift(project):
        return None
    pool = lift.pool(project, by)
    if pool is not None and pool.run_id is not None:
        return LiftRun.objects.get(id=pool.run_id)
    return lift.latest_done(project, by).get(Grouping.CONTRIBUTOR)


def _with_names(rows: pa.Table, project: Project) -> pa.Table:
    """Pictures under the names that the buyer gave them, which a reader of the release has."""
    if "image" not in rows.column_names:
        return rows
    names = {
        blobs.place(digest): name
        for digest, name in Asset.objects.filter(project=project)
        .order_by("-name")
        .values_list("sha256", "name")
    }
    places = rows["image"].to_pylist()
    column = pa.array([names.get(place, place) for place in places], pa.string())
    return rows.set_column(rows.column_names.index("image"), "image", column)


def _written(table: pa.Table) -> dict:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    content = buffer.getvalue()
    return {"sha256": blobs.put(content), "bytes": len(content), "rows": table.num_rows}
