"""Known answers that were met and missed, scored, and what can then be done about them."""

import datetime as dt
from collections.abc import Callable

from apps.accounts.models import User
from apps.cases import actions as cases
from apps.cases.models import Case
from apps.core.tenancy import acting
from apps.projects.models import GoldAnswer, Project
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.models import Assignment
from tests.cases.money import STAFF
from tests.work.conftest import Desk

REASON = "The sentence asks for nothing: it is a quotation, as the second anchor says."
EVIDENCE = "The third anchor of the rubric names this very sentence."
WHY = "The sentence is a quotation of a question, and the rubric leaves those open."


class Golden(Desk):
    """A desk at a project all of whose items have a known answer."""

    def __init__(self, project: Project, now: dt.datetime, clock_at: Callable) -> None:
        super().__init__(project, now, clock_at)
        with acting(STAFF):
            rows = GoldAnswer.objects.filter(project=project)
            self.known = dict(rows.values_list("item_id", "answer_key"))

    def answer(self, user: User, *, wrong: int, right: int = 0) -> list[Assignment]:
        """Answers to known items, the wrong ones first; each as submitted, its undo over."""
        done = []
        for place in range(wrong + right):
            row = self.claim(user)
            known = self.known[row.item_id]
            self.work_for(user, row, 30)
            self.submit(user, row, known if place >= wrong else "unclear")
            self.later(seconds=61)
            done.append(self.fresh(row))
        return done

    def score(self) -> ScoringRun | None:
        """A run asked for, computed and taken."""
        self.later(minutes=2)
        run = self.as_system(work.request_scores, project_id=self.project.id)
        if run is not None:
            scoring.run(run_id=run.id, by=self.system)
            self.as_system(work.take_scores, run_id=run.id)
        return run

    def contest(self, user: User, row: Assignment, **words: str) -> Case:
        said = {"reason": REASON, "evidence": EVIDENCE} | words
        return self._do(cases.contest_gold, user, assignment_id=row.id, **said)

    def decide(self, user: User, case: Case, *, is_granted: bool = True) -> Case:
        return self._do(cases.decide, user, case_id=case.id, is_granted=is_granted, decision=WHY)

    def demote(self, user: User, row: Assignment, reason: str = WHY) -> GoldAnswer:
        return self._do(
            cases.demote_gold, user, project_id=self.project.id, item_id=row.item_id, reason=reason
        )

    def gold(self, row: Assignment) -> GoldAnswer:
        with acting(STAFF):
            return GoldAnswer.objects.get(item_id=row.item_id)

    def case(self, case: Case) -> Case:
        with acting(STAFF):
            return Case.objects.get(id=case.id)

    def same_item(self, user: User, row: Assignment) -> Assignment:
        """Another person's wrong answer to the same known item."""
        while True:
            other = self.answer(user, wrong=1)[0]
            if other.item_id == row.item_id:
                return other
