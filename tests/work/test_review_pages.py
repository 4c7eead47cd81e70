"""The buyer's review: the queue, one answer, the verdict, and what is refused."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.core.tenancy import acting
from apps.organizations.models import Organization
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.models import Assignment, Submission
from apps.work.views import buyer as views
from apps.work.views import verdict

pytestmark = pytest.mark.django_db

NOTE = (
    "The sentence asks for the time of day and ends with a question mark, so it is a question. " * 2
)
REJECT = {"outcome": "reject", "criterion": "accuracy", "evidence": "It asks “when”.", "note": NOTE}


@pytest.fixture
def questions(project: Callable, acme: Organization) -> Project:
    return project(acme, gold=0, limits={"newcomer_share_percent": 100})


@pytest.fixture
def answered(questions: Project, carol: User, as_: Callable, now: dt.datetime) -> Callable:
    """`answered(choice)`: carol claims, works half a minute and hands in; at what moment."""

    def answer(choice: str = "no", *, person: User = carol, at: dt.datetime = now) -> Submission:
        with acting(as_(person)) as by:
            work.enrol(project_id=questions.id, tier="general", has_consented=True, by=by, now=at)
            row = work.claim(project_id=questions.id, by=by, now=at)
            later = at + dt.timedelta(seconds=15)
            for moment in (later, later + dt.timedelta(seconds=15)):
                work.beat(assignment_id=row.id, had_input=True, by=by, now=moment)
            done = later + dt.timedelta(seconds=15)
            return work.submit(assignment_id=row.id, answer={"choice": choice}, by=by, now=done)

    return answer


@pytest.fixture
def after_undo(clock_at: Callable, now: dt.datetime) -> dt.datetime:
    """Two minutes later, the requests happen then."""
    return clock_at(now + dt.timedelta(minutes=2))


@pytest.fixture
def reviewer(client_of: Callable, rob: User) -> Client:
    return client_of(rob)


def page_of(row: Submission) -> str:
    return reverse("work:review-submission", args=[row.id])


def state_of(row: Submission, actor) -> str:
    with acting(actor):
        return Assignment.objects.get(id=row.assignment_id).state


# ── The queue ───────────────────────────────────────────────────────────────────────────────────


def test_the_queue_is_by_deadline_and_names_nobody(
    reviewer, questions, answered, carol, dave, now, clock_at
):
    later = answered("yes", person=dave, at=now + dt.timedelta(minutes=5))
    first = answered("no")
    clock_at(now + dt.timedelta(minutes=10))
    page = reviewer.get(reverse("work:review", args=[questions.id]))
    assert page.status_code == 200
    assert [row.submission.id for row in page.context["rows"]] == [first.id, later.id]
    for person in (carol, dave):
        assert person.email not in page.text
        assert str(person.id) not in page.text
    assert views.pseudonym(questions.id, carol.id) in page.text
    everything = reviewer.get(reverse("work:review-all"))
    assert questions.title in everything.text


def test_what_can_still_be_undone_is_not_in_the_queue(reviewer, questions, answered, now):
    answered()
    assert reviewer.get(reverse("work:review", args=[questions.id])).context["rows"] == []


def test_filters(reviewer, questions, answered, dave, after_undo, as_, rob):
    row = answered()
    other = answered("yes", person=dave)
    url = reverse("work:review", args=[questions.id])
    with acting(as_(rob)):
        Submission.objects.filter(id=row.id).update(
            scores={"gold": False, "anomaly": "fast"}, scored_at=after_undo
        )

    def found(**wanted: str) -> list:
        return [each.submission.id for each in reviewer.get(url, wanted).context["rows"]]

    assert found(flag="gold") == found(flag="anomaly") == [row.id]
    assert found(flag="unscored") == [other.id]
    assert found(flag="label") == found(state="decided") == found(item="nothing") == []
    assert found(contributor=str(other.id)) == [other.id]
    assert found(contributor="no id") == []


def test_bulk_accept_and_what_of_it_is_refused(
    reviewer, questions, answered, dave, after_undo, as_, rob, now, clock_at
):
    first, second = answered(), answered(person=dave)
    url = reverse("work:review-accept", args=[questions.id])
    assert reviewer.post(url, {"submission": [first.id, "no id"]}).status_code == 302
    with acting(as_(rob)):
        assert Assignment.objects.get(id=first.assignment_id).accept_requested_at is not None
    clock_at(now + dt.timedelta(days=4))
    late = reviewer.post(url, {"submission": [second.id]})
    assert late.status_code == 409
    assert [row.id for row, _ in late.context["refusals"]] == [second.id]
    assert "already accepted" in late.text


# ── One answer ──────────────────────────────────────────────────────────────────────────────────


def test_the_page_shows_item_answer_scores_and_stakes(
    reviewer, questions, answered, carol, after_undo
):
    row = answered()
    page = reviewer.get(page_of(row))
    assert page.status_code == 200
    assert "Is this sentence a question?" in page.text
    assert "not available" in page.text
    assert carol.email not in page.text and str(carol.id) not in page.text
    stakes = page.context["stakes"]
    # 40 base; 6 fee; 20 kill fee; the floor of 12.00 an hour on 30 s is 10.
    assert (stakes.accept_net, stakes.accept_fee, stakes.kill_fee) == (40, 6, 20)
    assert stakes.saves == 20
    assert "A rejection saves you $0.20" in page.text


def test_near_the_floor_a_rejection_saves_little(answered, as_, rob):
    row = answered()
    with acting(as_(rob)):
        slow = Assignment.objects.select_related("criteria").get(id=row.assignment_id)
    slow.active_seconds = slow.cap_seconds = 119
    # 12.00 an hour over 119 s is 40 (rounded up): the contributor keeps all of it.
    stakes = verdict.stakes(slow)
    assert (stakes.kill_fee, stakes.top_up, stakes.keeps, stakes.saves) == (20, 20, 40, 0)


def test_accept(reviewer, questions, answered, after_undo, as_, rob):
    row = answered()
    with acting(as_(rob)):
        Submission.objects.filter(id=row.id).update(scored_at=after_undo)
    answer = reviewer.post(page_of(row), {"outcome": "accept"})
    assert answer.url == reverse("work:review", args=[questions.id])
    assert state_of(row, as_(rob)) == "accepted"
    again = reviewer.post(page_of(row), {"outcome": "accept"})
    assert again.status_code == 409
    assert "already accepted" in again.text


def test_after_a_verdict_comes_the_next_answer(reviewer, answered, dave, after_undo):
    first = answered()
    second = answered(person=dave)
    assert reviewer.post(page_of(first), {"outcome": "accept"}).url == page_of(second)


def test_a_rejection_needs_a_cited_line_evidence_and_a_long_note(
    reviewer, answered, after_undo, as_, rob
):
    row = answered()
    for lacking, sentence in (
        ({"criterion": ""}, "Cite the line of the rubric"),
        ({"note": "Too short."}, "at least 100 characters"),
        ({"evidence": ""}, "Show the evidence"),
    ):
        answer = reviewer.post(page_of(row), {**REJECT, **lacking})
        assert answer.status_code == 422, lacking
        assert sentence in answer.text
        kept = {**REJECT, **lacking}
        form = answer.context["form"]
        assert {name: form[name].value() for name in kept} == kept
    assert state_of(row, as_(rob)) == "submitted"
    assert reviewer.post(page_of(row), REJECT).status_code == 302
    assert state_of(row, as_(rob)) == "rejected"
    page = reviewer.get(page_of(row))
    assert NOTE.strip() in page.text and "It asks “when”." in page.text


def test_rework_is_asked_for_once(reviewer, answered, after_undo, as_, rob):
    row = answered()
    asked = {"outcome": "rework", "criterion": "accuracy", "note": "Look at the verb again."}
    assert reviewer.post(page_of(row), asked).status_code == 302
    assert state_of(row, as_(rob)) == "rework"
    assert reviewer.get(page_of(row)).status_code == 200
    again = reviewer.post(page_of(row), asked)
    assert again.status_code == 409
    assert "Look at the verb again." in again.text


def test_a_verdict_after_the_window_is_refused_and_nothing_typed_is_lost(
    reviewer, answered, now, clock_at
):
    row = answered()
    clock_at(now + dt.timedelta(hours=73))
    assert "silence has accepted" in reviewer.get(page_of(row)).text
    answer = reviewer.post(page_of(row), REJECT)
    assert answer.status_code == 409
    assert "already accepted" in answer.text
    assert NOTE.strip() in answer.text


def test_a_verdict_within_the_undo_time_is_refused(reviewer, answered):
    row = answered()
    answer = reviewer.post(page_of(row), {"outcome": "accept"})
    assert answer.status_code == 409
    assert "can still undo" in answer.text


# ── Who may ─────────────────────────────────────────────────────────────────────────────────────


def test_roles_and_strangers(
    client_of, questions, answered, after_undo, alice, mia, rob, fay, vic, globex, gus, ada, carol
):
    row = answered()
    queue = reverse("work:review", args=[questions.id])
    bulk = reverse("work:review-accept", args=[questions.id])
    for person, status in (
        (alice, 200), (mia, 200), (rob, 200), (fay, 403), (vic, 403), (gus, 404),
    ):  # fmt: skip
        visitor = client_of(person)
        for url in (queue, page_of(row)):
            assert visitor.get(url).status_code == status, (person.name, url)
        wanted = 302 if status == 200 else status
        assert visitor.post(bulk, {}).status_code == wanted
        assert visitor.get(reverse("work:review-all")).status_code == 200
    # Staff have no role with the buyer; the author of an answer has no place on the buyer's side.
    assert client_of(ada).get(queue).status_code == 403
    assert client_of(ada).get(page_of(row)).status_code == 404
    assert client_of(carol).get(queue).status_code == 404
    assert client_of(carol).get(page_of(row)).status_code == 404
    assert client_of(carol).post(page_of(row), {"outcome": "accept"}).status_code == 404
    assert client_of(None).get(queue).status_code == 302


def test_a_person_has_another_name_in_each_project(questions, acme, project, carol):
    other = project(acme, title="Another")
    names = {views.pseudonym(each.id, carol.id) for each in (questions, other)}
    assert len(names) == 2
    assert views.pseudonym(other.id, carol.id) in names
