"""A project whose accepted answers teach a model something; its rows are written at once."""

import datetime as dt
import io
import random

import numpy as np
from PIL import Image

from apps.accounts.models import User
from apps.core import blobs
from apps.core.tenancy import acting, system
from apps.projects.models import Asset, GoldAnswer, Item, Project
from apps.work.models import Assignment, Enrolment, Submission
from tests.factories import projects
from tests.factories.projects import LIFT, answer

WORDS = {
    "yes": ["sun", "bright", "warm", "morning", "garden", "light", "summer", "clear"],
    "no": ["rain", "dark", "cold", "night", "cellar", "fog", "winter", "grey"],
}
TASKS = {
    "text": {},
    "pair": {
        "type": "pairwise",
        "config": {"question": "Which is brighter?", "needs_reason": False, "allows_tie": True},
    },
    "image": {
        "type": "choice",
        "config": {
            "question": "Is it red?", "content": "image",
            "choices": [{"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}],
        },
    },
}  # fmt: skip
FILLER = ["the", "a", "of", "house", "street", "door", "and", "road", "paper", "table", "river"]
LIFTED = LIFT | {"minimum_rows": 10}


def text(label: str, draw: random.Random, number: int) -> str:
    words = draw.choices(WORDS[label], k=2) + draw.choices(FILLER, k=4)
    return " ".join([*words, f"no{number}"])


def pair(label: str, draw: random.Random, number: int) -> dict:
    """Two responses, of which the one that `label` names is the brighter."""
    good, poor = text("yes", draw, number), text("no", draw, number)
    a, b = (good, poor) if label == "a" else (poor, good)
    return {"prompt": f"Describe place {number}.", "a": a, "b": b}


def picture(project: Project, label: str, number: int, now: dt.datetime) -> dict:
    """Noise, mostly red where the answer is yes and mostly green where it is no."""
    draw = np.random.default_rng([5, number])
    pixels = draw.integers(0, 90, (24, 24, 3))
    pixels[..., 0 if label == "yes" else 1] += 120
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, "PNG")
    made = Asset.objects.create(
        project=project, org_id=project.org_id, name=f"p{number}.png",
        sha256=blobs.put(content.getvalue()), content_type="image/png", width=24, height=24,
        created_at=now,
    )  # fmt: skip
    return {"image": made.name}


def learnable(
    org, people: list[User], wrong: list[float], *, by, now: dt.datetime, items: int = 60,
    test: int = 60, each: int = 40, content: str = "text", of_known: int = 0,
) -> Project:  # fmt: skip
    """`each` accepted answers of each person, of whom `wrong` says which share is not right.
    `content` is that of the items: "text", "pair" of responses, or "image". `of_known` are answers
    of each person to items with a known answer, which nothing is learned from.
    """
    draw = random.Random(5)  # noqa: S311 -- the same in every run
    made = projects.published(
        org, by=by, now=now, how_many=1, gold=0, qualification=0, with_seats=False,
        limits={"newcomer_share_percent": 100}, task=TASKS[content],
    )  # fmt: skip
    names = ["a", "b"] if content == "pair" else ["yes", "no"]
    with acting(by):
        Project.objects.filter(id=made.id).update(task_type=TASKS[content].get("type", "choice"))
        made.refresh_from_db()
    labels = [draw.choice(names) for _ in range(items + test)]

    def payload(label: str, number: int) -> dict:
        if content == "pair":
            return pair(label, draw, number)
        if content == "image":
            return picture(made, label, number, now)
        return {"text": text(label, draw, number)}

    with acting(system(org.id)):
        rows = Item.objects.bulk_create(
            Item(
                project=made, org=org, external_id=f"t{number}",
                payload=payload(label, number), overlap=len(people),
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
            chosen = draw.sample(known[:items], each)
            if of_known:
                chosen += draw.sample(known[items:], of_known)
            _answers(made, user, chosen, share, draw, now, names)
    return made


def _answers(project, user, chosen, share, draw, now, names) -> None:
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
        for said in [label if draw.random() >= share else names[label == names[0]]]
    )  # fmt: skip


def with_lift(project: Project, *, by, now: dt.datetime, **changes: object) -> Project:
    """The same with lift in its criteria, and with the money for it."""
    criteria = {**project.criteria.body, "lift": {**LIFTED, **changes}}
    projects.add_lift(project, criteria, by=by, now=now)
    return project
