"""A model beside people: simulated crowds with known accuracies, the blind list, the command."""

import csv
import json

import numpy as np
import pytest

from gpu_jobs.__main__ import main
from gpu_jobs.contracts import InputError
from gpu_jobs.lift.blind import blind_list, graded
from gpu_jobs.lift.human import Figure, finding, human_need


@pytest.fixture(scope="module")
def simulated(crowd):
    """People are right with `people`, the model with `model`, each on errors of its own."""

    def make(people, model, *, items=300, each=3, seed=0, classes="abc"):
        rng = np.random.default_rng(seed)
        rows = []
        for item in range(items):
            truth = int(rng.integers(len(classes)))

            def said(right, truth=truth):
                turn = 0 if rng.random() < right else 1 + rng.integers(len(classes) - 1)
                return classes[(truth + int(turn)) % len(classes)]

            gold = classes[truth]
            chosen = rng.choice(12, each, replace=False).tolist()
            rows += [(f"i{item}", f"w{worker}", said(people), gold) for worker in chosen]
            rows.append((f"i{item}", "machine", said(model), gold))
        return crowd(rows)

    return make


def _need(answers, **options):
    machine = np.array([name == "machine" for name in answers.workers])
    model = answers.workers.index("machine")
    return human_need(
        answers, machine, model, **({"price": 2.0, "model_cents": 0.1, "draws": 1} | options)
    )


def test_people_who_add_something_are_found_to_be_needed(simulated):
    found = _need(simulated(0.85, 0.75))
    assert found.items == 300
    assert found.model_alone.value == pytest.approx(0.75, abs=0.06)
    assert found.people_alone.value > 0.9
    assert found.both.value > found.model_alone.value
    assert found.both_over_model.low > 0
    assert found.says.startswith("People were needed")
    assert found.model_alone.low < found.model_alone.value < found.model_alone.high


def test_people_who_guess_beside_a_good_model_are_not(simulated):
    found = _need(simulated(0.36, 0.97))
    assert found.both_over_model.low <= 0
    assert not found.says.startswith("People were needed")
    assert found.people_over_model.high < 0


def test_equal_cost_takes_answers_away(simulated):
    answers = simulated(0.7, 0.9)
    found = _need(answers, price=2.0, model_cents=2.0)
    assert found.answers_for_model == 1
    assert found.cents_people == 6.0
    # Two people and a good model are better than three people.
    assert found.equal_over_people.low > 0
    dear = _need(answers, price=2.0, model_cents=7.0)
    assert dear.equal is None and dear.equal_over_people is None


def test_equal_cost_spends_all_of_the_money_where_items_have_unlike_numbers_of_answers(crowd):
    """A model that costs next to nothing takes next to nothing away from people."""
    rng = np.random.default_rng(1)
    rows = []
    for item in range(200):
        truth = "ab"[int(rng.integers(2))]
        other = "b" if truth == "a" else "a"
        people = rng.choice(12, 1 if item % 2 else 5, replace=False).tolist()
        said = [truth if rng.random() < 0.8 else other for _ in people]
        rows += [(f"i{item}", f"w{one}", its, truth) for one, its in zip(people, said, strict=True)]
        rows.append((f"i{item}", "machine", truth if rng.random() < 0.6 else other, truth))
    found = _need(crowd(rows), price=2.0, model_cents=0.0002, draws=3)
    assert found.equal.value == pytest.approx(found.both.value, abs=0.01)


def test_the_curve_goes_from_the_model_to_everybody(simulated):
    found = _need(simulated(0.75, 0.7))
    assert [step.answers for step in found.curve] == [0, 1, 2, 3]
    first, last = found.curve[0], found.curve[-1]
    assert first.people is None and first.both.value == found.model_alone.value
    assert (last.cents_people, last.cents_both) == (6.0, 6.1)
    assert last.people == found.people_alone and last.both == found.both
    assert found.curve[1].people.value < found.people_alone.value


def test_no_item_weighs_its_own_answers(simulated, crowd):
    """Turning one item's answers changes nothing about the items of its own fold."""
    answers = simulated(0.8, 0.8, items=60)
    again = _need(answers, seed=4)
    assert again == _need(answers, seed=4)
    assert again != _need(answers, seed=5)


def test_items_that_lack_something_are_left_out(crowd, simulated):
    answers = simulated(0.8, 0.8, items=30)
    rows = [("x", "w1", "a"), ("y", "machine", "a", "a"), ("z", "w1", "a", "a")]
    whole = [
        (
            answers.items[i],
            answers.workers[w],
            answers.classes[v],
            answers.classes[answers.gold[i]],
        )
        for i, w, v in zip(answers.item, answers.worker, answers.value, strict=True)
    ]
    found = _need(crowd(whole + rows))
    assert (found.items, found.left_out) == (30, 3)
    with pytest.raises(InputError, match="at least 20 are needed"):
        _need(crowd(rows))
    with pytest.raises(InputError, match="must cost something"):
        _need(answers, price=0)


