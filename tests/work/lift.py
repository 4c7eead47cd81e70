"""A project whose accepted answers teach a model something; its rows are written at once."""

import datetime as dt
import random

from apps.accounts.models import User
from apps.core.tenancy import acting, system
from apps.projects.models import GoldAnswer, Item, Project
from apps.work.models import Assignment, Enrolment, Submission
from tests.factories import projects
from tests.factories.projects import LIFT, answer

WORDS = {
    "yes": ["sun", "bright", "warm", "morning", "garden", "light", "summer", "clear"],
    "no": ["rain", "dark", "cold", "night", "cellar", "fog", "winter", "grey"],
}
FILLER = ["the", "a", "of", "house", "street", "door", "and", "road", "paper", "table", "river"]
LIFTED = LIFT | {"minimum_rows": 10}


def text(label: str, draw: random.Random, number: int) -> str:
    words = draw.choices(WORDS[label], k=2) + draw.choices(FILLER, k=4)
    return " ".join([*words, f"no{number}"])


def learnable(
    org, people: list[User], wrong: list[float], *, by, now: dt.datetime, items: int = 60,
    test: int = 60, each: int = 40,
) -> Project:  # fmt: skip
    """`each` accepted answers of each person, of whom `wrong` says which share is not right."""
    draw = random.Random(5)  # noqa: S311 -- the same in every run
    made = projects.published(
        org, by=by, now=now, how_many=1, gold=0, qualification=0, with_seats=False,
        limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    labels = [draw.choice(["yes", "no"]) for _ in range(items + test)]
    with acting(system(org.id)):
        rows = Item.objects.bulk_create(
            Item(
                project=made, org=org, external_id=f"t{number}",
                payload={"text": text(label, draw, number)}, overlap=len(people),
                open_slots=0, sort_key=number, kind=f"kind{number % 2}",
            )
            for number, label in enumerate(labels)
        )  # fmt: skip
        known = list(zip(rows, labels, strict=True))
        GoldAnswer.objects.bulk_create(
            GoldAnswer(item=item, project=made, org=org, answer=answer(label), answer_key=label)
            for item, label in known[items:]
        )
        for user, share in zip(people, wrong, strict=True):
            _answers(made, user, draw.sample(known[:items], each), share, draw, now)
    return made


def _answers(project, user, chosen, share, draw, now) -> None:
    common = {"org_id": project.org_id, "project": project, "contributor": user}
    Enrolment.objects.create(
        **common, state="qualified", tier="general", consent_criteria=project.criteria,
        consent_scope=project.criteria.body["consent"], consented_at=now, created_at=now,
    )  # fmt: skip
    taken = Assignment.objects.bulk_create(
        Assignment(
            **common, item=item, criteria=project.criteria, state="accepted", tier="general",
            claimed_at=now, last_beat_at=now, last_input_at=now, cap_seconds=120,
            active_seconds=30, submitted_at=now, ended_at=now,
        )
        for item, _ in chosen
    )  # fmt: skip
    Submission.objects.bulk_create(
        Submission(
            **common, assignment=row, item=row.item, answer=answer(said), answer_key=said,
            submitted_at=now, undo_until=now,
        )
        for row, (_, label) in zip(taken, chosen, strict=True)
        for said in [label if draw.random() >= share else "no" if label == "yes" else "yes"]
    )  # fmt: skip


def with_lift(project: Project, *, by, now: dt.datetime, **changes: object) -> Project:
    """The same with lift in its criteria, and with the money for it."""
    criteria = {**project.criteria.body, "lift": {**LIFTED, **changes}}
    projects.add_lift(project, criteria, by=by, now=now)
    return project
