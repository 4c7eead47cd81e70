"""`make demo`'s content: people, an organization, three projects and a simulated crowd's week."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import clock
from apps.core.errors import WagefileError
from apps.core.tenancy import acting
from apps.organizations import actions as organizations
from apps.organizations.enums import Role
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.pages.management.demo import people, projects, texts
from apps.pages.management.demo.course import Course
from apps.pages.management.demo.digits import ITEMS, digits
from apps.pages.management.demo.stage import Stage, say
from apps.payments import actions as payments
from apps.projects.tasks import publish_figures
from apps.work.tasks import figures


class Command(BaseCommand):
    help = "Fill an empty demo through the real actions; a filled one is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data", type=Path, help="replay this crowd instead of the made-up one"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        staging.check_is_simulated()
        try:
            stage = people.gather(now=clock.now())
            say("people and the organization Brightline Labs")
            if options["data"] is None:
                seed(stage)
            else:
                replay(stage, options["data"])
        except WagefileError as error:
            raise CommandError(error.sentence) from error
        people.write_sign_ins()


def seed(stage: Stage) -> None:
    """Every step finds what an earlier, interrupted one has done."""
    if is_complete(stage):
        say("everything else is there already")
        return
    people.invite_crowd(stage, now=clock.now())
    say("a simulated crowd, with stated error rates")
    projects.fill_wallet(stage, now=clock.now())
    say("the wallet is funded through the stand-in's Checkout")
    found = digits()
    project = projects.publish_digits(stage, found, now=clock.now())
    say(f"project: {project.title}, {ITEMS} pictures, published")
    course = Course(stage, project, found)
    if not course.is_settled():
        say(f"qualification: {course.qualify()}")
        say(f"first week: {course.work(weeks=1)}")
        say(f"scores: {course.score()}")
        say(f"early verdicts: {course.accept_some()}")
        say(f"silence and settlement: {course.end_week()}")
    say(f"lift: {course.measure()}")
    say(f"more data: {course.look_ahead()}")
    say(f"payout: {course.pay_out()}")
    say(f"second week: {course.work(weeks=2)}")
    say(f"scores: {course.score()}")
    say(f"due process: {course.contest()}")
    preference = projects.publish_preference(stage, now=clock.now())
    say(f"project: {preference.title}, 24 pairs, nobody has begun")
    say(f"draft: {projects.begin_draft(stage, now=clock.now()).title}")
    say(f"release: {course.release()}")
    # What beat does by itself, so that the first page already shows it.
    payments.fetch_balance(now=clock.now())
    figures()
    publish_figures()
    say(f"{course.open_items()} pictures still have room for you")


def is_complete(stage: Stage) -> bool:
    """The release is the last step."""
    project = stage.project(texts.DIGITS)
    if project is None:
        return False
    with acting(stage.system):
        return project.releases.filter(state="ready").exists()


def replay(stage: Stage, path: Path) -> None:
    """Begin with a replay of this file; the demo's owner becomes a member of its buyer."""
    if _replayed(stage, path):
        say(f"a replay of {path.name} is there already")
        return
    say(f"replay of {path.name}")
    call_command("replay", data=path)
    org = _of_replay(stage, path)
    with acting(actor_of(org.created_by)) as actor:
        invitation = organizations.invite(
            org_id=org.id,
            email=stage.people["owner"].email,
            role=Role.OWNER,
            by=actor,
            now=clock.now(),
        )
    with stage.as_("owner") as actor:
        organizations.accept_invitation(invitation_id=invitation.id, by=actor, now=clock.now())


def _replayed(stage: Stage, path: Path) -> bool:
    with stage.as_("owner") as actor:
        return (
            Organization.objects.visible_to(actor)
            .filter(name__startswith=f"Replay of {path.stem} ")
            .exists()
        )


def _of_replay(stage: Stage, path: Path) -> Organization:
    with stage.as_("administrator") as actor:
        return (
            Organization.objects.visible_to(actor)
            .select_related("created_by")
            .filter(name__startswith=f"Replay of {path.stem} ")
            .latest("created_at")
        )
