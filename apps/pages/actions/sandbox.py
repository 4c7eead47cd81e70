"""A throw-away tenant for those who try to cheat: it exists while a try runs, and never after.

It is built by the same actions as any other, inside the transaction of the try that is then rolled
back. So no board lists it, no figure counts it, no sweep finds it, and two people who try at the
same time do not meet.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from apps.accounts.models import ContributorProfile, User
from apps.core.ids import uuid7
from apps.core.tenancy import Actor, acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.organizations import actions as organizations
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.models import CriteriaVersion, GoldAnswer, Item, Project
from apps.projects.queries import DECISION_QUESTIONS
from apps.work import actions as work
from apps.work.models import Assignment, Submission

MONEY = 200_00  # minor units, made up inside the transaction
BUDGET = 150_00
NAME = "Sandbox"

SECTIONS: dict[str, dict] = {
    "work": {
        "title": "Is it a question?",
        "task_type": "choice",
        "config": {
            "question": "Is this sentence a question?",
            "content": "text",
            "choices": [{"key": "yes", "label": "Yes"}, {"key": "no", "label": "No"}],
        },
        "instructions": "Read the sentence. Say whether it asks something.",
        "estimate_seconds": 30,
        "layer": "labelling",
        "band": {"complexity": 1, "consequence": 1},
        "visibility": "public",
    },
    "pay": {"base": 40, "qualification": 40, "premiums": []},
    "rubric": {
        "lines": [
            {
                "key": "accuracy",
                "title": "Right answer",
                "weight": 1,
                "anchors": {"1": "Wrong.", "3": "Defensible.", "5": "Right."},
            }
        ]
    },
    "tiers": {
        "tiers": [
            {"key": "open", "title": "Everybody", "regions": [], "languages": [],
             "credentials": [], "qualification": None},
            {"key": "tested", "title": "Tested", "regions": [], "languages": [], "credentials": [],
             "qualification": {"items": 2, "pass_percent": 50, "seats": 5}},
        ]
    },
    "items": {"overlap": 1, "gold_percent": 0},
    "consent": {
        "purpose": "None: this is thrown away.",
        "licence": "None",
        "term": "None",
        "secondary_use": "none",
        "price_per_use": 0,
        "withdrawal": "At once",
    },
    "disclosure": {"trains": "Nothing", "owners": "Nobody", "content_warnings": "none"},
    "decision": dict.fromkeys(DECISION_QUESTIONS, "Nothing; a sandbox."),
    "budget": {"amount": BUDGET},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A buyer with a live project and a draft of the next, a contributor with money and an answer
    that waits for review, and an administrator. `now` is after the time for undo.
    """

    org_id: uuid.UUID
    owner: Actor
    contributor: Actor
    administrator: Actor
    outsider: Actor
    project_id: uuid.UUID
    draft_id: uuid.UUID
    criteria_id: uuid.UUID
    accepted_id: uuid.UUID
    assignment_id: uuid.UUID
    submission_id: uuid.UUID
    now: dt.datetime

    @property
    def contributor_id(self) -> uuid.UUID:
        return self.contributor.person_id


def build(*, now: dt.datetime) -> Sandbox:
    """Everything of it, in the transaction that is open. Three days of its own time pass."""
    owner, org_id = _buyer(now)
    with acting(system(org_id)):
        _money(org_id, now=now)
    live = _draft(owner, org_id, now=now)
    with acting(owner):
        criteria: CriteriaVersion = projects.publish(project_id=live.id, by=owner, now=now)
    contributor = _contributor(now)
    accepted, _ = _answer(contributor, live.id, now=now, first=True)
    later = now + dt.timedelta(days=3, minutes=5)
    with acting(system(org_id)) as silence:
        work.lapse(assignment_ids=[accepted.id], by=silence, now=later)
    waiting, submission = _answer(contributor, live.id, now=later)
    draft = _draft(owner, org_id, now=later)
    outsider, _ = _buyer(later)
    return Sandbox(
        org_id=org_id,
        owner=owner,
        contributor=contributor,
        administrator=Actor(kind="staff", user_id=_user(is_staff=True).id),
        outsider=outsider,
        project_id=live.id,
        draft_id=draft.id,
        criteria_id=criteria.id,
        accepted_id=accepted.id,
        assignment_id=waiting.id,
        submission_id=submission.id,
        now=later + dt.timedelta(minutes=5),
    )


def _user(*, is_staff: bool = False) -> User:
    email = f"{uuid7()}@sandbox.invalid"
    return User.objects.create_user(email, None, name=NAME, is_staff=is_staff, is_simulated=True)


def _buyer(now: dt.datetime) -> tuple[Actor, uuid.UUID]:
    user = _user()
    with acting(actor_of(user)) as actor:
        org = organizations.create(
            name=NAME, country="US", currency="USD", owners="Nobody", by=actor, now=now
        )
    return actor_of(user), org.id


def _money(org_id: uuid.UUID, *, now: dt.datetime) -> None:
    entry = ledger.Entry(
        id=uuid7(),
        kind=TransferKind.POSTED,
        code="funding",
        at=now,
        amount=MONEY * 2,
        debit=ledger.account(Purpose.STRIPE, currency="USD"),
        credit=ledger.account(Purpose.WALLET, currency="USD", holder=org_id),
        currency="USD",
    )
    ledger.post([entry])


def _draft(owner: Actor, org_id: uuid.UUID, *, now: dt.datetime) -> Project:
    with acting(owner):
        made = projects.create(org_id=org_id, title=NAME, is_simulated=True, by=owner, now=now)
        for step, data in SECTIONS.items():
            projects.save_draft(project_id=made.id, step=step, data=data, by=owner, now=now)
        _items(made, "work", 4)
        _items(made, "qualification", 2)
    return made


def _items(project: Project, purpose: str, count: int) -> None:
    rows = Item.objects.bulk_create(
        Item(
            project=project,
            org_id=project.org_id,
            external_id=f"{purpose}{number}",
            purpose=purpose,
            payload={"text": f"Is this sentence number {number}?"},
            overlap=1,
            open_slots=1,
            sort_key=number,
        )
        for number in range(count)
    )
    if purpose == "qualification":
        GoldAnswer.objects.bulk_create(
            GoldAnswer(
                item=row,
                project=project,
                org_id=project.org_id,
                answer={"choice": "yes"},
                answer_key="yes",
            )
            for row in rows
        )


def _contributor(now: dt.datetime) -> Actor:
    actor = Actor(kind="person", user_id=_user().id)
    with acting(actor):
        ContributorProfile.objects.create(
            user_id=actor.person_id, region="US", languages=["en"], adult_confirmed_at=now
        )
    return actor


def _answer(
    by: Actor, project_id: uuid.UUID, *, now: dt.datetime, first: bool = False
) -> tuple[Assignment, Submission]:
    with acting(by):
        if first:
            work.enrol(project_id=project_id, tier="open", has_consented=True, by=by, now=now)
        row = work.claim(project_id=project_id, by=by, now=now)
        submission = work.submit(assignment_id=row.id, answer={"choice": "yes"}, by=by, now=now)
    return row, submission
