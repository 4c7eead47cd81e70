"""A refusal of ours becomes one clear sentence with its status code, on a page or as JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.core.errors import WagefileError
from apps.core.htmx import render


class ErrorMiddleware:
    """Views let WagefileError through when they have no form to show it in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, WagefileError):
            return None
        context = {"sentence": error.sentence, "status": error.status}
        return render(
            request, "core/refused.html", context, partial="sentence", status=error.status
        )
