"""The buyer's pages: the wizard from nothing to a live project, the items, and who may do what."""

import io
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.accounts.models import User
from apps.core.tenancy import acting, system
from apps.organizations.models import Organization
from apps.pages.views.buyer import band
from apps.projects import actions, queries
from apps.projects.forms.fields import MoneyField
from apps.projects.models import ItemImport, Project
from apps.scoring.models import ScoringRun
from apps.scoring.rules import wilson

pytestmark = pytest.mark.django_db

WORK = {
    "work-title": "Is it a question?",
    "work-layer": "labelling",
    "work-complexity": "2",
    "work-consequence": "1",
    "work-visibility": "public",
    "work-instructions": "Read the sentence. Say whether it asks something.",
    "work-estimate_seconds": "30",
    "type-task_type": "choice",
    "config_of": "choice",
    "config-question": "Is this a question?",
    "config-content": "text",
    "config-choices": "yes\nno",
    "pay-base": "0.40",
    "pay-qualification": "0.40",
}
RUBRIC = {
    "rubric-TOTAL_FORMS": "1",
    "rubric-INITIAL_FORMS": "0",
    "rubric-0-key": "",
    "rubric-0-title": "Right answer",
    "rubric-0-weight": "3",
    "rubric-0-anchor_1": "wrong",
    "rubric-0-anchor_3": "defensible",
    "rubric-0-anchor_5": "right",
    "premiums-TOTAL_FORMS": "0",
    "premiums-INITIAL_FORMS": "0",
}
TIERS = {
    "tiers-TOTAL_FORMS": "1",
    "tiers-INITIAL_FORMS": "0",
    "tiers-0-key": "",
    "tiers-0-title": "Everybody",
    "tiers-0-regions": "us, de",
    "tiers-0-languages": "EN",
    "tiers-0-credentials": "",
    "tiers-0-has_qualification": "on",
    "tiers-0-items": "2",
    "tiers-0-pass_percent": "50",
    "tiers-0-seats": "3",
}
ITEMS = {"items-overlap": "2", "items-gold_percent": "10"}
TERMS = {
    "consent-purpose": "Evaluation.",
    "consent-licence": "CC BY 4.0",
    "consent-term": "Five years",
    "consent-secondary_use": "none",
    "consent-price_per_use": "0",
    "consent-withdrawal": "Until the release.",
    "disclosure-trains": "A classifier.",
    "disclosure-owners": "Alice owns all of it.",
    "disclosure-content_warnings": "none",
    **{f"decision-{key}": "An answer." for key in queries.DECISION_QUESTIONS},
    "budget-amount": "150.00",
}
STEPS = {"work": WORK, "rubric": RUBRIC, "tiers": TIERS, "items": ITEMS, "terms": TERMS}
CSV = b"item_id,text,gold\n" + b"".join(b"i%d,Sentence %d?,yes\n" % (n, n) for n in range(6))


@pytest.fixture
def draft(acme: Organization, alice: User, as_: Callable, now) -> Project:
    with acting(as_(alice)) as by:
        return actions.create(org_id=acme.id, title="A draft", by=by, now=now)


@pytest.fixture
def buyer(acme: Organization, alice: User, client_of: Callable) -> Client:
    return client_of(alice)


def step_url(project: Project, step: str) -> str:
    return reverse("projects:draft", args=[project.id, step])


def save(buyer: Client, project: Project, step: str, **changes: str):
    return buyer.post(step_url(project, step), {**STEPS[step], "go": "stay", **changes})


def body_of(project: Project, alice_actor) -> dict:
    with acting(alice_actor):
        return queries.draft_body(Project.objects.select_related("org").get(id=project.id))


def import_file(buyer: Client, project: Project, data: bytes, name="a.csv", purpose="work"):
    return buyer.post(
        reverse("projects:upload", args=[project.id]),
        {"file": SimpleUploadedFile(name, data), "purpose": purpose},
    )


def worker_runs(project: Project, now) -> ItemImport:
    """What the worker does with the import that was uploaded last."""
    with acting(system(project.org_id)) as by:
        row = ItemImport.objects.filter(project=project).latest("created_at", "id")
        actions.run_import(import_id=row.id, by=by, now=now)
        row.refresh_from_db()
    return row


def complete(buyer: Client, project: Project, now) -> None:
    """A draft to which nothing is missing but money in the wallet."""
    for step in STEPS:
        assert save(buyer, project, step).status_code == 302, step
    assert import_file(buyer, project, CSV).status_code == 302
    worker_runs(project, now)
    assert import_file(buyer, project, CSV.replace(b"\ni", b"\nq"), purpose="qualification")
    worker_runs(project, now)


