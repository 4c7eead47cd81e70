"""`python -m gpu_jobs COMMAND FILE`: one JSON object on stdout.

FILE is CSV or Parquet with item_id, worker_id, answer[, gold]. Exit code 2 and one sentence on
stderr when the input is wrong. Methods, rules and meanings: docs/scoring.md. Each command is the
module `command` of its package: `add` names its options, `run` gives what is printed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import NoReturn

from gpu_jobs import crowd_files
from gpu_jobs.aggregation import command as aggregation
from gpu_jobs.agreement import command as agreement
from gpu_jobs.contracts import InputError
from gpu_jobs.lift import command as lift

COMMANDS = (agreement, aggregation, lift)


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
    print(json.dumps(printed, ensure_ascii=False, allow_nan=False))
    return 0


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
