"""The alpha of the `krippendorff` package over the answers of people in a run's input, to set
beside a stored one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import tables
from gpu_jobs.agreement.alpha import Alpha, alpha_of
from gpu_jobs.answers import encode

TOLERANCE = 1e-9


def alpha_of_input(path: Path, params: Mapping[str, Any]) -> Alpha:
    """Alpha by this package and by the other one, read anew from the Parquet of a run.

    `package` is None where the other one cannot compute it: too large, or undefined. Raises
    InputError as `quality` does.
    """
    table = tables.clean(
        tables.read_parquet(path),
        required=("item_id", "worker_id", "answer"),
        optional=("gold", "annotator"),
    )
    if machines := sorted(tables.machine_ids(table)):
        theirs = pc.is_in(table["worker_id"], value_set=pa.array(machines, pa.string()))
        table = table.filter(pc.invert(theirs))
    answers = encode(table, repeats=params.get("repeats", "last"), classes=params.get("classes"))
    return alpha_of(answers, level=params.get("level", "nominal"))
