"""`python -m gpu_jobs curve`: where the next answers would help most."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu_jobs import crowd_files, svg, tables
from gpu_jobs.contracts import canonical
from gpu_jobs.lift.command import add_inputs, question
from gpu_jobs.lift.curve import REPLICATES, SAYS, Curve, curves
from gpu_jobs.lift.problem import RESAMPLES

_SHOWN = 6


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "curve", help="learning curves by --group (item kind, tier), and what more data would gain"
    )
    add_inputs(parser)
    parser.add_argument("--next", type=int, default=1000, help="answers to look ahead")
    parser.add_argument("--price", type=float, metavar="CENTS", help="of one answer")
    parser.add_argument(
        "--least-gain", type=float, default=0.001, help="of the metric, that is worth having"
    )
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="CURVE.json")
    parser.add_argument("--plot", type=Path, metavar="CURVE.svg")
    parser.set_defaults(command=run, json=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    problem, *_ = question(options)
    found = curves(
        problem,
        further=options.next,
        price=options.price,
        least_gain=options.least_gain,
        replicates=options.replicates,
        seed=options.seed,
    )
    printed = {
        "metric": problem.metric,
        "recipe": problem.recipe.name,
        "curves": [asdict(one) for one in found],
        "says": [problem.recipe.says, *SAYS],
    }
    if options.out is not None:
        out: Path = options.out
        crowd_files.save(lambda: tables.write_text(canonical(printed) + "\n", out), out)
    crowd_files.save_plot(options.plot, lambda: plot(found))
    return printed


def plot(found: tuple[Curve, ...]) -> str:
    """SVG: the measured curves, the largest gain first."""
    shown = [one for one in found if one.points][:_SHOWN]
    pictures = [
        svg.line(
            f"{one.group}: {one.says}",
            [f"{point.rows:,} rows" for point in one.points],
            [
                svg.Bar(f"{point.rows:,}", point.value, point.low, point.high)
                for point in one.points
            ],
            low=min(point.low for point in one.points),
            high=max(point.high for point in one.points),
        )
        for one in shown
    ]
    return svg.stacked("Learning curves", pictures)
