"""Was the human needed: a model's imported answers beside people's, priced, blind, recomputable."""

import html
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.money import half_even
from apps.core.tenancy import acting, system
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.models import GoldAnswer, ItemImport
from apps.scoring import actions as scoring
from apps.scoring import queries as scores
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.actions.human import model_prices
from apps.work.models import EarningLine, Score
from apps.work.queries import human
from tests.factories import accounts
from tests.work.conftest import STAFF, Desk
from tests.work.lift import learnable

HEADER = "item_id,annotator,answer\n"
OTHER = {"yes": "no", "no": "yes"}


@pytest.fixture
def desk(acme, now, clock_at, alice) -> Desk:
    """Three people who are mostly right, on sixty items with a known answer and sixty without."""
    people = [accounts.contributor(name, now=now) for name in ("nina", "otto", "pia")]
    made = learnable(
        acme, people, [0.1, 0.15, 0.2], by=actor_of(alice), now=now, of_known=50, each=40
    )
    return Desk(made, now, clock_at)


@pytest.fixture
def known(desk) -> dict[str, str]:
    """The buyer's id of an item with a known answer → that answer."""
    with acting(STAFF):
        rows = GoldAnswer.objects.filter(project=desk.project).order_by("item_id")
        return dict(rows.values_list("item__external_id", "answer_key"))


@pytest.fixture
def upload(desk, alice, known):
    """Answers of a model, every n-th of them wrong."""

    def made(
        name: str = "large-3", *, wrong: int = 3, most: int = 60, tokens: int | None = 500,
        price: int | None = 300, skip: int = 0,
    ) -> ItemImport:  # fmt: skip
        lines = [
            f"{item},{name},{OTHER[right] if place % wrong == 0 else right}\n"
            for place, (item, right) in enumerate(list(known.items())[skip : skip + most])
        ]
        with acting(actor_of(alice)) as by:
            load = projects.start_import(
                project_id=desk.project.id, name="model.csv",
                content=(HEADER + "".join(lines)).encode(), annotators="model",
                tokens_per_answer=tokens, price_per_million=price, by=by, now=desk.now,
            )  # fmt: skip
        projects.run_import(import_id=load.id, by=desk.system, now=desk.now)
        with acting(STAFF):
            return ItemImport.objects.get(id=load.id)

    return made


def ask(desk, user) -> ScoringRun:
    with acting(actor_of(user)) as by:
        return work.ask_human(project_id=desk.project.id, by=by, now=desk.now)


def compared(desk, user) -> ScoringRun:
    run = ask(desk, user)
    scoring.run(run_id=run.id, by=system(run.org_id))
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


@pytest.mark.django_db
def test_a_model_is_compared_with_people_and_the_page_says_it(desk, upload, alice, client_of):
    load = upload()
    # 500 tokens at 3.00 a million: fifteen hundredths of a cent.
    assert load.answer_micros == 150_000
    run = compared(desk, alice)
    assert run.state == "done", run.error
    assert (run.kind, run.version, run.seed) == ("human", 1, 0) and run.code_version
    assert run.params == {"price": 46_000_000, "models": {"model:large-3": 150_000}}
    with acting(actor_of(alice)) as by:
        found = human.of_project(desk.project, by)
    (one,) = found.models
    model, people, equal, both = one.arms
    assert one.model == "large-3" and one.items + one.left_out >= 60
    assert model.value == pytest.approx(2 / 3, abs=0.07)
    assert model.low < model.value < model.high and people.value > model.value
    assert model.cost == 150  # a thousand answers of it
    assert one.says.startswith("People were needed")
    # Two or three people answered an item, at 46 cents with the fee.
    assert people.cost == equal.cost and 2 * 46_000 <= people.cost <= 3 * 46_000
    assert both.cost == people.cost + model.cost
    url = reverse("pages:project-quality", args=[desk.project.id])
    text = html.unescape(client_of(alice).get(url).text)
    for said in (one.says, one.equal_says, "$1.50", "The model alone", "Graded blind", str(run.id)):
        assert said in text
    assert "Compare again" in text


@pytest.mark.django_db
def test_anyone_computes_it_again_to_the_byte(desk, upload, alice):
    upload()
    run = compared(desk, alice)
    said = io.StringIO()
    call_command("recompute", str(run.id), stdout=said)
    assert "human/1" in said.getvalue() and "Equal to the byte." in said.getvalue()
    assert run.scores_sha256 == run.result["human"]["sheet"]["sha256"]


@pytest.mark.django_db
def test_it_moves_nothing_and_hides_no_run_of_quality(desk, upload, alice):
    upload()
    desk.later(minutes=2)
    quality = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=quality.id, by=desk.system)
    desk.as_system(work.take_scores, run_id=quality.id)
    with acting(STAFF):
        before = (Score.objects.count(), EarningLine.objects.count())
    desk.later(minutes=2)
    run = compared(desk, alice)
    assert run.handled_at is not None, "nothing above takes it"
    with acting(STAFF) as staff:
        assert (Score.objects.count(), EarningLine.objects.count()) == before
        assert scores.latest(desk.project.id, staff).id == quality.id
        assert scores.latest_done(desk.project.id, staff).id == quality.id
        assert len(scores.history(desk.project.id, staff)) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM scoring_alphas()")
        assert cursor.fetchall() == [(quality.id,)]


