"""A stored result is computed again from its stored input: the same bytes, or what differs."""

import io
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.core import blobs
from apps.core.ids import uuid7
from apps.core.tenancy import acting, system
from apps.scoring import actions as scoring
from apps.scoring import queries, rules
from apps.scoring.actions import quality
from apps.scoring.models import FILES, ScoringRun
from apps.work import actions as work
from apps.work.models import EarningLine, Enrolment, Score
from gpu_jobs import provenance
from tests.work.conftest import STAFF, Desk


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(acme, how_many=8, gold=8, gold_percent=0, limits={"newcomer_share_percent": 100})
    return Desk(made, now, clock_at)


@pytest.fixture
def scored(desk, carol, dave):
    """Two people, eight items with known answers, and a run that is taken."""
    for user, choices in ((carol, ["yes", "no"] * 4), (dave, ["yes"] * 8)):
        desk.enrol(user)
        for choice in choices:
            desk.hand_in(user, choice)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    return fresh(run)


def fresh(run) -> ScoringRun:
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


def stored_as(run, **values):
    """Something else is stored, as if other code had made it."""
    with acting(STAFF):
        ScoringRun.objects.filter(id=run.id).update(**values)


def recomputed(score_id) -> str:
    out = io.StringIO()
    call_command("recompute", str(score_id), stdout=out)
    return out.getvalue()


def test_a_run_knows_what_made_it(scored):
    assert scored.code_version == provenance.code_version()
    assert len(scored.code_version) == 64
    assert scored.environment["numpy"] and scored.environment["processor"]
    assert scored.version == 3


def test_a_run_comes_out_the_same_to_the_byte(scored):
    text = recomputed(scored.id)
    assert "Equal to the byte." in text
    assert "the same as now" in text
    assert text.count("the same bytes") == len(FILES)
    assert scored.input_sha256 in text
    assert re.search(r"agreement\.answers +16 +=", text)
    assert "≠" not in text
    assert fresh(scored).result == scored.result, "nothing is written"


def test_every_id_that_a_page_quotes_leads_there(desk, scored, carol):
    with acting(STAFF):
        score = Score.objects.get(contributor=carol)
        rows = list(desk.project.assignments.filter(contributor=carol))
        answer = desk.answer_of(rows[0])
    assert answer.scores["run"] == str(scored.id)
    text = recomputed(score.id)
    assert f"A score of a contributor: run {scored.id}" in text
    assert re.search(rf"worker_id +{carol.id} +=", text)
    text = recomputed(answer.id)
    assert re.search(rf"submission_id +{answer.id} +=", text)


def test_a_bonus_quotes_what_it_rests_on(desk, scored, carol, client_of):
    with acting(STAFF):
        rows = list(desk.project.assignments.filter(contributor=carol))
        Enrolment.objects.filter(contributor=carol).update(
            gold_count=10, gold_correct=10, gold_lower="0.9000"
        )
    desk.at(max(row.review_due_at for row in rows))
    desk.lapse(*rows)
    desk.settle()
    with acting(STAFF):
        line = EarningLine.objects.get(contributor=carol, kind="quality_bonus")
        settlement = line.settlement
    assert settlement.facts["run"] == str(scored.id)
    for quoted in (settlement.id, line.id):
        assert f"A settlement: run {scored.id}" in recomputed(quoted)
    page = client_of(carol).get(reverse("money:line", args=[line.id]), follow=True).text
    assert "10, lower 90% bound of the accuracy 0.9000" in page
    assert str(settlement.id) in page


def test_a_number_within_the_bound_is_the_same_figure(scored):
    result = scored.result
    result["gold"]["share_correct"] += 4e-7
    stored_as(scored, result=result)
    text = recomputed(scored.id)
    assert "Equal within 1e-06; the largest difference is 4e-07." in text
    assert "≈" in text


@pytest.mark.parametrize(
    ("stage", "key", "value", "sentence"),
    [
        ("gold", "share_correct", 0.5, "gold.share_correct is stored as 0.5"),
        ("agreement", "level", "ordinal", "agreement.level is stored as 'ordinal'"),
        ("gold", "gone", 7, "gold.gone is stored as 7 and comes out as nothing"),
    ],
)
def test_what_differs_is_named_with_exit_code_1(scored, stage, key, value, sentence):
    result = scored.result
    result[stage][key] = value
    stored_as(scored, result=result)
    with pytest.raises(CommandError, match=re.escape(sentence)) as caught:
        recomputed(scored.id)
    assert caught.value.returncode == 1


def test_a_figure_that_older_code_did_not_have_is_no_difference(scored):
    result = scored.result
    del result["matrices"]
    stored_as(scored, result=result, code_version="0" * 64)
    text = recomputed(scored.id)
    assert "Equal to the byte." in text
    assert "New in this code" in text
    assert "000000" in text and "the same as now" not in text


def as_version_1(run) -> None:
    """The run as the code of version 1 left it: input, parameters, figures, files."""
    table = pq.read_table(io.BytesIO(blobs.read(run.input_sha256)))
    buffer = io.BytesIO()
    pq.write_table(table.drop_columns(["at", "annotator"]), buffer)
    stored_as(
        run,
        version=1,
        state="queued",
        code_version="0" * 64,
        params={"level": "nominal", "repeats": "keep"},
        input_sha256=blobs.put(buffer.getvalue()),
        signals_sha256="",
    )
    scoring.run(run_id=run.id, by=system(run.org_id))


