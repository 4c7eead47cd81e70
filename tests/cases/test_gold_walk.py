"""Contests, demotions, verdicts, deadlines and settlements in any order: what always holds."""

import contextlib
import random

import pytest

from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import WagefileError
from apps.core.tenancy import acting
from apps.projects.models import GoldAnswer
from apps.work.models import Assignment, Submission, Verdict
from tests.cases.gold import Golden
from tests.cases.money import STAFF, payable
from tests.factories.projects import PAY_2

pytestmark = pytest.mark.django_db
STEPS = 40


class Walk:
    """Steps drawn by a seed; each may be refused with a sentence, none may break what holds."""

    def __init__(self, desk: Golden, workers, buyer, reviewer, staff, seed: int) -> None:
        self.desk, self.workers, self.buyer = desk, workers, buyer
        self.reviewer, self.staff = reviewer, staff
        self.draw = random.Random(seed)  # noqa: S311 -- the same in every run
        self.paid = {user.id: 0 for user in workers}
        self.demoted: dict[int, tuple] = {}

    def rows(self, *states: str) -> list[Assignment]:
        with acting(STAFF):
            found = Assignment.objects.filter(project=self.desk.project, state__in=states)
            return list(found.order_by("id"))

    def of(self, row: Assignment):
        return next(user for user in self.workers if user.id == row.contributor_id)

    def answer(self) -> None:
        self.desk.answer(self.draw.choice(self.workers), wrong=self.draw.randint(0, 1), right=1)

    def score(self) -> None:
        self.desk.score()

    def reject(self) -> None:
        if rows := self.rows("submitted"):
            self.desk.reject(self.reviewer, self.draw.choice(rows))

    def accept(self) -> None:
        if rows := self.rows("submitted"):
            self.desk.accept(self.reviewer, self.draw.choice(rows))

    def contest(self) -> None:
        if rows := self.rows("rejected", "accepted", "final"):
            row = self.draw.choice(rows)
            self.desk.contest(self.of(row), row)

    def decide(self) -> None:
        with acting(STAFF):
            cases = list(Case.objects.open().filter(kind="gold_contest").order_by("id"))
        if cases:
            self.desk.decide(
                self.staff, self.draw.choice(cases), is_granted=self.draw.random() < 0.5
            )

    def demote(self) -> None:
        if self.draw.random() < 0.3 and (rows := self.rows("submitted", "accepted", "rejected")):
            self.desk.demote(self.buyer, self.draw.choice(rows))

    def wait(self) -> None:
        self.desk.later(days=self.draw.choice([1, 4, 8, 15]))
        self.desk.lapse(*self.rows("submitted", "rejected", "claimed", "rework"))
        sweep_all(now=self.desk.now)

    def settle(self) -> None:
        self.desk.settle()

    def step(self) -> None:
        name = self.draw.choice(
            ["answer", "answer", "score", "reject", "accept", "contest", "contest", "decide",
             "demote", "wait", "settle"]
        )  # fmt: skip
        # A refusal is an outcome as good as any; another error is none.
        with contextlib.suppress(WagefileError):
            getattr(self, name)()
        self.check()

    def check(self) -> None:
        for user in self.workers:
            now = payable(user.id)
            assert now >= self.paid[user.id], "money was taken back"
            self.paid[user.id] = now
        with acting(STAFF):
            gold = list(GoldAnswer.objects.filter(demoted_at__isnull=False))
            for row in gold:
                facts = (row.demoted_at, row.demoted_by_id, row.demoted_case, row.demoted_reason)
                assert self.demoted.setdefault(row.item_id, facts) == facts
                assert row.demoted_reason and (row.demoted_by_id or row.demoted_case)
            items = [row.item_id for row in gold]
            assert self.demoted.keys() == set(items)
            # No rejection that rested on a demoted answer waits for anybody.
            stuck = Verdict.objects.filter(
                outcome="rejected", scores__gold=False, is_bad_faith=False,
                assignment__item_id__in=items, assignment__state="rejected",
            )  # fmt: skip
            assert not stuck.exists()
            # And those that were final are paid in full, by an appeal on record.
            final = Assignment.objects.filter(
                item_id__in=items, state="final", verdicts__scores__gold=False
            )
            for row in final:
                assert Case.objects.filter(assignment=row, kind="appeal", state="granted").exists()
            contests = Case.objects.open().filter(kind="gold_contest")
            assert not contests.filter(assignment__item_id__in=items).exists()
            marked = set(
                GoldAnswer.objects.filter(contested_until__isnull=False).values_list(
                    "item_id", flat=True
                )
            )
            assert marked == set(contests.values_list("assignment__item_id", flat=True))
        self.desk.prove()

    def end(self) -> None:
        """After one more run nothing counts a demoted answer."""
        self.desk.later(minutes=5)
        self.desk.score()
        with acting(STAFF):
            counted = Submission.objects.filter(scores__gold__in=[True, False])
            scored = counted.exclude(assignment__state__in=["rejected", "final"])
            assert not scored.filter(item_id__in=self.demoted).exists()
            for user in self.workers:
                mine = scored.filter(contributor=user)
                row = self.desk.enrolment(user)
                if row.gold_count:
                    assert row.gold_count == mine.count()
        self.check()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_order(acme, project, now, clock_at, carol, dave, alice, rob, ada, seed):
    made = project(
        acme, how_many=40, gold=40, overlap=6, gold_percent=0, engine="pay/2", pay=PAY_2,
        limits={"newcomer_share_percent": 100, "breaker_per_contributor_day": 1000,
                "breaker_percent": 100}, budget=1_000_00,
    )  # fmt: skip
    desk = Golden(made, now, clock_at)
    for user in (carol, dave):
        desk.enrol(user)
    walk = Walk(desk, [carol, dave], alice, rob, ada, seed)
    for _ in range(STEPS):
        walk.step()
    walk.end()
