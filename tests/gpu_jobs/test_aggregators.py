"""One-coin, GLAD, MACE, priors and the choice, against plain loops and published figures."""

import json
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import digamma, expit

from gpu_jobs.aggregation import choice, methods
from gpu_jobs.aggregation.average import average
from gpu_jobs.aggregation.dawid_skene import Prior, dawid_skene
from gpu_jobs.aggregation.fingerprints import fingerprints, folds
from gpu_jobs.aggregation.fits import FITS, Settings, prior_of
from gpu_jobs.aggregation.glad import glad
from gpu_jobs.aggregation.labels import UNDECIDED, Labels, accuracy, credit
from gpu_jobs.aggregation.mace import mace
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.aggregation.one_coin import one_coin
from gpu_jobs.aggregation.posterior import posterior
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD
from gpu_jobs.contracts import InputError

rows_of_a_crowd = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=30
)


def _named(rows):
    return [(f"i{i}", f"w{w}", f"c{v}") for i, w, v in rows]


@pytest.fixture(scope="module")
def small(crowd):
    """40 items, 6 workers of different skill, 3 classes; five answers an item."""
    draw = np.random.default_rng(11)
    skill = [0.9, 0.8, 0.7, 0.6, 0.5, 0.1]
    rows = []
    for i in range(40):
        truth = int(draw.integers(0, 3))
        for w in draw.permutation(6)[:5].tolist():
            v = truth if draw.random() < skill[w] else int(draw.integers(0, 3))
            rows.append((f"i{i:02}", f"w{w}", f"c{v}", f"c{truth}"))
    return crowd(rows)


def _softmax(score):
    found = np.exp(score - score.max())
    return found / found.sum()


def _posterior(answers, chance, priors):
    """Normalised by plain loops; chance(i, w, v, k) is P(v | truth k)."""
    size = len(answers.classes)
    score = np.tile(np.log(priors), (len(answers.items), 1))
    for i, w, v in zip(answers.item, answers.worker, answers.value, strict=True):
        for k in range(size):
            score[i, k] += np.log(chance(i, w, v, k))
    return score, np.array([_softmax(row) for row in score])


def _log_likelihood(score):
    top = score.max(axis=1, keepdims=True)
    return float((top[:, 0] + np.log(np.exp(score - top).sum(axis=1))).sum())


def _dense(fit, answers):
    grid = np.array(list(product(range(len(answers.items)), range(len(answers.classes)))))
    found = fit.posterior.at(grid[:, 0], grid[:, 1])
    return found.reshape(len(answers.items), len(answers.classes))


@pytest.mark.parametrize("shared", [False, True])
def test_one_coin_is_its_formulas(small, shared):
    fit = one_coin(small, stop="likelihood", max_iter=5, tol=0, shared=shared)
    size = len(small.classes)
    counts = np.zeros((len(small.items), size))
    np.add.at(counts, (small.item, small.value), 1)
    t = counts / counts.sum(axis=1, keepdims=True)
    for _ in range(5):
        right = t[small.item, small.value]
        hit = np.array(
            [right[(small.worker == w) | shared].mean() for w in range(len(small.workers))]
        )
        priors = t.mean(axis=0)

        def chance(_, w, v, k, hit=hit):
            return hit[w] if v == k else (1 - hit[w]) / (size - 1)

        _, t = _posterior(small, chance, priors)
    assert _dense(fit, small) == pytest.approx(t, abs=1e-9)
    right = t[small.item, small.value]
    hit = np.array([right[(small.worker == w) | shared].mean() for w in range(len(small.workers))])
    assert fit.accuracy == pytest.approx(hit, abs=1e-9)


