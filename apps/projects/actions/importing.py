"""Reading an import, in a worker: batch by batch, so that a killed one can begin again."""

import datetime as dt
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from django.db import InterfaceError, OperationalError

from apps.core import blobs
from apps.core.errors import WagefileError
from apps.core.tenancy import Actor, acting
from apps.projects import permissions
from apps.projects.actions import readers
from apps.projects.actions.answer_rows import AnswerRows
from apps.projects.actions.imports import (
    TAKES_NONE,
    finish,
    locked_load,
    move_load,
    tell_importer,
)
from apps.projects.actions.moves import locked, record
from apps.projects.actions.rowchecks import (
    FIXED_COLUMNS,
    ID_COLUMNS,
    Checks,
    Good,
    Refused,
    check,
    printable,
)
from apps.projects.actions.staging import drop, drop_clashes, write
from apps.projects.enums import ImportState
from apps.projects.errors import BrokenFile
from apps.projects.models import Asset, ItemImport, Project
from apps.projects.queries import configured_type
from apps.projects.queries.criteria import draft_of, row_triggers, whole

log = logging.getLogger(__name__)

ROWS_MAX = 1_000_000
BATCH_ROWS = 5_000
BATCH_CHARACTERS = 20_000_000
STALE_AFTER = dt.timedelta(minutes=2)
Progress = Callable[[int, int], None]


def run_import(
    *, import_id: uuid.UUID, by: Actor, now: dt.datetime, report: Progress | None = None
) -> ItemImport | None:
    """Read the whole file in transactions of its own; None if another worker has it.

    An import whose worker died starts from its first row again: what it had staged is removed.
    `report(rows read, rows expected)` is called after every batch.
    """
    run = _claim(import_id, by=by, now=now)
    if run is None:
        return None
    with Refused() as refused:
        try:
            total = _stage(run, refused, by=by, report=report)
        except _Superseded:
            return None
        except WagefileError as error:
            return _fail(run, refused, error.sentence, by=by)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # The worker must not come back to the same file for ever.
            log.exception("import %s", import_id)
            return _fail(run, refused, "The file could not be read: an error on our side.", by=by)
        return _end(run, refused, total, by=by)


class _Superseded(Exception):
    """The claim is gone."""


@dataclass(slots=True)
class _Run:
    """One attempt of one worker. `claim` is the value of claimed_at that says it is still ours."""

    load: ItemImport
    now: dt.datetime
    claim: dt.datetime
    began: float = field(default_factory=time.monotonic)

    def at(self) -> dt.datetime:
        """The moment on the clock that `now` was read from."""
        return self.now + dt.timedelta(seconds=time.monotonic() - self.began)

    @property
    def path(self) -> Path:
        return blobs.path(self.load.sha256)


def _claim(import_id: uuid.UUID, *, by: Actor, now: dt.datetime) -> _Run | None:
    with acting(by):
        load = locked_load(import_id, by=by)
        permissions.check_is_system(by, load.project)
        is_stale = (
            load.state == ImportState.RUNNING
            and load.claimed_at is not None
            and load.claimed_at < now - STALE_AFTER
        )
        if load.state != ImportState.QUEUED and not is_stale:
            return None
        drop(load)
        load.rows_total, load.claimed_at = None, now
        load.rows_read = load.rows_good = load.rows_refused = 0
        move_load(load, ImportState.RUNNING, now=now)
        return _Run(load, now, now)


def _checks(load: ItemImport) -> Checks:
    task_type, config = configured_type(load.project)
    return Checks(
        task_type,
        config,
        _default_overlap(load.project),
        load.purpose,
        row_triggers(load.project),
    )


def _default_overlap(project: Project) -> int:
    if project.criteria is not None:
        return project.criteria.body["overlap"]
    items = draft_of(project).get("items")
    return max(1, whole(items.get("overlap"), 1)) if isinstance(items, Mapping) else 1


def _stage(run: _Run, refused: Refused, *, by: Actor, report: Progress | None) -> int:
    """Read and stage everything; how many rows there were."""
    with acting(by):
        content = AnswerRows(run.load) if run.load.annotators else _ItemRows(run.load)
    expected = min(readers.rows_in(run.path, run.load.format), ROWS_MAX)

    def header(names: Iterable[str]) -> None:
        content.check_header(set(names))

    rows = readers.read(run.path, run.load.format, wanted=sorted(content.columns), header=header)
    read = 0
    for batch in _batches(rows):
        read += len(batch)
        if read > ROWS_MAX:
            raise BrokenFile(f"The file has more than {ROWS_MAX:,} rows: split it.")
        good = list(_checked(content, batch, refused))
        with acting(by):
            _renew(run, rows_read=read, rows_total=max(expected, read))
            run.load.rows_good += content.write(run.load, good, refused)
            ItemImport.objects.filter(id=run.load.id).update(
                rows_good=run.load.rows_good, rows_refused=refused.count
            )
        if report:
            report(read, max(expected, read))
    if not read:
        raise BrokenFile("The file has no rows.")
    run.load.rows_read = run.load.rows_total = read
    return read