# ── The story ───────────────────────────────────────────────────────────────────────────────────


def test_from_nothing_to_a_live_project(buyer, acme, alice, funded, as_, now):
    made = buyer.post(reverse("projects:create"), {"org": acme.id, "title": "New"})
    with acting(as_(alice)):
        project = Project.objects.get(title="New")
    assert made.url == step_url(project, "work")
    complete(buyer, project, now)
    funded(acme, 200_00)

    review = buyer.get(reverse("projects:review", args=[project.id]))
    assert "Every condition for publishing is met" in review.text
    assert "15.0%" in review.text  # the effective fee
    page = buyer.get(reverse("projects:publish", args=[project.id]))
    assert "$150.00" in page.text and "$50.00" in page.text  # to the held funds, and what is left
    published = buyer.post(reverse("projects:publish", args=[project.id]))
    assert published.url == reverse("pages:project_live", args=[project.id])

    with acting(as_(alice)):
        project = Project.objects.select_related("org", "criteria").get(id=project.id)
        assert project.state == "live"
        assert project.criteria.body["pay"]["base"] == 40
        assert project.criteria.body["tiers"][0]["regions"] == ["US", "DE"]
        funds = queries.funds(project)
        assert funds.balance == 150_00
        assert funds.seats.balance == queries.qualification_exposure(project.criteria.body).total
        assert queries.wallet(project.org).available == 50_00
    live = buyer.get(published.url)
    assert live.status_code == 200
    assert "$150.00" in live.text
    shown = buyer.get(reverse("projects:criteria", args=[project.id]))
    assert project.criteria.sha256 in shown.text
    assert buyer.get(reverse("projects:detail", args=[project.id])).url == published.url


def test_publish_without_funds_says_so_and_moves_nothing(buyer, draft, alice, as_, now):
    complete(buyer, draft, now)
    answer = buyer.post(reverse("projects:publish", args=[draft.id]))
    assert answer.status_code == 422
    assert "fund the wallet first" in answer.text
    with acting(as_(alice)):
        assert Project.objects.get(id=draft.id).state == "draft"


# ── Drafts ──────────────────────────────────────────────────────────────────────────────────────


def test_every_step_opens_on_an_empty_draft(buyer, draft):
    for step in STEPS:
        assert buyer.get(step_url(draft, step)).status_code == 200, step
    review = buyer.get(reverse("projects:review", args=[draft.id]))
    assert review.status_code == 200
    assert step_url(draft, "terms") in review.text
    assert "Write the instructions." in review.text
    assert buyer.get(reverse("projects:preview", args=[draft.id])).status_code == 200
    assert buyer.get(reverse("projects:publish", args=[draft.id])).status_code == 200


def test_an_incomplete_step_is_kept(buyer, draft, alice, as_):
    answer = buyer.post(step_url(draft, "terms"), {"consent-purpose": "Only this.", "go": "stay"})
    assert answer.status_code == 302
    assert "Only this." in buyer.get(step_url(draft, "terms")).text
    assert body_of(draft, as_(alice))["consent"]["purpose"] == "Only this."


def test_what_cannot_be_read_is_shown_again_and_the_rest_is_kept(buyer, draft, alice, as_):
    answer = save(buyer, draft, "work", **{"pay-base": "forty", "work-title": "Kept title"})
    assert answer.status_code == 422
    assert "forty" in answer.text and "Enter a number" in answer.text
    assert body_of(draft, as_(alice))["title"] == "Kept title"


def test_settings_of_a_task_type_that_are_refused_are_kept_as_typed(buyer, draft, alice, as_):
    answer = save(buyer, draft, "work", **{"config-choices": "only one"})
    assert answer.status_code == 422
    assert "at least two answers" in answer.text
    assert "only one" in buyer.get(step_url(draft, "work")).text
    assert save(buyer, draft, "work").status_code == 302
    config = body_of(draft, as_(alice))["task"]["config"]
    assert [choice["key"] for choice in config["choices"]] == ["yes", "no"]


def test_choosing_another_task_type_shows_its_settings(buyer, draft, alice, as_):
    save(buyer, draft, "work")
    answer = save(buyer, draft, "work", **{"type-task_type": "pairwise"})
    assert answer.status_code == 200
    assert 'value="pairwise"' in answer.text and "config-allows_tie" in answer.text
    pairwise = {"type-task_type": "pairwise", "config_of": "pairwise", "config-allows_tie": "on"}
    answer = save(buyer, draft, "work", **pairwise, **{"config-question": "Which one?"})
    assert answer.status_code == 302
    assert body_of(draft, as_(alice))["task"]["config"]["question"] == "Which one?"


