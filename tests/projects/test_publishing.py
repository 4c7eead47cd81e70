"""Publishing: everything that blocks it, what it freezes, and the money that moves."""

import copy
import datetime as dt

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.money import written
from apps.core.tenancy import Actor, acting, system
from apps.ledger.models import Transfer
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects import queries, rules, tasks
from apps.projects.enums import PROJECT_TRANSITIONS, ProjectState
from apps.projects.errors import NotReady
from apps.projects.models import CriteriaVersion, Offer, Project
from apps.projects.queries.criteria import floor_per_hour
from tests.factories.projects import PAY_2
from tests.factories.projects import body as criteria_body
from tests.projects.conftest import SECTIONS

pytestmark = pytest.mark.django_db


# The most that one attempt costs: two items of two minutes and ten minutes of instructions at the
# floor, and the time of three items that are given back.
SEAT = 2 * 55 + 275 + 3 * 55


def problems_of(project, owner, now):
    with acting(owner):
        return queries.problems(Project.objects.get(id=project.id), now=now)


def publish(project, owner, now):
    with acting(owner):
        return projects.publish(project_id=project.id, by=owner, now=now)


def test_a_complete_project_is_published(ready, owner, acme, mia, now):
    project = ready()
    assert problems_of(project, owner, now) == []
    criteria = publish(project, owner, now)

    with acting(owner):
        project = Project.objects.select_related("org", "criteria").get(id=project.id)
        assert (project.state, project.criteria, project.published_at) == ("live", criteria, now)
        assert project.seats == {"tested": 3}
        seats = 3 * SEAT
        assert queries.held(project).available == 500_00 - seats
        funds = queries.funds(project)
        assert (funds.put_in, funds.free, funds.seats.available) == (500_00, 500_00 - seats, seats)
        assert queries.wallet(acme).available == 500_00
        moved = Transfer.objects.filter(scope_id=project.id).values_list("code", "amount")
        assert sorted(moved) == [("fund_project", 500_00 - seats), ("fund_seats", seats)]
    with acting(actor_of(mia)):
        assert Notice.objects.get(user=mia).title == "Is it a question? is live"
    offer = Offer.objects.get(project=project)
    assert offer.is_listed
    assert offer.body["criteria"]["sha256"] == criteria.sha256
    assert offer.body["organization"]["owners"] == acme.owners
    assert offer.body["per_item"] == {"gross": 46, "fee": 6, "net": 40}
    assert "decision" not in offer.body


def test_the_criteria_hold_every_number_of_the_settings(ready, owner, now):
    body = publish(ready(), owner, now).body
    numbers = settings.WAGEFILE
    assert set(body) == set(criteria_body())
    for part in ("pay", "windows", "limits", "task", "consent", "disclosure"):
        more = set(PAY_2) if part == "pay" else set()
        assert set(body[part]) == set(criteria_body()[part]) | more, part
    assert body["pay"]["fee_bps"] == numbers["fee_bps"]
    assert body["pay"]["floor_per_hour"] == max(numbers["region_floors"].values())
    assert body["pay"]["paid_seconds_max"] == 120
    assert body["pay"]["quality_bar"] == "0.80"
    assert body["windows"]["review_hours"] == numbers["review_window_hours"]
    assert body["limits"]["newcomer_share_percent"] == numbers["newcomer_share_percent"]
    assert body["disclosure"]["owners"] == "Alice owns all of it."


def test_settings_act_on_the_next_publishing_only(ready, owner, now, monkeypatch):
    criteria = publish(ready(), owner, now)
    monkeypatch.setitem(settings.WAGEFILE, "fee_bps", 9000)
    with acting(owner):
        again = CriteriaVersion.objects.get(id=criteria.id)
        assert again.body["pay"]["fee_bps"] == 1500
        assert queries.terms(again.id).fee_bps == 1500
        assert (
            queries.draft_body(Project.objects.get(id=again.project_id))["pay"]["fee_bps"] == 9000
        )


