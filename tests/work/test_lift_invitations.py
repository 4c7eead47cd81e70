"""Whoever made a model better is invited to the buyer's next project: once, unnamed, if it fits."""

import pytest
from django.urls import reverse

from apps.accounts.models import ContributorProfile
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects.models import Project
from apps.work import actions as work
from tests.factories.projects import BODY
from tests.work.conftest import STAFF
from tests.work.test_lift_money import ABOVE, BELOW, UNSURE, measure
from tests.work.test_lift_money import closed as closed  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import desk as desk  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import people as people  # noqa: PLC0414 -- a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def measured(closed, people):
    """Two made the model better, the third did not."""
    measure(closed, people, ABOVE, ABOVE, BELOW)
    return closed


@pytest.fixture
def following(acme, project) -> Project:
    return project(acme, title="The next one")


def invite(desk, user, to) -> int:
    with acting(actor_of(user)) as by:
        return work.invite_by_lift(
            project_id=desk.project.id, to_id=to.id, by=by, now=desk.now
        )  # fmt: skip


def invited(user) -> int:
    with acting(actor_of(user)):
        return Notice.objects.filter(user=user, key__startswith="lift_invite:").count()


def test_those_with_lift_are_told_once_and_nobody_else(measured, people, following, alice):
    assert invite(measured, alice, following) == 2
    assert [invited(user) for user in people] == [1, 1, 0]
    with acting(actor_of(people[0])):
        told = Notice.objects.get(user=people[0], key__startswith="lift_invite:")
    assert "The next one" in told.title and "$0.40 an item" in told.body
    assert told.url == reverse("work:offer", args=[following.id])
    with pytest.raises(Conflict, match="they are invited or have joined already"):
        invite(measured, alice, following)
    assert [invited(user) for user in people] == [1, 1, 0]


def test_another_project_of_the_buyer_s_is_another_invitation(
    measured, people, following, alice, acme, project
):
    invite(measured, alice, following)
    assert invite(measured, alice, project(acme, title="A third one")) == 2
    assert invited(people[0]) == 2


def test_chance_and_harm_invite_nobody(closed, people, following, alice):
    measure(closed, people, UNSURE, UNSURE, BELOW)
    with pytest.raises(Conflict, match="Nobody is left to invite"):
        invite(closed, alice, following)


def test_a_tier_that_takes_them_not_and_who_has_joined_are_left_out(
    measured, people, alice, acme, project
):
    german = {**BODY["tiers"][0], "languages": ["de"]}
    with acting(STAFF):
        ContributorProfile.objects.filter(user=people[0]).update(languages=["en"])
        ContributorProfile.objects.filter(user=people[1]).update(languages=["de", "en"])
    assert invite(measured, alice, project(acme, tiers=[german])) == 1
    assert [invited(user) for user in people] == [0, 1, 0]
    open_to_all = project(acme, title="Joined")
    with acting(actor_of(people[1])) as by:
        work.enrol(
            project_id=open_to_all.id, tier="general", has_consented=True, by=by, now=measured.now
        )
    assert invite(measured, alice, open_to_all) == 1
    assert [invited(user) for user in people] == [1, 1, 0]


def test_where_to_and_by_whom(measured, following, alice, rob, vic, fay, gus, globex, project):
    for user in (rob, vic, fay):
        with pytest.raises(NotAllowed):
            invite(measured, user, following)
    with pytest.raises(NotThere):
        invite(measured, gus, following)
    with pytest.raises(NotThere):
        invite(measured, alice, project(globex, title="Foreign"))
    with pytest.raises(Invalid, match="another live project"):
        invite(measured, alice, measured.project)


@pytest.mark.parametrize("change", [{"state": "paused"}, {"visibility": "invitation"}])
def test_only_a_public_live_project_invites(measured, following, alice, change):
    with acting(STAFF):
        Project.objects.filter(id=following.id).update(**change)
    with pytest.raises(Conflict, match="Nobody is left to invite"):
        invite(measured, alice, following)


def test_the_form_on_the_page_says_how_many_and_never_who(
    measured, following, people, alice, vic, client_of
):
    url = reverse("pages:project-lift", args=[measured.project.id])
    press = reverse("work:lift-invite", args=[measured.project.id])
    client = client_of(alice)
    page = client.get(url).text
    assert press in page and "The next one" in page
    assert press not in client_of(vic).get(url).text
    said = client.post(press, {"to": str(following.id)}, follow=True).text
    assert "2 contributors invited." in said
    assert not any(user.email in said or str(user.id) in said for user in people)
    again = client.post(press, {"to": str(following.id)}, follow=True).text
    assert "Nobody is left to invite" in again
    assert "Choose the project" in client.post(press, {"to": "x"}, follow=True).text