def test_glad_is_at_a_maximum_of_its_posterior(small):
    fit = glad(small, tol=0, max_iter=500)
    size = len(small.classes)

    def value(ability, log_beta):
        def chance(i, w, v, k):
            hit = expit(ability[w] * np.exp(log_beta[i]))
            return hit if v == k else (1 - hit) / (size - 1)

        score, t = _posterior(small, chance, np.full(size, 1 / size))
        off = np.concatenate([ability, log_beta]) - 1
        return _log_likelihood(score) - (off @ off + len(off) * np.log(2 * np.pi)) / 2, t

    ability, log_beta = fit.ability, -np.log(fit.difficulty)
    found, t = value(ability, log_beta)
    assert fit.log_posterior == pytest.approx(found, abs=1e-9)
    assert _dense(fit, small) == pytest.approx(t, abs=1e-9)
    for step in (1e-3, -1e-3):
        for place in range(len(ability)):
            moved = ability.copy()
            moved[place] += step
            assert value(moved, log_beta)[0] < found
        for place in range(0, len(log_beta), 7):
            moved = log_beta.copy()
            moved[place] += step
            assert value(ability, moved)[0] < found


@pytest.mark.parametrize("variant", ["vb", "em"])
def test_mace_is_its_formulas(small, variant):
    """From the majority's shares, four iterations, with arrays workers × classes."""
    size, crowd_size = len(small.classes), len(small.workers)
    fit = mace(small, variant=variant, starts=1, max_iter=4, tol=0)
    t = np.zeros((len(small.items), size))
    np.add.at(t, (small.item, small.value), 1)
    t /= t.sum(axis=1, keepdims=True)
    knows, habit = np.full(crowd_size, 0.5), np.full((crowd_size, size), 1 / size)
    spams = 1 - knows
    for _ in range(4):
        knew, said = np.zeros(crowd_size), np.zeros((crowd_size, size))
        for i, w, v in zip(small.item, small.worker, small.value, strict=True):
            part = t[i, v] * knows[w] / (knows[w] + spams[w] * habit[w, v])
            knew[w] += part
            said[w, v] += 1 - part
        given = np.bincount(small.worker, minlength=crowd_size)
        spam = given - knew
        if variant == "vb":
            knows = np.exp(digamma(knew + 0.5) - digamma(given + 1))
            spams = np.exp(digamma(spam + 0.5) - digamma(given + 1))
            habit = np.exp(digamma(said + 10) - digamma(spam + 10 * size)[:, None])
        else:
            add = 0.01 / size
            knows, spams = (knew + add) / (given + 2 * add), (spam + add) / (given + 2 * add)
            habit = (said + add) / (spam + size * add)[:, None]

        def chance(_, w, v, k, knows=knows, spams=spams, habit=habit):
            return knows[w] * (v == k) + spams[w] * habit[w, v]

        score, t = _posterior(small, chance, np.full(size, 1 / size))
    assert _dense(fit, small) == pytest.approx(t, abs=1e-9)
    if variant == "em":
        assert fit.bound == pytest.approx(_log_likelihood(score), abs=1e-8)


@pytest.mark.parametrize("variant", ["vb", "em"])
def test_no_iteration_of_mace_lowers_its_bound(small, variant):
    seen = [
        mace(small, variant=variant, starts=1, max_iter=n, tol=0).bound for n in (1, 2, 4, 8, 16)
    ]
    # The smoothing of "em" is no prior of its likelihood, so there it may lose a trifle.
    slack = 1e-9 if variant == "vb" else 0.05
    assert all(later >= sooner - slack for sooner, later in pairwise(seen))


def test_more_starts_of_mace_never_lower_its_bound(small):
    bounds = [mace(small, variant="em", starts=n).bound for n in (1, 2, 6)]
    assert bounds == sorted(bounds)
    assert mace(small, starts=4, seed=1).bound == mace(small, starts=4, seed=1).bound


