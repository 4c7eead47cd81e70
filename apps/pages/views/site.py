"""The front page, the dashboards, the books, the API's own description."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from drf_spectacular.generators import SchemaGenerator

from apps.accounts.permissions import check_staff
from apps.core.forms import status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.organizations.queries import open_invitations_to
from apps.pages import queries
from apps.pages.context_processors import THEME_COOKIE, THEMES
from apps.pages.forms import CURRENCY, ExampleForm
from apps.pages.views import samples


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The public front page, or what waits for whoever is signed in."""
    actor = request.actor
    if actor.is_staff:
        return render(request, "pages/staff.html", {"staff": queries.staff_dashboard(actor)})
    if actor.user_id:
        context = {
            "buyer": queries.buyer_dashboard(actor),
            "contributor": queries.contributor_dashboard(actor),
            "invitations": open_invitations_to(actor),
        }
        return render(request, "pages/dashboard.html", context)
    form = ExampleForm(request.GET.dict())
    context = {
        "offers": queries.offers_open(),
        "numbers": numbers(),
        "form": form,
        "example": form.example() if form.is_valid() else None,
        "currency": CURRENCY,
    }
    return render(request, "pages/front.html", context, partial="slip", status=status_of(form))


@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Light, dark, or the system's again: kept in a cookie, which the next page is written by."""
    response = HttpResponseRedirect(_back(request))
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE, chosen, max_age=365 * 86_400, samesite="Lax",
            secure=settings.SECURE_COOKIES, httponly=True,
        )  # fmt: skip
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


def _back(request: HttpRequest) -> str:
    """Where the reader was: a list that htmx has sorted since has another address than its page
    was written for, so what the browser says goes before what the form says.
    """
    for there in (request.headers.get("Referer", ""), request.POST.get("next", "")):
        if url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()}):
            return there
    return reverse("home")


@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every part of the design system, light and dark; not on a production site."""
    if settings.PRODUCTION:
        raise Http404
    return render(request, "pages/styleguide.html", samples.context(now=request.now))


def numbers() -> dict:
    """The domain's numbers for pages, with the fee in percent."""
    return {**settings.WAGEFILE, "fee_percent": settings.WAGEFILE["fee_bps"] / 100}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before any view has looked at it: a sentence, as JSON for the API."""
    sentence, status = "What was sent cannot be read as a request of this site.", 400
    if isinstance(exception, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        sentence, status = f"What was sent is too large: a form holds at most {most} MB.", 413
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": sentence}, status=status)
    # The transaction around the view is broken by now: a page that asks the database nothing.
    return HttpResponse(render_to_string("400.html", {"sentence": sentence}), status=status)


@login_required
@require_safe
def books(request: HttpRequest) -> HttpResponse:
    check_staff(request.actor)
    return render(request, "pages/books.html", {"rows": queries.books(request.actor)})


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description as a plain page: no script, nothing from elsewhere."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    parts = schema.get("components", {}).get("schemas", {})
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("summary") or operation.get("operationId", ""),
            "description": operation.get("description", ""),
            "parameters": [
                {"description": "", "required": False, **parameter}
                for parameter in operation.get("parameters", [])
            ],
            "body": _fields(operation.get("requestBody", {}).get("content", {}), parts),
            "responses": [
                (code, answer.get("description", ""), _fields(answer.get("content", {}), parts))
                for code, answer in operation.get("responses", {}).items()
            ],
        }
        for path, methods in schema.get("paths", {}).items()
        for method, operation in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    context = {"operations": operations, "api": schema["info"]}
    return render(request, "pages/api_docs.html", context)


def _fields(content: dict, parts: dict) -> list[tuple[str, str, bool]]:
    """(name, type, required) of the JSON body, one level deep."""
    shape: dict = next((media.get("schema", {}) for media in content.values()), {})
    if shape.get("type") == "array":
        shape = shape.get("items", {})
    shape = _resolved(shape, parts)
    required = set(shape.get("required", []))
    return [
        (name, _type_name(field), name in required)
        for name, field in shape.get("properties", {}).items()
    ]


def _resolved(shape: dict, parts: dict) -> dict:
    reference = shape.get("$ref", "")
    return parts.get(reference.rsplit("/", 1)[-1], {}) if reference else shape


def _type_name(field: dict) -> str:
    if "$ref" in field:
        return field["$ref"].rsplit("/", 1)[-1]
    for word in ("allOf", "oneOf", "anyOf"):
        if word in field:
            return " or ".join(_type_name(part) for part in field[word])
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type_name(field.get('items', {}))}"
    return field.get("format") or kind
