"""Rates with intervals, groups without persons."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from gpu_jobs import runner
from gpu_jobs.__main__ import main
from gpu_jobs.completeness import completeness
from gpu_jobs.contracts import InputError, Spec
from gpu_jobs.errors.bias import crossed, gaps, leanings, visible, visible_table
from gpu_jobs.errors.cells import written
from gpu_jobs.errors.cited import citations
from gpu_jobs.errors.confusion import confused_pairs, confusion, error_rates
from gpu_jobs.shares import clustered_share, jeffreys, wilson


@given(st.integers(1, 200), st.data())
def test_wilson_is_scipys(n, data):
    x = data.draw(st.integers(0, n))
    wanted = binomtest(x, n).proportion_ci(method="wilson")
    low, high = wilson(np.array([x]), np.array([n]))
    assert (low[0], high[0]) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_jeffreys_and_the_empty_share():
    low, high = jeffreys(np.array([3, 0, 5]), np.array([10, 10, 5]))
    assert low[0] == pytest.approx(beta(3.5, 7.5).ppf(0.025))
    assert (low[1], high[2]) == (0, 1)
    # Brown, Cai, DasGupta (2001), table 5: n = 10, x = 3 gives [0.093, 0.606].
    assert (low[0], high[0]) == pytest.approx((0.093, 0.606), abs=0.001)
    assert [float(e[0]) for e in wilson(np.array([0]), np.array([0]))] == [0, 1]


def test_clustered_interval_is_wider_for_answers_of_few_people():
    draw = np.random.default_rng(1)
    skill = draw.random(200)
    covered = 0
    for _ in range(300):
        chosen = draw.choice(skill, 30)
        person = np.repeat(np.arange(30), 40)
        value = (draw.random(1200) < chosen[person]).astype(float)
        _, low, high = clustered_share(value, np.zeros(1200, dtype=int), person, 1)
        covered += low[0] <= skill.mean() <= high[0]
    assert 0.9 < covered / 300 < 0.99
    alone = clustered_share(np.ones(5), np.zeros(5, dtype=int), np.zeros(5, dtype=int), 1)
    assert [float(e[0]) for e in alone] == [1, 0, 1]


def test_confusion_by_group():
    truth = np.array([0, 0, 0, 1, -1, 1])
    value = np.array([0, 1, 1, 1, 0, 0])
    group = np.array([0, 0, 1, 1, 0, -1])
    found = confusion(truth, value, classes=2, group=group, groups=2)
    assert found.counts.tolist() == [[[1, 1], [0, 0]], [[0, 1], [0, 1]]]
    assert np.isnan(found.rate[0, 1]).all()
    assert (found.low[0, 1, 0], found.high[0, 1, 0]) == (0, 1)
    assert found.low[0, 0, 1] == pytest.approx(wilson(np.array([1]), np.array([2]))[0][0])
    rates = error_rates(truth, value, group, 2)
    assert (rates.answers.tolist(), rates.errors.tolist()) == ([2, 2], [1, 1])


def test_confused_pairs_name_the_worst_items(crowd):
    rows = [("a", f"w{i}", "x", "y") for i in range(3)] + [("b", "w0", "x", "y")]
    rows += [("b", f"w{i}", "y", "y") for i in range(1, 4)] + [("c", "w0", "y", "x")]
    answers = crowd(rows)
    found = confused_pairs(answers, answers.gold)
    first = found[0]
    assert (answers.classes[first.truth], answers.classes[first.answer]) == ("y", "x")
    assert (first.count, first.rate) == (4, 4 / 7)
    assert [answers.items[i] for i in first.items] == ["a", "b"]
    assert found[1].count == 1


def test_a_line_cited_against_everybody_questions_the_rubric():
    worker = np.tile(np.arange(20), 5)
    line = np.full(100, -1)
    line[:20] = 0
    line[worker == 3] = 1
    found = citations(line, worker, lines=2)
    assert found.question_rubric.tolist() == [True, False]
    assert found.people.tolist() == [19, 1]
    assert found.spread == pytest.approx([19, 1])
    assert found.people_share[0] == 0.95


def _groups(draw, gap, people=40, each=30):
    worker = np.repeat(np.arange(people), 2 * each)
    group = np.tile(np.repeat([0, 1], each), people)
    habit = np.clip(draw.normal(0.2, 0.1, people), 0.02, 0.6)[worker]
    wrong = draw.random(len(worker)) < habit + gap * group
    return wrong.astype(float), group, worker


def test_gaps_are_called_by_the_promised_rate():
    draw = np.random.default_rng(5)
    called = [gaps(*_groups(draw, 0.0), 2).apart.any() for _ in range(300)]
    assert np.mean(called) < 0.08
    called = [gaps(*_groups(draw, 0.1), 2).apart.all() for _ in range(50)]
    assert np.mean(called) > 0.9


def test_leanings_are_seen_where_the_error_rates_are_equal():
    """Equal error rates, but one group is called "1" too often and the other too seldom."""
    draw = np.random.default_rng(8)
    worker, group = np.repeat(np.arange(30), 40), np.tile(np.repeat([0, 1], 20), 30)
    truth = draw.integers(0, 2, 1200)
    wrong = (draw.random(1200) < 0.4) & (truth == group)
    value = np.where(wrong, 1 - truth, truth)
    found = leanings(value, truth, group, worker, classes=2, groups=2)
    for g in range(2):
        inside = group == g
        plain = (value[inside] == 1).mean() - (truth[inside] == 1).mean()
        assert found.lean[g, 1] == pytest.approx(plain)
    assert found.apart.all()
    assert found.low[0, 1] > 0 > found.high[1, 1]
    assert not gaps(wrong.astype(float), group, worker, 2).apart.any()


def test_leanings_of_honest_people_are_seldom_called():
    draw = np.random.default_rng(9)
    called = 0
    for _ in range(200):
        worker, group = np.repeat(np.arange(30), 40), np.tile(np.repeat([0, 1], 20), 30)
        truth = draw.integers(0, 2, 1200)
        value = np.where(draw.random(1200) < 0.2, 1 - truth, truth)
        called += leanings(value, truth, group, worker, classes=2, groups=2).apart.any()
    assert called / 200 < 0.08


def test_small_cells_and_what_would_give_them_away_are_suppressed():
    assert visible(np.array([30, 12, 9]), 10).tolist() == [True, False, False]
    assert visible(np.array([30, 12, 9, 8]), 10).tolist() == [True, True, False, False]
    assert visible(np.array([30, 12, 4, 4]), 10).tolist() == [True, False, False, False]
    assert visible(np.array([30, 12, 0]), 10).tolist() == [True, True, False]
    assert visible(np.array([9]), 10).tolist() == [False]
    worker = np.arange(51)
    cell = np.repeat([0, 1, 2], [30, 12, 9])
    found = gaps(np.ones(51), cell, worker, 3, least_people=10)
    assert found.people.tolist() == [30, -1, -1]
    assert np.isnan(found.share[1:]).all() and np.isnan(found.difference[1:]).all()


def test_a_table_gives_nothing_away_by_its_margins():
    people = np.array([[40, 30, 20], [30, 25, 3], [20, 15, 12]])
    found = visible_table(people, 10)
    for shown, counts in ((found, people), (found.T, people.T)):
        hidden = np.where(shown, 0, counts).sum(axis=1)
        assert np.all((hidden == 0) | (hidden >= 10))
    assert not found[1, 2] and not found[1, 1] and not found[2, 2]
    assert visible_table(np.full((2, 2), 10), 10).all()
    assert visible_table(np.zeros((0, 2), dtype=int), 10).shape == (0, 2)


def test_who_labelled_against_whom_the_data_shows():
    draw = np.random.default_rng(2)
    worker = np.repeat(np.arange(60), 40)
    who = (worker >= 30).astype(int)
    whom = np.tile(np.repeat([0, 1], 20), 60)
    p = np.where((who == 1) & (whom == 1), 0.5, 0.2)
    found = crossed((draw.random(2400) < p).astype(float), who, whom, worker, cells=2, groups=2)
    assert found.apart.tolist() == [False, True, False, True]
    assert found.difference[3] == pytest.approx(0.3, abs=0.08)
    few = crossed(
        np.ones(40), np.zeros(40, int), np.zeros(40, int), np.zeros(40, int), cells=1, groups=1
    )
    assert not few.shown.any()


def test_completeness_counts_what_is_missing():
    item = np.array([0, 0, 1, 1, 1, 2])
    blank = np.array([0, 1, 0, 0, 0, 0], dtype=bool)
    valid = np.array([1, 0, 1, 1, 1, 0], dtype=bool)
    found = completeness(item, np.array([2, 2, 1, 1]), blank, valid)
    assert found.missing.tolist() == [1, 0, 1, 1]
    assert (found.complete, found.blank, found.invalid) == (1, 1, 1)
    assert (found.filled, found.valid_share) == (0.5, 0.8)
    none = completeness(np.empty(0, int), np.empty(0, int), np.empty(0, bool), np.empty(0, bool))
    assert (none.filled, none.valid_share, none.low, none.high) == (None, None, 0, 1)
    with pytest.raises(InputError):
        completeness(item, np.array([-1]), blank, valid)


@pytest.fixture
def printed(tmp_path, capsys):
    def run(command, text, *arguments):
        path = tmp_path / "crowd.csv"
        path.write_text(text, encoding="utf-8")
        code = main([command, str(path), *map(str, arguments)])
        out, error = capsys.readouterr()
        return (json.loads(out), code) if code == 0 else (error, code)

    return run


HEAD = "item_id,worker_id,answer,gold"


def test_errors_command(printed, tmp_path):
    lines = [f"{HEAD},tier,group,described,cited"]
    for w in range(48):
        lines += [
            f"i{i},w{w},{'x' if i % 3 else 'y'},x,{'t1' if w % 2 else 't2'},"
            f"{'g' if i < 3 else 'h'},{'a' if w < 24 else 'b'},{'' if i % 3 else 'line 1'}"
            for i in range(6)
        ]
    found, _ = printed("errors", "\n".join(lines), "--out", tmp_path / "workers.csv")
    assert (found["truth"], found["error_rate"]) == ("gold", pytest.approx(1 / 3))
    assert found["confused_pairs"][0]["items"] == ["i0", "i3"]
    assert [row["name"] for row in found["by_tier"]] == ["t1", "t2"]
    about = found["by_description"]
    # 24 of each; figures of cells are rounded.
    assert [(row["name"], row["people"]) for row in about["cells"]] == [("a", 20), ("b", 20)]
    assert {(row["name"], row["group"]) for row in about["cells_by_group"]} == {
        (name, group) for name in "ab" for group in "gh"
    }
    lean = {(row["name"], row["answer"]): row["lean"] for row in found["leaning_by_group"]}
    assert lean["g", "y"] == pytest.approx(1 / 3)
    assert found["cited"][0]["line"] == "line 1" and found["cited"][0]["question_rubric"]
    assert len((tmp_path / "workers.csv").read_text().splitlines()) == 49


def _crowd(people, described, tier=lambda _w: "t", items=6):
    """Lines of a file: everybody answers each item, every third wrongly, the second half more."""
    for w in range(people):
        for i in range(items):
            wrong = i % 3 == 0 or (i % 3 == 1 and w >= people // 2)
            yield f"i{i},w{w},{'y' if wrong else 'x'},x,{tier(w)},{'gh'[i % 2]},{described(w)}"


@pytest.mark.parametrize(
    ("people", "described", "tier", "kept"),
    [
        # 15 and 12 can be told; nine cannot, and are no rest of few either.
        (36, lambda w: "abc"[(w >= 15) + (w >= 27)], None, ["*", "a"]),
        (40, lambda w: "abcd"[w // 10], None, ["a", "b", "c", "d"]),
        (24, lambda w: "ab"[w // 12], None, ["a", "b"]),
        (24, lambda _w: "a", None, []),
        (19, lambda w: "ab"[w // 10], None, []),
        # 12 of each, but with the tiers that are printed, too, only six.
        (24, lambda w: "ab"[w // 12], lambda w: f"t{w % 2}", []),
    ],
)
def test_the_command_keeps_the_rule_of_runs_for_small_cells(
    printed, tmp_path, people, described, tier, kept
):
    lines = list(_crowd(people, described, tier or (lambda _w: "t")))
    found, _ = printed("errors", "\n".join([f"{HEAD},tier,kind,described", *lines]))
    about = found["by_description"]
    assert [row["name"] for row in about["cells"]] == kept
    assert about["suppressed"] == len({described(w) for w in range(people)} - set(kept))
    assert all(row["people"] >= 10 and row["people"] % 5 == 0 for row in about["cells"])
    # The same answers as a run of the product has them give the same figures.
    names = (*HEAD.split(","), "tier", "kind", "said")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines]
    said = {"a": {row["worker_id"]: row["said"] for row in rows}}
    where = [(row["tier"], row["kind"]) for row in rows]
    cell = written(where, [row["worker_id"] for row in rows], [True] * len(rows), said)
    table = pa.Table.from_pylist([{k: v for k, v in row.items() if k != "said"} for row in rows])
    for name, column in cell.items():
        table = table.append_column(f"cell_{name}", pa.array(column, pa.string()))
    pq.write_table(table, tmp_path / "in.parquet")
    spec = Spec(kind="errors", version=1, input=str(tmp_path / "in.parquet"), params={})
    run = runner.run(spec, workdir=tmp_path / "w", report=lambda *_: None)
    attributes = run.figures["cells"]["attributes"]
    assert attributes.get("a", {}).get("cells", []) == about["cells"]


def test_two_descriptions_of_one_person_are_refused(printed):
    lines = [f"i{i},w,x,x,{'ab'[i]}" for i in range(2)]
    said, code = printed("errors", "\n".join([f"{HEAD},described", *lines]))
    assert code == 2 and "w is described as 'a' and as 'b'" in said


@pytest.mark.parametrize("command", ["gold", "anomalies", "errors"])
@pytest.mark.parametrize(
    "body", ["", "a,w,x,\n", "a,w,x,x\nb,w,x,y\n", "a,w,,\n", "a,w,x,z\na,v,y,z\n"]
)
def test_tiny_files_do_not_crash(printed, command, body):
    found, code = printed(command, f"{HEAD}\n{body}")
    assert code == 0
    assert found["answers"] == sum(bool(line.split(",")[2]) for line in body.splitlines())


def test_gold_command(printed, tmp_path):
    rows = [f"i{i},w{w},{'x' if i != 9 else 'y'},x" for i in range(12) for w in range(5)]
    found, _ = printed("gold", "\n".join([HEAD, *rows]))
    assert [row["item_id"] for row in found["suspects"]] == ["i9"]
    assert found["worker_scores"][0]["q"] == pytest.approx(11.5 / 13)
    assert found["exposure"]["most_shown"] == 5
    files = ("--out", tmp_path / "w.parquet", "--plot", tmp_path / "w.svg")
    out, _ = printed("gold", "\n".join([HEAD, *rows]), *files)
    assert (tmp_path / "w.svg").read_text(encoding="utf-8").count("w0 (12)") >= 1
    _, code = printed("errors", "\n".join([HEAD, *rows]), "--plot", tmp_path / "w.png")
    assert code == 2
    printed("errors", "\n".join([HEAD, *rows]), "--plot", tmp_path / "e.svg")
    assert (tmp_path / "e.svg").read_text(encoding="utf-8").startswith("<svg")
    assert out["worker_scores"] == []
    assert (tmp_path / "w.parquet").exists()


def test_anomalies_command_reads_times_and_order(printed):
    lines = ["item_id,worker_id,answer,seconds,at"]
    for w in range(10):
        lines += [
            f"i{i},w{w},{'xyz'[i % 3] if w else 'xyz'[i // 10 % 3]},{2 if w == 0 else 30 + w},{i}"
            for i in range(60)
        ]
    found, _ = printed("anomalies", "\n".join(lines))
    assert [row["worker_id"] for row in found["flagged_workers"]] == ["w0"]
    assert {"haste", "straight-lining"} <= set(found["flagged_workers"][0]["signals"])
    found, _ = printed("anomalies", "item_id,worker_id,answer,at\na,w,x,\n")
    assert {"drift", "straight-lining", "haste"} <= set(found["absent"])
    error, code = printed("anomalies", "item_id,worker_id,answer,seconds\na,w,x,soon\n")
    assert (code, "column seconds" in error) == (2, True)


def test_gold_of_any_type_scores_by_its_distance(printed):
    rows = [f"i{i},w{w},{50 + w},{50 if i != 5 else 95}" for i in range(12) for w in range(4)]
    found, _ = printed("gold", "\n".join([HEAD, *rows]), "--type", "number")
    wanted = sum(1 - w / 45 if i != 5 else 1 - (45 - w) / 45 for i in range(12) for w in range(4))
    assert found["share_correct"] == pytest.approx(wanted / 48)
    assert [row["item_id"] for row in found["suspects"]] == ["i5"]


def test_gold_by_skill(printed):
    rows = [f"i{i},w,{'x' if i < 8 else 'y'},x,{'a' if i < 8 else 'b'}" for i in range(10)]
    found, _ = printed("gold", "\n".join([f"{HEAD},skill", *rows]))
    by = {row["skill"]: row["q"] for row in found["skill_scores"]}
    assert by == {"a": pytest.approx(8.5 / 9), "b": pytest.approx(0.5 / 3)}


def test_texts_are_compared_and_not_counted_as_classes(printed):
    copied = "quick brown foxes jump over lazy dogs while twenty green parrots watch number"
    draw = np.random.default_rng(1)
    rows = [
        f"i{i},w{w},{copied if w < 2 else ' '.join(map(str, draw.integers(1_000, 9_999, 15)))} {i},"
        for i in range(4)
        for w in range(4)
    ]
    found, _ = printed("anomalies", "\n".join([HEAD, *rows]), "--type", "text")
    assert set(found["signals"]) == {"near-duplicate texts"}
    assert found["signals"]["near-duplicate texts"]["speaks"] == 2
    assert found["flagged"] == 0
    error, code = printed("errors", "\n".join([HEAD, *rows]), "--type", "text")
    assert (code, "the command gold" in error) == (2, True)


def test_wrong_options_are_one_sentence(printed):
    error, code = printed("errors", f"{HEAD}\na,w,x,\n", "--truth", "gold")
    assert (code, "no item has a known answer" in error) == (2, True)
