"""Kind `diversity`: figures, leaks, what is said of people, the same bytes whatever the order."""

import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Result, Spec
from gpu_jobs.diversity import items, job
from gpu_jobs.diversity.reference import against

SCHEMA = {
    "split": pa.string(), "row_id": pa.string(), "item_id": pa.string(), "group": pa.string(),
    "person": pa.string(), "answer": pa.string(), "machine": pa.string(), "text": pa.string(),
}  # fmt: skip


WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("andor", "ilver", "ostin", "uming", "ebb")]


def text(draw):
    return " ".join(draw.choices(WORDS, k=12))


def quiet(done, total, message):
    pass


def row(split, row_id, item_id, **more):
    return dict.fromkeys(SCHEMA) | {"split": split, "row_id": row_id, "item_id": item_id} | more


def made(people=6):
    """The first batch is varied; the second says one thing over and over."""
    draw = random.Random(1)  # noqa: S311 - made-up texts
    same = text(draw)
    rows = []
    for number in range(120):
        content = text(draw) if number < 60 else f"{same} {number}"
        batch = "2026-01-05" if number < 60 else "2026-01-12"
        rows.append(row("item", f"i{number:03d}", f"i{number:03d}", group=batch, text=content))
    rows += [row("test", f"t{n}", f"t{n}", text=text(draw)) for n in range(40)]
    for number in range(120):
        said = "ab"[number % 2]
        for person in range(people):
            machine = said if number < 30 else None
            name = f"i{number:03d}"
            rows.append(
                row("answer", f"{name}:{person}", name, person=f"p{person}", answer=said,
                    machine=machine)
            )  # fmt: skip
    return rows


def written(rows, path):
    names = {name: kind for name, kind in SCHEMA.items() if name in rows[0]}
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(names)), path)
    return str(path)


@pytest.fixture
def spec(tmp_path):
    return Spec(kind="diversity", input=written(made(), tmp_path / "in.parquet"))


def found_in(rows, tmp_path, **params):
    spec = Spec(kind="diversity", input=written(rows, tmp_path / "in.parquet"), params=params)
    return runner.run(spec, workdir=tmp_path / "w", report=quiet).figures["diversity"]


def test_a_batch_that_repeats_itself_is_seen_beside_one_that_does_not(spec, tmp_path):
    result = runner.run(spec, workdir=tmp_path / "w", report=quiet)
    assert Result.from_json(result.to_json()) == result
    found = result.figures["diversity"]
    first, second = found["batches"]
    assert (first["name"], second["name"]) == ("2026-01-05", "2026-01-12")
    assert found["size"] == 30 and first["rows"] == second["rows"] == 60
    assert first["vendi_at"] > 3 * second["vendi_at"]
    assert first["vendi_low"] < first["vendi_at"] < first["vendi_high"]
    assert first["near"]["rows"] == 0 and second["near"]["rows"] == 60
    assert found["everything"]["near"]["share"] == pytest.approx(0.5)
    assert found["everything"]["near"]["low"] < 0.5 < found["everything"]["near"]["high"]
    assert first["coverage"]["share"] >= second["coverage"]["share"]
    assert len(found["pairs"]) == job.PAIRS and found["pairs"][0] == ["i060", "i061"]
    assert found["leaks"] == [] and found["leaked"] == 0
    table = pq.read_table(tmp_path / "w" / "items.parquet").to_pylist()
    assert sum(line["near"] for line in table) == 60


def test_a_small_batch_is_not_compared(tmp_path):
    rows = made()
    for each in rows[:45]:
        each["group"] = "2026-01-12"
    found = found_in(rows, tmp_path)
    assert [batch["rows"] for batch in found["batches"]] == [15, 105] and found["size"] == 52
    assert found["batches"][1]["vendi_low"] < found["batches"][1]["vendi_high"]
    assert found["batches"][0]["vendi_at"] is None and found["batches"][0]["coverage_at"] is None
    assert found["everything"]["vendi_at"] is not None


def test_people_are_told_together_or_not_at_all(tmp_path):
    found = found_in(made(), tmp_path)["people"]
    assert found["people"] == found["compared"] == 6
    assert found["vendi"]["low"] <= found["vendi"]["median"] <= found["vendi"]["high"]
    few = tmp_path / "few"
    few.mkdir()
    assert found_in(made(people=4), few)["people"]["vendi"] is None
    assert "p0" not in json.dumps(found)


