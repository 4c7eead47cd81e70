"""Pages about people: who gets which answer, and that forms lose nothing."""

import pytest
from django.urls import reverse

from apps.accounts import actions as accounts
from apps.accounts.models import ContributorProfile, User
from apps.audit.models import AuditEvent
from apps.core.tenancy import acting

PERSONAS = [None, "carol", "alice", "ada"]


def answers(names: dict) -> list[tuple]:
    return [
        (url, who, status)
        for url, statuses in names.items()
        for who, status in zip(PERSONAS, statuses, strict=True)
    ]


@pytest.fixture
def credential(carol, as_, now):
    with acting(as_(carol)) as by:
        return accounts.submit_credential(kind="nurse", statement="No. 7", by=by, now=now)


@pytest.mark.parametrize(
    ("name", "who", "status"),
    answers(
        {
            "people:settings": (302, 200, 200, 200),
            "people:profile": (302, 200, 200, 403),
            "people:credentials": (302, 200, 200, 403),
            "people:staff-list": (302, 403, 403, 200),
            "people:staff-person": (302, 403, 403, 200),
            "people:decide-credential": (302, 403, 403, 200),
        }
    ),
)
def test_who_gets_what(name, who, status, request, client_of, carol, credential):
    args = {"staff-person": [carol.id], "decide-credential": [credential.id]}
    url = reverse(name, args=args.get(name.split(":")[1]))
    user = request.getfixturevalue(who) if who else None
    assert client_of(user).get(url).status_code == status


def test_an_unknown_person_or_credential_is_not_there(client_of, ada, acme):
    client = client_of(ada)
    assert client.get(reverse("people:staff-person", args=[acme.id])).status_code == 404
    assert client.get(reverse("people:decide-credential", args=[acme.id])).status_code == 404


def test_a_profile_is_made_and_a_missing_confirmation_loses_nothing(client_of, gus, as_):
    client = client_of(gus)
    sent = {"region": "DE", "languages": ["de", "en"]}
    page = client.post(reverse("people:profile"), sent)
    assert page.status_code == 422
    text = page.content.decode()
    assert "confirm that they are 18 or older" in text
    assert 'value="DE" selected' in text
    assert text.count("checked") == 2
    done = client.post(reverse("people:profile"), {**sent, "is_adult": "on"})
    assert done.status_code == 302
    with acting(as_(gus)):
        assert ContributorProfile.objects.get().region == "DE"
    assert "18 or older" in client.get(reverse("people:profile")).content.decode()


def test_a_credential_is_shown_and_decided_through_the_pages(client_of, carol, ada):
    contributor, staff = client_of(carol), client_of(ada)
    broken = contributor.post(reverse("people:credentials"), {"kind": "a b", "statement": "kept"})
    assert broken.status_code == 422
    assert "kept" in broken.content.decode()
    contributor.post(reverse("people:credentials"), {"kind": "nurse", "statement": "No. 7"})
    (row,) = staff.get(reverse("people:staff-list")).context["waiting"]
    url = reverse("people:decide-credential", args=[row.id])
    unsaid = staff.post(url, {"decision": "refuse", "note": ""})
    assert unsaid.status_code == 422
    assert "Say why" in unsaid.content.decode()
    assert staff.post(url, {"decision": "verify", "note": ""}).status_code == 302
    assert "Verified" in contributor.get(reverse("people:credentials")).content.decode()


def test_a_name_is_changed(client_of, carol):
    client = client_of(carol)
    assert client.post(reverse("people:settings"), {"name": ""}).status_code == 422
    assert client.post(reverse("people:settings"), {"name": "Caro"}).status_code == 302
    assert User.objects.get(id=carol.id).name == "Caro"


def test_looking_somebody_up_is_written_down_by_the_page(client_of, carol, ada, as_):
    client_of(ada).get(reverse("people:staff-person", args=[carol.id]))
    with acting(as_(ada)):
        assert AuditEvent.objects.filter(type="person.viewed", aggregate_id=carol.id).count() == 1


def test_people_are_found_by_name(client_of, carol, dave, ada):
    page = client_of(ada).get(reverse("people:staff-list"), {"q": "caro"})
    assert [person.id for person in page.context["page"]] == [carol.id]


def test_the_list_of_people_says_who_works_and_who_is_deactivated(client_of, carol, ada, as_, now):
    with acting(as_(ada)) as by:
        accounts.deactivate(user_id=carol.id, by=by, now=now)
    page = client_of(ada).get(reverse("people:staff-list"))
    shown = {p.id: (p.is_contributor, p.is_deactivated) for p in page.context["page"]}
    assert shown == {carol.id: (True, True), ada.id: (False, False)}
