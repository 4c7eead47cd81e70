"""What the next version would have paid: the same answers, worked out by the rules that pay."""

import copy
import datetime as dt
import uuid

from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.core.tenancy import acting
from apps.projects import actions as projects
from apps.projects import rules
from apps.projects.models import Project
from apps.projects.rules import (
    Amount,
    Answered,
    GoldScore,
    Kind,
    LineKind,
    Mark,
    Outcome,
    Version,
)
from tests.factories.projects import PAY_2, body, premium

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
outcomes = st.sampled_from([Outcome.ACCEPTED, Outcome.REJECTED, Outcome.BAD_FAITH])
answers = st.lists(
    st.builds(
        Answered,
        id=st.uuids(),
        person=st.sampled_from([uuid.UUID(int=n) for n in range(4)]),
        kind=st.sampled_from([Kind.WORK, Kind.QUALIFICATION]),
        outcome=outcomes,
        rounds=st.integers(1, 2),
        tier=st.sampled_from(["general", "tested"]),
        named=st.sampled_from([frozenset(), frozenset({"urgent"})]),
        claimed_at=st.sampled_from([NOW, NOW.replace(hour=23)]),
        seconds=st.integers(0, 2_000),
        spare_seconds=st.integers(0, 600),
        criterion=st.sampled_from(["", "accuracy", "gone"]),
    ),
    max_size=12,
)
gold = st.dictionaries(
    st.sampled_from([uuid.UUID(int=n) for n in range(4)]),
    st.builds(GoldScore, st.integers(0, 40), st.none() | st.decimals("0", "1", places=4)),
)
marks = st.lists(
    st.builds(
        Mark, st.sampled_from([ONE, TWO]), st.sampled_from(["general", "tested"]),
        st.integers(0, 5), st.just(5),
    ),
    max_size=3,
)  # fmt: skip
bodies = st.builds(
    lambda base, floor, bar, paid, share, night: body(
        engine="pay/2",
        pay={
            **PAY_2, "base": base, "floor_per_hour": floor, "quality_bar": bar,
            "paid_seconds_max": paid,
            "premiums": [premium("night", night), premium("urgent", 7)] if night else [],
        },
        tiers=[
            body()["tiers"][0],
            {
                **body()["tiers"][1],
                "qualification": {"items": 5, "pass_percent": share, "seats": 3},
            },
        ],
    ),
    st.integers(1, 500), st.integers(0, 5_000), st.sampled_from(["0.60", "0.80", "0.95"]),
    st.integers(60, 900), st.integers(0, 100), st.integers(0, 50),
)  # fmt: skip


def version(text, number=1):
    return Version.of(text, number=number)


def one(**changes):
    words = {
        "id": uuid.uuid4(), "person": ONE, "kind": Kind.WORK, "outcome": Outcome.ACCEPTED,
        "rounds": 1, "tier": "general", "named": frozenset(), "claimed_at": NOW, "seconds": 30,
        "spare_seconds": 0,
    }  # fmt: skip
    return Answered(**words | changes)


@given(bodies, answers, marks, gold)
def test_a_version_that_has_not_changed_changes_nothing(text, given_answers, results, known):
    """Its number is another one, and so is the object that it is read from."""
    found = rules.replay(
        version(text), version(copy.deepcopy(text), 2), given_answers, marks=results, gold=known
    )
    assert found.is_same
    assert (found.up, found.down, found.ruled) == (0, 0, [])
    assert all(change.net == change.gross == 0 for change in [*found.people, *found.kinds])
    assert found.answers == len(given_answers)


@given(bodies, bodies, answers, gold)
def test_the_sums_are_those_of_people_and_of_kinds(before, after, given_answers, known):
    found = rules.replay(version(before), version(after, 2), given_answers, gold=known)
    for side in ("before", "after"):
        total = getattr(found, side)
        for parts in (found.people, found.kinds):
            assert sum((getattr(part, side) for part in parts), Amount()) == total
    sizes = [abs(change.net) for change in found.people]
    assert sizes == sorted(sizes, reverse=True)
    assert found.up + found.down == found.affected <= len(found.people)
    back = rules.replay(version(after), version(before, 2), given_answers, gold=known)
    assert (back.before, back.after) == (found.after, found.before)
    assert (back.up, back.down) == (found.down, found.up)


