"""Where the answers of a run go wrong: from the product's rows to the buyer's page."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.core import blobs
from apps.core.tasks import pairs
from apps.core.tenancy import acting, system
from apps.projects.models import Item
from apps.scoring import actions as scoring
from apps.scoring.models import ErrorRun, ScoringRun
from apps.work import actions as work
from apps.work import tasks
from tests.work.conftest import STAFF, Desk


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(
        acme, how_many=12, gold=12, gold_percent=0, limits={"newcomer_share_percent": 100}
    )
    with acting(STAFF):
        for place, item in enumerate(Item.objects.filter(project=made).order_by("id")):
            Item.objects.filter(id=item.id).update(kind="evening" if place % 2 else "morning")
    return Desk(made, now, clock_at)


def answer_all(desk, *users):
    for which, user in enumerate(users):
        desk.enrol(user)
        for place in range(12):
            desk.hand_in(user, "unclear" if which and place % 4 == 3 else "yes")


def score(desk) -> ScoringRun:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


@pytest.fixture
def scored(desk, carol, dave):
    answer_all(desk, carol, dave)
    return score(desk)


def analyse(desk, run) -> ErrorRun | None:
    return desk.as_system(work.analyse_errors, run_id=run.id)


def read(found):
    return pq.read_table(io.BytesIO(blobs.read(found.input_sha256)))


def read_input(run):
    return pq.read_table(io.BytesIO(blobs.read(run.input_sha256)))


def page(desk, user, client_of):
    answer = client_of(user).get(reverse("pages:project-quality", args=[desk.project.id]))
    return answer.context, answer.text


def waiting(desk) -> list:
    return [pk for pk, _ in pairs("work_unanalysed_runs", desk.now - tasks.AFTER_CLOSE)]


def test_every_taken_run_is_looked_into_once(desk, scored):
    assert scored.id in waiting(desk)
    found = analyse(desk, scored)
    assert found.run_id == scored.id and found.result["wrong"]["truth"] == "gold"
    assert found.result["wrong"]["judged_answers"] == 24
    assert found.result["wrong"]["judged_people"] == 2
    assert {row["name"] for row in found.result["groups"]["by_kind"]} == {"morning", "evening"}
    assert analyse(desk, scored) is None
    assert waiting(desk) == []


def test_a_run_that_is_not_taken_waits(desk, carol):
    answer_all(desk, carol)
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    assert waiting(desk) == []
    assert analyse(desk, run) is None


def test_the_file_names_nobody(desk, scored, carol, dave):
    table = read(analyse(desk, scored))
    assert "submission_id" not in table.column_names
    raw = str(table.to_pydict())
    assert str(carol.id) not in raw and str(dave.id) not in raw
    names = set(table["worker_id"].to_pylist())
    assert len(names) == 2 and table.num_rows == 24
    places = list(zip(table["item_id"].to_pylist(), table["worker_id"].to_pylist(), strict=True))
    assert places == sorted(places)
    assert set(table["tier"].to_pylist()) == {"general"}


def test_without_known_answers_it_is_disagreement(desk, scored, alice, client_of):
    without = read_input(scored).drop_columns(["gold"])
    buffer = io.BytesIO()
    pq.write_table(without.append_column("gold", pa.nulls(24, pa.string())), buffer)
    with acting(STAFF):
        scored.input_sha256 = blobs.put(buffer.getvalue())
        scored.save(update_fields=["input_sha256"])
    found = analyse(desk, scored)
    assert found.result["wrong"]["truth"] == "labels"
    _, text = page(desk, alice, client_of)
    assert "Where people differ from the labels" in text
    assert "That is disagreement, not error" in text


def test_answers_that_are_no_classes_are_said_to_have_none(desk, scored, alice, client_of):
    with acting(STAFF):
        scored.params["level"] = "interval"
        scored.save(update_fields=["params"])
    found = analyse(desk, scored)
    assert found.result is None
    assert "one of several classes" in page(desk, alice, client_of)[1]
    assert waiting(desk) == []
    with pytest.raises(CommandError, match="no figures"):
        call_command("recompute", str(found.id))


def test_it_comes_out_the_same_to_the_byte(desk, scored):
    found = analyse(desk, scored)
    out = io.StringIO()
    call_command("recompute", str(found.id), stdout=out)
    assert f"An analysis of errors: run {found.id}" in out.getvalue()
    assert "Equal to the byte." in out.getvalue()


def test_the_page_says_where_and_on_what_it_rests(desk, scored, alice, rob, client_of):
    before, text = page(desk, alice, client_of)
    assert before["errors"] is None and "a little after the scores" in text
    analyse(desk, scored)
    context, text = page(desk, alice, client_of)
    errors = context["errors"]
    assert errors.is_known and errors.whole.low <= errors.whole.value <= errors.whole.high
    assert [key for key, _, _ in errors.groups] == ["kind"], "one tier is nothing to compare"
    for row in errors.groups[0][2]:
        assert row.low <= row.value <= row.high
        assert not row.is_apart, "two people are too few"
    assert "By kind of item" in text and "not known to differ" in text
    pair = errors.pairs[0]
    assert pair.items and f"?q={pair.items[0]}" in text
    assert str(errors.id) in text
    # The items that have a known answer are for those who see answers.
    assert page(desk, rob, client_of)[0]["errors"].pairs[0].items


def test_who_sees_no_answers_sees_no_items(desk, scored, fay, client_of):
    analyse(desk, scored)
    context, text = page(desk, fay, client_of)
    assert context["errors"].pairs and not any(pair.items for pair in context["errors"].pairs)
    assert "Items to read" not in text


def test_another_tenant_reaches_no_analysis(desk, scored, globex):
    found = analyse(desk, scored)
    with acting(system(globex.id)) as actor:
        assert not ErrorRun.objects.filter(id=found.id).exists()
        assert not ErrorRun.objects.visible_to(actor).exists()
