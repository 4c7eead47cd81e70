"""Celery entry points of cases: deadlines, and the mail and the end of tickets."""

import datetime as dt
import logging

from celery import shared_task

from apps.cases import actions as cases
from apps.core import clock
from apps.core.errors import WagefileError
from apps.core.tasks import one_at_a_time, pairs
from apps.core.tenancy import acting, system
from apps.work.actions import reminders as work

log = logging.getLogger(__name__)


@shared_task(name="cases.sweep")
def sweep() -> int:
    """Let every deadline that has passed decide, and every notice that is over act."""
    return sweep_all(now=clock.now())


def sweep_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many cases moved."""
    moved = 0
    with one_at_a_time("cases.sweep") as mine:
        if not mine:
            return 0
        for case_id, org_id in pairs("cases_due", now):
            try:
                with acting(system(org_id)) as actor:
                    moved += cases.lapse(case_id=case_id, by=actor, now=now)
            except WagefileError:
                # One case that cannot be carried out must not stop the others' deadlines.
                log.exception("case %s is overdue and could not be settled", case_id)
        for case_id, org_id in pairs("cases_lift_to_repeat"):
            with acting(system(org_id)) as actor:
                moved += cases.repeat_lift(case_id=case_id, by=actor, now=now)
        with acting(system()) as platform:
            moved += cases.finish_notices(by=platform, now=now)
    return moved


@shared_task(name="cases.mail")
def mail() -> int:
    """Mail to people without an account what waits for them."""
    with acting(system()) as platform:
        return cases.mail_out(by=platform)


@shared_task(name="cases.forget")
def forget() -> int:
    """Erase tickets of people without an account whose time is over."""
    with acting(system()) as platform:
        return cases.forget(by=platform, now=clock.now())


@shared_task(name="cases.remind")
def remind() -> int:
    """Tell who has to decide or to make a statement that a deadline comes near."""
    return remind_all(now=clock.now())


def remind_all(*, now: dt.datetime) -> int:
    """As the task, at a given time; how many cases."""
    with one_at_a_time("cases.remind") as mine:
        due = pairs("cases_near", now, now + work.hours("case")) if mine else []
        for case_id, org_id in due:
            with acting(system(org_id)) as actor:
                cases.remind(case_id=case_id, by=actor, now=now)
    return len(due)
