"""`python -m gpu_jobs human`: a model's answers beside people's."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import crowd_files, svg, tables
from gpu_jobs.answers import Answers, encode
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.lift.blind import blind_list, graded
from gpu_jobs.lift.human import DRAWS, FOLDS, RESAMPLES, HumanNeed, human_need

MODEL = "model"


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "human", help="was the human needed: a model, people, and both, at equal cost"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="item_id, worker_id, answer")
    parser.add_argument("--gold", type=Path, metavar="GOLD", help="file with item_id, gold")
    parser.add_argument(
        "--model-answers",
        type=Path,
        metavar="FILE",
        help="item_id, answer[, tokens], where they do not stand in FILE",
    )
    parser.add_argument("--model", metavar="ID", help="worker_id of the model in FILE")
    parser.add_argument("--price", type=float, default=1.0, metavar="CENTS", help="of an answer")
    parser.add_argument(
        "--token-price", type=float, default=0.0, metavar="CENTS", help="of a million tokens"
    )
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="of thinned answers")
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=Path, metavar="ITEMS", help="for --blind: the texts")
    parser.add_argument("--blind", type=Path, metavar="LIST.csv", help="write a list to grade")
    parser.add_argument("--key", type=Path, metavar="KEY.csv", help="who gave what in the list")
    parser.add_argument("--grades", type=Path, metavar="GRADES", help="number, grade from 0 to 1")
    parser.add_argument("--out", type=Path, metavar="HUMAN.json")
    parser.add_argument("--plot", type=Path, metavar="HUMAN.svg")
    parser.set_defaults(command=run, json=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    table = tables.read_crowd(options.file, gold=options.gold, beside=("tokens",))
    if options.model_answers is not None:
        table = _with_model(table, options.model_answers)
    machines = tables.machine_ids(table)
    if options.model is not None:
        machines |= {options.model}
    answers = encode(table, repeats="last")
    model = _model(answers, machines, options.model)
    if options.blind is not None:
        return _blind(answers, options)
    if options.grades is not None:
        found = graded(
            blind_list(answers, seed=options.seed),
            _grades(options.grades),
            machines=machines,
            model=answers.workers[model],
            resamples=options.resamples,
            seed=options.seed,
        )
        return _saved(asdict(found), options)
    need = human_need(
        answers,
        np.array([name in machines for name in answers.workers]),
        model,
        price=options.price,
        model_cents=_tokens(table, answers, model) * options.token_price / 1e6,
        folds=options.folds,
        draws=options.draws,
        resamples=options.resamples,
        seed=options.seed,
    )
    crowd_files.save_plot(options.plot, lambda: plot(need))
    return _saved(asdict(need), options)


def plot(need: HumanNeed) -> str:
    """SVG: the arms, and accuracy by answers of people."""
    arms = [
        svg.Bar(name, one.value, one.low, one.high)
        for name, one in (
            ("model alone", need.model_alone),
            ("people alone", need.people_alone),
            ("both", need.both),
        )
    ]
    curves = []
    for name in ("people", "both"):
        steps = [
            (step, figure)
            for step in need.curve
            if (figure := step.people if name == "people" else step.both) is not None
        ]
        cents = [step.cents_people if name == "people" else step.cents_both for step, _ in steps]
        labels = [f"{each:.2f} cents an item" for each in cents]
        rows = [
            svg.Bar(label, one.value, one.low, one.high)
            for label, (_, one) in zip(labels, steps, strict=True)
        ]
        least = min((one.low for _, one in steps), default=0.0)
        curves.append(svg.line(f"Accuracy by cost: {name}", labels, rows, low=least, high=1.0))
    return svg.stacked("Was the human needed?", [svg.bars("Accuracy", arms), *curves])


def _saved(printed: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    if options.out is not None:
        out: Path = options.out
        crowd_files.save(lambda: tables.write_text(canonical(printed) + "\n", out), out)
    return printed


def _with_model(table: pa.Table, path: Path) -> pa.Table:
    """The rows of both files; the model's have the worker id and the annotator "model"."""
    theirs = tables.read_columns(path, required=("item_id", "answer"), optional=("tokens",))
    if MODEL in set(table["worker_id"].to_pylist()):
        raise InputError(f"a worker of the crowd is called {MODEL!r}; name it otherwise")
    size = theirs.num_rows
    named = pa.array([MODEL] * size, pa.string())
    theirs = theirs.append_column("worker_id", named).append_column("annotator", named)
    if "gold" in table.column_names:
        known = dict(zip(table["item_id"].to_pylist(), table["gold"].to_pylist(), strict=True))
        gold = [known.get(name) for name in theirs["item_id"].to_pylist()]
        theirs = theirs.append_column("gold", pa.array(gold, pa.string()))
    return pa.concat_tables([table, theirs], promote_options="default")


def _model(answers: Answers, machines: set[str], named: str | None) -> int:
    there = sorted(machines & set(answers.workers))
    if named is not None and named not in answers.workers:
        raise InputError(f"no answer is by the model {named!r}")
    if named is None and len(there) != 1:
        raise InputError(
            "name the model's worker_id with --model, or give its answers with --model-answers"
            if not there
            else f"there are several models; name one with --model: {', '.join(there)}"
        )
    return answers.workers.index(named if named is not None else there[0])


def _tokens(table: pa.Table, answers: Answers, model: int) -> float:
    """Mean tokens of an answer of the model; 0 where none are told."""
    if "tokens" not in table.column_names:
        return 0.0
    told = table["tokens"].to_pylist()
    rows = answers.row[answers.worker == model].tolist()
    try:
        found = [float(told[row]) for row in rows if told[row] is not None]
    except ValueError as error:
        raise InputError("column tokens holds something that is no number") from error
    if any(not 0 <= each < float("inf") for each in found):
        raise InputError("column tokens holds a number below 0 or without end")
    return float(np.mean(found)) if found else 0.0


def _blind(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    if options.key is None:
        raise InputError("--blind needs --key, a file that the grader does not see")
    entries = blind_list(answers, seed=options.seed)
    columns: dict[str, list[str | None]] = {
        "number": [str(entry.number) for entry in entries],
        "item_id": [entry.item for entry in entries],
    }
    if options.items is not None:
        items = tables.read_items(options.items)
        place = {name: row for row, name in enumerate(items["item_id"].to_pylist())}
        for name in items.column_names:
            # What would give the right answer, or the answerer, away stays out.
            if name in ("item_id", "gold", "worker_id", "annotator", "models"):
                continue
            texts = items[name].to_pylist()
            columns[name] = [
                texts[place[entry.item]] if entry.item in place else None for entry in entries
            ]
    columns["answer"] = [entry.answer for entry in entries]
    columns["grade"] = [""] * len(entries)
    tables.write_named(pa.table(columns), options.blind)
    key = {
        "number": [str(entry.number) for entry in entries],
        "item_id": [entry.item for entry in entries],
        "workers": [" ".join(entry.workers) for entry in entries],
    }
    tables.write_named(pa.table(key), options.key)
    return {"list": str(options.blind), "key": str(options.key), "entries": len(entries)}


def _grades(path: Path) -> dict[int, float]:
    found = tables.read_columns(path, required=("number", "grade"))
    grades: dict[int, float] = {}
    rows = zip(found["number"].to_pylist(), found["grade"].to_pylist(), strict=True)
    for row, (number, grade) in enumerate(rows, start=1):
        if number is None or grade is None:
            raise InputError(f"{path}: row {row} lacks a number or a grade")
        try:
            grades[int(number)] = float(grade)
        except ValueError as error:
            raise InputError(f"{path}: row {row} holds something that is no number") from error
    return grades
