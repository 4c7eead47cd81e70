"""Every address × everybody: who comes in, who is refused, who learns that there is nothing.

The table is closed: whoever is not named in a line gets 404, and nobody (anonymous) is sent to the
sign-in. A new address fails until it has a line. Each is asked with GET and with POST; a page that
takes only one of the two answers 405, which is "in".

To add a line: `"namespace:name": Rule(ok=..., forbidden=...)`, with the people as words. The rows
behind the ids are acme's and carol's; the ids come from `ids()` by the name of the parameter.
"""

from dataclasses import dataclass

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve, reverse
from django.urls.exceptions import NoReverseMatch

from apps.core.tenancy import acting
from tests.factories import rows

pytestmark = pytest.mark.django_db

NOBODY = "anonymous"
ROLES = "alice mia rob fay vic"
CONTRIBUTORS = "carol dave"
STAFF = "ada adam"
SIGNED_IN = f"gus {ROLES} {CONTRIBUTORS} {STAFF}"
EVERYBODY = f"{NOBODY} {SIGNED_IN}"
PEOPLE = EVERYBODY.split()


@dataclass(frozen=True)
class Rule:
    """`ok` come in (any answer but 403, 404 and 5xx), `forbidden` get 403, all others 404.

    `post` and `get` name who comes in by that method alone, where the two differ.
    """

    ok: str = ""
    forbidden: str = ""
    get: str = ""
    post: str = ""


def names(resolver=None, namespace="", above=frozenset()):
    """Every named address of the resolver, with the parameters it takes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        takes = above | set(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from names(pattern, inner, takes)
        else:
            yield f"{namespace}{pattern.name}", takes


@pytest.fixture
def side(acme, carol, project, now):
    made = rows.Side(org=acme, project=project(acme), contributor=carol, now=now)
    for label in ("work.Enrolment", "work.Assignment", "work.Submission", "work.EarningLine"):
        made.of(label)
    return made


@pytest.fixture
def ids(side, vic):
    """A value for every parameter of an address."""
    with acting(side.writer("projects.Project")):
        membership = side.org.memberships.get(user=vic)
    of = {
        "assignment_id": "work.Assignment",
        "case_id": "cases.Case",
        "credential_id": "accounts.Credential",
        "funding_id": "payments.Funding",
        "import_id": "projects.ItemImport",
        "invitation_id": "organizations.Invitation",
        "line_id": "work.EarningLine",
        "notice_id": "notices.Notice",
        "org_id": "organizations.Organization",
        "project_id": "projects.Project",
        "release_id": "exports.Release",
        "submission_id": "work.Submission",
        "user_id": "accounts.User",
    }
    return {name: side.of(label).pk for name, label in of.items()} | {
        "membership_id": membership.pk,
        "slug": side.org.slug,
        "step": "title",
        "number": 1,
        "name": "pause",
        "pk": 1,
        "uidb36": "1",
        "key": "set-password",
    }


@pytest.fixture
def cookies(request, ids, globex):
    """The session of each of the people."""
    made = {NOBODY: {}}
    for name in SIGNED_IN.split():
        client = Client()
        client.force_login(request.getfixturevalue(name))
        made[name] = {key: morsel.value for key, morsel in client.cookies.items()}
    return made


def outcome(cookies, method, address):
    """What came of a request: "ok", "login", 403, 404, 405 or 5xx; nothing of it is kept."""
    client = Client(raise_request_exception=False)
    client.cookies.load(cookies)
    with transaction.atomic():
        response = getattr(client, method)(address)
        transaction.set_rollback(True)
    status = response.status_code
    if status in (302, 303) and response.url.startswith(reverse("account_login")):
        return "login"
    return status if status in (403, 404, 405) or status >= 500 else "ok"