def test_a_prior_on_confusion_rows_adds_pseudo_answers(small):
    pseudo = np.array([[2.0, 0.5, 0.1], [0.2, 3.0, 0.3], [0.4, 0.6, 1.0]])
    fit = dawid_skene(small, prior=Prior(pseudo), max_iter=3, tol=0)
    size, crowd_size = 3, len(small.workers)
    counts = np.zeros((len(small.items), crowd_size, size))
    np.add.at(counts, (small.item, small.worker, small.value), 1)
    t = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    for _ in range(4):
        error = np.einsum("ik,iwv->wkv", t, counts) + pseudo + 1e-10
        error /= error.sum(axis=2, keepdims=True)
        last, priors = t, t.mean(axis=0)
        score = np.log(priors) + np.einsum("iwv,wkv->ik", counts, np.log(error))
        t = np.array([_softmax(row) for row in score])
    assert fit.posterior == pytest.approx(last, abs=1e-9)
    for w in range(crowd_size):
        assert fit.confusion(w) == pytest.approx(error[w], abs=1e-8)


def test_the_log_posterior_never_falls_under_a_prior(small):
    prior, seen = prior_of(3), []
    for n in (1, 2, 4, 8):
        fit = dawid_skene(small, prior=prior, max_iter=n, tol=0)
        rows = np.array([fit.confusion(w) for w in range(len(small.workers))])
        seen.append(fit.log_likelihood + float((prior.pseudo * np.log(rows)).sum()))
    assert all(later >= sooner - 1e-6 for sooner, later in pairwise(seen))


def test_a_thin_crowd_needs_the_prior(crowd):
    """2,000 workers with five answers each in ten classes cannot fill a 10 × 10 matrix each."""
    draw = np.random.default_rng(4)
    truth = draw.integers(0, 10, 2000)
    item = np.repeat(np.arange(2000), 5)
    right = draw.random(10_000) < 0.75
    value = np.where(right, truth[item], draw.integers(0, 10, 10_000))
    worker = draw.integers(0, 2000, 10_000)
    rows = [
        (f"i{i}", f"w{w}", str(v), str(truth[i]))
        for i, w, v in zip(item.tolist(), worker.tolist(), value.tolist(), strict=True)
    ]
    answers = crowd(rows)
    found = {
        name: methods.aggregate(answers, method=name).figures["accuracy"]
        for name in ("majority", "dawid-skene", "dawid-skene-map")
    }
    assert found["dawid-skene"] < found["majority"] - 0.05
    assert found["dawid-skene-map"] > found["majority"] - 0.005


@pytest.fixture(scope="module")
def sparse_crowd(crowd):
    """37,000 workers with five answers each on average, as crowd-kit's MACE fails on."""
    draw = np.random.default_rng(4)
    items, each, classes = 40_000, 5, 10
    truth = draw.integers(0, classes, items)
    item = np.repeat(np.arange(items), each)
    worker = draw.integers(0, 37_000, len(item))
    # A third knows little: what a vote cannot tell and these models can.
    skill = np.where(np.arange(37_000) % 3 == 0, 0.1, 0.6)[worker]
    right = draw.random(len(item)) < skill
    value = np.where(right, truth[item], draw.integers(0, classes, len(item)))
    rows = zip(item.tolist(), worker.tolist(), value.tolist(), strict=True)
    return crowd([(f"i{i}", f"w{w}", str(v), str(truth[i])) for i, w, v in rows])


@pytest.mark.parametrize("name", ["glad", "mace", "mace-em"])
def test_a_sparse_crowd_of_37_000_workers(sparse_crowd, name):
    assert len(sparse_crowd.workers) > 36_000
    if name == "glad":
        fit = glad(sparse_crowd)
    else:
        fit = mace(sparse_crowd, variant="em" if name == "mace-em" else "vb", starts=2)
    assert np.isfinite(fit.log_likelihood)
    found = accuracy(fit.labels, sparse_crowd.gold)
    vote = accuracy(majority(sparse_crowd), sparse_crowd.gold)
    assert found > 5 / len(sparse_crowd.classes)
    # Without priors MACE's habits overfit five answers, as Dawid–Skene's matrices do.
    assert found > vote - (0.06 if name == "mace-em" else 0.005)