def test_findings_follow_the_intervals():
    up, down, none = Figure(0.1, 0.05, 0.2), Figure(-0.1, -0.2, -0.05), Figure(0, -0.1, 0.1)
    assert finding(up, none).startswith("People were needed")
    assert finding(none, up).startswith("People alone are better")
    assert finding(down, none).startswith("The model alone is better")
    assert finding(none, none).startswith("It cannot be told")


def test_the_blind_list_shows_each_answer_once_and_nobody(simulated):
    answers = simulated(0.6, 0.6, items=40)
    entries = blind_list(answers, seed=1)
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert len({(entry.item, entry.answer) for entry in entries}) == len(entries)
    assert sum(len(entry.workers) for entry in entries) == len(answers)
    places = [entry.number for entry in entries if "machine" in entry.workers]
    assert 0.35 < np.mean(places) / len(entries) < 0.65
    assert blind_list(answers, seed=1) == entries != blind_list(answers, seed=2)


def test_grades_come_back_by_number(simulated):
    answers = simulated(0.9, 0.4, items=60)
    right = {name: answers.classes[answers.gold[i]] for i, name in enumerate(answers.items)}
    entries = blind_list(answers)
    grades = {entry.number: float(entry.answer == right[entry.item]) for entry in entries}
    found = graded(entries, grades, machines={"machine"}, model="machine")
    assert found.items == 60
    assert found.people.value == pytest.approx(0.9, abs=0.06)
    assert found.people_over_model.low > 0
    with pytest.raises(InputError, match="has no grade"):
        graded(entries, {1: 1.0}, machines={"machine"}, model="machine")
    with pytest.raises(InputError, match="must be from 0 to 1"):
        graded(entries, grades | {1: 2.0}, machines={"machine"}, model="machine")
    with pytest.raises(InputError, match="number 0 of the grades"):
        graded(entries, grades | {0: 1.0}, machines={"machine"}, model="machine")


@pytest.fixture
def files(tmp_path, simulated):
    answers = simulated(0.85, 0.7, items=80)
    people, machine, items = [], [], []
    for i, w, v in zip(answers.item, answers.worker, answers.value, strict=True):
        item, gold = answers.items[i], answers.classes[answers.gold[i]]
        if answers.workers[w] == "machine":
            machine.append((item, answers.classes[v], 400))
            items.append((item, f"text of {item}", gold))
        else:
            people.append((item, answers.workers[w], answers.classes[v], gold))
    for name, head, rows in (
        ("people", ("item_id", "worker_id", "answer", "gold"), people),
        ("machine", ("item_id", "answer", "tokens"), machine),
        ("items", ("item_id", "text", "gold"), items),
    ):
        with (tmp_path / f"{name}.csv").open("w") as stream:
            csv.writer(stream).writerows([head, *rows])
    return tmp_path


def _main(files, *more):
    return main(
        ["human", str(files / "people.csv"), "--model-answers", str(files / "machine.csv"), *more]
    )


def test_the_command(files, capsys):
    out, plot = files / "h.json", files / "h.svg"
    prices = ("--price", "5", "--token-price", "500", "--draws", "1")
    assert _main(files, *prices, "--out", str(out), "--plot", str(plot)) == 0
    found = json.loads(capsys.readouterr().out)
    assert json.loads(out.read_text()) == found
    assert found["cents_model"] == pytest.approx(0.2)
    assert found["answers_for_model"] == pytest.approx(0.04)
    assert found["model"] == "model" and found["items"] == 80
    assert "model alone" in plot.read_text()


def test_the_list_and_the_grades_by_command(files, capsys):
    listed, key = files / "list.csv", files / "key.csv"
    blind = ("--blind", str(listed), "--key", str(key), "--items", str(files / "items.csv"))
    assert _main(files, *blind) == 0
    text = listed.read_text()
    assert "model" not in text and "w1" not in text and "gold" not in text
    assert "text of i1" in text
    with listed.open() as stream:
        rows = list(csv.DictReader(stream))
    with (files / "items.csv").open() as stream:
        right = {row["item_id"]: row["gold"] for row in csv.DictReader(stream)}
    with (files / "grades.csv").open("w") as stream:
        out = csv.writer(stream)
        out.writerow(("number", "grade"))
        out.writerows((row["number"], int(row["answer"] == right[row["item_id"]])) for row in rows)
    capsys.readouterr()
    assert _main(files, "--grades", str(files / "grades.csv")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["people"]["value"] == pytest.approx(0.85, abs=0.1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--blind", "x.csv"), "--blind needs --key"),
        (("--model", "nobody"), "no answer is by the model 'nobody'"),
        (("--price", "0"), "must cost something"),
        (("--folds", "1"), "at least 2 folds"),
        (("--plot", "x.png"), "--plot must end in .svg"),
    ],
)
def test_wrong_options(files, capsys, more, said):
    assert _main(files, "--draws", "1", *more) == 2
    assert said in capsys.readouterr().err


def test_a_file_without_a_model(files, capsys):
    assert main(["human", str(files / "people.csv")]) == 2
    assert "name the model's worker_id" in capsys.readouterr().err
