"""The API: the same doors as the pages, as JSON; nothing tells known answers apart."""

import datetime as dt
import random
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from apps.core.tenancy import Actor, acting, system
from apps.projects.models import GoldAnswer, Offer
from apps.work import actions as work
from apps.work.models import Assignment, Enrolment, Submission

BASE = "/api/v1"
ALL_NEW = {"newcomer_share_percent": 100}


class Caller:
    """A signed-in client that speaks JSON."""

    def __init__(self, client):
        self.client = client

    def get(self, path, status=200):
        return self._checked(self.client.get(f"{BASE}/{path}"), status)

    def post(self, path, body=None, status=201):
        sent = self.client.post(f"{BASE}/{path}", body or {}, content_type="application/json")
        return self._checked(sent, status)

    def put(self, path, body, status=200):
        sent = self.client.put(f"{BASE}/{path}", body, content_type="application/json")
        return self._checked(sent, status)

    def _checked(self, response, status):
        assert response.status_code == status, response.content.decode()[:2000]
        return response.json()

    def join(self, project, tier="general", status=201):
        body = {"project": str(project.id), "tier": tier, "has_consented": True}
        return self.post("enrolments", body, status)

    def claim(self, project, status=201, **more):
        return self.post("claims", {"project": str(project.id), **more}, status)

    def submit(self, assignment, choice="yes", status=201):
        body = {"answer": {"choice": choice}}
        return self.post(f"assignments/{assignment['id']}/submission", body, status)


@pytest.fixture
def questions(project, acme):
    return project(acme, gold=0, limits=ALL_NEW)


@pytest.fixture
def api(client_of, carol):
    return Caller(client_of(carol))


def mine(user):
    return Actor(kind="person", user_id=user.id)


# ── The way through ─────────────────────────────────────────────────────────────────────────────


def test_from_the_offer_to_the_result(api, carol, questions):
    (offer,) = api.get("offers")["results"]
    assert offer["project"] == str(questions.id)
    assert offer["per_item"] == {"net": 40, "fee": 6, "gross": 46}
    assert [tier["gaps"] for tier in offer["tiers"]] == [[], []]
    assert offer["criteria_sha256"] == questions.criteria.sha256
    assert api.join(questions)["state"] == "qualified"

    claimed = api.claim(questions)
    assert claimed["state"] == "claimed"
    assert claimed["task"]["payload"]["text"].startswith("Sentence number")
    assert claimed["earns"]["accepted"] == 40 and claimed["earns"]["rejected"] == 20
    assert api.claim(questions)["id"] == claimed["id"]
    assert api.get(f"assignments/{claimed['id']}") == claimed

    path = f"assignments/{claimed['id']}"
    api.put(f"{path}/draft", {"draft": {"choice": "no"}})
    assert api.get(path)["answer"] == {"choice": "no"}
    submission = api.submit(claimed, "no")
    assert submission["answer"] == {"choice": "no"}
    assert api.post(f"{path}/undo", status=200)["answer"] == {"choice": "no"}
    api.submit(claimed, "yes")

    (result,) = api.get("results")["results"]
    assert (result["assignment"], result["state"]) == (claimed["id"], "submitted")
    assert (result["verdicts"], result["lines"]) == ([], [])
    assert api.get("earnings") == {"balances": [], "projects": []}


def test_a_paid_qualification_reaches_results_and_earnings(api, carol, questions, now, clock_at):
    api.join(questions, tier="tested")
    claimed = api.claim(questions)
    clock_at(now + dt.timedelta(seconds=30))
    api.submit(claimed, "unclear")
    (result,) = api.get("results")["results"]
    assert [verdict["outcome"] for verdict in result["verdicts"]] == ["accepted"]
    (line,) = result["lines"]
    assert (line["kind"], line["net"], line["fee"], line["gross"]) == ("qualification", 40, 0, 40)
    assert line["criteria_version"] == 1
    earned = api.get("earnings")
    assert earned["balances"][0]["payable"] == 40
    assert earned["projects"][0]["per_hour"] == 4800


