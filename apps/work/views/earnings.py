"""Everything done and everything earned; open in every state of an account."""

import csv
import io

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.work.queries import desk, earnings
from apps.work.queries import history as histories

PAGE = 25


@login_required
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    """My work: each assignment with its answer, verdicts, reasons, money and deadline."""
    page = Paginator(histories.assignments(request.actor), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": histories.done(page.object_list, request.now),
        "counts": histories.counts(request.actor),
        "in_hand": desk.in_hand(request.actor),
    }
    return render(request, "work/history.html", context)


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Line by line gross, fee and net; sums as the ledger has them; rates per project."""
    page = Paginator(earnings.lines(request.actor), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": page.object_list,
        "balances": earnings.balances(request.actor),
        "projects": earnings.by_project(request.actor),
        "weeks": earnings.by_week(request.actor, request.now),
    }
    return render(request, "work/earnings.html", context)


@login_required
@require_GET
def statement(request: HttpRequest) -> HttpResponse:
    """The statement as CSV. Written here, not streamed: a stream would outlive the transaction."""
    text = io.StringIO()
    csv.writer(text).writerows(earnings.statement(earnings.lines(request.actor)))
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"wagefile-statement-{request.now:%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
