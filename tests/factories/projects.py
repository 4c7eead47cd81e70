"""A published project: criteria, items, gold, and its budget in held funds."""

import copy
import datetime as dt
import hashlib
import random
import uuid

import rfc8785

from apps.core.tenancy import Actor, acting
from apps.ledger import actions as ledger
from apps.ledger.models import Account
from apps.organizations.models import Organization
from apps.projects import rules
from apps.projects.actions.funds import lift_deposits
from apps.projects.enums import ItemPurpose, ProjectState
from apps.projects.models import (
    CriteriaVersion,
    GoldAnswer,
    Item,
    Offer,
    Project,
    ProjectFigures,
)
from apps.projects.queries import (
    keep_test_items,
    lift_funds,
    qualification_exposure,
    seats_of,
)
from apps.projects.queries.lifts import test_items as known_items
from apps.projects.rules import LiftTerms
from tests.factories import ledger as money

CHOICES = ("yes", "no", "unclear")
DECISION = {
    "judgement": "Whether a sentence is a question.",
    "use": "Evaluation of a classifier.",
    "consequence": "A wrong label costs a retry.",
    "worker_brings": "Reading.",
    "worker_status": "Independent contributor.",
    "wage_benchmark": "USD 15 an hour.",
    "protections": "Floor, kill fee, appeal.",
    "data_rights": "Answers are used as the consent says.",
    "internal_path": "Reviewers are chosen among contributors.",
    "budget_owner": "The owner of the organization.",
}
BODY: dict = {
    "engine": "pay/1",
    "currency": "USD",
    "unit": "item",
    "visibility": "public",
    "title": "Is it a question?",
    "layer": "labelling",
    "band": {"complexity": 2, "consequence": 2},
    "task": {
        "type": "choice",
        "config": {
            "question": "Is this sentence a question?",
            "content": "text",
            "choices": [{"key": key, "label": key.capitalize()} for key in CHOICES],
        },
        "instructions": "Read the sentence. Say whether it asks something.",
        "estimate_seconds": 30,
    },
    "rubric": [
        {
            "key": "accuracy",
            "title": "Right answer",
            "weight": 3,
            "anchors": {"1": "wrong", "3": "defensible", "5": "right"},
        },
        {
            "key": "care",
            "title": "Read to the end",
            "weight": 1,
            "anchors": {"1": "not read", "3": "skimmed", "5": "read"},
        },
    ],
    "gates": ["schema", "completeness", "item_time"],
    "pay": {
        "base": 40,
        "qualification": 40,
        "fee_bps": 1500,
        "floor_per_hour": 1200,
        "kill_fee_percent": 50,
        "rework_percent": 50,
        "quality_bonus_percent": 20,
        "quality_bar": "0.80",
        "gold_minimum": 8,
        "paid_seconds_max": 120,
        "instruction_seconds_max": 600,
        "premiums": [],
    },
    "windows": {
        "review_hours": 72,
        "rework_hours": 72,
        "appeal_days": 14,
        "appeal_decision_days": 7,
        "integrity_stop_days": 7,
        "hold_minutes": 30,
        "hold_hours_max": 24,
        "undo_seconds": 60,
    },
    "limits": {
        "gold_exposure_max": 200,
        "newcomer_share_percent": 25,
        "unsubmitted_paid_per_day": 3,
        "unsubmitted_paid_per_attempt": 3,
        "attempts_per_week": 1,
        "attempts_per_year": 3,
        "retake_days": 7,
        "breaker_percent": 30,
        "breaker_per_contributor_day": 10,
    },
    "tiers": [
        {
            "key": "general",
            "title": "Everybody",
            "regions": [],
            "languages": [],
            "credentials": [],
            "qualification": None,
        },
        {
            "key": "tested",
            "title": "Tested readers",
            "regions": [],
            "languages": [],
            "credentials": [],
            "qualification": {"items": 5, "pass_percent": 80, "seats": 20},
        },
    ],
    "overlap": 3,
    "overlap_max": 3,
    "label_error_percent": 5,
    "gold_percent": 10,
    "gold_percent_min": 10,
    "repeat_percent": 0,
    "repeat_between": 20,
    "consent": {
        "purpose": "Evaluation of text classifiers.",
        "licence": "CC BY 4.0",
        "term": "10 years",
        "secondary_use": "none",
        "price_per_use": 0,
        "withdrawal": "Until the first release.",
    },
    "disclosure": {
        "trains": "A text classifier.",
        "owners": "Alice owns all of it.",
        "content_warnings": "",
        "signals": [
            "time against the item's own distribution",
            "gold items",
            "agreement with others",
        ],
    },
    "decision": DECISION,
    "attachments": {},
}


