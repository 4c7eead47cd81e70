"""The demo's three projects, through the same actions as the wizard."""

import datetime as dt
from collections.abc import Mapping

from django.core.management.base import CommandError

from apps.core import clock
from apps.core.tenancy import acting
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.pages.management import staging
from apps.pages.management.demo import texts
from apps.pages.management.demo.digits import Digits, jsonl
from apps.pages.management.demo.pairs import PAIRS
from apps.pages.management.demo.stage import Stage, wait
from apps.projects import actions as projects
from apps.projects.enums import ImportState, ItemPurpose, ProjectState
from apps.projects.models import Item, ItemImport, Project

# Cents. The crowd's claims of the first week must fit into the newcomers' quarter of the budget.
DIGITS_BUDGET = 1_780_00
PREFERENCE_BUDGET = 300_00
WALLET = 2_700_00
CAPITAL = 500_00


def fill_wallet(stage: Stage, *, now: dt.datetime) -> None:
    with stage.as_("finance"):
        wallet = find_account(Purpose.WALLET, currency="USD", holder=stage.org.id)
    if not wallet.credits_posted:
        staging.capital(CAPITAL, now=now)
        staging.fund(stage.org, stage.people["finance"], WALLET, now=now)


def publish_digits(stage: Stage, digits: Digits, *, now: dt.datetime) -> Project:
    project = _written(stage, texts.digits(), now=now)
    if project.state == ProjectState.DRAFT:
        digits.pictures.seek(0)
        with stage.as_("manager") as actor:
            report = projects.add_assets(
                project_id=project.id, files=[digits.pictures], by=actor, now=now
            )
        if report.refused:
            raise CommandError(f"Pictures were refused: {report.refused[:3]}")
        _load(stage, project, "digits.jsonl", digits.items, ItemPurpose.WORK)
        _load(stage, project, "check.jsonl", digits.check, ItemPurpose.QUALIFICATION)
        _publish(stage, project, DIGITS_BUDGET, now=now)
    return _again(stage, project)


def publish_preference(stage: Stage, *, now: dt.datetime) -> Project:
    project = _written(stage, texts.preference(), now=now)
    if project.state == ProjectState.DRAFT:
        rows = [
            {"item_id": f"pair-{number:02d}", **pair._asdict()}
            for number, pair in enumerate(PAIRS, start=1)
        ]
        _load(stage, project, "pairs.jsonl", jsonl(rows), ItemPurpose.WORK)
        _publish(stage, project, PREFERENCE_BUDGET, now=now)
    return _again(stage, project)


def begin_draft(stage: Stage, *, now: dt.datetime) -> Project:
    return _written(stage, texts.half_a_draft(), now=now)


def _written(stage: Stage, sections: Mapping[str, dict], *, now: dt.datetime) -> Project:
    """The draft with these sections; what is there already is left as it is."""
    title = sections["work"]["title"]
    project = stage.project(title)
    if project is not None:
        return project
    with stage.as_("manager") as actor:
        project = projects.create(
            org_id=stage.org.id, title=title, is_simulated=True, by=actor, now=now
        )
        for step, data in sections.items():
            projects.save_draft(project_id=project.id, step=step, data=data, by=actor, now=now)
    return project


def _load(stage: Stage, project: Project, name: str, content: bytes, purpose: ItemPurpose) -> None:
    with stage.as_("manager") as actor:
        if Item.objects.filter(project=project, purpose=purpose).exists():
            return
        load = projects.start_import(
            project_id=project.id,
            name=name,
            content=[content],
            purpose=purpose,
            by=actor,
            now=clock.now(),
        )

    def is_done() -> bool:
        with stage.as_("manager"):
            load.refresh_from_db()
        if load.state in {ImportState.ASKING, ImportState.FAILED}:
            raise CommandError(f"{name} was not taken: {load.error or load.refused[:3]}")
        return load.state == ImportState.DONE

    wait(f"the import of {name}", is_done, instead=lambda: _run(stage, load))


def _run(stage: Stage, load: ItemImport) -> None:
    projects.run_import(import_id=load.id, by=stage.system, now=clock.now())


def _publish(stage: Stage, project: Project, budget: int, *, now: dt.datetime) -> None:
    with stage.as_("manager") as actor:
        projects.save_draft(
            project_id=project.id, step="budget", data={"amount": budget}, by=actor, now=now
        )
        projects.publish(project_id=project.id, by=actor, now=now)


def _again(stage: Stage, project: Project) -> Project:
    with acting(stage.system):
        return Project.objects.select_related("org", "criteria").get(id=project.id)
