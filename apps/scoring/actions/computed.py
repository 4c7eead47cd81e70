"""Runs that are computed in one go, since they take seconds where runs of quality take minutes."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.core import blobs
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError, Spec


def computed(
    kind: str, *, input_sha256: str, input_rows: int, params: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """The columns of such a run's row that say what was computed, by what, and what came out.

    note: why nothing is computed; it is kept, so that nobody asks again. So is what is wrong with
    the file.
    """
    version, result = runner.VERSIONS[kind], None
    if not note:
        spec = Spec(kind=kind, input=str(blobs.path(input_sha256)), params=params, version=version)
        try:
            with tempfile.TemporaryDirectory() as folder:
                made = runner.run(spec, workdir=Path(folder), report=lambda *_: None)
            result = dict(made.figures)
        except InputError as error:
            note = str(error)[:300]
    return {
        "input_sha256": input_sha256,
        "input_rows": input_rows,
        "params": params,
        "version": version,
        "code_version": provenance.code_version(),
        "environment": provenance.environment(),
        "result": result,
        "note": note,
    }
