"""Pages of organizations: who gets which answer, and that refusals say why."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from apps.core.tenancy import acting
from apps.organizations import actions as organizations
from apps.organizations.models import Invitation, Membership, Organization

PERSONAS = [None, "gus", "vic", "fay", "rob", "mia", "alice", "ada"]
GETS = {
    "list": (302, 200, 200, 200, 200, 200, 200, 200),
    "new": (302, 200, 200, 200, 200, 200, 200, 200),
    "roles": (200,) * 8,
    "show": (302, 404, 200, 200, 200, 200, 200, 200),
    "people": (302, 404, 200, 200, 200, 200, 200, 200),
    "change": (302, 404, 403, 403, 403, 403, 200, 403),
}
POSTS = {
    "people": (302, 404, 403, 403, 403, 302, 302, 403),
    "set-role": (302, 404, 403, 403, 403, 302, 302, 403),
    "remove-member": (302, 404, 403, 403, 403, 302, 302, 403),
    "withdraw-invitation": (302, 404, 403, 403, 403, 302, 302, 403),
}


def flat(table: dict) -> list[tuple]:
    return [
        (name, who, status)
        for name, statuses in table.items()
        for who, status in zip(PERSONAS, statuses, strict=True)
    ]


@pytest.fixture
def invitation(acme, alice, as_, now):
    with acting(as_(alice)) as by:
        return organizations.invite(
            org_id=acme.id, email="carol@example.org", role="viewer", by=by, now=now
        )


@pytest.fixture
def colleague(acme, carol, alice, as_, now):
    """A member on whom the others try their hands."""
    with acting(as_(alice)):
        return Membership.objects.create(org=acme, user=carol, role="viewer", since=now)


def of(name, acme, colleague=None, invitation=None):
    args = {
        "show": [acme.slug],
        "people": [acme.slug],
        "change": [acme.slug],
        "set-role": colleague and [acme.slug, colleague.id],
        "remove-member": colleague and [acme.slug, colleague.id],
        "withdraw-invitation": invitation and [acme.slug, invitation.id],
    }
    return reverse(f"organizations:{name}", args=args.get(name))


@pytest.mark.parametrize(("name", "who", "status"), flat(GETS))
def test_who_sees_what(name, who, status, request, client_of, acme):
    user = request.getfixturevalue(who) if who else None
    assert client_of(user).get(of(name, acme)).status_code == status


@pytest.mark.parametrize(("name", "who", "status"), flat(POSTS))
def test_who_may_do_what(name, who, status, request, client_of, acme, colleague):
    invitation = None
    if name == "withdraw-invitation":
        alice = request.getfixturevalue("alice")
        with acting(request.getfixturevalue("as_")(alice)):
            invitation = Invitation.objects.create(
                org=acme,
                email="x@example.org",
                role="viewer",
                created_at=request.getfixturevalue("now"),
                created_by=alice,
            )
    user = request.getfixturevalue(who) if who else None
    sent = {"role": "reviewer", "email": "fresh@example.org"}
    url = of(name, acme, colleague, invitation)
    assert client_of(user).post(url, sent).status_code == status


@pytest.mark.parametrize(
    ("who", "status"), [(None, 302), ("carol", 200), ("gus", 404), ("alice", 404), ("ada", 404)]
)
def test_an_invitation_is_the_addressees(who, status, request, client_of, acme, invitation):
    user = request.getfixturevalue(who) if who else None
    url = reverse("organizations:invitation", args=[invitation.id])
    assert client_of(user).get(url).status_code == status
    assert client_of(user).post(url).status_code == (302 if status == 200 else status)


def test_accepting_leads_into_the_organization(client_of, carol, acme, invitation):
    client = client_of(carol)
    url = reverse("organizations:invitation", args=[invitation.id])
    shown = client.get(url).content.decode()
    assert acme.owners in shown
    assert "See projects and figures" in shown
    landing = client.post(url, follow=True)
    assert landing.status_code == 200
    assert landing.context["org"] == acme
    assert client.post(url).status_code == 409


def test_founding_one(client_of, gus, as_):
    client = client_of(gus)
    sent = {"name": "Gusto", "country": "DE", "currency": "EUR", "owners": ""}
    page = client.post(reverse("organizations:new"), sent)
    assert page.status_code == 422
    assert 'value="Gusto"' in page.content.decode()
    done = client.post(reverse("organizations:new"), {**sent, "owners": "Gus"})
    assert done.url == "/o/gusto/"
    with acting(as_(gus)):
        assert Organization.objects.get().currency == "EUR"


def test_founding_without_end_is_stopped(client_of, gus):
    cache.clear()
    client = client_of(gus)
    sent = {"name": "Gusto", "country": "DE", "currency": "EUR", "owners": "Gus"}
    for _ in range(10):
        assert client.post(reverse("organizations:new"), sent).status_code == 302
    stopped = client.post(reverse("organizations:new"), sent)
    assert stopped.status_code == 422
    assert "try again later" in stopped.content.decode()
    cache.clear()


def test_inviting_twice_says_so_and_keeps_the_address(client_of, alice, acme, invitation):
    sent = {"email": invitation.email, "role": "viewer"}
    page = client_of(alice).post(of("people", acme), sent)
    assert page.status_code == 422
    text = page.content.decode()
    assert "open invitation for this address" in text
    assert f'value="{invitation.email}"' in text


def test_the_last_owner_is_told_why(client_of, alice, acme, as_):
    with acting(as_(alice)):
        own = Membership.objects.get(org=acme, user=alice)
    page = client_of(alice).post(of("remove-member", acme, own), follow=True)
    assert "keeps at least one owner" in page.content.decode()
    assert as_(alice).roles


def test_a_row_of_another_organization_is_not_reached_through_ones_own(
    client_of, alice, gus, acme, globex, as_
):
    with acting(as_(gus)):
        theirs = Membership.objects.get(org=globex)
    client = client_of(alice)
    assert client.post(of("set-role", acme, theirs), {"role": "viewer"}).status_code == 404
    assert client.post(of("remove-member", acme, theirs)).status_code == 404


def test_the_role_table_is_the_one_that_is_checked(client, db):
    page = client.get(reverse("organizations:roles")).content.decode()
    assert "Fund the wallet and ask for refunds" in page
    assert page.count('<th scope="col">') == 6
