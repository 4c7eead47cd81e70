"""The stand-in for Stripe, on endpoints of its own; no real marketplace ever calls it."""

import json
import urllib.error
import urllib.request

from django.conf import settings

from apps.core.errors import Conflict


class StandInAway(Conflict):
    """The stand-in for Stripe does not answer."""

    status = 503


def double(path: str, /, **body: object) -> dict:
    """POST to `/_double/<path>`; its answer. StandInAway when nobody is there."""
    return _ask(path, json.dumps(body).encode())


def double_now() -> int:
    """What the stand-in's clock shows, in Unix seconds."""
    return int(_ask("state", None)["now"])


def _ask(path: str, data: bytes | None) -> dict:
    if settings.PRODUCTION:
        raise Conflict("A real marketplace has no stand-in for Stripe.")
    request = urllib.request.Request(  # noqa: S310 -- our own address from settings
        f"{settings.STRIPE_API_BASE}/_double/{path}",
        data=data,
        headers={"Content-Type": "application/json"},
        method="GET" if data is None else "POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- as above
            return json.loads(answer.read() or b"{}")
    except OSError as error:
        raise StandInAway(
            f"The stand-in for Stripe does not answer at {settings.STRIPE_API_BASE}: {error}."
        ) from error
