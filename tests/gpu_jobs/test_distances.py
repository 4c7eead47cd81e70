"""Each distance against a slow second opinion, and what all of them promise."""

import json
import unicodedata
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from gpu_jobs.contracts import InputError
from gpu_jobs.distances import (
    boxes,
    keypoints,
    masks,
    matching,
    pairs,
    polygons,
    rankings,
    rubrics,
    sets,
    spans,
    texts,
    transcripts,
)
from gpu_jobs.distances.intervals import Lines, united
from gpu_jobs.distances.scales import Scale
from gpu_jobs.types import TYPES

label = st.sampled_from(["a", "b", "c"])
small = st.integers(0, 12)
word = st.sampled_from(["the", "cat", "sat", "on", "a", "mat"])
corner = st.tuples(small, small, st.integers(1, 6), st.integers(1, 6))


def _boxes(found):
    return json.dumps([{"box": [x, y, x + w, y + h], "label": n} for (x, y, w, h), n in found])


def _spans(found):
    return json.dumps([[start, start + length, n] for start, length, n in found])


def _mask(rows):
    return json.dumps(np.array(rows).reshape(4, 5).tolist())


def _polygons(found):
    return json.dumps([[[x, y], [x + w, y], [x + w, y + h]] for x, y, w, h in found])


ANSWERS = {
    "choice": label,
    "pairwise": label,
    "set": st.sets(label).map(sorted).map(json.dumps),
    "spans": st.lists(st.tuples(small, st.integers(1, 5), label), max_size=4).map(_spans),
    "boxes": st.lists(st.tuples(corner, label), max_size=4).map(_boxes),
    "polygons": st.lists(corner, max_size=2).map(_polygons),
    "masks": st.lists(st.integers(0, 1), min_size=20, max_size=20).map(_mask),
    "keypoints": st.dictionaries(label, st.tuples(small, small), max_size=3).map(json.dumps),
    "ranking": st.permutations("abcd").flatmap(
        lambda order: st.integers(1, 4).map(lambda n: json.dumps(order[:n]))
    ),
    "transcript": st.lists(word, max_size=6).map(" ".join),
    "rubric": st.dictionaries(label, st.integers(1, 5), max_size=3).map(json.dumps),
    "text": st.text(max_size=30),
    "number": st.integers(-50, 50).map(str),
}


