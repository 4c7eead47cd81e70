"""One answer at a time, against everything computed anew."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import simulated
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.contracts import InputError
from gpu_jobs.gold.posterior import gold_scores
from gpu_jobs.online.standing import posterior_of, standing
from gpu_jobs.online.state import OF_ITEMS, OF_WORKERS, Online, difference

rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("uvw"), st.sampled_from("123")),
    min_size=1,
    max_size=24,
)


def _named(answers, i):
    return (
        answers.items[answers.item[i]],
        answers.workers[answers.worker[i]],
        answers.classes[answers.value[i]],
    )


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@settings(max_examples=50, deadline=None)
@given(first=rows, then=rows)
def test_alpha_is_that_of_all_answers(crowd, level, first, then):
    # Every class is there from the start, as only a full run can bring a new one.
    first = [*first, ("z", "w", "1"), ("y", "w", "2"), ("x", "w", "3")]
    state = Online.start(crowd(first), level=level)
    last = None
    for row in then:
        last = state.add(*row)
    whole = alpha_of(crowd(first + then), level=level).alpha
    assert last.alpha == (None if whole is None else pytest.approx(whole, abs=1e-9))


@settings(max_examples=50, deadline=None)
@given(first=rows, then=rows, order=st.permutations(["1", "2", "3", "4"]))
def test_ordinal_alpha_follows_the_order_given_and_the_last_answer(crowd, first, then, order):
    """Also with answers that are taken away again because a later one wins."""
    first = [*first, *(("z", "uvwx"[place], name) for place, name in enumerate(order))]
    state = Online.start(
        crowd(first, repeats="last", classes=order), level="ordinal", repeats="last"
    )
    for row in [*then, ("y", "u", "4"), ("y", "v", "2")]:
        state.add(*row)
    rows = [*first, *then, ("y", "u", "4"), ("y", "v", "2")]
    whole = alpha_of(crowd(rows, repeats="last", classes=order), level="ordinal").alpha
    assert state.alpha.alpha() == pytest.approx(whole, abs=1e-9)


def test_equal_numbers_are_one_rank(crowd):
    first = [("a", "w", "1"), ("a", "v", "1.0"), ("b", "w", "2"), ("b", "v", "10"), ("c", "w", "2")]
    state = Online.start(crowd(first), level="ordinal")
    for row in [("c", "v", "1.0"), ("b", "u", "2")]:
        found = state.add(*row)
    whole = alpha_of(crowd([*first, ("c", "v", "1.0"), ("b", "u", "2")]), level="ordinal")
    assert found.alpha == pytest.approx(whole.alpha, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(first=rows, then=rows)
def test_last_answer_wins_as_in_a_full_run(crowd, first, then):
    first = [*first, ("z", "w", "1"), ("y", "w", "2"), ("x", "w", "3")]
    state = Online.start(crowd(first, repeats="last"), repeats="last")
    for row in then:
        state.add(*row)
    whole = crowd(first + then, repeats="last")
    assert state.alpha.alpha() == (
        None
        if (a := alpha_of(whole, level="nominal").alpha) is None
        else pytest.approx(a, abs=1e-9)
    )
    for name in whole.items:
        by, said = state.answers_of(state.items.index(name))
        mine = whole.item == whole.items.index(name)
        wanted = {
            (whole.workers[w], whole.classes[v])
            for w, v in zip(whole.worker[mine], whole.value[mine], strict=True)
        }
        assert {
            (state.workers[w], state.classes[v]) for w, v in zip(by, said, strict=True)
        } == wanted


def test_new_names_move_nothing_that_is_there():
    """The arrays of the start are still those in use after more new names than there were."""
    made = simulated.crowd(np.random.default_rng(2), items=60, classes=3).answers
    state = Online.start(made)
    arrays = {name: getattr(state, name) for name in (*OF_ITEMS, *OF_WORKERS)}
    for number in range(500):
        state.add(f"new {number}", f"somebody {number}", made.classes[number % 3])
    assert len(state.items) == 560
    for name, array in arrays.items():
        assert getattr(state, name) is array
    again = state.add("new 3", "somebody 4", made.classes[0])
    assert again.item_answers == 2
    assert len(state.workers) == len(made.workers) + 500


def test_beyond_its_room_a_state_grows(monkeypatch):
    monkeypatch.setattr("gpu_jobs.online.state.SPARE", 0)
    made = simulated.crowd(np.random.default_rng(2), items=60, classes=3).answers
    state = Online.start(made)
    for number in range(70):
        found = state.add(f"new {number}", f"somebody {number}", made.classes[1])
        assert found.item_answers == 1
    assert len(state.items) == 130
    assert len(state.posterior) >= 130


def test_an_item_is_one_local_step_with_the_standing_matrices():
    made = simulated.crowd(np.random.default_rng(1), items=100, classes=3)
    fit = standing(made.answers)
    state = Online.start(made.answers, fit=fit)
    worker = made.answers.workers[4]
    found = state.add(made.answers.items[7], worker, made.answers.classes[2])
    evidence = fit.evidence[7] + np.log(fit.error[4, :, 2])
    wanted = posterior_of(evidence, fit.priors)
    assert found.probability == pytest.approx(wanted.max())
    assert found.label == made.answers.classes[wanted.argmax()]
    assert found.item_answers == 11


def test_counts_of_all_contributors_are_those_of_the_posterior():
    """After many answers the counts equal Σ T over all answers, as a full M-step counts them."""
    made = simulated.crowd(np.random.default_rng(2), items=60, classes=3)
    answers = made.answers
    part = np.arange(len(answers)) % 5 != 0
    start = type(answers)(
        **(
            vars(answers)
            | {k: getattr(answers, k)[part] for k in ("item", "worker", "value", "row")}
        )
    )
    state = Online.start(start)
    for i in np.flatnonzero(~part):
        state.add(*_named(answers, i))
    counts = np.zeros_like(state.mass)
    for truth in range(3):
        np.add.at(
            counts,
            (answers.worker, truth, answers.value),
            state.posterior[answers.item, truth],
        )
    assert state.mass == pytest.approx(counts, abs=1e-9)
    assert state.added == (~part).sum()


def test_gold_counts_at_once(crowd):
    state = Online.start(crowd([("a", "w", "x", "x"), ("b", "w", "y", "x"), ("c", "v", "y")]))
    state.add("a", "v", "x")
    found = state.add("new", "v", "y", gold="x")
    whole = crowd(
        [
            ("a", "w", "x", "x"),
            ("b", "w", "y", "x"),
            ("c", "v", "y"),
            ("a", "v", "x"),
            ("new", "v", "y", "x"),
        ]
    )
    scores = gold_scores(whole)
    at = whole.workers.index("v")
    assert (found.gold_right, found.gold) == (scores.correct[at], scores.gold[at]) == (1, 2)
    assert (found.q, found.low, found.high) == pytest.approx(
        (scores.q[at], scores.low[at], scores.high[at])
    )


def test_new_people_and_items_begin_with_what_the_crowd_is(crowd):
    state = Online.start(crowd([(str(i), w, "xy"[i % 2]) for i in range(20) for w in "uv"]))
    found = state.add("new", "newcomer", "x")
    assert (found.item_answers, found.answers, found.label) == (1, 1, "x")
    assert 0.5 < found.accuracy < 1
    with pytest.raises(InputError, match="no class"):
        state.add("new", "newcomer", "z")
    assert state.added == 1


def test_a_day_online_is_near_the_full_run_and_the_difference_says_how_near():
    made = simulated.crowd(np.random.default_rng(3))
    answers = made.answers
    part = np.random.default_rng(1).random(len(answers)) < 0.9
    start = type(answers)(
        **(
            vars(answers)
            | {k: getattr(answers, k)[part] for k in ("item", "worker", "value", "row")}
        )
    )
    state = Online.start(start)
    for i in np.flatnonzero(~part):
        state.add(*_named(answers, i))
    found = difference(state, Online.start(answers))
    assert (found.items, found.workers) == (len(answers.items), len(answers.workers))
    assert found.alpha_online == pytest.approx(found.alpha_full, abs=1e-9)
    assert 0 < found.mean < 0.01
    assert found.labels <= 8
    assert found.accuracy < 0.02
    assert difference(state, state).largest == 0


def test_order_of_arrival_changes_nothing_but_rounding():
    made = simulated.crowd(np.random.default_rng(4), items=60)
    half = np.arange(len(made.answers)) % 2 == 0
    start = type(made.answers)(
        **(
            vars(made.answers)
            | {k: getattr(made.answers, k)[half] for k in ("item", "worker", "value", "row")}
        )
    )
    one, two = Online.start(start), Online.start(start)
    later = np.flatnonzero(~half)
    for i in later:
        one.add(*_named(made.answers, i))
    for i in later[::-1]:
        two.add(*_named(made.answers, i))
    assert one.posterior == pytest.approx(two.posterior, abs=1e-9)
    assert one.mass == pytest.approx(two.mass, abs=1e-9)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_a_stored_state_goes_on_as_if_it_had_never_been_stored(tmp_path, crowd, level):
    answers = crowd([(str(i), w, "xyz"[i % 3]) for i in range(9) for w in "uv"])
    state = Online.start(answers, level=level)
    state.add("new", "newcomer", "x", gold="x")
    state.save(tmp_path / "state.npz")
    again = Online.load(tmp_path / "state.npz")
    assert again.add("new", "u", "y") == state.add("new", "u", "y")
    assert again.add("1", "newcomer", "y") == state.add("1", "newcomer", "y")
    many = len(state.items)
    assert again.posterior[:many] == pytest.approx(state.posterior[:many])
    (tmp_path / "other.npz").write_text("no state")
    with pytest.raises(InputError, match="no online state"):
        Online.load(tmp_path / "other.npz")


def test_standing_without_answers_of_a_worker_is_the_crowd_and_nothing_is_nan(crowd):
    for given_rows in ([], [("a", "w", "x")], [("a", "w", "x"), ("a", "v", "x")]):
        fit = standing(crowd(given_rows))
        assert all(np.isfinite(a).all() for a in (fit.error, fit.posterior, fit.priors))
        assert fit.converged
        Online.start(crowd(given_rows)).accuracy()
