"""Signed links to pictures of items, which a second origin serves; they expire.

A link names the subject it was made for (an assignment), the picture's SHA-256 and the second at
which it ends. Nothing a buyer uploaded ever runs beside a signed-in page.
"""

import time
import uuid

from django.conf import settings
from django.core import signing
from django.urls import reverse

from apps.core.errors import NotThere

SALT = "wagefile.uploads"
LINK_SECONDS = 600
# The same link for some minutes, so that a browser's cache is of use; the last one handed out of
# it still holds for half of the time.
_STEP_SECONDS = LINK_SECONDS // 2
_URLCONF = "marketplace.uploads_urls"


def link(*, sha256: str, subject: uuid.UUID) -> str:
    """The address of a picture, good for 5 to 10 minutes of real time."""
    ends = (int(time.time()) // _STEP_SECONDS + 2) * _STEP_SECONDS
    token = signing.Signer(salt=SALT).sign_object([str(subject), sha256, ends])
    return settings.UPLOADS_URL.rstrip("/") + reverse("picture", args=[token], urlconf=_URLCONF)


def linked(token: str) -> str:
    """The SHA-256 that a link names. NotThere when it is not ours or has ended."""
    try:
        _, sha256, ends = signing.Signer(salt=SALT).unsign_object(token)
    except (signing.BadSignature, ValueError) as refused:
        raise NotThere("This link is not valid.") from refused
    if ends < time.time():
        raise NotThere("This link has ended. Load the page again for a new one.")
    return sha256
