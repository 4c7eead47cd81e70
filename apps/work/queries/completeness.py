"""How complete a project's answers are, and how many keep to the schema in force.

The gates at submission refuse what is blank or invalid, under the version of the criteria that the
work was taken under. Under a later version an answer may be invalid: that is counted here.
"""

import uuid
from collections.abc import Mapping

from django.db import connection
from django.db.models import Count

from apps.core.errors import WagefileError
from apps.projects.models import CriteriaVersion
from apps.projects.rules import Kind
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Submission

IN = (AssignmentState.SUBMITTED, AssignmentState.ACCEPTED, AssignmentState.OVERTURNED)

_ITEMS = """
WITH given AS (SELECT item_id, count(*) AS n FROM work_assignment
  WHERE project_id = %s AND kind = 'work' AND state = ANY (%s) GROUP BY 1)
SELECT count(*), count(*) FILTER (WHERE coalesce(g.n, 0) >= i.overlap),
  coalesce(sum(i.overlap), 0), coalesce(sum(least(coalesce(g.n, 0), i.overlap)), 0)
FROM projects_item i LEFT JOIN given g ON g.item_id = i.id
WHERE i.project_id = %s AND i.purpose = 'work' AND i.state = 'active'
"""


def counted(project_id: uuid.UUID) -> dict[str, int]:
    """`complete` of `items` have all of their answers; `filled` of `wanted` answers are in; `valid`
    of `checked` answers keep to the schema in force. Reads every row of the project.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS, [project_id, [state.value for state in IN], project_id])
        items, complete, wanted, filled = map(int, cursor.fetchone())
    by_version = dict(
        Assignment.objects.filter(project_id=project_id, kind=Kind.WORK, state__in=IN)
        .order_by()
        .values_list("criteria_id")
        .annotate(Count("id"))
    )
    checked = sum(by_version.values())
    return {
        "items": items,
        "complete": complete,
        "wanted": wanted,
        "filled": filled,
        "checked": checked,
        "valid": checked - _invalid(project_id, by_version),
    }


def _invalid(project_id: uuid.UUID, by_version: Mapping[uuid.UUID, int]) -> int:
    """Answers under another task than the one in force that its check refuses."""
    tasks = list(
        CriteriaVersion.objects.filter(project_id=project_id)
        .order_by("number")
        .values_list("id", "body__task__type", "body__task__config")
    )
    if not tasks:
        return 0
    _, name, config = tasks[-1]
    others = [pk for pk, *task in tasks if task != [name, config] and pk in by_version]
    if not others:
        return 0
    check = registry.get(name).check_answer
    rows = (
        Submission.objects.filter(
            project_id=project_id,
            kind=Kind.WORK,
            undone_at=None,
            assignment__criteria_id__in=others,
            assignment__state__in=IN,
        )
        .order_by("assignment_id", "-round")
        .distinct("assignment_id")
        .values_list("item__payload", "answer")
    )
    refused = 0
    for payload, answer in rows.iterator(chunk_size=5_000):
        try:
            check(config, payload, answer)
        except WagefileError:
            refused += 1
    return refused
