"""Whoever made a model better is told of the buyer's next project, if a tier of it takes them."""

import datetime as dt
import uuid

from django.db import connection, transaction
from django.urls import reverse

from apps.core.errors import Conflict, Invalid
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.projects import permissions
from apps.projects.actions.moves import locked, record
from apps.work.actions import money


def invite_by_lift(*, project_id: uuid.UUID, to_id: uuid.UUID, by: Actor, now: dt.datetime) -> int:
    """Tell those with significant lift in the last run of the one project of the other; how many.

    A public, live project of the same buyer; each person is told once. Who they are stays unsaid.
    """
    with transaction.atomic():
        # In the order of their ids, so that two invitations never wait for each other.
        rows = {each: locked(each, by=by) for each in sorted({project_id, to_id})}
        project, to = rows[project_id], rows[to_id]
        permissions.check_can_manage(by, project)
        permissions.check_can_manage(by, to)
        if to.org_id != project.org_id or to.id == project.id or to.criteria_id is None:
            raise Invalid("Choose another live project of yours.", field="to")
        with connection.cursor() as cursor:
            cursor.execute("SELECT work_lift_fitting(%s, %s)", [project.id, to.id])
            people = [row[0] for row in cursor.fetchall()]
        if not people:
            raise Conflict(
                "Nobody is left to invite: no tier of that project takes them, or they are "
                "invited or have joined already."
            )
        pay = written(money.body_of(to.criteria_id)["pay"]["base"], to.currency)
        notices.tell(
            people,
            kind=Notices.OFFER,
            title=f"You are invited: {to.title}",
            body=f"Your answers to {project.title} made a model better, so its buyer asks you "
            f"first: {pay} an item before premiums. The offer says everything before you agree.",
            url=reverse("work:offer", args=[to.id]),
            key=f"lift_invite:{to.id}",
            now=now,
        )
        record(project, "lift_invited", by=by, now=now, to=to.id, people=len(people))
        return len(people)
