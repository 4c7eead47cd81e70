"""Premiums by trigger, from the buyer's file to the wage file: named and reserved at the claim."""

import json

import pytest
from django.urls import reverse

from apps.core import blobs
from apps.core.tenancy import acting
from apps.exports import actions as exports
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects import queries
from apps.projects.models import Item
from apps.work.models import EarningLine
from tests.projects.test_publishing import problems_of, publish
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db

EVERYBODY = {
    "key": "general", "title": "Everybody", "regions": [], "languages": [], "credentials": [],
    "qualification": None,
}  # fmt: skip
PREMIUMS = [
    {"key": "each", "label": "Launch", "amount": 3, "trigger": "always"},
    {"key": "harm", "label": "Reports of accidents", "amount": 20, "trigger": "harmful_content"},
    {"key": "night", "label": "Night", "amount": 10, "trigger": "night"},
]
ROWS = b"item_id,text,triggers\nh,A fall from a roof,harmful_content\n"


@pytest.fixture
def live(draft, load, funded, acme, owner, now, clock_at):
    """Published by the actions, with one item of a file that names a trigger."""
    made = draft(
        pay={"base": 55, "premiums": PREMIUMS}, tiers={"tiers": [EVERYBODY]},
        items={"overlap": 1, "gold_percent": 0},
    )  # fmt: skip
    assert load(made, ROWS).state == "done"
    funded(acme, 1_000_00)
    publish(made, owner, now)
    with acting(owner):
        made.refresh_from_db()
    return Desk(made, now, clock_at)


def test_the_criteria_say_who_decides_each_premium(live, owner):
    with acting(owner):
        body = live.project.criteria.body
    assert body["engine"] == "pay/2"
    assert [(p["trigger"], p["source"]) for p in body["pay"]["premiums"]] == [
        ("always", "criteria"), ("harmful_content", "item"), ("night", "clock"),
    ]  # fmt: skip
    assert all(premium["holds"] for premium in body["pay"]["premiums"])


def test_a_row_may_name_only_what_a_premium_pays_and_a_row_decides(draft, load):
    made = draft(pay={"premiums": PREMIUMS})
    asking = load(
        made,
        b"item_id,text,triggers\n"
        b"a,one,harmful_content\n"
        b"b,two,\n"
        b"c,three,urgent\n"
        b'd,four,"harmful_content, night"\n',
    )
    assert (asking.state, asking.rows_good) == ("asking", 2)
    assert asking.refused == [
        [4, "no premium has the trigger 'urgent'; a row can name: harmful_content"],
        [5, "no premium has the trigger 'night'; a row can name: harmful_content"],
    ]


def test_rows_of_json_name_triggers_in_a_list(draft, load, owner):
    made = draft(pay={"premiums": PREMIUMS})
    row = {"item_id": "a", "text": "one", "triggers": ["harmful_content", "harmful_content"]}
    assert load(made, json.dumps(row).encode() + b"\n", "items.jsonl").state == "done"
    with acting(owner):
        assert Item.objects.get(project=made).triggers == ["harmful_content"]


def test_an_item_whose_premium_is_gone_stops_the_publishing(ready, load, owner, now):
    made = ready(pay={"base": 55, "premiums": PREMIUMS})
    assert load(made, ROWS).state == "done"
    assert problems_of(made, owner, now) == []
    with acting(owner):
        projects.save_draft(
            project_id=made.id, step="pay", data={"base": 55, "qualification": 40, "premiums": []},
            by=owner, now=now,
        )  # fmt: skip
    assert problems_of(made, owner, now) == [
        "Some items name a trigger that no premium pays for any more; import them again."
    ]


def test_a_trigger_that_nobody_decides_is_not_published(ready, owner, now):
    unknown = {"key": "x", "label": "X", "amount": 5, "trigger": "full_moon"}
    assert problems_of(ready(pay={"base": 55, "premiums": [unknown]}), owner, now) == [
        "The premium x has a trigger that nobody here decides."
    ]


def test_the_budget_counts_every_premium(ready, owner):
    with acting(owner):
        without = queries.minimum_budget(queries.draft_body(ready(pay={"base": 55})))
        more = ready(pay={"base": 55, "premiums": PREMIUMS})
        assert queries.minimum_budget(queries.draft_body(more)) > without


def test_from_the_row_to_the_wage_file(live, carol, rob, alice, client_of):
    desk = live
    offer = client_of(carol).get(reverse("work:offer", args=[desk.project.id])).text
    said = "the buyer named it in the item&#x27;s row before anybody claimed the item"
    assert said in offer
    desk.at(desk.now.replace(hour=23))
    desk.enrol(carol)
    row = desk.claim(carol)
    # Decided and reserved at the claim, and said to its author on the item.
    assert row.triggers == ["harmful_content", "night"]
    assert row.held_pay == 55 + 3 + 20 + 10
    page = client_of(carol).get(reverse("work:assignment", args=[row.id])).text
    assert "Premium of $0.20, Reports of accidents" in page and said in page

    desk.later(minutes=5)
    desk.submit(carol, row)
    desk.later(minutes=2)
    desk.accept(rob, row)
    desk.later(hours=1)
    desk.lapse(row)
    fee = 13  # 15% of 88, half even
    assert sorted((kind, net) for kind, net, _ in desk.lines(row)) == [
        ("base", 55), ("premium", 3), ("premium", 10), ("premium", 20),
    ]  # fmt: skip
    assert sum(fee_ for _, _, fee_ in desk.lines(row)) == fee
    with acting(STAFF):
        reasons = set(EarningLine.objects.filter(kind="premium").values_list("reason", flat=True))
    # The offer promised each in the same words, before the work started.
    assert len(reasons) == 3
    for reason in reasons:
        assert reason.replace("'", "&#x27;") in offer

    with acting(actor_of(alice)) as actor:
        asked = exports.make_release(project_id=desk.project.id, by=actor, now=desk.now)
    made = desk.as_system(exports.build, release_id=asked.id)
    lines = json.loads(blobs.read(made.files["wage.json"]["sha256"]))["lines"]
    (line,) = [line for line in lines if line["line"] == "assignment"]
    assert line["premiums"] == ["always", "harmful_content", "night"]
    assert (line["net"], line["fee"], line["gross"]) == (88, fee, 88 + fee)
    desk.prove()


def test_rejected_work_has_no_premium_and_an_overturn_brings_it(live, carol, rob):
    desk = live
    desk.enrol(carol)
    row = desk.claim(carol)
    desk.submit(carol, row)
    desk.later(minutes=2)
    desk.reject(rob, row)
    assert [(kind, net) for kind, net, _ in desk.lines(row)] == [("kill_fee", 28)]
    desk.check_holds(row)
    assert desk.fresh(row).held_pay == 55 + 3 + 20 - 28


def test_the_wizard_offers_the_triggers_of_the_layer_first(client_of, alice, draft):
    made = draft()
    page = client_of(alice).get(reverse("projects:draft", args=[made.id, "rubric"])).text
    named = page.index("What the compensation map names for labelling")
    others = page.index("Of other work layers")
    for label in ("Scarce language", "Difficult modality", "Exposure to harmful content"):
        assert named < page.index(label) < others
    assert others < page.index("Supports an external audit")