def test_the_hash_is_stable_and_covers_every_word(ready, owner, now):
    criteria = publish(ready(), owner, now)
    with acting(owner):
        stored = CriteriaVersion.objects.get(id=criteria.id)
    assert queries.sha256_of(stored.body) == stored.sha256 == criteria.sha256
    backwards = dict(reversed(list(stored.body.items())))
    assert queries.sha256_of(backwards) == stored.sha256
    changed = copy.deepcopy(stored.body)
    changed["rubric"][0]["anchors"]["3"] += "."
    assert queries.sha256_of(changed) != stored.sha256


def test_postgresql_refuses_to_change_criteria(ready, owner, now):
    criteria = publish(ready(), owner, now)
    with acting(owner):
        mine = CriteriaVersion.objects.filter(id=criteria.id)
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            mine.update(body={})
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            mine._raw_delete(using="default")
        assert mine.get().sha256 == queries.sha256_of(mine.get().body)


BLOCKED = [
    ({"pay": {"qualification": 0}}, "A qualification cannot be priced at zero"),
    ({"pay": {"base": 0}}, "The base pay of an item must be more than zero."),
    ({"pay": {"base": 9}}, "At your estimate of 30 seconds the base pays $10.80 an hour"),
    ({"pay": {"premiums": [{"key": "p", "label": "P", "amount": 0}]}}, "The premium p needs"),
    ({"rubric": {"lines": []}}, "The rubric needs at least one line"),
    (
        {"rubric": {"lines": [{"key": "a", "title": "A", "weight": 1, "anchors": {"1": "x"}}]}},
        "The rubric line a must say what a 1, a 3 and a 5 looks like.",
    ),
    ({"tiers": {"tiers": []}}, "Say who may do the work"),
    ({"decision": {"internal_path": " "}}, "Decision file: Which way leads"),
    ({"consent": {"licence": ""}}, "Consent: say the licence."),
    ({"consent": {"secondary_use": "resale"}}, "Consent: a secondary use needs a price."),
    ({"disclosure": {"trains": ""}}, "Disclosure: say what the data trains."),
    ({"items": {"overlap": 0}}, "The overlap must be from 1"),
    ({"items": {"overlap": 3, "overlap_max": 2}}, "The most answers an item gets"),
    ({"items": {"overlap": 1, "overlap_max": 3}}, "Whether people agree is seen"),
    ({"items": {"gold_percent": 50}}, "Gold is 5 to 15 percent"),
    ({"items": {"repeat_percent": 6}}, "Repeats are at most 5 percent"),
    ({"items": {"repeat_percent": -1}}, "Repeats are at most 5 percent"),
    ({"items": {"gold_percent": 10, "gold_percent_min": 12}}, "The share of gold for proven"),
    ({"items": {"gold_percent": 10, "gold_percent_min": 2}}, "The share of gold for proven"),
    ({"budget": {"amount": 0}}, "Set the budget."),
    ({"budget": {"amount": 100}}, "The budget of $1.00 is too small"),
    ({"budget": {"amount": 1_000_01}}, "The wallet has $1,000.00, the budget is $1,000.01"),
    ({"work": {"estimate_seconds": 0}}, "Estimate the time of one item"),
    ({"work": {"band": {}}}, "Say how complex the task is"),
    ({"work": {"visibility": "staff"}}, "Only public projects can be published"),
]


@pytest.mark.parametrize(("changes", "sentence"), BLOCKED)
def test_what_blocks_publishing_is_said_and_nothing_moves(
    ready, acme, owner, now, changes, sentence
):
    project = ready(**changes)
    found = problems_of(project, owner, now)
    assert any(problem.startswith(sentence) for problem in found), found
    with pytest.raises(NotReady) as refused:
        publish(project, owner, now)
    assert refused.value.problems == found
    with acting(owner):
        assert Project.objects.get(id=project.id).state == "draft"
        assert not CriteriaVersion.objects.filter(project=project).exists()
        assert queries.wallet(acme).available == 1_000_00


