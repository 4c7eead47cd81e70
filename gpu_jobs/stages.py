"""Resumable stages: what is finished stays finished, whatever happens to the process.

A stage first writes its files, each whole or not at all, then its completion file, which holds
the figures and the digests of those files. A stage is taken as done only if every digest still
fits; otherwise it is made again. The workdir remembers which run it belongs to.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, Report, Spec, canonical

type Stage = Callable[[], tuple[dict[str, Any], dict[str, pa.Table]]]


@dataclass
class Stages:
    """Runs the stages of one spec in order and collects figures and files."""

    workdir: Path
    total: int
    report: Report
    figures: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: int = 0

    def claim(self, spec: Spec, *, input_sha256: str) -> None:
        """Raises InputError when the workdir holds another run's stages."""
        mine = canonical(
            {
                "kind": spec.kind,
                "version": spec.version,
                "params": dict(spec.params),
                "seed": spec.seed,
                "input_sha256": input_sha256,
            }
        )
        claimed = self.workdir / "run.json"
        if not claimed.exists():
            tables.write_text(mine, claimed)
        elif claimed.read_text(encoding="utf-8") != mine:
            raise InputError(f"{self.workdir} holds the stages of another run")

    def make(self, name: str, stage: Stage) -> None:
        """Make a stage unless it is done; report either way."""
        completion = self.workdir / f"{self.done + 1}-{name}.done.json"
        found = self._finished(completion)
        if found is None:
            figures, made = stage()
            for file_name, table in made.items():
                tables.write_parquet(table, self.workdir / file_name)
            found = {
                "figures": figures,
                "files": {
                    file_name: {
                        "sha256": tables.sha256_of(self.workdir / file_name),
                        "rows": table.num_rows,
                    }
                    for file_name, table in made.items()
                },
            }
            tables.write_text(canonical(found), completion)
        self.figures[name] = found["figures"]
        self.files |= found["files"]
        self.done += 1
        self.report(self.done, self.total, f"{name} finished")

    def _finished(self, completion: Path) -> dict[str, Any] | None:
        if not completion.exists():
            return None
        found = json.loads(completion.read_text(encoding="utf-8"))
        for name, about in found["files"].items():
            path = self.workdir / name
            if not path.exists() or tables.sha256_of(path) != about["sha256"]:
                return None
        return found
