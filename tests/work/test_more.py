"""Before buying more data: curves and contents on the real engine, prices, refusals, the page."""

import io
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from apps.core import blobs
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.ledger import queries as ledger
from apps.organizations.queries import actor_of
from apps.projects import rules
from apps.projects.models import AnnotatorAnswer, GoldAnswer, Item, Project
from apps.scoring import actions as scoring
from apps.scoring.enums import Grouping, LiftState, Measure, Reason
from apps.scoring.models import LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions import lift
from apps.work.actions.lift_rows import pseudonym
from apps.work.models import Assignment, EarningLine, LiftRound, LiftScore, Submission
from apps.work.queries import more
from gpu_jobs.lift import curve
from tests.factories import accounts, rows
from tests.work.conftest import STAFF, Desk
from tests.work.lift import learnable, with_lift

NAMES = ("carol", "dave", "erin", "finn")
WRONG = (0.0, 0.05, 0.1, 0.3)


@pytest.fixture
def people(db, now):
    return [accounts.contributor(name, now=now) for name in NAMES]


@pytest.fixture
def desk(acme, people, now, clock_at, alice) -> Desk:
    by = actor_of(alice)
    made = learnable(acme, people, list(WRONG), by=by, now=now)
    return Desk(with_lift(made, by=by, now=now), now, clock_at)


@pytest.fixture
def price(desk):
    """Base pay and its fee, by the pay rules of the criteria in force."""
    terms = rules.Terms.of(desk.project.criteria_in_force.body)
    return terms.base + terms.fee_on(terms.base)


def ask(desk, user, further=200) -> LiftRound:
    with acting(actor_of(user)) as by:
        return work.ask_more(project_id=desk.project.id, further=further, by=by, now=desk.now)


def begin(desk) -> list[LiftRun]:
    tasks.take_lift_all(now=desk.now)
    with acting(STAFF):
        return list(LiftRun.objects.filter(state=LiftState.QUEUED).order_by("kind", "grouping"))


def compute(desk, run: LiftRun) -> LiftRun:
    while scoring.run_lift(run_id=run.id, by=desk.system):
        pass
    with acting(STAFF):
        return LiftRun.objects.get(id=run.id)


def measured(desk, user) -> list[LiftRun]:
    ask(desk, user)
    done = [compute(desk, run) for run in begin(desk)]
    tasks.take_lift_all(now=desk.now)
    return done


def gains(desk, run: LiftRun) -> dict[str, more.Gain]:
    with acting(STAFF):
        project = Project.objects.select_related("criteria").get(id=desk.project.id)
        return {gain.name: gain for gain in more.gains(run, more.Prices(project), {})}


def say_one_thing(desk) -> None:
    with acting(desk.system):
        Submission.objects.update(answer={"choice": "yes"}, answer_key="yes")


# ── What comes out ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_curves_and_contents_are_computed_metered_and_pay_nobody(desk, people, alice, price):
    curves, contents = measured(desk, alice)
    assert [run.state for run in (curves, contents)] == ["done", "done"], curves.error
    assert (curves.kind, curves.grouping) == (Measure.CURVE, Grouping.KIND)
    assert (contents.kind, contents.grouping) == (Measure.DIVERSITY, Grouping.BATCH)
    assert {run.version for run in (curves, contents)} == {1}
    assert all(run.code_version and run.milliseconds > 0 for run in (curves, contents))
    found = gains(desk, curves)
    assert set(found) == {"All together", "kind0", "kind1"}
    assert found["All together"].rows == 160
    # 200 answers at the pay of the criteria, whatever their kind.
    assert {gain.price for gain in found.values()} == {200 * price}
    for gain in found.values():
        assert gain.now is not None and gain.now["rows"] == gain.rows
        if gain.is_help:
            assert gain.cost_low <= gain.cost <= gain.cost_high
        else:
            assert gain.cost is None
    result = contents.result
    assert result["items"] == contents.input_rows and result["test_items"] == 60
    assert result["people"]["people"] == 4 and result["people"]["vendi"] is None
    text = str(curves.result) + str(contents.result)
    key = bytes(contents.key)
    assert not any(pseudonym(key, user.id) in text for user in people)
    with acting(STAFF):
        assert not LiftScore.objects.exists()
        assert not EarningLine.objects.filter(kind="lift_bonus").exists()
        assert not LiftRun.objects.filter(handled_at=None).exists()
        assert ledger.prove().fault is None