def test_without_funds_nothing_is_published(ready, owner, now):
    project = ready(wallet=0)
    with pytest.raises(NotReady, match="fund the wallet first"):
        publish(project, owner, now)


def test_money_that_two_projects_want_is_given_to_one(ready, owner, now):
    first, second = ready(wallet=600_00), ready(wallet=0)
    publish(first, owner, now)
    with pytest.raises(NotReady, match=r"The wallet has \$100.00"):
        publish(second, owner, now)


def test_an_empty_draft_lists_its_problems_and_breaks_on_nothing(acme, owner, now):
    with acting(owner):
        project = projects.create(org_id=acme.id, title="Nothing yet", by=owner, now=now)
        assert len(queries.problems(project, now=now)) > 15
        for step in queries.SECTIONS:
            projects.save_draft(
                project_id=project.id, step=step, data={"tiers": 3, "lines": [None], "base": "x",
                "band": [], "config": 1, "premiums": {"a": 1}, "amount": None}, by=owner, now=now,
            )  # fmt: skip
        project.refresh_from_db()
        assert len(queries.problems(project, now=now)) > 15
        queries.cost_preview(queries.draft_body(project), items=10, budget=100)


def test_items_and_qualification_gold_are_needed(draft, load, owner, now):
    project = draft()
    found = problems_of(project, owner, now)
    assert "Add items: there is nothing to work on yet." in found
    assert any("only 0 qualification items carry a known answer" in problem for problem in found)
    load(project, b"item_id,text\na,one\na,two\n")
    assert any("waits for your decision" in problem for problem in problems_of(project, owner, now))


def test_items_of_another_task_are_found(ready, owner, now):
    pair = {
        "question": "?",
        "content": "pair",
        "choices": [{"key": "maybe", "label": "m"}, {"key": "no", "label": "n"}],
    }
    project = ready(wallet=1_000_00)
    with acting(owner):
        work = queries.criteria.draft_of(project)["work"]
        projects.save_draft(
            project_id=project.id, step="work", data={**work, "config": pair}, by=owner, now=now
        )
    found = problems_of(project, owner, now)
    assert "Some items do not have the fields of this task; import them again." in found
    assert "The known answer 'yes' is none that can be given in this task." in found


def test_the_minimum_budget_is_exactly_enough(ready, owner, now):
    with acting(owner):
        body = queries.draft_body(ready())
    least = queries.minimum_budget(body)
    terms = rules.Terms.of(body)
    claim = rules.max_cost(
        terms, kind=rules.Kind.WORK, triggers=frozenset(), cap_seconds=120 + 600
    ).total
    assert least >= claim * 4  # a newcomer's quarter of it still holds a claim
    assert least >= claim + queries.cost_preview(body, 1, least).exposure.qualification
    short, enough = ready(budget={"amount": least - 1}), ready(budget={"amount": least})
    assert any("too small" in problem for problem in problems_of(short, owner, now))
    assert problems_of(enough, owner, now) == []


def test_the_highest_floor_of_all_open_regions_wins():
    minima, table = settings.WAGEFILE["region_floors"], settings.WAGEFILE["floor_per_hour"]
    only = [{"regions": ["US"]}]
    assert floor_per_hour("USD", only) == minima["US"]
    assert floor_per_hour("USD", [*only, {"regions": ["DE"]}]) == minima["DE"]
    assert floor_per_hour("USD", [*only, {"regions": []}]) == max(minima.values())
    assert floor_per_hour("USD", [{"regions": ["KE"]}]) == table["USD"]
    assert floor_per_hour("EUR", only) == table["EUR"]
    assert floor_per_hour("XXX", only) == 0


def test_the_same_work_for_less_is_refused_for_ninety_days(ready, owner, now):
    publish(ready(pay={"base": 50}), owner, now)
    cheaper, same = ready(), ready(pay={"base": 50})
    day = dt.timedelta(days=1)
    found = problems_of(cheaper, owner, now + 90 * day)
    assert len(found) == 1
    assert found[0].startswith("On 02 March 2026 you published the same kind of work for $0.50")
    with pytest.raises(NotReady):
        publish(cheaper, owner, now)
    assert problems_of(same, owner, now) == []
    assert problems_of(cheaper, owner, now + 91 * day) == []
    other = ready(work={"layer": "evaluation"})
    assert problems_of(other, owner, now) == []