def test_a_line_more_without_script_loses_nothing(buyer, draft):
    answer = buyer.post(step_url(draft, "rubric"), {**RUBRIC, "add": "rubric"})
    assert answer.status_code == 200
    assert "Right answer" in answer.text
    assert "rubric-1-title" in answer.text
    assert 'name="rubric-TOTAL_FORMS" value="2"' in answer.text


def test_lines_can_be_added_changed_and_removed(buyer, draft, alice, as_):
    second = {
        "rubric-TOTAL_FORMS": "2",
        "rubric-1-title": "Right answer",
        "rubric-1-weight": "1",
        "premiums-TOTAL_FORMS": "1",
        "premiums-0-label": "Night work",
        "premiums-0-amount": "0.05",
    }
    assert save(buyer, draft, "rubric", **second).status_code == 302
    body = body_of(draft, as_(alice))
    keys = [line["key"] for line in body["rubric"]]
    assert len(set(keys)) == 2
    assert body["pay"]["premiums"][0]["amount"] == 5
    kept = {
        "rubric-TOTAL_FORMS": "2",
        "rubric-INITIAL_FORMS": "2",
        "rubric-0-key": keys[0],
        "rubric-0-DELETE": "on",
        "rubric-1-key": keys[1],
        "rubric-1-title": "Care",
        "rubric-1-weight": "1",
    }
    assert save(buyer, draft, "rubric", **kept).status_code == 302
    lines = body_of(draft, as_(alice))["rubric"]
    assert [(line["key"], line["title"]) for line in lines] == [(keys[1], "Care")]


def test_a_form_without_its_counters_wipes_no_lines(buyer, draft, alice, as_):
    save(buyer, draft, "rubric")
    assert buyer.post(step_url(draft, "rubric"), {"go": "stay"}).status_code == 422
    assert len(body_of(draft, as_(alice))["rubric"]) == 1


def test_steps_do_not_forget_what_other_steps_wrote(buyer, draft, alice, as_):
    premium = {"premiums-TOTAL_FORMS": "1", "premiums-0-label": "Night", "premiums-0-amount": "1"}
    save(buyer, draft, "work")
    save(buyer, draft, "rubric", **premium)
    save(buyer, draft, "work", **{"pay-base": "0.50"})
    pay = body_of(draft, as_(alice))["pay"]
    assert (pay["base"], pay["premiums"][0]["amount"]) == (50, 100)


def test_a_qualification_priced_at_zero_is_named_in_the_review(buyer, draft):
    save(buyer, draft, "work", **{"pay-qualification": "0"})
    save(buyer, draft, "tiers")
    review = buyer.get(reverse("projects:review", args=[draft.id]))
    assert "A qualification cannot be priced at zero" in review.text


def test_the_preview_shows_the_offer_and_the_editor(buyer, draft):
    save(buyer, draft, "work")
    page = buyer.get(reverse("projects:preview", args=[draft.id]))
    assert "Is this a question?" in page.text
    assert 'name="answer.choice"' in page.text
    assert "A sample: there are no items yet" in page.text


@pytest.mark.parametrize(
    ("typed", "amount"), [("0.40", 40), ("1234.5", 123450), ("0", 0), ("", None)]
)
def test_money_is_typed_in_major_units(typed, amount):
    field = MoneyField(currency="USD", label="Price", required=False)
    assert field.clean(typed) == amount
    assert amount is None or field.prepare_value(amount) == f"{amount / 100:.2f}"


# ── Items ───────────────────────────────────────────────────────────────────────────────────────