@pytest.mark.django_db
def test_tiers_have_a_curve_of_their_own_and_their_own_price(desk, people, alice, price):
    with acting(desk.system):
        Assignment.objects.filter(contributor=people[0]).update(tier="experts")
    runs = measured(desk, alice)
    assert [(run.kind, run.grouping) for run in runs] == [
        ("curve", "kind"), ("curve", "tier"), ("diversity", "batch"),
    ]  # fmt: skip
    by_tier = gains(desk, runs[1])
    # Everything stands in the curve by kind.
    assert {name: gain.rows for name, gain in by_tier.items()} == {"experts": 40, "general": 120}


@pytest.mark.django_db
def test_known_answers_that_are_mixed_in_are_paid_and_teach_nothing(desk, people, price):
    with acting(desk.system):
        known = GoldAnswer.objects.order_by("item")[0].item
        taken = Submission.objects.filter(contributor=people[0]).order_by("id")[0]
        Assignment.objects.filter(id=taken.assignment_id).update(item=known)
        project = Project.objects.select_related("criteria").get(id=desk.project.id)
        found, bonus = more.Prices(project).of(Grouping.KIND, None, 159)
    assert found == 160 * price
    assert bonus > 0


@pytest.mark.django_db
def test_what_models_said_stands_beside_what_people_said(desk, people, alice, now):
    with acting(desk.system):
        load = rows.Side(
            org=desk.project.org, project=desk.project, contributor=people[0], now=now
        ).of("projects.ItemImport")
        for item in Item.objects.filter(gold=None).order_by("id")[:20]:
            for name, said in (("a", "yes"), ("b", "yes"), ("c", "no")):
                AnnotatorAnswer.objects.create(
                    project=desk.project, org=desk.project.org, load=load, item=item,
                    kind="model", annotator=name, answer={"choice": said}, answer_key=said,
                )  # fmt: skip
        wanted = Submission.objects.filter(item__annotator_answers__annotator="a")
        total, equal = wanted.count(), wanted.filter(answer_key="yes").count()
    contents = measured(desk, alice)[1]
    found = contents.result["machine"]
    assert (found["answers"], found["equal"]["rows"]) == (total, equal)
    table = pq.read_table(blobs.path(contents.input_sha256)).to_pylist()
    assert {row["split"] for row in table} == {"item", "test", "answer"}
    assert not any(str(user.id) in str(table) for user in people)


@pytest.mark.django_db
def test_a_run_comes_out_the_same_to_the_byte(desk, alice):
    for run in measured(desk, alice):
        out = io.StringIO()
        call_command("recompute", str(run.id), stdout=out)
        assert "Equal to the byte." in out.getvalue()
        assert f"A run of kind {run.kind}" in out.getvalue()


@pytest.mark.django_db
def test_a_leak_fails_the_curve_for_nothing_and_is_named_in_the_contents(desk, alice, client_of):
    with acting(desk.system):
        test = GoldAnswer.objects.select_related("item").order_by("item")[0].item
        row = Submission.objects.select_related("item").order_by("id")[0]
        row.item.payload = test.payload
        row.item.save(update_fields=["payload"])
    curves, contents = measured(desk, alice)
    assert curves.state == "failed" and test.external_id in curves.error and not curves.charged
    assert contents.result["leaks"] == [row.item.external_id]
    text = client_of(alice).get(reverse("pages:project-more", args=[desk.project.id])).text
    assert escape(curves.error) in text and "You pay nothing for it." in text
    assert "Figures of models would be too good" in text


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_who_may_ask_and_twice_at_once(desk, alice, mia, rob, fay, vic, gus, people):
    for user in (rob, fay, vic):
        with pytest.raises(NotAllowed):
            ask(desk, user)
    for user in (gus, people[0]):
        with pytest.raises(NotThere):
            ask(desk, user)
    for wrong in (9, 1_000_001):
        with pytest.raises(Invalid):
            ask(desk, alice, further=wrong)
    ask(desk, mia)
    with pytest.raises(Conflict, match="measured already"):
        ask(desk, alice)
    assert len(begin(desk)) == 2
    with pytest.raises(Conflict, match="measured already"):
        ask(desk, alice)
    with acting(actor_of(alice)) as by, pytest.raises(Conflict, match="measured already"):
        work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)


