"""Repeats, drift, rubric lines and the whole report."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict

import numpy as np
import pytest

from gpu_jobs import svg
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.agreement.drift import drift
from gpu_jobs.agreement.intra import intra_rater
from gpu_jobs.agreement.lines import rubric_lines
from gpu_jobs.agreement.report import agree
from gpu_jobs.contracts import InputError
from gpu_jobs.shares import wilson
from gpu_jobs.types import TYPES, typed


def test_raters_against_themselves(crowd):
    """W agrees on two of three repeated items, v on its only one; x repeated nothing."""
    rows = [("a", "w", "1"), ("a", "w", "1"), ("b", "w", "2"), ("b", "w", "2"), ("c", "w", "1")]
    rows += [("c", "w", "2"), ("a", "v", "2"), ("a", "v", "2"), ("a", "x", "1"), ("b", "x", "2")]
    answers = crowd(rows)
    found = intra_rater(answers, typed(answers, "choice"))
    assert [answers.workers[w] for w in found.worker] == ["v", "w"]
    assert found.items.tolist() == [1, 3]
    assert found.agreement.tolist() == pytest.approx([1, 2 / 3])
    assert found.overall == pytest.approx(3 / 4)
    units = crowd([(f"{i}{w}", str(k), v) for k, (i, w, v) in enumerate(rows)])
    assert found.alpha.alpha == pytest.approx(alpha_of(units, level="nominal").alpha)


def test_nobody_repeated_anything(crowd):
    answers = crowd([("a", "w", "1"), ("a", "v", "1")])
    found = intra_rater(answers, typed(answers, "choice"))
    assert (len(found.worker), found.overall) == (0, None)
    assert found.alpha.reason
    assert agree(answers).intra is None


def test_wilsons_interval_of_a_textbook():
    """81 of 263: (.2553, .3662), in R. Newcombe, "Two-sided confidence intervals" (1998)."""
    low, high = wilson(np.array([81]), np.array([263]))
    assert (low[0], high[0]) == (pytest.approx(0.2553, abs=5e-4), pytest.approx(0.3662, abs=5e-4))


def _crowd_that_tires(crowd, *, tires):
    draw = np.random.default_rng(4)
    rows, at = [], []
    for i in range(400):
        wrong = 0.1 if i < 200 or not tires else 0.7
        for w in range(3):
            guess = draw.random() < wrong
            rows.append((f"i{i:03}", f"w{w}", str(draw.integers(0, 4) if guess else i % 4)))
            at.append(1e9 + 60.0 * i + w)
    answers = crowd(rows)
    return answers, np.array(at)[answers.row]


def test_agreement_that_falls_is_seen_and_steady_agreement_is_not(crowd):
    answers, at = _crowd_that_tires(crowd, tires=True)
    found = drift(answers, typed(answers, "choice"), at, windows=4)
    assert [each.items for each in found.windows] == [100] * 4
    assert found.differs
    assert found.windows[0].alpha.low > found.windows[3].alpha.high
    assert found.windows[0].start == pytest.approx(1e9 + 1)
    steady, at = _crowd_that_tires(crowd, tires=False)
    assert not drift(steady, typed(steady, "choice"), at, windows=4).differs


def test_a_window_is_alpha_of_its_items_alone(crowd):
    answers, at = _crowd_that_tires(crowd, tires=True)
    found = drift(answers, typed(answers, "choice"), at, windows=2)
    rows = [
        (answers.items[i], answers.workers[w], answers.classes[v])
        for i, w, v in zip(answers.item, answers.worker, answers.value, strict=True)
        if int(answers.items[i][1:]) < 200
    ]
    alone = alpha_of(crowd(rows), level="nominal", resamples=1000)
    assert asdict(found.windows[0].alpha) == asdict(alone)


def test_drift_without_times_and_with_few_items(crowd):
    answers = crowd([("a", "w", "1"), ("a", "v", "1"), ("b", "w", "1"), ("b", "v", "2")])
    kind = typed(answers, "choice")
    assert drift(answers, kind, np.full(4, np.nan)).untimed == 2
    assert drift(answers, kind, np.full(4, np.nan)).windows == ()
    assert len(drift(answers, kind, np.array([1.0, np.nan, 2, 3])).windows) == 1
    with pytest.raises(InputError, match="at least 1 window"):
        drift(answers, kind, np.zeros(4), windows=0)


def test_items_of_one_moment_stay_together(crowd):
    rows = [(f"i{i}", w, str(i % 3)) for i in range(100) for w in "ab"]
    answers = crowd(rows)
    found = drift(answers, typed(answers, "choice"), np.zeros(200))
    assert [each.items for each in found.windows] == [100]


def _rubric(crowd, *, noisy_worker=None, raters=6):
    draw = np.random.default_rng(9)
    rows = []
    for i in range(80):
        for w in range(raters):
            clear = draw.integers(0, 5) if w == noisy_worker else i % 5
            line = {"clear": int(clear), "polite": int(draw.integers(0, 5)), "safe": i % 3 == 0}
            rows.append((f"i{i}", f"w{w}", json.dumps(line)))
    return crowd(rows)


def test_the_line_that_nobody_shares_is_questioned(crowd):
    answers = _rubric(crowd)
    found = {each.line: each for each in rubric_lines(answers, typed(answers, "rubric"))}
    assert [name for name, each in found.items() if each.questions_rubric] == ["polite"]
    assert found["clear"].alpha.alpha == pytest.approx(1)
    assert (found["safe"].numeric, found["safe"].alpha.level) == (False, "nominal")
    assert abs(found["polite"].alpha.alpha) < 0.1
    assert not agree(answers, name="rubric").questions_rubric


def test_one_bad_rater_does_not_question_a_line(crowd):
    answers = _rubric(crowd, noisy_worker=2, raters=4)
    found = {each.line: each for each in rubric_lines(answers, typed(answers, "rubric"))}
    assert found["clear"].alpha.high < 0.667
    assert found["clear"].without == pytest.approx(1)
    assert not found["clear"].questions_rubric


def test_when_everybody_disagrees_on_everything_the_rubric_is_questioned(crowd):
    draw = np.random.default_rng(3)
    rows = [
        (f"i{i}", f"w{w}", json.dumps({"x": int(draw.integers(0, 5)), "y": int(draw.integers(5))}))
        for i in range(60)
        for w in range(4)
    ]
    assert agree(crowd(rows), name="rubric").questions_rubric


def test_blank_lines_are_missing(crowd):
    rows = [("a", "w", '{"x": 1}'), ("a", "v", '{"x": null, "y": 2}'), ("b", "w", '{"y": 2}')]
    answers = crowd(rows)
    found = rubric_lines(answers, typed(answers, "rubric"))
    assert [(each.line, each.answers) for each in found] == [("x", 1), ("y", 2)]
    assert all(each.alpha.reason for each in found)


ONE_OF_EACH = {
    "set": "a|b",
    "spans": "[[0, 2]]",
    "boxes": "[[0, 0, 1, 1]]",
    "polygons": "[[[0, 0], [1, 0], [1, 1]]]",
    "masks": "[[0, 1]]",
    "keypoints": "[[0, 1]]",
    "ranking": "a > b",
    "rubric": '{"x": 1}',
    "number": "1",
    "ordinal": "1",
}


@pytest.mark.parametrize("name", sorted(TYPES))
@pytest.mark.parametrize("shape", ["nothing", "one", "one worker", "all equal"])
def test_degenerate_crowds_have_an_answer_for_every_type(crowd, name, shape):
    text = ONE_OF_EACH.get(name, "x")
    rows = {
        "nothing": [],
        "one": [("a", "w", text)],
        "one worker": [(i, "w", text) for i in "abc"],
        "all equal": [(i, w, text) for i in "abc" for w in "wv"],
    }[shape]
    found = agree(crowd(rows), name=name, at=np.zeros(len(rows)))
    assert found.alpha.alpha is None
    assert found.alpha.reason
    json.dumps(found.figures(), allow_nan=False)
    ET.fromstring(found.plot())  # noqa: S314 — made by this program


def test_a_report_names_its_worst_items(crowd):
    rows = [("a", "w", "1"), ("a", "v", "2"), ("b", "w", "1"), ("b", "v", "1"), ("c", "w", "1")]
    found = agree(crowd(rows))
    assert found.lowest() == [("a", 0.0)]
    assert found.item.tolist()[:2] == [0, 1]


def test_pictures_are_plain_and_say_their_figures(crowd):
    draw = np.random.default_rng(0)
    rows = [(f"i{i}", f"w<{w}>", str(draw.integers(0, 3))) for i in range(60) for w in range(4)]
    answers = crowd(rows)
    picture = agree(answers, name="ordinal", at=np.arange(240.0)).plot()
    root = ET.fromstring(picture)  # noqa: S314 — made by this program
    names = {each.tag.partition("}")[2] for each in root.iter()}
    assert names <= {"svg", "title", "text", "rect", "line", "circle", "polygon", "polyline", "g"}
    assert not any("style" in each.attrib for each in root.iter())
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(text.startswith("w<0>, w<1>: ") for text in titles)
    assert any(text.startswith("Krippendorff's α: ") for text in titles)
    assert root.attrib["role"] == "img"


def test_a_bar_stands_where_its_value_is():
    rows = [svg.Bar("low", 0.0, 0.0, 0.25), svg.Bar("high", 1.0), svg.Bar("none", None, note="—")]
    root = ET.fromstring(svg.bars("title", rows))  # noqa: S314 — made by this program
    dots = [float(each.attrib["cx"]) for each in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 2
    ends = [each for each in root.iter() if each.attrib.get("stroke-width") == "8"]
    assert [float(each.attrib["x1"]) for each in ends] == [dots[0]]
    width = dots[1] - dots[0]
    assert float(ends[0].attrib["x2"]) - dots[0] == pytest.approx(width / 4, abs=0.1)


def test_a_missing_value_breaks_the_line():
    rows = [svg.Bar("", 0.1, 0, 0.2), svg.Bar("", None), svg.Bar("", 0.3, 0.2, 0.4)]
    picture = svg.line("title", ["a", "b"], rows)
    assert picture.count("<polyline") == 2
    assert picture.count("<polygon") == 0
