"""Each grievance case is stopped twice, nothing of a try stays, and a missing rule is told."""

import pytest
from django.apps import apps
from django.db import connection

from apps.accounts.models import User
from apps.core.tenancy import acting
from apps.ledger.models import Transfer
from apps.pages.actions import cheating
from apps.pages.views.cheating import WORDS
from tests.factories.rows import own_models
from tests.pages.test_frame import sound
from tests.work.conftest import STAFF

URL = "/demo/cheat/"


@pytest.fixture
def demo(settings):
    settings.DEMO = True
    return settings


def guards(key, now):
    found = cheating.attempt(key=key, by=STAFF, now=now)
    assert all(attempt.is_stopped for attempt in found)
    assert all(attempt.sentence and attempt.where for attempt in found)
    return [(attempt.kind, attempt.guard) for attempt in found]


def test_every_case_has_words(db):
    assert set(WORDS) == set(cheating.CASES)


def test_a_free_qualification(db, demo, now):
    assert guards("free-qualification", now) == [
        ("refusal of the action", "NotReady"),
        ("check constraint", "criteria_qualification_is_paid"),
        ("check constraint", "assignment_funded"),
    ]


def test_a_rejection_without_a_line(db, demo, now):
    assert guards("uncited-rejection", now) == [
        ("refusal of the action", "Invalid"),
        ("check constraint", "verdict_rejection_cites"),
        ("trigger", "verdict_evidence"),
    ]


def test_money_of_a_deactivated_contributor(db, demo, now):
    assert guards("kept-money", now) == [
        ("refusal of the action", "Invalid"),
        ("refusal of the action", "EarnedStays"),
        ("trigger", "ledger_earned_money_stays"),
        ("missing grant", "wagefile_app holds SELECT, and no more"),
        ("missing grant", "wagefile_app holds SELECT, and no more"),
    ]


def test_criteria_that_change(db, demo, now):
    assert guards("changed-criteria", now) == [
        ("refusal of the action", "NotReady"),
        ("trigger", "criteria_immutable"),
    ]


def test_rows_of_another_tenant(db, demo, now):
    assert guards("foreign-rows", now) == [
        ("refusal of the action", "NotThere"),
        ("row-level security", "submission_sides"),
        ("row-level security", "assignment_sides"),
    ]


def test_nothing_of_a_try_stays(transactional_db, demo, client, now):
    def counts():
        with acting(STAFF):
            return {model._meta.label: model._base_manager.count() for model in own_models()}

    before = counts()
    for key in cheating.CASES:
        assert client.post(URL, {"case": key}).status_code == 200
    assert counts() == before
    assert not User.objects.exists()
    with acting(STAFF):
        assert not Transfer.objects.exists()
    assert apps.get_model("projects.Offer").objects.count() == 0


# The posting function of one transfer without its line about earned money.
NO_EARNED_STAYS = (
    "DO $$ BEGIN EXECUTE replace(pg_get_functiondef('ledger_post_one'::regproc), "
    "'credit_purpose <> ''stripe''', 'false'); END $$"
)


@pytest.mark.parametrize(
    ("key", "broken", "statement"),
    [
        (
            "uncited-rejection",
            "ALTER TABLE work_verdict DROP CONSTRAINT verdict_rejection_cites",
            "INSERT INTO work_verdict",
        ),
        (
            "free-qualification",
            "ALTER TABLE projects_criteriaversion DROP CONSTRAINT criteria_qualification_is_paid",
            "INSERT INTO projects_criteriaversion",
        ),
        (
            "kept-money",
            NO_EARNED_STAYS,
            "SELECT ledger_post",
        ),
        (
            "foreign-rows",
            "ALTER TABLE work_submission DISABLE ROW LEVEL SECURITY",
            "SELECT answer",
        ),
    ],
)
def test_a_rule_that_is_missing_is_told(superuser, demo, client, now, key, broken, statement):
    assert "NOT stopped" not in client.post(URL, {"case": key}).content.decode()
    superuser.execute(broken)
    text = client.post(URL, {"case": key}).content.decode()
    assert "NOT stopped: a rule is missing" in text
    assert "<strong>NOT stopped.</strong>" in text.split(statement)[1].split("</li>")[0]


def test_a_broken_statement_is_no_rule_that_held(db, demo, now, monkeypatch):
    """A misspelt try must not pass for a guard."""
    case = cheating.CASES["foreign-rows"]
    broken = cheating.ByStatement("owner", "work_verdict", "SELECT nothing_such", lambda _: [])
    monkeypatch.setitem(
        cheating.CASES, "foreign-rows", cheating.Case(case.key, case.actions, (broken,))
    )
    with pytest.raises(Exception, match="nothing_such"):
        cheating.attempt(key="foreign-rows", by=STAFF, now=now)


@pytest.mark.parametrize("who", [None, "carol", "alice", "ada"])
def test_everybody_in_a_demo_may_try(who, demo, request, client_of, now):
    client = client_of(request.getfixturevalue(who) if who else None)
    sound(client.get(URL))
    answer = client.post(URL, {"case": "uncited-rejection"})
    sound(answer)
    text = answer.content.decode()
    assert "verdict_rejection_cites" in text
    assert "apps.work.actions.verdicts.check_criterion" in text
    assert client.post(URL, {"case": "none-such"}).status_code == 404


def test_htmx_gets_the_case_alone(demo, client, now, db):
    answer = client.post(URL, {"case": "foreign-rows"}, headers={"HX-Request": "true"})
    text = answer.content.decode().strip()
    assert text.startswith('<section id="try-foreign-rows"')
    assert text.count("<section") == 1


def test_only_a_demo_has_it(client, db, now):
    assert client.get(URL).status_code == 404
    assert client.post(URL, {"case": "foreign-rows"}).status_code == 404


def test_it_cannot_be_tried_without_end(demo, client_of, carol, monkeypatch):
    monkeypatch.setattr(cheating, "TRIES_AN_HOUR", 1)
    client = client_of(carol)
    client.post(URL, {"case": "foreign-rows"})
    answer = client.post(URL, {"case": "foreign-rows"})
    assert answer.status_code == 429
    assert "try again later" in answer.content.decode()


def test_a_try_runs_as_the_applications_own_role(db):
    assert cheating.database_role() == connection.settings_dict["USER"]
