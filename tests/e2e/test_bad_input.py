"""Bad input through HTTP: one clear sentence, the right status, and nothing lost.

Who may open which address is `tests/test_urls.py`'s; here somebody who may sends what cannot be
right, or mixes ids of two tenants in one address or body.
"""

import datetime as dt
import html
import io
import json
import re

import pytest
from django.urls import get_resolver, reverse

from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting, system
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.payments.models import StripeEvent
from apps.projects import actions as projects
from apps.projects.models import Item, ItemImport, Project
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine, Submission, Verdict
from tests.factories import projects as factories
from tests.factories import rows
from tests.projects.conftest import QUALIFICATION, SECTIONS, WORK
from tests.test_urls import names

pytestmark = pytest.mark.django_db

NOTE = "The sentence ends with a question mark and asks for the time; the answer says no. " * 2
HEADER = "item_id,text,gold\n"


def text_of(response, status):
    """What a person reads; the status is part of it."""
    assert response.status_code == status, response.content.decode()[-1500:]
    return re.sub(r"\s+", " ", html.unescape(response.content.decode()))


def file(content, name="items.csv"):
    made = io.BytesIO(content)
    made.name = name
    return made


@pytest.fixture
def buyer(client_of, alice, acme):
    return client_of(alice)


@pytest.fixture
def draft(acme, alice, as_, now):
    """A draft with a task, so that items can come."""
    by = as_(alice)
    made = factories.draft(acme, by=by, now=now)
    work_step = {**factories.BODY["task"], "task_type": "choice", "title": "A draft"}
    with acting(by):
        projects.save_draft(project_id=made.id, step="work", data=work_step, by=by, now=now)
    return made


@pytest.fixture
def live(project, acme):
    return project(acme, gold=0, limits={"newcomer_share_percent": 100})


@pytest.fixture
def carols(live, carol, as_, now):
    """An item in carol's hands."""
    with acting(as_(carol)) as by:
        work.enrol(project_id=live.id, tier="general", has_consented=True, by=by, now=now)
        return work.claim(project_id=live.id, by=by, now=now)


@pytest.fixture
def submitted(carols, carol, as_, now, clock_at):
    """Handed in half a minute later; the requests that follow come after the undo time."""
    with acting(as_(carol)) as by:
        row = work.submit(
            assignment_id=carols.id,
            answer={"choice": "no"},
            by=by,
            now=now + dt.timedelta(seconds=30),
        )
    clock_at(now + dt.timedelta(minutes=3))
    return row


def count(model, actor, **wanted):
    with acting(actor):
        return model.objects.filter(**wanted).count()


# ── Items ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"item_id;text;gold\n1;Is it?;yes\n", "item_id"),
        (HEADER.encode() + b'1,"Is it?,yes\n', "quot"),
        (HEADER.encode() + b"1,\xff\xfe\xfa,yes\n", "UTF-8"),
        (b"\x00\x01\x02PNG" * 50, ""),
    ],
    ids=["empty", "other-separator", "open-quote", "not-utf-8", "no-csv-at-all"],
)
def test_a_broken_csv_says_why_and_adds_nothing(buyer, draft, acme, now, content, says):
    sent = {"file": file(content), "purpose": "work"}
    answer = buyer.post(reverse("projects:upload", args=[draft.id]), sent)
    if answer.status_code == 302:
        with acting(system(acme.id)) as by:
            load = ItemImport.objects.get(project=draft)
            projects.run_import(import_id=load.id, by=by, now=now)
        page = text_of(buyer.get(answer.url), 200)
        assert "Nothing of this file was kept." in page or "cannot" in page
    else:
        page = text_of(answer, 422)
    assert says.lower() in page.lower()
    assert count(Item, system(acme.id), project=draft) == 0


def test_good_rows_beside_broken_ones_wait_for_the_buyers_word(buyer, draft, acme, now):
    content = f"{HEADER}1,Is it?,yes\n2,,no\n3,It is.,perhaps\n3,Twice?,yes\n".encode()
    sent = {"file": file(content), "purpose": "work"}
    address = buyer.post(reverse("projects:upload", args=[draft.id]), sent).url
    with acting(system(acme.id)) as by:
        load = ItemImport.objects.get(project=draft)
        projects.run_import(import_id=load.id, by=by, now=now)
    page = text_of(buyer.get(address), 200)
    assert "2 rows can be used, 2 cannot. Nothing is added before you say so." in page
    assert "none of the choices" in page
    assert count(Item, system(acme.id), project=draft) == 0
    buyer.post(reverse("projects:import-keep", args=[draft.id, load.id]))
    assert count(Item, system(acme.id), project=draft) == 2


# ── Publishing ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def complete(draft, acme, alice, as_, now):
    """The draft with everything that publishing asks for but the money."""
    by = as_(alice)
    with acting(by):
        for step, data in SECTIONS.items():
            projects.save_draft(project_id=draft.id, step=step, data=data, by=by, now=now)
    for purpose, content in (("work", WORK), ("qualification", QUALIFICATION)):
        with acting(by):
            load = projects.start_import(
                project_id=draft.id, name="items.csv", content=[content], purpose=purpose,
                by=by, now=now,
            )  # fmt: skip
        with acting(system(acme.id)) as worker:
            projects.run_import(import_id=load.id, by=worker, now=now)
    return draft