def test_a_run_of_version_1_is_repeated_and_says_what_it_cannot(scored):
    as_version_1(scored)
    old = fresh(scored)
    assert old.state == "done" and old.result["labels"]["method"] == "dawid-skene"
    text = recomputed(scored.id)
    assert "quality/1 is an older one" in text and "Equal to the byte." in text
    # Rules of signals have changed since: what they said is listed, and is no difference.
    old.result["anomalies"]["flagged_workers"] = 7
    stored_as(scored, result=old.result)
    text = recomputed(scored.id)
    assert "Not repeated: computed by other rules today" in text
    assert re.search(r"anomalies\.flagged_workers +7 +≠ 0", text)
    assert "Equal to the byte." in text
    # Everything else of it is held to the byte.
    old.result["gold"]["correct"] += 1
    stored_as(scored, result=old.result)
    with pytest.raises(CommandError, match=re.escape("gold.correct is stored as")):
        recomputed(scored.id)


def test_a_run_of_version_2_may_have_drawn_other_items(scored):
    result = scored.result
    result["agreement"]["low"] -= 0.01
    stored_as(scored, version=2, result=result)
    text = recomputed(scored.id)
    assert "quality/2 is an older one" in text and "Equal to the byte." in text
    assert re.search(r"agreement\.low +-?\d\.\d+ +≠", text)
    result["agreement"]["alpha"] -= 0.01
    stored_as(scored, result=result)
    with pytest.raises(CommandError, match=re.escape("agreement.alpha is stored as")):
        recomputed(scored.id)


def test_in_version_2_the_signals_must_come_out_again(scored):
    stored_as(scored, version=2)
    scored.result["anomalies"]["flagged_workers"] = 7
    stored_as(scored, result=scored.result)
    with pytest.raises(CommandError, match=re.escape("anomalies.flagged_workers is stored as 7")):
        recomputed(scored.id)


def changed(digest, change) -> str:
    table = change(pq.read_table(io.BytesIO(blobs.read(digest))))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return blobs.put(buffer.getvalue())


def plus(amount):
    def change(table):
        values = [each + amount for each in table["probability"].to_pylist()]
        place = table.column_names.index("probability")
        return table.set_column(place, "probability", pa.array(values))

    return change


@pytest.mark.parametrize(
    ("change", "is_near", "said"),
    [
        (plus(1e-9), True, "Equal within"),
        (plus(1e-3), False, "labels.parquet: a number differs by 0.001"),
        (lambda table: table.slice(1), False, "labels.parquet: 7 rows became 8"),
        (lambda table: table.append_column("x", [["x"] * 8]), False, "the column x is gone"),
    ],
)
def test_files_are_compared_number_by_number(scored, change, is_near, said):
    stored_as(scored, labels_sha256=changed(scored.labels_sha256, change))
    if is_near:
        assert said in recomputed(scored.id)
        return
    with pytest.raises(CommandError, match=re.escape(said)) as caught:
        recomputed(scored.id)
    assert caught.value.returncode == 1


def test_what_cannot_be_computed_is_said_with_exit_code_2(desk, scored, carol):
    with pytest.raises(CommandError, match="No run, score") as unknown:
        recomputed(uuid7())
    stored_as(scored, version=99)
    with pytest.raises(CommandError, match="quality/99") as other_code:
        recomputed(scored.id)
    stored_as(scored, version=3, input_sha256="0" * 64)
    with pytest.raises(CommandError, match="no longer stored") as gone:
        recomputed(scored.id)
    assert {each.value.returncode for each in (unknown, other_code, gone)} == {2}


def test_a_run_that_is_not_done_has_nothing_to_compare(desk, carol):
    desk.enrol(carol)
    desk.hand_in(carol)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    with pytest.raises(CommandError, match="This run is queued") as caught:
        recomputed(run.id)
    assert caught.value.returncode == 2


def test_stages_of_other_code_are_made_again(scored, settings):
    """A worker that takes a run up after an update keeps nothing of the old code's stages."""
    stored_as(scored, state="queued", code_version="0" * 64)
    left = quality._workdir(scored.id)
    left.mkdir(parents=True)
    (left / "run.json").write_text("of the old code")
    done = scoring.run(run_id=scored.id, by=system(scored.org_id))
    assert (done.state, done.error) == ("done", "")
    assert done.result == scored.result


@pytest.mark.parametrize(
    ("stored", "found", "is_same", "is_near"),
    [
        ({"a": 1}, {"a": 1}, True, True),
        ({"a": 1}, {"a": 1.0}, False, True),
        ({"a": True}, {"a": 1}, False, False),
        ({"a": None}, {"a": 0.0}, False, False),
        ({"a": [1, 2]}, {"a": [1]}, False, False),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, False, False),
        ({}, {}, True, True),
        ({"labels": {"device": "cpu"}}, {"labels": {"device": "cuda"}}, True, True),
    ],
)
def test_what_counts_as_the_same_figure(stored, found, is_same, is_near):
    pairs, _ = rules.compare_figures(stored, found)
    comparison = rules.Comparison(pairs, [])
    assert (comparison.is_same, comparison.is_near) == (is_same, is_near)


def test_the_figures_of_a_run_over_time(scored, acme):
    with acting(system(acme.id)) as by:
        (row,) = queries.history(scored.project_id, by)
    assert row["gold"]["gold_answers"] == 16
    assert row["agreement"]["answers"] == 16
