"""The online state of a run of kind `quality`, from the run's own input: people's answers only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import tables
from gpu_jobs.answers import encode
from gpu_jobs.online.agreement import LEVELS
from gpu_jobs.online.standing import standing
from gpu_jobs.online.state import Online

CROWD = ""
"""Stands for somebody whom the run did not know; no worker has an empty name."""


def start(path: Path, params: Mapping[str, Any]) -> tuple[Online, dict[str, float]]:
    """The state, and each worker's expected share of right answers in it, with CROWD's.

    A later answer of the same worker to an item takes the place of the earlier one. Raises
    InputError where matrices cannot be kept standing for so many items, workers and classes.
    """
    table = tables.clean(
        tables.read_parquet(path),
        required=("item_id", "worker_id", "answer"),
        optional=("gold", "annotator"),
    )
    if machines := sorted(tables.machine_ids(table)):
        theirs = pc.is_in(table["worker_id"], value_set=pa.array(machines, pa.string()))
        table = table.filter(pc.invert(theirs))
    answers = encode(table, repeats="last", classes=params.get("classes"))
    fit = standing(answers)
    online = Online.start(answers, fit=fit, level=_level(params), repeats="last")
    base = dict(zip(answers.workers, online.accuracy().tolist(), strict=True))
    base[CROWD] = float(np.diagonal(fit.pooled) @ fit.priors)
    return online, base


def alpha(online: Online, params: Mapping[str, Any]) -> float | None:
    """The alpha that is kept up to date; None for levels whose alpha waits for the full run."""
    return online.alpha.alpha() if params.get("level", "nominal") in LEVELS else None


def _level(params: Mapping[str, Any]) -> str:
    level = params.get("level", "nominal")
    # Ratios of all pairs are too many to keep: items and people go on without that alpha.
    return level if level in LEVELS else "nominal"
