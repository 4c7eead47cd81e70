"""Any order of steps, in the database, against a model of pure rules: the money is always right."""

import datetime as dt
import sys
from collections import Counter

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.cases import actions as cases
from apps.core.errors import Conflict
from apps.core.tenancy import acting
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.models import Transfer
from apps.organizations.queries import actor_of
from apps.projects import rules
from apps.projects.models import Item
from apps.projects.rules import Facts, Kind, Outcome, Stage
from apps.scoring.models import LiftRun
from apps.work import actions as work
from apps.work import tasks
from apps.work.actions.lift_rows import pseudonym
from apps.work.errors import NothingToDo
from apps.work.models import Assignment, EarningLine, Enrolment, LiftPool
from tests.factories import accounts
from tests.factories.projects import LIFT, PAY_2, premium
from tests.work.conftest import STAFF, Desk
from tests.work.test_actions_qualification import known
from tests.work.test_lift_money import finish

START = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
GROUNDS = (
    "Forty answers in a row are the same, each sent after two seconds, whatever the sentence says; "
    "nobody reads a sentence in that time."
)
REASON = "The sentence asks for nothing: it is a quotation, as the rubric's own example says."
TIERS = [
    {
        "key": key, "title": key, "regions": [], "languages": [], "credentials": [],
        "qualification": qualification,
    }
    for key, qualification in (
        ("general", None), ("tested", {"items": 2, "pass_percent": 100, "seats": 2}),
    )
]  # fmt: skip
DECISIONS = [None, "accept", "reject", "ask_rework"]
ACCUSATIONS = ["found", "not found", "accuse"]
ENDS = ["overturned", "final", "lapse", None]


class Model:
    """What the rules say of one assignment, kept beside the database and never read from it."""

    def __init__(self, *, cap: int, at: dt.datetime, kind: Kind = Kind.WORK) -> None:
        self.kind = kind
        self.cap, self.state, self.rounds, self.active = cap, "claimed", 1, 0
        self.beat_at = self.claimed_at = at
        self.due: dt.datetime | None = at + HOUR / 2
        self.undo_until = at
        self.earned = self.fees = self.beside = 0
        self.triggers: frozenset[str] = frozenset()
        self.ended: dt.datetime | None = None
        self.counts = self.is_topped_up = False
        self.bonus_left: int | None = None
        self.has_appeal = self.was_reworked = False
        self.is_bad_faith = self.was_stopped = self.is_accepting = False
        self.stopped_until: dt.datetime | None = None

    @property
    def paid(self) -> int:
        return min(self.active, self.cap) if self.counts else 0

    def facts(self, stage: Stage) -> Facts:
        return Facts(
            kind=self.kind,
            stage=stage,
            cap_seconds=self.cap,
            triggers=self.triggers,
            rounds=self.rounds,
            paid_seconds=None if stage == Stage.OPEN else self.paid,
            earned=self.earned,
            is_topped_up=self.is_topped_up,
            is_bad_faith=self.is_bad_faith,
        )

    @property
    def is_undecided(self) -> bool:
        """Bad faith was found, and its appeal is not over: not settled before."""
        return self.state == "rejected" and self.is_bad_faith

    def is_stopped(self, now: dt.datetime) -> bool:
        return self.stopped_until is not None and now < self.stopped_until

    @property
    def stage(self) -> Stage:
        return {
            "accepted": Stage.ACCEPTED, "overturned": Stage.ACCEPTED, "rejected": Stage.REJECTED,
            "final": Stage.FINAL, "given_back": Stage.UNSUBMITTED, "expired": Stage.UNSUBMITTED,
        }.get(self.state, Stage.OPEN)  # fmt: skip


