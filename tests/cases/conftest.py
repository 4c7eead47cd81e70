"""Work of carol's for acme that was rejected by rob, or accepted by silence."""

import datetime as dt
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.core.tenancy import acting, system
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.projects.models import Project
from apps.work import actions as work
from apps.work.models import Assignment
from tests.cases.gold import Golden
from tests.factories import projects

NOTE = "The sentence asks for a time of day, and the answer says that it asks for nothing. " * 2
REASON = "The sentence asks for nothing: it is a quotation, as the second anchor says."
DECISION = "The answer is defensible under the cited anchor, so the rejection does not stand."


@pytest.fixture
def published(acme: Organization, project: Callable[..., Project]) -> Project:
    return project(acme, limits={"newcomer_share_percent": 100}, gold=0)


@pytest.fixture
def submitted(
    published: Project, now: dt.datetime
) -> Callable[[User], tuple[Assignment, dt.datetime]]:
    """`submitted(user)`: an answer of theirs, and a moment at which it can no longer be undone."""

    def submit(user: User) -> tuple[Assignment, dt.datetime]:
        person = actor_of(user)
        with acting(person):
            work.enrol(
                project_id=published.id, tier="general", has_consented=True, by=person, now=now
            )
            row = work.claim(project_id=published.id, by=person, now=now)
            work.submit(assignment_id=row.id, answer=projects.answer("yes"), by=person, now=now)
            row.refresh_from_db()
        return row, now + dt.timedelta(minutes=2)

    return submit


@pytest.fixture
def rejected(submitted: Callable, carol: User, rob: User) -> tuple[Assignment, dt.datetime]:
    """Carol's answer, rejected by rob, and when."""
    row, at = submitted(carol)
    reviewer = actor_of(rob)
    with acting(reviewer):
        submission = row.submissions.get()
        row = work.reject(
            submission_id=submission.id,
            criterion="accuracy",
            note=NOTE,
            evidence="The mark at the end.",
            by=reviewer,
            now=at,
        )
    return row, at


@pytest.fixture
def accepted(submitted: Callable, carol: User) -> tuple[Assignment, dt.datetime]:
    """Carol's answer, accepted because nobody had decided, and when."""
    row, _ = submitted(carol)
    at = row.review_due_at
    with acting(system(row.org_id)) as marketplace:
        work.lapse(assignment_ids=[row.id], by=marketplace, now=at)
        row.refresh_from_db()
    return row, at


@pytest.fixture
def golden(acme, project, now, clock_at) -> Golden:
    made = project(
        acme, how_many=12, gold=12, overlap=6, gold_percent=0, engine="pay/2", pay=projects.PAY_2,
        limits={"newcomer_share_percent": 100},
    )  # fmt: skip
    return Golden(made, now, clock_at)


@pytest.fixture
def missed(golden, carol, rob) -> Assignment:
    """Carol's answer to a known item: wrong by it, scored, and rejected by rob for that."""
    golden.enrol(carol)
    row = golden.answer(carol, wrong=1)[0]
    golden.score()
    golden.reject(rob, row)
    return golden.fresh(row)
