"""`python -m gpu_jobs COMMAND FILE`: one JSON object on stdout.

FILE is CSV, Parquet or JSON Lines with item_id, worker_id, answer[, gold, at]. On a terminal, and
without --json, the same is printed as lines to be read. Methods, rules and meanings:
docs/scoring.md. Each command is the module `command` of its package: `add` names its options,
`run` gives what is printed.

Exit codes: 0 done; 2 the input or an option is wrong, with one sentence on stderr; 130 stopped
from the keyboard; 1 a fault of this program, with a traceback.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from gpu_jobs import crowd_files
from gpu_jobs.aggregation import command as aggregation
from gpu_jobs.agreement import command as agreement
from gpu_jobs.anomalies import command as anomalies
from gpu_jobs.contracts import InputError
from gpu_jobs.diversity import command as diversity
from gpu_jobs.errors import command as errors
from gpu_jobs.gold import command as gold
from gpu_jobs.lift import command as lift
from gpu_jobs.lift import curve_command as curve
from gpu_jobs.lift import human_command as human
from gpu_jobs.ocr import command as ocr
from gpu_jobs.prelabel import command as prelabel

COMMANDS = (
    agreement,
    aggregation,
    gold,
    anomalies,
    errors,
    prelabel,
    lift,
    curve,
    human,
    ocr,
    diversity,
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        printed = options.command(options)
    except InputError as error:
        print(f"gpu_jobs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if sys.stdout.isatty() and not options.json:
        print("\n".join(_lines(printed)))
    else:
        print(json.dumps(printed, ensure_ascii=False, allow_nan=False))
    return 0


def _lines(value: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """Names and figures to be read by a person; numbers to four places."""
    for name, each in value.items():
        if isinstance(each, dict):
            yield f"{'  ' * depth}{name}:"
            yield from _lines(each, depth + 1)
        elif isinstance(each, list) and each and isinstance(each[0], dict):
            yield f"{'  ' * depth}{name}:"
            for number, row in enumerate(each, start=1):
                yield f"{'  ' * (depth + 1)}{number}:"
                yield from _lines(row, depth + 2)
        else:
            shown = "—" if each is None else f"{each:.4f}" if isinstance(each, float) else each
            yield f"{'  ' * depth}{name}: {shown}"


def _parser() -> _Parser:
    parser = _Parser(prog="gpu_jobs", description="Agreement and labels of a crowd's answers.")
    commands = parser.add_subparsers(required=True, parser_class=_Parser)
    common = _Parser(add_help=False)
    crowd_files.add(common)
    for each in COMMANDS:
        each.add(commands, common)
    return parser


if __name__ == "__main__":
    sys.exit(main())
