"""Pages of cases, for every persona: who gets which answer, and that forms lose nothing."""

import datetime as dt
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.cases import actions as cases
from apps.cases.models import Case
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.work import actions as work
from apps.work.models import EarningLine
from tests.cases.conftest import DECISION, NOTE, REASON
from tests.cases.money import STAFF, payable

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
PERSONAS = (None, "gus", "carol", "dave", "alice", "mia", "rob", "fay", "vic", "ada", "adam")


@pytest.fixture
def appealed(rejected, carol, clock_at) -> Case:
    row, at = rejected
    clock_at(at + HOUR)
    person = actor_of(carol)
    with acting(person):
        return cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at)


@pytest.fixture
def addresses(appealed, acme, globex, carol) -> dict[str, str]:
    with acting(STAFF):
        line = EarningLine.objects.get(assignment_id=appealed.assignment_id)
    return {
        "list": reverse("cases:list"),
        "mine": reverse("cases:mine"),
        "organization": reverse("cases:organization", args=[acme.id]),
        "staff": reverse("cases:staff"),
        "detail": reverse("cases:detail", args=[appealed.id]),
        "answer": reverse("cases:answer", args=[appealed.id]),
        "decide": reverse("cases:decide", args=[appealed.id]),
        "pay": reverse("cases:pay", args=[appealed.id]),
        "appeal": reverse("cases:appeal", args=[appealed.assignment_id]),
        "dispute": reverse("cases:dispute", args=[line.id]),
        "propose": reverse("cases:propose", args=[carol.id]),
        "bad-faith": reverse("cases:bad-faith", args=[appealed.assignment_id]),
        "home": reverse("pages:staff"),
        "people": reverse("pages:staff-people"),
        "person": reverse("pages:staff-person", args=[carol.id]),
        "rejections": reverse("pages:staff-rejections", args=[appealed.project_id]),
        "checks": reverse("pages:staff-checks"),
    }


STAFF_ONLY = (302, 403, 403, 403, 403, 403, 403, 403, 403, 200, 200)
EXPECTED = {
    "list": (302,) * 11,
    "mine": (302,) + (200,) * 10,
    "organization": (302, 404, 404, 404, 200, 200, 200, 200, 200, 404, 404),
    "staff": STAFF_ONLY,
    # Finance sees the money of disputes, not the answers that an appeal is about.
    "detail": (302, 404, 200, 404, 200, 200, 200, 403, 403, 200, 200),
    "answer": (302,) * 11,
    "decide": (302, 403, 403, 403, 403, 403, 403, 403, 403, 302, 302),
    "pay": (302, 403, 403, 403, 403, 403, 403, 403, 403, 302, 302),
    "appeal": (302, 404, 200, 404, 404, 404, 404, 404, 404, 404, 404),
    "dispute": (302, 404, 200, 404, 200, 200, 403, 200, 403, 403, 403),
    "propose": STAFF_ONLY,
    "bad-faith": STAFF_ONLY,
    "home": STAFF_ONLY,
    "people": STAFF_ONLY,
    "person": STAFF_ONLY,
    "rejections": STAFF_ONLY,
    "checks": STAFF_ONLY,
}


@pytest.mark.parametrize("who", PERSONAS)
def test_who_gets_which_answer(request, addresses, client_of, who):
    client = client_of(request.getfixturevalue(who) if who else None)
    place = PERSONAS.index(who)
    got = {name: client.get(url).status_code for name, url in addresses.items()}
    assert got == {name: statuses[place] for name, statuses in EXPECTED.items()}


@pytest.mark.parametrize(
    "name",
    ["cases:detail", "cases:decide", "cases:answer", "cases:appeal", "cases:dispute",
     "cases:organization", "cases:propose", "cases:bad-faith", "cases:pay", "pages:staff-person",
     "pages:staff-rejections"],
)  # fmt: skip
@pytest.mark.parametrize("who", ["carol", "alice", "ada"])
def test_ids_of_nothing_are_not_found(request, client_of, name, who):
    client = client_of(request.getfixturevalue(who))
    url = reverse(name, args=[uuid.uuid4()])
    assert client.post(url, {"text": "x" * 30}).status_code in {403, 404, 405}
    assert client.get(url).status_code in {302, 403, 404}