def test_the_clock_is_the_servers(api, questions, now, clock_at):
    api.join(questions)
    path = f"assignments/{api.claim(questions)['id']}/beats"
    clock_at(now + dt.timedelta(seconds=15))
    assert api.post(path, {"had_input": True}, 200)["active_seconds"] == 15
    assert api.post(path, {"had_input": True}, 200)["active_seconds"] == 15  # no time has passed
    clock_at(now + dt.timedelta(seconds=315))
    measured = api.post(path, {"had_input": False}, 200)
    assert (measured["active_seconds"], measured["idle_seconds"]) == (15, 300)
    assert measured["expires_at"].startswith("2026-03-02T09:35:15")


def test_giving_back(api, questions):
    api.join(questions)
    claimed = api.claim(questions)
    path = f"assignments/{claimed['id']}/give-back"
    assert api.post(path, {"reason": "broken"}, 422)["field"] == "note"
    assert api.post(path, {"reason": "bored"}, 422)["field"] == "reason"
    assert api.post(path, {"reason": "skip"}, 200)["state"] == "given_back"


def test_an_item_by_name_only_where_items_are_assigned(api, questions):
    api.join(questions)
    assert api.claim(questions, 422, item="i3")["field"] == "item"


def test_the_named_item_of_an_assigned_project(client_of, carol, project, acme):
    named = project(acme, gold=0, visibility="assigned", limits=ALL_NEW)
    with acting(system(acme.id)) as by:
        work.enrol(
            project_id=named.id, tier="general", has_consented=True, by=by,
            now=named.published_at, contributor_id=carol.id,
        )  # fmt: skip
    api = Caller(client_of(carol))
    assert api.get("offers")["results"] == []
    claimed = api.claim(named, item="i3")
    assert claimed["task"]["payload"] == {"text": "Sentence number 3?"}


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("enrolments", {"tier": "general", "has_consented": True}, "project"),
        ("enrolments", {"project": str(uuid.uuid4()), "tier": "x"}, "has_consented"),
        ("claims", {"project": "not an id"}, "project"),
    ],
)
def test_a_wrong_shape_is_one_sentence_and_its_field(api, path, body, field):
    said = api.post(path, body, 422)
    assert said["field"] == field
    assert said["detail"].startswith(f"{field}: ")


def test_the_gates_answer_with_the_field(api, questions):
    api.join(questions)
    claimed = api.claim(questions)
    assert api.submit(claimed, "", 422)["field"] == "choice"
    assert api.submit(claimed, "maybe", 422)["field"] == "choice"
    path = f"assignments/{claimed['id']}/submission"
    assert api.post(path, {"answer": ["yes"]}, 422)["field"] == "answer"
    assert api.get(f"assignments/{claimed['id']}")["state"] == "claimed"


def test_refusals_have_sentences_and_codes(api, carol, questions, now, clock_at):
    nobody = str(uuid.uuid4())
    assert "no such project" in api.post("claims", {"project": nobody}, 404)["detail"]
    assert "Read the offer" in api.claim(questions, 403)["detail"]
    refused = {"project": str(questions.id), "tier": "general", "has_consented": False}
    assert "agree to the consent terms" in api.post("enrolments", refused, 422)["detail"]
    api.join(questions)
    claimed = api.claim(questions)
    clock_at(now + dt.timedelta(minutes=31))
    assert "hold on this item ran out" in api.submit(claimed, status=409)["detail"]
    with acting(mine(carol)):
        assert not Submission.objects.filter(contributor=carol).exists()


