"""`desk`: everybody's actions on one project, one line each, on a clock that the test moves."""

import datetime as dt
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.core.tenancy import Actor, acting, system
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.models import Transfer
from apps.ledger.queries import AccountRow
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.projects.models import Item, Project
from apps.projects.rules import Stage, max_remaining
from apps.work import actions as work
from apps.work.actions import money
from apps.work.enums import AssignmentState, GiveBackReason
from apps.work.models import Assignment, EarningLine, Enrolment, Submission, Verdict
from tests.factories.projects import PAY_2, answer

STAFF = Actor(kind="staff")
NOTE = (
    "The sentence ends in a question mark and asks for a time of day; the answer says that it "
    "does not ask for anything."
)
S = AssignmentState
STAGES = {
    S.ACCEPTED: Stage.ACCEPTED,
    S.OVERTURNED: Stage.ACCEPTED,
    S.REJECTED: Stage.REJECTED,
    S.FINAL: Stage.FINAL,
    S.GIVEN_BACK: Stage.UNSUBMITTED,
    S.EXPIRED: Stage.UNSUBMITTED,
}


class Desk:
    def __init__(self, project: Project, now: dt.datetime, clock_at: Callable) -> None:
        self.project, self.now, self._clock_at = project, now, clock_at

    # Time.

    def later(self, **span: float) -> dt.datetime:
        self.now += dt.timedelta(**span)
        self._clock_at(self.now)
        return self.now

    def at(self, moment: dt.datetime) -> dt.datetime:
        self.now = moment
        self._clock_at(moment)
        return moment

    # The contributor.

    def _do(self, action: Callable, user: User, **words: object):
        with acting(actor_of(user)) as actor:
            return action(by=actor, now=self.now, **words)

    def enrol(self, user: User, tier: str = "general", *, has_consented: bool = True) -> Enrolment:
        words = {"tier": tier, "has_consented": has_consented}
        return self._do(work.enrol, user, project_id=self.project.id, **words)

    def claim(self, user: User, item: str | None = None) -> Assignment:
        return self._do(work.claim, user, project_id=self.project.id, item=item)

    def begin(self, user: User, tier: str = "general") -> Assignment:
        self.enrol(user, tier)
        return self.claim(user)

    def beat(self, user: User, row: Assignment, *, had_input: bool = True, **more: bool):
        return self._do(work.beat, user, assignment_id=row.id, had_input=had_input, **more)

    def work_for(self, user: User, row: Assignment, seconds: int) -> None:
        """Heartbeats every 15 seconds, with input."""
        for _ in range(seconds // 15):
            self.later(seconds=15)
            self.beat(user, row)
        self.later(seconds=seconds % 15)

    def draft(self, user: User, row: Assignment, draft: dict):
        return self._do(work.save_draft, user, assignment_id=row.id, draft=draft)

    def submit(self, user: User, row: Assignment, choice: str = "yes") -> Submission:
        return self._do(work.submit, user, assignment_id=row.id, answer=answer(choice))

    def undo(self, user: User, row: Assignment) -> Assignment:
        return self._do(work.undo, user, assignment_id=row.id)

    def give_back(
        self, user: User, row: Assignment, reason: str = GiveBackReason.SKIP, note: str = ""
    ) -> Assignment:
        return self._do(work.give_back, user, assignment_id=row.id, reason=reason, note=note)

    def hand_in(self, user: User, choice: str = "yes", *, seconds: int = 30) -> Assignment:
        """Claim, work, submit, and wait until it can no longer be undone."""
        row = self.claim(user)
        self.work_for(user, row, seconds)
        self.submit(user, row, choice)
        self.later(seconds=61)
        return self.fresh(row)

    # The buyer.

    def answer_of(self, row: Assignment) -> Submission:
        with acting(STAFF):
            return Submission.objects.filter(assignment=row, undone_at=None).latest("round")

    def accept(self, user: User, row: Assignment) -> Assignment:
        return self._do(work.accept, user, submission_id=self.answer_of(row).id)

    def reject(self, user: User, row: Assignment, **changes: str) -> Assignment:
        words = {"criterion": "accuracy", "note": NOTE, "evidence": "The mark at the end."}
        return self._do(work.reject, user, submission_id=self.answer_of(row).id, **words | changes)

    def ask_rework(self, user: User, row: Assignment, **changes: str) -> Assignment:
        words = {"criterion": "accuracy", "note": "Read it to the end."}
        return self._do(
            work.ask_rework, user, submission_id=self.answer_of(row).id, **words | changes
        )

    # The marketplace.

    @property
    def system(self) -> Actor:
        return system(self.project.org_id)

    def as_system(self, action: Callable, **words: object):
        with acting(self.system) as actor:
            return action(by=actor, now=self.now, **words)

    def lapse(self, *rows: Assignment) -> int:
        return self.as_system(work.lapse, assignment_ids=[row.id for row in rows])

    def settle(self, **words: object) -> int:
        return self.as_system(work.settle, project_id=self.project.id, **words)

    def begin_close(self, user: User) -> None:
        self._do(work.begin_close, user, project_id=self.project.id)

    def close(self) -> bool:
        return self.as_system(work.close_when_done, project_id=self.project.id)

    # What stands there.

    def fresh(self, row: Assignment) -> Assignment:
        with acting(STAFF):
            return Assignment.objects.get(id=row.id)

    def account(self, purpose: Purpose) -> AccountRow:
        with acting(STAFF):
            name = {"holder": self.project.org_id, "scope": self.project.id}
            return ledger.find_account(purpose, currency="USD", **name)

    def put_in(self) -> int:
        """Everything ever funded: for work, and for qualification seats."""
        accounts = (self.account(purpose) for purpose in (Purpose.HELD, Purpose.SEATS))
        return sum(account.credits_posted for account in accounts)

    def state(self, row: Assignment) -> str:
        return self.fresh(row).state

    def enrolment(self, user: User) -> Enrolment:
        with acting(STAFF):
            return Enrolment.objects.get(project=self.project, contributor=user)

    def verdicts(self, row: Assignment) -> list[Verdict]:
        with acting(STAFF):
            return list(Verdict.objects.filter(assignment=row).order_by("decided_at", "id"))

    def lines(self, row: Assignment) -> list[tuple]:
        """(kind, net, fee) of the assignment's earning lines."""
        with acting(STAFF):
            lines = EarningLine.objects.filter(assignment=row)
            return sorted((line.kind, line.net, line.fee) for line in lines)

    def settled(self, user: User) -> list[tuple]:
        """(kind, net, fee) of the lines that settlements wrote for this person."""
        with acting(STAFF):
            lines = EarningLine.objects.filter(
                project=self.project, contributor=user, settlement__isnull=False
            )
            return sorted((line.kind, line.net, line.fee) for line in lines)

    def slots(self) -> dict[int, int]:
        with acting(STAFF):
            return dict(
                Item.objects.filter(project=self.project, purpose="work").values_list(
                    "id", "open_slots"
                )
            )

    def open_pending(self, row: Assignment) -> int:
        """What the ledger holds for an assignment: pending transfers that nothing resolved."""
        with acting(STAFF):
            rows = Transfer.objects.filter(subject_id=row.id, kind=TransferKind.PENDING)
            resolved = Transfer.objects.filter(pending__in=rows).values("pending_id")
            return sum(rows.exclude(id__in=resolved).values_list("amount", flat=True))

    def check_holds(self, *rows: Assignment) -> None:
        """Each assignment holds exactly what can still become due, and so does the ledger."""
        for stale in rows:
            row = self.fresh(stale)
            stage = STAGES.get(row.state, Stage.OPEN)
            earned = sum(net for _, net, _ in self.lines(row))
            with acting(STAFF):
                terms = money.terms_of(row.criteria_id)
                target = max_remaining(terms, money.facts_of(row, stage, earned=earned))
            found = (row.held_pay, row.held_fee, row.held_extra)
            assert found == (target.pay, target.fee, target.extra), row.state
            assert self.open_pending(row) == row.held

    def prove(self) -> None:
        with acting(STAFF):
            assert ledger.prove().fault is None


@pytest.fixture
def desk_of(now: dt.datetime, clock_at: Callable) -> Callable[[Project], Desk]:
    return lambda project: Desk(project, now, clock_at)


@pytest.fixture
def desk(acme: Organization, project: Callable[..., Project], desk_of: Callable) -> Desk:
    """A live project without known answers, open to newcomers for all of its budget."""
    return desk_of(project(acme, limits={"newcomer_share_percent": 100}, gold=0))


@pytest.fixture
def reusable(acme, project) -> Project:
    """A project whose consent pays 1.25 for each further use of an answer."""
    return project(
        acme, limits={"newcomer_share_percent": 100}, gold=0, engine="pay/2", pay=PAY_2,
        consent={"secondary_use": "textbooks", "price_per_use": 125},
    )  # fmt: skip