def is_still_a_draft(project, org):
    with acting(system(org.id)):
        held = find_account(Purpose.HELD, currency="USD", holder=org.id, scope=project.id)
        row = Project.objects.get(id=project.id)
    return row.state == "draft" and row.criteria_id is None and held.balance == 0


def test_a_free_qualification_is_not_published(buyer, complete, acme, alice, as_, now, funded):
    funded(acme, 1_000_00)
    with acting(as_(alice)) as by:
        pay = {**SECTIONS["pay"], "qualification": 0}
        projects.save_draft(project_id=complete.id, step="pay", data=pay, by=by, now=now)
    answer = buyer.post(reverse("projects:publish", args=[complete.id]))
    assert "A qualification cannot be priced at zero" in text_of(answer, 422)
    assert is_still_a_draft(complete, acme)
    typed = buyer.get(reverse("projects:draft", args=[complete.id, "work"]))
    assert 'name="pay-qualification" value="0.00"' in text_of(typed, 200)


def test_publishing_without_funds_moves_nothing(buyer, complete, acme):
    answer = buyer.post(reverse("projects:publish", args=[complete.id]))
    assert "The wallet has $0.00, the budget is $500.00: fund the wallet" in text_of(answer, 422)
    assert is_still_a_draft(complete, acme)


# ── Work and verdicts ───────────────────────────────────────────────────────────────────────────


def test_a_rejection_without_a_cited_line_decides_nothing(client_of, rob, live, submitted):
    typed = {"outcome": "reject", "criterion": "", "note": NOTE, "evidence": "It asks when."}
    address = reverse("work:review-submission", args=[submitted.id])
    page = text_of(client_of(rob).post(address, typed), 422)
    assert "rubric" in page
    assert NOTE.strip() in page and "It asks when." in page
    assert count(Verdict, system(live.org_id), project=live) == 0
    made_up = client_of(rob).post(address, {**typed, "criterion": "taste"})
    assert "taste" in text_of(made_up, 422)
    assert count(Verdict, system(live.org_id), project=live) == 0


def test_a_double_submit_is_one_answer_and_the_second_word_does_not_count(
    client_of, carol, carols, live
):
    address = reverse("work:submit", args=[carols.id])
    client = client_of(carol)
    assert client.post(address, {"answer.choice": "yes"}).status_code == 302
    again = client.post(address, {"answer.choice": "no"})
    assert again.status_code in {302, 409}
    with acting(Actor(kind="person", user_id=carol.id)):
        answers = list(Submission.objects.filter(assignment=carols))
    assert [row.answer for row in answers] == [{"choice": "yes"}]
    api = client.post(
        f"/api/v1/assignments/{carols.id}/submission",
        {"answer": {"choice": "no"}},
        content_type="application/json",
    )
    assert api.status_code in {200, 201, 409}
    assert count(Submission, Actor(kind="person", user_id=carol.id), assignment=carols) == 1


def test_an_expired_hold_says_so_and_shows_what_was_typed(
    client_of, carol, carols, live, now, clock_at
):
    clock_at(now + dt.timedelta(minutes=31))
    answer = client_of(carol).post(
        reverse("work:submit", args=[carols.id]), {"answer.choice": "unclear"}
    )
    page = text_of(answer, 409)
    assert "expired" in page or "went back" in page
    assert re.search(r'value="unclear"[^>]*checked', page), "what was typed is lost"
    mine = Actor(kind="person", user_id=carol.id)
    assert count(Submission, mine) == 0
    assert count(Assignment, mine, id=carols.id, state="expired") == 1


# ── What comes from elsewhere ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("endpoint", ["platform", "connect"])
@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=00", "t=1,v1=" + "0" * 64, "nonsense"],
    ids=["none", "short", "zeros", "words"],
)
def test_a_forged_webhook_is_refused_and_not_kept(client, db, endpoint, signature):
    event = {"id": "evt_forged", "type": "checkout.session.completed", "object": "event"}
    answer = client.post(
        reverse(f"payments:webhook_{endpoint}"),
        json.dumps(event),
        content_type="application/json",
        headers={"Stripe-Signature": signature},
    )
    assert text_of(answer, 400).strip().endswith(".")
    assert count(StripeEvent, system()) == 0


HUGE = "x" * (6 * 2**20)