@pytest.mark.parametrize("name", list(FITS))
def test_predictions_are_probabilities(small, name):
    tally = Tally.of(small)
    kept = np.arange(len(small)) % 4 != 0
    fit = FITS[name](small, tally.part(kept), Settings())
    items, workers, size = len(small.items), len(small.workers), len(small.classes)
    grid = np.array(list(product(range(items), range(workers), range(size))))
    chance = fit.predictive(grid[:, 0], grid[:, 1], grid[:, 2]).reshape(-1, size)
    assert np.all((chance >= 0) & (chance <= 1))
    assert chance.sum(axis=1) == pytest.approx(np.ones(len(chance)), abs=1e-6)


@pytest.mark.parametrize("name", list(FITS))
@settings(max_examples=15, deadline=None)
@given(rows=rows_of_a_crowd, data=st.data())
def test_nothing_depends_on_names_or_row_order(crowd, name, rows, data):
    plain = crowd(_named(rows))
    shift = {
        letter: data.draw(st.permutations(range(size)))
        for letter, size in (("i", 7), ("w", 4), ("c", 3))
    }
    renamed = [(f"x{shift['i'][i]}", f"y{shift['w'][w]}", f"z{shift['c'][v]}") for i, w, v in rows]
    other = crowd(data.draw(st.permutations(renamed)))
    how = {"max_iter": 4, "tol": 0.0}
    one = methods.aggregate(plain, method=name, **how)
    two = methods.aggregate(other, method=name, **how)
    place = {text: code for code, text in enumerate(other.items)}
    for code, text in enumerate(plain.items):
        mirror = place[f"x{shift['i'][int(text[1:])]}"]
        assert one.labels.probability[code] == pytest.approx(
            two.labels.probability[mirror], abs=1e-6
        )
        label, image = one.labels.label[code], two.labels.label[mirror]
        assert (label == UNDECIDED) == (image == UNDECIDED)
        if label != UNDECIDED:
            assert other.classes[image] == f"z{shift['c'][int(plain.classes[label][1:])]}"


@pytest.mark.parametrize("name", methods.METHODS)
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", "w", "x")],
        [("a", "w", "x"), ("b", "w", "x")],
        [("a", "w", "x"), ("a", "v", "y")],
        [("a", "w", "x"), ("a", "w", "x"), ("a", "w", "y")],
        [(str(i), str(w), "x") for i in range(5) for w in range(3)],
    ],
)
def test_degenerate_crowds_have_an_answer(crowd, name, rows):
    answers = crowd(rows)
    found = methods.aggregate(answers, method=name)
    json.dumps(found.figures, allow_nan=False)
    assert len(found.labels.label) == len(answers.items)
    assert np.all(np.isfinite(found.labels.probability))
    assert np.all((found.labels.probability > 0) & (found.labels.probability <= 1 + 1e-12))
    assert np.isfinite(found.figures["log_likelihood"])


def test_a_class_that_nobody_gave_an_item_can_win(crowd):
    """Everybody said "no" to the last item, but they are known to be mostly wrong."""
    rows = []
    for i in range(60):
        truth = "yes" if i % 2 else "no"
        wrong = "no" if i % 2 else "yes"
        rows += [(str(i), f"good{n}", truth) for n in range(5)]
        rows += [(str(i), f"liar{n}", wrong if i % 10 else truth) for n in range(3)]
    rows += [("last", f"liar{n}", "no") for n in range(3)]
    answers = crowd(rows)
    fit = one_coin(answers, stop="likelihood")
    label = fit.labels.label[answers.items.index("last")]
    assert answers.classes[label] == "yes"
    assert fit.labels.probability.max() <= 1


def test_scores_too_low_for_a_number_leave_no_nan(crowd):
    """Every class was given, and each is next to impossible: only their ratio is left."""
    tally = Tally.of(crowd([("a", "u", "x"), ("a", "v", "y")]))
    found = posterior(tally, np.array([-800.0, -801.0]), np.array([0.5, 0.5]))
    assert found.of_cell == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    assert np.isfinite(found.log_norm).all()
    assert found.scale.tolist() == [0.0]


