"""The project of a replay: its buyer, items, criteria and people."""

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from apps.accounts.models import User
from apps.core.tenancy import Actor, acting, system
from apps.organizations import actions as organizations
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.pages.management.replay.crowd import Crowd
from apps.projects import actions as projects
from apps.projects import queries as project_queries
from apps.projects import rules
from apps.projects.models import Project
from apps.projects.queries import criteria
from apps.projects.rules import Kind, Terms
from apps.work import actions as work
from apps.work.models import Enrolment

CHECK_ITEM = "reading-check"
TIER = "crowd"
RUBRIC = [
    {
        "key": "accuracy",
        "title": "The answer is right",
        "weight": 3,
        "anchors": {
            "1": "The answer contradicts the item.",
            "3": "The answer can be defended, another is closer.",
            "5": "A careful reader would give the same answer.",
        },
    },
]


@dataclass(slots=True)
class Stage:
    """Everything that the later steps need to name."""

    org: Organization
    owner: User
    reviewer: User
    staff: User
    project: Project
    people: dict[str, uuid.UUID]

    @property
    def system(self) -> Actor:
        return system(self.org.id)


def find(state: dict, crowd: Crowd) -> Stage | None:
    """The stage of an unfinished replay, or None when its database is another one."""
    staff = User.objects.filter(id=state["staff"]).first()
    if staff is None:
        return None
    with acting(Actor(kind="staff", user_id=staff.id)):
        project = (
            Project.objects.select_related("org", "criteria").filter(id=state["project"]).first()
        )
    if project is None:
        return None
    users = User.objects.in_bulk([state["owner"], state["reviewer"]], field_name="id")
    by_text = {str(key): user for key, user in users.items()}
    emails = dict(
        User.objects.filter(email__startswith=f"{state['key']}-").values_list("email", "id")
    )
    return Stage(
        org=project.org,
        owner=by_text[state["owner"]],
        reviewer=by_text[state["reviewer"]],
        staff=staff,
        project=project,
        people={w: emails[_email(state["key"], n)] for n, w in enumerate(crowd.workers)},
    )


def _email(key: str, number: int) -> str:
    return f"{key}-{number:06d}@replay.invalid"


def build(
    crowd: Crowd, *, key: str, seconds: int, now: dt.datetime, say: Callable[[str], None]
) -> Stage:
    """Create, fund and publish. Called once a replay; a half-built one is left and begun anew."""
    staff = staging.administrator("replay-administrator@replay.invalid", "Replay administrator")
    owner, org = staging.buyer(
        f"{key}-buyer@replay.invalid",
        "Replay buyer",
        organization=f"Replay of {crowd.name} {key[:6]}",
        owners="Nobody: this organization exists to replay a published data set.",
        now=now,
    )
    reviewer = _reviewer(org, owner, key, now=now)
    with acting(actor_of(owner)) as actor:
        project = projects.create(
            org_id=org.id, title=f"Replay of {crowd.name}"[:120], by=actor, now=now
        )
        for step, data in _draft(crowd, seconds=seconds).items():
            projects.save_draft(project_id=project.id, step=step, data=data, by=actor, now=now)
    say("items")
    for purpose, name, rows in (
        ("work", "items.jsonl", _items(crowd)),
        ("qualification", "check.jsonl", _check(crowd)),
    ):
        with acting(actor_of(owner)) as actor:
            load = projects.start_import(
                project_id=project.id, name=name, content=rows, purpose=purpose, by=actor, now=now
            )
        staging.finish_import(load, org, owner)
    say("money and publishing")
    project = _publish(crowd, project, org, owner, now=now)
    say("people")
    people = staging.contributors(
        [(_email(key, n), worker[:120]) for n, worker in enumerate(crowd.workers)],
        staff=staff,
        now=now,
    )
    by_worker = {worker: people[_email(key, n)] for n, worker in enumerate(crowd.workers)}
    return Stage(
        org=org, owner=owner, reviewer=reviewer, staff=staff, project=project, people=by_worker
    )


def _reviewer(org: Organization, owner: User, key: str, *, now: dt.datetime) -> User:
    reviewer = User.objects.create_user(
        f"{key}-reviewer@replay.invalid", None, name="Replay reviewer", is_simulated=True
    )
    with acting(actor_of(owner)) as actor:
        invitation = organizations.invite(
            org_id=org.id, email=reviewer.email, role="reviewer", by=actor, now=now
        )
    with acting(actor_of(reviewer)) as actor:
        organizations.accept_invitation(invitation_id=invitation.id, by=actor, now=now)
    return reviewer


