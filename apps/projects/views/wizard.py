"""Writing a project step by step. Each is kept, complete or not; review says what is missing."""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import actions, queries
from apps.projects.enums import ProjectState
from apps.projects.forms.pages import UploadForm
from apps.projects.forms.steps import BY_SLUG, STEPS, Step, with_one_more
from apps.projects.models import Project
from apps.projects.queries.criteria import draft_of, whole
from apps.projects.views.gates import managed, seen
from apps.projects.views.overview import fee_percent

# How the sentences of queries.problems begin → the step on which they are mended.
_MENDED = (
    (("The rubric", "Every rubric", "Every premium", "The premium"), "rubric"),
    (("The tier", "Every tier", "Say who may", "The regions", "Say how many seats"), "tiers"),
    (("Add items", "An import", "Some items", "The known", "Gold is", "The overlap"), "items"),
    (("Consent", "Disclosure", "Decision", "Set the budget", "The budget", "The wallet",
      "Lift"), "terms"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A step in the list at the top of every page of the wizard."""

    slug: str
    title: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Problem:
    sentence: str
    step: str
    url: str


def places(project: Project, current: str) -> list[Place]:
    """The steps, and what follows them."""
    found = [
        Place(
            step.slug,
            step.title,
            reverse("projects:draft", args=[project.id, step.slug]),
            step.slug == current,
        )
        for step in STEPS
    ]
    if project.state != ProjectState.DRAFT:
        url = reverse("projects:version", args=[project.id])
        return [*found, Place("version", "Publish the next version", url, current == "version")]
    return [
        *found,
        Place(
            "review", "Review", reverse("projects:review", args=[project.id]), current == "review"
        ),
        Place(
            "publish",
            "Publish",
            reverse("projects:publish", args=[project.id]),
            current == "publish",
        ),
    ]


def problems_of(project: Project, sentences: list[str]) -> list[Problem]:
    """Each sentence with the step on which it is mended."""
    titles = {step.slug: step.title for step in STEPS}
    return [
        Problem(sentence, titles[slug], reverse("projects:draft", args=[project.id, slug]))
        for sentence in sentences
        for slug in [_step_of(sentence)]
    ]


def _step_of(sentence: str) -> str:
    if sentence.startswith("The qualification of"):
        return "items" if "but only" in sentence else "tiers"
    return next(
        (slug for starts, slug in _MENDED if sentence.startswith(starts)),
        "work",
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, project_id: uuid.UUID, step: str) -> HttpResponse:
    """One step. `add` asks for one line more, `go` says where to go after saving."""
    if step not in BY_SLUG:
        raise Http404("There is no such step.")
    project = seen(request, project_id)
    # Whoever may only look reads the review.
    if request.method != "POST" and not _can_write(request, project):
        return redirect("projects:review", project.id)
    project = managed(request, project_id)
    body = _body(project)
    if request.method != "POST":
        page = BY_SLUG[step](body=body, currency=project.currency)
        return _page(request, project, page)
    added = request.POST.get("add", "")
    page = BY_SLUG[step](
        body=body, currency=project.currency, data=with_one_more(request.POST, added)
    )
    status = _save(request, project, page)
    if page.is_valid() and not added:
        messages.success(request, "Saved.")
        return redirect(_after(request, project, page))
    stays = added or not getattr(page, "is_config_posted", True)
    return _page(
        request, project, page, status=200 if stays and status == 200 else max(status, 422)
    )


def _can_write(request: HttpRequest, project: Project) -> bool:
    try:
        managed(request, project.id)
    except WagefileError:
        return False
    return True


def _body(project: Project) -> dict:
    """The draft, its gaps filled with what the project's row and its organization say."""
    body = dict(draft_of(project))
    body["work"] = {"title": project.title, **(body.get("work") or {})}
    body["disclosure"] = {"owners": project.org.owners, **(body.get("disclosure") or {})}
    return body


def _save(request: HttpRequest, project: Project, page: Step) -> int:
    """Keep what could be read, also of a page with mistakes; the status to answer with."""
    try:
        for name, data in page.sections().items():
            actions.save_draft(
                project_id=project.id, step=name, data=data, by=request.actor, now=request.now
            )
    except WagefileError as refusal:
        page.refusals.append(refusal.sentence)
        return refusal.status
    return 200


def _after(request: HttpRequest, project: Project, page: Step) -> str:
    steps = places(project, page.slug)
    slugs = [place.slug for place in steps]
    wanted = request.POST.get("go", "")
    if wanted == "next":
        return steps[slugs.index(page.slug) + 1].url
    if wanted == "preview":
        return reverse("projects:preview", args=[project.id])
    return steps[slugs.index(page.slug)].url


def _page(request: HttpRequest, project: Project, page: Step, status: int = 200) -> HttpResponse:
    context = {
        "project": project,
        "step": page,
        "parts": page.parts,
        "refusals": page.refusals,
        "places": places(project, page.slug),
        "is_draft": project.state == ProjectState.DRAFT,
        "currency": project.currency,
    }
    if page.slug == "work":
        context["task_type"] = page.task_type  # type: ignore[attr-defined]
    if page.slug == "rubric":
        terms_body = queries.draft_body(project)
        context["pay"] = terms_body["pay"]
        context["fee_percent"] = fee_percent(terms_body)
        context["costs"] = queries.cost_preview(terms_body, 0, 0)
    if page.slug == "tiers":
        context["floor_per_hour"] = queries.draft_body(project)["pay"]["floor_per_hour"]
    if page.slug == "items":
        context["counts"] = queries.item_counts(project)
        context["imports"] = project.imports.order_by("-created_at")[:20]
        context["pictures"] = project.assets.count()
        context["upload_form"] = UploadForm()
    if page.slug == "terms":
        context["wallet"] = queries.wallet(project.org, project.currency).available
        drafted = queries.draft_body(project)
        context["estimates"] = queries.lift_estimates(
            project, task=drafted["task"], overlap=drafted["overlap"], section=page.section("lift")
        )
    return render(request, f"projects/draft_{page.slug}.html", context, status=status)


@login_required
@require_safe
def review(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Everything at once: what blocks publishing, what it costs, what could be lost at worst."""
    project = seen(request, project_id)
    if project.state != ProjectState.DRAFT:
        return redirect("projects:detail", project.id)
    context = {
        "project": project,
        "places": places(project, "review"),
        "can_manage": _can_write(request, project),
        **publishing_context(request, project),
    }
    return render(request, "projects/review.html", context)


def publishing_context(request: HttpRequest, project: Project) -> dict:
    body = queries.draft_body(project)
    counts = queries.item_counts(project)
    budget = whole((draft_of(project).get("budget") or {}).get("amount"))
    wallet = queries.wallet(project.org, project.currency).available
    return {
        "body": body,
        "counts": counts,
        "currency": project.currency,
        "costs": queries.cost_preview(body, counts.work, budget),
        "budget": budget,
        "wallet": wallet,
        "wallet_after": wallet - budget,
        "problems": problems_of(project, queries.problems(project, now=request.now)),
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """What happens in money, then the one button that makes it happen."""
    project = managed(request, project_id)
    if project.state != ProjectState.DRAFT and request.method != "POST":
        return redirect("projects:detail", project.id)
    status, refusal_sentence = 200, ""
    if request.method == "POST":
        try:
            made = actions.publish(project_id=project.id, by=request.actor, now=request.now)
        except WagefileError as refusal:
            status, refusal_sentence = refusal.status, refusal.sentence
        else:
            messages.success(
                request, f"Published: criteria v{made.number} is frozen and the budget is held."
            )
            return redirect("pages:project_live", project.id)
    context = {
        "project": project,
        "places": places(project, "publish"),
        "refusal": refusal_sentence,
        **publishing_context(request, project),
    }
    return render(request, "projects/publish.html", context, status=status)
