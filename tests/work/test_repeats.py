"""Repeats: paid as work, judged as the first time, and without effect on anything else."""

import io
import json

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from apps.cases import actions as cases
from apps.core import blobs
from apps.core.errors import Conflict, NotAllowed
from apps.core.ids import uuid7
from apps.core.tasks import pairs
from apps.core.tenancy import acting
from apps.exports.queries import invoices, statements
from apps.exports.queries import releases as exports
from apps.exports.rules.months import Month
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose
from apps.organizations.queries import actor_of
from apps.projects import rules
from apps.projects.models import CriteriaVersion, GoldAnswer, Item, Project
from apps.projects.queries import keep_test_items
from apps.scoring import actions as scoring
from apps.scoring.models import RepeatRun, ScoringRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions import inputs, lift_rows
from apps.work.models import Assignment, EarningLine, Enrolment, RepeatScore, Submission
from apps.work.queries import completeness, progress
from tests.factories import projects
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db
ALL_NEW = {"newcomer_share_percent": 100}
KEY = b"k" * 32
BETWEEN = 2
WHY = "The sentence asks for nothing: it is a quotation, as the rubric's own example says."


class Coin:
    """Whether the draw says that a claim is to be a repeat; its order is the real one."""

    def __init__(self) -> None:
        self.is_up = True
        self._draw = rules.draw_repeat

    def __call__(self, repeats: rules.Repeats, *, seed: int, claim: int) -> rules.Draw:
        order = self._draw(repeats, seed=seed, claim=claim).order
        return rules.Draw(self.is_up and repeats.is_on, order)


@pytest.fixture
def coin(monkeypatch) -> Coin:
    made = Coin()
    monkeypatch.setattr(rules, "draw_repeat", made)
    return made


@pytest.fixture
def make(acme, project, desk_of, coin):
    """`make(…)`: a desk where each claim is to be a repeat, as soon as something can come again."""

    def made(**words: object) -> Desk:
        usual = {
            "how_many": 12, "gold": 0, "gold_percent": 0, "overlap": 3, "budget": 100_00,
            "limits": ALL_NEW, "repeat_percent": 2, "repeat_between": BETWEEN,
        }  # fmt: skip
        desk = desk_of(project(acme, **{**usual, **words}))
        desk.coin = coin
        return desk

    return made


@pytest.fixture
def desk(make, carol) -> Desk:
    desk = make()
    desk.enrol(carol)
    return desk


def handed_in(desk, user, choice: str = "yes") -> Assignment:
    """An ordinary answer, scored as far as its reviewer is concerned."""
    desk.coin.is_up = False
    row = desk.hand_in(user, choice)
    desk.coin.is_up = True
    with acting(STAFF):
        Submission.objects.filter(assignment=row).update(scored_at=desk.now)
    assert row.kind == "work"
    return row


def accepted(desk, user, rob, how_many: int, choice: str = "yes") -> list[Assignment]:
    return [desk.accept(rob, handed_in(desk, user, choice)) for _ in range(how_many)]


def second(desk, user, rob, *, choice: str = "yes", first: str = "yes") -> Assignment:
    """A repeat, handed in after enough answers."""
    accepted(desk, user, rob, BETWEEN + 1, first)
    row = desk.hand_in(user, choice)
    assert row.kind == "repeat"
    return row


# ── When an item comes again ────────────────────────────────────────────────────────────────────


def test_an_item_comes_again_after_enough_answers_and_takes_no_slot(desk, carol, rob):
    rows = accepted(desk, carol, rob, BETWEEN)
    assert desk.claim(carol).kind == "work"
    desk.give_back(carol, desk.claim(carol))
    rows += accepted(desk, carol, rob, 1)
    slots, walk = desk.slots(), desk.enrolment(carol).cursor
    row = desk.claim(carol)
    assert row.kind == "repeat" and row.item_id == rows[0].item_id
    assert desk.slots() == slots and desk.enrolment(carol).cursor == walk
    # The same claim again, by a second click.
    assert desk.claim(carol).id == row.id
    desk.check_holds(row)
    assert (row.held_pay, row.held_fee) == (40, 8)
    desk.prove()


