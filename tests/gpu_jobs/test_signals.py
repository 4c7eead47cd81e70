"""Each signal against the formula written out, and against what it must not say."""

from dataclasses import replace
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench import simulated
from gpu_jobs.anomalies import (
    chance,
    copying,
    drift,
    gold_chance,
    haste,
    patterns,
    seconds,
    spammers,
)
from gpu_jobs.anomalies.peers import others
from gpu_jobs.anomalies.signals import above, below, combine
from gpu_jobs.anomalies.survey import survey
from gpu_jobs.contracts import InputError

rows = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwx"), st.sampled_from("123")),
    min_size=1,
    max_size=30,
)


def _plain_others(answers):
    """Counts of the other workers' answers, one answer after the other."""
    found = np.zeros((len(answers), len(answers.classes)))
    for i in range(len(answers)):
        for j in range(len(answers)):
            if answers.item[i] == answers.item[j] and answers.worker[i] != answers.worker[j]:
                found[i, answers.value[j]] += 1
    return found


@settings(max_examples=60, deadline=None)
@given(rows)
def test_others_leave_out_the_worker(crowd, given_rows):
    answers = crowd(given_rows)
    assert np.array_equal(others(answers).toarray(), _plain_others(answers))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_chance_has_the_moments_of_all_deals(crowd, given_rows):
    """Every way of dealing a worker's answers to the same items, up to six of them."""
    answers = crowd(given_rows)
    found = chance.chance(answers)
    counts = _plain_others(answers)
    for worker in range(len(answers.workers)):
        mine = np.flatnonzero((answers.worker == worker) & (counts.sum(axis=1) > 0))
        if not 2 <= len(mine) <= 6:
            continue
        share = counts[mine] / counts[mine].sum(axis=1, keepdims=True)
        value = answers.value[mine]
        dealt = [
            share[np.arange(len(mine)), value[list(deal)]].sum()
            for deal in permutations(range(len(mine)))
        ]
        observed = share[np.arange(len(mine)), value].sum()
        spread = np.std(dealt)
        assert found.expected[worker] * len(mine) == pytest.approx(np.mean(dealt))
        if spread > 1e-6:
            assert found.z[worker] == pytest.approx((observed - np.mean(dealt)) / spread)
        else:
            assert found.z[worker] == 0


def test_a_worker_in_reverse_is_below_chance_and_one_of_habit_is_not(crowd):
    given_rows = []
    for i in range(60):
        truth = "xy"[i % 2]
        given_rows += [(f"{i:02d}", w, truth) for w in ("a", "b", "c")]
        given_rows += [(f"{i:02d}", "reverse", "yx"[i % 2]), (f"{i:02d}", "habit", "x")]
    answers = crowd(given_rows)
    found = chance.chance(answers)
    who = dict(zip(answers.workers, chance.below_chance(found).speaks.tolist(), strict=True))
    assert who == {"a": False, "b": False, "c": False, "reverse": True, "habit": False}
    assert found.z[answers.workers.index("habit")] == 0


def test_little_agreement_is_measured_by_the_median_worker(crowd):
    draw = np.random.default_rng(6)
    rows = []
    for i in range(200):
        truth = int(draw.integers(0, 3))
        # A hard project: everybody is right in six of ten, and one person does not look.
        said = [truth if draw.random() < 0.6 else int(draw.integers(0, 3)) for _ in range(9)]
        said.append(int(draw.integers(0, 3)))
        rows += [(f"{i:03d}", f"w{w}", "xyz"[value]) for w, value in enumerate(said)]
    answers = crowd(rows)
    found = chance.chance(answers)
    assert np.flatnonzero(chance.little_agreement(found).speaks).tolist() == [9]
    kappa = (found.agreement - found.expected) / (1 - found.expected)
    upper = kappa + 1.64 * found.spread / (1 - found.expected)
    assert chance.little_agreement(found).value == pytest.approx(upper / np.median(kappa))


def test_spammer_score_is_youdens_index_squared_for_two_classes():
    """Raykar and Yu (2012), section 3.1: (sensitivity + specificity − 1)²."""
    sensitivity, specificity = 0.9, 0.7
    matrix = np.array([[specificity, 1 - specificity], [1 - sensitivity, sensitivity]])
    assert spammers.spammer_score(matrix[None])[0] == pytest.approx(0.36)


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_spammer_score_over_all_pairs_of_classes(classes, seed):
    matrix = np.random.default_rng(seed).dirichlet(np.ones(classes), classes)
    plain = sum(
        np.square(matrix[one] - matrix[two]).sum() for one, two in combinations(range(classes), 2)
    ) / (classes * (classes - 1))
    assert spammers.spammer_score(matrix[None])[0] == pytest.approx(plain)


