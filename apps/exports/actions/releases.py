"""Dataset releases: JSONL and CSV of answers and labels, the wage file that adds up, metadata."""

import csv
import datetime as dt
import io
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.urls import reverse

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core import blobs
from apps.core.errors import Conflict, IllegalTransition, NotThere
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor
from apps.exports import rules
from apps.exports.actions.lift_files import lift_files
from apps.exports.enums import RELEASE_TRANSITIONS, ReleaseState
from apps.exports.errors import NotReleasable
from apps.exports.models import Release, ReleaseKey
from apps.exports.queries import releases as queries
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.organizations.queries import people_with
from apps.projects.actions.moves import locked
from apps.projects.enums import ProjectState
from apps.projects.models import AnnotatorAnswer, Project
from apps.scoring import queries as scoring
from apps.scoring.models import ScoringRun

TRIES = 3


def make_release(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> Release:
    """Ask for a release; a worker builds it. An unfinished one is returned again."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        check(by, Permission.RELEASE, org_id=project.org_id)
        if project.state == ProjectState.DRAFT:
            raise Conflict("A draft has nothing to release.")
        building = project.releases.filter(state=ReleaseState.BUILDING).first()
        if building:
            return building
        number = (project.releases.aggregate(last=Max("number"))["last"] or 0) + 1
        release = Release.objects.create(
            org_id=project.org_id,
            project=project,
            number=number,
            created_at=now,
            created_by_id=by.person_id,
        )
        ReleaseKey.objects.create(release=release, org_id=project.org_id, key=os.urandom(32))
        audit.record(
            Event(
                "release.asked", ("release", release.id), project.org_id, {"project": project.id}
            ),
            by=by,
            now=now,
        )
        enqueue("exports.build", id=release.id, org_id=project.org_id)
        return release


def build(*, release_id: uuid.UUID, by: Actor, now: dt.datetime) -> Release:
    """Write the files. Refuses to let anything out without consent, or sums that do not match."""
    with transaction.atomic():
        release = (
            Release.objects.select_for_update(of=("self",), no_key=True)
            .filter(id=release_id)
            .first()
        )
        if release is None:
            raise NotThere("There is no such release.")
        if release.state != ReleaseState.BUILDING:
            return release
        release.claimed_at = now
        try:
            _fill(release, by)
        except NotReleasable as error:
            _move(release, ReleaseState.FAILED)
            release.error = error.sentence[:300]
        else:
            _move(release, ReleaseState.READY)
            release.ready_at = now
        release.save()
        audit.record(
            Event(
                f"release.{release.state}",
                ("release", release.id),
                release.org_id,
                {"as_of": release.as_of, "files": release.files},
            ),
            by=by,
            now=now,
        )
        people, kind = [release.created_by_id], Notices.RELEASE
        if release.state == ReleaseState.FAILED:
            people += people_with(Permission.MANAGE_PROJECTS, org_id=release.org_id)
            kind = Notices.RELEASE_FAILED
        notices.tell(
            people,
            kind=kind,
            title=f"Release {release.number} is {release.state}",
            body=release.error,
            url=reverse("exports:detail", args=[release.id]),
            now=now,
        )
        return release


def _move(release: Release, to: ReleaseState) -> None:
    if to not in RELEASE_TRANSITIONS[release.state]:
        raise IllegalTransition(f"A {release.state} release cannot become {to}.")
    release.state = to


def _fill(release: Release, by: Actor) -> None:
    project = Project.objects.select_related("criteria", "org").get(id=release.project_id)
    key = bytes(release.pseudonym_key.key)
    missing = queries.without_consent(project.id)
    if missing:
        raise NotReleasable(f"{missing} answers have no consent grant; nothing leaves without it.")
    release.files = {}
    told = _Told()
    named: set[str] = set()

    def add(name: str, rows: Iterable[dict], *see: Callable[[Mapping], None]) -> None:
        told.tables[name] = columns = rules.Columns()
        passing = _passing(rows, columns.add, *see)
        release.files |= _rows(name, passing, release)

    def names(row: Mapping) -> None:
        named.add(row["item_id"])

    add("answers", queries.answers(project, key), names, told.answers.add)
    run = scoring.latest_done(project.id, by)
    if run is not None and run.labels_sha256:
        add("labels", _labels(project, run, told), names)
    if AnnotatorAnswer.objects.filter(project=project).exists():
        add("machine_answers", queries.machine_answers(project), names, told.machine)
    add("items", queries.items(project, named))
    release.files |= lift_files(project, by)
    release.files |= _wage_file(project, key, release, told)
    release.files |= _metadata(project, key, release, told)


class _Told:
    """What came by while the files were written, for the metadata."""

    def __init__(self) -> None:
        self.tables: dict[str, rules.Columns] = {}
        self.answers = rules.AnswerTally()
        self.pay = rules.WageTally()
        self.machines: set[str] = set()
        self.method, self.withheld = "", 0

    def machine(self, row: Mapping) -> None:
        self.machines.add(f"{row['annotator']} ({row['kind']})")


def _passing(rows: Iterable[dict], *see: Callable[[Mapping], None]) -> Iterator[dict]:
    for row in rows:
        for each in see:
            each(row)
        yield row


def _metadata(project: Project, key: bytes, release: Release, told: _Told) -> dict:
    """The Croissant file over all the others; it cannot name itself."""
    facts = queries.facts(
        project,
        release,
        files=release.files,
        tables={name: columns.types() for name, columns in told.tables.items()},
        answers=told.answers,
        pay=told.pay.told(queries.paid_seconds(project, key)),
        method=told.method,
        withheld=told.withheld,
        machines=told.machines,
    )
    content = rules.content(facts)
    digest = blobs.put(content)
    return {rules.CROISSANT: {"sha256": digest, "bytes": len(content), "rows": 1}}


def _labels(project: Project, run: ScoringRun, told: "_Told") -> Iterator[dict]:
    """Aggregated labels; one that rests on an answer rejected since the run stays here."""
    names = queries.external_ids(project)
    rejected = queries.rejected_answers(project.id)
    inside = pq.read_table(
        io.BytesIO(blobs.read(run.input_sha256)), columns=["submission_id", "item_id"]
    )
    withheld = {row["item_id"] for row in inside.to_pylist() if row["submission_id"] in rejected}
    table = pq.read_table(io.BytesIO(blobs.read(run.labels_sha256)))
    told.method = str((run.result or {}).get("labels", {}).get("method", ""))
    for row in table.to_pylist():
        if row["item_id"] in withheld:
            told.withheld += 1
            continue
        yield {
            "item_id": names[row["item_id"]],
            "answer": row["answer"],
            "probability": row["probability"],
            "answers": row["n"],
            "people": row["n"] - (row.get("n_non_human") or 0),
            # Models and labelling functions, whose answers are in machine_answers.
            "not_human": row.get("n_non_human") or 0,
            "run": str(run.id),
        }


@contextmanager
def _file() -> Iterator[tuple[IO[str], Path]]:
    folder = Path(settings.DATA_DIR) / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, delete=False, encoding="utf-8", newline=""
    ) as file:
        yield file, Path(file.name)


def _stored(path: Path, rows: int) -> dict:
    size = path.stat().st_size
    return {"sha256": blobs.put_file(path), "bytes": size, "rows": rows}


def _rows(name: str, rows: Iterable[dict], release: Release) -> dict:
    """The same rows as JSONL and CSV, each written once, in one pass."""
    count = 0
    with _file() as (jsonl, jsonl_path), _file() as (table, table_path):
        writer = None
        for row in rows:
            jsonl.write(json.dumps(row, ensure_ascii=False) + "\n")
            if writer is None:
                writer = csv.DictWriter(table, fieldnames=list(row), extrasaction="ignore")
                writer.writeheader()
            writer.writerow(row)
            count += 1
    release.summary[name] = count
    return {
        f"{name}.jsonl": _stored(jsonl_path, count),
        f"{name}.csv": _stored(table_path, count),
    }


def _wage_file(project: Project, key: bytes, release: Release, told: _Told) -> dict:
    """The wage file, and its lines as a table; written again if the ledger moved meanwhile, refused
    if it does not add up.
    """
    for _ in range(TRIES):
        totals = queries.ledger_totals(project.id)
        sums = {"gross": 0, "fee": 0, "net": 0}
        count = 0
        columns, pay = rules.Columns(), rules.WageTally()
        with _file() as (file, path), _file() as (table, table_path):
            writer = csv.DictWriter(table, fieldnames=rules.WAGE_COLUMNS)
            writer.writeheader()
            head = json.dumps(queries.header(project, totals), ensure_ascii=False)
            file.write(head[:-1] + ', "lines": [\n')
            for line in queries.wage_lines(project, key):
                file.write((",\n" if count else "") + json.dumps(line, ensure_ascii=False))
                row = rules.wage_row(line)
                writer.writerow(row)
                columns.add(row)
                pay.add(line)
                count += 1
                for name in sums:
                    sums[name] += line[name]
            file.write("\n]}\n")
        expected = {"gross": totals.gross, "fee": totals.fee, "net": totals.net}
        if sums == expected:
            release.as_of = totals.as_of
            release.summary |= {"wage_lines": count, **sums, "matches_ledger": True}
            told.tables["wage"], told.pay = columns, pay
            return {"wage.json": _stored(path, count), "wage.csv": _stored(table_path, count)}
        path.unlink()
        table_path.unlink()
    raise NotReleasable(
        f"The wage file ({sums['gross']}) does not add up to the ledger ({totals.gross})."
    )
