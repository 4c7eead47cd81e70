import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gpu_jobs.agreement import alpha, bootstrap, disagreement
from gpu_jobs.agreement.alpha import alpha_of, alpha_of_typed
from gpu_jobs.answers import LEVELS, Cells, cells
from gpu_jobs.contracts import InputError
from gpu_jobs.types import typed

KRIPPENDORFF_2011 = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]


@pytest.fixture
def paper(crowd):
    return crowd(
        [
            (f"u{unit}", f"w{worker}", answer)
            for worker, line in enumerate(KRIPPENDORFF_2011)
            for unit, answer in enumerate(line.split())
            if answer != "."
        ]
    )


@pytest.mark.parametrize(
    ("level", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_table_of_the_2011_paper(paper, level, published):
    assert alpha_of(paper, level=level).alpha == pytest.approx(published, abs=0.0006)


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from(LEVELS),
    rows=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=4, max_size=60),
    scale=st.lists(st.integers(0, 1000), min_size=6, max_size=6, unique=True).map(sorted),
)
def test_parity_with_the_package(level, rows, scale):
    unit, value = np.array(rows).T
    dense = np.zeros((8, 6), dtype=int)
    np.add.at(dense, (unit, value), 1)
    pairable = dense[dense.sum(axis=1) >= 2].sum(axis=0)
    found = alpha.alpha_of_counts(
        cells(unit, value, 6), scale=np.array(scale, dtype=float), level=level
    )
    if np.count_nonzero(pairable) < 2:
        assert found.alpha is None
        assert found.reason
        return
    wanted = krippendorff.alpha(
        value_counts=dense, value_domain=np.array(scale, float), level_of_measurement=level
    )
    assert found.alpha == pytest.approx(float(wanted), abs=1e-9)


def test_ratio_in_small_blocks_is_the_same(paper, monkeypatch):
    whole = alpha_of(paper, level="ratio").alpha
    monkeypatch.setattr(disagreement, "_BLOCK", 3)
    assert alpha_of(paper, level="ratio").alpha == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_perfect_agreement_is_one(crowd, level):
    rows = [(f"i{i}", f"w{w}", str(i % 3)) for i in range(9) for w in range(4)]
    assert alpha_of(crowd(rows), level=level).alpha == pytest.approx(1, abs=1e-12)


def test_shuffled_answers_are_near_zero(crowd):
    draw = np.random.default_rng(7).integers(0, 3, size=(2000, 5))
    rows = [(str(i), str(w), str(draw[i, w])) for i in range(2000) for w in range(5)]
    assert abs(alpha_of(crowd(rows), level="nominal").alpha) < 0.02


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no answers"),
        ([("a", "w", "x"), ("b", "w", "y")], "no item has two answers"),
        ([("a", "w", "x"), ("a", "v", "x")], "every answer is the same"),
    ],
)
def test_undefined_says_why(crowd, rows, reason):
    found = alpha_of(crowd(rows), level="nominal")
    assert found.alpha is None
    assert reason in found.reason


def test_ordinal_numbers_are_ordered_as_numbers(crowd):
    rows = [("a", "w", "2"), ("a", "v", "10"), ("b", "w", "9"), ("b", "v", "10"), ("c", "w", "2")]
    rows += [("c", "v", "2"), ("d", "w", "1"), ("d", "v", "2")]
    answers = crowd(rows)
    assert answers.classes == ["1", "2", "9", "10"]
    same = crowd([(i, w, {"1": "a", "2": "b", "9": "c", "10": "d"}[v]) for i, w, v in rows])
    assert alpha_of(answers, level="ordinal").alpha == alpha_of(same, level="ordinal").alpha


def test_equal_numbers_written_differently_agree(crowd):
    rows = [("a", "w", "1"), ("a", "v", "1.0"), ("b", "w", "2"), ("b", "v", "2")]
    assert alpha_of(crowd(rows), level="interval").alpha == pytest.approx(1)
    assert alpha_of(crowd(rows), level="nominal").alpha < 1


def test_interval_needs_numbers(crowd):
    with pytest.raises(InputError, match="'x' is not a number"):
        alpha_of(crowd([("a", "w", "1"), ("a", "v", "x")]), level="interval")
    with pytest.raises(InputError, match="not below zero"):
        alpha_of(crowd([("a", "w", "1"), ("a", "v", "-1")]), level="ratio")


