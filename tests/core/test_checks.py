"""What start-up refuses."""

import pytest
from django.core.checks import run_checks
from django.db import connection

from apps.core import checks
from apps.core.models import ClockOffset


@pytest.fixture
def production(settings):
    settings.PRODUCTION = True
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    return settings


def numbers(**words):
    return {message.id for message in run_checks(**words) if message.id.startswith("core.")}


@pytest.mark.django_db
def test_the_role_of_the_suite_passes():
    assert checks.role_faults() == []
    assert numbers(databases=["default"]) == set()


@pytest.fixture
def other_role(transactional_db, databases):
    """Django's connection as another role of the server, in this test's clone."""
    entry = connection.settings_dict
    before = entry["USER"]

    def become(name):
        connection.close()
        entry["USER"] = name

    yield become
    connection.close()
    entry["USER"] = before


@pytest.mark.parametrize(
    ("role", "ids", "words"),
    [
        ("postgres", {"core.E001", "core.E002"}, "is a superuser"),
        ("wagefile_owner", {"core.E003", "core.E004"}, "owns"),
    ],
)
def test_a_role_that_is_not_bound_is_refused(other_role, role, ids, words):
    other_role(role)
    messages = checks.role_faults()
    assert {message.id for message in messages} >= ids - {"core.E004"}
    assert any(words in message.msg and role in message.msg for message in messages)
    assert ids & numbers(databases=["default"])


def test_a_role_that_bypasses_row_level_security_is_refused(other_role, superuser):
    superuser.execute("DROP ROLE IF EXISTS wagefile_test_bypass")
    superuser.execute("CREATE ROLE wagefile_test_bypass LOGIN BYPASSRLS NOSUPERUSER")
    try:
        other_role("wagefile_test_bypass")
        assert [message.id for message in checks.role_faults()] == ["core.E002"]
    finally:
        connection.close()
        superuser.execute("DROP ROLE wagefile_test_bypass")


@pytest.mark.parametrize("base", ["http://127.0.0.1:12111", "https://api.stripe.com.example.org"])
def test_production_takes_money_only_to_stripe(production, base):
    production.STRIPE_API_BASE = base
    assert numbers() == {"core.E005"}
    production.STRIPE_API_BASE = "https://api.stripe.com"
    assert numbers() == set()


def test_the_demo_may_use_a_double(settings):
    settings.PRODUCTION = False
    settings.STRIPE_API_BASE = "http://127.0.0.1:12111"
    assert numbers() == set()


@pytest.mark.django_db
def test_production_refuses_a_database_whose_clock_was_moved(production, now):
    assert numbers(databases=["default"]) == set()
    ClockOffset.objects.create(offset=now - now)
    assert numbers(databases=["default"]) == {"core.E006"}
    production.PRODUCTION = False
    assert numbers(databases=["default"]) == set()


def test_a_demo_never_speaks_to_stripe_itself(settings):
    """Anybody moves a demo's clock; real money must not follow it."""
    settings.DEMO, settings.STRIPE_API_BASE = True, "https://api.stripe.com"
    assert "core.E007" in numbers()
    settings.STRIPE_API_BASE = "http://127.0.0.1:12111"
    assert "core.E007" not in numbers()
