"""Everything done and everything earned; open in every state of an account."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.work.enums import AssignmentState
from apps.work.queries import desk, earnings
from apps.work.queries import history as histories

HISTORY = Table(Column("claimed", "Claimed", "claimed_at"), sort="-claimed", size=25)
LINES = Table(
    Column("when", "When", "at"),
    Column("why", "Why"),
    Column("gross", "Buyer pays (gross)", is_number=True),
    Column("fee", "Fee", is_number=True),
    Column("net", "You get (net)", "net", is_number=True),
    Column("criteria", "Criteria"),
    sort="-when",
    size=25,
)


class HistoryForm(forms.Form):
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *AssignmentState.choices],
        help_text="Where the work stands.",
    )


@login_required
@require_GET
def history(request: HttpRequest) -> HttpResponse:
    """My work: each assignment with its answer, verdicts, reasons, money and deadline."""
    form = HistoryForm(request.GET)
    rows = histories.assignments(request.actor)
    if form.is_valid() and form.cleaned_data["state"]:
        rows = rows.filter(state=form.cleaned_data["state"])
    page = HISTORY.page(request, rows)
    context = {
        "page": page,
        "form": form,
        "rows": histories.done(page.rows, request.now),
        "counts": histories.counts(request.actor),
        "in_hand": desk.in_hand(request.actor),
    }
    return render(request, "work/history.html", context)


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """Line by line gross, fee and net; sums as the ledger has them; rates per project."""
    context = {
        "page": LINES.page(request, earnings.lines(request.actor)),
        "balances": earnings.balances(request.actor),
        "projects": earnings.by_project(request.actor),
        "weeks": earnings.by_week(request.actor, request.now),
    }
    return render(request, "work/earnings.html", context)
