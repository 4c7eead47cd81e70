"""Grams, near-duplicates and pre-labels."""

import json

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from gpu_jobs import ngrams
from gpu_jobs.__main__ import main
from gpu_jobs.anomalies.duplicates import copied_texts, near_duplicates, signatures
from gpu_jobs.contracts import InputError
from gpu_jobs.prelabel.model import counted, fit_linear, probabilities, suggest, train, weighted

texts = st.lists(st.text(alphabet="ab é🙂 ", max_size=12), max_size=6)


def _sets(grams):
    return [set(grams.hash[grams.text == i].tolist()) for i in range(grams.texts)]


def _equal_pattern(found, wanted):
    """Hashes are other names for the grams: one name each."""
    names = {}
    for hashes, plain in zip(found, wanted, strict=True):
        assert len(hashes) == len(plain)
        for other, other_plain in names.values():
            assert len(hashes & other) == len(plain & other_plain)
        names[len(names)] = (hashes, plain)


@settings(max_examples=80, deadline=None)
@given(texts, st.integers(1, 4))
def test_character_grams_are_the_windows(given_texts, size):
    column = ngrams.normalise(given_texts)
    wanted = [
        {t[i : i + size] for i in range(max(len(t) - size + 1, 1))} - {""}
        for t in column.to_pylist()
    ]
    _equal_pattern(_sets(ngrams.character_grams(column, size)), wanted)


@settings(max_examples=80, deadline=None)
@given(texts, st.integers(1, 3))
def test_word_grams_are_the_runs_of_words(given_texts, size):
    column = ngrams.normalise(given_texts)
    words = [t.split(" ") if t else [] for t in column.to_pylist()]
    wanted = [{tuple(w[i : i + size]) for i in range(len(w) - size + 1)} for w in words]
    _equal_pattern(_sets(ngrams.word_grams(column, size)), wanted)


def test_features_count_and_normalise():
    column = ngrams.normalise(["Aa  aA", None, "b"])
    assert column.to_pylist() == ["aa aa", "", "b"]
    found = ngrams.features([ngrams.word_grams(column)], buckets=64)
    assert found.sum(axis=1).tolist() == pytest.approx([1 + np.log(2), 0, 1])
    assert ngrams.unit_rows(found).power(2).sum(axis=1).tolist() == pytest.approx([1, 0, 1])


def test_minhash_estimates_the_jaccard_similarity():
    draw = np.random.default_rng(3)
    words = [f"word{i:03d}" for i in range(200)]
    one = [words[i] for i in draw.choice(200, 60, replace=False)]
    two = [words[i] for i in draw.choice(200, 60, replace=False)]
    column = ngrams.normalise([" ".join(one), " ".join(two), " ".join(one[:40] + two[:20])])
    grams = ngrams.word_grams(column)
    found = signatures(grams, hashes=2_000)
    sets = _sets(grams)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        jaccard = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        assert (found[a] == found[b]).mean() == pytest.approx(jaccard, abs=0.04)


def _essays(draw, people=8, items=6):
    words = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "nrst"]
    texts, worker, item = [], [], []
    for i in range(items):
        topic = draw.choice(words, 12)
        for w in range(people):
            said = np.concatenate([draw.choice(words, 30), draw.choice(topic, 10)])
            texts.append(" ".join(draw.permutation(said)))
            worker.append(w)
            item.append(i)
    return texts, np.array(worker), np.array(item)


def test_copied_texts_are_found_also_with_changed_words():
    given_texts, worker, item = _essays(np.random.default_rng(1))
    for i in range(4):
        source = given_texts[np.flatnonzero((worker == 2) & (item == i))[0]]
        at = np.flatnonzero((worker == 5) & (item == i))[0]
        given_texts[at] = source.replace(source.split()[3], "changed", 1) + "."
    found = near_duplicates(given_texts, worker, item, workers=8)
    assert found.items.tolist() == [0, 0, 4, 0, 0, 4, 0, 0]
    assert np.flatnonzero(copied_texts(found).speaks).tolist() == [2, 5]
    pairs = {
        tuple(sorted((worker[a], worker[b])))
        for a, b in zip(found.first, found.second, strict=True)
    }
    assert pairs == {(2, 5)}
    shuffled = np.random.default_rng(2).permutation(len(given_texts))
    again = near_duplicates(
        [given_texts[i] for i in shuffled], worker[shuffled], item[shuffled], workers=8
    )
    assert again.items.tolist() == found.items.tolist()