@pytest.mark.django_db
def test_too_few_answers_a_closed_project_and_a_cap_that_is_used_up(desk, alice):
    with acting(desk.system):
        ids = list(Assignment.objects.values_list("id", flat=True)[:39])
        Assignment.objects.exclude(id__in=ids).update(state="expired")
    with pytest.raises(Conflict, match="there are 39"):
        ask(desk, alice)
    with acting(desk.system):
        Assignment.objects.update(state="accepted")
        Project.objects.filter(id=desk.project.id).update(state="closed", closed_at=desk.now)
    with pytest.raises(Conflict, match="is closed"):
        ask(desk, alice)
    with acting(desk.system):
        Project.objects.filter(id=desk.project.id).update(state="live", closed_at=None)
    ask(desk, alice)
    run = begin(desk)[0]
    with acting(desk.system):
        LiftRun.objects.filter(id=run.id).update(milliseconds=10**6)
    done = compute(desk, run)
    assert done.result["stopped"] == "budget"
    assert {row["says"] for row in done.result["curves"] if not row["whole"]} == {"not reached"}
    with acting(desk.system):
        LiftRun.objects.filter(state="queued").update(state="cancelled")
    with pytest.raises(Conflict, match="used up"):
        ask(desk, alice)


@pytest.mark.django_db
def test_one_class_and_no_test_are_told_on_the_page(desk, alice, client_of, people):
    say_one_thing(desk)
    ask(desk, alice)
    assert begin(desk) == []
    page = reverse("pages:project-more", args=[desk.project.id])
    assert "All accepted answers are the same" in client_of(alice).get(page).text
    with acting(desk.system):
        GoldAnswer.objects.update(
            demoted_at=desk.now, demoted_by=people[0], demoted_reason="The item shows two things."
        )
    desk.later(minutes=1)
    ask(desk, alice)
    assert begin(desk) == []
    assert "No item with a known answer is left" in client_of(alice).get(page).text


@pytest.mark.django_db
def test_projects_without_lift_say_why(acme, project, alice, client_of):
    made = project(acme)
    text = client_of(alice).get(reverse("pages:project-more", args=[made.id])).text
    assert "The criteria of this project have no lift" in text
    assert "Measure now" not in text


# ── Beside lift ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_it_is_cancelled_and_what_was_computed_is_paid(desk, alice, rob):
    ask(desk, alice)
    runs = begin(desk)
    with acting(desk.system):
        LiftRun.objects.filter(id=runs[0].id).update(milliseconds=60_000, state="running")
    with acting(actor_of(rob)) as by, pytest.raises(NotAllowed):
        work.cancel_lift(project_id=desk.project.id, reason=Reason.MORE, by=by, now=desk.now)
    with acting(actor_of(alice)) as by:
        with pytest.raises(Conflict, match="nothing to cancel"):
            work.cancel_lift(project_id=desk.project.id, by=by, now=desk.now)
        count = work.cancel_lift(
            project_id=desk.project.id, reason=Reason.MORE, by=by, now=desk.now
        )
    assert count == 2
    with acting(STAFF):
        assert set(LiftRun.objects.values_list("state", flat=True)) == {"cancelled"}
        assert sum(LiftRun.objects.values_list("charged", flat=True)) == 2
        assert ledger.prove().fault is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("more", "Learning curve, kind of item: 3 of at most 12 parts, 1.5 s of computing"),
        ("lift", "Lift, contributor: 3 of at most 12 parts, 1.5 s of computing"),
    ],
)
def test_both_pages_say_in_the_same_words_how_far_it_is(desk, alice, client_of, page, words):
    address = reverse(f"pages:project-{page}", args=[desk.project.id])
    with acting(actor_of(alice)) as by:
        if page == "lift":
            work.ask_lift(project_id=desk.project.id, by=by, now=desk.now)
        else:
            work.ask_more(project_id=desk.project.id, further=200, by=by, now=desk.now)

    def part() -> str:
        return " ".join(client_of(alice).get(address, headers={"HX-Request": "true"}).text.split())

    assert "The accepted answers are being written down." in part()
    begin(desk)
    with acting(desk.system):
        LiftRun.objects.update(state="running", done=3, total=12, milliseconds=1_500)
    text = part()
    assert words in text and '<progress max="12" value="3"' in text
    assert "whatever was measured" in text and "No contributor bears any of it" in text