def test_which_one_follows_from_the_seed(make, carol, rob):
    desk = make(how_many=12, overlap=12, budget=300_00)
    desk.enrol(carol)
    accepted(desk, carol, rob, 8)
    chosen = set()
    for seed in range(6):
        given = []
        for _ in range(2):
            with acting(STAFF), transaction.atomic():
                Enrolment.objects.filter(contributor=carol).update(repeat_seed=seed)
            with transaction.atomic():
                given.append(desk.claim(carol).item_id)
                transaction.set_rollback(True)
        assert given[0] == given[1]
        chosen.add(given[0])
    assert len(chosen) > 1


def test_each_item_once_more_whatever_became_of_it(desk, carol, rob):
    rows = accepted(desk, carol, rob, BETWEEN + 2)
    again = []
    for step in ("give back", "expire", "hand in"):
        row = desk.claim(carol)
        if row.kind != "repeat":
            break
        slots = desk.slots()
        again.append(row.item_id)
        if step == "give back":
            desk.give_back(carol, row)
        elif step == "expire":
            desk.later(minutes=31)
            desk.lapse(row)
            assert desk.state(row) == "expired"
        else:
            desk.submit(carol, row)
        assert desk.slots() == slots
    assert len(again) == len(set(again)) == 2
    assert set(again) <= {row.item_id for row in rows[:2]}
    with acting(STAFF):
        third = Assignment.objects.get(item_id=again[0], kind="repeat")
    third.id, third.state = uuid7(), "given_back"
    with acting(STAFF), pytest.raises(IntegrityError, match="assignment_repeated_once"):
        third.save(force_insert=True)


def test_who_gives_the_item_back_meanwhile_opens_its_slot_again(desk, carol, dave, rob):
    row = second(desk, carol, rob)
    with acting(STAFF):
        Item.objects.filter(project=desk.project).exclude(id=row.item_id).update(open_slots=0)
    desk.enrol(dave)
    assert desk.slots()[row.item_id] == 2
    other = desk.claim(dave)
    assert other.item_id == row.item_id and desk.slots()[row.item_id] == 1
    desk.give_back(dave, other)
    assert desk.slots()[row.item_id] == 2


def test_zero_is_none(make, carol, rob):
    desk = make(repeat_percent=0)
    desk.enrol(carol)
    for _ in range(BETWEEN + 3):
        row = desk.hand_in(carol)
        assert row.kind == "work"
        desk.at(row.review_due_at)
        desk.lapse(row)


def update(row, **values):
    with acting(STAFF):
        Assignment.objects.filter(id=row.id).update(**values)


@pytest.mark.parametrize(
    "what",
    ["under review", "reworked", "rejected", "stopped", "disputed", "gold", "demoted", "retired",
     "other criteria"],
)  # fmt: skip
def test_what_can_still_move_or_is_known_does_not_come_again(desk, carol, rob, ada, alice, what):
    if what in {"under review", "rejected"}:
        row = handed_in(desk, carol)
        if what == "rejected":
            desk.reject(rob, row)
        accepted(desk, carol, rob, BETWEEN)
    else:
        row = accepted(desk, carol, rob, BETWEEN + 1)[0]
    if what == "reworked":
        update(row, rounds=2)
    if what == "stopped":
        update(row, review_stopped_at=desk.now, review_stopped_until=desk.now)
    if what == "disputed":
        with acting(STAFF):
            line = EarningLine.objects.get(assignment=row)
        with acting(actor_of(carol)) as by:
            cases.dispute(line_id=line.id, amount=1, reason=WHY, by=by, now=desk.now)
        assert desk.fresh(row).is_disputed
    if what in {"gold", "demoted"}:
        with acting(STAFF):
            GoldAnswer.objects.create(
                item_id=row.item_id, project=desk.project, org_id=desk.project.org_id,
                answer={"choice": "yes"}, answer_key="yes", explanation="It asks.",
            )  # fmt: skip
        if what == "demoted":
            with acting(STAFF):
                GoldAnswer.objects.filter(item_id=row.item_id).update(
                    demoted_at=desk.now, demoted_reason="Arguable.", demoted_by=ada
                )
    if what == "retired":
        with acting(STAFF):
            Item.objects.filter(id=row.item_id).update(state="withdrawn")
    if what == "other criteria":
        with acting(STAFF):
            old = desk.project.criteria
            new = CriteriaVersion.objects.create(
                project=desk.project, org_id=old.org_id, number=2, body=old.body, sha256="2" * 64,
                published_at=desk.now, published_by=alice,
            )  # fmt: skip
            Project.objects.filter(id=desk.project.id).update(criteria=new)
    assert desk.claim(carol).kind == "work"