def _base(seconds: int, floor_per_hour: int) -> int:
    """Twice the floor for the stated seconds, at least ten minor units."""
    return max(10, -(-2 * floor_per_hour * seconds // 3600))


def _draft(crowd: Crowd, *, seconds: int) -> dict[str, dict]:
    config = _config(crowd)
    base = _base(seconds, criteria.floor_per_hour("USD", [{"regions": ["US"]}]))
    promise = "A replay of published answers; nobody works here."
    return {
        "work": {
            "title": f"Replay of {crowd.name}"[:120],
            "task_type": crowd.type,
            "config": config,
            "instructions": "Read the item and give the answer that it supports.",
            "estimate_seconds": seconds,
            "layer": "labelling",
            "band": {"complexity": 1, "consequence": 1},
            "visibility": "assigned",
        },
        "pay": {"base": base, "qualification": base, "premiums": []},
        "rubric": {"lines": RUBRIC},
        "tiers": {
            "tiers": [
                {
                    "key": TIER,
                    "title": "The crowd of the data set",
                    "regions": ["US"],
                    "languages": [],
                    "credentials": [],
                    "qualification": {
                        "items": 1,
                        "pass_percent": 100,
                        "seats": len(crowd.workers),
                    },
                }
            ]
        },
        "items": {"overlap": 1, "gold_percent": 0},
        "consent": {
            "purpose": "Measuring this marketplace on a published data set",
            "licence": "As the data set",
            "term": "Until the replay is deleted",
            "secondary_use": "none",
            "price_per_use": 0,
            "withdrawal": "Delete the replay",
        },
        "disclosure": {"trains": "Nothing", "owners": promise, "content_warnings": ""},
        "decision": dict.fromkeys(project_queries.DECISION_QUESTIONS, promise),
        "budget": {"amount": 0},
    }


def _config(crowd: Crowd) -> dict:
    if crowd.type == "pairwise":
        return {"question": "Which response is better?", "needs_reason": False, "allows_tie": True}
    config = {
        "question": "Which answer fits this item?",
        "content": "pair" if _has_second(crowd) else "text",
        "choices": [{"key": key, "label": label} for label, key in crowd.keys.items()],
    }
    return config | ({"level": "ordinal"} if crowd.level == "ordinal" else {})


def _has_second(crowd: Crowd) -> bool:
    first = next(iter(crowd.texts.values()), {})
    return bool({"second", "text_hypothesis"} & set(first))


def _payload(crowd: Crowd, item: str) -> dict[str, str]:
    row = crowd.texts.get(item, {})
    if crowd.type == "pairwise":
        prompt = "\n\n".join(
            row[name] for name in ("prompt", "text_instruction", "text_input") if row.get(name)
        )
        return {
            "prompt": prompt or f"Item {item}",
            "a": row.get("a") or row.get("response_a") or "(empty response)",
            "b": row.get("b") or row.get("response_b") or "(empty response)",
        }
    text = row.get("text") or row.get("sentence") or f"Item {item}"
    if _has_second(crowd):
        second = row.get("second") or row.get("text_hypothesis") or "(nothing)"
        return {"text": text, "second": second}
    return {"text": text}


def _line(row: dict) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _items(crowd: Crowd) -> Iterator[bytes]:
    for item, overlap in crowd.overlap.items():
        row = {"item_id": item, "overlap": overlap, **_payload(crowd, item)}
        if item in crowd.gold:
            row["gold"] = crowd.keys[crowd.gold[item]]
        yield _line(row)


def check_answer(crowd: Crowd) -> dict:
    """The right answer of the one reading check that everybody passes first."""
    return {"choice": next(iter(crowd.keys.values()))} | (
        {"reason": ""} if crowd.type == "pairwise" else {}
    )


def _check(crowd: Crowd) -> Iterator[bytes]:
    label, key = next(iter(crowd.keys.items()))
    text = f"This is a reading check. Choose: {label}"
    payload = (
        {"prompt": text, "a": "First", "b": "Second"}
        if crowd.type == "pairwise"
        else {"text": text, "second": text}
        if _has_second(crowd)
        else {"text": text}
    )
    yield _line({"item_id": CHECK_ITEM, "gold": key, "explanation": "It says so.", **payload})


def _publish(
    crowd: Crowd, project: Project, org: Organization, owner: User, *, now: dt.datetime
) -> Project:
    with acting(actor_of(owner)):
        project.refresh_from_db()
        body = project_queries.draft_body(project)
    terms = Terms.of(body)
    nothing = frozenset[str]()
    cap = terms.paid_seconds_max
    seats = project_queries.qualification_exposure(body).qualification
    each = rules.max_cost(terms, kind=Kind.WORK, triggers=nothing, cap_seconds=cap)
    # All seats, every answer's maximum at once, and something for slots that a rejection opens
    # again.
    budget = seats + each.total * (len(crowd.answers) + 100)
    staging.capital_for_fees(budget, now=now)
    staging.fund(org, owner, budget, now=now)
    with acting(actor_of(owner)) as actor:
        projects.save_draft(
            project_id=project.id, step="budget", data={"amount": budget}, by=actor, now=now
        )
        projects.publish(project_id=project.id, by=actor, now=now)
        return Project.objects.select_related("org", "criteria").get(id=project.id)


def enrol(stage: Stage, *, now: dt.datetime) -> None:
    """Name every contributor of the data for the assigned project."""
    with acting(stage.system):
        known = set(
            Enrolment.objects.filter(project=stage.project).values_list("contributor_id", flat=True)
        )
    for user_id in stage.people.values():
        if user_id not in known:
            with acting(stage.system) as actor:
                work.enrol(
                    project_id=stage.project.id,
                    tier=TIER,
                    has_consented=True,
                    contributor_id=user_id,
                    by=actor,
                    now=now,
                )
