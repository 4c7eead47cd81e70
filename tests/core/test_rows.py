"""Rows written and read with kept statements are those that the ORM writes and reads."""

import datetime as dt

import pytest
from django.forms.models import model_to_dict

from apps.accounts.models import Session, User
from apps.core import rows
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.projects.models import CriteriaVersion, Item


def test_a_row_is_read_as_the_orm_reads_it(acme, alice, project):
    made = project(acme)
    with acting(actor_of(alice)):
        for model, key in ((CriteriaVersion, made.criteria_id), (Item, made.items.first().id)):
            plain = model.objects.get(pk=key)
            found = rows.first(model, "id = %s", [key])
            assert model_to_dict(found) == model_to_dict(plain)
            assert found == plain
        # Saving it again is an UPDATE, as of any row that was read.
        found.save()
        assert Item.objects.filter(pk=found.pk).count() == 1


def test_what_row_level_security_hides_is_not_there(acme, project, gus):
    made = project(acme)
    with acting(actor_of(gus)):
        assert rows.first(CriteriaVersion, "id = %s AND number > 999", [made.criteria_id]) is None
        assert rows.first(Item, "project_id = %s", [made.id]) is None


@pytest.mark.django_db
def test_a_session_is_read_until_it_ends(client_of, carol, now):
    client = client_of(carol)
    session = Session.objects.get()
    assert rows.first(Session, "session_key = %s", [session.session_key]).get_decoded()
    assert client.get("/api/v1/earnings").status_code == 200
    session.expire_date = now - dt.timedelta(seconds=1)
    session.save()
    assert client.get("/api/v1/earnings").status_code == 403


@pytest.mark.django_db
def test_who_is_no_longer_active_is_signed_out(client_of, carol):
    client = client_of(carol)
    User.objects.filter(id=carol.id).update(is_active=False)
    assert client.get("/api/v1/earnings").status_code == 403
