"""What must hold before mail of real people is sent."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def mail_leaves_the_house(**_: Any) -> list[CheckMessage]:
    """A real marketplace sends its mail: the demo's outbox is open to everybody and keeps it."""
    if settings.PRODUCTION and settings.EMAIL_BACKEND == "apps.notices.gateway.DemoBackend":
        return [
            Error(
                "DJANGO_EMAIL_BACKEND is the demo's, which sends nothing and shows everything.",
                hint="Name a mail server, or leave the variable away.",
                id="notices.E001",
            )
        ]
    return []
