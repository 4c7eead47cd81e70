"""Every night each published alpha is computed once more by the `krippendorff` package."""

import pytest
from django.urls import reverse

from apps.core.tenancy import acting, system
from apps.notices.enums import Kind as Notices
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.scoring import actions as scoring
from apps.scoring import tasks
from apps.scoring.models import AlphaCheck, ScoringRun
from tests.scoring.test_runs import ANSWERS, asked, go  # noqa: F401 -- a fixture
from tests.work.conftest import STAFF

MIXED = [
    *ANSWERS,
    ("no2", "a", "n"), ("no2", "b", "y"), ("no2", "c", "n"), ("yes3", "a", "y"), ("yes3", "b", "n"),
]  # fmt: skip


@pytest.fixture
def rung(monkeypatch):
    """What the sweep asks for, done at once."""
    asked_for = []

    def send(name, **words):
        asked_for.append((name, words))
        tasks.check_alpha.run(**{key: str(value) for key, value in words.items()})

    monkeypatch.setattr(tasks, "enqueue", send)
    return asked_for


def checks() -> list[AlphaCheck]:
    with acting(STAFF):
        return list(AlphaCheck.objects.all())


def test_the_package_says_the_same(asked, rung):  # noqa: F811
    run = go(asked(MIXED))
    assert tasks.check_alphas() == 1
    (check,) = checks()
    assert check.run_id == run.id
    assert check.alpha == run.result["agreement"]["alpha"]
    assert 0 < check.alpha < 1
    assert check.difference <= 1e-12 and check.is_equal
    assert (check.level, check.answers) == ("nominal", 14)


def test_each_night_writes_the_same_row_anew(asked, rung, now, clock_at):  # noqa: F811
    go(asked(MIXED))
    tasks.check_alphas()
    later = clock_at(now.replace(day=3))
    tasks.check_alphas()
    (check,) = checks()
    assert check.checked_at == later


def test_only_the_run_that_a_page_shows_is_checked(asked, rung, now):  # noqa: F811
    first = go(asked(MIXED))
    second = go(asked(MIXED[:-2]))
    with acting(STAFF):
        ScoringRun.objects.filter(id=second.id).update(created_at=now.replace(hour=10))
    tasks.check_alphas()
    assert [words["id"] for _, words in rung] == [second.id]
    assert first.id != second.id


def test_an_alpha_that_differs_is_shown_and_told(asked, rung, ada, carol, client_of):  # noqa: F811
    run = go(asked(MIXED))
    run.result["agreement"]["alpha"] += 1e-6
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(result=run.result)
    tasks.check_alphas()
    (check,) = checks()
    assert not check.is_equal
    assert check.difference == pytest.approx(1e-6, rel=1e-3)
    with acting(actor_of(ada)):
        assert str(run.id) in Notice.objects.get(kind=Notices.STAFF_RUN).body
    with acting(actor_of(carol)):
        assert not Notice.objects.exists()
    page = client_of(ada).get(reverse("pages:staff-alphas")).text
    assert "differs" in page and "1.0e-06" in page


def test_the_page_says_equal_and_names_the_run(asked, rung, ada, client_of):  # noqa: F811
    run = go(asked(MIXED))
    client = client_of(ada)
    assert "Nothing is checked yet" in client.get(reverse("pages:staff-alphas")).text
    tasks.check_alphas()
    page = client.get(reverse("pages:staff-alphas")).text
    assert "equal" in page and str(run.id) in page
    assert f"{run.result['agreement']['alpha']:.9f}" in page
    assert reverse("pages:staff-alphas") in client.get(reverse("pages:staff-checks")).text


def test_what_has_no_alpha_is_not_checked(asked, rung):  # noqa: F811
    run = go(asked([("yes1", "a", "y")]))
    assert run.result["agreement"]["alpha"] is None
    assert tasks.check_alphas() == 0
    assert scoring.check_alpha(run_id=run.id, by=system(run.org_id), now=run.finished_at) is None
    assert checks() == []


def test_a_distance_that_the_package_does_not_know_is_not_compared(asked, rung):  # noqa: F811
    run = go(asked(MIXED))
    run.result["agreement"] |= {"level": "spans", "alpha": 0.5}
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(result=run.result)
    tasks.check_alphas()
    (check,) = checks()
    assert (check.level, check.package, check.difference) == ("spans", None, None)
    assert check.note and check.is_equal


def test_a_check_does_not_cross_organizations(asked, globex):  # noqa: F811
    run = go(asked(MIXED))
    found = scoring.check_alpha(run_id=run.id, by=system(globex.id), now=run.finished_at)
    assert found is None and checks() == []


def test_beat_rings_every_night_in_the_queue_of_scores(settings):
    entry = settings.CELERY_BEAT_SCHEDULE["scoring.check_alphas"]
    assert entry["task"] == tasks.check_alphas.name
    assert (entry["schedule"].hour, entry["schedule"].minute) == ({2}, {0})
    assert settings.CELERY_TASK_ROUTES[tasks.check_alpha.name] == {"queue": "gpu"}
