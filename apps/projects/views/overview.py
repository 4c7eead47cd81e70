"""The list, a new project, the way into one, its criteria, and the preview as a contributor."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.permissions import can
from apps.projects import actions, permissions, queries, rules
from apps.projects.enums import ItemPurpose, ProjectState
from apps.projects.forms.pages import CreateForm
from apps.projects.models import Asset, Item, Project
from apps.projects.queries import pictures
from apps.projects.views.gates import managed, seen, visible
from apps.tasktypes import registry

PROJECTS = Table(
    Column("title", "Project", "title"),
    Column("state", "State"),
    Column("organization", "Organization"),
    Column("layer", "Work layer"),
    Column("begun", "Begun", "created_at"),
    sort="-begun",
    size=25,
)


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    rows = visible(request).filter(org_id__in=request.actor.org_ids)
    state = request.GET.get("state", "")
    if state in ProjectState.values:
        rows = rows.filter(state=state)
    context = {
        "page": PROJECTS.page(request, rows),
        "state": state,
        "states": ProjectState.choices,
        "can_create": _organizations(request).exists(),
        "has_organization": bool(request.actor.org_ids),
    }
    return render(request, "projects/list.html", context)


def _organizations(request: HttpRequest) -> Any:
    """Those in which this person may write projects."""
    actor = request.actor
    ids = [
        org_id for org_id in actor.org_ids if can(actor, Permission.MANAGE_PROJECTS, org_id=org_id)
    ]
    return Organization.objects.visible_to(actor).filter(id__in=ids).order_by("name")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    organizations = _organizations(request)
    form = CreateForm(
        request.POST or None,
        organizations=organizations,
        initial={"org": request.GET.get("org") or organizations.first()},
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                project = actions.create(
                    org_id=form.cleaned_data["org"].id,
                    title=form.cleaned_data["title"],
                    by=request.actor,
                    now=request.now,
                )
            except WagefileError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.sentence
                )
                status = refusal.status
            else:
                return redirect("projects:draft", project.id, "work")
    context = {"form": form, "organizations": organizations}
    return render(request, "projects/create.html", context, status=status)


@login_required
@require_safe
def detail(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """A draft opens where it is written, anything else where it runs."""
    project = seen(request, project_id)
    if project.state != ProjectState.DRAFT:
        return redirect("pages:project_live", project.id)
    return redirect("projects:draft", project.id, "work")


@login_required
@require_safe
def preview(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The offer and one item in its editor, as a contributor will see them."""
    project = managed(request, project_id)
    body = queries.draft_body(project)
    context = {"project": project, "is_preview": True, **offer_context(project, body)}
    try:
        task_type, config = queries.configured_type(project)
    except WagefileError as refusal:
        context["no_editor"] = refusal.sentence
    else:
        item = Item.objects.filter(project=project, purpose=ItemPurpose.WORK).order_by("id").first()
        payload = item.payload if item else task_type.sample(config)
        context["is_sample"] = item is None
        context["editor"] = editor_context(project, task_type, config, payload)
    return render(request, "projects/preview.html", context)


def editor_context(
    project: Project,
    task_type: registry.TaskType,
    config: dict,
    payload: dict,
    answer: dict | None = None,
) -> dict:
    """What the editor of a task type is drawn from; pictures become links to the second origin."""
    hashes = dict(
        Asset.objects.filter(project=project, name__in=task_type.assets(payload)).values_list(
            "name", "sha256"
        )
    )
    links = {name: pictures.link(sha256=sha, subject=project.id) for name, sha in hashes.items()}
    shown = {
        key: links.get(value, value) if isinstance(value, str) else value
        for key, value in payload.items()
    }
    return {
        "task_type": task_type.name,
        "template": task_type.editor_template,
        "config": config,
        "payload": shown,
        "answer": answer or {},
        "is_readonly": answer is not None,
    }


def offer_context(project: Project, body: dict) -> dict:
    """The criteria in plain words, with worked examples from the pay rules themselves."""
    counts = queries.item_counts(project)
    terms = rules.Terms.of(body)
    return {
        "body": body,
        "terms": terms,
        "currency": body["currency"],
        "fee_percent": fee_percent(body),
        "costs": queries.cost_preview(body, counts.work, 0),
        "task_title": _type_title(body["task"]["type"]),
        "decision": [
            (question, body["decision"][key])
            for key, question in queries.DECISION_QUESTIONS.items()
        ],
    }


def fee_percent(body: dict) -> str:
    """The platform's fee in percent of the pay, as one writes it: 15 or 12.5."""
    return f"{body['pay']['fee_bps'] / 100:g}"


def _type_title(name: str) -> str:
    return next(
        (each.title for each in registry.all_types() if each.name == name), "not chosen yet"
    )


@login_required
@require_safe
def criteria(
    request: HttpRequest, project_id: uuid.UUID, number: int | None = None
) -> HttpResponse:
    """One immutable version with its hash, and the list of all."""
    project = seen(request, project_id)
    versions = list(project.versions.select_related("published_by").order_by("-number"))
    if not versions:
        raise Http404("This project has no published criteria yet.")
    wanted = number or versions[0].number
    version = next((each for each in versions if each.number == wanted), None)
    if version is None:
        raise Http404("There is no such version.")
    context = {
        "project": project,
        "versions": versions,
        "version": version,
        "in_force_id": project.criteria_id,
        "can_manage": permissions.can_manage(request.actor, project),
        "is_running": project.state in {ProjectState.LIVE, ProjectState.PAUSED},
        **offer_context(project, version.body),
    }
    return render(request, "projects/criteria.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Publish what the draft says now as the next version, for claims from now on."""
    project = managed(request, project_id)
    if project.criteria is None:
        raise Http404("This project has no published criteria yet.")
    problems, status = queries.version_problems(project, now=request.now), 200
    if request.method == "POST":
        try:
            made = actions.publish_version(project_id=project.id, by=request.actor, now=request.now)
        except WagefileError as refusal:
            problems = list(getattr(refusal, "problems", [])) or [refusal.sentence]
            status = refusal.status
        else:
            messages.success(
                request, f"Criteria v{made.number} is in force for claims from now on."
            )
            return redirect("projects:criteria-version", project.id, made.number)
    context = {
        "project": project,
        "problems": problems,
        "number": project.criteria.number + 1,
        # Worked out only from criteria that can be published.
        "for_seats": (
            0 if problems else queries.version_seats(project, queries.draft_body(project))[1]
        ),
    }
    return render(request, "projects/version.html", context, status=status)