def test_a_contributor_files_an_appeal(rejected, carol, client_of, clock_at):
    row, at = rejected
    clock_at(at + HOUR)
    client = client_of(carol)
    url = reverse("cases:appeal", args=[row.id])
    page = client.get(url)
    assert NOTE[:40] in page.text
    assert "Right answer" in page.text

    refused = client.post(url, {"reason": "It is wrong"})
    assert refused.status_code == 422
    assert "at least 20 characters" in refused.text
    assert "It is wrong" in refused.text

    filed = client.post(url, {"reason": REASON}, follow=True)
    assert filed.status_code == 200
    assert "the contributor is right" in filed.text
    assert "in 7 days" in filed.text
    assert "Appeal of a rejection" in client.get(reverse("cases:mine")).text

    again = client.post(url, {"reason": REASON})
    assert again.status_code == 422
    assert "appealed this rejection already" in again.text


def test_after_the_window_the_form_says_so(rejected, carol, client_of, clock_at):
    row, at = rejected
    clock_at(at + 15 * DAY)
    page = client_of(carol).post(reverse("cases:appeal", args=[row.id]), {"reason": REASON})
    assert page.status_code == 422
    assert "could be filed until" in page.text
    assert REASON in page.text


def test_gold_is_not_told_to_whoever_works(appealed, carol, ada, client_of):
    url = reverse("cases:detail", args=[appealed.id])
    assert "gold: " in client_of(ada).get(url).text
    assert "gold: " not in client_of(carol).get(url).text


def test_the_buyer_adds_a_statement(appealed, rob, carol, client_of):
    client = client_of(rob)
    url = reverse("cases:answer", args=[appealed.id])
    short = client.post(url, {"text": "No."})
    assert short.status_code == 422
    assert "at least 20" in short.text
    done = client.post(url, {"text": "The anchor for 1 is met word for word."}, follow=True)
    assert "The anchor for 1 is met" in done.text
    twice = client.post(url, {"text": "And another thing that I forgot."})
    assert twice.status_code == 409
    assert "made its statement already" in twice.text
    assert "And another thing that I forgot." in twice.text
    seen = client_of(carol).get(reverse("cases:detail", args=[appealed.id]))
    assert "The anchor for 1 is met" in seen.text


def test_an_administrator_decides(appealed, ada, carol, client_of):
    client = client_of(ada)
    url = reverse("cases:decide", args=[appealed.id])
    page = client.get(reverse("cases:detail", args=[appealed.id]))
    assert "Overturn the rejection" in page.text

    short = client.post(url, {"is_granted": "granted", "decision": "Because."})
    assert short.status_code == 422
    assert "at least 40 characters" in short.text
    assert "Because." in short.text

    done = client.post(url, {"is_granted": "granted", "decision": DECISION}, follow=True)
    assert "The rejection was overturned" in done.text
    assert "$0.20" in done.text
    assert payable(carol.id) == 40

    late = client.post(url, {"is_granted": "upheld", "decision": DECISION})
    assert late.status_code in {403, 409}
    assert "decided already" in late.text or "Whoever decided" in late.text
    assert DECISION in late.text
    told = client_of(carol).get(reverse("cases:detail", args=[appealed.id])).text
    assert "Decided by Ada" in told
    assert DECISION in told


def test_a_late_decision_is_refused_and_the_deadline_is_kept(
    appealed, ada, carol, client_of, clock_at
):
    clock_at(appealed.due_at)
    url = reverse("cases:decide", args=[appealed.id])
    page = client_of(ada).post(url, {"is_granted": "upheld", "decision": DECISION})
    assert page.status_code == 409
    assert "deadline of this case has passed" in page.text
    assert DECISION in page.text
    assert payable(carol.id) == 40


def test_a_dispute_from_an_earning_line(accepted, carol, ada, client_of, clock_at):
    row, at = accepted
    clock_at(at + HOUR)
    with acting(STAFF):
        line = EarningLine.objects.get(assignment_id=row.id)
    client = client_of(carol)
    url = reverse("cases:dispute", args=[line.id])
    assert "$0.46" in client.get(url).text

    refused = client.post(url, {"amount": "5.00", "reason": REASON})
    assert refused.status_code == 422
    assert "at most $2.28" in refused.text
    assert REASON in refused.text
    odd = client.post(url, {"amount": "0.255", "reason": REASON})
    assert "At most 2 decimals" in odd.text

    filed = client.post(url, {"amount": "0.25", "reason": REASON}, follow=True)
    assert "$0.25" in filed.text
    with acting(STAFF):
        case = Case.objects.get(kind="dispute")
    done = client_of(ada).post(
        reverse("cases:decide", args=[case.id]),
        {"is_granted": "granted", "decision": DECISION},
        follow=True,
    )
    assert "the amount is booked" in done.text
    assert payable(carol.id) == 65


