"""Figures of a project from the rows and the clock: what the buyer's page and the offer show."""

import datetime as dt
import uuid

from django.db import connection
from django.db.models import Count, F, Q, Sum

from apps.core.tenancy import Actor
from apps.projects import actions as projects
from apps.projects.models import Item
from apps.projects.rules import BESIDE_THE_CLOCK, Kind
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Enrolment
from apps.work.queries import progress

S = AssignmentState

# Effective hourly rate of each person: everything earned by work ÷ all active time of what is over,
# rejected, given back and past the paid time included. What is paid for something else than time
# on the clock, such as a royalty, raises no rate.
# Who was active for less than five minutes is left out: a second of work gives no rate.
_RATES = """
WITH earned AS (
  SELECT contributor_id, sum(net) AS net FROM work_earningline
  WHERE project_id = %(project)s AND kind <> ALL(%(beside)s) GROUP BY 1
), clocked AS (
  SELECT contributor_id, sum(active_seconds) AS seconds FROM work_assignment
  WHERE project_id = %(project)s AND ended_at IS NOT NULL GROUP BY 1
), rate AS (
  SELECT e.net * 3600.0 / c.seconds AS hourly FROM earned e JOIN clocked c USING (contributor_id)
  WHERE c.seconds >= 300
)
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY hourly),
  percentile_cont(0.25) WITHIN GROUP (ORDER BY hourly) FROM rate
"""

# The sums of each person, written where they have changed.
_EARNINGS = """
INSERT INTO work_earnings AS known (id, org_id, project_id, contributor_id, currency,
  gross, fee, net, active_seconds, assignments)
SELECT gen_random_uuid(), p.org_id, p.id, a.contributor_id, p.currency,
  coalesce(e.gross, 0), coalesce(e.fee, 0), coalesce(e.net, 0), a.seconds, a.count
FROM projects_project p CROSS JOIN (
  SELECT contributor_id, sum(active_seconds) AS seconds, count(*) FROM work_assignment
  WHERE project_id = %(project)s GROUP BY 1
) a LEFT JOIN (
  SELECT contributor_id, sum(gross) AS gross, sum(fee) AS fee, sum(net) AS net
  FROM work_earningline WHERE project_id = %(project)s GROUP BY 1
) e USING (contributor_id)
WHERE p.id = %(project)s
ON CONFLICT (contributor_id, project_id) DO UPDATE SET gross = excluded.gross, fee = excluded.fee,
  net = excluded.net, active_seconds = excluded.active_seconds, assignments = excluded.assignments
WHERE (known.net, known.gross, known.active_seconds, known.assignments)
  <> (excluded.net, excluded.gross, excluded.active_seconds, excluded.assignments)
"""


def refresh_figures(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> dict:
    """Recompute and store; counters are never added up in place, so they cannot drift."""
    states, repeated = _states(project_id, Kind.WORK), _states(project_id, Kind.REPEAT)
    items = Item.objects.filter(project_id=project_id, purpose="work", state="active").aggregate(
        total=Count("id"),
        done=Count("id", filter=Q(open_slots=0)),
        answers=Sum("overlap"),
        left=Sum("open_slots"),
    )
    sums = EarningLine.objects.filter(project_id=project_id).aggregate(
        net=Sum("net"), fee=Sum("fee"), gross=Sum("gross")
    )
    waits = Assignment.objects.filter(project_id=project_id, state=S.ACCEPTED).aggregate(
        wait=Sum(F("ended_at") - F("submitted_at")), n=Count("id")
    )
    with connection.cursor() as cursor:
        cursor.execute(_RATES, {"project": project_id, "beside": sorted(BESIDE_THE_CLOCK)})
        people, median, quarter = cursor.fetchone()
    tried = Enrolment.objects.filter(project_id=project_id).exclude(state="qualifying")
    passed = tried.filter(state="qualified", attempts__gt=0).count()
    tried_count = tried.filter(attempts__gt=0).count()
    # A repeat is no answer more to its item, but how it was decided is the buyer's record, too.
    both = (states, repeated)
    decided = sum(each.get(s, 0) for each in both for s in (S.ACCEPTED, S.OVERTURNED))
    refused = sum(each.get(s, 0) for each in both for s in (S.REJECTED, S.FINAL))
    offer = {
        "items_left": items["left"] or 0,
        "answers_done": sum(states.get(s, 0) for s in (S.SUBMITTED, S.ACCEPTED, S.OVERTURNED)),
        "people_paid": people,
        "hourly_median": round(median) if median is not None else None,
        "hourly_p25": round(quarter) if quarter is not None else None,
        "pass_rate": round(passed / tried_count, 4) if tried_count else None,
        "accepted": decided,
        "rejected": refused,
        "rejection_rate": round(refused / (decided + refused), 4) if decided + refused else None,
        "seconds_to_money": round(waits["wait"].total_seconds() / waits["n"])
        if waits["n"]
        else None,
    }
    body = {
        **offer,
        "states": states,
        "items": items["total"] or 0,
        "items_done": items["done"] or 0,
        "answers": items["answers"] or 0,
        "net": sums["net"] or 0,
        "fee": sums["fee"] or 0,
        "gross": sums["gross"] or 0,
        progress.KEY: progress.counted(project_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(_EARNINGS, {"project": project_id})
    projects.store_figures(project_id=project_id, body=body, offer_figures=offer, by=by, now=now)
    return body


def _states(project_id: uuid.UUID, kind: Kind) -> dict[str, int]:
    """State → how many assignments of the kind are in it."""
    rows = Assignment.objects.filter(project_id=project_id, kind=kind).order_by()
    return dict(rows.values_list("state").annotate(Count("id")))