# Lift as publishing writes it, but for the list of test items, which `publish` adds.
LIFT = {
    "recipe": "text-linear", "metric": "accuracy", "positive": "", "method": "with-without",
    "rows": "drawn", "seeds": 4, "chance": 16, "confidence_percent": 95, "minimum_rows": 2,
    "pool_percent": 10,
    "pool": 50_00, "seconds_max": 1800, "price_per_hour": 120, "compute": 60, "contest_days": 14,
}  # fmt: skip

# What the second engine adds to `pay`.
PAY_2 = {"case_seconds": 600, "wind_down_percent": 10, "wind_down_days": 7}


def premium(trigger: str, amount: int) -> dict:
    """As publishing writes it: with who decides that it holds."""
    known = rules.TRIGGERS[trigger]
    return {
        "key": trigger, "label": known.label, "amount": amount, "trigger": trigger,
        "source": str(known.source), "holds": known.holds,
    }  # fmt: skip


def body(**changes: object) -> dict:
    """Criteria of a choice project; `pay={"base": 50}` changes one number of one part."""
    made = copy.deepcopy(BODY)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key].update(value)
        else:
            made[key] = value
    return made


def answer(choice: str) -> dict:
    return {"choice": choice}


def draft(org: Organization, *, by: Actor, now: dt.datetime, title: str = "A draft") -> Project:
    """A project that is not published."""
    with acting(by):
        return Project.objects.create(
            org=org,
            title=title,
            task_type="choice",
            currency=org.currency,
            created_at=now,
            created_by_id=by.user_id,
        )


def publish(
    project: Project,
    *,
    by: Actor,
    now: dt.datetime,
    criteria: dict,
    budget: int,
    with_seats: bool = True,
) -> CriteriaVersion:
    """Freeze the criteria, list the offer and move the budget from the wallet.

    Qualification seats are funded beside the budget, out of money of their own.
    """
    for_seats = qualification_exposure(criteria).qualification if with_seats else 0
    if criteria.get("lift"):
        with acting(by):
            listed = known_items(project)
            criteria["lift"] |= {
                "test_items": len(listed), "test_sha256": keep_test_items(project),
            }  # fmt: skip
        money.fund(project.org_id, lift_funds(criteria), currency=project.currency, now=now)
    money.fund(project.org_id, for_seats, currency=project.currency, now=now)
    with acting(by):
        version = CriteriaVersion.objects.create(
            project=project,
            org_id=project.org_id,
            number=1,
            body=criteria,
            sha256=hashlib.sha256(rfc8785.dumps(criteria)).hexdigest(),
            published_at=now,
            published_by_id=by.user_id,
        )
        project.state = ProjectState.LIVE
        project.criteria = version
        project.visibility = criteria["visibility"]
        project.published_at = now
        project.seats = seats_of(criteria) if with_seats else None
        project.save()
        is_listed = criteria["visibility"] == "public"
        Offer.objects.create(
            project=project,
            org_id=project.org_id,
            state=project.state,
            is_listed=is_listed,
            body={"title": project.title},
            updated_at=now,
        )
        ProjectFigures.objects.create(project=project, org_id=project.org_id, updated_at=now)
        ledger.post(
            [
                money.entry(
                    money.wallet(project.org_id, project.currency),
                    money.held(project.org_id, project.id, project.currency),
                    budget,
                    code="fund_project",
                    currency=project.currency,
                    scope=project.id,
                    at=now,
                ),
                *(
                    [
                        money.entry(
                            money.wallet(project.org_id, project.currency),
                            money.seats(project.org_id, project.id, project.currency),
                            for_seats,
                            code="fund_seats",
                            currency=project.currency,
                            scope=project.id,
                            at=now,
                        )
                    ]
                    if for_seats
                    else []
                ),
                *_lift(project, criteria, now),
            ]
        )
    return version