@pytest.mark.django_db
def test_what_cannot_be_compared_is_said(desk, upload, alice):
    with pytest.raises(Conflict, match="No model has answered here"):
        ask(desk, alice)
    load = upload(tokens=None, price=None)
    assert load.answer_micros is None
    with pytest.raises(Conflict, match="What the model's answers cost is not known"):
        ask(desk, alice)
    upload("small-1", most=5)
    with pytest.raises(Conflict, match=r"^\d items have a known answer.* at least 20 are needed"):
        ask(desk, alice)
    upload("small-2")
    first = ask(desk, alice)
    assert list(first.params["models"]) == ["model:small-2"], "one of them can be compared"
    with pytest.raises(Conflict, match="being compared already"):
        ask(desk, alice)


@pytest.mark.django_db
def test_who_may_ask(desk, upload, mia, rob, vic, carol, gus):
    upload()
    for user in (rob, vic):
        with pytest.raises(NotAllowed):
            ask(desk, user)
    for user in (carol, gus):
        with pytest.raises(NotThere):
            ask(desk, user)
    assert ask(desk, mia).kind == "human"


@pytest.mark.django_db
def test_several_files_of_a_model_have_their_mean_price(desk, upload):
    upload(most=20, tokens=100, price=300)
    upload(most=40, skip=20, tokens=400, price=300)
    with acting(STAFF):
        assert model_prices(desk.project) == {"model:large-3": 90_000}
    # A file without a price leaves the model without one.
    upload("large-4", most=20)
    upload("large-4", most=20, skip=20, tokens=None, price=None)
    with acting(STAFF):
        assert list(model_prices(desk.project)) == ["model:large-3"]


@pytest.mark.django_db
def test_a_failed_comparison_says_why_and_can_be_asked_for_again(desk, upload, alice, client_of):
    upload()
    run = ask(desk, alice)
    with acting(desk.system):
        ScoringRun.objects.filter(id=run.id).update(params={**run.params, "price": 0})
    scoring.run(run_id=run.id, by=desk.system)
    text = client_of(alice).get(reverse("pages:project-quality", args=[desk.project.id])).text
    assert "The last comparison failed: a person&#x27;s answer must cost something" in text
    assert compared(desk, alice).state == "done"


@pytest.mark.django_db
def test_the_button_is_the_manager_s_and_the_figures_are_everybody_s(
    desk, upload, alice, vic, client_of
):
    url = reverse("pages:project-quality", args=[desk.project.id])
    press = reverse("work:human-ask", args=[desk.project.id])
    assert "Was the human needed" not in client_of(alice).get(url).text
    upload()
    assert press in client_of(alice).get(url).text
    assert press not in client_of(vic).get(url).text
    page = client_of(alice).post(press, follow=True).text
    assert "Models and people are being compared" in page and press not in page
    with acting(STAFF):
        run = ScoringRun.objects.get(kind="human")
    scoring.run(run_id=run.id, by=desk.system)
    assert "The model alone" in client_of(vic).get(url).text


@pytest.mark.django_db
def test_the_price_is_told_with_the_file_whole_or_not_at_all(desk, alice, client_of):
    url = reverse("projects:annotators", args=[desk.project.id])

    def sent(**words: str):
        file = SimpleUploadedFile("a.csv", (HEADER + "t60,m,yes\n").encode())
        return client_of(alice).post(url, {"file": file, "kind": "model"} | words)

    half = sent(tokens="500")
    assert half.status_code == 422 and "Say both" in half.text
    of_rule = sent(kind="function", tokens="500", price="3.00")
    assert of_rule.status_code == 422 and "Only a model" in of_rule.text
    assert sent(tokens="500", price="3.00").status_code == 302
    with acting(STAFF):
        load = ItemImport.objects.exclude(annotators="").get(project=desk.project)
    assert (load.tokens_per_answer, load.price_per_million) == (500, 300)
    for wrong in ({"tokens_per_answer": None}, {"annotators": "function"}):
        with acting(desk.system), pytest.raises(IntegrityError), transaction.atomic():
            ItemImport.objects.filter(id=load.id).update(**wrong)
    with acting(actor_of(alice)) as by, pytest.raises(Invalid, match="at least one token"):
        projects.start_import(
            project_id=desk.project.id, name="a.csv", content=b"", annotators="model",
            tokens_per_answer=0, price_per_million=1, by=by, now=desk.now,
        )  # fmt: skip


@given(
    st.integers(1, 10**9), st.integers(0, 10**12), st.integers(1, 10**5), st.integers(0, 10**6)
)  # fmt: skip
def test_costs_are_whole_and_both_cost_what_each_does(price, micros, items, answers):
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {
        "model": "model:m", "items": items, "left_out": 0, "price": micros,
        "people_answers": answers, "model_alone": figure, "people_alone": figure, "equal": None,
        "both": figure, "says": "", "equal_says": "",
        "graded": {"model": figure, "people": figure},
    }  # fmt: skip
    model, people, equal, both = human._compared(row, price * 1_000_000).arms
    assert model.cost == half_even(micros, 1000)
    assert people.cost == half_even(price * answers * 1000, items) == equal.cost
    assert abs(both.cost - model.cost - people.cost) <= 1
    assert equal.value is None