def test_an_oversized_body_is_refused_and_the_work_goes_on(client_of, carol, carols):
    client = client_of(carol)
    answer = client.post(reverse("work:draft", args=[carols.id]), {"answer.choice": HUGE})
    assert "What was sent is too large: a form holds at most 5 MB." in text_of(answer, 413)
    api = client.put(
        f"/api/v1/assignments/{carols.id}/draft",
        json.dumps({"draft": {"choice": HUGE}}),
        content_type="application/json",
    )
    assert "is too large" in json.loads(text_of(api, 413))["detail"]
    mine = Actor(kind="person", user_id=carol.id)
    assert count(Assignment, mine, id=carols.id, state="claimed") == 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ('{"project": "x"', "application/json", 400),
        ('["a list"]', "application/json", 422),
        ("project=x", "application/x-www-form-urlencoded", 415),
        ("<project/>", "application/xml", 415),
        (b"\xff\xfe", "application/json", 400),
        ('{"project": "\\u0000"}', "application/json", 422),
    ],
)
def test_a_wrong_content_type_or_broken_json_is_one_json_sentence(
    client_of, carol, live, body, kind, status
):
    answer = client_of(carol).post("/api/v1/claims", body, content_type=kind)
    assert answer.status_code == status, answer.content[:500]
    assert answer.headers["Content-Type"] == "application/json"
    assert re.match(r"[\w: ]*[A-Z]\w+ .+", answer.json()["detail"])


def test_json_sent_to_a_page_is_a_form_with_errors(client_of, carol, carols):
    answer = client_of(carol).post(
        reverse("work:submit", args=[carols.id]),
        json.dumps({"answer.choice": "yes"}),
        content_type="application/json",
    )
    assert "Choose one of the answers." in text_of(answer, 422)


@pytest.mark.parametrize("value", ["\x00", "x\x00y", "\ud800", "%00", "9" * 400, "-1", "'; --"])
def test_odd_words_in_searches_are_no_server_error(buyer, live, value):
    own = [reverse(name, args=[live.id]) for name in ("work:review", "projects:items")]
    for address in (*own, reverse("work:board"), reverse("projects:list")):
        for key in ("q", "item", "page", "state", "contributor"):
            sent = value.encode("utf-8", "surrogatepass").decode("latin-1")
            assert buyer.get(address, {key: sent}).status_code < 500, (address, key)


# ── Two tenants in one address or body ──────────────────────────────────────────────────────────

LABELS = {
    "import_id": "projects.ItemImport",
    "invitation_id": "organizations.Invitation",
    "membership_id": "organizations.Membership",
    "project_id": "projects.Project",
    "release_id": "exports.Release",
}


@pytest.fixture
def sides(acme, globex, alice, gus, carol, dave, now, project):
    return [
        rows.Side(org=org, project=project(org, gold=0), contributor=person, now=now)
        for org, person in ((acme, carol), (globex, dave))
    ]


def mixed_addresses():
    """Every address with two ids or more, once for each place that a foreign id can take."""
    for name, parameters in names():
        tenants = [key for key in sorted(parameters) if key in LABELS or key == "slug"]
        if len(tenants) > 1:
            for foreign in tenants:
                yield name, parameters, foreign


def test_there_are_addresses_with_two_ids():
    found = {name for name, _, _ in mixed_addresses()}
    assert {"projects:import", "projects:import-keep", "organizations:set-role"} <= found


def test_a_foreign_id_beside_ones_own_finds_nothing(sides, buyer, alice, as_):
    own, other = sides
    wrong = []
    for name, parameters, foreign in mixed_addresses():
        values = {"number": 1, "name": "answers.csv", "step": "work"}
        for key in parameters:
            side = other if key == foreign else own
            if key == "slug":
                values[key] = side.org.slug
            elif key in LABELS:
                values[key] = side.of(LABELS[key]).pk
        address = reverse(name, kwargs={key: values[key] for key in parameters})
        for method in ("get", "post"):
            status = getattr(buyer, method)(address, {"role": "viewer"}).status_code
            if status not in {404, 405}:
                wrong.append(f"{method} {name} with a foreign {foreign}: {status}")
    assert not wrong, "\n".join(wrong)


def test_foreign_ids_in_bodies_change_nothing(sides, buyer, client_of, carol, submitted, as_, gus):
    own, other = sides
    theirs = other.of("work.Submission")
    before = count(EarningLine, system(other.org.id))
    page = buyer.post(
        reverse("work:review-accept", args=[own.project.id]), {"submission": [str(theirs.pk)]}
    )
    assert page.status_code in {302, 404}
    created = buyer.post(reverse("projects:create"), {"org": str(other.org.id), "title": "Mine?"})
    assert "valid choice" in text_of(created, 422)
    assert count(Project, as_(gus), title="Mine?") == 0
    for body in ({"project": str(uuid7())}, {"project": "no id"}):
        answer = client_of(carol).post("/api/v1/claims", body, content_type="application/json")
        assert answer.status_code in {400, 404, 422}, body
    assert count(EarningLine, system(other.org.id)) == before
    assert count(Verdict, system(other.org.id), project=other.project) == 0


def test_every_id_that_is_no_id_is_404(buyer, client):
    """The converters refuse it before any view is asked."""
    some = uuid7()
    for name in ("pages:project_live", "work:assignment", "cases:detail", "exports:detail"):
        pattern = reverse(name, args=[some]).replace(str(some), "{}")
        for word in ("1", "null", "..%2f..", "0" * 32, "x" * 36):
            assert buyer.get(pattern.format(word)).status_code == 404
    assert get_resolver().resolve("/").view_name == "home"