def add_lift(project: Project, criteria: dict, *, by: Actor, now: dt.datetime) -> None:
    """A second version with lift, funded: for rows that were not there when it was published."""
    with acting(by):
        listed = known_items(project)
        criteria["lift"] |= {
            "test_items": len(listed), "test_sha256": keep_test_items(project),
        }  # fmt: skip
        money.fund(project.org_id, lift_funds(criteria), currency=project.currency, now=now)
    with acting(by):
        project.criteria = CriteriaVersion.objects.create(
            project=project,
            org_id=project.org_id,
            number=2,
            body=criteria,
            sha256=hashlib.sha256(rfc8785.dumps(criteria)).hexdigest(),
            published_at=now,
            published_by_id=by.user_id,
        )
        project.save()
        ledger.post(_lift(project, criteria, now))


def _lift(project: Project, criteria: dict, now: dt.datetime) -> list:
    terms = LiftTerms.of(criteria)
    return lift_deposits(project, terms, now=now) if terms else []


def items(
    project: Project,
    how_many: int,
    *,
    by: Actor,
    overlap: int = 3,
    gold: int = 0,
    purpose: ItemPurpose = ItemPurpose.WORK,
    seed: int = 7,
) -> list[Item]:
    """Items with text; the first `gold` of them have a known answer, "yes" and "no" in turn."""
    keys = random.Random(f"{seed}{purpose}")  # noqa: S311 -- the same order in every run
    prefix = "q" if purpose == ItemPurpose.QUALIFICATION else "i"
    with acting(by):
        made = Item.objects.bulk_create(
            Item(
                project=project,
                org_id=project.org_id,
                external_id=f"{prefix}{number}",
                purpose=purpose,
                payload={"text": f"Sentence number {number}?"},
                overlap=overlap,
                open_slots=overlap,
                sort_key=keys.getrandbits(63) - 2**62,
            )
            for number in range(1, how_many + 1)
        )
        GoldAnswer.objects.bulk_create(
            GoldAnswer(
                item=item,
                project=project,
                org_id=project.org_id,
                answer=answer(CHOICES[place % 2]),
                answer_key=CHOICES[place % 2],
                explanation="It is known.",
            )
            for place, item in enumerate(made[:gold])
        )
    return made


def published(
    org: Organization,
    *,
    by: Actor,
    now: dt.datetime,
    budget: int = 500_00,
    how_many: int = 20,
    gold: int = 10,
    qualification: int = 5,
    overlap: int = 3,
    wallet: int | None = None,
    title: str = "Is it a question?",
    with_seats: bool = True,
    **changes: object,
) -> Project:
    """A live choice project with items, gold, a tier without and a tier with a qualification.

    `wallet` is put into the organization's wallet first (default: the budget).
    Without seats it is a project from before they had money of their own. `changes` are those of
    `body`.
    """
    money.fund(org.id, budget if wallet is None else wallet, currency=org.currency, now=now)
    project = draft(org, by=by, now=now, title=title)
    criteria = body(title=title, overlap=overlap, currency=org.currency, **changes)
    items(project, how_many, by=by, overlap=overlap, gold=gold)
    if qualification:
        items(
            project,
            qualification,
            by=by,
            gold=qualification,
            purpose=ItemPurpose.QUALIFICATION,
        )
    has_seats = with_seats and qualification > 0
    publish(project, by=by, now=now, criteria=criteria, budget=budget, with_seats=has_seats)
    return project


def held_funds(project: Project) -> int:
    """What lies in the project's held funds, reserved or not (minor units)."""
    with acting(Actor(kind="staff", user_id=uuid.UUID(int=0))):
        account = Account.objects.get(purpose="held", scope_id=project.id)
    return account.balance