@pytest.mark.django_db
def test_a_look_ahead_stands_in_no_figure_of_lift(desk, alice, client_of):
    measured(desk, alice)
    context = client_of(alice).get(reverse("pages:project-lift", args=[desk.project.id])).context
    assert context["measured"] == [] and context["round"] is None
    assert context["spent"].seconds > 0
    with acting(desk.system) as by:
        project = Project.objects.select_related("criteria", "org").get(id=desk.project.id)
        # Nothing was accepted since the look ahead, and lift was never measured.
        assert lift.follow_settlement(project=project, by=by, now=desk.now) is not None


@pytest.mark.django_db
def test_the_database_keeps_the_kinds_apart(desk, alice):
    ask(desk, alice)
    run = begin(desk)[0]
    with acting(desk.system), pytest.raises(IntegrityError), transaction.atomic():
        LiftRun.objects.filter(id=run.id).update(reason="close")
    with acting(desk.system), pytest.raises(IntegrityError), transaction.atomic():
        LiftRun.objects.filter(id=run.id).update(kind="lift")


@pytest.mark.django_db
def test_a_project_that_closed_meanwhile_is_not_measured(desk, alice):
    ask(desk, alice)
    with acting(desk.system):
        Project.objects.filter(id=desk.project.id).update(state="closed", closed_at=desk.now)
    assert begin(desk) == []
    with acting(STAFF):
        assert LiftRound.objects.get().note == "The project was closed before this began."


# ── The page ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_the_page_asks_follows_and_shows(desk, alice, vic, client_of):
    page = reverse("pages:project-more", args=[desk.project.id])
    client = client_of(alice)
    assert "Not measured yet" in client.get(page).text
    asked = client.post(reverse("work:more-ask", args=[desk.project.id]), {"further": "x"})
    assert asked.status_code == 302
    assert "Say how many accepted answers" in client.get(page).text
    client.post(reverse("work:more-ask", args=[desk.project.id]), {"further": "300"})
    moving = client.get(page, headers={"HX-Request": "true"}).text
    assert 'hx-trigger="every 2s"' in moving and "<h1" not in moving and "Cancel" in moving
    runs = begin(desk)
    assert "Learning curve, kind of item" in client.get(page).text
    for run in runs:
        compute(desk, run)
    text = client.get(page).text
    assert "what the next 300 answers would gain" in text
    assert "All together" in text and "kind0" in text
    assert "Effective number of different items" in text
    assert "none of this is a reason to reject" in text
    seen = client_of(vic).get(page).text
    assert "All together" in seen and "Measure now" not in seen


# ── Money ───────────────────────────────────────────────────────────────────────────────────────


@given(st.integers(0, 10**9), st.decimals("0.0000001", "1", places=7))
def test_a_point_costs_no_less_than_its_share_and_less_than_a_unit_more(price, gain):
    cost = rules.point_cost(price, gain)
    exact = Decimal(price) / (gain * 100)
    assert exact <= cost < exact + 1
    assert rules.point_cost(price, gain / 2) >= cost


def test_no_gain_has_no_price():
    assert rules.point_cost(500, Decimal(0)) is None
    assert rules.point_cost(500, Decimal("-0.1")) is None


@given(st.integers(0, 10**6), st.integers(1, 10**4), st.integers(1, 10**6))
def test_the_price_ahead_is_in_proportion(gross, trained, further):
    price = rules.price_ahead(gross * trained, trained, further)
    assert price == gross * further


def test_the_page_and_the_engine_mean_the_same_least():
    assert more.LEAST == curve.LEAST
