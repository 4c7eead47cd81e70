"""The API's errors have the same sentences and codes as the pages."""

from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from apps.core.errors import WagefileError


def exception_handler(error: Exception, context: dict) -> Response | None:
    if isinstance(error, WagefileError):
        body = {"detail": error.sentence}
        if error.field:
            body["field"] = error.field
        return Response(body, status=error.status)
    return default_handler(error, context)
