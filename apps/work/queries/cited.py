"""Lines of the rubric that reviewers cite, the doubtful ones first: the rubric is questioned before
the people.

A line that is cited against nearly everybody is a fault of the rubric or of its examples before it
is one of people: `is_questioned` where even the lower end of the 95% interval of the share of
people with decided work who got it is above one half. A citation that an appeal overturned counts
against the line, too. `spread` is the effective number of people behind the citations, 1/Σ s² with
s their shares (M. O. Hill, "Diversity and evenness", Ecology 54, 1973): near 1 where nearly all of
them go to one person.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from apps.projects.models import Project
from apps.projects.rules import AS_WORK
from apps.scoring.rules import Z_95, Share, share_of
from apps.work.enums import AssignmentState, VerdictOutcome
from apps.work.models import DECIDED, Assignment, Verdict

EVERYBODY = 0.5
PEOPLE_LEAST = 5
CITING = (VerdictOutcome.REJECTED, VerdictOutcome.REWORK)


@dataclass(frozen=True, slots=True)
class CitedLine:
    """`people` who got it at least once, of all with decided work; `answers` that got it, of all
    decided ones; `overturned` of `count`.
    """

    title: str
    count: int
    answers: Share
    people: Share
    spread: float
    overturned: int

    @property
    def is_questioned(self) -> bool:
        return self.people.n >= PEOPLE_LEAST and self.people.low > EVERYBODY


def lines(project: Project) -> Sequence[CitedLine]:
    """Every line that was cited; empty where nobody cited one."""
    work = Q(project=project, kind__in=AS_WORK)
    decided = Assignment.objects.filter(work, state__in=DECIDED).aggregate(
        people=Count("contributor", distinct=True), answers=Count("id")
    )
    rows = (
        Verdict.objects.filter(project=project, outcome__in=CITING)
        .exclude(criterion="")
        .order_by()
        .values("criterion", "contributor")
        .annotate(
            n=Count("id"),
            answers=Count("assignment", distinct=True),
            overturned=Count(
                "id",
                filter=Q(
                    outcome=VerdictOutcome.REJECTED, assignment__state=AssignmentState.OVERTURNED
                ),
            ),
        )
    )
    of_line: dict[str, list[Mapping]] = defaultdict(list)
    for row in rows:
        of_line[row["criterion"]].append(row)
    titles = {line["key"]: line["title"] for line in project.criteria_in_force.body["rubric"]}
    found = [
        _line(titles.get(key, key), people, decided["people"], decided["answers"])
        for key, people in of_line.items()
    ]
    return sorted(
        found,
        key=lambda line: (not line.is_questioned, -line.people.value, -line.count, line.title),
    )


def _line(title: str, people: Sequence[Mapping], everybody: int, decided: int) -> CitedLine:
    """people: a row a person who got it, with how often (n) and on how many answers."""
    count, answers = sum(row["n"] for row in people), sum(row["answers"] for row in people)
    return CitedLine(
        title=title,
        count=count,
        # Sent back and not decided again yet: cited all the same.
        answers=share_of(answers, max(decided, answers), Z_95),
        people=share_of(len(people), max(everybody, len(people)), Z_95),
        spread=count**2 / sum(row["n"] ** 2 for row in people),
        overturned=sum(row["overturned"] for row in people),
    )
