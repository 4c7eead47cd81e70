"""Pages that everybody may read: how pay is computed, numbers, fees, who we are, privacy."""

from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.cases.enums import SignalKind
from apps.core.forms import status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES
from apps.pages.forms import CURRENCY, ExampleForm
from apps.pages.views.site import numbers
from apps.projects.queries.criteria import terms_for
from apps.projects.rules import FEE_BEARING, REPEAT_PERCENT_MAX, LineKind


@require_safe
def pay(request: HttpRequest) -> HttpResponse:
    """The live example. A plain GET form; with htmx only the result is sent."""
    form = ExampleForm(request.GET.dict())
    shown = form.example() if form.is_valid() else None
    context = {"form": form, "example": shown, "currency": CURRENCY, "numbers": numbers()}
    return render(request, "pages/pay.html", context, partial="result", status=status_of(form))


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The numbers in force for the next publishing, as the settings hold them."""
    found = numbers()
    minima = found["region_floors"]
    context = {
        "numbers": found,
        "repeat_percent_max": REPEAT_PERCENT_MAX,
        "signals": SignalKind.labels,
        "regions": [
            (COUNTRIES[code], minima[code]) for code in sorted(minima, key=COUNTRIES.__getitem__)
        ],
        "currencies": [
            (code, floor, found["withdrawal_minimum"].get(code))
            for code, floor in found["floor_per_hour"].items()
        ],
    }
    return render(request, "pages/rules.html", context)


LINES = {
    LineKind.BASE: "Base pay of accepted work",
    LineKind.PREMIUM: "Premium that the criteria name",
    LineKind.QUALITY_BONUS: "Quality bonus",
    LineKind.TOP_UP: "Top-up to the hourly floor",
    LineKind.KILL_FEE: "What stays of rejected work",
    LineKind.LIFT_BONUS: "Bonus for work that made a model better",
    LineKind.QUALIFICATION: "Qualification",
    LineKind.TRAINING: "Training",
    LineKind.REVIEW: "Reviewing the work of others",
    LineKind.PANEL: "Sitting on an appeal panel",
    LineKind.REWORK: "A round of rework",
    LineKind.WIND_DOWN: "Wind-down of a project",
    LineKind.ROYALTY: "Secondary use of data",
    LineKind.CASE_TIME: "Time spent on a case",
    LineKind.ADJUSTMENT: "Adjustment, such as an overturned rejection",
}


@require_safe
def fees(request: HttpRequest) -> HttpResponse:
    """Which lines bear the fee, as the engine has it, and what it is on some amounts."""
    terms = terms_for(base=0, currency=CURRENCY, estimate_seconds=60, regions=[])
    context = {
        "numbers": numbers(),
        "currency": CURRENCY,
        "bearing": [label for kind, label in LINES.items() if kind in FEE_BEARING],
        "free": [label for kind, label in LINES.items() if kind not in FEE_BEARING],
        "amounts": [
            (net, terms.fee_on(net), net + terms.fee_on(net)) for net in (40, 100, 2_500, 100_000)
        ],
    }
    return render(request, "pages/fees.html", context)


@require_safe
def operator(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/operator.html", {"operator": settings.OPERATOR})


@require_safe
def genuine(request: HttpRequest) -> HttpResponse:
    context = {
        "sender": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        "host": urlsplit(settings.SITE_URL).netloc,
        "stripe": "connect.stripe.com, checkout.stripe.com and dashboard.stripe.com",
    }
    return render(request, "pages/genuine.html", context)


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    context = {
        "numbers": numbers(),
        "operator": settings.OPERATOR,
        "session_days": settings.SESSION_COOKIE_AGE // 86_400,
        "session_cookie": settings.SESSION_COOKIE_NAME,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
    }
    return render(request, "pages/privacy.html", context)


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/accessibility.html")
