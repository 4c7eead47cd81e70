"""The timed claim of `bench.flow.growth`, in a process with a database of its own.

`python -m bench.flow.claims PROJECT PERSON`; the submission that follows is not timed.
"""

import os
import sys
import uuid
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup()

from apps.core import clock  # noqa: E402 -- needs the settings
from apps.core.tenancy import Actor, acting  # noqa: E402
from apps.work import actions as work  # noqa: E402
from bench import turns  # noqa: E402


def main() -> None:
    project, person = (uuid.UUID(word) for word in sys.argv[1:3])
    actor = Actor(kind="person", user_id=person)

    def claim() -> dict[str, Any]:
        with acting(actor):
            row = work.claim(project_id=project, by=actor, now=clock.now())

        def submit() -> int:
            with acting(actor):
                work.submit(
                    assignment_id=row.id,
                    answer={"choice": "neutral"},
                    by=actor,
                    now=clock.now(),
                )
            return row.item_id

        return {"after": submit}

    turns.serve({"claim": claim})


if __name__ == "__main__":
    main()