def test_without_money_for_every_open_slot_nothing_comes_again(make, carol, rob):
    # 12 items × 3 answers at 56 each are 2,016 to begin with; a repeat can cost 100 and more.
    poor = make(budget=2_100)
    poor.enrol(carol)
    accepted(poor, carol, rob, BETWEEN + 1)
    row = poor.claim(carol)
    assert row.kind == "work"
    # The same with a little more in the project.
    poor.give_back(carol, row)
    rich = make(budget=2_600, title="Richer")
    rich.enrol(carol)
    accepted(rich, carol, rob, BETWEEN + 1)
    assert rich.claim(carol).kind == "repeat"


def test_a_named_item_is_that_item(make, carol, rob):
    desk = make(visibility="assigned")
    desk.as_system(
        work.enrol, project_id=desk.project.id, tier="general", has_consented=True,
        contributor_id=carol.id,
    )  # fmt: skip
    accepted(desk, carol, rob, BETWEEN + 1)
    with acting(STAFF):
        had = Assignment.objects.filter(project=desk.project).values("item_id")
        free = Item.objects.filter(project=desk.project, purpose="work").exclude(id__in=had)
        wanted = free.first().external_id
    row = desk.claim(carol, wanted)
    assert row.kind == "work" and row.item.external_id == wanted


def take_repeat(desk, user) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM work_take_repeat(%s, %s, %s, 1, 0, 0, 0)",
            [desk.project.id, user.id, desk.project.criteria_id],
        )


def test_nobody_gets_another_persons_item_again(desk, carol, dave, rob):
    accepted(desk, carol, rob, BETWEEN + 1)
    desk.enrol(dave)
    assert desk.claim(dave).kind == "work"
    with pytest.raises(DatabaseError, match="claims are made by"), acting(actor_of(dave)):
        take_repeat(desk, carol)


def test_undoing_the_answer_before_it_leaves_one_thing_in_hand(desk, carol, rob):
    accepted(desk, carol, rob, BETWEEN)
    desk.coin.is_up = False
    last = desk.claim(carol)
    desk.submit(carol, last)
    desk.coin.is_up = True
    row = desk.claim(carol)
    assert row.kind == "repeat"
    with pytest.raises(Conflict, match="already have the next item in hand"):
        desk.undo(carol, last)
    desk.give_back(carol, row)
    desk.undo(carol, last)
    assert desk.claim(carol).id == last.id


def test_a_repeat_can_be_undone_and_handed_in_again(desk, carol, rob):
    accepted(desk, carol, rob, BETWEEN + 1)
    row = desk.claim(carol)
    desk.submit(carol, row, "no")
    desk.undo(carol, row)
    desk.submit(carol, row, "yes")
    desk.later(seconds=61)
    run = measured(desk)
    assert run.result["agreement"]["agreement"] == 1.0


# ── Paid as work ────────────────────────────────────────────────────────────────────────────────


