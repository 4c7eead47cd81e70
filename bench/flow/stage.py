"""Projects of text items, funded and published by the real actions, and people signed in to them.

`python -m bench.flow.stage PROJECTS ITEMS PEOPLE GOLD`, in a house with the stand-in for Stripe;
one JSON line.
"""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
django.setup()

from django.conf import settings  # noqa: E402 -- needs the settings
from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.middleware.csrf import _get_new_csrf_string  # noqa: E402
from django.urls import reverse  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.core import clock  # noqa: E402
from apps.core.tenancy import acting  # noqa: E402
from apps.organizations.models import Organization  # noqa: E402
from apps.organizations.queries import actor_of  # noqa: E402
from apps.pages.management import staging  # noqa: E402
from apps.projects import actions as projects  # noqa: E402
from apps.projects import queries, rules  # noqa: E402
from apps.projects.models import Project  # noqa: E402
from apps.projects.rules import Kind, Terms  # noqa: E402
from apps.work import actions as work  # noqa: E402
from bench.flow.texts import ANSWERS, QUESTION, texts  # noqa: E402

TIER = "everybody"
PROMISE = "A benchmark; nobody works here."


def main() -> None:
    projects_wanted, items, people, gold = (int(word) for word in sys.argv[1:5])
    now = clock.now()
    staff = staging.administrator("flow-administrator@bench.invalid", "Benchmark administrator")
    owner, org = staging.buyer(
        "flow-buyer@bench.invalid",
        "Benchmark buyer",
        organization="Benchmark",
        owners="Nobody.",
        now=now,
    )
    known = staging.contributors(
        [(f"flow-{number:03d}@bench.invalid", f"Person {number}") for number in range(people)],
        staff=staff,
        now=now,
    )
    staging.accept_terms(known.values())
    made = [_project(org, owner, items, gold, number) for number in range(projects_wanted)]
    for project in made:
        for user_id in known.values():
            with acting(staging.person(user_id)) as actor:
                work.enrol(
                    project_id=project.id, tier=TIER, has_consented=True, by=actor, now=clock.now()
                )
    sessions = [signed_in(user_id) for user_id in known.values()]
    any_id = uuid.UUID(int=0)
    staged = {
        "projects": [str(row.id) for row in made],
        "people": sessions,
        "claims": reverse("api:claims"),
        "submission": reverse("api:submission", args=[any_id]).replace(str(any_id), "{}"),
    }
    sys.stdout.write(json.dumps(staged) + "\n")


def _project(org: Organization, owner: User, items: int, gold: int, number: int) -> Project:
    now = clock.now()
    with acting(actor_of(owner)) as actor:
        row = projects.create(org_id=org.id, title=f"Flow {number}", by=actor, now=now)
        for step, data in _draft(gold).items():
            projects.save_draft(project_id=row.id, step=step, data=data, by=actor, now=now)
        load = projects.start_import(
            project_id=row.id,
            name="items.jsonl",
            content=_rows(items, with_gold=gold > 0),
            purpose="work",
            by=actor,
            now=now,
        )
    staging.finish_import(load, org, owner)
    with acting(actor_of(owner)):
        row.refresh_from_db()
        terms = Terms.of(queries.draft_body(row))
    nothing = frozenset[str]()
    most = rules.max_cost(
        terms,
        kind=Kind.WORK,
        triggers=nothing,
        cap_seconds=terms.paid_seconds_max + terms.instruction_seconds_max,
    )
    # People whom nobody knows yet hold at most a quarter of a budget: all of them are such.
    budget = 4 * most.total * (items + 100)
    staging.fund(org, owner, budget, now=now)
    with acting(actor_of(owner)) as actor:
        projects.save_draft(
            project_id=row.id, step="budget", data={"amount": budget}, by=actor, now=now
        )
        projects.publish(project_id=row.id, by=actor, now=now)
    return row


def _rows(items: int, *, with_gold: bool) -> Iterator[bytes]:
    for number, text in enumerate(texts(items)):
        row = {"item_id": f"text-{number}", "overlap": 1, "text": text}
        if with_gold and number % 50 == 0:
            row["gold"] = ANSWERS[-1].lower()
        yield json.dumps(row).encode() + b"\n"


def _draft(gold: int) -> dict[str, dict]:
    return {
        "work": {
            "title": "Flow",
            "task_type": "choice",
            "config": {
                "question": QUESTION,
                "content": "text",
                "choices": [{"key": key.lower(), "label": key} for key in ANSWERS],
            },
            "instructions": "Read the text and give the answer that it supports.",
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
                    "title": "The answer is right",
                    "weight": 1,
                    "anchors": {"1": "Wrong.", "3": "Defensible.", "5": "Right."},
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
        "items": {"overlap": 1, "gold_percent": gold},
        "consent": {
            "purpose": "A benchmark",
            "licence": "None",
            "term": "Until the benchmark ends",
            "secondary_use": "none",
            "price_per_use": 0,
            "withdrawal": "Always",
        },
        "disclosure": {"trains": "Nothing", "owners": PROMISE, "content_warnings": ""},
        "decision": dict.fromkeys(queries.DECISION_QUESTIONS, PROMISE),
        "budget": {"amount": 0},
    }


def signed_in(user_id: uuid.UUID) -> dict[str, str]:
    """The headers of this person's browser after signing in."""
    user = User.objects.get(id=user_id)
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    token = _get_new_csrf_string()
    cookies = {
        settings.SESSION_COOKIE_NAME: store.session_key,
        settings.CSRF_COOKIE_NAME: token,
    }
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": token,
    }


if __name__ == "__main__":
    main()