def _distance_of(level, scale):
    """δ² of a level as a distance, for the general way."""

    class Squared:
        def between(self, left, right):
            if level == "nominal":
                return (left != right).astype(float)
            return np.square(scale[left] - scale[right])

    return Squared()


rows_of_items = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=4, max_size=60)


@settings(max_examples=40, deadline=None)
@given(level=st.sampled_from(("nominal", "interval")), rows=rows_of_items)
def test_the_general_way_gives_the_closed_forms(level, rows):
    unit, value = np.array(rows).T
    counts, scale = cells(unit, value, 6), np.arange(6, dtype=float)
    closed = alpha.alpha_of_counts(counts, scale=scale, level=level)
    general = alpha.alpha_by_distance(
        counts, distance=_distance_of(level, scale), values=6, name="x"
    )
    assert (general.alpha is None) == (closed.alpha is None)
    if closed.alpha is not None:
        assert general.alpha == pytest.approx(closed.alpha, abs=1e-9)
        assert general.observed == pytest.approx(closed.observed, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from((*LEVELS, "nominal, many classes", "ordinal, many classes", "sampled")),
    rows=rows_of_items,
    seed=st.integers(0, 1000),
    together=st.booleans(),
)
def test_alpha_of_a_draw_is_alpha_of_the_drawn_items(level, rows, seed, together):
    """The algebra of weights against really writing the drawn items out."""
    unit, value = np.array(rows).T
    size = np.bincount(unit)
    rows = [(u, v) for u, v in rows if size[u] >= 2]
    if not rows:
        return
    unit, value = np.array(rows).T
    scale = np.array([1.0, 2.0, 4.0, 7.0, 8.0, 9.0])
    kinds = bootstrap.kinds_of(
        cells(unit, value, 6), values=6, together=together and level != "sampled"
    )
    models = {
        "nominal": lambda: disagreement.nominal(kinds),
        "nominal, many classes": lambda: disagreement.Nominal.of(kinds),
        "ordinal": lambda: disagreement.ordinal(kinds),
        "ordinal, many classes": lambda: disagreement.Ordinal.of(kinds),
        "interval": lambda: disagreement.Intervals.of(kinds, scale),
        "ratio": lambda: disagreement.Pairs.of(kinds, alpha._Ratio(scale)),
        # So many pairs that the sample misses none: what is left is the algebra.
        "sampled": lambda: disagreement.Sampled.of(
            kinds, _distance_of("interval", scale), pairs=20_000, seed=0
        ),
    }
    weights = np.random.default_rng(seed).integers(0, 4, size=(1, len(kinds.times)))
    observed, expected = (
        each[0] if weights.any() else 0.0
        for each in (models[level]().totals(weights.astype(float)) if weights.any() else (0, 0))
    )
    written = [
        (f"{kind}-{copy}", index, scale[kinds.value[cell]])
        for kind in range(len(kinds.times))
        for copy in range(weights[0, kind])
        for cell in range(kinds.first[kind], kinds.first[kind + 1])
        for index in range(int(kinds.count[cell]))
    ]
    if not written:
        return
    names = sorted({name for name, _, _ in written})
    copies = np.array([names.index(name) for name, _, _ in written])
    place = np.array([place for _, _, place in written])
    distinct, code = np.unique(place, return_inverse=True)
    wanted = alpha.alpha_of_counts(
        cells(copies, code, len(distinct)),
        scale=distinct,
        level="interval" if level == "sampled" else level.partition(",")[0],
    )
    if wanted.alpha is None:
        assert expected == pytest.approx(0, abs=1e-9)
        return
    if level == "sampled":
        assert expected == pytest.approx(wanted.expected, rel=0.25)
        assert observed == pytest.approx(wanted.observed, abs=1e-9)
    else:
        assert 1 - observed / expected == pytest.approx(wanted.alpha, abs=1e-9)


def test_a_sample_of_pairs_is_near_the_whole(crowd):
    draw = np.random.default_rng(3)
    rows = [
        (f"i{i}", f"w{w}", f"{draw.integers(0, 400)} {i % 40} {draw.integers(0, 3)}")
        for i in range(300)
        for w in range(3)
    ]
    answers = crowd(rows)
    kind = typed(answers, "transcript")
    whole = alpha_of_typed(answers, kind, pairs=10**6, resamples=200)
    part = alpha_of_typed(answers, kind, pairs=50_000, resamples=200)
    assert (whole.sampled, part.sampled) == (None, 50_000)
    assert part.observed == pytest.approx(whole.observed, abs=1e-12)
    assert part.expected == pytest.approx(whole.expected, rel=0.01)
    assert part.low == pytest.approx(whole.low, abs=0.02)
    assert part.high == pytest.approx(whole.high, abs=0.02)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("items", [7, 60, 300])
