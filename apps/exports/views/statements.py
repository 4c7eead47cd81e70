"""A contributor's statements: pages, CSV and PDF; open in every state of an account."""

import uuid
from collections.abc import Iterator, Sequence

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST, require_safe

from apps.accounts.models import User
from apps.audit.views import Seen, staff_only
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES
from apps.exports import actions as exports
from apps.exports import gateway
from apps.exports.actions.statements import check, tell_wrong
from apps.exports.errors import NotTheLedger
from apps.exports.forms import StatementChoiceForm
from apps.exports.models import StatementChoice
from apps.exports.queries import papers, statements
from apps.exports.rules.months import Month
from apps.exports.views.papers import send_pdf, stream_csv
from apps.payments.permissions import check_can_be_paid


def _month(request: HttpRequest, name: str) -> Month:
    month = Month.named(name)
    if month is None or month > Month.of(request.now):
        raise Http404
    return month


def _refused(request: HttpRequest, what: str, error: NotTheLedger) -> HttpResponse:
    """An error that staff is told, and not a wrong paper. Answered, so that the notice is kept."""
    tell_wrong(what, error, now=request.now)
    context = {
        "sentence": "This paper does not equal the ledger, so it is not shown. Administrators "
        "were told; your money is not touched by it.",
        "status": error.status,
    }
    return render(request, "core/refused.html", context, status=error.status)


@login_required
@require_safe
def show_all(request: HttpRequest) -> HttpResponse:
    """This month so far, every month before, the years, and what one wants to read besides."""
    return _show_all(request)


def _show_all(
    request: HttpRequest, form: StatementChoiceForm | None = None, status: int = 200
) -> HttpResponse:
    user_id = check_can_be_paid(request.actor)
    span = statements.span(user_id, request.now)
    rows = [(month, statements.closed(user_id, month)) for month in span]
    choice = StatementChoice.objects.visible_to(request.actor).filter(user_id=user_id).first()
    initial = {
        "set_aside_percent": choice.set_aside_percent if choice else None,
        "display_currency": choice.display_currency if choice else "",
    }
    context = {
        "now_month": statements.paper(user_id, span[0]),
        "rows": rows,
        "years": sorted({month.first.year for month in span}, reverse=True),
        "form": form or StatementChoiceForm(initial=initial),
        "has_earned": bool(statements.accounts(user_id)),
    }
    return render(request, "exports/statements.html", context, status=status)


@login_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    check_can_be_paid(request.actor)
    form = StatementChoiceForm(request.POST)
    if form.is_valid():
        try:
            exports.choose(**form.cleaned_data, by=request.actor, now=request.now)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Saved. Statements that are closed already stay as they are.")
            return redirect("money:statements")
    return _show_all(request, form, status=422)


@login_required
@require_safe
def show(request: HttpRequest, month: str) -> HttpResponse:
    return _show(request, check_can_be_paid(request.actor), _month(request, month))


@require_safe
@staff_only
def of_person(request: HttpRequest, seen: Seen, user_id: uuid.UUID, month: str) -> HttpResponse:
    """The same page for an administrator, who leaves evidence of having read it."""
    person = get_object_or_404(User, id=user_id)
    seen.add("statement", f"{user_id}:{month}")
    return _show(request, person.id, _month(request, month), person=person)


def _show(
    request: HttpRequest, user_id: uuid.UUID, month: Month, *, person: User | None = None
) -> HttpResponse:
    found = statements.paper(user_id, month)
    try:
        check(found)
    except NotTheLedger as error:
        return _refused(request, f"statement {month.name} of {user_id}", error)
    rows, following = statements.page(user_id, found.window, after=request.GET.get("after", ""))
    context = {
        "paper": found,
        "figures": [
            (row, found.per_hour(row), found.set_aside(row), _displayed(found, row))
            for row in found.sums
        ],
        "lines": rows,
        "following": following,
        "is_first": not request.GET.get("after"),
        "person": person,
        "conversion": papers.CONVERSION,
        "set_aside_words": papers.SET_ASIDE,
    }
    return render(request, "exports/statement.html", context)


def _displayed(found: statements.Paper, row: statements.Sums) -> dict | None:
    display = found.display.get(row.currency)
    if display is None:
        return None
    return {"rate": display, "earned": display.of(row.earned, row.currency)}


@login_required
@require_GET
def table(request: HttpRequest, month: str) -> HttpResponseBase:
    found = statements.paper(check_can_be_paid(request.actor), _month(request, month))
    try:
        check(found)
    except NotTheLedger as error:
        return _refused(request, f"statement {month} of {found.user_id}", error)
    return stream_csv(lambda: statements.table(found), name=found.name, actor=request.actor)


@login_required
@require_GET
def paper(request: HttpRequest, month: str) -> HttpResponse:
    found = statements.paper(check_can_be_paid(request.actor), _month(request, month))
    try:
        check(found)
    except NotTheLedger as error:
        return _refused(request, f"statement {month} of {found.user_id}", error)
    at = found.closed.issued_at if found.closed else request.now
    data = papers.statement(found, str(request.user.name))
    return send_pdf(gateway.pdf("statement.typ", data, at=at), name=found.name)


@login_required
@require_safe
def year(request: HttpRequest, year: int) -> HttpResponse:
    found = _year(request, year)
    try:
        for each in found.papers:
            check(each)
    except NotTheLedger as error:
        return _refused(request, f"statement {year} of {request.actor.user_id}", error)
    context = {
        "year": found,
        "country": COUNTRIES.get(found.country, found.country),
        "months": [(each, row) for each in found.papers for row in each.sums],
    }
    return render(request, "exports/year.html", context)


@login_required
@require_GET
def year_table(request: HttpRequest, year: int) -> HttpResponseBase:
    found = _year(request, year)
    try:
        for each in found.papers:
            check(each)
    except NotTheLedger as error:
        return _refused(request, f"statement {year} of {request.actor.user_id}", error)

    def rows() -> Iterator[Sequence[object]]:
        yield statements.COLUMNS
        for each in found.papers:
            yield from _after_head(statements.table(each))

    return stream_csv(rows, name=f"wagefile-statements-{year}", actor=request.actor)


def _after_head(rows: Iterator[Sequence[object]]) -> Iterator[Sequence[object]]:
    """Without the head, which stands once."""
    next(rows)
    return rows


def _year(request: HttpRequest, year_: int) -> statements.Year:
    if not 2000 < year_ <= request.now.year:
        raise Http404
    return statements.year(check_can_be_paid(request.actor), year_, request.now)
