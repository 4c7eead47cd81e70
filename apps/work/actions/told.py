"""What people are told when silence, a person or a deadline decides over their work."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence

from django.urls import reverse

from apps.accounts.models import User
from apps.core.money import written
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.projects.rules import AS_WORK, Line
from apps.work.actions import money
from apps.work.models import Assignment

# A crowd that is made up reads nothing; a replay accepts hundreds of thousands of its answers.
NOBODY = ".invalid"


def accepted(rows: Sequence[Assignment], *, now: dt.datetime) -> None:
    """One notice a person, project and day, with the count; qualifications tell their own result.

    The rows are of one statement, so whoever has hundreds accepted by silence is told once.
    """
    work = [row for row in rows if row.kind in AS_WORK]
    counts = Counter((row.contributor_id, row.project_id) for row in work)
    titles = {row.project_id: money.body_of(row.criteria_id)["title"] for row in work}
    people = readers({contributor for contributor, _ in counts})
    for contributor, project in sorted(counts):
        if contributor in people:
            notices.count_up(
                contributor,
                kind=Notices.ACCEPTED,
                more=counts[contributor, project],
                tally=f"accepted:{project}",
                title=f"Accepted answers: {titles[project]}",
                url=reverse("work:history"),
                now=now,
            )


def readers(user_ids: set[uuid.UUID]) -> set[uuid.UUID]:
    """Those of them who are no made-up crowd."""
    rows = User.objects.filter(id__in=user_ids).exclude(email__endswith=NOBODY)
    return set(rows.values_list("id", flat=True))


def contributor(
    row: Assignment,
    kind: Notices,
    title: str,
    body: str,
    *,
    due_at: dt.datetime | None = None,
    key: str | None = None,
    now: dt.datetime,
) -> None:
    """Tell whoever did this work, with the page of it. `due_at` and `key` as in `notices.tell`."""
    notices.tell(
        [row.contributor_id],
        kind=kind,
        title=title,
        body=body,
        url=reverse("work:assignment", args=[row.id]),
        due_at=due_at,
        key=key,
        now=now,
    )


def rework_lapsed(row: Assignment, *, now: dt.datetime) -> None:
    title = "The time for a second round is over"
    body = "Your first answer stands again and is reviewed in a new window."
    contributor(row, Notices.REWORK_LAPSED, title, body, now=now)


def rejections_final(rows: Sequence[Assignment], *, now: dt.datetime) -> None:
    title = "The time for an appeal is over; the rejection stands"
    body = "What was paid for the work stays paid."
    for row in rows:
        contributor(row, Notices.REJECTION_FINAL, title, body, now=now)


def wound_down(row: Assignment, line: Line, *, now: dt.datetime) -> None:
    """The project takes no new work; what is in hand can be finished."""
    pay = written(line.net, money.terms_of(row.criteria_id).currency)
    title = f"{money.body_of(row.criteria_id)['title']} is closing: you get {pay}"
    body = f"{line.reason} What you have in hand you can finish, and it is paid."
    contributor(row, Notices.WIND_DOWN, title, body, now=now)


def used_again(row: Assignment, line: Line, *, now: dt.datetime) -> None:
    pay = written(line.net, money.terms_of(row.criteria_id).currency)
    contributor(row, Notices.ROYALTY, f"Your answers are used again: {pay}", line.reason, now=now)


def lift(row: Assignment, line: Line, *, now: dt.datetime) -> None:
    """What the last lift run of a project says of this person's work, bonus or not."""
    title = money.body_of(row.criteria_id)["title"]
    pay = written(line.net, money.terms_of(row.criteria_id).currency)
    notices.tell(
        [row.contributor_id],
        kind=Notices.LIFT,
        title=f"{title}: lift bonus of {pay}" if line.net else f"{title}: your lift was measured",
        body=line.reason,
        url=reverse("work:lift", args=[row.project_id]),
        now=now,
    )