def test_what_a_model_said_is_held_against_chance(tmp_path):
    found = found_in(made(), tmp_path)["machine"]
    assert found["answers"] == 30 * 6 and found["equal"]["share"] == 1.0
    assert found["chance"] == pytest.approx(0.5)
    assert items.machine([], []) is None


def test_a_test_item_among_the_items_is_named(tmp_path):
    rows = made()
    rows[3]["text"] = rows[125]["text"].upper()
    found = found_in(rows, tmp_path)
    assert found["leaks"] == ["i003"] and found["leaked"] == 1
    assert found["everything"]["test"]["rows"] == 1


def test_order_changes_nothing_and_a_killed_run_goes_on(spec, tmp_path):
    one = runner.run(spec, workdir=tmp_path / "one", report=quiet)
    rows = made()
    random.Random(2).shuffle(rows)  # noqa: S311
    other = Spec(kind="diversity", input=written(rows, tmp_path / "other.parquet"))
    two = runner.run(other, workdir=tmp_path / "two", report=quiet)
    assert two.figures == one.figures and two.files == one.files
    assert job.plan(spec, tmp_path / "three") == 1
    assert not job.enough(spec, tmp_path / "three")
    with pytest.raises(InputError, match="no chunk"):
        job.finish(spec, tmp_path / "three")
    job.compute(spec, tmp_path / "three", 0)
    before = (tmp_path / "three" / "items.parquet").stat().st_mtime_ns
    job.compute(spec, tmp_path / "three", 0)
    assert (tmp_path / "three" / "items.parquet").stat().st_mtime_ns == before
    assert job.enough(spec, tmp_path / "three")
    assert job.finish(spec, tmp_path / "three").to_json() == one.to_json()
    with pytest.raises(InputError, match="another run"):
        job.plan(other, tmp_path / "one")
    with pytest.raises(InputError, match="chunk 0"):
        job.compute(spec, tmp_path / "three", 1)


def test_pictures_as_numbers(tmp_path):
    """A copy within the noise of a scan is nearly the same; another picture is not."""
    rng = np.random.default_rng(0)
    rows = []
    drawn = rng.standard_normal((60, 16))
    drawn[59] = drawn[0] + 0.01
    for number, values in enumerate(drawn):
        rows.append(row("item", f"i{number}", f"i{number}", group="w") | {"text": None})
        rows[-1]["features"] = values.tolist()
    for number in range(20):
        rows.append(row("test", f"t{number}", f"t{number}"))
        rows[-1]["features"] = rng.standard_normal(16).tolist()
    for each in rows:
        del each["text"]
    path = tmp_path / "n.parquet"
    kinds = {name: kind for name, kind in SCHEMA.items() if name != "text"}
    schema = pa.schema(kinds | {"features": pa.list_(pa.float64())})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    spec = Spec(kind="diversity", input=str(path))
    found = runner.run(spec, workdir=tmp_path / "w", report=quiet).figures["diversity"]
    assert found["pairs"] == [["i0", "i59"]]
    assert found["batches"] == [] and found["people"]["vendi"] is None
    assert found["everything"]["rows"] == 60 and found["everything"]["coverage"]["share"] > 0.3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: [r for r in rows if r["split"] != "item"], "at least 20 items"),
        (lambda rows: [rows[0] | {"row_id": "again"}, *rows], "more than once"),
        (lambda rows: [rows[0] | {"split": "train"}, *rows[1:]], "split must be item"),
        (lambda rows: [rows[0] | {"text": None}, *rows[1:]], "has no text"),
    ],
)
def test_what_is_wrong_is_one_sentence(change, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        found_in(change(made()), tmp_path)


def test_parameters(tmp_path):
    with pytest.raises(InputError, match="no parameter"):
        found_in(made(), tmp_path, sizes=3)
    with pytest.raises(InputError, match="at least 2"):
        found_in(made(), tmp_path, size=1)


@given(st.integers(0, 10**6), st.integers(8, 30), st.integers(1, 20))
def test_coverage_grows_with_items_and_all_of_the_reference_covers_itself(seed, reference, more):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((reference + more, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    places = np.arange(reference + more)
    found = against(rows, places, places[:reference], np.random.default_rng(0))
    part, whole = found.covered(places[reference:]), found.covered(places)
    assert 0 <= part <= whole <= 1
    # Every row is nearer to itself than to its fifth neighbour.
    assert found.covered(places[:reference]) == 1
    assert 0 < found.expected <= 1


def test_a_reference_of_six_is_too_small():
    rows = np.eye(6)
    assert against(rows, np.arange(6), np.arange(6), np.random.default_rng(0)) is None