def test_without_a_session_or_its_token_nothing_is_done(carol, questions):
    for path in ("offers", "results", "earnings"):
        assert Client().get(f"{BASE}/{path}").status_code == 403
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(carol)
    body = {"project": str(questions.id), "tier": "general", "has_consented": True}
    sent = forger.post(f"{BASE}/enrolments", body, content_type="application/json")
    assert sent.status_code == 403
    assert "CSRF" in sent.json()["detail"]
    with acting(mine(carol)):
        assert not Enrolment.objects.filter(contributor=carol).exists()


def test_nobody_reaches_the_work_of_somebody_else(api, client_of, dave, questions):
    api.join(questions)
    claimed = api.claim(questions)
    other = Caller(client_of(dave))
    path = f"assignments/{claimed['id']}"
    other.get(path, 404)
    other.put(f"{path}/draft", {"draft": {"choice": "no"}}, 404)
    other.post(f"{path}/beats", {"had_input": True}, 404)
    other.submit(claimed, status=404)
    other.post(f"{path}/undo", status=404)
    other.post(f"{path}/give-back", {"reason": "skip"}, 404)
    api.submit(claimed)
    assert other.get("results")["results"] == []


# ── What an item gives away ─────────────────────────────────────────────────────────────────────


def shape(value):
    """The skeleton of a JSON value: keys in order and the kinds of the leaves."""
    if isinstance(value, dict):
        return [(key, shape(part)) for key, part in value.items()]
    if isinstance(value, list):
        return [shape(part) for part in value]
    return type(value).__name__


def test_known_answers_are_not_told_apart(api, carol, project, acme):
    mixed = project(acme, how_many=8, gold=4, gold_percent=50, limits=ALL_NEW)
    api.join(mixed)
    # The first assignment has the time for the instructions on top, whatever its item is.
    api.submit(api.claim(mixed))
    seen = {True: [], False: []}
    for _ in range(7):
        claimed = api.claim(mixed)
        submission = api.submit(claimed)
        with acting(Actor(kind="staff", user_id=carol.id)):
            is_known = GoldAnswer.objects.filter(item__assignments=claimed["id"]).exists()
        same = {
            key: claimed[key] for key in ("kind", "state", "round", "criteria_version", "earns")
        }
        same["clock"] = {**claimed["clock"], "expires_at": ""}
        seen[is_known].append((shape(claimed), same, shape(submission)))
    assert seen[True] and seen[False]
    assert all(one == seen[True][0] for one in seen[True] + seen[False])
    results = api.get("results")["results"]
    assert len({str(shape(result)) for result in results}) == 1


def test_no_item_id_leaves(api, carol, questions):
    api.join(questions)
    claimed = api.claim(questions)
    with acting(mine(carol)):
        item = Assignment.objects.select_related("item").get(id=claimed["id"]).item
    said = str(claimed) + str(api.submit(claimed)) + str(api.get("results"))
    assert f"'{item.external_id}'" not in said
    assert f": {item.id}," not in said
    assert str(item.sort_key) not in said


# ── How often the database is asked ─────────────────────────────────────────────────────────────


def queries(function):
    with CaptureQueriesContext(connection) as asked:
        function()
    return len(asked)


def test_lists_ask_as_often_for_three_rows_as_for_one(api, project, acme):
    counts = []
    for how_many in (1, 2):
        for _ in range(how_many):
            made = project(acme, gold=0, limits=ALL_NEW)
            api.join(made, tier="tested")
            api.submit(api.claim(made))
        paths = ("offers", "results", "earnings")
        counts.append([queries(lambda path=path: api.get(path)) for path in paths])
    assert len(api.get("results")["results"]) == 3
    assert len(api.get("offers")["results"]) == 3
    assert counts[0] == counts[1]


