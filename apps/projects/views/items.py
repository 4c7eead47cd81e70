"""Items, gold and pictures: uploads with their progress and their refused rows."""

import csv
import io
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.core import blobs
from apps.core.errors import NotThere, WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.organizations.enums import Permission
from apps.organizations.permissions import can
from apps.projects import actions, permissions, queries
from apps.projects.enums import ImportState, ProjectState
from apps.projects.forms.pages import ItemFilterForm, PicturesForm, UploadForm
from apps.projects.models import Item, ItemImport
from apps.projects.views.gates import managed, seen

ITEMS = Table(
    Column("item", "Item", "external_id"),
    Column("content", "Content"),
    Column("for", "For"),
    Column("state", "State"),
    Column("open", "Answers open", is_number=True),
    Column("gold", "Known answer"),
    Column("broken", "Reported broken", is_number=True),
    Column("added", "Added", "id"),
    sort="added",
    size=50,
)
PICTURES = Table(
    Column("name", "Name", "name"),
    Column("size", "Size", is_number=True),
    Column("added", "Added", "created_at"),
    sort="name",
    size=50,
)
UNFINISHED = frozenset({ImportState.QUEUED, ImportState.RUNNING})


@login_required
@require_safe
def index(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The items, a page at a time. Known answers are for those who see answers anyway."""
    project = seen(request, project_id)
    rows = Item.objects.visible_to(request.actor).filter(project=project)
    form = ItemFilterForm(request.GET)
    if form.is_valid():
        wanted = form.cleaned_data
        if wanted["q"]:
            rows = rows.filter(external_id__startswith=wanted["q"])
        if wanted["purpose"]:
            rows = rows.filter(purpose=wanted["purpose"])
        if wanted["state"]:
            rows = rows.filter(state=wanted["state"])
        if wanted["gold"]:
            rows = rows.filter(gold__isnull=wanted["gold"] == "no")
    sees_gold = can(request.actor, Permission.SEE_ANSWERS, org_id=project.org_id)
    hidden = ("added",) if sees_gold else ("added", "gold")
    page = ITEMS.page(request, rows.select_related("gold"), hidden=hidden)
    context = {
        "project": project,
        "page": page,
        "shown": [_shown(item, sees_gold=sees_gold) for item in page],
        "form": form,
        "sees_gold": sees_gold,
        "counts": queries.shown_counts(project),
        "imports": project.imports.filter(annotators="").order_by("-created_at")[:20],
        "pictures": project.assets.count(),
        "can_manage": permissions.can_manage(request.actor, project),
        "is_open": project.state not in {ProjectState.CLOSING, ProjectState.CLOSED},
        "upload_form": UploadForm(),
        "row_triggers": sorted(queries.row_triggers(project)),
    }
    return render(request, "projects/items.html", context)


def _shown(item: Item, *, sees_gold: bool) -> dict:
    gold = getattr(item, "gold", None)
    return {
        "item": item,
        "text": " · ".join(str(value) for value in item.payload.values())[:240],
        "gold": gold.answer_key if gold and sees_gold else "",
        "has_gold": gold is not None,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Take a file and hand it to a worker; its page shows how far it is."""
    project = managed(request, project_id)
    form = UploadForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                load = actions.start_import(
                    project_id=project.id,
                    name=file.name,
                    content=file.chunks(),
                    purpose=form.cleaned_data["purpose"],
                    by=request.actor,
                    now=request.now,
                )
            except WagefileError as refusal:
                form.add_error("file", refusal.sentence)
                status = refusal.status
            else:
                return redirect("projects:import", project.id, load.id)
    context = {
        "project": project,
        "form": form,
        "row_triggers": sorted(queries.row_triggers(project)),
    }
    return render(request, "projects/upload.html", context, status=status)


@login_required
@require_safe
def load(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponse:
    """One import. htmx asks for the part that moves every two seconds until it stands still."""
    return _load_page(request, project_id, import_id)


def _load(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> ItemImport:
    project = seen(request, project_id)
    row = project.imports.filter(id=import_id).first()
    if row is None:
        raise Http404("There is no such import.")
    row.project = project
    return row


def _load_page(
    request: HttpRequest,
    project_id: uuid.UUID,
    import_id: uuid.UUID,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    row = _load(request, project_id, import_id)
    context = {
        "project": row.project,
        "load": row,
        "is_unfinished": row.state in UNFINISHED,
        "is_asking": row.state == ImportState.ASKING,
        "refused": row.refused[:200],
        "refused_rest": max(0, row.rows_refused - 200),
        "refusal": refusal,
        "can_manage": permissions.can_manage(request.actor, row.project),
    }
    return render(request, "projects/import.html", context, partial="load", status=status)


@login_required
@require_POST
def keep(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponse:
    """Keep the good rows of an import whose other rows were refused."""
    managed(request, project_id)
    row = _load(request, project_id, import_id)
    try:
        actions.keep_good(import_id=row.id, by=request.actor, now=request.now)
    except WagefileError as refusal:
        return _load_page(
            request, project_id, import_id, refusal=refusal.sentence, status=refusal.status
        )
    what = "count as answers of machines" if row.annotators else "are items"
    messages.success(request, f"The good rows {what} now.")
    return redirect("projects:import", project_id, import_id)


@login_required
@require_POST
def discard(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponse:
    """Keep nothing of an import."""
    managed(request, project_id)
    row = _load(request, project_id, import_id)
    try:
        actions.discard(import_id=row.id, by=request.actor, now=request.now)
    except WagefileError as refusal:
        return _load_page(
            request, project_id, import_id, refusal=refusal.sentence, status=refusal.status
        )
    messages.success(request, "Nothing of this file was kept.")
    return redirect("projects:import", project_id, import_id)


@login_required
@require_safe
def refused(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponseBase:
    """Every refused row with its line and reason, as CSV."""
    row = _load(request, project_id, import_id)
    name = f"refused-{row.id}.csv"
    if row.refused_sha256:
        try:
            path = blobs.path(row.refused_sha256)
        except NotThere as gone:
            raise Http404(gone.sentence) from gone
        return FileResponse(
            path.open("rb"), as_attachment=True, filename=name, content_type="text/csv"
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["line", "reason"])
    writer.writerows(row.refused)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def pictures(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Pictures as files or zip; broken ones are named, the others are kept."""
    project = managed(request, project_id)
    form = PicturesForm(request.POST or None, request.FILES or None)
    status, report = 200, None
    if request.method == "POST":
        if form.is_valid():
            try:
                report = actions.add_assets(
                    project_id=project.id,
                    files=form.cleaned_data["pictures"],
                    by=request.actor,
                    now=request.now,
                )
            except WagefileError as refusal:
                form.add_error("pictures", refusal.sentence)
                status = refusal.status
        else:
            status = 422
    page = PICTURES.page(request, project.assets.all())
    context = {"project": project, "form": form, "report": report, "page": page}
    return render(request, "projects/pictures.html", context, status=status)
