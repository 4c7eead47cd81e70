"""The second origin: pictures by signed links, and nothing else.

It knows neither sessions nor rows: it checks the signature and looks at the stored bytes alone.
"""

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from apps.core import blobs
from apps.core.errors import NotThere
from apps.core.http import HttpRequest
from apps.projects.queries import pictures

# The first bytes of what the upload re-encodes pictures to. Nothing else is ever served.
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponseBase:  # noqa: ARG001 -- no session
    """The picture of a link that is genuine and has not ended; 404 for anything else."""
    try:
        path = blobs.path(pictures.linked(token))
    except NotThere as refused:
        raise Http404(refused.sentence) from refused
    file = path.open("rb")
    head = file.read(8)
    file.seek(0)
    content_type = next((kind for start, kind in _SIGNATURES if head.startswith(start)), None)
    if content_type is None:
        file.close()
        raise Http404("This file is not a picture.")
    response = FileResponse(file, content_type=content_type)
    response.headers["Content-Security-Policy"] = "sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = f"private, max-age={pictures.LINK_SECONDS}, immutable"
    return response


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """404 and 500 of the second origin in one plain sentence: the site's pages are not there."""
    is_fault = exception is None
    sentence = "This picture cannot be shown now." if is_fault else "There is no such picture."
    return HttpResponse(sentence, status=500 if is_fault else 404, content_type="text/plain")
