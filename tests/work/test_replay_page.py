"""The page that says what the next version would have paid, before it is published."""

import copy

import pytest
from django.urls import reverse

from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.projects.models import CriteriaVersion, ProjectDraft
from apps.work.queries import replays
from apps.work.views.buyer import pseudonym
from tests.work.conftest import STAFF


@pytest.fixture
def drafted(desk, alice, monkeypatch):
    """The draft of the live project: what it publishes, with these changes of its pay."""

    def write(**pay) -> None:
        body = desk.project.criteria.body
        with acting(actor_of(alice)):
            ProjectDraft.objects.update_or_create(
                project=desk.project,
                defaults={
                    "org_id": desk.project.org_id,
                    "saved_at": desk.now,
                    "body": {
                        "work": {**body["task"], "title": body["title"], "task_type": "choice"},
                        "pay": {"base": 40, "qualification": 40, **pay},
                        "rubric": {"lines": body["rubric"]},
                        "tiers": {"tiers": copy.deepcopy(body["tiers"])},
                    },
                },
            )

    return write


@pytest.fixture
def rows(desk, carol, dave):
    desk.enrol(carol)
    desk.enrol(dave)
    return [desk.hand_in(user) for user in (carol, carol, dave)]


def of(desk, user):
    with acting(actor_of(user)) as actor:
        return replays.of_draft(desk.project, actor)


def url(desk) -> str:
    return reverse("work:replay", args=[desk.project.id])


def test_the_pages_show_both_sides_and_who_is_affected(
    desk, rows, drafted, alice, carol, client_of
):
    drafted(base=50)
    found = of(desk, alice).replay
    assert (found.answers, found.undecided, found.up, found.down) == (3, 3, 2, 0)
    # Nobody was slow: the base alone, three times.
    assert (found.before.net, found.after.net) == (120, 150)
    page = client_of(alice).get(url(desk)).text
    for sentence in ("What v2 would have paid", "$1.50", "$1.20", "+$0.20", "+$0.10"):
        assert sentence in page
    assert pseudonym(desk.project.id, carol.id) in page
    assert carol.name not in page


def test_the_pay_of_answers_is_what_was_booked(desk, rows, drafted, alice, rob):
    """Replayed under the version in force, each verdict comes to the lines it has."""
    desk.later(minutes=1)
    desk.reject(rob, rows[0])
    desk.lapse(*rows[1:])
    desk.later(hours=80)
    desk.lapse(*rows[1:])
    booked = [line for row in rows for line in desk.lines(row)]
    drafted(base=40)
    found = of(desk, alice).replay
    assert found.before.net == sum(net for _, net, _ in booked)
    assert found.before.fee == sum(fee for _, _, fee in booked)
    assert found.undecided == 0


def test_of_two_rounds_the_later_one_is_replayed(desk, rows, drafted, alice, carol, rob):
    desk.ask_rework(rob, rows[0])
    desk.submit(carol, rows[0], "no")
    desk.later(seconds=61)
    drafted(base=50)
    found = of(desk, alice).replay
    assert found.answers == 3
    assert found.before.net == 3 * 40 + 20


def test_an_answer_taken_back_is_not_replayed(desk, rows, drafted, alice, carol):
    late = desk.claim(carol)
    desk.submit(carol, late)
    assert of(desk, alice) is None, "a draft without pay cannot be worked out"
    drafted(base=50)
    assert of(desk, alice).replay.answers == 4
    desk.undo(carol, late)
    assert of(desk, alice).replay.answers == 3


def test_only_the_last_answers_are_read(desk, rows, drafted, alice, dave):
    drafted(base=50)
    with acting(actor_of(alice)) as actor:
        found = replays.of_draft(desk.project, actor, last=1)
    assert [change.what for change in found.replay.people] == [dave.id]


def test_whose_rows_it_reads(desk, rows, drafted, gus, globex):
    """Another buyer's actor sees no answer, whatever project it names."""
    drafted(base=50)
    with acting(actor_of(gus)) as actor:
        assert replays.answers(desk.project, actor) == []


def test_the_button_stands_below_what_it_would_have_paid(desk, rows, alice, client_of):
    client = client_of(alice)
    version = client.get(reverse("projects:version", args=[desk.project.id])).text
    assert '<button type="submit">Publish' not in version
    page = client.get(url(desk)).text
    assert "The draft has no pay yet" in page
    assert "What stands in the way" in page


@pytest.mark.parametrize(
    ("who", "status"),
    [("mia", 200), ("rob", 403), ("fay", 403), ("vic", 403), ("gus", 404), ("carol", 404)],
)
def test_who_may_read_it(request, desk, client_of, globex, who, status):
    person = request.getfixturevalue(who)
    assert client_of(person).get(url(desk)).status_code == status


def test_earlier_versions_and_full_clocks_are_said(desk, rows, drafted, alice, client_of):
    drafted(base=50)
    with acting(STAFF):
        version = desk.project.criteria
    with acting(actor_of(alice)) as actor:
        body = {**version.body, "pay": {**version.body["pay"], "base": 45}}
        made = CriteriaVersion.objects.create(
            project=desk.project, org_id=desk.project.org_id, number=2, body=body, sha256="0" * 64,
            published_at=desk.now, published_by=alice,
        )  # fmt: skip
        desk.project.criteria = made
        desk.project.save()
        found = replays.of_draft(desk.project, actor)
    assert (found.number, found.earlier, found.capped) == (3, 3, 0)
    # Both columns leave version 1 out, under which all three were claimed.
    assert (found.replay.before.net, found.replay.after.net) == (135, 150)
    assert "claimed under a version before v2" in client_of(alice).get(url(desk)).text