def test_short_common_and_own_texts_do_not_count():
    long = "this is what the task itself says that everybody has to write down here"
    given_texts = (
        [long] * 12 + ["yes"] * 4 + ["one person wrote this sentence twice, word for word"] * 2
    )
    worker = np.array([*range(12), 0, 1, 2, 3, 7, 7])
    found = near_duplicates(given_texts, worker, np.arange(18), workers=12)
    assert len(found.first) == 0
    assert found.compared == 2
    assert near_duplicates([], np.empty(0, int), np.empty(0, int), workers=0).compared == 0


def _reviews(draw, n):
    good, bad = ["superb", "warm", "funny", "moving"], ["dull", "tired", "flat", "hollow"]
    common = ["the", "film", "story", "cast", "is", "and", "with", "its", "plot", "scene"]
    truth = draw.integers(0, 2, n)
    texts = []
    for label in truth:
        mood = [good, bad][label if draw.random() < 0.85 else 1 - label]
        texts.append(" ".join(draw.permutation([*draw.choice(common, 7), *draw.choice(mood, 2)])))
    return texts, truth


def test_the_linear_model_is_scikit_learns():
    given_texts, truth = _reviews(np.random.default_rng(1), 200)
    counts = counted(given_texts)
    x = weighted(counts, ngrams.inverse_frequency(counts))
    penalty = 1e-3
    found = probabilities(fit_linear(x, np.eye(2)[truth], penalty=penalty), x)
    # For two classes ours has two weight vectors ±w/2, so half of the norm of a single one.
    peer = LogisticRegression(C=2 / (penalty * len(truth)), tol=1e-8, max_iter=2_000).fit(x, truth)
    assert found == pytest.approx(peer.predict_proba(x), abs=2e-3)


def test_a_soft_label_is_its_share_of_the_loss():
    given_texts, truth = _reviews(np.random.default_rng(2), 60)
    counts = counted(given_texts)
    x = weighted(counts, ngrams.inverse_frequency(counts))
    soft = np.full((60, 2), 0.3)
    soft[np.arange(60), truth] = 0.7
    found = fit_linear(x, soft, penalty=1e-3)

    def loss(weights, bias):
        logs = log_softmax(x @ weights + bias, axis=1)
        return -(soft * logs).sum() / 60 + 1e-3 / 2 * np.square(weights).sum()

    best = loss(found.weights, found.bias)
    draw = np.random.default_rng(3)
    for _ in range(5):
        step = 0.05 * draw.normal(size=found.weights.shape) * (np.abs(found.weights) > 0)
        assert loss(found.weights + step, found.bias) > best
        assert loss(found.weights, found.bias + 0.05 * draw.normal(size=2)) > best


def test_the_model_learns_says_how_sure_it_is_and_repeats_itself():
    draw = np.random.default_rng(4)
    given_texts, truth = _reviews(draw, 600)
    new, answers = _reviews(draw, 300)
    model = train(given_texts, np.eye(2)[truth], classes=["a", "b"], draw=np.random.default_rng(1))
    p = suggest(model, new)
    right = p.argmax(axis=1) == answers
    assert right.mean() > 0.75
    assert model.error_after < 0.15
    assert p.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.08)
    again = train(given_texts, np.eye(2)[truth], classes=["a", "b"], draw=np.random.default_rng(1))
    assert np.array_equal(suggest(again, new), p)
    with pytest.raises(InputError, match="at least"):
        train(given_texts[:5], np.eye(2)[truth[:5]], classes=["a", "b"], draw=draw)


def test_prelabel_command(tmp_path, capsys):
    given_texts, truth = _reviews(np.random.default_rng(5), 300)
    items = ["item_id,text", *(f"i{i:03d},{t}" for i, t in enumerate(given_texts))]
    accepted = ["item_id,answer", *(f"i{i:03d},{'ab'[truth[i]]}" for i in range(200)), "other,a"]
    (tmp_path / "items.csv").write_text("\n".join(items))
    (tmp_path / "accepted.csv").write_text("\n".join(accepted))
    arguments = ["prelabel", tmp_path / "items.csv", "--train", tmp_path / "accepted.csv"]
    code = main([*map(str, arguments), "--out", str(tmp_path / "out.parquet")])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (found["items"], found["trained_on"], found["classes"]) == (100, 200, ["a", "b"])
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    right = [a == "ab"[truth[200 + i]] for i, a in enumerate(table["answer"].to_pylist())]
    assert np.mean(right) > 0.7
    assert found["uncertain"] == sum(table["uncertain"].to_pylist())
    assert main([*map(str, arguments), "--text", "words"]) == 2
    assert "column words is missing" in capsys.readouterr().err
