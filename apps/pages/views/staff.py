"""The administrator's pages: what waits, whose rejections are frozen, people, the checked books.

Every page here leaves evidence of whose rows it showed.
"""

import uuid

from django.contrib import messages
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Abs
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import ContributorProfile, User
from apps.accounts.views.lists import PEOPLE, people_asked
from apps.audit.views import Seen, staff_only
from apps.cases import queries as cases
from apps.cases.enums import CaseKind, CaseState
from apps.cases.models import Case
from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES
from apps.core.tables import Column, Table
from apps.pages import checks
from apps.pages.models import BooksCheck
from apps.pages.queries import books
from apps.payments.enums import CallState
from apps.payments.models import OutboxCall
from apps.payments.queries import earned
from apps.projects.models import Project
from apps.scoring.enums import Grouping, Reason, RunState
from apps.scoring.models import PARITY, AlphaCheck, LiftRun, ScoringRun
from apps.work import actions as work
from apps.work.enums import PoolState, VerdictOutcome
from apps.work.models import Assignment, LiftPool, Verdict

SHOWN = 25
REJECTIONS = Table(Column("decided", "Decided", "decided_at"), sort="-decided", size=SHOWN)

ALPHAS = Table(
    Column("project", "Project"),
    Column("checked", "Checked", "checked_at"),
    Column("answers", "Answers", is_number=True),
    Column("alpha", "Published", is_number=True),
    Column("package", "krippendorff", is_number=True),
    Column("difference", "Difference", is_number=True),
    sort="-checked",
    size=SHOWN,
)


