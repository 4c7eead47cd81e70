import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from gpu_jobs.agreement import kappa
from gpu_jobs.agreement.kappa import kappas, summary
from gpu_jobs.contracts import InputError


def _random_rows(seed, *, items=40, workers=6, share=0.7):
    draw = np.random.default_rng(seed)
    return [
        (f"i{i}", f"w{w}", str(draw.integers(0, 3)))
        for i in range(items)
        for w in range(workers)
        if draw.random() < share
    ]


def test_cohens_own_example(crowd):
    """Cohen 1960, table 1: observed .70, by chance .41."""
    table = {"11": 88, "12": 10, "13": 2, "21": 14, "22": 40, "23": 6, "31": 18, "32": 10, "33": 12}
    rows, item = [], 0
    for pair, count in table.items():
        for _ in range(count):
            rows += [(str(item), "a", pair[0]), (str(item), "b", pair[1])]
            item += 1
    assert kappas(crowd(rows)).kappa[0] == pytest.approx(0.492, abs=0.0005)


def test_parity_with_scikit_learn_pair_by_pair(crowd):
    rows = _random_rows(3)
    answers = crowd(rows)
    found = kappas(answers, min_shared=5)
    given = {(item, worker): answer for item, worker, answer in rows}
    assert len(found.kappa) == 15
    for first, second, shared, value in zip(
        found.first, found.second, found.shared, found.kappa, strict=True
    ):
        one, two = answers.workers[first], answers.workers[second]
        both = [i for i in answers.items if (i, one) in given and (i, two) in given]
        assert shared == len(both)
        wanted = cohen_kappa_score([given[i, one] for i in both], [given[i, two] for i in both])
        assert value == pytest.approx(wanted, abs=1e-12)


def test_pairs_that_share_too_little_are_left_out(crowd):
    rows = [(str(i), w, str(i % 2)) for i in range(5) for w in "ab"]
    assert len(kappas(crowd(rows), min_shared=5).kappa) == 1
    assert len(kappas(crowd(rows), min_shared=6).kappa) == 0
    with pytest.raises(InputError):
        kappas(crowd(rows), min_shared=0)


def test_one_class_throughout_is_undefined_and_counted(crowd):
    answers = crowd([(str(i), w, "x") for i in range(10) for w in "ab"])
    assert summary(kappas(answers), answers.workers)["undefined"] == 1


def test_the_last_of_repeated_answers_counts(crowd):
    rows = [(str(i), w, str(i % 2)) for i in range(10) for w in "ab"]
    wrong_first = [("0", "a", "1"), *rows]
    assert kappas(crowd(wrong_first)).kappa.tolist() == [1.0]


def test_of_equally_many_pairs_no_name_decides_who_is_drawn(crowd, monkeypatch):
    monkeypatch.setattr(kappa, "TOP_SHOWN", 3)
    draw = np.random.default_rng(6)
    values = draw.integers(0, 3, (7, 30))
    drawn = []
    for names in (list(range(7)), list(reversed(range(7)))):
        answers = crowd(
            [(f"i{i}", f"w{names[w]}", str(values[w, i])) for w in range(7) for i in range(30)]
        )
        picture = kappas(answers).plot(answers.workers)
        drawn.append({w for w in range(7) if f">w{names[w]}<" in picture})
    assert len(drawn[0]) == 3
    assert drawn[0] == drawn[1]


def test_too_many_meetings_keep_the_busiest_and_stay_exact(crowd):
    rows = _random_rows(5, workers=4, share=1.0)
    rows += [(f"i{i}", f"x{i}-{n}", "0") for i in range(40) for n in range(30)]
    answers = crowd(rows)
    cut = kappas(answers, min_shared=1, meetings=400)
    assert (cut.workers, cut.min_items > 1) == (4, True)
    assert cut.kappa.tolist() == kappas(answers).kappa.tolist()