def test_a_higher_base_raises_pay_kill_fee_and_fee():
    rows = [one(), one(outcome=Outcome.REJECTED), one(person=TWO, outcome=Outcome.BAD_FAITH)]
    found = rules.replay(version(body()), version(body(pay={"base": 50}), 2), rows)
    kinds = {change.what: change for change in found.kinds}
    assert (kinds[LineKind.BASE].before.net, kinds[LineKind.BASE].after.net) == (40, 50)
    assert (kinds[LineKind.KILL_FEE].before.net, kinds[LineKind.KILL_FEE].after.net) == (20, 25)
    # The buyer pays the fee of an acceptance for both.
    assert found.after.fee - found.before.fee == 2 * (8 - 6)
    assert (found.up, found.down) == (1, 0)
    assert found.people[0].what == ONE and found.people[0].net == 15


def test_a_trigger_that_the_draft_pays_is_decided_from_the_stored_facts():
    draft = body(
        engine="pay/2", pay={**PAY_2, "premiums": [premium("night", 9), premium("urgent", 5)]}
    )
    rows = [
        one(),
        one(claimed_at=NOW.replace(hour=23)),
        one(named=frozenset({"urgent"})),
        one(kind=Kind.QUALIFICATION, claimed_at=NOW.replace(hour=23)),
    ]
    before = body(engine="pay/2", pay=PAY_2)
    found = rules.replay(version(before), version(draft, 2), rows)
    assert found.after.net - found.before.net == 9 + 5


def test_a_bar_that_is_lowered_pays_a_bonus_by_rule():
    known = {ONE: GoldScore(10, rules.Terms.of(body()).bonus_bar - 1), TWO: GoldScore(3, None)}
    rows = [one(), one(person=TWO)]
    lower = body(pay={"quality_bar": "-1"})
    found = rules.replay(version(body()), version(lower, 2), rows, gold=known)
    assert [(row.person, row.what, row.before, row.after) for row in found.ruled] == [
        (ONE, "bonus", False, True)
    ]
    assert found.after.net - found.before.net == 8


def test_a_stricter_qualification_changes_its_verdict_and_no_pay():
    stricter = body()
    stricter["tiers"][1]["qualification"]["pass_percent"] = 100
    results = [Mark(ONE, "tested", 4, 5), Mark(TWO, "tested", 5, 5), Mark(TWO, "general", 0, 5)]
    rows = [one(kind=Kind.QUALIFICATION, tier="tested")]
    found = rules.replay(version(body()), version(stricter, 2), rows, marks=results)
    assert [(row.person, row.what, row.before, row.after) for row in found.ruled] == [
        (ONE, "qualification", True, False)
    ]
    assert found.before == found.after
    assert not found.is_same


def test_more_paid_time_is_paid_up_to_the_floor():
    """Slow work: 2,000 active seconds, of which 120 count today and 900 under the draft."""
    found = rules.replay(
        version(body()), version(body(pay={"paid_seconds_max": 900}), 2), [one(seconds=2_000)]
    )
    assert (found.before.net, found.after.net) == (40, 300)


def test_rejections_of_a_line_that_is_gone_are_counted():
    draft = body(rubric=body()["rubric"][:1])
    rows = [
        one(outcome=Outcome.REJECTED, criterion="care"),
        one(outcome=Outcome.REJECTED, criterion="accuracy"),
        one(),
    ]
    assert rules.replay(version(body()), version(draft, 2), rows).orphans == 1


def test_nothing_is_replayed_to_zeros():
    found = rules.replay(version(body()), version(body(pay={"base": 50}), 2), [])
    assert found.is_same and found.before == found.after == Amount()


def test_a_version_is_published_from_below_its_replay(ready, owner, now, alice, client_of):
    project = ready()
    with acting(owner):
        projects.publish(project_id=project.id, by=owner, now=now)
        raised = {"base": 50, "qualification": 40, "premiums": []}
        projects.save_draft(project_id=project.id, step="pay", data=raised, by=owner, now=now)
    client = client_of(alice)
    version = reverse("projects:version", args=[project.id])
    assert reverse("work:replay", args=[project.id]) in client.get(version).text
    page = client.get(reverse("work:replay", args=[project.id])).text
    assert "Nobody has answered yet" in page
    assert "Publish criteria v2</button>" in page and f'action="{version}"' in page
    assert client.post(version).status_code == 302
    with acting(owner):
        found = Project.objects.get(id=project.id).criteria
    assert (found.number, found.body["pay"]["base"]) == (2, 50)