def test_preview_adds_up_and_never_ends_below_the_floor(ready, owner):
    with acting(owner):
        body = queries.draft_body(ready())
    seen = queries.cost_preview(body, items=1000, budget=500_00)
    assert seen.per_item == queries.Split(gross=46, fee=6, net=40)
    assert seen.total == queries.Split(gross=92_000, fee=12_000, net=80_000)
    assert (seen.answers, seen.hourly_at_estimate) == (2000, 4800)
    assert seen.exposure.newcomers == 125_00
    for example in seen.examples:
        assert example.split.gross == example.split.net + example.split.fee
        assert example.hourly >= seen.floor_per_hour, example.title
        assert all(written(line.net, "USD") and line.reason for line in example.lines)


def test_only_managers_publish(ready, rob, fay, vic, mia, gus, globex, ada, now):
    project = ready()
    for user in (rob, fay, vic, ada):
        actor = actor_of(user)
        with acting(actor), pytest.raises(NotAllowed):
            projects.publish(project_id=project.id, by=actor, now=now)
    with acting(actor_of(gus)) as outsider, pytest.raises(NotThere):
        projects.publish(project_id=project.id, by=outsider, now=now)
    with acting(actor_of(mia)) as manager:
        projects.publish(project_id=project.id, by=manager, now=now)
        with pytest.raises(Conflict):
            projects.publish(project_id=project.id, by=manager, now=now)


def version(project, owner, now, **changes):
    with acting(owner):
        written_so_far = queries.criteria.draft_of(project)
        for step, data in changes.items():
            projects.save_draft(
                project_id=project.id, step=step, data={**written_so_far[step], **data},
                by=owner, now=now,
            )  # fmt: skip
        return projects.publish_version(project_id=project.id, by=owner, now=now)


def test_a_later_version_funds_the_seats_that_it_adds_or_makes_dearer(ready, owner, now):
    project = ready()
    publish(project, owner, now)

    def seats():
        with acting(owner):
            row = Project.objects.select_related("org", "criteria").get(id=project.id)
            return row.seats, queries.funds(row).seats.available

    [tier] = SECTIONS["tiers"]["tiers"]
    more = {**tier, "qualification": {**tier["qualification"], "seats": 5}}
    version(project, owner, now, tiers={"tiers": [more]})
    assert seats() == ({"tested": 5}, 5 * SEAT)
    # An estimate of 80 seconds pays 240 of them: each item of an attempt costs double.
    version(project, owner, now, work={"estimate_seconds": 80})
    assert seats() == ({"tested": 5}, 5 * (SEAT + 5 * 55))
    # A version that says fewer takes no funded seat back.
    version(project, owner, now, tiers={"tiers": [tier]}, pay={"base": 41})
    assert seats() == ({"tested": 5}, 5 * (SEAT + 5 * 55))
    many = {**tier, "qualification": {**tier["qualification"], "seats": 500}}
    with pytest.raises(NotReady) as refusal:
        version(project, owner, now, tiers={"tiers": [many]})
    assert any("fund it first" in problem for problem in refusal.value.problems)
    none = {**tier, "qualification": None}
    with pytest.raises(NotReady) as refusal:
        version(project, owner, now, tiers={"tiers": [none]})
    assert any("drop the qualification" in problem for problem in refusal.value.problems)