def _all_pairs(kind, answers, **options):
    values = list(dict.fromkeys(TYPES[kind].parse(each) for each in answers))
    left, right = np.divmod(np.arange(len(values) ** 2), len(values))
    found = TYPES[kind].prepare(values, **options).between(left, right)
    return values, found.reshape(len(values), len(values))


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_every_distance_is_one(kind):
    """In [0, 1], 0 for the same answer, the same in both directions."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(ANSWERS[kind], min_size=1, max_size=6))
    def check(answers):
        _, found = _all_pairs(kind, answers)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1
        assert (np.diag(found) == 0).all()
        assert (found == found.T).all()

    check()


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_blocks_change_nothing(kind, monkeypatch):
    @settings(max_examples=10, deadline=None)
    @given(st.lists(ANSWERS[kind], min_size=3, max_size=6))
    def check(answers):
        _, whole = _all_pairs(kind, answers)
        with monkeypatch.context() as patch:
            patch.setattr(pairs, "BLOCK", 3)
            _, split = _all_pairs(kind, answers)
        assert split == pytest.approx(whole, abs=1e-12)

    check()


def test_no_pairs_at_all():
    nothing = np.empty(0, dtype=np.int64)
    for kind in TYPES:
        assert len(TYPES[kind].prepare([]).between(nothing, nothing)) == 0


def test_jaccard_and_masi_of_the_2006_paper():
    """Passonneau: subsets weigh 2/3, overlaps 1/3."""
    answers = ["a|b", "a|b|c", "b|c|d", "d|e", ""]
    values, jaccard = _all_pairs("set", answers)
    _, masi = _all_pairs("set", answers, masi=True)
    assert values[0] == ("a", "b")
    assert jaccard[0].tolist() == pytest.approx([0, 1 / 3, 3 / 4, 1, 1])
    assert masi[0].tolist() == pytest.approx([0, 1 - 2 / 3 * 2 / 3, 1 - 1 / 4 / 3, 1, 1])


@settings(max_examples=60, deadline=None)
@given(st.lists(ANSWERS["spans"], min_size=2, max_size=4))
def test_spans_by_sets_of_characters(answers):
    values, found = _all_pairs("spans", answers)
    places = [{(n, i) for n, a, b in value for i in range(a, b)} for value in values]
    for i, one in enumerate(places):
        for j, two in enumerate(places):
            f1 = 2 * len(one & two) / (len(one) + len(two)) if one or two else 1
            assert found[i, j] == pytest.approx(1 - f1)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANSWERS["masks"], min_size=2, max_size=4))
def test_masks_by_bitmaps(answers):
    bitmaps = list(dict.fromkeys(answers))
    values, found = _all_pairs("masks", bitmaps)
    pixels = [np.array(json.loads(each), dtype=bool) for each in bitmaps]
    assert len(values) == len(pixels)
    for i, one in enumerate(pixels):
        for j, two in enumerate(pixels):
            union = (one | two).sum()
            wanted = 1 - (one & two).sum() / union if union else 0
            assert found[i, j] == pytest.approx(wanted)


def _coco_text(counts):
    """The published encoder: five bits a character, differences to the count two before."""
    out = ""
    for index, count in enumerate(counts):
        x = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            bits = x & 31
            x >>= 5
            more = x != -1 if bits & 16 else x != 0
            out += chr((bits | 32 if more else bits) + 48)
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=2, max_size=9))
def test_three_ways_to_write_a_mask(counts):
    size = [sum(counts), 1]
    plain = masks.parse(json.dumps({"size": size, "counts": counts}))
    packed = masks.parse(json.dumps({"size": size, "counts": _coco_text(counts)}))
    bits = np.repeat(np.arange(len(counts)) % 2, counts)
    assert plain == packed == masks.parse(json.dumps({"bitmap": bits[:, None].tolist()}))
    assert sum(end - start for _, start, end in plain) == sum(counts[1::2])


def test_masks_run_down_the_columns():
    assert masks.parse("[[0, 1], [1, 1]]") == (("", 1, 4),)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(corner, label), max_size=3), st.lists(st.tuples(corner, label), max_size=4)
)
def test_boxes_by_trying_every_matching(one, two):
    values = [boxes.parse(_boxes(one)), boxes.parse(_boxes(two))]
    found = boxes.Boxes.of(values).between(np.array([0]), np.array([1]))[0]
    short, long = sorted(values, key=len)

    def alike(a, b):
        if a is None or b is None or a[0] != b[0]:
            return 0.0
        width = min(a[3], b[3]) - max(a[1], b[1])
        height = min(a[4], b[4]) - max(a[2], b[2])
        shared = max(width, 0) * max(height, 0)
        both = sum((x[3] - x[1]) * (x[4] - x[2]) for x in (a, b))
        return shared / (both - shared)

    padded = [*short, *[None] * (len(long) - len(short))]
    best = max(sum(map(alike, order, long)) for order in permutations(padded))
    objects = len(short) + len(long)
    same = values[0] == values[1]
    assert found == pytest.approx(0 if same or not objects else 1 - 2 * best / objects)


def test_a_greedy_matching_would_be_worse():
    pair = np.zeros(3, dtype=np.int64)
    i, j, worth = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.9, 0.8, 0.8])
    assert matching.best_sums(pair, i, j, worth, 1).tolist() == [pytest.approx(1.6)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(small, small), min_size=3, max_size=7, unique=True), st.integers(0, 99))
def test_area_of_a_simple_polygon_by_the_shoelace(points, seed):
    """A star round the middle is simple; its area is also the even-odd area."""
    middle = np.array([5.9, 6.1])
    flat = np.array(points, dtype=float)
    angle = np.arctan2(*(flat - middle).T)
    flat = flat[np.argsort(angle)]
    if len(np.unique(np.round(angle, 9))) < len(flat) or np.diff(np.sort(angle)).max() > 3.1:
        return
    if np.sort(angle)[0] + 2 * np.pi - np.sort(angle)[-1] > 3.1:
        return
    x, y = flat.T
    wanted = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    moved = flat + np.random.default_rng(seed).normal(size=2)
    one, two, shared = polygons.areas(flat, moved)
    assert one == pytest.approx(wanted)
    assert two == pytest.approx(wanted)
    assert shared <= wanted + 1e-9


@pytest.mark.parametrize(
    ("one", "two", "area"),
    [
        ([[0, 0], [2, 0], [2, 2], [0, 2]], [[1, 1], [3, 1], [3, 3], [1, 3]], 1),
        ([[0, 0], [4, 0], [4, 4], [0, 4]], [[1, 1], [2, 1], [2, 2], [1, 2]], 1),
        ([[0, 0], [4, 0], [0, 4]], [[4, 4], [4, 0], [0, 4]], 0),
        # A ring that winds like a U, and a bar across its arms.
        (
            [[0, 0], [5, 0], [5, 5], [4, 5], [4, 1], [1, 1], [1, 5], [0, 5]],
            [[-1, 2], [6, 2], [6, 3], [-1, 3]],
            2,
        ),
        # A bow tie covers two of the four triangles of its square.
        ([[0, 0], [4, 4], [4, 0], [0, 4]], [[0, 0], [4, 0], [4, 4], [0, 4]], 8),
    ],
)
def test_intersections_of_polygons_worked_by_hand(one, two, area):
    found = polygons.areas(np.array(one, dtype=float), np.array(two, dtype=float))
    assert found[2] == pytest.approx(area)


def test_intersection_of_polygons_by_a_grid():
    """Counting 400 × 400 points inside both comes within a percent of the square."""
    draw = np.random.default_rng(5)
    steps = (np.arange(400) + 0.5) / 40
    gx, gy = (each.ravel() for each in np.meshgrid(steps, steps))

    def inside(corners):
        hit = np.zeros(len(gx), dtype=bool)
        for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crosses = (y1 > gy) != (y2 > gy)
            if y1 != y2:
                hit ^= crosses & (gx < x1 + (gy - y1) * (x2 - x1) / (y2 - y1))
        return hit

    for _ in range(10):
        one, two = draw.uniform(0, 10, size=(2, 8, 2))
        wanted = (inside(one) & inside(two)).mean() * 100
        assert polygons.areas(one, two)[2] == pytest.approx(wanted, abs=0.5)


def test_oks_of_one_point_by_its_formula():
    near = '{"points": {"nose": [3, 4]}, "area": 100}'
    _, found = _all_pairs("keypoints", ['{"points": {"nose": [0, 0]}, "area": 300}', near])
    assert found[0, 1] == pytest.approx(1 - np.exp(-25 / (2 * 200 * (2 * 0.026) ** 2)))


def test_a_point_that_one_left_out_counts_as_missed():
    both = '{"points": {"0": [0, 0], "1": [9, 9]}, "area": 50}'
    _, found = _all_pairs("keypoints", [both, '{"points": [[0, 0], null], "area": 50}'])
    assert found[0, 1] == pytest.approx(0.5)


@settings(max_examples=60, deadline=None)
@given(st.permutations("abcdef"), st.permutations("abcdef"))
def test_rankings_by_kendalls_tau(one, two):
    values = [rankings.parse(json.dumps(each)) for each in (one, two)]
    found = rankings.Rankings.of(values).between(np.array([0]), np.array([1]))[0]
    tau = kendalltau([one.index(n) for n in "abcdef"], [two.index(n) for n in "abcdef"])
    assert found == pytest.approx((1 - tau.statistic) / 2)


def test_ties_and_left_out_objects_of_rankings():
    _, found = _all_pairs("ranking", ["a > b > c", "a = b > c", "a", "b > c"])
    # ab tied in one only: 1/2 of 3 pairs. "a" alone leaves b, c tied below: 1/2 again.
    assert found[0].tolist() == pytest.approx([0, 1 / 6, 1 / 6, 2 / 3])


def _edits(one, two):
    table = np.zeros((len(one) + 1, len(two) + 1), dtype=int)
    table[:, 0], table[0] = np.arange(len(one) + 1), np.arange(len(two) + 1)
    for i, a in enumerate(one, 1):
        for j, b in enumerate(two, 1):
            steps = (table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
            table[i, j] = min(steps)
    return table[-1, -1]


@pytest.mark.parametrize("unit", transcripts.UNITS)
def test_edits_by_the_plain_table(unit):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(ANSWERS["transcript"], min_size=2, max_size=6, unique=True))
    def check(answers):
        values = [transcripts.parse(each) for each in answers]
        found = transcripts.Transcripts.of(values, unit=unit)
        left, right = np.divmod(np.arange(len(values) ** 2), len(values))
        edits, rate = found.edits(left, right), found.between(left, right)
        for k, (i, j) in enumerate(zip(left, right, strict=True)):
            one, two = (v.split() if unit == "word" else v for v in (values[i], values[j]))
            assert edits[k] == _edits(one, two)
            assert rate[k] == pytest.approx(edits[k] / max(len(one), len(two), 1))

    check()


def test_an_unknown_unit_is_refused():
    with pytest.raises(ValueError, match="unit must be one of"):
        transcripts.Transcripts.of(["a"], unit="line")


def test_composed_and_decomposed_letters_are_the_same():
    assert transcripts.parse(unicodedata.normalize("NFD", "né  à")) == "né à"


def test_rubric_lines_weigh_and_blanks_are_left_out():
    one, two = '{"x": 1, "y": "good", "z": 4}', '{"x": 5, "y": "good", "z": null}'
    assert _all_pairs("rubric", [one, two])[1][0, 1] == pytest.approx(1 / 2)
    weighted = _all_pairs("rubric", [one, two], weights={"x": 3.0})[1]
    assert weighted[0, 1] == pytest.approx(3 / 4)
    ranged = _all_pairs("rubric", [one, two], ranges={"x": (0.0, 8.0)})[1]
    assert ranged[0, 1] == pytest.approx(1 / 4)
    assert _all_pairs("rubric", ['{"x": 1}', '{"y": 1}'])[1][0, 1] == 1


def test_true_is_not_the_number_one():
    assert rubrics.parse('{"x": true}') == (("x", "true"),)


def test_shared_wording_is_nearer_than_none():
    values = ["the cat sat on the mat", "the cat sat on a mat", "quite unlike, by far"]
    _, found = _all_pairs("text", values)
    assert found[0, 1] < 0.4
    assert found[0, 2] > 0.9


def test_texts_are_scaled_to_length_one():
    rows = texts.embed(["some words", "", "ab"])
    norms = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    assert norms.tolist() == pytest.approx([1, 0, 1])


def test_an_n_gram_does_not_run_over_the_end_of_a_text():
    alone, beside = texts.embed(["abcdef"]), texts.embed(["abcdef", "ghijkl"])
    assert (alone[[0]] != beside[[0]]).nnz == 0


def test_steps_and_differences():
    left, right = np.array([0, 0, 0]), np.array([1, 2, 3])
    steps = Scale.of_ranks([1.0, 2.0, 10.0, np.nan])
    assert steps.between(left, right).tolist() == [0.5, 1, 1]
    numbers = Scale.of_numbers([1.0, 2.0, 11.0, np.nan])
    assert numbers.between(left, right).tolist() == pytest.approx([0.1, 1, 1])
    assert Scale.of_numbers([3.0]).between(np.array([0]), np.array([0])).tolist() == [0]


def test_touching_stretches_become_one():
    assert united([("a", 3, 5), ("a", 0, 3), ("a", 4, 4), ("b", 1, 2)]) == (
        ("a", 0, 5),
        ("b", 1, 2),
    )


def test_lines_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="reach too far"):
        Lines.of([(("a", 0, 2**52),)] * 2000)


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("number", "x", "is not a number"),
        ("number", "inf", "is not a number"),
        ("set", "[1]", "a label is a text"),
        ("set", '["a"', "is not JSON"),
        ("spans", "[[3, 1]]", "ends at 1"),
        ("spans", '[{"start": -1, "end": 2}]', "start that is not a whole number"),
        ("spans", "[4]", "a span that is not"),
        ("boxes", "[[0, 0, 0, 2]]", "not beyond"),
        ("boxes", '[[0, 0, "a", 2]]', "corner that is not a number"),
        ("boxes", "[[0, 0, NaN, 2]]", "holds NaN"),
        ("boxes", "{}", "is not a list of boxes"),
        ("polygons", "[[[0, 0], [1, 1]]]", "three points or more"),
        ("polygons", "[[[0, 0], [1, 1], [2, 2]]]", "without area"),
        ("masks", "3", "neither a mask"),
        ("masks", "[[0, 2]]", "not rows of equally many 0 and 1"),
        ("masks", '{"size": [2, 2], "counts": [3]}', "counts of 3 pixels"),
        ("masks", '{"size": [2], "counts": [3]}', "without its size"),
        ("masks", '{"size": [2, 2], "counts": "é"}', "foreign character"),
        ("keypoints", '{"nose": [1]}', "a point that is not"),
        ("keypoints", '{"points": {}, "area": 0}', "area that is not above 0"),
        ("ranking", '["a", "a"]', "ranks 'a' twice"),
        ("ranking", "a > > b", "not a ranking"),
        ("rubric", "[1]", "not a JSON object"),
        ("rubric", '{"x": [1]}', "score that is not a number"),
        ("rubric", "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_answer_says_why(kind, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        TYPES[kind].parse(text)


def test_parsed_answers_do_not_depend_on_how_they_are_written():
    assert spans.parse('[[0, 3, "P"]]') == spans.parse('[{"label":"P","end":3,"start":0}]')
    assert sets.parse('["b", "a", "a"]') == sets.parse("a | b")
    assert rankings.parse("a > b = c") == rankings.parse('["a", ["c", "b"]]')
    assert keypoints.parse("[[1, 2]]") == keypoints.parse('{"points": {"0": [1.0, 2.0]}}')


def test_names_that_never_recur_are_refused(monkeypatch):
    monkeypatch.setattr(pairs, "DENSE", 5)
    with pytest.raises(InputError, match="3 different names of points in 3 answers are too many"):
        keypoints.Keypoints.of([(1.0, ((name, 0.0, 0.0),)) for name in "abc"])
    with pytest.raises(InputError, match="3 different rubric lines"):
        rubrics.Rubrics.of([((name, 1.0),) for name in "abc"])


def test_long_transcripts_afford_fewer_pairs():
    short, long = (transcripts.Transcripts.of(["a " * n]) for n in (10, 500))
    assert pairs.affordable(short) == pairs.SAMPLE
    assert 2_000 <= pairs.affordable(long) < pairs.SAMPLE
    assert pairs.affordable(transcripts.Transcripts.of([])) == pairs.SAMPLE
    assert pairs.affordable(sets.Sets.of([("a",)])) == pairs.SAMPLE