class Market(RuleBasedStateMachine):
    """Two contributors on one project; its budget is small enough to run out.

    The seats of its qualification have money of their own.
    """

    make: object  # set by the test: a fresh desk and the people
    budget = 2_500

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        transaction.set_rollback(False)
        self.desk, self.people, self.rob, self.alice, (self.ada, self.adam, self.eve) = self.make()
        *self.workers, self.learner = self.people
        self.seats = self.desk.account(Purpose.SEATS).balance
        self.right: list[bool] = []
        self.terms = rules.Terms.of(self.desk.project.criteria.body)
        self.named = self.items_with_a_trigger()
        self.wound_down = dict.fromkeys(self.people, 0)
        self.rows: dict[Assignment, Model] = {}
        self.started: set = set()
        self.given = 0
        self.is_closing = self.is_closed = False
        self.bonus_paid = dict.fromkeys(self.people, 0)
        self.bonus_fees = dict.fromkeys(self.people, 0)
        self.top_ups = dict.fromkeys(self.people, 0)
        self.is_good = dict.fromkeys(self.people, False)
        self.unsubmitted: dict = {}

    def wind_up(self) -> None:
        """Every walk ends with the close: appeals run out, windows end, the last settlement."""
        if not self.rows or self.is_closed:
            return
        for row, model in self.find("rejected"):
            if not model.has_appeal:
                self.appeal_of(row, model)
        self.give_scores(self.people[0], is_good=True)
        if not self.is_closing:
            self.begin_close()
        self.desk.later(days=60)
        self.sweep()
        self.close_it()
        assert self.is_closed
        self.the_books_are_right()
        self.each_assignment_holds_what_can_still_become_due()

    def teardown(self) -> None:
        if sys.exception() is None:
            self.wind_up()
        self.seen(self)
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    # ── What the rules say ──────────────────────────────────────────────────────────────────────

    def of(self, person) -> list[Model]:
        return [model for row, model in self.rows.items() if row.contributor_id == person.id]

    def find(self, *states: str):
        return [(row, model) for row, model in self.rows.items() if model.state in states]

    def pick(self, data, *states: str):
        return data.draw(st.sampled_from(self.find(*states)))

    def person_of(self, row):
        return next(person for person in self.people if person.id == row.contributor_id)

    def items_with_a_trigger(self) -> set[int]:
        """Every second item, named in its row as the buyer's file would."""
        with acting(STAFF):
            rows = Item.objects.filter(project=self.desk.project, purpose="work").order_by("id")
            named = set(rows.values_list("id", flat=True)[::2])
            Item.objects.filter(id__in=named).update(triggers=["urgent"])
        return named

    def triggers_of(self, row) -> frozenset[str]:
        hour = self.desk.now.hour
        return frozenset(
            (["urgent"] if row.item_id in self.named else [])
            + (["night"] if hour >= 22 or hour < 6 else [])
        )

    def earn(self, model: Model, outcome: Outcome) -> None:
        for line in rules.earn(self.terms, model.facts(Stage.OPEN), outcome):
            model.earned += line.net
            model.fees += line.fee

    def end(self, row, model: Model, state: str, at: dt.datetime) -> None:
        """Given back or expired at `at`: three with time on them a day count."""
        day = (row.contributor_id, at.date())
        used = self.unsubmitted.get(day, 0)
        model.counts = used < 3
        if model.kind == Kind.QUALIFICATION:
            # In a qualification also three an attempt.
            model.counts &= self.given < 3
            self.given += bool(model.counts and model.active)
        if model.counts and model.active:
            self.unsubmitted[day] = used + 1
        model.state, model.due = state, None

    def lapse(self, row, model: Model) -> None:
        """What silence does to this assignment by now."""
        now = self.desk.now
        if model.state == "rework" and model.due <= now:
            model.state, model.rounds = "submitted", 1
            model.cap -= self.terms.paid_seconds_max
            model.due += 72 * HOUR
        if model.state == "claimed" and model.due <= now:
            self.end(row, model, "expired", model.due)
        if model.state == "submitted" and model.due <= now:
            model.ended = model.due
            model.state, model.due, model.counts = "accepted", None, True
            self.earn(model, Outcome.ACCEPTED)
        if model.state == "rejected" and model.due <= now:
            model.due = None
            model.state = "overturned" if model.has_appeal else "final"
            if model.has_appeal:
                self.overturned(model, is_silence=True)

    def overturned(self, model: Model, *, is_silence: bool = False) -> None:
        self.earn(model, Outcome.OVERTURNED)
        for line in [] if is_silence else rules.case_time(self.terms):
            # Paid by the platform: gross is nothing.
            model.beside += line.net
            model.fees += line.fee
        model.is_bad_faith = False

    def sweep(self) -> None:
        for row, model in self.rows.items():
            self.lapse(row, model)
        self.desk.lapse(*self.rows)

    # ── Steps ───────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: not self.is_closing)
    @rule(data=st.data())
    def claim(self, data) -> None:
        self.claim_for(data.draw(st.sampled_from(self.workers)))

    def claim_for(self, person) -> None:
        if any(model.state == "claimed" for model in self.of(person)):
            return
        cap = self.terms.paid_seconds_max
        if person not in self.started:
            cap += self.terms.instruction_seconds_max
        every = frozenset({"urgent", "night"})
        most = rules.max_cost(self.terms, kind=Kind.WORK, triggers=every, cap_seconds=cap)
        free = self.held().available
        try:
            row = self.desk.claim(person)
        except NothingToDo as refusal:
            if "funds" not in refusal.sentence:
                return
            assert free < most.total
            return
        triggers = self.triggers_of(row)
        need = rules.max_cost(self.terms, kind=Kind.WORK, triggers=triggers, cap_seconds=cap)
        assert row.triggers == sorted(triggers)
        assert (row.held_pay, row.held_fee, row.held_extra) == (need.pay, need.fee, need.extra)
        self.started.add(person)
        model = self.rows[row] = Model(cap=cap, at=self.desk.now)
        model.triggers = triggers

    @precondition(lambda self: not self.is_closing)
    @rule(data=st.data(), minutes=st.integers(0, 4), step=st.sampled_from(DECISIONS))
    def a_whole_answer(self, data, minutes, step) -> None:
        """The usual way, so that many examples come far; the single steps bring the odd orders."""
        before = len(self.rows)
        self.a_whole_answer_of(data.draw(st.sampled_from(self.workers)), minutes)
        if step and len(self.rows) > before:
            self.decide_on(*list(self.rows.items())[-1], step)

    def a_whole_answer_of(self, person, minutes: int) -> None:
        before = len(self.rows)
        self.claim_for(person)
        if len(self.rows) == before:
            return
        row, model = list(self.rows.items())[-1]
        for _ in range(minutes):
            self.desk.later(seconds=59)
            self.desk.beat(person, row)
            self.count(model)
        self.submit_of(row, model, "yes")
        self.sweep()

    @precondition(lambda self: self.find("claimed", "rework"))
    @rule(data=st.data(), beats=st.integers(1, 12))
    def beat(self, data, beats) -> None:
        row, model = self.pick(data, "claimed", "rework")
        for _ in range(beats):
            self.desk.later(seconds=59)
            if model.state == "claimed" and model.due <= self.desk.now:
                break
            if model.state == "rework" and model.due <= self.desk.now:
                break
            self.desk.beat(self.person_of(row), row)
            self.count(model)
            if model.state == "claimed":
                model.due = min(model.beat_at + HOUR / 2, model.claimed_at + DAY)
        self.sweep()

    def count(self, model: Model) -> None:
        model.active += min(60, int((self.desk.now - model.beat_at).total_seconds()))
        model.beat_at = self.desk.now

    @precondition(lambda self: self.find("claimed", "rework"))
    @rule(data=st.data(), choice=st.sampled_from(["yes", "no", "unclear"]))
    def submit(self, data, choice) -> None:
        self.submit_of(*self.pick(data, "claimed", "rework"), choice)

    def submit_of(self, row, model: Model, choice: str) -> None:
        self.desk.submit(self.person_of(row), row, choice)
        self.count(model)
        model.state = "submitted"
        model.undo_until = self.desk.now + HOUR / 60
        model.due = model.undo_until + 72 * HOUR

    @precondition(lambda self: self.find("submitted"))
    @rule(data=st.data())
    def undo(self, data) -> None:
        row, model = self.pick(data, "submitted")
        person = self.person_of(row)
        busy = any(other.state == "claimed" for other in self.of(person))
        if self.desk.now >= model.undo_until or model.was_reworked or busy:
            return
        self.desk.undo(person, row)
        model.state, model.beat_at, model.is_accepting = "claimed", self.desk.now, False
        model.due = min(model.beat_at + HOUR / 2, model.claimed_at + DAY)
        self.sweep()

    @precondition(lambda self: self.find("claimed"))
    @rule(data=st.data())
    def give_back(self, data) -> None:
        row, model = self.pick(data, "claimed")
        self.count(model)
        self.desk.give_back(self.person_of(row), row)
        self.end(row, model, "given_back", self.desk.now)

    @precondition(lambda self: self.find("submitted"))
    @rule(data=st.data(), step=st.sampled_from(DECISIONS[1:]))
    def decide(self, data, step) -> None:
        self.decide_on(*self.pick(data, "submitted"), step)

    def decide_on(self, row, model: Model, step: str) -> None:
        if model.is_stopped(self.desk.now):
            with pytest.raises(Conflict, match="A case of bad faith is open"):
                getattr(self.desk, step)(self.rob, row)
            return
        if self.desk.now < model.undo_until:
            self.desk.at(model.undo_until)
            self.sweep()
            if model.state != "submitted":
                return
        if step == "ask_rework":
            if model.was_reworked or self.held().available < 1_000:
                return
            self.desk.ask_rework(self.rob, row)
            model.is_accepting = False
            model.was_reworked, model.state, model.rounds = True, "rework", 2
            model.cap += self.terms.paid_seconds_max
            model.due, model.beat_at = self.desk.now + 72 * HOUR, self.desk.now
        elif step == "reject":
            self.desk.reject(self.rob, row)
            model.state, model.counts, model.ended = "rejected", True, self.desk.now
            model.due = self.desk.now + 14 * DAY
            self.earn(model, Outcome.REJECTED)
        else:
            self.desk.accept(self.rob, row)
            model.due = min(model.due, self.desk.now + HOUR)
            model.is_accepting = True

    @precondition(lambda self: self.find("rejected"))
    @rule(data=st.data())
    def appeal(self, data) -> None:
        row, model = self.pick(data, "rejected")
        if not model.has_appeal:
            self.appeal_of(row, model)

    def appeal_of(self, row, model: Model) -> None:
        with acting(actor_of(self.person_of(row))) as actor:
            cases.appeal(assignment_id=row.id, reason=REASON, by=actor, now=self.desk.now)
        model.has_appeal, model.due = True, self.desk.now + 7 * DAY

    @precondition(lambda self: any(model.has_appeal for _, model in self.find("rejected")))
    @rule(data=st.data(), is_right=st.booleans())
    def decide_appeal(self, data, is_right) -> None:
        row, model = self.pick(data, "rejected")
        if model.has_appeal:
            self.decide_appeal_of(row, model, is_right=is_right)

    def decide_appeal_of(self, row, model: Model, *, is_right: bool) -> None:
        with acting(actor_of(self.eve)) as actor:
            act = work.overturn if is_right else work.uphold
            act(assignment_id=row.id, by=actor, now=self.desk.now)
        model.state, model.due = ("overturned" if is_right else "final"), None
        if is_right:
            self.overturned(model)

    @precondition(lambda self: not self.is_closing)
    @rule(data=st.data(), is_right=st.booleans())
    def a_whole_appeal(self, data, is_right) -> None:
        """From the claim to the decision of a person, as `a_whole_answer` goes to the verdict."""
        before = len(self.rows)
        self.a_whole_answer_of(data.draw(st.sampled_from(self.workers)), 1)
        if len(self.rows) == before:
            return
        row, model = list(self.rows.items())[-1]
        self.decide_on(row, model, "reject")
        if model.state == "rejected":
            self.appeal_of(row, model)
            self.decide_appeal_of(row, model, is_right=is_right)

    @rule(hours=st.sampled_from([1, 30, 80, 200, 400]))
    def time_passes(self, hours) -> None:
        self.desk.later(hours=hours)
        self.sweep()

    @rule(data=st.data(), is_good=st.booleans())
    def scores_change(self, data, is_good) -> None:
        self.give_scores(data.draw(st.sampled_from(self.workers)), is_good=is_good)

    def give_scores(self, person, *, is_good: bool) -> None:
        self.is_good[person] = is_good
        with acting(STAFF):
            Enrolment.objects.filter(project=self.desk.project, contributor=person).update(
                gold_count=10, gold_correct=9, gold_lower="0.9000" if is_good else "0.2000"
            )

    @precondition(lambda self: not self.is_closed)
    @rule()
    def monday(self) -> None:
        self.a_monday()

    def a_monday(self) -> None:
        days = 7 - self.desk.now.weekday()
        self.desk.at(self.desk.now.replace(hour=0, minute=0, second=0) + days * DAY)
        self.sweep()
        self.desk.settle()
        self.settled()

    def settled(self) -> None:
        """Everybody's bonus and top-up as the rules say, from the model alone."""
        for person in self.people:
            mine = [m for m in self.of(person) if m.stage != Stage.OPEN and not m.is_undecided]
            if not mine:
                continue
            base = sum(
                self.terms.base for m in mine if m.stage == Stage.ACCEPTED and m.kind == Kind.WORK
            )
            account = rules.Account(
                earned=sum(m.earned for m in mine) + self.bonus_paid[person] + self.top_ups[person],
                accepted_base=base,
                paid_seconds=sum(m.paid for m in mine),
                bonus_paid=self.bonus_paid[person],
                bonus_fee_paid=self.bonus_fees[person],
                gold_count=10,
                gold_lower_bound=self.terms.bonus_bar if self.is_good[person] else None,
            )
            for line in rules.settle(self.terms, account):
                if line.kind == rules.LineKind.TOP_UP:
                    self.top_ups[person] += line.net
                else:
                    self.bonus_paid[person] += line.net
                    self.bonus_fees[person] += line.fee
            for model in mine:
                model.is_topped_up = True
            beside = sum(m.beside for m in mine) + self.wound_down[person]
            earned = self.earned(person) - beside
            assert (
                earned
                == sum(m.earned for m in mine) + self.bonus_paid[person] + (self.top_ups[person])
            )
            # Invariant: effective pay reaches the floor, rejected and unsubmitted time included.
            assert earned >= self.terms.floor_for(account.paid_seconds)

    @precondition(lambda self: not self.is_closed and len(self.rows) >= 5)
    @rule()
    def close(self) -> None:
        self.close_it()

    def begin_close(self) -> None:
        """Some items are never done: whoever worked lately is paid in place of notice."""
        since = self.desk.now - 7 * DAY
        owed = {}
        for person in self.people:
            counted = [
                model
                for model in self.of(person)
                if model.kind == Kind.WORK
                and (
                    model.state in {"claimed", "rework"}
                    or (model.state in {"accepted", "overturned"} and model.ended > since)
                )
            ]
            lines = rules.wind_down(self.terms, answers=len(counted))
            owed[person] = sum(line.net for line in lines)
        if sum(owed.values()) > self.held().available:
            # Nor has the wallet anything: everything was put into this project.
            with pytest.raises(Conflict, match="in place of notice"):
                self.desk.begin_close(self.alice)
            return
        self.desk.begin_close(self.alice)
        self.wound_down |= owed
        self.is_closing = True

    def close_it(self) -> None:
        if not self.is_closing:
            self.begin_close()
        if not self.is_closing:
            return
        can = not self.find("claimed", "submitted", "rework", "rejected")
        assert self.desk.close() is can
        if can:
            self.is_closed = True
            self.settled()
            for account in (self.held(), self.desk.account(Purpose.SEATS)):
                assert (account.balance, account.debits_pending) == (0, 0)
            spent = sum(self.gross(person) for person in self.people)
            assert self.wallet() == self.budget + self.seats - spent

    # ── What must hold after every step ─────────────────────────────────────────────────────────

    def held(self):
        with acting(STAFF):
            return ledger.find_account(
                Purpose.HELD, currency="USD", holder=self.desk.project.org_id,
                scope=self.desk.project.id,
            )  # fmt: skip

    def wallet(self) -> int:
        with acting(STAFF):
            return ledger.find_account(
                Purpose.WALLET, currency="USD", holder=self.desk.project.org_id
            ).balance

    def earned(self, person) -> int:
        mine = sum(model.earned + model.beside for model in self.of(person))
        return mine + self.wound_down[person] + self.bonus_paid[person] + self.top_ups[person]

    def gross(self, person) -> int:
        fees = sum(model.fees for model in self.of(person)) + self.bonus_fees[person]
        return self.earned(person) + fees

    @invariant()
    def the_books_are_right(self) -> None:
        with acting(STAFF):
            assert ledger.prove().fault is None
            for person in self.people:
                account = ledger.find_account(Purpose.PAYABLE, currency="USD", holder=person.id)
                assert account.balance == self.earned(person)
                lines = EarningLine.objects.filter(contributor=person)
                assert sum(line.gross for line in lines) == self.gross(person)
                # The pay statement is the account, line by line.
                assert sum(line.net for line in lines) == account.credits_posted
        held = self.held()
        assert held.available >= 0
        # Work and qualification are paid from one account each, and from no other.
        spent = sum(self.gross(person) for person in self.workers)
        assert held.balance == (0 if self.is_closed else self.budget - spent)
        seats, learned = self.desk.account(Purpose.SEATS), self.gross(self.learner)
        assert seats.available >= 0 and learned <= self.seats
        assert seats.balance == (0 if self.is_closed else self.seats - learned)

    @invariant()
    def each_assignment_holds_what_can_still_become_due(self) -> None:
        with acting(STAFF):
            fresh = {row.id: row for row in Assignment.objects.filter(project=self.desk.project)}
            pending = Transfer.objects.filter(
                scope_id=self.desk.project.id, kind=TransferKind.PENDING
            )
            resolved = set(
                Transfer.objects.filter(pending__in=pending).values_list("pending_id", flat=True)
            )
            in_ledger: dict = {}
            for transfer in pending:
                if transfer.id not in resolved:
                    before = in_ledger.get(transfer.subject_id, 0)
                    in_ledger[transfer.subject_id] = before + transfer.amount
        assert len(fresh) == len(self.rows)
        most_of_all = paid_bonus = 0
        for stale, model in self.rows.items():
            row = fresh[stale.id]
            assert row.state == model.state
            assert (row.rounds, row.cap_seconds) == (model.rounds, model.cap)
            assert row.active_seconds == model.active
            assert in_ledger.get(row.id, 0) == row.held
            if self.is_closed:
                assert row.held == 0
                continue
            most = rules.max_remaining(self.terms, model.facts(model.stage))
            if model.kind == Kind.WORK:
                most_of_all += most.total
            assert row.held_pay == most.pay
            # A bonus that was paid came out of the holds of accepted work.
            assert row.held_extra - row.held_bonus == most.extra - self.bonus_of(model)
            assert row.held_bonus <= self.bonus_of(model)
            assert row.held_fee <= most.fee
            paid_bonus += self.bonus_of(model) - row.held_bonus
        if not self.is_closed:
            assert paid_bonus == sum(self.bonus_paid.values())
            # A settlement may have paid a bonus, and its fee, out of the maximum.
            spent = paid_bonus + sum(self.bonus_fees.values()) + len(self.rows)
            assert self.held().debits_pending >= most_of_all - spent

    def bonus_of(self, model: Model) -> int:
        if model.kind != Kind.WORK or model.stage in {Stage.FINAL, Stage.UNSUBMITTED}:
            return 0
        return self.terms.bonus_max