def test_folds_are_even_and_know_no_names(crowd):
    draw = np.random.default_rng(5)
    rows = [(i, w, int(draw.integers(0, 2))) for i in range(50) for w in range(20)]
    answers = crowd(_named(rows))
    renamed = crowd([(f"x{99 - i}", f"y{30 - w}", f"z{1 - v}") for i, w, v in rows])
    one, two = folds(Tally.of(answers), 5), folds(Tally.of(renamed), 5)
    assert np.bincount(one).tolist() == [200] * 5
    named = {
        (answers.items[i], answers.workers[w]): f
        for i, w, f in zip(answers.item, answers.worker, one, strict=True)
    }
    for i, w, f in zip(renamed.item, renamed.worker, two, strict=True):
        item, worker = int(renamed.items[i][1:]), int(renamed.workers[w][1:])
        assert named[f"i{99 - item}", f"w{30 - worker}"] == f
    prints = fingerprints(Tally.of(answers))
    assert len(set(prints.worker.tolist())) == 20


def _believers(seed, *, gold=True):
    """150 items; on 45 of them six of nine people share a wrong belief, and are consistent."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(150):
        truth = int(draw.integers(0, 2))
        hard = i % 10 < 3
        for w in range(9):
            sure = 0.55 if w < 6 else 0.9
            said = truth if draw.random() < (sure if hard else 0.85) else 1 - truth
            if w < 6 and hard:
                said = 1 - truth if draw.random() < 0.9 else truth
            rows.append((f"i{i:03}", f"w{w}", str(said), str(truth) if gold else None))
    return rows


def test_gold_chooses_and_the_choice_is_honest(crowd):
    answers = crowd(_believers(1))
    tally = Tally.of(answers)
    found = choice.choose_method(answers, tally=tally, how=Settings())
    assert found.by == "gold"
    most = max(found.gold_accuracy.values())
    assert found.gold_accuracy[found.method] >= most - 1 / 150 - 1e-12
    # By brute force: the choice is made again without each item.
    fits = {name: FITS[name](answers, tally, Settings()) for name in choice.CANDIDATES}
    if len(found.alike) > 1:
        fits["average"] = average([fits[name] for name in found.alike], answers, tally)
    assert found.explains_best == ("average" if len(found.alike) > 1 else found.alike[0])
    right = {name: credit(fit.labels, answers.gold) for name, fit in fits.items()}
    worth = []
    for i in range(len(answers.items)):
        rest = {name: each.sum() - each[i] for name, each in right.items()}
        top = max(rest.values())
        taken = next(name for name in fits if rest[name] >= top - 1e-9)
        if rest[found.explains_best] >= top - 1 - 1e-9:
            taken = found.explains_best
        worth.append(right[taken][i])
    assert found.accuracy_held_out == pytest.approx(np.mean(worth), abs=1e-12)


def test_the_sign_test_is_binomial():
    """The method is right on 8 items where the vote is wrong, and wrong on 3 where it is right."""
    vote = _labels_of([0] * 8 + [1] * 3 + [1] * 5)
    method = _labels_of([1] * 8 + [0] * 3 + [1] * 5)
    found = choice.versus(method, vote, np.ones(16, dtype=np.int64))
    assert (found.gained, found.lost) == (8, 3)
    assert found.better == pytest.approx(stats.binom.sf(7, 11, 0.5), abs=1e-12)
    assert found.worse == pytest.approx(stats.binom.sf(2, 11, 0.5), abs=1e-12)
    same = choice.versus(vote, vote, np.ones(16, dtype=np.int64))
    assert (same.better, same.worse) == (1, 1)


def _labels_of(codes):
    label = np.array(codes)
    return Labels(label, np.ones(len(label)), np.arange(len(label)), label)


def test_without_gold_the_held_out_answers_choose(crowd):
    answers = crowd(_believers(1, gold=False))
    figures = methods.aggregate(answers, method="auto").figures
    said = figures["choice"]
    assert said["by"] == "held-out likelihood"
    assert said["gold_accuracy"] is None
    assert figures["agrees_against_gold"] is None
    best = max(said["held_out_log_likelihood"].values())
    assert said["held_out_log_likelihood"][said["alike"][0]] <= best
    assert figures["method"] == (said["alike"][0] if len(said["alike"]) == 1 else "average")


def test_held_out_scores_are_what_they_say(small):
    """By plain loops: predictions and habits from the other folds, the best share of habit."""
    tally = Tally.of(small)
    found = choice.held_out_scores(small, tally, Settings(), ("one-coin",))[:, 0]
    fold = folds(tally, choice.FOLDS)
    chance, habit = np.zeros(len(small)), np.zeros(len(small))
    for number in range(choice.FOLDS):
        part = tally.part(fold != number)
        fit = one_coin(small, tally=part)
        usual = np.bincount(part.value, minlength=3) + 1.0
        usual /= usual.sum()
        for j in np.flatnonzero(fold == number):
            i, w, v = small.item[[j]], small.worker[[j]], small.value[[j]]
            chance[j] = 0.99 * fit.predictive(i, w, v)[0] + 0.01 / 3
            mine = part.value[part.worker == w[0]]
            habit[j] = ((mine == v[0]).sum() + 2 * usual[v[0]]) / (len(mine) + 2)
    grid = np.linspace(0, 1, 20_001)
    totals = [np.log((1 - e) * chance + e * habit).sum() for e in grid]
    assert found.sum() == pytest.approx(max(totals), abs=1e-6)
    best = grid[int(np.argmax(totals))]
    assert found == pytest.approx(np.log((1 - best) * chance + best * habit), abs=1e-3)


def test_candidates_are_told_apart_by_items_and_not_by_answers():
    """A difference that ten answers to each of 40 items repeat is 40 observations, not 400."""
    draw = np.random.default_rng(2)
    item = np.repeat(np.arange(40), 10)
    by_item = draw.normal(0.1, 0.5, 40)
    worse = np.stack([np.zeros(400), -by_item[item]], axis=1)
    error = by_item.std() / np.sqrt(40)
    expected = by_item.mean() <= choice.APART * error
    names = ("one", "two")
    assert (len(choice.not_told_apart(worse, item, 40, names)) == 2) is bool(expected)
    surely = np.stack([np.zeros(400), -by_item[item] - 1], axis=1)
    assert choice.not_told_apart(surely, item, 40, names) == ("one",)
    equal = np.zeros((400, 2))
    assert choice.not_told_apart(equal, item, 40, names) == names


def test_an_average_is_the_mean_of_its_members(small):
    tally = Tally.of(small)
    fits = [FITS[name](small, tally, Settings()) for name in ("majority", "dawid-skene", "mace")]
    found = average(fits, small, tally)
    item = np.repeat(np.arange(len(small.items)), 3)
    value = np.tile(np.arange(3), len(small.items))
    table = np.mean([fit.class_at(item, value) for fit in fits], axis=0).reshape(-1, 3)
    assert table.sum(axis=1) == pytest.approx(np.ones(len(small.items)), abs=1e-9)
    assert found.labels.probability == pytest.approx(table.max(axis=1), abs=1e-12)
    assert found.labels.label.tolist() == table.argmax(axis=1).tolist()


def test_machines_never_vote_beside_people(crowd):
    rows = [("a", "p1", "x"), ("a", "m1", "y"), ("a", "m2", "y"), ("b", "m1", "y")]
    rows += [("c", "p1", "y"), ("c", "m1", "y")]
    answers = crowd(rows)
    non_human = methods.machines(answers, ["m1", "m2"])
    found = methods.aggregate(answers, method="majority", non_human=non_human)
    assert [answers.classes[code] for code in found.labels.label] == ["x", "y", "y"]
    said = found.figures["non_human"]
    assert (said["workers"], said["answers"], said["items_without_people"]) == (2, 4, 1)
    assert said["confusion"] == {"m1": [[0, 1], [0, 2]], "m2": [[0, 1], [0, 0]]}
    table = methods.label_table(answers, found.labels, non_human)
    assert table["n_non_human"].to_pylist() == [2, 1, 1]
    assert "non_human" not in methods.aggregate(answers, method="majority").figures
    with pytest.raises(InputError, match="'ghost' is said to be no person"):
        methods.machines(answers, ["ghost"])


def test_a_machine_has_a_matrix_of_its_own_without_peoples_prior(crowd):
    """It always says "cat" to dogs: its matrix says so, whatever is believed about people."""
    draw = np.random.default_rng(8)
    rows = []
    for i in range(80):
        truth = "dog" if i % 2 else "cat"
        other = "cat" if i % 2 else "dog"
        rows += [(f"i{i}", f"p{n}", truth if draw.random() < 0.8 else other) for n in range(4)]
        rows.append((f"i{i}", "model", "cat"))
    answers = crowd(rows)
    non_human = methods.machines(answers, ["model"])
    tally = Tally.of(answers, non_human)
    fit = FITS["dawid-skene-map"](answers, tally, Settings())
    matrix = fit.confusion(answers.workers.index("model"))
    assert matrix[:, 0] == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "method", "peer"),
    [
        ("bluebird", "one-coin", 0.583),
        ("rte", "one-coin", 0.925),
        ("polarity", "one-coin", 0.917),
        ("music", "one-coin", 0.793),
        ("ducks", "one-coin", 0.588),
        ("bluebird", "glad", 0.722),
        ("rte", "glad", 0.925),
        ("polarity", "glad", 0.917),
        ("music", "glad", 0.789),
        ("ducks", "glad", 0.596),
        ("bluebird", "mace", 0.722),
        ("rte", "mace", 0.915),
        ("polarity", "mace", 0.914),
        ("music", "mace", 0.799),
        ("ducks", "mace", 0.600),
    ],
)
def test_never_below_crowd_kit_by_more_than_one_item(load, name, method, peer):
    answers = load(name)
    found = methods.aggregate(answers, method=method).figures["accuracy"]
    known = int((answers.gold != NO_GOLD).sum())
    assert found >= peer - 0.0005 - 1 / known
    if method == "one-coin":
        assert found == pytest.approx(peer, abs=0.0006)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("bluebird", (0.889, 0.889, 0.583, 0.722, 0.861, 0.898)),
        ("rte", (0.9275, 0.929, 0.925, 0.926, 0.926, 0.929)),
        ("polarity", (0.915, 0.916, 0.917, 0.917, 0.918, 0.918)),
        ("music", (0.769, 0.791, 0.793, 0.796, 0.800, 0.800)),
        ("ducks", (0.600, 0.6125, 0.588, 0.596, 0.604, 0.688)),
    ],
)
def test_the_table_of_the_documentation(load, name, figures):
    answers = load(name)
    order = ("dawid-skene", "dawid-skene-map", "one-coin", "glad", "mace", "auto")
    found = [methods.aggregate(answers, method=method).figures["accuracy"] for method in order]
    assert found == pytest.approx(figures, abs=0.0006)


@pytest.mark.data
def test_auto_is_at_least_as_good_as_the_best_fixed_method(load):
    total = dict.fromkeys(["auto", *choice.CANDIDATES], 0.0)
    for name in ("bluebird", "rte", "polarity", "music", "ducks"):
        answers = load(name)
        found = methods.aggregate(answers, method="auto").figures
        total["auto"] += found["choice"]["accuracy_held_out"]
        for method in choice.CANDIDATES:
            total[method] += found["choice"]["gold_accuracy"][method]
        assert found["agrees_against_gold"] is (name == "ducks")
        assert found["helps"] is (name != "ducks")
    assert total.pop("auto") >= max(total.values())


@pytest.mark.data
def test_ducks_agree_with_each_other_against_the_gold(load):
    found = methods.aggregate(load("ducks"), method="dawid-skene").figures
    assert found["agrees_against_gold"] is True
    assert found["helps"] is False


def test_accuracy_of_all_fits_is_that_of_their_labels(small):
    for name in FITS:
        found = methods.aggregate(small, method=name)
        json.dumps(found.figures, allow_nan=False)
        assert found.figures["accuracy"] == accuracy(found.labels, small.gold)
        assert found.figures["accuracy"] > 0.6
