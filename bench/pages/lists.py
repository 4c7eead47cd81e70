"""Server time of the lists as they are now: `python -m bench.pages.lists PROJECT ROUNDS`.

In a house that `bench.flow.stage` has filled. One JSON line: list → place → milliseconds of each
request, from its beginning to its whole answer, by a client in the same process.
"""

import json
import os
import sys
import time
import uuid
from dataclasses import dataclass
from functools import cache

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup()

from django.db.models import QuerySet  # noqa: E402 -- needs the settings
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.tables import AFTER, SIGNER  # noqa: E402
from apps.core.tenancy import Actor, acting, system  # noqa: E402
from apps.notices.models import Notice  # noqa: E402
from apps.projects.models import Item, Project  # noqa: E402
from apps.work import actions as work  # noqa: E402
from apps.work.models import Assignment, EarningLine  # noqa: E402
from bench.flow.stage import signed_in  # noqa: E402
from bench.pages.stage import CONTRIBUTOR, OWNER  # noqa: E402

STAFF = Actor(kind="staff")


@dataclass(frozen=True, kw_only=True)
class List:
    """A list, the order turned round, its rows in its own order and the fields of that order."""

    reader: str
    address: str
    turned: str
    rows: QuerySet
    fields: tuple[str, ...]

    def places(self) -> dict[str, str]:
        """Addresses of the first page, of one in the middle, and of the last from its other end."""
        user = User.objects.get(email=self.reader)
        by = Actor(kind="person", user_id=user.id) if self.reader == CONTRIBUTOR else STAFF
        with acting(by):
            middle = self.rows[self.rows.count() // 2]
        values = [str(getattr(middle, field)) for field in self.fields]
        return {
            "first": self.address,
            "middle": f"{self.address}?{AFTER}={SIGNER.sign_object(values)}",
            "last": f"{self.address}?sort={self.turned}",
        }


def main() -> None:
    project_id, rounds = uuid.UUID(sys.argv[1]), int(sys.argv[2])
    with acting(STAFF):
        project = Project.objects.get(id=project_id)
    with acting(system(project.org_id)) as by:
        work.refresh_figures(project_id=project.id, by=by, now=clock.now())
    found = {
        name: {
            place: [_milliseconds(each.reader, address) for _ in range(rounds)]
            for place, address in each.places().items()
        }
        for name, each in _lists(project).items()
    }
    live = reverse("pages:project_live", args=[project.id])
    found["project page"] = {"first": [_milliseconds(OWNER, live) for _ in range(rounds)]}
    sys.stdout.write(json.dumps(found) + "\n")


def _lists(project: Project) -> dict[str, List]:
    contributor = User.objects.get(email=CONTRIBUTOR)
    own = Assignment.objects.filter(contributor=contributor)
    lines = EarningLine.objects.filter(contributor=contributor)
    notices = Notice.objects.filter(user=contributor)
    waiting = Assignment.objects.filter(project=project, state="submitted")
    return {
        "items": List(
            reader=OWNER,
            address=reverse("projects:items", args=[project.id]),
            turned="-added",
            rows=Item.objects.filter(project=project).order_by("id"),
            fields=("id",),
        ),
        "review queue": List(
            reader=OWNER,
            address=reverse("work:review", args=[project.id]),
            turned="-when",
            rows=waiting.order_by("review_due_at", "item_id"),
            fields=("review_due_at", "item_id", "contributor_id"),
        ),
        "my work": List(
            reader=CONTRIBUTOR,
            address=reverse("work:history"),
            turned="claimed",
            rows=own.order_by("-claimed_at", "-id"),
            fields=("claimed_at", "id"),
        ),
        "earnings": List(
            reader=CONTRIBUTOR,
            address=reverse("work:earnings"),
            turned="when",
            rows=lines.order_by("-at", "-id"),
            fields=("at", "id"),
        ),
        "notices": List(
            reader=CONTRIBUTOR,
            address=reverse("notices:list"),
            turned="told",
            rows=notices.order_by("-created_at", "-id"),
            fields=("created_at", "id"),
        ),
    }


@cache
def _client(email: str) -> Client:
    cookies = signed_in(User.objects.get(email=email).id)["Cookie"]
    return Client(HTTP_COOKIE=cookies, HTTP_HOST="127.0.0.1")


def _milliseconds(email: str, address: str) -> float:
    client, begin = _client(email), time.perf_counter()
    answer = client.get(address)
    spent = time.perf_counter() - begin
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return 1000 * spent


if __name__ == "__main__":
    main()
