"""What people say of themselves: voluntary, theirs alone, gone when they want, in no evidence."""

from pathlib import Path

import pytest
from django.db import connection
from django.urls import reverse

from apps.accounts import actions as accounts
from apps.accounts import queries
from apps.accounts.models import Description
from apps.audit.models import AuditEvent
from apps.core.errors import Invalid, NotAllowed
from apps.core.tenancy import acting, system
from tests.factories import accounts as people

APPS = Path(__file__).parents[2] / "apps"
SAID = {"age_band": "25-34", "world_region": "oceania", "first_language": "de", "gender": "woman"}
NOTHING = dict.fromkeys(SAID, "")


def describe(user, as_, now, **said):
    with acting(as_(user)) as by:
        return accounts.describe(**NOTHING | said, by=by, now=now)


def kept(user, as_):
    with acting(as_(user)) as by:
        row = queries.own_description(by)
        return row and {name: getattr(row, name) for name in SAID}


def events(user) -> list[AuditEvent]:
    rows = AuditEvent.objects.filter(aggregate_id=user.id, type__startswith="description.")
    return list(rows.order_by("number"))


def test_it_is_said_changed_and_taken_back_and_evidence_holds_no_word_of_it(carol, ada, as_, now):
    describe(carol, as_, now, **SAID)
    assert kept(carol, as_) == SAID
    describe(carol, as_, now, gender="man")
    assert kept(carol, as_) == NOTHING | {"gender": "man"}
    assert describe(carol, as_, now) is None
    assert kept(carol, as_) is None
    # Nothing to take back is no event.
    describe(carol, as_, now)
    with acting(as_(ada)):
        found = events(carol)
    assert [event.type for event in found] == [
        "description.saved",
        "description.saved",
        "description.removed",
    ]
    assert all(not event.data for event in found)


def test_only_what_is_in_the_lists(carol, as_, now):
    with pytest.raises(Invalid):
        describe(carol, as_, now, gender="none of your business")
    assert kept(carol, as_) is None


def test_nobody_else_reads_it_not_even_staff(carol, dave, ada, acme, as_, now):
    describe(carol, as_, now, **SAID)
    for actor in (as_(dave), as_(ada), system(), system(acme.id)):
        with acting(actor):
            assert not Description._base_manager.exists()
    with acting(as_(ada)) as staff, pytest.raises(NotAllowed):
        accounts.describe(**SAID, by=staff, now=now)


@pytest.fixture
def many(db, as_, now):
    """Ten women and nine men, one of whom also says a language."""

    def person(which, **said):
        user = people.contributor(f"person{which}", now=now)
        describe(user, as_, now, **said)
        return user.id

    women = [person(which, gender="woman") for which in range(10)]
    men = [person(which, gender="man", first_language="fr") for which in range(10, 19)]
    return women, men


def of_gender(found):
    return sorted((person, value) for person, name, value in found if name != "languages")


def test_only_the_system_is_told_and_only_what_ten_share(many, carol, as_, ada):
    women, men = many
    with acting(system()):
        assert of_gender(queries.described(women + men)) == sorted((w, "woman") for w in women)
        assert of_gender(queries.described(women[:9] + men)) == []
    for actor in (as_(carol), as_(ada)):
        with acting(actor):
            assert queries.described(women + men) == []


def test_the_pages(carol, client_of, as_, now):
    client, url = client_of(carol), reverse("people:describe")
    page = client.get(url).text
    assert "at least 10 people together" in page and "Remove all of it" not in page
    assert client.post(url, NOTHING | {"gender": "woman"}).status_code == 302
    assert kept(carol, as_) == NOTHING | {"gender": "woman"}
    assert "Remove all of it" in client.get(url).text
    assert "nobody but you reads it" in client.get(reverse("people:settings")).text
    assert client.post(url, {"gender": "nobody"}).status_code == 422
    assert client.post(reverse("people:undescribe")).status_code == 302
    assert kept(carol, as_) is None


def test_no_code_but_that_of_errors_asks_for_it():
    """Not eligibility, pay, claims, reviews nor what leaves: the word does not stand there."""
    asking = {
        path.relative_to(APPS).as_posix()
        for path in APPS.rglob("*")
        if path.suffix in {".py", ".sql"}
        and any(
            word in path.read_text()
            for word in ("accounts_description", "accounts_described", "Description.objects")
        )
    }
    assert asking == {"accounts/actions.py", "accounts/queries.py", "accounts/sql/descriptions.sql"}
    calling = {
        path.relative_to(APPS).as_posix()
        for path in APPS.rglob("*.py")
        if "import described" in path.read_text()
        or "queries.described" in path.read_text()
        or ".description_set" in path.read_text()
    }
    assert calling == {"work/actions/errors.py"}


def test_the_table_belongs_to_its_owner_only(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT qual FROM pg_policies WHERE tablename = 'accounts_description'")
        policies = [row[0] for row in cursor.fetchall()]
    assert len(policies) == 1 and "app_user_id" in policies[0] and "staff" not in policies[0]
