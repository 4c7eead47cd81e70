"""Items from files: the upload, and what the buyer says when some of its rows were refused."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator

from django.db import transaction
from django.urls import reverse

from apps.core import blobs
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects import permissions
from apps.projects.actions import readers
from apps.projects.actions.moves import locked, record
from apps.projects.actions.rowchecks import REFUSED_SHOWN
from apps.projects.actions.staging import drop, drop_clashes, keep
from apps.projects.enums import (
    IMPORT_TRANSITIONS,
    AnnotatorKind,
    ImportState,
    ItemPurpose,
    ProjectState,
)
from apps.projects.models import ItemImport, Project
from apps.projects.queries import configured_type

BYTES_MAX = 4 * 2**30
TAKES_NONE = frozenset({ProjectState.CLOSING, ProjectState.CLOSED})


def start_import(
    *,
    project_id: uuid.UUID,
    name: str,
    content: Iterable[bytes],
    purpose: str = ItemPurpose.WORK,
    annotators: str = "",
    tokens_per_answer: int | None = None,
    price_per_million: int | None = None,
    by: Actor,
    now: dt.datetime,
) -> ItemImport:
    """Store the file and let a worker read it. `content` is chunks of bytes.

    `annotators` is empty for items, else the kind of AnnotatorKind that gave the answers in it.
    What an answer of a model costs is its tokens, on average, at a price for a million of them in
    minor units; both or neither.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        _check_takes_items(project)
        if by.user_id is None:
            raise NotAllowed("Items are added by a person.")
        if purpose not in ItemPurpose.values:
            raise Invalid("Items are for work or for the qualification.", field="purpose")
        if annotators and annotators not in AnnotatorKind.values:
            raise Invalid("Answers come from a model or a labelling function.", field="kind")
        _check_price(annotators, tokens_per_answer, price_per_million)
        form = readers.format_of(name)
        configured_type(project)
        load = ItemImport.objects.create(
            project=project,
            org_id=project.org_id,
            purpose=purpose,
            annotators=annotators,
            tokens_per_answer=tokens_per_answer,
            price_per_million=price_per_million,
            name=name[-200:],
            format=form,
            sha256=blobs.put(_limited([content] if isinstance(content, bytes) else content)),
            created_at=now,
            created_by_id=by.user_id,
        )
        record(project, "import_started", by=by, now=now, load=str(load.id), sha256=load.sha256)
        enqueue("projects.run_import", id=load.id, org_id=load.org_id)
        return load


def _check_price(annotators: str, tokens: int | None, price: int | None) -> None:
    if tokens is None and price is None:
        return
    if annotators != AnnotatorKind.MODEL:
        raise Invalid("Only a model's answers have tokens and a price.", field="tokens")
    if tokens is None or price is None:
        raise Invalid(
            "Say both: the tokens of an answer, and the price of a million of them.",
            field="tokens" if tokens is None else "price",
        )
    if tokens < 1 or price < 0:
        raise Invalid("An answer has at least one token, and no price is below 0.", field="tokens")


def keep_good(*, import_id: uuid.UUID, by: Actor, now: dt.datetime) -> ItemImport:
    """The buyer takes the good rows of an import in which some were refused."""
    with transaction.atomic():
        load, project = _decided(import_id, by=by)
        _check_takes_items(project)
        clashes = drop_clashes(load)
        load.rows_good -= len(clashes)
        load.rows_refused += len(clashes)
        load.refused = [*load.refused, *clashes][:REFUSED_SHOWN]
        finish(load, project, by=by, now=now)
        return load


def discard(*, import_id: uuid.UUID, by: Actor, now: dt.datetime) -> ItemImport:
    """The buyer wants nothing of it; the project is as if it had never been uploaded."""
    with transaction.atomic():
        load, project = _decided(import_id, by=by)
        drop(load)
        move_load(load, ImportState.DISCARDED, now=now)
        record(project, "import_discarded", by=by, now=now, load=str(load.id))
        return load


def finish(load: ItemImport, project: Project, *, by: Actor, now: dt.datetime) -> ItemImport:
    """The staged rows become items; the import is done."""
    keep(load)
    move_load(load, ImportState.DONE, now=now)
    project = locked(project.id, by=by)
    what = "answers" if load.annotators else "items"
    counted = {"load": str(load.id), what: load.rows_good}
    record(project, f"{what}_added", by=by, now=now, **counted)
    tell_importer(load, f"{load.rows_good:,} {what} of {load.name[:100]} were added", "", now=now)
    return load


def locked_load(import_id: uuid.UUID, *, by: Actor) -> ItemImport:
    found = (
        ItemImport.objects.visible_to(by)
        .select_for_update(of=("self",), no_key=True)
        .select_related("project", "project__criteria", "project__org")
        .filter(id=import_id)
        .first()
    )
    if found is None:
        raise NotThere("There is no such import.")
    return found


def _decided(import_id: uuid.UUID, *, by: Actor) -> tuple[ItemImport, Project]:
    load = locked_load(import_id, by=by)
    permissions.check_can_manage(by, load.project)
    if load.state != ImportState.ASKING:
        raise Conflict("This import is not waiting for a decision.")
    return load, locked(load.project_id, by=by)


def _check_takes_items(project: Project) -> None:
    if project.state in TAKES_NONE:
        raise Conflict("A project that closes takes no more items.")


def move_load(load: ItemImport, state: ImportState, *, now: dt.datetime) -> None:
    if state not in IMPORT_TRANSITIONS[load.state]:
        raise IllegalTransition(f"An import that is {load.state} cannot become {state}.")
    load.state = state
    if state in {ImportState.DONE, ImportState.DISCARDED, ImportState.FAILED}:
        load.finished_at = now
    load.save()


def tell_importer(load: ItemImport, title: str, body: str, *, now: dt.datetime) -> None:
    """Who uploaded the file; of a failure also those who manage the projects."""
    people, kind = [load.created_by_id], Notices.IMPORT
    if load.state == ImportState.FAILED:
        people += people_with(Permission.MANAGE_PROJECTS, org_id=load.org_id)
        kind = Notices.IMPORT_FAILED
    notices.tell(
        people,
        kind=kind,
        title=title,
        body=body,
        url=reverse("projects:import", args=[load.project_id, load.id]),
        now=now,
    )


def _limited(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > BYTES_MAX:
            raise Invalid(f"The file is larger than {BYTES_MAX >> 30} GB.", field="file")
        yield chunk