def test_a_buyers_dispute_says_that_nothing_is_taken_back(accepted, fay, client_of, clock_at):
    row, at = accepted
    clock_at(at + HOUR)
    with acting(STAFF):
        line = EarningLine.objects.get(assignment_id=row.id)
    client = client_of(fay)
    url = reverse("cases:dispute", args=[line.id])
    assert "never taken back" in client.get(url).text
    filed = client.post(url, {"amount": "0.46", "reason": REASON}, follow=True)
    assert filed.status_code == 200
    assert "never taken back" in filed.text


def test_a_deactivation_from_notice_to_decision(carol, ada, adam, client_of, now):
    staff = client_of(ada)
    url = reverse("cases:propose", args=[carol.id])
    words = {
        "ground": "conduct",
        "reason": "Forty answers were given within two seconds each, on texts of a page.",
        "evidence": "Item time; agreement at chance.",
    }
    refused = staff.post(url, {**words, "is_immediate": "on"})
    assert refused.status_code == 422
    assert "Only fraud or safety" in refused.text
    assert "Item time; agreement at chance." in refused.text
    proposed = staff.post(url, words, follow=True)
    assert "another administrator" in proposed.text

    with acting(STAFF):
        case = Case.objects.get(kind="deactivation")
    mine = client_of(carol)
    page = mine.get(reverse("cases:detail", args=[case.id]))
    assert "you can go on working" in page.text
    assert "Item time" in page.text
    answered = mine.post(
        reverse("cases:answer", args=[case.id]),
        {"text": "I know these texts by heart."},
        follow=True,
    )
    assert "I know these texts by heart." in answered.text
    assert (
        "Notice given" in client_of(adam).get(reverse("pages:staff-person", args=[carol.id])).text
    )
    done = client_of(adam).post(
        reverse("cases:decide", args=[case.id]),
        {"is_granted": "upheld", "decision": DECISION},
        follow=True,
    )
    assert "The account stays active." in done.text


def test_staff_looking_at_a_tenants_rows_is_on_record(appealed, ada, alice, acme, client_of):
    client_of(ada).get(reverse("cases:detail", args=[appealed.id]))
    with acting(actor_of(alice)):
        # The organization itself can read who looked.
        event = AuditEvent.objects.get(type="staff.viewed")
    assert (event.org_id, event.actor_id) == (acme.id, ada.id)
    assert event.data["view"] == "cases:detail"
    assert f"case:{appealed.id}" in event.data["rows"]


@pytest.mark.parametrize("name", ["staff", "home", "person", "rejections", "checks", "people"])
def test_every_staff_page_leaves_evidence(addresses, ada, client_of, name):
    with acting(STAFF):
        before = AuditEvent.objects.filter(type="staff.viewed").count()
    client_of(ada).get(addresses[name])
    with acting(STAFF):
        assert AuditEvent.objects.filter(type="staff.viewed", actor_id=ada.id).count() > before


def test_the_organizations_list_shows_its_own_alone(appealed, alice, gus, acme, globex, client_of):
    mine = client_of(alice).get(reverse("cases:organization", args=[acme.id]))
    assert str(appealed.id) in mine.text
    theirs = client_of(gus).get(reverse("cases:organization", args=[globex.id]))
    assert str(appealed.id) not in theirs.text


def test_lists_need_a_fixed_number_of_queries(submitted, rob, carol, dave, ada, client_of):
    reviewer, client = actor_of(rob), client_of(ada)
    counts: dict[str, list[int]] = {"cases:staff": [], "pages:staff": []}
    for user in (carol, carol, dave):
        row, at = submitted(user)
        with acting(reviewer):
            work.reject(
                submission_id=row.submissions.get().id, criterion="accuracy", note=NOTE,
                evidence="The mark.", by=reviewer, now=at,
            )  # fmt: skip
        person = actor_of(user)
        with acting(person):
            cases.appeal(assignment_id=row.id, reason=REASON, by=person, now=at)
        for name, seen in counts.items():
            with CaptureQueriesContext(connection) as queries:
                assert client.get(reverse(name)).status_code == 200
            seen.append(len(queries))
    assert all(len(set(seen)) == 1 for seen in counts.values()), counts
