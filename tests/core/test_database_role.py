"""The suite proves nothing about row-level security if its own role could pass it."""

import pytest
from django.db import connection

from apps.core.tenancy import acting
from tests.factories import projects

pytestmark = pytest.mark.django_db


def test_the_suite_runs_as_a_role_that_row_level_security_binds():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, "
            "(SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) "
            "FROM pg_roles r WHERE rolname = current_user AND current_user = session_user"
        )
        assert cursor.fetchone() == (False, False, False, False, 0)


def test_the_cast_is_there(acme, globex, alice, mia, rob, fay, vic, gus, carol, dave, ada, as_):
    assert as_(alice).roles == {acme.id: "owner"}
    assert as_(vic).roles == {acme.id: "viewer"}
    assert as_(gus).roles == {globex.id: "owner"}
    assert as_(carol).roles == {}
    assert as_(ada).is_staff


@pytest.mark.django_db(transaction=True)
def test_a_clone_of_its_own_is_another_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].endswith(connection.settings_dict["NAME"].split("_")[-1])
    assert not connection.in_atomic_block


def test_a_project_of_the_cast_has_its_budget_and_items(acme, project, as_, alice):
    made = project(acme, budget=100_00, how_many=12)
    assert projects.held_funds(made) == 100_00
    with acting(as_(alice)):
        assert made.items.count() == 12 + 5
        assert made.gold.count() == 10 + 5
