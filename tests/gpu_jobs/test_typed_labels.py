"""Labels of numbers, ordered classes, comparisons and drawn or written answers."""

import json
import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit
from scipy.stats import norm

from gpu_jobs.__main__ import main
from gpu_jobs.aggregation import bradley_terry as bt
from gpu_jobs.aggregation import competitors, methods
from gpu_jobs.aggregation.medoid import medoid
from gpu_jobs.aggregation.numeric import means, medians, numeric
from gpu_jobs.aggregation.ordinal import BIASES, SPREADS, chances, ordinal
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.aggregation.typed_labels import OF_TYPE, aggregate_typed
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.types import typed


def _labelled(crowd, rows, kind, **how):
    answers = crowd(rows)
    found = aggregate_typed(answers, typed(answers, kind), **how)
    return dict(zip(answers.items, found.label, strict=True)), found


# Numbers


def _measured(seed, *, items=300, workers=8):
    """Contributors with a slope, a bias and a noise each; who is last always says about 5."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(50, 20, items)
    slope = np.append(draw.uniform(0.8, 1.2, workers - 1), 0.0)
    bias = np.append(draw.normal(0, 5, workers - 1), 5.0)
    noise = np.append(np.geomspace(2, 25, workers - 1), 1.0)
    item = np.repeat(np.arange(items), 5)
    worker = np.concatenate([np.sort(draw.permutation(workers)[:5]) for _ in range(items)])
    x = slope[worker] * truth[item] + bias[worker] + draw.normal(0, noise[worker])
    return Tally(item, worker, np.zeros(len(item), dtype=int), items, workers, 1), x, truth


def test_precise_contributors_count_more_and_constant_ones_nothing():
    tally, x, truth = _measured(3)
    fit = numeric(tally, x)

    def rmse(label):
        return np.sqrt(np.square(label - truth).mean())

    assert fit.converged
    assert rmse(fit.weighted) < 0.75 * rmse(means(tally, x))
    assert rmse(fit.factor) < 0.75 * rmse(means(tally, x))
    assert abs(fit.slope[-1]) < 0.1
    # The noise of the seven others is found in its order.
    assert np.all(np.diff(fit.variance[2:7]) > 0)


def test_a_change_of_unit_or_of_names_changes_nothing_else():
    tally, x, _ = _measured(4, items=60)
    plain, moved = numeric(tally, x), numeric(tally, 1000 - 0.01 * x)
    assert moved.weighted == pytest.approx(1000 - 0.01 * plain.weighted, abs=1e-6)
    assert moved.deviation == pytest.approx(0.01 * plain.deviation, rel=1e-4)
    draw = np.random.default_rng(1)
    of_item, of_worker = draw.permutation(60), draw.permutation(8)
    item, worker = of_item[tally.item], of_worker[tally.worker]
    order = np.lexsort((worker, item))
    other = Tally(item[order], worker[order], tally.value[order], 60, 8, 1)
    renamed = numeric(other, x[order])
    assert renamed.weighted[of_item] == pytest.approx(plain.weighted, abs=1e-6)


@pytest.mark.parametrize("method", OF_TYPE["number"])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("a", "w", "3")],
        [("a", "w", "3"), ("a", "v", "3"), ("b", "v", "3")],
        [("a", "w", "1"), ("b", "w", "2"), ("c", "w", "9")],
        [("a", "w", "1e90"), ("a", "v", "-1e90"), ("b", "v", "0")],
    ],
)
def test_degenerate_numbers(crowd, method, rows):
    label, found = _labelled(crowd, rows, "number", method=method)
    assert all(np.isfinite(float(text)) for text in label.values())
    assert np.all(np.isfinite(found.deviation))
    if len({row[2] for row in rows}) == 1:
        assert {float(text) for text in label.values()} == {3.0}


def test_medians_are_those_of_numpy():
    tally, x, _ = _measured(5, items=40)
    kept = np.arange(len(x)) % 7 != 0
    part, x = tally.part(kept), x[kept]
    wanted = [np.median(x[part.item == i]) for i in range(40)]
    assert medians(part, x) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.data
def test_affect_is_closer_to_the_gold_than_the_mean(load):
    answers = load("affect")
    found = aggregate_typed(answers, typed(answers, "number")).figures
    assert found["baseline"]["mae"] == pytest.approx(12.02, abs=0.006)
    assert found["baseline"]["rmse"] == pytest.approx(17.84, abs=0.006)
    assert found["mae"] < found["baseline"]["mae"] - 0.2
    assert found["rmse"] < found["baseline"]["rmse"] - 0.05


# Ordered classes


def test_chances_of_an_ordered_answer():
    table = chances(4)
    point = 5 * len(SPREADS) + 3
    bias, spread = BIASES[5], SPREADS[3]
    for k in range(4):
        edge = norm.cdf((np.array([0.5, 1.5, 2.5]) - k - bias) / spread)
        wanted = np.diff(np.concatenate([[0], edge, [1]]))
        assert table[point, k] == pytest.approx(wanted, abs=1e-5)
    assert table.sum(axis=2) == pytest.approx(np.ones(table.shape[:2]))


def test_whoever_is_always_one_step_too_high_is_read_a_step_lower(crowd):
    draw = np.random.default_rng(6)
    rows, truth = [], draw.integers(1, 6, 300)
    for i, k in enumerate(truth.tolist()):
        rows += [
            (f"i{i:03}", f"w{w}", str(int(np.clip(k + draw.choice([-1, 0, 0, 0, 1]), 1, 6))))
            for w in range(3)
        ]
        rows += [(f"i{i:03}", f"high{w}", str(min(k + 1, 6))) for w in range(2)]
    answers = crowd(rows)
    fit = ordinal(answers)
    high = [answers.workers.index(f"high{w}") for w in range(2)]
    low = [answers.workers.index(f"w{w}") for w in range(3)]
    assert np.all(fit.bias[high] - fit.bias[low].mean() > 0.6)
    figures = methods.ordinal_figures(answers, fit)
    assert figures["converged"]
    assert figures["bias"][-1] == fit.bias.max()


def test_the_log_posterior_of_ordered_classes_never_falls(crowd):
    draw = np.random.default_rng(9)
    rows = [(f"i{i}", f"w{w}", str(draw.integers(0, 4))) for i in range(40) for w in range(5)]
    answers = crowd(rows)
    seen = [ordinal(answers, max_iter=n, tol=0).log_posterior for n in (1, 2, 4, 8)]
    assert seen == sorted(seen)


@pytest.mark.parametrize("rows", [[], [("a", "w", "1")], [("a", "w", "1"), ("a", "v", "2")]])
def test_degenerate_ordered_classes(crowd, rows):
    answers = crowd(rows)
    fit = ordinal(answers)
    assert np.all(np.isfinite(fit.posterior))
    assert len(fit.labels.label) == len(answers.items)


# Comparisons


def _compared(seed, *, strength, reliability, each=400, tie=0.4):
    draw = np.random.default_rng(seed)
    size, rows = len(strength), []
    for w, eta in enumerate(reliability):
        for _ in range(each):
            a, b = draw.choice(size, 2, replace=False)
            score = np.exp(
                [strength[a], strength[b], np.log(tie) + (strength[a] + strength[b]) / 2]
            )
            outcome = int(draw.choice(3, p=score / score.sum()))
            if outcome != bt.TIE and draw.random() > eta:
                outcome = 1 - outcome
            rows.append((int(a), int(b), outcome, w))
    return np.array(rows).T


def test_bradley_terry_finds_strengths_and_reversed_contributors():
    strength = np.array([1.0, 0.3, -0.2, -1.1])
    first, second, outcome, worker = _compared(
        2, strength=strength, reliability=[0.95, 0.9, 0.85, 0.1], each=1500
    )
    fit = bt.bradley_terry(first, second, outcome, worker, competitors=4, workers=4)
    assert fit.converged
    assert fit.strength == pytest.approx(strength, abs=0.25)
    assert np.all(fit.reliability[:3] > 0.75) and fit.reliability[3] < 0.25
    assert fit.tie == pytest.approx(0.4, abs=0.1)


def test_bradley_terry_is_at_a_maximum_of_its_formula():
    first, second, outcome, worker = _compared(
        3, strength=[0.5, 0.0, -0.5], reliability=[0.9, 0.7], each=60
    )
    fit = bt.bradley_terry(first, second, outcome, worker, competitors=3, workers=2)

    def value(strength, logit, log_tie):
        total = -(strength @ strength) / (2 * bt.SPREAD**2) - log_tie**2 / (2 * bt.SPREAD**2)
        total += (bt.HITS * np.log(expit(logit)) + bt.MISSES * np.log(expit(-logit))).sum()
        for a, b, o, w in zip(first, second, outcome, worker, strict=True):
            score = np.exp([strength[a], strength[b], log_tie + (strength[a] + strength[b]) / 2])
            chance = score / score.sum()
            eta = expit(logit[w])
            told = chance[2] if o == 2 else eta * chance[o] + (1 - eta) * chance[1 - o]
            total += np.log(told)
        return total

    logit = np.log(fit.reliability / (1 - fit.reliability))
    top = value(fit.strength, logit, np.log(fit.tie))
    for step in (0.01, -0.01):
        for i in range(3):
            moved = fit.strength.copy()
            moved[i] += step
            assert value(moved, logit, np.log(fit.tie)) < top + 1e-9
        for i in range(2):
            moved = logit.copy()
            moved[i] += step
            assert value(fit.strength, moved, np.log(fit.tie)) < top + 1e-9
        assert value(fit.strength, logit, np.log(fit.tie) + step) < top + 1e-9


def test_pairs_of_rankings_are_all_pairs():
    ranks = [{0: 0, 1: 1, 2: 1}, {3: 0, 1: 1}, {2: 0}]
    rows = np.array([(r, c, k) for k, each in enumerate(ranks) for c, r in each.items()]).T
    found = set(zip(*(each.tolist() for each in bt.pairs_of_rankings(*rows)), strict=True))
    wanted = set()
    for k, each in enumerate(ranks):
        for a, b in combinations(sorted(each), 2):
            order = bt.TIE if each[a] == each[b] else bt.FIRST if each[a] < each[b] else bt.SECOND
            wanted.add((a, b, order, k))
    assert found == wanted


def test_nothing_to_compare_and_one_who_never_lost():
    none = np.empty(0, dtype=np.int64)
    empty = bt.bradley_terry(none, none, none, none, competitors=2, workers=0)
    assert empty.strength.tolist() == [0, 0]
    zero = np.zeros(9, dtype=np.int64)
    fit = bt.bradley_terry(zero, zero + 1, zero, zero, competitors=2, workers=1)
    assert np.all(np.isfinite(fit.strength)) and fit.strength[0] > fit.strength[1]
    with pytest.raises(InputError, match="with itself"):
        bt.bradley_terry(zero, zero, zero, zero, competitors=1, workers=1)


def test_standings_of_pairs_and_rankings(crowd):
    answers = crowd([("1", "w", "a"), ("2", "w", "b"), ("3", "w", "tie"), ("1", "v", "a")])
    items = pa.table(
        {"item_id": ["1", "2", "3"], "a_name": ["x", "y", "x"], "b_name": ["y", "x", "y"]}
    )
    found = competitors.of_pairs(answers, items)
    assert [found.names[i] for i in found.order] == ["x", "y"]
    assert (found.wins.tolist(), found.ties.tolist()) == ([3, 0], [1, 1])
    for wrong, message in (
        (None, "needs --items"),
        (items.slice(0, 2), "says nothing about item '3'"),
        (
            pa.table({"item_id": ["1", "2", "3"], "models": ["x_y", "x", "y_x"]}),
            "does not name two",
        ),
    ):
        with pytest.raises(InputError, match=message):
            competitors.of_pairs(answers, wrong)
    ranked = crowd([("1", "w", "x > y = z"), ("1", "v", "x > z")])
    standing = competitors.of_rankings(ranked, typed(ranked, "ranking"))
    assert standing.names[standing.order[0]] == "x"
    assert standing.wins.tolist() == [3, 0, 0]
    picture = ET.fromstring(standing.plot())  # noqa: S314 — made by this program
    assert {"x", "y", "z"} <= set(picture.itertext())


def test_a_picture_of_answers_by_label(crowd):
    answers = crowd([("a", "1", "x"), ("a", "2", "x"), ("a", "3", "y"), ("b", "1", "y")])
    found = methods.aggregate(answers, method="majority")
    picture = ET.fromstring(found.plot(answers))  # noqa: S314 — made by this program
    said = " ".join(picture.itertext())
    assert "0.667" in said and "0.333" in said


# Written and drawn answers


def test_the_medoid_is_the_nearest_by_brute_force(crowd):
    draw = np.random.default_rng(12)
    rows = [
        (f"i{i}", f"w{w}", json.dumps(sorted(set(draw.choice(list("abcde"), 3).tolist()))))
        for i in range(12)
        for w in range(4)
    ]
    answers = crowd(rows)
    task = typed(answers, "set")
    tally = Tally(answers.item, answers.worker, task.code[answers.value], 12, 4, len(task.values))
    found = medoid(tally, np.arange(tally.classes), task.distance, np.ones(4))
    for i in range(12):
        mine = tally.value[tally.item == i]

        def cost(value, mine=mine):
            return task.distance.between(np.full(len(mine), value), mine).sum()

        assert cost(found.value[i]) == pytest.approx(min(cost(value) for value in mine))
        assert found.support[i] == pytest.approx(1 - cost(found.value[i]) / len(mine))


def test_rover_puts_together_what_nobody_wrote(crowd):
    rows = [
        ("a", "w1", "the quick brown fox jumped"),
        ("a", "w2", "the quack brown fox jumps"),
        ("a", "w3", "a quick brown dog jumps"),
        ("b", "w1", "hello big world"),
        ("b", "w2", "hello world"),
        ("b", "w3", "oh hello world"),
        ("c", "w1", "one two three"),
        ("c", "w2", "one and two three"),
        ("c", "w3", "one and two tree"),
    ]
    label, found = _labelled(crowd, rows, "transcript")
    assert label == {
        "a": "the quick brown fox jumps",
        "b": "hello world",
        "c": "one and two three",
    }
    assert np.all((found.probability > 0.5) & (found.probability <= 1))


def test_rover_of_one_and_of_silence(crowd):
    label, _ = _labelled(crowd, [("a", "w1", "only me here"), ("b", "w1", "x")], "transcript")
    assert label == {"a": "only me here", "b": "x"}
    assert _labelled(crowd, [], "transcript")[0] == {}


def test_rover_beats_every_contributor_on_noisy_copies(crowd):
    draw = np.random.default_rng(7)
    words, rows = [f"t{n}" for n in range(40)], []
    for i in range(60):
        truth = draw.choice(words, 12).tolist()
        for w in range(5):
            said = [word if draw.random() > 0.15 else str(draw.choice(words)) for word in truth]
            said = [word for word in said if draw.random() > 0.05] or truth[:1]
            rows.append((f"i{i:02}", f"w{w}", " ".join(said), " ".join(truth)))
    answers = crowd(rows)
    found = aggregate_typed(answers, typed(answers, "transcript")).figures
    assert found["similarity"] > 0.95
    assert found["similarity"] > found["baseline"]["similarity"] + 0.05


def test_boxes_of_an_object_are_averaged_and_strays_dropped(crowd):
    rows = [
        ("a", "w1", '[{"box": [0, 0, 10, 10], "label": "car"}, {"box": [50, 50, 60, 60]}]'),
        ("a", "w2", '[{"box": [1, 0, 11, 10], "label": "car"}]'),
        ("a", "w3", '[{"box": [2, 0, 12, 10], "label": "car"}, {"box": [0, 0, 10, 10]}]'),
    ]
    label, _ = _labelled(crowd, rows, "boxes")
    boxes = json.loads(label["a"])
    assert [box["label"] for box in boxes] == ["car"]
    assert boxes[0]["box"] == pytest.approx([1, 0, 11, 10], abs=0.35)


def test_two_objects_side_by_side_stay_two(crowd):
    rows = [
        ("a", f"w{w}", json.dumps([[0 + w, 0, 10 + w, 10], [6 + w, 0, 16 + w, 10]]))
        for w in range(3)
    ]
    label, found = _labelled(crowd, rows, "boxes")
    boxes = sorted(box["box"] for box in json.loads(label["a"]))
    assert np.array(boxes) == pytest.approx(np.array([[1, 0, 11, 10], [7, 0, 17, 10]]), abs=0.3)
    assert found.probability.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("kind", ["spans", "masks"])
def test_the_vote_over_places_by_brute_force(crowd, kind):
    draw = np.random.default_rng(13)
    rows, marks = [], {}
    for i in range(8):
        for w in range(3):
            marks[i, w] = draw.random(20) < 0.5
            text = json.dumps([marks[i, w].astype(int).tolist()])
            if kind == "spans":
                edges = np.flatnonzero(np.diff(np.concatenate([[0], marks[i, w], [0]])))
                text = json.dumps(edges.reshape(-1, 2).tolist())
            rows.append((f"i{i}", f"w{w}", text))
    label, _ = _labelled(crowd, rows, kind)
    for i in range(8):
        wanted = sum(marks[i, w].astype(int) for w in range(3)) >= 2
        got = np.zeros(20, dtype=bool)
        for each in json.loads(label[f"i{i}"]):
            got[each["start"] : each["end"]] = True
        # Three nearly equal weights: two always outvote the third.
        assert got.tolist() == wanted.tolist()


def test_machines_are_left_out_where_people_answered(crowd):
    rows = [("a", "p", "1"), ("a", "m", "9"), ("b", "m", "7"), ("a", "q", "1"), ("c", "p", "2")]
    answers = crowd(rows)
    found = aggregate_typed(
        answers,
        typed(answers, "number"),
        method="mean",
        non_human=methods.machines(answers, ["m"]),
    )
    assert [float(text) for text in found.label] == [1, 7, 2]
    assert found.figures["non_human"] == {"workers": 1, "answers": 2, "items_without_people": 1}


@pytest.mark.parametrize("kind", list(OF_TYPE))
def test_nothing_is_a_defined_answer_for_every_type(kind):
    none = np.empty(0, dtype=np.int64)
    answers = Answers(none, none, none, none, [], [], [], none, "text", 0, 0)
    for method in OF_TYPE[kind]:
        found = aggregate_typed(answers, typed(answers, kind), method=method)
        assert found.label == []
        assert found.table(answers).num_rows == 0


def test_a_method_of_another_type_is_refused(crowd, tmp_path, capsys):
    path = tmp_path / "crowd.csv"
    path.write_text("item_id,worker_id,answer\na,w,1\n", encoding="utf-8")
    for kind, method in (("number", "rover"), ("choice", "mean"), ("choice", "bradley-terry")):
        code = main(["aggregate", str(path), "--type", kind, "--method", method])
        assert code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.data
def test_pandalm_ranks_its_models(reference, capsys):
    path = reference("pandalm")
    items = path.with_name("pandalm.items.csv")
    options = ["--type", "pairwise", "--method", "bradley-terry", "--items", str(items)]
    assert main(["aggregate", str(path), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    strengths = [one["strength"] for one in found["competitors"]]
    assert strengths == sorted(strengths, reverse=True)
    best = found["competitors"][0]
    assert best["name"] == "llama-7b" and best["wins"] > 2 * best["losses"]


def _random_text(kind, draw):
    if kind == "transcript":
        return " ".join(draw.choice(["a", "b", "c"], draw.integers(1, 5)).tolist())
    start = draw.integers(0, 8, draw.integers(0, 3))
    if kind == "spans":
        return json.dumps([[int(a), int(a + 3)] for a in start])
    if kind == "masks":
        return json.dumps([draw.integers(0, 2, 12).tolist()])
    return json.dumps([[int(a), 0, int(a + 5), 4] for a in start])


@pytest.mark.parametrize("kind", ["transcript", "spans", "masks", "boxes"])
@pytest.mark.parametrize("seed", range(6))
def test_names_and_rows_change_no_written_or_drawn_label(crowd, kind, seed):
    draw = np.random.default_rng(seed)
    rows = [(i, w, _random_text(kind, draw)) for i in range(6) for w in range(draw.integers(1, 5))]
    one, first = _labelled(crowd, [(f"i{i}", f"w{w}", text) for i, w, text in rows], kind)
    of_item, of_worker = draw.permutation(6), draw.permutation(5)
    moved = [(f"x{of_item[i]}", f"y{of_worker[w]}", text) for i, w, text in rows]
    two, second = _labelled(crowd, [moved[k] for k in draw.permutation(len(moved))], kind)
    sure = dict(zip(two, second.probability, strict=True))
    for i in range(6):
        mine, theirs = one[f"i{i}"], two[f"x{of_item[i]}"]
        if kind == "boxes":
            mine, theirs = (
                np.array([box["box"] for box in json.loads(each)]).reshape(-1, 4)
                for each in (mine, theirs)
            )
            assert mine == pytest.approx(theirs, abs=1e-9)
        else:
            assert mine == theirs
        assert first.probability[i] == pytest.approx(sure[f"x{of_item[i]}"], abs=1e-9)


def test_a_column_says_who_is_no_person(tmp_path, capsys):
    path = tmp_path / "crowd.csv"
    rows = ["a,p,x,human", "a,q,y,", "a,m,y,model", "b,p,x,Human", "b,q,x,", "b,m,y,model"]
    path.write_text("item_id,worker_id,answer,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")

    def printed(*options):
        assert main([*options[:1], str(path), *options[1:]]) == 0
        return json.loads(capsys.readouterr().out)

    agreed = printed("agree", "--resamples", "0")
    assert (agreed["non_human_left_out"], agreed["answers"], agreed["workers"]) == (2, 4, 2)
    assert agreed["percent_agreement"] == 0.5
    assert agreed["missing"] == 0
    joined = printed("aggregate", "--method", "majority")
    assert joined["non_human"]["answers"] == 2 and joined["answers"] == 6
    assert printed("aggregate", "--non-human", "m,q")["non_human"]["workers"] == 2
    path.write_text("item_id,worker_id,answer,kind\na,p,x,human\nb,p,x,model\n", encoding="utf-8")
    assert main(["aggregate", str(path)]) == 2
    assert "is a person in one row, none" in capsys.readouterr().err
