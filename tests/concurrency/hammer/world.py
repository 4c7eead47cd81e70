"""The marketplace that is hammered: made by real actions, paid for at the stand-in for Stripe."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from apps.accounts.models import User
from apps.core import clock
from apps.core.tenancy import Actor, acting, system
from apps.organizations import actions as organizations
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.projects import actions as projects
from apps.projects import queries
from apps.work import actions as work

PEOPLE, PAYABLE_PEOPLE, REVIEWERS, ADMINISTRATORS = 24, 18, 3, 3
ITEMS, OVERLAP, KNOWN = 160, 8, 24
TIER = "everybody"
# Minor units. The second project is so small that claims and reworks race for its last cents.
CAPITAL, WALLET, BUDGETS = 5_000_00, 10_800_00, (9_600_00, 60_00)
SENTENCE = "Nobody reads this: the project exists to be worked on by many clients at once."


@dataclass(frozen=True, slots=True)
class World:
    """Ids only, so that every client reads its own rows."""

    org: uuid.UUID
    owner: uuid.UUID
    reviewers: tuple[uuid.UUID, ...]
    administrators: tuple[uuid.UUID, ...]
    people: tuple[uuid.UUID, ...]
    projects: tuple[uuid.UUID, ...]

    @property
    def system(self) -> Actor:
        return system(self.org)


def build() -> World:
    now = clock.now()
    administrators = [
        staging.administrator(f"admin{n}@hammer.example", f"Administrator {n}")
        for n in range(ADMINISTRATORS)
    ]
    owner, org = staging.buyer(
        "owner@hammer.example", "Owner", organization="Hammered", owners=SENTENCE, now=now
    )
    staging.accept_terms([owner.id])
    reviewers = [_reviewer(org, owner, number, now=now) for number in range(REVIEWERS)]
    staging.capital(CAPITAL, now=now)
    staging.fund(org, owner, WALLET, now=now)
    made = tuple(_project(org, owner, budget, now=now) for budget in BUDGETS)
    people = staging.contributors(
        [(f"person{n}@hammer.example", f"Person {n}") for n in range(PEOPLE)],
        staff=administrators[0],
        now=now,
    )
    ids = tuple(people.values())
    staging.accept_terms(ids)
    staging.verify(ids[:PAYABLE_PEOPLE], now=now)
    for person in ids:
        for project_id in made:
            with acting(staging.person(person)) as by:
                work.enrol(project_id=project_id, tier=TIER, has_consented=True, by=by, now=now)
    return World(
        org=org.id,
        owner=owner.id,
        reviewers=tuple(user.id for user in reviewers),
        administrators=tuple(user.id for user in administrators),
        people=ids,
        projects=made,
    )


def _reviewer(org: Organization, owner: User, number: int, *, now: dt.datetime) -> User:
    user = User.objects.create_user(
        f"reviewer{number}@hammer.example", None, name=f"Reviewer {number}", is_simulated=True
    )
    with acting(actor_of(owner)) as actor:
        invitation = organizations.invite(
            org_id=org.id, email=user.email, role="reviewer", by=actor, now=now
        )
    with acting(actor_of(user)) as actor:
        organizations.accept_invitation(invitation_id=invitation.id, by=actor, now=now)
    return user


def _project(org: Organization, owner: User, budget: int, *, now: dt.datetime) -> uuid.UUID:
    with acting(actor_of(owner)) as actor:
        project = projects.create(org_id=org.id, title=f"Budget {budget}", by=actor, now=now)
        for step, data in _draft(budget).items():
            projects.save_draft(project_id=project.id, step=step, data=data, by=actor, now=now)
        load = projects.start_import(
            project_id=project.id, name="items.jsonl", content=_items(), purpose="work", by=actor,
            now=now,
        )  # fmt: skip
    staging.finish_import(load, org, owner)
    with acting(actor_of(owner)) as actor:
        projects.publish(project_id=project.id, by=actor, now=now)
    return project.id


def _items() -> Iterator[bytes]:
    for number in range(ITEMS):
        row = {"item_id": f"i{number}", "text": f"Is {number} even?", "overlap": OVERLAP}
        if number < KNOWN:
            row |= {"gold": right(number), "explanation": "Numbers are even or odd."}
        yield json.dumps(row).encode() + b"\n"


def right(number: int) -> str:
    return "no" if number % 2 else "yes"


def _draft(budget: int) -> dict[str, dict]:
    """Gold is a fifth of all claims, and one person may hold the whole budget unreviewed."""
    return {
        "work": {
            "title": f"Budget {budget}",
            "task_type": "choice",
            "config": {
                "question": "Is the number even?",
                "content": "text",
                "choices": [{"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}],
            },
            "instructions": SENTENCE,
            "estimate_seconds": 20,
            "layer": "labelling",
            "band": {"complexity": 1, "consequence": 1},
            "visibility": "public",
        },
        "pay": {"base": 150, "qualification": 150, "premiums": []},
        "rubric": {
            "lines": [
                {
                    "key": "accuracy",
                    "title": "The answer is right",
                    "weight": 3,
                    "anchors": {"1": "It is wrong.", "3": "It is close.", "5": "It is right."},
                }
            ]
        },
        "tiers": {
            "tiers": [
                {
                    "key": TIER,
                    "title": "Everybody",
                    "regions": ["US"],
                    "languages": [],
                    "credentials": [],
                    "qualification": None,
                }
            ]
        },
        "items": {"overlap": OVERLAP, "gold_percent": 15},
        "consent": {
            "purpose": SENTENCE,
            "licence": "CC BY 4.0",
            "term": "One day",
            "secondary_use": "none",
            "price_per_use": 0,
            "withdrawal": "At any time",
        },
        "disclosure": {"trains": "Nothing", "owners": SENTENCE, "content_warnings": ""},
        "decision": dict.fromkeys(queries.DECISION_QUESTIONS, SENTENCE),
        "budget": {"amount": budget},
    }
