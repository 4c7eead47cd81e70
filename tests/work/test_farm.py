"""A farm of 1,000 scripted accounts, through the actions: what it takes stays under the bound."""

import datetime as dt
import random
from collections import Counter

import pytest

from apps.accounts.models import ContributorProfile, User
from apps.core.errors import WagefileError
from apps.core.tenancy import Actor, acting
from apps.exports.queries.releases import ledger_totals
from apps.projects.queries import qualification_exposure
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine
from tests.factories.projects import PAY_2, answer
from tests.work.conftest import NOTE, STAFF, Desk

pytestmark = pytest.mark.django_db

ACCOUNTS = 1_000
SEATS, ITEMS = 20, 5
BUDGET = 400_00
S = AssignmentState


def farm_of(how_many: int, now: dt.datetime) -> list[Actor]:
    people = User.objects.bulk_create(
        User(email=f"farm{number}@example.org", name=f"Farm {number}") for number in range(how_many)
    )
    actors = [Actor(kind="person", user_id=person.id) for person in people]
    with acting(STAFF):
        ContributorProfile.objects.bulk_create(
            ContributorProfile(user=person, region="US", languages=["en"], adult_confirmed_at=now)
            for person in people
        )
    return actors


class Farm(Desk):
    """Each account does what pays without being worth anything; `got` counts what it could do."""

    got: Counter

    def do(self, action, actor: Actor, **words: object):
        """As this account; None where the marketplace refuses."""
        try:
            with acting(actor):
                return action(by=actor, now=self.now, **words)
        except WagefileError as refusal:
            self.got[type(refusal).__name__] += 1
            return None

    def idle(self, actor: Actor, row: Assignment) -> None:
        """Signs of life until nothing more is paid, as a script in an open page gives them."""
        while row.active_seconds < row.cap_seconds:
            self.later(seconds=59)
            self.do(work.beat, actor, assignment_id=row.id, had_input=True)
            row = self.fresh(row)

    def fails_a_qualification(self, actor: Actor) -> None:
        if not self.do(
            work.enrol, actor, project_id=self.project.id, tier="tested", has_consented=True
        ):
            return
        self.got["attempts"] += 1
        for number in range(ITEMS):
            row = self.do(work.claim, actor, project_id=self.project.id)
            if number == 0:
                self.idle(actor, row)
            self.do(work.submit, actor, assignment_id=row.id, answer=answer("unclear"))

    def works(self, actor: Actor, *, gives_back: bool) -> Assignment | None:
        """Idles to the cap, then noise, or the item comes back."""
        self.do(work.enrol, actor, project_id=self.project.id, tier="general", has_consented=True)
        row = self.do(work.claim, actor, project_id=self.project.id)
        if row is None:
            return None
        self.got["claims"] += 1
        self.idle(actor, row)
        if gives_back:
            self.do(work.give_back, actor, assignment_id=row.id, reason="skip", note="")
        else:
            self.do(work.submit, actor, assignment_id=row.id, answer=answer("unclear"))
        return row

    def rejects_all(self, reviewer: Actor) -> None:
        with acting(STAFF):
            rows = Assignment.objects.filter(project=self.project, state=S.SUBMITTED)
            answers = [row.submissions.get(undone_at=None).id for row in rows]
        for submission in answers:
            with acting(reviewer):
                work.reject(
                    submission_id=submission, criterion="accuracy", note=NOTE, evidence="Noise.",
                    by=reviewer, now=self.now,
                )  # fmt: skip
            self.got["rejections"] += 1

    def taken(self) -> tuple[int, int]:
        """(gross from the transfers alone, gross of all earning lines)."""
        with acting(STAFF):
            lines = EarningLine.objects.filter(project=self.project)
            return ledger_totals(self.project.id).gross, sum(line.gross for line in lines)


def test_a_farm_takes_at_most_the_stated_bound(
    acme, alice, rob, project, now, clock_at, as_, monkeypatch, capsys
):
    tiers = [
        {"key": "general", "title": "All", "regions": [], "languages": [], "credentials": [],
         "qualification": None},
        {"key": "tested", "title": "Tested", "regions": [], "languages": [], "credentials": [],
         "qualification": {"items": ITEMS, "pass_percent": 80, "seats": SEATS}},
    ]  # fmt: skip
    live = project(
        acme,
        budget=BUDGET,
        how_many=200,
        gold=0,
        qualification=ITEMS,
        overlap=3,
        tiers=tiers,
        engine="pay/2",
        pay=PAY_2,
    )
    # An administrator has looked at each freeze: the breaker is no help to the buyer here.
    monkeypatch.setattr("apps.work.actions.verdicts._trip_breaker", lambda *_, **__: None)
    farm = Farm(live, now, clock_at)
    farm.got = Counter()
    body = live.criteria.body
    bound = qualification_exposure(body, budget=BUDGET)
    accounts = farm_of(ACCOUNTS, now)
    random.Random(7).shuffle(accounts)  # noqa: S311 -- the same order in every run

    # Wave after wave, each time after the buyer has rejected everything that there was.
    reviewer = as_(rob)
    for number, actor in enumerate(accounts):
        if number % 3 == 0:
            farm.fails_a_qualification(actor)
        else:
            farm.works(actor, gives_back=number % 3 == 1)
        if number % 100 == 99:
            farm.later(minutes=2)
            farm.rejects_all(reviewer)
            farm.settle()
    # All windows run out, and the buyer closes.
    farm.begin_close(alice)
    farm.later(days=30)
    with acting(STAFF):
        rows = list(Assignment.objects.filter(project=live).exclude(next_due_at=None))
    farm.lapse(*rows)
    assert farm.close()

    spent, in_lines = farm.taken()
    assert spent == in_lines
    with capsys.disabled():
        print(  # noqa: T201 -- the figure is what the test is for
            f"\n{ACCOUNTS} accounts took {spent / 100:.2f} USD of {BUDGET / 100:.2f}; the bound is "
            f"{bound.total / 100:.2f} ({bound.qualification / 100:.2f} for {SEATS} seats and "
            f"{bound.newcomers / 100:.2f} for newcomers). {dict(farm.got)}"
        )
    assert farm.got["attempts"] == SEATS
    assert farm.got["claims"] > 10 and farm.got["rejections"] > 10
    assert 0 < spent <= bound.total
    farm.prove()