@require_safe
@staff_only
def show(request: HttpRequest, seen: Seen) -> HttpResponse:
    """What waits for an administrator, the most urgent first."""
    actor = request.actor
    waiting = {
        kind.label: list(cases.open_by_deadline(actor, kind)[:SHOWN])
        for kind in (
            CaseKind.BAD_FAITH,
            CaseKind.APPEAL,
            CaseKind.GOLD_CONTEST,
            CaseKind.DISPUTE,
            CaseKind.DEACTIVATION,
        )
    }
    frozen = list(
        Project.objects.visible_to(actor)
        .filter(rejections_frozen_at__isnull=False)
        .select_related("org")
        .order_by("rejections_frozen_at")[:SHOWN]
    )
    failed = list(
        ScoringRun.objects.visible_to(actor)
        .filter(state=RunState.FAILED)
        .select_related("project")
        .order_by("-created_at")[:SHOWN]
    )
    for case in [case for rows in waiting.values() for case in rows]:
        seen.add("case", case.id, case.org_id)
    for project in frozen:
        seen.add("project", project.id, project.org_id)
    for scoring_run in failed:
        seen.add("run", scoring_run.id, scoring_run.org_id)
    calls = OutboxCall.objects.visible_to(actor).filter(state=CallState.WAITING)
    context = {
        "waiting": waiting,
        "frozen": frozen,
        "failed": failed,
        "calls": list(calls.order_by("created_at")[:SHOWN]),
        "calls_waiting": calls.count(),
        "books": books(actor),
        "checked": BooksCheck.objects.visible_to(actor).order_by("-checked_at").first(),
    }
    return render(request, "pages/staff_home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def rejections(request: HttpRequest, seen: Seen, project_id: uuid.UUID) -> HttpResponse:
    """The rejections of one project, so that an administrator has looked before unfreezing them."""
    rows = Project.objects.visible_to(request.actor).select_related("org")
    project = get_object_or_404(rows, id=project_id)
    seen.add("project", project.id, project.org_id)
    if request.method == "POST":
        try:
            work.unfreeze_rejections(project_id=project.id, by=request.actor, now=request.now)
        except WagefileError as refusal:
            messages.error(request, refusal.sentence)
        else:
            messages.success(request, "Rejections of this project are open again.")
            return redirect("pages:staff")
    verdicts = Verdict.objects.visible_to(request.actor).filter(
        project_id=project.id, outcome=VerdictOutcome.REJECTED
    )
    by_reviewer = (
        verdicts.order_by()
        .values("decided_by__name")
        .annotate(count=Count("id"), people=Count("contributor", distinct=True))
        .order_by("-count")
    )
    page = REJECTIONS.page(request, verdicts.select_related("decided_by"))
    for verdict in page:
        seen.add("verdict", verdict.id, project.org_id)
    context = {"project": project, "page": page, "by_reviewer": list(by_reviewer)}
    return render(request, "pages/staff_rejections.html", context)


@require_safe
@staff_only
def people(request: HttpRequest, seen: Seen) -> HttpResponse:
    """Search by name or address."""
    form, rows = people_asked(request)
    page = PEOPLE.page(request, rows, hidden=["what"])
    for person in page:
        seen.add("person", person.id)
    return render(request, "pages/staff_people.html", {"page": page, "form": form})


@require_safe
@staff_only
def person(request: HttpRequest, seen: Seen, user_id: uuid.UUID) -> HttpResponse:
    """One contributor: state, cases, work in numbers, money that stays payable."""
    user = get_object_or_404(User, id=user_id)
    profile = ContributorProfile.objects.visible_to(request.actor).filter(user_id=user_id).first()
    about = Case.objects.visible_to(request.actor).filter(contributor_id=user_id)
    rows = list(about.select_related("project").order_by("decided_at", "due_at")[:SHOWN])
    seen.add("person", user_id)
    for case in rows:
        seen.add("case", case.id, case.org_id)
    in_review = list(cases.in_review(request.actor, user_id)[:SHOWN])
    for row in in_review:
        seen.add("assignment", row.id, row.org_id)
    context = {
        "person": user,
        "in_review": in_review,
        "profile": profile,
        "country": COUNTRIES.get(profile.region, profile.region) if profile else "",
        "cases": rows,
        "projects": _projects_of(request, seen, user_id),
        "earned": earned(user_id),
        "may_propose": _may_propose(request, profile),
    }
    return render(request, "pages/staff_person.html", context)


def _projects_of(request: HttpRequest, seen: Seen, user_id: uuid.UUID) -> list[dict]:
    """Per project: how much was done, accepted and rejected."""
    of_person = Assignment.objects.visible_to(request.actor).filter(contributor_id=user_id)
    rows = list(
        of_person.order_by()
        .values("project_id", "project__title", "org_id")
        .annotate(
            done=Count("id"),
            accepted=Count("id", filter=Q(state__in=["accepted", "overturned"])),
            rejected=Count("id", filter=Q(state__in=["rejected", "final"])),
        )
        .order_by("project__title")[:SHOWN]
    )
    for row in rows:
        seen.add("project", row["project_id"], row["org_id"])
    return rows


def _may_propose(request: HttpRequest, profile: ContributorProfile | None) -> bool:
    """Not about oneself, and not while a notice or a deactivation stands."""
    return (
        profile is not None
        and profile.user_id != request.actor.user_id
        and profile.deactivated_at is None
        and profile.deactivation_notice_until is None
    )


@require_safe
@staff_only
def alphas(request: HttpRequest, seen: Seen) -> HttpResponse:
    """Each published alpha beside what the `krippendorff` package says, as of last night."""
    rows = AlphaCheck.objects.visible_to(request.actor).select_related("project")
    page = ALPHAS.page(request, rows)
    for check in page:
        seen.add("run", check.run_id, check.org_id)
    apart = rows.annotate(apart=Abs(F("alpha") - F("package"))).aggregate(
        checked=Count("id"), compared=Count("package"), largest=Max("apart")
    )
    return render(request, "pages/staff_alphas.html", {"page": page, "parity": PARITY, **apart})


@require_safe
@staff_only
def checked_books(request: HttpRequest, seen: Seen) -> HttpResponse:
    """Every check of `check_books`, now. Reads every transfer: not for a page that is polled."""
    seen.add("books", "all")
    context = {
        "results": list(checks.run(request.now)),
        "hourly": BooksCheck.objects.visible_to(request.actor).order_by("-checked_at")[:SHOWN],
        "books": books(request.actor),
    }
    return render(request, "pages/staff_checks.html", context)


@require_safe
@staff_only
def lift_pools(request: HttpRequest, seen: Seen) -> HttpResponse:
    """Pools of closed projects with the runs that pay them, the open ones first."""
    pools = LiftPool.objects.select_related("project").order_by(
        F("returned_at").asc(nulls_first=True), "-closed_at"
    )[:SHOWN]
    # A contest whose run failed is still to be measured when the rest of its pool has gone back.
    contests = Case.objects.visible_to(request.actor).filter(kind=CaseKind.LIFT_CONTEST)
    contested = set(contests.filter(state=CaseState.OPEN).values_list("project_id", flat=True))
    rows = []
    for pool in pools:
        seen.add("project", pool.project_id, pool.org_id)
        runs = LiftRun.objects.filter(
            project_id=pool.project_id,
            grouping=Grouping.CONTRIBUTOR,
            reason__in=[Reason.CLOSE, Reason.CONTEST],
        )
        is_open = pool.state != PoolState.RETURNED or pool.project_id in contested
        rows.append((pool, list(runs), is_open))
    return render(request, "pages/staff_lift.html", {"rows": rows})