class MarketWithSeats(Market):
    """The same with a third person who tries the qualification again and again."""

    @precondition(lambda self: not self.is_closing)
    @rule(
        minutes=st.integers(0, 4),
        is_right=st.booleans(),
        gives_back=st.sampled_from([False, False, True]),
    )
    def a_qualification_item(self, minutes, is_right, gives_back) -> None:
        """Paid from the seats, also when work has reserved everything else."""
        if not self.is_learning():
            return
        cap = self.terms.paid_seconds_max
        if self.learner not in self.started:
            cap += self.terms.instruction_seconds_max
        held, seats = self.held().available, self.desk.account(Purpose.SEATS).available
        row = self.desk.claim(self.learner)
        self.started.add(self.learner)
        assert self.held().available == held
        assert self.desk.account(Purpose.SEATS).available == seats - row.held
        model = self.rows[row] = Model(cap=cap, at=self.desk.now, kind=Kind.QUALIFICATION)
        for _ in range(minutes):
            self.desk.later(seconds=59)
            self.desk.beat(self.learner, row)
            self.count(model)
        if gives_back:
            self.desk.give_back(self.learner, row)
            self.count(model)
            self.end(row, model, "given_back", self.desk.now)
        else:
            self.desk.submit(self.learner, row, known(row) if is_right else "unclear")
            self.count(model)
            self.earn(model, Outcome.ACCEPTED)
            model.state, model.due, model.counts = "accepted", None, True
            self.right.append(is_right)
            if len(self.right) == 2:
                passed = "qualified" if all(self.right) else "failed"
                assert self.enrolment()[0] == passed
        self.sweep()

    def is_learning(self) -> bool:
        """In an attempt; the next one of two begins when the day of the retake has come."""
        state, attempts = self.enrolment()
        if state == "qualifying":
            return True
        if attempts >= 2 or state == "qualified":
            return False
        try:
            self.desk.enrol(self.learner, "tested")
        except Conflict:
            return False
        self.right, self.given = [], 0
        return True

    def enrolment(self) -> tuple[str, int]:
        with acting(STAFF):
            found = Enrolment.objects.filter(
                project=self.desk.project, contributor=self.learner
            ).first()
        return (found.state, found.attempts) if found else ("", 0)


