"""Pictures of items, served from a second origin by signed links that expire.

A link names the subject it was made for (an assignment), the picture's SHA-256 and the second at
which it ends. The uploads server knows neither sessions nor rows: it checks the signature and
looks at the stored bytes alone, so nothing a buyer uploaded ever runs beside a signed-in page.
"""

import time
import uuid

from django.conf import settings
from django.core import signing
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.core import blobs
from apps.core.errors import NotThere
from apps.core.http import HttpRequest

SALT = "wagefile.uploads"
LINK_SECONDS = 600
# The same link for some minutes, so that a browser's cache is of use; the last one handed out of
# it still holds for half of the time.
_STEP_SECONDS = LINK_SECONDS // 2
_URLCONF = "marketplace.uploads_urls"
# The first bytes of what the upload re-encodes pictures to. Nothing else is ever served.
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))


def link(*, sha256: str, subject: uuid.UUID) -> str:
    """The address of a picture, good for 5 to 10 minutes of real time."""
    ends = (int(time.time()) // _STEP_SECONDS + 2) * _STEP_SECONDS
    token = signing.Signer(salt=SALT).sign_object([str(subject), sha256, ends])
    return settings.UPLOADS_URL.rstrip("/") + reverse("picture", args=[token], urlconf=_URLCONF)


@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponseBase:  # noqa: ARG001 -- no session
    """The picture of a link that is genuine and has not ended; 404 for anything else."""
    try:
        _, sha256, ends = signing.Signer(salt=SALT).unsign_object(token)
        path = blobs.path(sha256)
    except (signing.BadSignature, ValueError, NotThere) as refused:
        raise Http404("This link is not valid.") from refused
    if ends < time.time():
        raise Http404("This link has ended. Load the page again for a new one.")
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
    response.headers["Cache-Control"] = f"private, max-age={LINK_SECONDS}, immutable"
    return response


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """404 and 500 of the second origin in one plain sentence: the site's pages are not there."""
    is_fault = exception is None
    sentence = "This picture cannot be shown now." if is_fault else "There is no such picture."
    return HttpResponse(sentence, status=500 if is_fault else 404, content_type="text/plain")
