"""Who opens the pages, and how many queries each takes: `python -m bench.pages.stage PROJECT`.

In a house that `bench.flow.stage` has filled; one JSON line: page → address, cookies, queries.
"""

import json
import os
import sys
import uuid

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup()

from django.db import connection  # noqa: E402 -- needs the settings
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.tenancy import acting  # noqa: E402
from apps.pages.management import staging  # noqa: E402
from apps.work import actions as work  # noqa: E402
from bench.flow.stage import signed_in  # noqa: E402

OWNER, CONTRIBUTOR = "flow-buyer@bench.invalid", "flow-000@bench.invalid"


def main() -> None:
    project = uuid.UUID(sys.argv[1])
    contributor = User.objects.get(email=CONTRIBUTOR)
    with acting(staging.person(contributor.id)) as by:
        taken = work.claim(project_id=project, by=by, now=clock.now())
    pages = {
        "board": (CONTRIBUTOR, reverse("work:board")),
        "offer": (CONTRIBUTOR, reverse("work:offer", args=[project])),
        "work page": (CONTRIBUTOR, reverse("work:assignment", args=[taken.id])),
        "project page": (OWNER, reverse("pages:project_live", args=[project])),
        "projects": (OWNER, reverse("projects:list")),
    }
    found = {}
    for name, (email, address) in pages.items():
        headers = signed_in(User.objects.get(email=email).id)
        found[name] = {
            "address": address,
            "cookies": dict(pair.split("=", 1) for pair in headers["Cookie"].split("; ")),
            "queries": _queries(address, headers["Cookie"]),
        }
    sys.stdout.write(json.dumps(found) + "\n")


def _queries(address: str, cookies: str) -> int:
    """Of the second time: the first also fills caches."""
    client = Client(HTTP_COOKIE=cookies, HTTP_HOST="127.0.0.1")
    for _ in range(2):
        with CaptureQueriesContext(connection) as caught:
            answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
    return len(caught)


if __name__ == "__main__":
    main()