class Accusing(Market):
    """As above, and administrators who say that an answer was not given in good faith."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[str] = []

    @precondition(lambda self: not self.is_closing)
    @rule(
        data=st.data(),
        minutes=st.integers(0, 4),
        step=st.sampled_from(["found", "found", *ACCUSATIONS]),
        is_settled_before=st.booleans(),
    )
    def an_accused_answer(self, data, minutes, step, is_settled_before) -> None:
        """An answer, the case about it, and where it is found the end of its appeal."""
        before = len(self.rows)
        self.a_whole_answer_of(data.draw(st.sampled_from(self.workers)), minutes)
        if len(self.rows) == before:
            return
        row, model = list(self.rows.items())[-1]
        self.accuse_and_decide(row, model, step)
        # In turn, not by chance: every end is reached whatever the draws.
        end = ENDS[(len(self.rows) + minutes) % len(ENDS)]
        if is_settled_before:
            self.a_monday()
        if model.state != "rejected" or end is None:
            return
        self.appeal_of(row, model)
        if end == "lapse":
            self.desk.later(hours=7 * 24)
            self.sweep()
        else:
            self.decide_appeal_of(row, model, is_right=end == "overturned")
        self.ends.append(f"found, then {end}")

    @precondition(lambda self: self.find("submitted"))
    @rule(data=st.data(), step=st.sampled_from(ACCUSATIONS))
    def accuse_any(self, data, step) -> None:
        self.accuse_and_decide(*self.pick(data, "submitted"), step)

    def accuse_and_decide(self, row, model: Model, step: str) -> None:
        """Opened, and decided an hour later or left to its deadline."""
        if self.desk.now < model.undo_until:
            self.desk.at(model.undo_until)
            self.sweep()
        if model.state != "submitted" or model.was_stopped or model.is_accepting:
            return
        case = self.accuse(row)
        model.was_stopped, model.stopped_until = True, self.desk.now + 7 * DAY
        model.due += 7 * DAY
        if step == "accuse":
            return
        self.desk.later(hours=1)
        self.sweep()
        self.judge(case, is_found=step == "found")
        if step == "found":
            model.state, model.counts, model.is_bad_faith = "rejected", True, True
            model.ended = self.desk.now
            model.due = self.desk.now + 14 * DAY
            self.earn(model, Outcome.BAD_FAITH)
        else:
            model.due -= model.stopped_until - self.desk.now
        model.stopped_until = self.desk.now

    def accuse(self, row):
        with acting(actor_of(self.adam)) as actor:
            return cases.open_bad_faith(
                assignment_id=row.id, criterion="accuracy", reason=GROUNDS, by=actor,
                now=self.desk.now,
                signals=[
                    {"kind": "answer_time", "evidence": "Two seconds, where others take thirty."},
                    {"kind": "straight_lining", "evidence": "The same answer forty times."},
                ],
            )  # fmt: skip

    def judge(self, case, *, is_found: bool) -> None:
        with acting(actor_of(self.ada)) as actor:
            cases.decide(
                case_id=case.id, is_granted=is_found, decision=GROUNDS, by=actor, now=self.desk.now
            )


figures = st.tuples(st.integers(-40, 60), st.integers(1, 50))


class Repeating(Market):
    """Most claims are to be repeats, one own answer after the first at the earliest.

    Its budget covers them beside every open slot.
    """

    budget = 6_000

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict = {}
        self.repeated: set = set()

    def is_repeat(self, row) -> bool:
        return row.kind == Kind.REPEAT

    def claim_for(self, person) -> None:
        before, slots = len(self.rows), self.desk.slots()
        super().claim_for(person)
        if len(self.rows) == before:
            return
        row = list(self.rows)[-1]
        taken = {item for item, left in self.desk.slots().items() if left != slots[item]}
        if self.is_repeat(row):
            first = self.first_of(row)
            assert self.rows[first].state == "accepted" and self.rows[first].rounds == 1
            assert (row.item_id, person.id) not in self.repeated
            self.repeated.add((row.item_id, person.id))
            assert not taken
        else:
            assert taken == {row.item_id}

    def first_of(self, row):
        return next(
            other
            for other in self.rows
            if other.kind == Kind.WORK
            and (other.item_id, other.contributor_id) == (row.item_id, row.contributor_id)
            and self.rows[other].state not in {"given_back", "expired"}
        )

    def submit_of(self, row, model: Model, choice: str) -> None:
        super().submit_of(row, model, choice)
        self.answers[row, model.rounds] = choice

    def decide_on(self, row, model: Model, step: str) -> None:
        if self.is_repeat(row) and self.desk.now < model.undo_until:
            self.desk.at(model.undo_until)
            self.sweep()
        if not self.is_repeat(row) or model.state != "submitted":
            if model.state == "submitted":
                super().decide_on(row, model, step)
            return
        if step == "accept":
            # Nothing is to be scored, so it books at once.
            self.desk.accept(self.rob, row)
            model.state, model.due, model.counts = "accepted", None, True
            model.ended = self.desk.now
            self.earn(model, Outcome.ACCEPTED)
        elif self.answers[row, model.rounds] == self.answers[self.first_of(row), 1]:
            with pytest.raises(Conflict, match=r"can only be accepted|can be asked"):
                getattr(self.desk, step)(self.rob, row)
        else:
            super().decide_on(row, model, step)

    @precondition(lambda self: not self.is_closing)
    @rule(
        data=st.data(), choice=st.sampled_from(["yes", "no"]),
        step=st.sampled_from(["accept", "accept", "reject"]),
    )  # fmt: skip
    def answers_until_one_comes_again(self, data, choice, step) -> None:
        person = data.draw(st.sampled_from(self.workers))
        for _ in range(3):
            before = len(self.rows)
            self.claim_for(person)
            if len(self.rows) == before:
                return
            row, model = list(self.rows.items())[-1]
            is_repeat = self.is_repeat(row)
            self.submit_of(row, model, choice if is_repeat else "yes")
            self.decide_on(row, model, step if is_repeat else "accept")
            self.desk.later(hours=2)
            self.sweep()
            if is_repeat:
                return

    @invariant()
    def no_slot_knows_of_repeats(self) -> None:
        held: Counter = Counter()
        refused = set()
        for row, model in self.rows.items():
            if not self.is_repeat(row) and model.kind == Kind.WORK:
                held[row.item_id] += model.stage in {Stage.OPEN, Stage.ACCEPTED}
                if model.state in {"rejected", "final", "overturned"}:
                    # Whether its slot opened again was the money's to say.
                    refused.add(row.item_id)
        for item, left in self.desk.slots().items():
            assert left == 3 - held[item] or item in refused


class MarketWithLift(Market):
    """The same with a lift pool: it lies apart until the close, is shared once, and the rest goes
    back. `figures` are thousandths: a value, and half of its interval.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = self.desk.account(Purpose.LIFT).balance
        self.bonuses = dict.fromkeys(self.people, (0, 0))
        self.is_measured = self.is_returned = False

    def earned(self, person) -> int:
        return super().earned(person) + self.bonuses[person][0]

    def gross(self, person) -> int:
        return super().gross(person) + self.bonuses[person][1]

    @precondition(lambda self: self.is_closed and not self.is_measured)
    @rule(found=st.lists(figures, min_size=2, max_size=2))
    def the_run_at_the_close(self, found) -> None:
        self.is_measured = True
        tasks.take_lift_all(now=self.desk.now)
        with acting(STAFF):
            # Runs that followed settlements are over before the one at the close begins.
            LiftRun.objects.exclude(reason="close").update(state="cancelled")
        tasks.take_lift_all(now=self.desk.now)
        with acting(STAFF):
            run = LiftRun.objects.filter(
                project=self.desk.project, grouping="contributor", reason="close"
            ).first()
            pool = LiftPool.objects.get(project=self.desk.project)
        if run is None:
            # Fewer than two people have accepted work: nobody can be compared.
            assert pool.state == "paid" and pool.gross == 0
            return
        named = {
            pseudonym(bytes(run.key), person.id): (
                value / 1000, (value - half) / 1000, (value + half) / 1000,
            )
            for person, (value, half) in zip(self.workers, found, strict=True)
        }  # fmt: skip
        finish(self.desk, run, named, milliseconds=0)
        with acting(STAFF):
            lines = EarningLine.objects.filter(project=self.desk.project, kind="lift_bonus")
            booked = {line.contributor_id: line for line in lines}
            pool.refresh_from_db()
        for person, (value, half) in zip(self.workers, found, strict=True):
            line = booked.get(person.id)
            assert (line is not None) <= (value > half)
            self.bonuses[person] = (line.net, line.fee) if line else (0, 0)
        paid = sum(net + fee for net, fee in self.bonuses.values())
        assert paid == pool.gross <= self.pool
        # All but what rounding cuts is paid as soon as anybody lies above zero.
        if any(value > half for value, half in found) and pool.people:
            assert self.pool - paid <= len(self.workers)

    @precondition(lambda self: self.is_measured and not self.is_returned)
    @rule()
    def the_time_to_contest_is_over(self) -> None:
        before = self.wallet()
        self.desk.later(days=14)
        assert tasks.sweep_lift_all(now=self.desk.now) == 1
        self.is_returned = True
        paid = sum(net + fee for net, fee in self.bonuses.values())
        assert self.wallet() == before + self.pool - paid

    @invariant()
    def the_pool_pays_lift_and_nothing_else(self) -> None:
        account = self.desk.account(Purpose.LIFT)
        paid = sum(net + fee for net, fee in self.bonuses.values())
        assert account.available >= 0
        assert account.balance == (0 if self.is_returned else self.pool - paid)

    def wind_up(self) -> None:
        super().wind_up()
        if self.is_closed and not self.is_measured:
            self.the_run_at_the_close([(30, 10), (20, 25)])
        if self.is_measured and not self.is_returned:
            self.the_time_to_contest_is_over()


