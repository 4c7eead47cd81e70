"""`python -m gpu_jobs diversity`."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu_jobs import crowd_files, svg, tables
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.diversity.report import DRAWS, SIZE, Diversity, diversity
from gpu_jobs.encoders.encoder import Encoder
from gpu_jobs.encoders.hub import MINILM
from gpu_jobs.encoders.texts import sentence_encoder

TFIDF = "tfidf"


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "diversity", help="how different each contributor's texts are, and what they repeat"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a row a text that was handed in")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="of every file here")
    parser.add_argument("--group", default="worker_id", metavar="COLUMN")
    parser.add_argument("--test", type=Path, metavar="FILE", help="texts that must stay unseen")
    parser.add_argument("--model-output", type=Path, metavar="FILE", help="texts by models")
    parser.add_argument(
        "--encoder",
        default=None,
        metavar="NAME",
        help=f"name or folder, or {TFIDF}; without it {MINILM} where torch is there, else {TFIDF}",
    )
    parser.add_argument("--size", type=int, default=SIZE, help="rows at which sets are compared")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="DIVERSITY.json")
    parser.add_argument("--plot", type=Path, metavar="DIVERSITY.svg")
    parser.set_defaults(command=run, json=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    table = tables.read_columns(options.file, required=(options.group, options.text))
    table = table.filter(table[options.text].is_valid())
    names = table[options.group].to_pylist()
    if None in names:
        raise InputError(f"{options.file}: column {options.group} is blank in a row with a text")
    encoder, lacking = _encoder(options.encoder)
    found = diversity(
        table[options.text].to_pylist(),
        names,
        encoder=encoder,
        test=_texts(options.test, options.text),
        model=_texts(options.model_output, options.text),
        size=options.size,
        draws=options.draws,
        seed=options.seed,
    )
    printed = asdict(found)
    if lacking:
        printed["says"] = [*printed["says"], f"No sentence encoder was used: {lacking}."]
    if options.out is not None:
        out: Path = options.out
        crowd_files.save(lambda: tables.write_text(canonical(printed) + "\n", out), out)
    crowd_files.save_plot(options.plot, lambda: plot(found))
    return printed


def plot(found: Diversity) -> str:
    """SVG: Vendi scores at the common size, and the contaminated shares."""
    shown = found.contributors[:40]
    scores = [
        svg.Bar(label=one.name, value=one.vendi_at, low=one.vendi_low, high=one.vendi_high)
        for one in shown
    ]
    shares = [
        svg.Bar(
            label=one.name,
            value=one.contaminated.share,
            low=one.contaminated.low,
            high=one.contaminated.high,
        )
        for one in shown
    ]
    return svg.stacked(
        "Diversity",
        [
            svg.bars(f"Vendi score of {found.size} texts, the least diverse first", scores),
            svg.bars("Share that repeats others, the test set or a model", shares),
        ],
    )


def _encoder(name: str | None) -> tuple[Encoder | None, str]:
    """The encoder, or None and why there is none."""
    if name == TFIDF:
        return None, ""
    if name is not None:
        return sentence_encoder(name), ""
    try:
        return sentence_encoder(), ""
    except InputError as error:
        return None, str(error)


def _texts(path: Path | None, column: str) -> list[str]:
    if path is None:
        return []
    found = tables.read_columns(path, required=(column,))[column]
    return [each for each in found.to_pylist() if each is not None]
