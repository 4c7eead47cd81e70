"""Lines of the rubric that reviewers cite, the doubtful ones first: the rubric is questioned before
the people.

A line that is cited against nearly everybody is a fault of the rubric or of its examples before it
is one of people: `is_questioned` where even the lower end of the 95% interval of the share of
people with decided work who got it is above one half. A citation that an appeal overturned counts
against the line, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from apps.projects.models import Project
from apps.projects.rules import Kind
from apps.scoring.rules import Z_95, Share, share_of
from apps.work.enums import AssignmentState, VerdictOutcome
from apps.work.models import DECIDED, Assignment, Verdict

EVERYBODY = 0.5
PEOPLE_LEAST = 5
CITING = (VerdictOutcome.REJECTED, VerdictOutcome.REWORK)


@dataclass(frozen=True, slots=True)
class CitedLine:
    """`people` who got it at least once, of all with decided work; `overturned` of `count`."""

    title: str
    count: int
    people: Share
    overturned: int

    @property
    def is_questioned(self) -> bool:
        return self.people.n >= PEOPLE_LEAST and self.people.low > EVERYBODY


def lines(project: Project) -> Sequence[CitedLine]:
    """Every line that was cited; empty where nobody cited one."""
    work = Q(project=project, kind=Kind.WORK)
    everybody = (
        Assignment.objects.filter(work, state__in=DECIDED)
        .aggregate(people=Count("contributor", distinct=True))["people"]
    )  # fmt: skip
    rows = (
        Verdict.objects.filter(project=project, outcome__in=CITING)
        .exclude(criterion="")
        .order_by()
        .values("criterion")
        .annotate(
            n=Count("id"),
            people=Count("contributor", distinct=True),
            overturned=Count(
                "id",
                filter=Q(
                    outcome=VerdictOutcome.REJECTED, assignment__state=AssignmentState.OVERTURNED
                ),
            ),
        )
    )
    titles = {line["key"]: line["title"] for line in project.criteria_in_force.body["rubric"]}
    found = [
        CitedLine(
            title=titles.get(row["criterion"], row["criterion"]),
            count=row["n"],
            # Sent back and not decided again yet: cited all the same.
            people=share_of(row["people"], max(everybody, row["people"]), Z_95),
            overturned=row["overturned"],
        )
        for row in rows
    ]
    return sorted(
        found,
        key=lambda line: (not line.is_questioned, -line.people.value, -line.count, line.title),
    )