def test_it_is_paid_as_the_first_by_silence_and_counts_for_the_bonus(desk, carol, rob):
    row = second(desk, carol, rob)
    with acting(STAFF):
        first = Assignment.objects.get(item_id=row.item_id, kind="work")
    assert row.review_due_at - row.submitted_at == first.review_due_at - first.submitted_at
    desk.at(row.review_due_at)
    desk.lapse(row)
    assert desk.state(row) == "accepted"
    assert desk.lines(row) == desk.lines(first) == [("base", 40, 6)]
    desk.check_holds(row)
    with acting(STAFF):
        Enrolment.objects.filter(contributor=carol).update(
            gold_count=10, gold_correct=10, gold_lower="0.9"
        )
    desk.settle()
    # Four answers of 40, of which one came again: a fifth of 160.
    assert ("quality_bonus", 32, 5) in desk.settled(carol)
    desk.prove()


def test_statement_wage_file_and_ledger_have_its_pay(desk, carol, rob):
    row = desk.accept(rob, second(desk, carol, rob))
    assert row.state == "accepted"
    with acting(STAFF):
        project = Project.objects.get(id=desk.project.id)
        lines = list(exports.wage_lines(project, KEY))
        totals = exports.ledger_totals(project.id)
    assert [each["kind"] for each in lines if each["line"] == "assignment"].count("repeat") == 1
    (again,) = [each for each in lines if each.get("kind") == "repeat"]
    assert (again["gross"], again["fee"], again["net"]) == (46, 6, 40)
    assert (again["state"], again["codes"]) == ("accepted", ["acceptance"])
    assert sum(each["net"] for each in lines) == totals.net == 4 * 40
    assert sum(each["fee"] for each in lines) == totals.fee == 4 * 6
    with acting(STAFF):
        window = statements.Window(end=Month.of(desk.now).end, as_of=totals.as_of)
        assert statements.line_sums(carol.id, window)["USD"] == (4 * 46, 4 * 6, 4 * 40, 4)
        (billed,) = invoices.charged(desk.project.org_id, Month.of(desk.now).end)
        assert (billed.pay, billed.fee) == (4 * 40, 4 * 6)
        account = ledger.find_account(Purpose.PAYABLE, currency="USD", holder=carol.id)
        assert account.balance == 160


def test_the_accepted_answer_is_accepted_again(desk, carol, rob):
    row = second(desk, carol, rob)
    for step in (desk.reject, desk.ask_rework):
        with pytest.raises(Conflict, match="It can only be accepted"):
            step(rob, row)
    assert desk.state(row) == "submitted"
    assert desk.accept(rob, row).state == "accepted"


def test_another_answer_is_judged_by_the_rubric_with_kill_fee_and_appeal(desk, carol, rob, ada):
    row = second(desk, carol, rob, choice="no")
    slots = desk.slots()
    desk.reject(rob, row)
    assert desk.lines(row) == [("kill_fee", 20, 6)]
    assert desk.slots() == slots
    desk.check_holds(row)
    with acting(actor_of(carol)) as by:
        cases.appeal(assignment_id=row.id, reason=WHY, by=by, now=desk.now)
    with acting(actor_of(ada)) as by:
        work.overturn(assignment_id=row.id, by=by, now=desk.now)
    assert desk.state(row) == "overturned"
    assert sum(net for kind, net, _ in desk.lines(row) if kind != "case_time") == 40
    assert desk.slots() == slots
    desk.prove()


def test_a_second_round_pays_as_of_work(desk, carol, rob):
    row = second(desk, carol, rob, choice="no")
    desk.ask_rework(rob, row)
    desk.submit(carol, row, "yes")
    desk.later(seconds=61)
    desk.accept(rob, desk.fresh(row))
    assert desk.lines(row) == [("base", 40, 6), ("rework", 20, 0)]


# ── Nothing else changes ────────────────────────────────────────────────────────────────────────