@pytest.mark.parametrize("raters", [2, None], ids=["alike", "unlike"])
def test_interval_of_draws_that_are_written_out(level, items, raters, monkeypatch):
    """The same items as ours drew, each draw as a crowd of its own and its plain alpha."""
    draw = np.random.default_rng(items)
    size = np.full(items, 2) if raters else draw.integers(2, 5, items)
    unit = np.repeat(np.arange(items), size)
    truth = draw.integers(0, 4, items)[unit]
    value = np.where(draw.random(len(unit)) < 0.4, draw.integers(0, 4, len(unit)), truth)
    scale = np.array([1.0, 2.0, 3.0, 5.0])
    counts = cells(unit, value, 4)
    ordered = level != "nominal"
    kinds = bootstrap.kinds_of(counts, values=4, ordered=ordered)
    table = kinds.counts.toarray().astype(int)
    kind_of = np.repeat(np.arange(len(kinds.times)), kinds.times)
    drawn: list[np.ndarray] = []
    below, multinomial = bootstrap._below, bootstrap.draws

    def of_items(end, shape, generator):
        found = below(end, shape, generator)
        if end == items**2:
            found_items = np.stack(np.divmod(found, items), axis=-1).reshape(len(found), -1)
        else:
            found_items = found
        drawn.append(found_items.copy())
        return found

    def of_kinds(*args, **options):
        for weights in multinomial(*args, **options):
            if len(kinds.times) * bootstrap._FEW <= items:
                drawn.append(
                    np.array([np.repeat(np.arange(len(row)), row.astype(int)) for row in weights])
                )
            yield weights

    monkeypatch.setattr(bootstrap, "_below", of_items)
    monkeypatch.setattr(bootstrap, "draws", of_kinds)
    found = alpha.alpha_of_counts(counts, scale=scale, level=level, resamples=60, seed=3)
    by_kinds = len(kinds.times) * bootstrap._FEW <= items
    if items % 2 and len(drawn) == 2:
        drawn = [np.concatenate(drawn, axis=1)]
    plain = []
    for row in np.concatenate(drawn):
        chosen = table[row if by_kinds else kind_of[row]]
        assert len(chosen) == items
        where, what = np.nonzero(chosen)
        plain.append(
            alpha.alpha_of_counts(
                Cells(item=where, value=what, count=chosen[where, what]), scale=scale, level=level
            ).alpha
        )
    assert len(plain) == 60
    plain = [each for each in plain if each is not None]
    assert found.resamples == len(plain)
    low, high = np.quantile(plain, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("end", [2, 3, 240, 57_600, 2**20, 2**20 + 8])
def test_items_are_drawn_with_the_same_chance(end):
    found = bootstrap._below(end, (400, 251), np.random.default_rng(6))
    assert (found.shape, found.min() >= 0, found.max() < end) == ((400, 251), True, True)
    parts = min(end, 8)
    count = np.bincount(found.ravel() * parts // end, minlength=parts)
    assert stats.chisquare(count).pvalue > 1e-4


@settings(max_examples=60, deadline=None)
@given(
    columns=st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 300)), min_size=1, max_size=4),
    items=st.integers(2, 40),
    seed=st.integers(0, 1000),
)
def test_packed_sums_are_the_sums(columns, items, seed):
    draw = np.random.default_rng(seed)
    features = np.column_stack(
        [draw.integers(low, low + wide + 1, items) for low, wide in columns]
    ).astype(float)
    packed = bootstrap._Packed.of(features, items)
    assert packed is not None
    chosen = draw.integers(0, items, (20, items))
    total = packed.code[chosen].sum(axis=1, dtype=packed.code.dtype)
    assert packed.unpacked(total).tolist() == features[chosen].sum(axis=1).tolist()


def test_what_is_no_whole_number_or_too_much_is_not_packed():
    assert bootstrap._Packed.of(np.array([[0.5], [1.0]]), 2) is None
    assert bootstrap._Packed.of(np.array([[0.0, 0.0], [2.0**32, 2.0**31]]), 2) is None


