"""One template a page; an htmx request gets the named partial of the same template."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render


def render(
    request: HttpRequest,
    template: str,
    context: dict | None = None,
    *,
    partial: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page, or `template#partial` when htmx asked for it."""
    wants_partial = partial and request.headers.get("HX-Request") == "true"
    name = f"{template}#{partial}" if wants_partial else template
    response = django_render(request, name, context or {}, status=status)
    response.headers["Vary"] = "HX-Request"
    return response
