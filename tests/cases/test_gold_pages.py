"""Pages of known answers: contested by whoever missed one, demoted by those who may."""

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.core.tenancy import acting
from apps.projects.models import GoldAnswer
from tests.cases.gold import EVIDENCE, WHY, Golden
from tests.cases.money import STAFF

pytestmark = pytest.mark.django_db
REASON = "It quotes a question of somebody else and asks for nothing itself."


def test_from_the_scores_to_the_contest_to_the_decision(
    golden: Golden,
    missed,
    carol,
    ada,
    client_of,
):
    mine = client_of(carol)
    scores = reverse("work:score", args=[golden.project.id])
    contest = reverse("cases:contest-gold", args=[missed.id])
    known = golden.known[missed.item_id].capitalize()
    page = mine.get(scores, {"show": "known"}).text
    assert contest in page and f"known answer: {known}" in page
    assert contest in mine.get(reverse("work:assignment", args=[missed.id])).text
    page = mine.get(contest).text
    assert f"The buyer took <strong>{known}</strong> for right" in page
    short = mine.post(contest, {"reason": REASON, "evidence": "No"})
    assert short.status_code == 422
    assert REASON in short.text and "at least 20 characters" in short.text
    filed = mine.post(contest, {"reason": REASON, "evidence": EVIDENCE}, follow=True)
    assert "the known answer is taken back for everybody" in filed.text
    assert EVIDENCE in filed.text and f"<strong>{known}</strong>" in filed.text
    again = mine.post(contest, {"reason": REASON, "evidence": EVIDENCE})
    assert again.status_code == 422 and "contested this known answer already" in again.text

    with acting(STAFF):
        case = Case.objects.get(kind="gold_contest")
    url = reverse("cases:decide", args=[case.id])
    staff = client_of(ada)
    assert (
        "Take it back: it leaves all scores"
        in staff.get(reverse("cases:detail", args=[case.id])).text
    )
    assert "Contest of a known answer" in staff.get(reverse("pages:staff")).text
    done = staff.post(url, {"is_granted": "granted", "decision": WHY}, follow=True)
    assert "The known answer was taken back" in done.text
    told = mine.get(reverse("cases:detail", args=[case.id])).text
    assert "taken back" in told and known in told
    assert "No known answer was missed" in mine.get(scores, {"show": "known"}).text


def test_nothing_to_contest_is_said(golden: Golden, carol, client_of):
    golden.enrol(carol)
    (row,) = golden.answer(carol, wrong=1)
    golden.score()
    url = reverse("cases:contest-gold", args=[row.id])
    page = client_of(carol).get(url)
    assert "There is nothing to contest here" in page.text
    # Nothing of the known answer is told before the review.
    assert "took <strong>" not in page.text
    refused = client_of(carol).post(url, {"reason": REASON, "evidence": EVIDENCE})
    assert refused.status_code == 422 and REASON in refused.text


def test_the_buyer_sees_and_demotes(golden: Golden, missed, mia, rob, client_of):
    url = reverse("pages:project-gold", args=[golden.project.id])
    demote = reverse("cases:demote-gold", args=[golden.project.id, missed.item_id])
    assert demote not in client_of(rob).get(url).text
    manager = client_of(mia)
    assert demote in manager.get(url).text
    page = manager.get(demote).text
    assert "1 that can be appealed, 0 final" in page
    short = manager.post(demote, {"reason": "Wrong."})
    assert short.status_code == 422 and "at least 40 characters" in short.text
    done = manager.post(demote, {"reason": WHY}, follow=True)
    assert done.status_code == 200 and WHY in done.text
    assert golden.gold(missed).demoted_by_id == mia.id
    again = manager.post(demote, {"reason": WHY})
    assert again.status_code == 422 and "demoted already" in again.text
    only = manager.get(url, {"state": "demoted"}).text
    assert WHY in only and "1 demoted" in only


def test_the_suspect_ones_come_first(golden: Golden, missed, alice, client_of):
    with acting(STAFF):
        mine = GoldAnswer.objects.filter(project=golden.project, item__purpose="work")
        doubted = mine.order_by("item_id").last()
        doubted.is_suspect, doubted.wrong, doubted.answers, doubted.against = True, 0.97, 30, 0.9
        doubted.save()
    page = client_of(alice).get(reverse("pages:project-gold", args=[golden.project.id]))
    assert page.context["rows"][0].gold.item_id == doubted.item_id
    share = page.context["rows"][0].against
    assert (share.right, share.n) == (27, 30)
    assert "1 suspect" in page.text


def test_staff_looks_and_it_is_written_down(golden: Golden, missed, ada, client_of):
    url = reverse("pages:staff-gold", args=[golden.project.id])
    demote = reverse("cases:staff-demote-gold", args=[golden.project.id, missed.item_id])
    assert demote in client_of(ada).get(url).text
    assert client_of(ada).post(demote, {"reason": WHY}).status_code == 302
    with acting(STAFF):
        seen = AuditEvent.objects.filter(type="staff.viewed", org_id=golden.project.org_id)
        assert seen.count() == 2
    assert golden.gold(missed).demoted_by_id == ada.id


def test_the_quality_page_leads_there(golden: Golden, missed, alice, vic, client_of):
    url = reverse("pages:project-quality", args=[golden.project.id])
    there = reverse("pages:project-gold", args=[golden.project.id])
    assert there in client_of(alice).get(url).text
    assert there not in client_of(vic).get(url).text
