"""Which test items a group moved, where every coalition is a training of its own."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from gpu_jobs.__main__ import main
from gpu_jobs.contracts import InputError
from gpu_jobs.lift import job, recipes
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.explained import explained
from gpu_jobs.lift.methods import METHODS, Settings, chosen
from gpu_jobs.lift.metrics import METRICS
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.run import measure, own_chunks
from gpu_jobs.runner import Spec
from gpu_jobs.runner import run as run_job

CLASSES = ("cat", "dog", "owl")
EVERY = [
    Settings(method="with-without", seeds=4, base=40, take=30, chance=2),
    Settings(method="shapley", chance=2),
    Settings(method="loo", chance=0),
]


class Counting:
    """Naive Bayes on the last word of each text: what it learns can be worked out by hand."""

    def __init__(self):
        self.trained = 0

    def __call__(self, task):
        self.trained += 1
        words = {word: code for code, word in enumerate(CLASSES)}
        counts = np.ones((len(CLASSES), task.classes))
        for text, label in zip(task.inputs, task.label.tolist(), strict=True):
            counts[words[text.split()[-1]], label] += 1
        chance = counts / counts.sum(axis=1, keepdims=True)
        return chance[[words[text.split()[-1]] for text in task.test]].T


def _nothing(train, test):
    return np.zeros((len(train), 1)), np.zeros((len(test), 1))


def _recipe(fit):
    return Recipe(name="counted", encode=_nothing, says="Counted.", inputs=("text",), fit=fit)


def _rows(groups, *, each=30, test=24):
    """Groups of `each` rows; "turned" says dog of every owl, and is right of all others."""
    names = [CLASSES[row % 3] for row in range(each)]
    inputs = [f"{name} {row} {word}" for name in groups for row, word in enumerate(names)]
    label = [
        "dog" if name == "turned" and word == "owl" else word for name in groups for word in names
    ]
    group = [name for name in groups for _ in names]
    away = [CLASSES[row % 3] for row in range(test)]
    return (
        Rows(inputs, label, group, [f"i{row}" for row in range(len(label))]),
        Rows([f"test {row} {word}" for row, word in enumerate(away)], away),
    )


def _problem(fit, groups=("ann", "bob", "turned"), **rows):
    return build(*_rows(groups, **rows), recipe=_recipe(fit), metric="accuracy", resamples=20)


def _explained(problem, settings, tmp_path, **more):
    result = measure(problem, settings, workdir=tmp_path)
    utility = Utility(problem, folder=tmp_path / "models")
    return explained(problem, settings, result.convergence["chunks"], utility=utility, **more)


@pytest.mark.parametrize("settings", EVERY, ids=lambda settings: settings.method)
def test_hurt_are_the_items_of_the_class_that_a_group_labels_wrongly(settings, tmp_path):
    fit = Counting()
    problem = _problem(fit)
    _, test = _rows(())
    found = _explained(problem, settings, tmp_path)
    hurt = [one for one in found if (one.group, one.effect) == ("turned", "hurt")]
    helped = [one for one in found if (one.group, one.effect) == ("turned", "helped")]
    assert {test.label[one.row] for one in hurt} == {"owl"} and len(hurt) == 8
    assert {test.label[one.row] for one in helped} == {"cat", "dog"} and len(helped) == 16
    assert not [one for one in found if one.group == "ann" and one.effect == "hurt"]
    assert all(one.is_test and one.size > 0 for one in found)
    if settings.method == "loo":
        # By hand: 20 right answers to owls and 10 wrong ones, beside 20 right ones, over three.
        assert hurt[0].size == pytest.approx(21 / 23 - 21 / 33, abs=1e-6)
        assert {(one.low, one.high) for one in found} == {(None, None)}
    else:
        assert all(one.low < one.size < one.high for one in found)
        assert all(one.low > 0 for one in hurt)
    before = fit.trained
    _explained(problem, settings, tmp_path)
    assert fit.trained == before


@pytest.mark.parametrize("settings", EVERY, ids=lambda settings: settings.method)
def test_what_items_are_moved_by_is_what_the_group_is_worth(settings, tmp_path):
    """By the chance of the right answer in the place of the metric."""
    problem = _problem(Counting())

    def chance(chances, label, resamples, positive):
        right = np.take_along_axis(chances, label[None, None, :], axis=1)[:, 0]
        return right @ resamples.T / resamples.sum(axis=1)

    utility = Utility(problem, folder=tmp_path, each=True)
    count = METHODS[chosen(problem, settings)].chunks(problem, settings)
    method = METHODS[chosen(problem, settings)]
    arrays = [method.compute(utility, settings, number) for number in range(count)]
    found = method.moved(problem, arrays).value.mean(axis=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METRICS, "accuracy", chance)
        values = [method.compute(Utility(problem), settings, number) for number in range(count)]
        wanted = method.combine(problem, values).value[: len(problem.groups)]
    assert found == pytest.approx(wanted, abs=1e-6)


def test_many_groups_are_drawn_in_orders_and_cut(tmp_path):
    groups = [*(f"g{number:02d}" for number in range(13)), "turned"]
    problem = _problem(Counting(), groups, each=6)
    settings = Settings(method="shapley", seeds=3, rounds=5, chance=2)
    assert chosen(problem, settings) == "shapley"
    found = _explained(problem, settings, tmp_path)
    _, test = _rows(())
    hurt = [one for one in found if (one.group, one.effect) == ("turned", "hurt")]
    assert {test.label[one.row] for one in hurt[:8]} == {"owl"}


def test_what_is_sure_comes_first():
    noise = np.random.default_rng(4)

    def fit(task):
        """One half of the items moves with the rows, the other by luck and more."""
        right = np.full(len(task.test), 0.3 + 0.1 * (len(task.inputs) > 45))
        luck = np.array([text.endswith("cat") for text in task.test])
        right[luck] = noise.uniform(0, 1, int(luck.sum()))
        rest = (1 - right) / 2
        rows = np.arange(len(right))
        found = np.repeat(rest[None], 3, axis=0)
        found[[CLASSES.index(text.split()[-1]) for text in task.test], rows] = right
        return found

    problem = _problem(fit)
    settings = Settings(method="with-without", seeds=6, base=40, take=30, chance=0)
    found = explained(problem, settings, 6, utility=Utility(problem))
    for group in ("ann", "bob", "turned"):
        sure = [one.low > 0 for one in found if (one.group, one.effect) == (group, "helped")]
        assert sure == sorted(sure, reverse=True) and sum(sure) >= 16
    assert len(explained(problem, settings, 6, utility=Utility(problem), most=2)) <= 12


def test_only_chunks_that_count_explain_and_one_gives_no_interval(tmp_path):
    problem = _problem(Counting())
    settings = Settings(method="with-without", seeds=4, base=40, take=30, chance=2)
    assert [own_chunks(problem, settings, done) for done in range(7)] == [0, 1, 1, 1, 2, 3, 4]
    one = explained(problem, settings, 1, utility=Utility(problem))
    assert one and {(each.low, each.high) for each in one} == {(None, None)}
    exact = Settings(method="shapley", chance=0)
    # Eight coalitions are two chunks; half of them say nothing of anybody.
    assert explained(problem, exact, 1, utility=Utility(problem)) == []
    with pytest.raises(InputError, match="needs a recipe with a linear head"):
        explained(problem, Settings(method="knn"), 1, utility=Utility(problem))


@pytest.fixture
def counted(monkeypatch):
    fit = Counting()
    monkeypatch.setitem(recipes.RECIPES, "counted", _recipe(fit))
    return fit


def _files(tmp_path):
    train, test = _rows(("ann", "bob", "turned"))
    lines = ["item_id,text,answer,worker_id"]
    rows = zip(train.item, train.inputs, train.label, train.group, strict=True)
    lines += [",".join(row) for row in rows]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    rows = zip(test.inputs, test.label, strict=True)
    lines = ["item_id,text,gold", *(f"t{at},{text},{name}" for at, (text, name) in enumerate(rows))]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    return [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]


def test_the_command_names_them_with_their_line(tmp_path, counted, capsys):
    files = _files(tmp_path)
    options = ["--recipe", "counted", "--method", "shapley", "--chance", "0", "--examples", "2"]
    assert main(["lift", *files, *options]) == 0
    found = json.loads(capsys.readouterr().out)["examples"]
    # Every coalition once: it is explained from models that are there.
    assert counted.trained == 8
    lines = (tmp_path / "test.csv").read_text().splitlines()
    hurt = [one for one in found if one["effect"] == "hurt"]
    assert {(one["group"], one["answer"], one["split"]) for one in hurt} == {
        ("turned", "owl", "test")
    }
    for one in found:
        row = lines[int(one["where"].removeprefix("line ")) - 1]
        assert row == f"{one['item_id']},{one['input']},{one['answer']}"
        assert one["low"] < one["size"] < one["high"]


def test_the_job_s_file_has_them_and_workers_make_the_same(tmp_path, counted):
    train, test = _rows(("ann", "bob", "turned"))
    rows = [
        {"split": "train", "row_id": f"r{at}", "item_id": train.item[at], "group": train.group[at],
         "answer": train.label[at], "text": train.inputs[at]}
        for at in range(len(train.label))
    ] + [
        {"split": "test", "row_id": f"q{at}", "item_id": f"t{at}", "group": None,
         "answer": test.label[at], "text": test.inputs[at]}
        for at in range(len(test.label))
    ]  # fmt: skip
    path = tmp_path / "in.parquet"
    pq.write_table(job.pa.Table.from_pylist(rows), path)
    params = {"recipe": "counted", "method": "with-without", "seeds": 3, "chance": 2, "base": 40,
        "take": 30, "resamples": 20}  # fmt: skip
    spec = Spec(kind="lift", input=str(path), params=params)
    one = run_job(spec, workdir=tmp_path / "one", report=lambda *_: None)
    found = pq.read_table(tmp_path / "one" / "examples.parquet").to_pylist()
    hurt = [row for row in found if (row["group"], row["effect"]) == ("turned", "hurt")]
    assert {row["split"] for row in found} == {"test"} and hurt
    for row in hurt:
        at = int(row["row_id"].removeprefix("q"))
        assert (row["item_id"], test.label[at]) == (f"t{at}", "owl")
        assert 0 < row["low"] < row["size"] < row["high"]
    trained = counted.trained
    for number in (4, 3, 2, 1, 0):
        job._read.cache_clear()
        job.compute(spec, tmp_path / "two", number)
    job._read.cache_clear()
    before = counted.trained
    two = job.finish(spec, tmp_path / "two")
    # Whoever finishes trains nothing, everybody's model neither.
    assert counted.trained == before == 2 * trained
    assert two.to_json() == one.to_json()


def test_linear_recipes_name_the_group_s_own_rows(problem_of):
    problem = problem_of([0.0, 0.3, 0.8])
    found = explained(problem, Settings(method="loo"), 1, utility=Utility(problem), most=3)
    assert {one.is_test for one in found} == {False}
    assert {(one.low, one.high) for one in found} == {(None, None)}
    same = replace(problem, test_row=problem.test_row[::-1])
    assert explained(same, Settings(method="loo"), 1, utility=Utility(same), most=3) == found