def test_a_later_version_holds_for_new_claims_only(ready, owner, now):
    project = ready()
    first = publish(project, owner, now)
    second = version(project, owner, now, pay={"base": 45})
    with acting(owner):
        assert (first.number, second.number) == (1, 2)
        assert Project.objects.get(id=project.id).criteria_id == second.id
        assert CriteriaVersion.objects.get(id=first.id).body["pay"]["base"] == 40
    assert Offer.objects.get(project=project).body["criteria"]["number"] == 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Nothing has changed"),
        ({"pay": {"base": 39}}, "A later version cannot lower base"),
        ({"pay": {"qualification": 1}}, "A later version cannot lower qualification"),
        ({"consent": {"licence": "mine"}}, "A later version cannot change consent"),
        ({"work": {"layer": "domain"}}, "A later version cannot change layer"),
        ({"work": {"config": {"question": "Which?", "content": "text", "choices": [
            {"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}]}}},
         "A later version cannot change the task type, question or answers."),
        ({"rubric": {"lines": []}}, "The rubric needs at least one line"),
    ],
)  # fmt: skip
def test_what_a_later_version_may_not_do(ready, owner, now, changes, sentence):
    project = ready()
    publish(project, owner, now)
    with pytest.raises(NotReady, match=sentence):
        version(project, owner, now, **changes)


def test_a_premium_is_kept_in_later_versions(ready, owner, now):
    project = ready(pay={"premiums": [{"key": "n", "label": "Night", "amount": 5}]})
    publish(project, owner, now)
    with pytest.raises(NotReady, match="cannot lower the premium"):
        version(project, owner, now, pay={"premiums": []})


# ── Live ────────────────────────────────────────────────────────────────────────────────────────
MOVES = {
    ProjectState.PAUSED: projects.pause,
    ProjectState.LIVE: projects.resume,
    ProjectState.CLOSING: projects.begin_close,
}


def in_state(state, ready, owner, acme, now):
    project = ready()
    if state == ProjectState.DRAFT:
        return project
    publish(project, owner, now)
    with acting(owner):
        if state == ProjectState.PAUSED:
            projects.pause(project_id=project.id, by=owner, now=now)
        if state in {ProjectState.CLOSING, ProjectState.CLOSED}:
            projects.begin_close(project_id=project.id, by=owner, now=now)
    if state == ProjectState.CLOSED:
        with acting(system(acme.id)) as worker:
            projects.finish_close(project_id=project.id, by=worker, now=now)
    return project


@pytest.mark.parametrize("before", list(ProjectState))
@pytest.mark.parametrize("after", list(MOVES))
def test_every_move_of_a_project(ready, owner, acme, now, before, after):
    project = in_state(before, ready, owner, acme, now)
    is_legal = after in PROJECT_TRANSITIONS[before] and before != ProjectState.DRAFT
    with acting(owner):
        if is_legal:
            assert MOVES[after](project_id=project.id, by=owner, now=now).state == after
            assert Offer.objects.get(project=project).state == after
        else:
            with pytest.raises((IllegalTransition, Conflict)):
                MOVES[after](project_id=project.id, by=owner, now=now)
            assert Project.objects.get(id=project.id).state == before


def test_closing_gives_the_rest_back(ready, owner, acme, now):
    project = in_state(ProjectState.CLOSING, ready, owner, acme, now)
    with acting(owner), pytest.raises(NotAllowed):
        projects.finish_close(project_id=project.id, by=owner, now=now)
    with acting(system(acme.id)) as worker:
        closed = projects.finish_close(project_id=project.id, by=worker, now=now)
    with acting(owner):
        assert (closed.state, closed.closed_at) == ("closed", now)
        assert queries.held(closed).available == queries.funds(closed).balance == 0
        assert queries.wallet(acme).available == 1_000_00


def test_top_up_comes_from_the_wallet(ready, owner, acme, vic, now):
    project = ready()
    publish(project, owner, now)
    with acting(owner):
        projects.top_up(project_id=project.id, amount=300_00, by=owner, now=now)
        projects.top_up(project_id=project.id, amount=100_00, by=owner, now=now)
        assert queries.held(Project.objects.get(id=project.id)).available == 900_00 - 3 * SEAT
        with pytest.raises(Conflict, match="fund it first"):
            projects.top_up(project_id=project.id, amount=100_01, by=owner, now=now)
        with pytest.raises(Invalid):
            projects.top_up(project_id=project.id, amount=0, by=owner, now=now)
        assert queries.held(Project.objects.get(id=project.id)).available == 900_00 - 3 * SEAT
    with acting(actor_of(vic)) as viewer, pytest.raises(NotAllowed):
        projects.top_up(project_id=project.id, amount=1, by=viewer, now=now)


def test_extend_opens_the_slots_it_says(ready, owner, now):
    project = ready()
    publish(project, owner, now)
    with acting(owner):
        item = project.items.filter(purpose="work").first()
        project.items.filter(id=item.id).update(open_slots=0)  # both answers are in
        assert queries.extension_slots(project, 5) == 15
        assert projects.extend(project_id=project.id, overlap=5, by=owner, now=now) == 15
        slots = project.items.filter(purpose="work").values_list("open_slots", "overlap")
        assert sorted(slots) == [
            (3, 5), (5, 5), (5, 5), (5, 5), (5, 5),
        ]  # fmt: skip
        with pytest.raises(Invalid):
            projects.extend(project_id=project.id, overlap=5, by=owner, now=now)


def test_a_changed_overlap_reaches_items_that_are_there(ready, owner, now):
    project = ready()
    with acting(owner):
        projects.save_draft(
            project_id=project.id, step="items", data={"overlap": 4}, by=owner, now=now
        )
        assert set(project.items.values_list("overlap", "open_slots")) == {(4, 4)}


def test_figures_are_merged_by_the_system_alone(ready, owner, acme, now):
    project = ready()
    publish(project, owner, now)
    with acting(system(acme.id)) as worker:
        for body, figures in (({"done": 1}, {"a": 1}), ({"spent": 2}, {"b": 2})):
            projects.store_figures(
                project_id=project.id, body=body, offer_figures=figures, by=worker, now=now
            )
    with acting(owner):
        assert Project.objects.get(id=project.id).figures.body == {"done": 1, "spent": 2}
        with pytest.raises(NotAllowed):
            projects.store_figures(
                project_id=project.id, body={}, offer_figures={}, by=owner, now=now
            )
    assert Offer.objects.get(project=project).figures == {"a": 1, "b": 2}


def test_the_sweep_counts_what_this_floor_knows(ready, owner, now):
    project = ready()
    publish(project, owner, now)
    assert tasks.publish_figures() == 1
    with acting(owner):
        body = Project.objects.get(id=project.id).figures.body
    assert body["item_counts"] == {
        "work": 5, "work_gold": 5, "qualification": 2, "qualification_gold": 2,
    }  # fmt: skip
    assert body["slots_left"] == 10
    assert body["budget"] == {
        "funded": 500_00, "paid_or_returned": 0, "reserved": 0, "free": 500_00 - 3 * SEAT,
        "seats": 3 * SEAT,
    }  # fmt: skip
    assert Offer.objects.get(project=project).figures == {"items": 5, "volume_left": 10}


@pytest.mark.parametrize(
    "data", [{"title": "nul \x00"}, {"title": "half \ud800"}, {"x": float("nan")}, {"x": {1, 2}}]
)
def test_a_draft_refuses_what_cannot_be_stored(draft, owner, now, data):
    project = draft()
    with acting(owner), pytest.raises(Invalid):
        projects.save_draft(project_id=project.id, step="work", data=data, by=owner, now=now)


def test_a_draft_has_known_sections_only(draft, owner, now):
    project = draft()
    with acting(owner), pytest.raises(Invalid, match="no section 'prices'"):
        projects.save_draft(project_id=project.id, step="prices", data={}, by=owner, now=now)


def test_nobody_creates_in_a_foreign_organization(acme, gus, globex, vic, now):
    for user in (gus, vic):
        with acting(actor_of(user)) as actor, pytest.raises(NotAllowed):
            projects.create(org_id=acme.id, title="Mine", by=actor, now=now)
    nobody = Actor(kind="person", user_id=gus.id, roles={acme.id: "viewer"})
    with acting(nobody), pytest.raises(NotAllowed):
        projects.create(org_id=acme.id, title="Mine", by=nobody, now=now)
