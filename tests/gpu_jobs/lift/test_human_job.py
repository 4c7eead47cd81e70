"""Kind `human`: blind grades first, then who gave what; seeded, and the same bytes again."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Spec
from gpu_jobs.lift import human_job
from gpu_jobs.lift.human import Figure, at_equal_cost

MODEL = "model:large-3"


def table(people=0.8, model=0.7, *, items=120, each=3, seed=0, swap=False):
    """Answers of people and of a model; with `swap` the same answers under each other's names."""
    rng = np.random.default_rng(seed)
    rows = []
    for item in range(items):
        truth = "ab"[int(rng.integers(2))]
        other = {"a": "b", "b": "a"}[truth]
        gold = truth if item % 4 else None
        for worker in rng.choice(9, each, replace=False).tolist():
            said = truth if rng.random() < people else other
            rows.append((f"i{item}", f"w{worker}", said, gold, None))
        said = truth if rng.random() < model else other
        rows.append((f"i{item}", MODEL, said, gold, "model"))
    if swap:
        last = {row[0]: row for row in rows if row[4]}
        first = {}
        for row in rows:
            if not row[4]:
                first.setdefault(row[0], row)
        rows = [
            (*row[:2], last[row[0]][2], *row[3:]) if first.get(row[0]) is row
            else (*row[:2], first[row[0]][2], *row[3:]) if row[4]
            else row
            for row in rows
        ]  # fmt: skip
    names = ("item_id", "worker_id", "answer", "gold", "annotator")
    columns = zip(*rows, strict=True)
    return pa.table(
        {name: pa.array(values, pa.string()) for name, values in zip(names, columns, strict=True)}
    )


@pytest.fixture
def spec(tmp_path):
    def make(found, **params):
        path = tmp_path / "answers.parquet"
        pq.write_table(found, path)
        words = {"price": 46_000_000, "models": {MODEL: 250_000}, "draws": 1, **params}
        return Spec(kind="human", input=str(path), params=words, seed=3, version=1)

    return make


def made(spec, folder):
    return runner.run(spec, workdir=folder, report=lambda *_: None)


def test_a_run_says_who_is_better_and_at_what_price(spec, tmp_path):
    result = made(spec(table()), tmp_path / "run")
    found = result.figures["human"]
    (one,) = found["models"]
    assert (one["model"], one["items"], one["left_out"]) == (MODEL, 90, 30)
    assert one["people_answers"] == 90 * 3 and one["price"] == 250_000
    assert one["people_alone"]["value"] > one["model_alone"]["value"]
    assert one["both_over_model"]["low"] > 0 and one["says"].startswith("People were needed")
    assert one["equal_says"].startswith("For the same money")
    # Blind grades are of single answers, not of what many of them make.
    assert one["graded"]["people"]["value"] < one["people_alone"]["value"]
    assert one["graded"]["model"]["value"] == pytest.approx(one["model_alone"]["value"])
    assert json.loads(json.dumps(result.figures)) == result.figures


def test_the_same_run_gives_the_same_bytes_and_another_seed_another_order(spec, tmp_path):
    first, again = (made(spec(table()), tmp_path / name) for name in ("one", "two"))
    assert first == again
    assert (tmp_path / "one/scores.parquet").read_bytes() == (
        tmp_path / "two/scores.parquet"
    ).read_bytes()
    sheets = [
        human_job.graded_sheet(tmp_path / "answers.parquet", seed=seed)["item_id"].to_pylist()
        for seed in (3, 4)
    ]
    assert sheets[0] != sheets[1] and sorted(sheets[0]) == sorted(sheets[1])


def test_grades_do_not_know_who_answered(spec, tmp_path):
    """A person's and the model's answers change places: the sheet has the same bytes, and what is
    said of them is turned round.
    """
    kept = made(spec(table(model=0.6, each=1)), tmp_path / "kept")
    turned = made(spec(table(model=0.6, each=1, swap=True)), tmp_path / "turned")
    assert kept.input_sha256 != turned.input_sha256
    sheets = [each.figures["human"]["sheet"] for each in (kept, turned)]
    assert sheets[0] == sheets[1]
    one, other = (each.figures["human"]["models"][0]["graded"] for each in (kept, turned))
    assert one["model"]["value"] == pytest.approx(other["people"]["value"])
    assert one["people"]["value"] == pytest.approx(other["model"]["value"])


def test_the_sheet_is_made_without_the_columns_that_say_who(spec, tmp_path):
    path = spec(table().select(["item_id", "answer", "gold"])).input
    found = human_job.graded_sheet(tmp_path / path, seed=0)
    assert found.column_names == ["number", "item_id", "answer", "grade"]
    assert found["number"].to_pylist() == list(range(1, found.num_rows + 1))
    rows = found.to_pylist()
    assert len({(row["item_id"], row["answer"]) for row in rows}) == len(rows)


def test_who_answered_is_read_after_the_grades_are_written(spec, tmp_path, monkeypatch):
    folder, seen = tmp_path / "run", []
    entries = human_job._entries

    def looked(sheet, whole):
        seen.append((folder / human_job.SHEET).exists())
        assert sheet.equals(pq.read_table(folder / human_job.SHEET))
        return entries(sheet, whole)

    monkeypatch.setattr(human_job, "_entries", looked)
    made(spec(table()), folder)
    assert seen == [True]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"models": {}}, "human needs the price"),
        ({"models": {"w1": 1}}, "'w1' gave no answer as a machine"),
        ({"models": {MODEL: 0.5}}, "must be a whole number"),
        ({"price": True}, "must be a whole number"),
        ({"tokens": 3}, "human has no parameter 'tokens'"),
    ],
)
def test_wrong_parameters_are_one_sentence(spec, tmp_path, params, said):
    with pytest.raises(InputError, match=said):
        made(spec(table(items=40), **params), tmp_path / "run")


def test_too_few_items_are_one_sentence(spec, tmp_path):
    with pytest.raises(InputError, match="at least 20 are needed"):
        made(spec(table(items=16)), tmp_path / "run")


def test_the_sentence_at_equal_cost_goes_by_the_interval_alone():
    assert "no equal cost" in at_equal_cost(None)
    assert "are better than people alone" in at_equal_cost(Figure(0.05, 0.01, 0.1))
    assert "alone are better" in at_equal_cost(Figure(-0.05, -0.1, -0.01))
    assert "cannot be told apart" in at_equal_cost(Figure(0.05, -0.01, 0.1))
