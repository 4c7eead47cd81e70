"""`recompute SCORE_ID`: compute a stored score again from its stored input, and compare.

SCORE_ID is what a page quotes: of a scoring run or its analysis of errors, of a run of lift or of
more data, of a contributor's score, of a settlement or one of its earning lines, or of an answer.
Exit code 0: equal to the byte, or each number within 1e-6. 1: something differs. 2: it cannot be
computed (no such id, the input is gone, other code).
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import blobs
from apps.core.errors import NotThere
from apps.core.tenancy import Actor, acting
from apps.scoring import queries as scoring
from apps.scoring.models import FILES, Run
from apps.scoring.rules import TOLERANCE, Comparison, Pair
from apps.work.queries import recomputes
from apps.work.queries.recomputes import Quoted
from gpu_jobs import provenance, runner
from gpu_jobs.contracts import InputError

_PLACE = re.compile(r"\[.*")


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("score_id", type=uuid.UUID, metavar="SCORE_ID")

    def handle(self, *_args: Any, score_id: uuid.UUID, **_options: Any) -> None:
        # Staff reads; nothing is written, and no transaction is held while it computes.
        with acting(Actor(kind="staff")) as actor:
            try:
                quoted = recomputes.find(score_id, actor)
            except NotThere as error:
                raise CommandError(error.sentence, returncode=2) from error
        self._about(quoted)
        try:
            comparison, found = scoring.recompute(quoted.run)
        except NotThere as error:
            raise CommandError(error.sentence, returncode=2) from error
        except InputError as error:
            raise CommandError(f"It cannot be computed: {error}", returncode=2) from error
        self._rows(quoted, found)
        self._figures(comparison.pairs)
        self._files(comparison)
        self._end(comparison)

    def _about(self, quoted: Quoted) -> None:
        run, code = quoted.run, provenance.code_version()
        same = "the same as now" if run.code_version == code else f"now {code[:16]}…"
        here = provenance.environment()
        article = "An" if quoted.what[0] in "aeiou" else "A"
        self.stdout.write(
            f"{article} {quoted.what}: run {run.id} of {run.finished_at:%Y-%m-%d %H:%M} UTC"
        )
        self.stdout.write(f"  input       {run.input_sha256} ({run.input_rows:,} answers)")
        self.stdout.write(f"  parameters  {run.params}, seed {run.seed}, {run.kind}/{run.version}")
        self.stdout.write(f"  code        {run.code_version[:16] or 'not written down'}, {same}")
        if run.version in runner.OLDER.get(run.kind, ()):
            self.stdout.write(f"  {'version':<11} {_older(run)}")
        for key in sorted(set(run.environment) | set(here)):
            stored, now = run.environment.get(key, "not written down"), here.get(key, "nothing")
            other = "" if stored == now else f"  (now {now})"
            self.stdout.write(f"  {key:<11} {stored}{other}")

    def _rows(self, quoted: Quoted, found: dict[str, pa.Table]) -> None:
        """The one row that the id names, stored beside recomputed."""
        if quoted.worker is not None:
            name, column, value = "workers.parquet", "worker_id", str(quoted.worker)
        elif quoted.submission is not None:
            name, column, value = "scores.parquet", "submission_id", str(quoted.submission)
        else:
            return
        stored = _row(_stored(quoted.run, name), column, value)
        now = _row(found[name], column, value)
        self.stdout.write(f"\nRow of {name}")
        for key, before in stored.items():
            self._line(Pair(key, before, now.get(key), _apart(before, now.get(key))))

    def _figures(self, pairs: Sequence[Pair]) -> None:
        """Figures one by one; long lists as one line each."""
        self.stdout.write("\nFigures")
        lists: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            if "[" in pair.name:
                lists[_PLACE.sub("", pair.name)].append(pair)
            else:
                self._line(pair)
        for name, inside in lists.items():
            apart = max((p.difference or 0.0 for p in inside), default=0.0)
            wrong = sum(not p.is_near for p in inside)
            said = f"{wrong:,} differ" if wrong else f"largest difference {apart:.3g}"
            self.stdout.write(f"  {name:<34} {len(inside):,} values, {said}")

    def _line(self, pair: Pair) -> None:
        mark = "=" if pair.is_same else "≈" if pair.is_near else "≠"
        self.stdout.write(f"  {pair.name:<34} {pair.stored!s:<24} {mark} {pair.found}")

    def _files(self, comparison: Comparison) -> None:
        self.stdout.write("\nFiles")
        for file in comparison.files:
            said = "the same bytes" if file.is_same else f"largest difference {file.largest:.3g}"
            self.stdout.write(f"  {file.name:<34} {file.fault or said}")
        if comparison.changed:
            self.stdout.write("\nNot repeated: computed by other rules today")
        for pair, why in comparison.changed:
            self._line(pair)
            self.stdout.write(f"    {why}")
        if comparison.added:
            self.stdout.write(
                f"\nNew in this code, with nothing stored beside: {len(comparison.added):,} "
                f"figures, such as {comparison.added[0]}"
            )

    def _end(self, comparison: Comparison) -> None:
        if comparison.is_same:
            self.stdout.write("\nEqual to the byte.")
        elif comparison.is_near:
            self.stdout.write(
                f"\nEqual within {TOLERANCE:g}; the largest difference is {comparison.largest:.3g}."
            )
        else:
            faults = comparison.faults
            more = f" ({len(faults):,} such differences)" if len(faults) > 1 else ""
            raise CommandError(f"It differs: {faults[0]}{more}.", returncode=1)


def _older(run: Run) -> str:
    """What this code can and cannot repeat of a run of an older version."""
    names = ", ".join(runner.CHANGED.get((run.kind, run.version), {})) or "nothing"
    return (
        f"{run.kind}/{run.version} is an older one, computed here as it was then: its method, its "
        f"columns and its files. All figures can be repeated but these: {names}"
    )


def _stored(run: Run, name: str) -> pa.Table:
    return pq.read_table(blobs.path(getattr(run, FILES[name])))


def _row(table: pa.Table, column: str, value: str) -> dict[str, Any]:
    rows = table.filter(pc.equal(table[column], value)).to_pylist()
    return rows[0] if rows else {}


def _apart(one: object, two: object) -> float | None:
    if isinstance(one, int | float) and isinstance(two, int | float):
        return abs(float(one) - float(two))
    return None