def test_the_hundredth_claim_asks_as_often_as_the_first(api, client_of, dave, project, acme):
    # Without chance: a claim that is to be given a known answer and finds none looks once more.
    words = {"gold": 0, "gold_percent": 0, "limits": {"newcomer_share_percent": 99}}
    made = project(acme, how_many=101, budget=5_000_00, **words)
    other = Caller(client_of(dave))
    for caller in (other, api):
        caller.join(made)
    # What a process keeps for ever (criteria, their terms) was read for somebody else's claim.
    other.claim(made)
    counts = []
    for _ in range(100):
        with CaptureQueriesContext(connection) as asked:
            claimed = api.claim(made)
        counts.append(len(asked))
        api.submit(claimed)
    assert set(counts) == {counts[0]}


def test_a_claim_tells_postgresql_once_who_acts(api, questions):
    api.join(questions)
    with CaptureQueriesContext(connection) as asked:
        api.claim(questions)
    told = [query["sql"] for query in asked if "set_config('app.user_id'" in query["sql"]]
    # The first is not its own: in a test the transaction around all requests has its actor back
    # after each of them, here after the enrolment.
    assert len(told) == 2


def test_a_claim_takes_five_statements_and_a_submission_three(api, questions, monkeypatch):
    # Where chance wants an item with a known answer, and there is none left, it asks once more.
    monkeypatch.setattr(random, "random", lambda: 0.99)
    api.join(questions)
    # What a process keeps for ever was read for the first one.
    api.submit(api.claim(questions))
    # The clock of tests can be moved, and their accounts are never known to be committed.
    only_here = ("core_clockoffset", "ledger_account_id")
    with CaptureQueriesContext(connection) as asked:
        claimed = api.claim(questions)
    assert len([one for one in asked if not any(name in one["sql"] for name in only_here)]) == 5
    with CaptureQueriesContext(connection) as asked:
        api.submit(claimed)
    assert len([one for one in asked if not any(name in one["sql"] for name in only_here)]) == 3


def test_a_claim_answers_what_the_assignment_says(api, questions):
    api.join(questions)

    def asked_again():
        return api.get(f"assignments/{claimed['id']}")

    claimed = api.claim(questions)
    assert claimed == asked_again()
    assert claimed["answer"] == {}
    api.put(f"assignments/{claimed['id']}/draft", {"draft": {"choice": "no"}})
    again = api.claim(questions)
    assert again == asked_again()
    assert again["answer"] == {"choice": "no"}
    api.submit(claimed)
    api.post(f"assignments/{claimed['id']}/undo", status=200)
    taken_back = api.claim(questions)
    assert taken_back["id"] == claimed["id"]
    assert taken_back == asked_again()
    assert taken_back["answer"] == {"choice": "yes"}


def test_results_come_in_pages_that_neither_repeat_nor_lose(api, questions):
    api.join(questions)
    sent = [api.submit(api.claim(questions))["id"] for _ in range(5)]
    found, path = [], "results?page_size=2"
    while path:
        page = api.get(path)
        found += [result["id"] for result in page["results"]]
        path = page["next"] and page["next"].split(f"{BASE}/")[1]
    assert found == sent[::-1]


def test_only_live_listed_offers(api, questions):
    Offer.objects.filter(project=questions).update(state="paused")
    assert api.get("offers")["results"] == []


# ── The description of the API ──────────────────────────────────────────────────────────────────


def test_the_openapi_description_is_complete_and_has_no_warnings(capsys):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    assert "Warning" not in capsys.readouterr().err
    paths = {path: set(methods) for path, methods in schema["paths"].items() if "/v1/" in path}
    one = f"{BASE}/assignments/{{assignment_id}}"
    assert paths == {
        f"{BASE}/offers": {"get"},
        f"{BASE}/enrolments": {"post"},
        f"{BASE}/claims": {"post"},
        one: {"get"},
        f"{one}/draft": {"put"},
        f"{one}/beats": {"post"},
        f"{one}/submission": {"post"},
        f"{one}/undo": {"post"},
        f"{one}/give-back": {"post"},
        f"{BASE}/results": {"get"},
        f"{BASE}/earnings": {"get"},
    }