def test_spammer_score_of_the_perfect_and_the_constant():
    constant = np.tile([0.2, 0.5, 0.3], (3, 1))
    found = spammers.spammer_score(np.stack([np.eye(3), constant]))
    assert found == pytest.approx([1, 0], abs=1e-12)


def test_luck_of_a_spammer_is_what_simulation_gives(crowd):
    draw = np.random.default_rng(2)
    answers = crowd([("i", "w", "a"), ("i", "w", "b"), ("i", "w", "c")])
    truth = np.repeat(np.arange(3), [40, 60, 80])
    scores, luck = [], []
    for _ in range(2_000):
        value = draw.choice(3, len(truth), p=[0.5, 0.3, 0.2])
        counts = np.zeros((1, 3, 3))
        np.add.at(counts, (0, truth, value), 1)
        found = spammers.spammers(answers, counts)
        scores.append(found.score[0])
        luck.append(found.luck[0])
    assert np.mean(luck) == pytest.approx(np.mean(scores), rel=0.06)


def test_runs_without_others_are_moods_runs_test(crowd):
    """Alone on every item: the moments of Wald and Wolfowitz for two classes."""
    sequence = "aaaaabbbbbaaaaabbaaaaaaaabbaaa"
    answers = crowd([(f"{i:02d}", "w", c) for i, c in enumerate(sequence)])
    order = np.array([float(answers.items[code]) for code in answers.item])
    found = patterns.patterns(answers, order=order)
    n = len(sequence)
    runs = 1 + sum(one != two for one, two in pairwise(sequence))
    a, b = sequence.count("a"), sequence.count("b")
    mean = 1 + 2 * a * b / n
    variance = 2 * a * b * (2 * a * b - n) / (n * n * (n - 1))
    # Fewer runs are more equal neighbours, so the sign turns.
    assert found.runs[0] == pytest.approx((mean - runs) / np.sqrt(variance), rel=0.02)
    assert found.longest[0] == 8
    p = np.array([a, b]) / n
    assert found.entropy[0] == pytest.approx(-(p * np.log2(p)).sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_runs_have_the_moments_of_dealing_within_labels(crowd, seed):
    """Against 4,000 deals of one worker's answers among the items of equal label."""
    draw = np.random.default_rng(seed)
    truth = np.sort(draw.integers(0, 3, 60))
    mine = np.where(draw.random(60) < 0.7, truth, draw.integers(0, 3, 60))
    given_rows = [(f"{i:02d}", w, "abc"[t]) for i, t in enumerate(truth) for w in ("u", "v")]
    given_rows += [(f"{i:02d}", "w", "abc"[v]) for i, v in enumerate(mine)]
    answers = crowd(given_rows)
    found = patterns.patterns(answers, order=answers.item.astype(float))
    dealt = np.empty(4_000)
    for k in range(len(dealt)):
        value = mine.copy()
        for label in range(3):
            there = truth == label
            value[there] = draw.permutation(value[there])
        dealt[k] = (value[1:] == value[:-1]).sum()
    observed = (mine[1:] == mine[:-1]).sum()
    z = (observed - dealt.mean()) / dealt.std()
    assert found.runs[answers.workers.index("w")] == pytest.approx(z, abs=0.2)


def test_a_queue_sorted_by_class_flags_nobody_and_a_straight_liner_is_seen(crowd):
    draw = np.random.default_rng(7)
    given_rows = []
    for i in range(120):
        truth = "abc"[i // 40]
        said = [truth if draw.random() < 0.85 else "abc"[i % 3] for _ in range(9)]
        given_rows += [(f"{i:03d}", f"w{w}", value) for w, value in enumerate(said)]
        given_rows.append((f"{i:03d}", "line", "abc"[(i // 12) % 3]))
        given_rows.append((f"{i:03d}", "same", "b"))
    answers = crowd(given_rows)
    order = np.array([float(answers.items[code]) for code in answers.item])
    found = patterns.patterns(answers, order=order)
    lines = set(np.array(answers.workers)[patterns.straight_lining(found).speaks])
    same = set(np.array(answers.workers)[patterns.one_class(found).speaks])
    assert lines == {"line"}
    assert same == {"same"}


def test_runs_need_no_luck_under_the_null():
    """Ordinary workers: z has mean 0 and standard deviation 1, within what 600 of them show."""
    draw = np.random.default_rng(11)
    z = []
    for _ in range(10):
        made = simulated.crowd(draw, items=300, workers=60)
        z.append(patterns.patterns(made.answers, order=made.order).runs)
    z = np.concatenate(z)
    assert abs(z.mean()) < 0.15
    assert 0.85 < z.std() < 1.15


def _plain_cusum(x, allowance):
    s, peak = 0.0, 0.0
    for each in x:
        s = max(0.0, s - each - allowance)
        peak = max(peak, s)
    return peak


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=60),
    st.floats(0.2, 0.8),
)
def test_cusum_is_the_recursion(steps, level):
    worker = np.array([one[0] for one in steps])
    right = np.array([float(one[1]) for one in steps])
    expected = np.full(len(steps), level)
    found = drift.drift(worker, right, expected, np.arange(len(steps)), workers=4)
    x = (right - level) / np.sqrt(level * (1 - level))
    for who in range(4):
        mine = x[worker == who]
        if len(mine):
            spread = np.std(mine)
            steps_ = (mine - mine.mean()) / spread if spread > 1e-9 else np.zeros(len(mine))
            wanted = _plain_cusum(steps_, 0.25)
            assert found.peak[who] == pytest.approx(wanted, abs=1e-9)


def test_drift_is_found_where_it_begins_and_a_steady_bad_worker_has_none():
    draw = np.random.default_rng(3)
    falls = np.concatenate([draw.random(150) < 0.9, draw.random(100) < 0.5])
    bad = draw.random(250) < 0.5
    right = np.concatenate([falls, bad]).astype(float)
    worker = np.repeat([0, 1], 250)
    level = drift.own_level(worker, np.arange(500), right, workers=2)
    found = drift.drift(worker, right, level, np.tile(np.arange(250), 2), workers=2)
    assert drift.drifting(found).speaks.tolist() == [True, False]
    assert 130 <= found.begins[0] <= 170


def _plain_shared(answers, truth, a, b):
    """X and the set of shared items, by dictionaries."""
    said = [
        {
            int(i): int(v)
            for i, v, w in zip(answers.item, answers.value, answers.worker, strict=True)
            if w == who
        }
        for who in (a, b)
    ]
    shared = [i for i in said[0] if i in said[1] and truth[i] >= 0]
    return sum(said[0][i] == said[1][i] != truth[i] for i in shared), len(shared)


def test_shared_errors_are_counted_as_by_hand_and_the_ring_is_seen():
    made = simulated.crowd(np.random.default_rng(5), colluders=0.1)
    found = copying.shared_errors(made.answers, made.truth)
    for i in range(0, len(found.first), 7):
        plain = _plain_shared(made.answers, made.truth, found.first[i], found.second[i])
        assert (found.errors[i], found.shared[i]) == plain
    speaks = copying.copying(found).speaks
    assert speaks[made.kind == simulated.COLLUDER].mean() > 0.6
    assert not speaks[made.kind == simulated.HONEST].any()


def test_hard_items_alone_make_no_copiers():
    """Forty honest people, all led astray by the same tenth of the items."""
    draw = np.random.default_rng(8)
    made = simulated.crowd(draw, classes=3)
    hard = draw.random(len(made.truth)) < 0.1
    astray = hard[made.answers.item] & (draw.random(len(made.answers)) < 0.8)
    value = np.where(astray, (made.truth[made.answers.item] + 1) % 3, made.answers.value)
    answers = type(made.answers)(**(vars(made.answers) | {"value": value}))
    assert not copying.copying(copying.shared_errors(answers, made.truth)).speaks.any()


def test_haste_needs_more_than_one_fast_submission():
    draw = np.random.default_rng(1)
    item, worker = np.repeat(np.arange(40), 10), np.tile(np.arange(10), 40)
    times = draw.lognormal(3.5, 0.3, 400)
    times[worker == 3] = 1.5
    times[(worker == 5) & (item == 0)] = 1.0
    found = seconds.time_anomalies(item, times)
    assert found.fast[(worker == 5) & (item == 0)].all()
    speaks = haste.haste(found, worker, workers=10).speaks
    assert np.flatnonzero(speaks).tolist() == [3]


def test_the_gold_is_a_second_witness_against_adversaries():
    """40 people, a fifth of whom know the answer and give another; every tenth item is gold."""
    made = simulated.crowd(np.random.default_rng(12), adversaries=0.2, gold=True)
    some = np.arange(len(made.answers.items)) % 10 == 0
    answers = replace(made.answers, gold=np.where(some, made.answers.gold, -1))
    found = survey(answers, order=made.order, times=made.seconds)
    adversary = made.kind == simulated.ADVERSARY
    assert found.signals["gold at chance"].speaks[adversary].mean() > 0.8
    assert found.flags.flagged[adversary].mean() > 0.8
    assert not found.flags.flagged[made.kind == simulated.HONEST].any()
    blind = survey(replace(answers, gold=np.full(len(some), -1)))
    assert "gold at chance" in blind.absent


def test_gold_at_chance_by_hand(crowd):
    """20 gold items, two classes: three people all right, one all wrong, one with too few."""
    rows = [(f"i{i:02}", w, "x", "x") for i in range(20) for w in ("a", "b", "c")]
    rows += [(f"i{i:02}", "d", "y", "x") for i in range(20)]
    rows += [(f"i{i:02}", "e", "y", "x") for i in range(7)]
    answers = crowd(rows)
    found = gold_chance.gold_at_chance(answers)
    assert found.speaks.tolist() == [False, False, False, True, False]
    assert np.isnan(found.value[4])
    high = stats.beta.ppf(0.95, 0.5, 20.5)
    assert found.value[3] == pytest.approx((high - 0.5) / (20.5 / 21 - 0.5))


def test_one_family_never_flags_and_two_do():
    value = np.array([5.0, 5.0, np.nan, 0.0])
    signals = [
        above("one", "crowd", 1, value),
        above("other", "crowd", 1, value),
        below("third", "time", 1, np.array([2.0, 0.5, 0.5, 0.5])),
    ]
    found = combine(signals, 4)
    assert found.flagged.tolist() == [False, True, False, False]
    assert found.names[1] == ["one", "other", "third"]
    with pytest.raises(InputError, match="acts alone"):
        combine(signals, 4, needed=1)


@pytest.mark.parametrize(
    "given_rows",
    [
        [],
        [("a", "w", "x")],
        [("a", "w", "x"), ("b", "w", "x")],
        [("a", "w", "x"), ("a", "v", "x")],
        [("a", "w", "x"), ("a", "w", "y")],
        [("a", "w", None)],
        [(str(i), w, "x") for i in range(30) for w in "uvw"],
    ],
)
def test_tiny_crowds_have_no_signals(crowd, given_rows):
    answers = crowd(given_rows)
    order = np.arange(len(answers), dtype=float)
    times = np.full(len(answers), 5.0)
    texts = [answers.classes[code] for code in answers.value]
    found = survey(answers, order=order, times=times, texts=texts)
    assert not found.flags.flagged.any()
    assert found.absent == {"gold at chance": "no gold is known"}


def test_a_crowd_of_37_000_is_surveyed_without_workers_by_items(crowd):
    draw = np.random.default_rng(3)
    answers = crowd(
        [
            (f"i{i}", f"w{w}", "abcdefghij"[i % 10 if draw.random() < 0.7 else int(v)])
            for w in range(37_000)
            for i, v in zip(draw.integers(0, 9_000, 2), draw.integers(0, 10, 2), strict=True)
        ]
    )
    found = survey(answers, order=answers.row.astype(float), times=np.full(len(answers), 9.0))
    assert set(found.absent) == {"near-duplicate texts", "gold at chance"}
    assert not found.flags.flagged.any()


def test_one_item_that_all_answered_does_not_fill_the_memory(crowd):
    draw = np.random.default_rng(4)
    rows = [("huge", f"w{w}", "xy"[int(v)]) for w, v in enumerate(draw.integers(0, 2, 12_000))]
    found = survey(crowd(rows))
    assert "meetings" in found.absent["shared errors"]
    assert not found.flags.flagged.any()


def test_nothing_depends_on_names_or_rows(crowd):
    made = simulated.crowd(np.random.default_rng(9), spammers=0.2, colluders=0.2, items=200)
    answers = made.answers
    draw = np.random.default_rng(4)
    shuffled = draw.permutation(len(answers))
    rename = {
        name: [f"{kind}{number}" for number in draw.permutation(len(texts))]
        for name, kind, texts in (
            ("items", "i", answers.items),
            ("workers", "w", answers.workers),
            ("classes", "c", answers.classes),
        )
    }
    other = crowd(
        [
            (
                rename["items"][answers.item[i]],
                rename["workers"][answers.worker[i]],
                rename["classes"][answers.value[i]],
            )
            for i in shuffled
        ]
    )
    one = survey(answers, order=made.order, times=made.seconds)
    two = survey(
        other,
        order=made.order[shuffled][other.row],
        times=made.seconds[shuffled][other.row],
    )
    place = [other.workers.index(name) for name in rename["workers"]]
    assert set(one.signals) == set(two.signals)
    for name, signal in one.signals.items():
        assert two.signals[name].value[place] == pytest.approx(
            signal.value, abs=1e-7, nan_ok=True
        ), name
