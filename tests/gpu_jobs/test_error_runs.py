"""Runs of kind `errors`, and that no figure of one gives a small cell of people away."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Spec
from gpu_jobs.errors.cells import cells, least_of

LEAST = 3
TIERS, KINDS, GENDERS, REGIONS = 2, 2, 2, 3


def quiet(*_):
    """No progress."""


# ── Cells ───────────────────────────────────────────────────────────────────────────────────────


@st.composite
def crowds(draw):
    """People with a tier, the kinds they answered, and what they said of themselves (−1: nothing);
    rows (person, block), block = tier × kind. Sizes around the least.
    """
    rows, said = [], []
    for _ in range(draw(st.integers(1, 6))):
        tier = draw(st.integers(0, TIERS - 1))
        seen = draw(st.sampled_from([(0,), (1,), (0, 1)]))
        gender = draw(st.integers(-1, GENDERS - 1))
        region = draw(st.integers(-1, REGIONS - 1))
        for _ in range(draw(st.integers(1, 2 * LEAST))):
            rows += [(len(said), tier * KINDS + kind) for kind in seen]
            said.append((gender, region))
    worker, block = np.array(rows).T
    gender, region = np.array(said).T
    return worker, block, {"gender": gender, "region": region}


def published(worker, block, found):
    """Each sum of a run as a vector over (person, block): all, by tier, by kind, by cell, by cell
    and kind.
    """
    tier, kind = block // KINDS, block % KINDS
    sets = [np.ones(len(worker), dtype=bool)]
    sets += [tier == one for one in range(TIERS)] + [kind == one for one in range(KINDS)]
    for values in found.values.values():
        who = np.where(found.enters, values[worker], -9)
        for cell in np.unique(who[who > -9]):
            sets.append(who == cell)
            sets += [(who == cell) & (kind == one) for one in range(KINDS)]
    vectors = {each.tobytes(): each.astype(np.int8) for each in sets if each.any()}
    return np.array(list(vectors.values()))


@settings(max_examples=150, deadline=None)
@given(crowds())
def test_no_sum_or_difference_of_published_figures_is_a_small_cell(crowd):
    """An adversary adds and subtracts up to three figures of a run. Whatever set of answers that
    gives has the least number of people behind it, or is made of whole blocks.
    """
    worker, block, said = crowd
    found = cells(block, worker, said, least_people=LEAST)
    if not found.values:
        assert not found.enters.any()
        return
    vectors = published(worker, block, found)
    sizes = np.bincount(block)
    for many in (1, 2, 3):
        chosen = np.array(list(itertools.combinations(range(len(vectors)), many)))
        for signs in itertools.product((1, -1), repeat=many - 1):
            sums = np.einsum("s,nsv->nv", np.array((1, *signs)), vectors[chosen])
            for one in np.unique(np.concatenate([sums, -sums]), axis=0):
                if one.min() < 0 or one.max() > 1 or not one.any():
                    continue
                inside = one.astype(bool)
                whole = np.bincount(block[inside], minlength=len(sizes))
                of_blocks = np.all((whole == 0) | (whole == sizes))
                assert of_blocks or len(np.unique(worker[inside])) >= LEAST


@settings(max_examples=150, deadline=None)
@given(crowds(), st.randoms())
def test_every_combination_of_kept_values_has_enough_people_or_none(crowd, random):
    worker, block, said = crowd
    found = cells(block, worker, said, least_people=LEAST)
    parts = np.stack([block, *(values[worker] for values in found.values.values())])
    _, part = np.unique(parts, axis=1, return_inverse=True)
    if found.enters.any():
        assert least_of(np.where(found.enters, part, -1), worker) >= LEAST
    for name, values in found.values.items():
        # What is kept was said, and never by everybody.
        assert np.all((values == said[name]) | (values == -1))
        assert len(np.unique(values[worker[found.enters]])) > 1
    # The order of people and rows decides nothing.
    order = list(range(len(worker)))
    random.shuffle(order)
    again = cells(block[order], worker[order], said, least_people=LEAST)
    assert again.enters.tolist() == found.enters[order].tolist()
    assert {k: v.tolist() for k, v in again.values.items()} == {
        k: v.tolist() for k, v in found.values.items()
    }


def test_small_blocks_are_left_out_rather_than_everything():
    """25 people in one tier say two things; 4 in another could not be divided."""
    worker, block = np.arange(29), np.repeat([0, 1], [25, 4])
    said = np.array([0] * 12 + [1] * 13 + [0, 0, 1, 1])
    found = cells(block, worker, {"gender": said})
    assert found.enters.tolist() == [True] * 25 + [False] * 4
    assert found.values["gender"].tolist() == said.tolist()


def test_a_value_of_everybody_and_a_rest_of_few_are_no_cells():
    worker, block = np.arange(30), np.zeros(30, dtype=int)
    assert cells(block, worker, {"gender": np.zeros(30, dtype=int)}).values == {}
    # Three did not say: with them hidden the rest would be three.
    said = np.array([0] * 15 + [1] * 12 + [-1] * 3)
    found = cells(block, worker, {"gender": said})
    assert found.values["gender"].tolist() == [0] * 15 + [-1] * 15


# ── Runs ────────────────────────────────────────────────────────────────────────────────────────


def table(people=24, items=12, **columns):
    """Everybody answers each item; every third is answered wrongly, on kind "h" by the second half
    twice as often.
    """
    rows = []
    for w in range(people):
        for i in range(items):
            kind = "gh"[i % 2]
            wrong = i % 3 == 0 or (kind == "h" and w >= people // 2 and i % 3 == 1)
            rows.append(
                {
                    "item_id": f"i{i}",
                    "worker_id": f"w{w}",
                    "answer": "y" if wrong else "x",
                    "gold": "x",
                    "tier": "t",
                    "kind": kind,
                    **{name: make(w) for name, make in columns.items()},
                }
            )
    return pa.Table.from_pylist(rows)


@pytest.fixture
def made(tmp_path):
    def run(rows, workdir="w", **params):
        path = tmp_path / "input.parquet"
        pq.write_table(rows, path)
        spec = Spec(kind="errors", version=1, input=str(path), params=params)
        return runner.run(spec, workdir=tmp_path / workdir, report=quiet)

    return run


def halves(w):
    return "a" if w < 12 else "b"


def test_a_run_says_how_often_where_and_by_whom(made):
    found = made(table(cell_gender=halves)).figures
    wrong = found["wrong"]
    assert (wrong["truth"], wrong["judged_answers"], wrong["judged_people"]) == ("gold", 288, 24)
    assert wrong["low"] <= wrong["error_rate"] == wrong["errors"] / 288 <= wrong["high"]
    (pair,) = wrong["confused_pairs"]
    assert (pair["truth"], pair["answer"], len(pair["items"])) == ("x", "y", 5)
    by_kind = {row["name"]: row for row in found["groups"]["by_kind"]}
    assert by_kind["h"]["error_rate"] > by_kind["g"]["error_rate"]
    assert [row["name"] for row in found["groups"]["by_tier"]] == ["t"]
    assert {(row["name"], row["answer"]) for row in found["groups"]["leaning_by_kind"]} == {
        (kind, answer) for kind in "gh" for answer in "xy"
    }
    about = found["cells"]["attributes"]["gender"]
    assert [row["name"] for row in about["cells"]] == ["a", "b"]
    assert [(row["people"], row["answers"]) for row in about["cells"]] == [(10, 140), (10, 140)]
    on_h = {row["name"]: row for row in about["cells_by_kind"] if row["kind"] == "h"}
    assert on_h["b"]["error_rate"] == 0.67 and on_h["a"]["error_rate"] == 0.33
    assert on_h["b"]["apart"]


def test_the_same_input_gives_the_same_bytes(made):
    assert (
        made(table(cell_gender=halves)).to_json()
        == made(table(cell_gender=halves), "again").to_json()
    )


def test_labels_in_the_place_of_known_answers_are_said_to_be_some(made):
    assert made(table(), "labels", truth="labels").figures["wrong"]["truth"] == "labels"
    assert made(table()).figures["cells"]["attributes"] == {}


def test_nothing_known_is_no_error(made):
    rows = table().set_column(3, "gold", pa.nulls(288, pa.string()))
    found = made(rows).figures
    assert found["wrong"]["error_rate"] is None
    assert found["wrong"]["confused_pairs"] == []


def test_kinds_beyond_the_fiftieth_are_taken_together(made):
    rows = table(people=12, items=120)
    kinds = [f"k{item}" for item in rows["item_id"].to_pylist()]
    found = made(rows.set_column(5, "kind", pa.array(kinds))).figures
    names = [row["name"] for row in found["groups"]["by_kind"]]
    assert len(names) == 50 and "all others" in names
    assert sum(row["answers"] for row in found["groups"]["by_kind"]) == 12 * 120


@pytest.mark.parametrize(
    ("columns", "params", "said"),
    [
        ({"cell_gender": lambda w: "a" if w < 9 else "b"}, {}, "fewer than 10 people"),
        (
            {"cell_gender": halves, "cell_region": lambda w: "c" if w % 2 else "d"},
            {},
            "fewer than 10 people",
        ),
        ({"cell_gender": halves, "cell_region": lambda _: None}, {}, "and none in another"),
        ({}, {"truth": "hearsay"}, "truth must be one of"),
        ({}, {"top": 0}, "top must be"),
        ({}, {"classes": "x"}, "classes must be"),
        ({}, {"speed": 1}, "has no parameter"),
    ],
)
def test_small_cells_and_wrong_parameters_are_refused(made, columns, params, said):
    with pytest.raises(InputError, match=said):
        made(table(**columns), **params)


def test_figures_of_cells_are_rounded(made):
    """Exact counts could be added up by whoever knows each person's answers."""
    found = made(table(people=27, items=13, cell_gender=halves)).figures["cells"]
    for row in found["attributes"]["gender"]["cells"]:
        assert row["people"] % 5 == 0 and row["answers"] % 10 == 0
        shares = [row[name] for name in ("error_rate", "low", "high", "difference")]
        assert shares == [round(share, 2) for share in shares]
        assert row["low"] <= row["error_rate"] <= row["high"]
    json.dumps(found)