def test_tied_classes_may_change_their_names(crowd):
    """Each class is given as often as each other one, so that no count puts them in order."""
    draw = np.random.default_rng(5)
    given_ = np.concatenate([draw.permutation([0, 1, 2]) if i % 3 else [i // 3 % 3] * 3
                             for i in range(90)]).reshape(90, 3)  # fmt: skip
    assert len(set(np.bincount(given_.ravel()))) == 1
    found = [
        alpha_of(
            crowd([(f"i{i}", f"w{w}", names[given_[i, w]]) for i in range(90) for w in range(3)]),
            level="nominal",
            resamples=200,
        )
        for names in ("abc", "cab", "bac")
    ]
    assert len({(each.low, each.high) for each in found}) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_interval_by_drawing_items_with_the_package(crowd, level):
    """500 draws written out as tables and given to the package, beside ours."""
    draw = np.random.default_rng(11)
    truth = draw.integers(1, 5, 60)
    noisy = draw.random((60, 4)) < 0.4
    table = np.where(noisy, draw.integers(1, 5, (60, 4)), truth[:, None]).astype(float)
    rows = [(f"i{i}", f"w{w}", str(int(table[i, w]))) for i in range(60) for w in range(4)]
    found = alpha_of(crowd(rows), level=level, resamples=2000)
    drawn = [
        krippendorff.alpha(
            reliability_data=table[draw.integers(0, 60, 60)].T, level_of_measurement=level
        )
        for _ in range(500)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.03)
    assert found.high == pytest.approx(high, abs=0.03)
    assert found.low < found.alpha < found.high


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 3)),
        min_size=6,
        max_size=60,
    ),
    level=st.sampled_from(("nominal", "ordinal", "interval")),
    seed=st.integers(0, 1000),
)
def test_names_and_order_of_rows_change_no_interval(crowd, rows, level, seed):
    plain = [(f"i{i}", f"w{w}", str(v)) for i, w, v in rows]
    renamed = [(f"j{97 * (i + 1) % 31}", f"v{9 - w}", str(v)) for i, w, v in rows]
    renamed = [renamed[k] for k in np.random.default_rng(seed).permutation(len(rows))]
    one = alpha_of(crowd(plain), level=level, resamples=50)
    two = alpha_of(crowd(renamed), level=level, resamples=50)
    assert (one.alpha is None) == (two.alpha is None)
    for name in ("alpha", "low", "high"):
        if getattr(one, name) is not None:
            assert getattr(two, name) == pytest.approx(getattr(one, name), abs=1e-12)


def test_names_of_classes_change_no_interval(crowd):
    draw = np.random.default_rng(2)
    given_ = draw.choice(3, p=[0.5, 0.3, 0.2], size=(50, 3))
    rows = [(i, w, given_[i, w]) for i in range(50) for w in range(3)]
    one, two = (
        alpha_of(
            crowd([(f"i{i}", f"w{w}", names[v]) for i, w, v in rows]),
            level="nominal",
            resamples=200,
        )
        for names in ("abc", "cab")
    )
    assert (one.low, one.high) == (pytest.approx(two.low), pytest.approx(two.high))


def test_an_item_with_one_answer_changes_nothing(paper, crowd):
    rows = [("a", "w", "1"), ("a", "v", "2"), ("b", "w", "1"), ("b", "v", "1")]
    one = alpha_of(crowd(rows), level="nominal", resamples=99)
    two = alpha_of(crowd([*rows, ("c", "w", "1")]), level="nominal", resamples=99)
    assert one == two


def test_one_item_has_no_interval(crowd):
    found = alpha_of(crowd([("a", "w", "1"), ("a", "v", "2")]), level="nominal", resamples=99)
    assert (found.alpha, found.low, found.high) == (pytest.approx(0, abs=1), None, None)


def test_another_seed_gives_another_interval_and_the_same_one_the_same(paper):
    one, same, other = (
        alpha_of(paper, level="nominal", resamples=300, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert (one.low, one.high) != (other.low, other.high)


def test_a_type_with_a_distance_takes_no_level(crowd):
    answers = crowd([("a", "w", "x|y"), ("a", "v", "y")])
    with pytest.raises(InputError, match="takes no level"):
        alpha_of_typed(answers, typed(answers, "set"), level="ordinal")


def test_numbers_beyond_squaring_are_refused(crowd):
    with pytest.raises(InputError, match="numbers up to 1e"):
        alpha_of(crowd([("a", "w", "1"), ("a", "v", "1e200")]), level="interval")