def test_refused_rows_are_reported_and_the_buyer_decides(buyer, draft, now):
    save(buyer, draft, "work")
    answer = import_file(buyer, draft, CSV + b"bad,,yes\n")
    waiting = buyer.get(answer.url)
    assert 'hx-trigger="every 2s"' in waiting.text
    row = worker_runs(draft, now)
    assert row.state == "asking"
    part = buyer.get(answer.url, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "hx-trigger" not in part.text  # polling stops when it stands still
    assert "text is empty" in part.text
    csv = buyer.get(reverse("projects:import-refused", args=[draft.id, row.id]))
    assert b"text is empty" in b"".join(csv.streaming_content if csv.streaming else [csv.content])
    assert buyer.post(reverse("projects:import-keep", args=[draft.id, row.id])).status_code == 302
    page = buyer.get(reverse("projects:items", args=[draft.id]) + "?q=i1&gold=yes")
    assert [each["item"].external_id for each in page.context["shown"]] == ["i1"]
    again = buyer.post(reverse("projects:import-discard", args=[draft.id, row.id]))
    assert again.status_code == 409


def test_a_file_of_an_unknown_kind_is_refused_in_the_form(buyer, draft):
    save(buyer, draft, "work")
    answer = import_file(buyer, draft, b"x", name="items.exe")
    assert answer.status_code == 422
    assert "file-error" in answer.text or "field-error" in answer.text


def test_items_before_the_task_type_are_refused_with_a_sentence(buyer, draft):
    answer = import_file(buyer, draft, CSV)
    assert answer.status_code == 422
    assert "Choose the task type" in answer.text


def test_broken_pictures_are_reported_and_good_ones_kept(buyer, draft):
    good = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(good, "PNG")
    files = [SimpleUploadedFile("a.png", good.getvalue()), SimpleUploadedFile("b.png", b"no")]
    page = buyer.post(reverse("projects:pictures", args=[draft.id]), {"pictures": files})
    assert page.status_code == 200
    assert page.context["report"].added == ["a.png"]
    assert "b.png" in page.text and "1 refused" in page.text


def test_known_answers_are_not_shown_to_those_who_may_not_see_answers(
    buyer, draft, client_of, fay, now
):
    save(buyer, draft, "work")
    import_file(buyer, draft, CSV)
    worker_runs(draft, now)
    url = reverse("projects:items", args=[draft.id])
    assert "Known answer" in buyer.get(url).text.replace("With a known", "")
    page = client_of(fay).get(url)
    assert page.status_code == 200
    assert not page.context["sees_gold"]
    assert all(each["gold"] == "" for each in page.context["shown"])


# ── Running it ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def live(project: Callable, acme: Organization, funded: Callable) -> Project:
    made = project(acme)
    funded(acme, 100_00)
    return made


def confirm_url(project: Project, name: str) -> str:
    if name == "close":
        return reverse("work:close", args=[project.id])
    return reverse("projects:confirm", args=[project.id, name])


def test_each_step_says_its_consequence_in_money_first(buyer, live, alice, as_):
    for name in ("pause", "top-up", "extend", "close"):
        page = buyer.get(confirm_url(live, name))
        assert page.status_code == 200
        assert "$500.00" in page.text, name
        with acting(as_(alice)):
            assert Project.objects.get(id=live.id).state == "live"


def test_pause_resume_and_close(buyer, live, alice, as_):
    for name, state in (("pause", "paused"), ("resume", "live"), ("close", "closing")):
        assert buyer.post(confirm_url(live, name)).status_code == 302
        with acting(as_(alice)):
            assert Project.objects.get(id=live.id).state == state
    again = buyer.post(confirm_url(live, "pause"))
    assert again.status_code == 409
    assert "cannot become" in again.text


def test_top_up_moves_money_and_keeps_what_was_typed_when_refused(buyer, live, alice, as_):
    refused = buyer.post(confirm_url(live, "top-up"), {"amount": "100.01"})
    assert refused.status_code == 409
    assert "100.01" in refused.text and "fund it first" in refused.text
    assert buyer.post(confirm_url(live, "top-up"), {"amount": "100.00"}).status_code == 302
    with acting(as_(alice)):
        assert queries.held(live).balance == 600_00


def test_extend_opens_slots(buyer, live, alice, as_):
    assert buyer.post(confirm_url(live, "extend"), {"overlap": "3"}).status_code == 422
    assert buyer.post(confirm_url(live, "extend"), {"overlap": "5"}).status_code == 302
    with acting(as_(alice)):
        assert set(live.items.filter(purpose="work").values_list("open_slots", flat=True)) == {5}


def test_live_page_parts_are_asked_for_by_htmx(buyer, live):
    url = reverse("pages:project_live", args=[live.id])
    for part in ("progress", "scores"):
        answer = buyer.get(url, {"part": part}, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert "<html" not in answer.text
        assert f'id="{part}"' in answer.text
    assert 'hx-trigger="every 10s"' in buyer.get(url).text


def test_criteria_of_a_live_project_and_its_next_version(buyer, live):
    assert live.criteria.sha256 in buyer.get(reverse("projects:criteria", args=[live.id])).text
    assert buyer.get(reverse("projects:criteria-version", args=[live.id, 9])).status_code == 404
    assert buyer.get(step_url(live, "work")).status_code == 200
    page = buyer.get(reverse("projects:version", args=[live.id]))
    assert page.status_code == 200


# ── Who may ─────────────────────────────────────────────────────────────────────────────────────

READ = ("detail", "items", "review")
WRITE = ("preview", "publish", "upload", "pictures")


def test_roles(draft, client_of, mia, rob, fay, vic):
    for person in (mia, rob, fay, vic):
        visitor = client_of(person)
        for name in READ:
            answer = visitor.get(reverse(f"projects:{name}", args=[draft.id]))
            assert answer.status_code in {200, 302}, (person.name, name)
        for name in WRITE:
            answer = visitor.get(reverse(f"projects:{name}", args=[draft.id]))
            assert answer.status_code == (200 if person == mia else 403), (person.name, name)
        answer = visitor.post(step_url(draft, "work"), WORK)
        assert answer.status_code == (302 if person == mia else 403)


def test_roles_on_a_live_project(live, client_of, mia, rob, fay, vic):
    for person in (mia, rob, fay, vic):
        visitor = client_of(person)
        assert visitor.get(reverse("pages:project_live", args=[live.id])).status_code == 200
        assert visitor.get(reverse("projects:criteria", args=[live.id])).status_code == 200
        status = visitor.post(confirm_url(live, "top-up"), {"amount": "0"}).status_code
        assert status == (422 if person == mia else 403)


def test_strangers_find_nothing(live, draft, client_of, globex, gus, carol, ada):
    for person, status in ((gus, 404), (carol, 404), (ada, 403)):
        visitor = client_of(person)
        for name in (*READ, *WRITE):
            answer = visitor.get(reverse(f"projects:{name}", args=[draft.id]))
            assert answer.status_code == status, (person.name, name)
        assert visitor.get(reverse("pages:project_live", args=[live.id])).status_code == status
        assert visitor.post(confirm_url(live, "close")).status_code == status
    nobody = client_of(None)
    assert nobody.get(reverse("projects:detail", args=[draft.id])).status_code == 302
    assert nobody.get(reverse("projects:list")).status_code == 302


def test_the_list_holds_own_projects_only(draft, client_of, globex, gus, alice):
    assert "A draft" in client_of(alice).get(reverse("projects:list")).text
    assert "A draft" not in client_of(gus).get(reverse("projects:list")).text


# ── Scores on the live page ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def run(live: Project, now) -> ScoringRun:
    with acting(system(live.org_id)):
        return ScoringRun.objects.create(
            org_id=live.org_id,
            project=live,
            input_sha256="0" * 64,
            input_rows=60,
            created_at=now,
        )


def scores_of(buyer: Client, live: Project) -> str:
    url = reverse("pages:project_live", args=[live.id])
    return buyer.get(url, {"part": "scores"}, headers={"HX-Request": "true"}).text


def test_results_appear_by_polling(buyer, live, run, now):
    assert 'hx-trigger="every 2s"' in scores_of(buyer, live)
    figures = {
        "agreement": {"alpha": 0.712, "reason": None},
        "gold": {"gold_items": 4, "gold_answers": 8, "correct": 6, "share_correct": 0.75},
        "anomalies": {"fast": 2, "slow": 1, "timed": 60},
        "labels": {"method": "dawid-skene", "iterations": 9, "converged": True, "accuracy": 0.9},
    }
    with acting(system(live.org_id)):
        ScoringRun.objects.filter(id=run.id).update(
            state="done", result=figures, finished_at=now, handled_at=now
        )
    page = scores_of(buyer, live)
    assert 'hx-trigger="every 2s"' not in page
    for said in ("0.712", "tentative", "6 of 8", "75.0%", "2 very fast", "9 iterations", "90.0%"):
        assert said in page, said


def test_a_failed_run_says_so(buyer, live, run, now):
    with acting(system(live.org_id)):
        ScoringRun.objects.filter(id=run.id).update(state="failed", error="The file is gone.")
    assert "The file is gone." in scores_of(buyer, live)


@pytest.mark.parametrize(
    ("alpha", "word"),
    [(0.80, "reliable"), (0.7999, "tentative"), (0.667, "tentative"), (0.66, "low"), (-0.1, "low")],
)
def test_bands_of_alpha(alpha, word):
    assert band(alpha).word == word


def test_no_alpha_has_no_band():
    assert band(None) is None


def test_the_interval_of_a_share_narrows_and_stays_between_0_and_1():
    low, high = wilson(69, 80)
    assert (round(low, 3), round(high, 3)) == (0.787, 0.914)
    assert wilson(690, 800)[0] > low
    assert 0 <= wilson(0, 3)[0] < wilson(0, 3)[1] < 1
    assert wilson(3, 3)[1] <= 1
