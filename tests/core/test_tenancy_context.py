"""Who is acting: told to PostgreSQL for one transaction, given back to the one around it."""

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from apps.core.tenancy import ANONYMOUS, Actor, acting, current_actor, system

ONE = Actor(kind="person", user_id=uuid.UUID(int=1), roles={uuid.UUID(int=10): "owner"})
OTHER = Actor(kind="person", user_id=uuid.UUID(int=2))


def told():
    """(kind, user, organizations) as row-level security sees them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_kind(), app_user_id(), app_org_ids(), app_is_staff()")
        return cursor.fetchone()


NOBODY = ("", None, [], False)


@pytest.mark.django_db
def test_nobody_acts_by_default():
    assert told() == NOBODY
    assert current_actor() is None


@pytest.mark.django_db
def test_the_actor_is_told():
    with acting(ONE) as actor:
        assert actor is ONE is current_actor()
        assert told() == ("person", ONE.user_id, [uuid.UUID(int=10)], False)
    with acting(Actor(kind="staff", user_id=ONE.user_id)):
        assert told()[3]
    with acting(system(uuid.UUID(int=10))):
        assert told() == ("system", None, [uuid.UUID(int=10)], False)
    with acting(ANONYMOUS):
        assert told() == ("anonymous", None, [], False)
    assert told() == NOBODY


@pytest.mark.django_db
def test_an_enclosing_actor_comes_back():
    with acting(ONE):
        outer = told()
        with acting(OTHER):
            with acting(system()):
                assert told()[0] == "system"
            assert told()[1] == OTHER.user_id
        assert told() == outer
        assert current_actor() is ONE


@pytest.mark.django_db
def test_it_comes_back_after_an_error_too():
    with acting(ONE):
        outer = told()
        with pytest.raises(ValueError, match="no"), acting(OTHER):
            raise ValueError("no")
        assert told() == outer
        with pytest.raises(DatabaseError), acting(OTHER), connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")
        assert told() == outer
        assert current_actor() is ONE
    assert current_actor() is None


@pytest.mark.django_db(transaction=True)
def test_nothing_leaks_to_the_next_transaction_of_the_connection():
    with acting(ONE):
        assert told()[1] == ONE.user_id
    assert told() == NOBODY
    with transaction.atomic():
        assert told() == NOBODY
    with pytest.raises(ValueError, match="no"), acting(ONE):
        raise ValueError("no")
    assert told() == NOBODY


@pytest.mark.django_db(transaction=True)
def test_a_plain_transaction_around_it_gets_nobody_back():
    with transaction.atomic():
        with acting(ONE):
            assert told()[1] == ONE.user_id
        assert told() == NOBODY


@pytest.mark.django_db(transaction=True)
def test_threads_do_not_share_an_actor(together):
    def of(actor):
        def look():
            with acting(actor):
                return told()[1], current_actor()

        return look

    with acting(ANONYMOUS):
        results = together(of(ONE), of(OTHER), current_actor)
    assert results == [(ONE.user_id, ONE), (OTHER.user_id, OTHER), None]