# The walk has to come to each of these; a machine that stays at the door proves nothing.
EVERYWHERE = {
    Market: {
        "accepted", "overturned", "final", "expired", "given_back", "closed", "bonus", "top_up",
        "wound_down", "case_time", "premium",
    },
    Repeating: {"accepted", "closed", "repeated", "repeats paid", "repeats refused"},
    MarketWithSeats: {"accepted", "given_back", "closed", "learned"},
    MarketWithLift: {"accepted", "closed", "lift", "no_lift"},
    Accusing: {
        "accepted", "closed", "top_up", "stopped", "found, then overturned", "found, then final",
        "found, then lapse",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("market", "examples"),
    [(Market, 30), (Repeating, 30), (MarketWithSeats, 12), (MarketWithLift, 12), (Accusing, 30)],
)
@pytest.mark.django_db
def test_the_money_is_right_after_any_steps(
    market, examples, project, acme, alice, rob, ada, adam, carol, dave, now, clock_at, monkeypatch
):
    erin = accounts.contributor("erin", now=now)
    number = iter(range(10_000))
    # Neither the one who called it bad faith nor the one who found it decides the appeal.
    eve = accounts.user("eve", is_staff=True)

    with_pool = {"gold": 2, "gold_percent": 0, "lift": {**LIFT, "compute": 0}}

    with_repeats = {"repeat_percent": 60, "repeat_between": 1, "gold": 0}

    def make():
        desk = Desk(
            project(
                acme, budget=market.budget, how_many=8, qualification=2,
                tiers=TIERS,
                title=f"Any steps {next(number)}",
                # Known answers to measure models by; without them there is no lift.
                **(
                    with_pool if market is MarketWithLift
                    else with_repeats if market is Repeating
                    else {"gold": 0}
                ),
                limits={"newcomer_share_percent": 100},
                engine="pay/2",
                pay={
                    **PAY_2, "fee_bps": 1_530, "kill_fee_percent": 33,
                    "premiums": [premium("urgent", 9), premium("night", 4)],
                },
            ),
            now, clock_at,
        )  # fmt: skip
        for seed, person in enumerate((carol, dave)):
            desk.enrol(person)
            with acting(STAFF):
                # The same example draws the same repeats.
                mine = Enrolment.objects.filter(project=desk.project, contributor=person)
                mine.update(repeat_seed=seed)
        return desk, (carol, dave, erin), rob, alice, (ada, adam, eve)

    # The breaker has its own tests; here as many may be rejected as come.
    monkeypatch.setattr("apps.work.actions.verdicts._trip_breaker", lambda *_, **__: None)
    monkeypatch.setattr(market, "make", staticmethod(make), raising=False)
    seen = Counter()

    def count(machine: Market) -> None:
        seen.update(model.state for model in machine.rows.values())
        seen.update(closed=machine.is_closed, bonus=any(machine.bonus_paid.values()))
        seen.update(
            top_up=any(machine.top_ups.values()), learned=machine.gross(machine.learner) > 0
        )
        seen.update(getattr(machine, "ends", []))
        seen.update(
            wound_down=any(machine.wound_down.values()),
            case_time=any(model.beside for model in machine.rows.values()),
            premium=any(m.triggers for m in machine.rows.values() if m.state == "accepted"),
        )
        again = [m for row, m in machine.rows.items() if row.kind == Kind.REPEAT]
        seen["repeated"] += len(again)
        seen["repeats paid"] += sum(m.state == "accepted" for m in again)
        seen["repeats refused"] += sum(
            m.state in {"rejected", "final", "overturned"} for m in again
        )
        bonuses = getattr(machine, "bonuses", {}).values()
        seen.update(lift=any(net for net, _ in bonuses), no_lift=not any(n for n, _ in bonuses))
        seen.update(stopped=sum(model.was_stopped for model in machine.rows.values()))

    monkeypatch.setattr(market, "seen", staticmethod(count), raising=False)
    run_state_machine_as_test(
        market,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
    assert all(seen[name] for name in EVERYWHERE[market]), seen