def state_of(desk) -> dict[str, str]:
    """Everything that is made of the answers, as text."""
    with acting(desk.system):
        project = Project.objects.select_related("criteria", "org").get(id=desk.project.id)
        table, params = inputs.write(project, project.criteria.body, desk.now)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        lift = work_lift_rows(project)
        counts = progress.counted(project.id)
        for name in ("net", "fee", "open", "waiting", "rework", "rejected"):
            counts.pop(name)
        return {
            "run": buffer.getvalue().hex(),
            "params": json.dumps(params, sort_keys=True),
            "slots": str(desk.slots()),
            "items": str(list(exports.items(project, set(exports.external_ids(project).values())))),
            "answers": json.dumps(list(exports.answers(project, KEY)), default=str),
            "lift": str(lift),
            "complete": str(completeness.counted(project.id)),
            "progress": json.dumps(counts, sort_keys=True, default=str),
            "gold": str(
                list(Enrolment.objects.order_by("id").values_list("gold_count", "gold_correct"))
            ),
            "unscored": str(pairs("work_unscored_projects", desk.now)),
            "online": str(pairs("work_online_due", desk.now)),
        }


def work_lift_rows(project) -> list:
    lift = {**projects.LIFT, "test_items": 2, "test_sha256": keep_test_items(project)}
    terms = rules.LiftTerms.of({**project.criteria.body, "lift": lift})
    return lift_rows.Rows(project, terms).rows


def test_whatever_is_made_of_the_answers_is_the_same_to_the_byte(make, carol, dave, rob):
    desk = make(gold=2)
    for user, answers in ((dave, 12), (carol, 8)):
        desk.enrol(user)
        accepted(desk, user, rob, answers, "no")
    before = state_of(desk)
    first = desk.claim(carol)
    desk.submit(carol, first, "yes")
    desk.later(seconds=61)
    other = desk.claim(carol)
    desk.submit(carol, other, "no")
    desk.later(seconds=61)
    assert {first.kind, other.kind} == {"repeat"}
    assert state_of(desk) == before
    desk.accept(rob, desk.fresh(other))
    desk.reject(rob, desk.fresh(first))
    assert state_of(desk) == before
    measured(desk)
    assert state_of(desk) == before


def test_a_run_of_quality_never_hears_of_it(desk, carol, rob):
    row = second(desk, carol, rob, choice="no")
    with acting(STAFF):
        Submission.objects.filter(kind="work").update(scored_at=None)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        run = ScoringRun.objects.get()
        assert run.result["agreement"]["answers"] == run.input_rows == BETWEEN + 1
        assert "intra" not in run.result["agreement"]
        assert Submission.objects.get(assignment=row).scores == {}
    desk.reject(rob, row)
    desk.later(minutes=5)
    # What is decided about a repeat asks for no run.
    assert pairs("work_unscored_projects", desk.now) == []
    assert desk.as_system(work.request_scores, project_id=desk.project.id) is None


# ── What it is for ──────────────────────────────────────────────────────────────────────────────


def due(desk) -> list:
    return [pk for pk, _ in pairs("work_repeats_due", desk.now)]


def measured(desk) -> RepeatRun:
    return desk.as_system(work.measure_repeats, project_id=desk.project.id)


def test_agreement_with_oneself_is_measured_where_a_repeat_is_new(desk, carol, rob):
    accepted(desk, carol, rob, BETWEEN + 2)
    assert due(desk) == []
    row = desk.claim(carol)
    desk.submit(carol, row, "no")
    assert due(desk) == []
    desk.later(seconds=61)
    assert due(desk) == [desk.project.id]
    desk.hand_in(carol, "yes")
    run = measured(desk)
    found = run.result["agreement"]
    assert (found["agreement"], found["units"], found["workers"]) == (0.5, 2, 1)
    assert found["low"] < 0.5 < found["high"]
    table = pq.read_table(io.BytesIO(blobs.read(run.input_sha256)))
    assert table.num_rows == run.input_rows == 4
    assert table.column_names == ["item_id", "worker_id", "answer"]
    with acting(actor_of(carol)):
        (score,) = RepeatScore.objects.all()
        assert (score.items, score.agreement) == (2, 0.5)
    desk.later(minutes=11)
    assert due(desk) == []
    # A rejected answer is used for nothing; its rejection is news.
    desk.reject(rob, desk.fresh(row))
    assert due(desk) == [desk.project.id]
    assert measured(desk).result["agreement"]["units"] == 1
    with acting(actor_of(carol)):
        assert RepeatScore.objects.get().agreement == 1.0


