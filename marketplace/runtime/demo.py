"""`make demo`: everything on, seeded, with addresses and sign-ins; Ctrl-C stops it all."""

import argparse
import json
import sys
from pathlib import Path

from marketplace.runtime.house import House, Open, opened
from marketplace.runtime.places import RuntimeFault, places
from marketplace.runtime.supervisor import Stopped

NAME = "demo"
COLUMNS = ("role", "email", "password", "code")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", metavar="FILE", help="start from a replay of this crowd")
    options = parser.parse_args(arguments)
    try:
        with opened(NAME) as house:
            serve(house, data=options.data)
    except Open as already:
        url = already.variables["WAGEFILE_SITE_URL"]
        sys.stdout.write(f"The demo runs already.\n{welcome(url, sign_ins(NAME))}")
    except Stopped:
        sys.stdout.write("Stopped.\n")
    except RuntimeFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    return 0


def serve(house: House, *, data: str | None) -> None:
    """Start everything, seed, print where it is, and keep it running until asked to stop."""
    if data is not None and not Path(data).is_file():
        message = f"There is no file {data}."
        raise RuntimeFault(message)
    house.servers()
    house.migrate()
    house.services()
    house.step("Demo projects and people (demo_seed)")
    more = [] if data is None else ["--data", str(Path(data).resolve())]
    quiet = {"DJANGO_LOG_LEVEL": "WARNING"}
    seed = house.child("demo_seed", "manage.py", "demo_seed", *more, env=quiet)
    seed.inherit = True  # its progress is part of the start's
    house.supervisor.finish(seed)
    house.supervisor.say(welcome(house.url, sign_ins(house.name)) + "Ctrl-C stops everything.")
    while True:
        house.supervisor.check()
        house.supervisor.pause(0.5)


def sign_ins(name: str) -> list[dict[str, str]]:
    """What demo_seed wrote: role, email, password and, where a second factor is on, a code."""
    path = places(name).var / "sign-ins.json"
    try:
        found: list[dict[str, str]] = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    return found


def welcome(url: str, people: list[dict[str, str]]) -> str:
    """The address and a table of the sign-ins."""
    columns = [key for key in COLUMNS if any(person.get(key) for person in people)]
    rows = [columns, *([person.get(key, "") for key in columns] for person in people)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    table = "".join(f"  {line}\n" for line in lines) if people else ""
    return f"\nWagefile runs at {url}\n\n{table}\n"


if __name__ == "__main__":
    sys.exit(main())