def _batches(rows: Iterable[readers.Row]) -> Iterator[list[readers.Row]]:
    """By number, and by size: rows of long texts come in smaller batches."""
    batch: list[readers.Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(cell) for cell in (row.cells or {}).values() if isinstance(cell, str))
        if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_header(names: set[str], fields: Mapping[str, tuple[tuple[str, ...], ...]]) -> None:
    if not names & set(ID_COLUMNS):
        raise BrokenFile("The first line names no column item_id: it must be the header.")
    for name, ways in fields.items():
        if not any(way[0] in names for way in ways):
            also = ", ".join(way[0] for way in ways if way[0] != name)
            raise BrokenFile(f"There is no column {name}{f' (nor {also})' if also else ''}.")


class _Rows(Protocol):
    """What a file holds: items, or answers of machines."""

    @property
    def columns(self) -> Iterable[str]: ...

    def check_header(self, names: set[str]) -> None: ...

    def check(self, line: int, cells: Mapping) -> Any: ...

    def write(self, load: ItemImport, good: list[Any], refused: Refused) -> int: ...


class _ItemRows:
    """A file of items."""

    def __init__(self, load: ItemImport) -> None:
        self.checks = _checks(load)
        self.fields = self.checks.task_type.columns(self.checks.config)

    @property
    def columns(self) -> set[str]:
        ways = (way for each in self.fields.values() for way in each)
        return {*FIXED_COLUMNS, *(column for way in ways for column in way)}

    def check_header(self, names: set[str]) -> None:
        _check_header(names, self.fields)

    def check(self, line: int, cells: Mapping) -> Good:
        return check(self.checks, line, cells)

    def write(self, load: ItemImport, good: list[Good], refused: Refused) -> int:
        return write(load, _with_assets(load, self.checks, good, refused), refused)


def _checked(content: _Rows, rows: Iterable[readers.Row], refused: Refused) -> Iterator[Any]:
    for row in rows:
        if row.cells is None:
            refused.add(row.line, row.refusal)
            continue
        try:
            yield content.check(row.line, row.cells)
        except BrokenFile:
            raise
        except WagefileError as error:
            refused.add(row.line, error.sentence)


def _renew(run: _Run, **counted: int) -> None:
    """Show progress and keep the claim; _Superseded if another worker has it by now."""
    claim = max(run.at(), run.claim + dt.timedelta(microseconds=1))
    if not ItemImport.objects.filter(
        id=run.load.id, state=ImportState.RUNNING, claimed_at=run.claim
    ).update(claimed_at=claim, **counted):
        raise _Superseded
    run.claim = claim


def _with_assets(
    load: ItemImport, checks: Checks, good: list[Good], refused: Refused
) -> list[Good]:
    """Without the rows whose pictures were never uploaded."""
    needs = [(row, checks.task_type.assets(row.payload)) for row in good]
    names = {name for _, assets in needs for name in assets}
    if not names:
        return good
    known = set(
        Asset.objects.filter(project_id=load.project_id, name__in=names).values_list(
            "name", flat=True
        )
    )
    kept = []
    for row, assets in needs:
        missing = [name for name in assets if name not in known]
        if missing:
            refused.add(row.line, f"no picture {missing[0]!r} was uploaded")
        else:
            kept.append(row)
    return kept


def _end(run: _Run, refused: Refused, total: int, *, by: Actor) -> ItemImport | None:
    """Done at once if nothing was refused; otherwise the buyer is asked."""
    with acting(by):
        load = _still_ours(run, by=by)
        if load is None:
            return None
        for line, reason in drop_clashes(load):
            refused.add(line, reason)
            run.load.rows_good -= 1
        load.rows_read = load.rows_total = total
        load.rows_good = run.load.rows_good
        _keep_report(load, refused)
        if not load.rows_good:
            sentence = f"None of the {total:,} rows could be used; the report says why."
            return _failed(load, sentence, by=by, now=run.at())
        if not refused.count and load.project.state not in TAKES_NONE:
            return finish(load, load.project, by=by, now=run.at())
        move_load(load, ImportState.ASKING, now=run.at())
        tell_importer(
            load,
            f"{load.rows_refused:,} rows of {load.name[:100]} were refused",
            f"{load.rows_good:,} rows are good. Keep them, or discard the import.",
            now=run.at(),
        )
        return load


def _fail(run: _Run, refused: Refused, sentence: str, *, by: Actor) -> ItemImport | None:
    with acting(by):
        load = _still_ours(run, by=by)
        if load is None:
            return None
        load.rows_good = 0
        _keep_report(load, refused)
        return _failed(load, sentence, by=by, now=run.at())


def _failed(load: ItemImport, sentence: str, *, by: Actor, now: dt.datetime) -> ItemImport:
    drop(load)
    load.error = printable(sentence)[:300]
    move_load(load, ImportState.FAILED, now=now)
    project = locked(load.project_id, by=by)
    record(project, "import_failed", by=by, now=now, load=str(load.id))
    tell_importer(load, f"{load.name[:100]} could not be imported", load.error, now=now)
    return load


def _keep_report(load: ItemImport, refused: Refused) -> None:
    load.rows_refused = refused.count
    load.refused = [list(pair) for pair in refused.first]
    load.refused_sha256 = refused.store()


def _still_ours(run: _Run, *, by: Actor) -> ItemImport | None:
    load = locked_load(run.load.id, by=by)
    is_ours = load.state == ImportState.RUNNING and load.claimed_at == run.claim
    return load if is_ours else None