def test_the_task_measures_and_a_person_cannot(desk, carol, rob, alice):
    second(desk, carol, rob)
    assert tasks.measure_all() in {0, 1}
    with acting(actor_of(alice)) as by, pytest.raises(NotAllowed):
        work.measure_repeats(project_id=desk.project.id, by=by, now=desk.now)


def test_without_a_pair_that_counts_it_says_so(desk, carol, rob):
    row = second(desk, carol, rob, choice="no")
    desk.reject(rob, row)
    run = measured(desk)
    assert run.result is None and run.note == "no repeat that counts is in"
    assert due(desk) == []


def test_it_can_be_recomputed_by_the_ids_that_pages_quote(desk, carol, rob, capsys):
    second(desk, carol, rob)
    run = measured(desk)
    with acting(STAFF):
        score = RepeatScore.objects.get()
    for quoted in (run.id, score.id):
        call_command("recompute", str(quoted))
    assert "agreement with oneself" in capsys.readouterr().out


# ── What people read ────────────────────────────────────────────────────────────────────────────


def test_the_author_is_not_told_which_one_it_is(desk, carol, rob, client_of):
    row = second(desk, carol, rob)
    client = client_of(carol)
    for url in (reverse("work:assignment", args=[row.id]), reverse("work:history")):
        assert "repeat" not in client.get(url).text.lower()
    for url in (
        reverse("api:assignment", args=[row.id]), reverse("api:results"),
    ):  # fmt: skip
        answer = client.get(url)
        assert answer.status_code == 200 and "repeat" not in answer.text


def test_the_reviewer_sees_no_first_answer_beside_it(desk, carol, dave, rob, client_of):
    desk.enrol(dave)
    row = second(desk, carol, rob, choice="no")
    found = client_of(rob).get(reverse("work:review-submission", args=[desk.answer_of(row).id]))
    assert found.status_code == 200 and found.context["others"] == []
    queue = client_of(rob).get(reverse("work:review", args=[desk.project.id]))
    assert str(desk.answer_of(row).id) in queue.text


def test_pages_say_what_was_measured_and_that_it_decides_nothing(
    desk, carol, rob, alice, client_of
):
    url = reverse("work:score", args=[desk.project.id])
    assert "You, asked twice" not in client_of(carol).get(url).text
    second(desk, carol, rob)
    with acting(STAFF):
        Submission.objects.filter(kind="work").update(scored_at=None)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=run.id)
    measured(desk)
    text = client_of(carol).get(url).text
    assert "You, asked twice" in text and "This decides nothing" in text
    page = client_of(alice).get(reverse("pages:project-quality", args=[desk.project.id]))
    assert page.context["oneself"].n == 1 and page.context["oneself_people"] == 1
    assert "Agreement with oneself" in page.text
    assert "enters no label" in page.text


def test_the_rules_are_read_before_the_work_starts(make, desk, carol, alice, client_of):
    offer = client_of(carol).get(reverse("work:offer", args=[desk.project.id])).text
    assert "About 2% of what you take are repeats" in offer
    assert "paid, reviewed and appealed like any item" in offer
    buyer = client_of(alice).get(reverse("projects:criteria", args=[desk.project.id])).text
    assert "repeats 2%, at the earliest 2 own answers later" in buyer
    none = make(repeat_percent=0, title="None")
    offer = client_of(carol).get(reverse("work:offer", args=[none.project.id])).text
    assert "are repeats" not in offer
    assert "up to 5% of what somebody takes" in client_of(carol).get(reverse("pages:rules")).text
