"""A draft that could be published, and files of items."""

import copy
import datetime as dt
from collections.abc import Callable

import pytest

from apps.core.tenancy import Actor, acting, system
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.models import ItemImport, Project
from tests.factories.projects import BODY, DECISION

SECTIONS: dict = {
    "work": {
        "title": "Is it a question?",
        "task_type": "choice",
        "config": BODY["task"]["config"],
        "instructions": "Read the sentence. Say whether it asks something.",
        "estimate_seconds": 30,
        "layer": "labelling",
        "band": {"complexity": 2, "consequence": 2},
        "visibility": "public",
    },
    "pay": {"base": 40, "qualification": 40, "premiums": []},
    "rubric": {"lines": BODY["rubric"]},
    "tiers": {"tiers": [{**BODY["tiers"][1], "qualification": {
        "items": 2, "pass_percent": 80, "seats": 3}}]},
    "items": {"overlap": 2, "gold_percent": 10},
    "consent": BODY["consent"],
    "disclosure": {"trains": "A text classifier.", "owners": "", "content_warnings": ""},
    "decision": DECISION,
    "budget": {"amount": 500_00},
}  # fmt: skip

WORK = b"item_id,text,gold\n" + b"".join(b"w%d,Sentence %d?,yes\n" % (n, n) for n in range(5))
QUALIFICATION = b"item_id,text,gold,explanation\nq1,Is it?,yes,It asks\nq2,It is.,no,It tells\n"


@pytest.fixture
def owner(acme: Organization) -> Actor:
    return actor_of(acme.created_by)


@pytest.fixture
def draft(acme: Organization, owner: Actor, now: dt.datetime) -> Callable[..., Project]:
    """`draft(pay={"base": 0})`: every section written, with these changes; no items yet."""

    def make(**changes: dict) -> Project:
        with acting(owner):
            made = projects.create(org_id=acme.id, title="Draft", by=owner, now=now)
            for step, data in copy.deepcopy(SECTIONS).items():
                projects.save_draft(
                    project_id=made.id,
                    step=step,
                    data={**data, **changes.get(step, {})},
                    by=owner,
                    now=now,
                )
        return made

    return make


@pytest.fixture
def load(acme: Organization, owner: Actor, now: dt.datetime) -> Callable[..., ItemImport]:
    """Upload a file and read it, as the worker would."""

    def run(
        project: Project, content: bytes, name: str = "items.csv", purpose: str = "work"
    ) -> ItemImport:
        with acting(owner):
            made = projects.start_import(
                project_id=project.id, name=name, content=[content], purpose=purpose,
                by=owner, now=now,
            )  # fmt: skip
        projects.run_import(import_id=made.id, by=system(acme.id), now=now)
        with acting(owner):
            return ItemImport.objects.get(id=made.id)

    return run


@pytest.fixture
def ready(
    acme: Organization, draft: Callable, load: Callable, funded: Callable
) -> Callable[..., Project]:
    """A draft with items, gold and a funded wallet: nothing blocks it but `changes`."""

    def make(wallet: int = 1_000_00, **changes: dict) -> Project:
        made = draft(**changes)
        assert load(made, WORK).state == "done"
        assert load(made, QUALIFICATION, purpose="qualification").state == "done"
        if wallet:
            funded(acme, wallet)
        return made

    return make
