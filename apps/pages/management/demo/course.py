"""A week of work, what silence and a settlement make of it, and the cases that are open now."""

import datetime as dt
from dataclasses import dataclass

from django.core.management.base import CommandError
from django.db.models import Max

from apps.cases import actions as cases
from apps.cases.enums import CaseKind
from apps.cases.models import Case
from apps.core import clock
from apps.core.tenancy import acting
from apps.exports import actions as exports
from apps.exports.models import Release
from apps.pages.management import staging
from apps.pages.management.demo import texts
from apps.pages.management.demo.crowd import CROWD, HASTY, HISTORY, Worker
from apps.pages.management.demo.digits import Digits
from apps.pages.management.demo.stage import Stage, wait
from apps.payments import actions as payments
from apps.payments.models import Payout
from apps.projects.models import Item, Project
from apps.projects.rules import Kind
from apps.scoring import actions as scoring
from apps.scoring.enums import Grouping, LiftState, Measure, Reason, RunState
from apps.scoring.models import LiftRun, ScoringRun
from apps.work import actions as work
from apps.work.enums import AssignmentState, EnrolmentState, VerdictOutcome
from apps.work.models import (
    Assignment,
    EarningLine,
    Enrolment,
    LiftRound,
    Settlement,
    Submission,
    Verdict,
)
from apps.work.tasks import sweep_all, take_lift_all

TIER = "readers"
UNDO = dt.timedelta(minutes=2)  # more than a person has to take an answer back
ACCEPTED_EARLY = 40
DISPUTED = 10  # cents
AHEAD = 300  # answers that the learning curve looks ahead

S = AssignmentState


@dataclass(slots=True)
class Course:
    """The simulated crowd on the project of digits. Every step can be called again."""

    stage: Stage
    project: Project
    digits: Digits

    # ── Work ────────────────────────────────────────────────────────────────────────────────────
    def qualify(self) -> str:
        results = [self._worker(index).qualify(TIER) for index in range(len(CROWD))]
        self._catch_up()
        return f"{sum(results)} of {len(results)} passed; everybody was paid for it"

    def work(self, *, weeks: int) -> str:
        """Each qualified member up to what they do in the first, or in both weeks."""
        with acting(self.stage.system):
            qualified = set(
                Enrolment.objects.filter(
                    project=self.project, state=EnrolmentState.QUALIFIED
                ).values_list("contributor_id", flat=True)
            )
        for index, member in enumerate(CROWD):
            worker = self._worker(index)
            if worker.user_id in qualified:
                until = member.first_week + (member.second_week if weeks > 1 else 0)
                worker.work_until(until)
        self._catch_up()
        return f"{self._count()} answers so far"

    def _worker(self, index: int) -> Worker:
        member = CROWD[index]
        user_id = self.stage.crowd[member.email]
        return Worker(member, user_id, self.project.id, self.digits.truth, clock.now())

    def _catch_up(self) -> None:
        """The members' clocks ran ahead of the demo's; now it follows, past the time for undo."""
        with acting(self.stage.system):
            last = Submission.objects.filter(project=self.project).aggregate(m=Max("submitted_at"))
        if last["m"] is not None and last["m"] + UNDO > clock.now():
            clock.advance(last["m"] + UNDO - clock.now())

    def _count(self) -> int:
        with acting(self.stage.system):
            return Submission.objects.filter(
                project=self.project, kind=Kind.WORK, undone_at=None
            ).count()

    # ── Scores ──────────────────────────────────────────────────────────────────────────────────
    def score(self) -> str:
        """A run over everything that is in, by the worker of queue gpu."""
        wait("the scores", self._is_scored, instead=self._score_here)
        with acting(self.stage.system):
            run = ScoringRun.objects.filter(project=self.project).order_by("-created_at").first()
        result = (run.result if run else None) or {}
        alpha = result.get("agreement", {}).get("alpha")
        return "no agreement yet" if alpha is None else f"Krippendorff's alpha {alpha:.2f}"

    def _is_scored(self) -> bool:
        now = clock.now()
        with acting(self.stage.system) as actor:
            runs = ScoringRun.objects.filter(project=self.project)
            failed = runs.filter(state=RunState.FAILED).first()
            if failed is not None:
                raise CommandError(f"The scores could not be computed: {failed.error}")
            done = runs.filter(state=RunState.DONE, handled_at=None).values_list("id", flat=True)
            for run_id in done:
                work.take_scores(run_id=run_id, by=actor, now=now)
            work.request_scores(project_id=self.project.id, by=actor, now=now)
            return not Submission.objects.filter(
                project=self.project, kind=Kind.WORK, scored_at=None, undone_at=None
            ).exists()

    def _score_here(self) -> None:
        with acting(self.stage.system):
            waiting = list(
                ScoringRun.objects.filter(project=self.project, state=RunState.QUEUED).values_list(
                    "id", flat=True
                )
            )
        for run_id in waiting:
            scoring.run(run_id=run_id, by=self.stage.system)

    # ── The first week ends ─────────────────────────────────────────────────────────────────────
    def accept_some(self) -> str:
        """The reviewer accepts answers on which everybody agrees, before the window ends."""
        with self.stage.as_("reviewer") as actor:
            accepted = Verdict.objects.filter(
                project=self.project, outcome=VerdictOutcome.ACCEPTED, decided_by_id=actor.user_id
            ).count()
            open_ones = Submission.objects.filter(
                project=self.project,
                kind=Kind.WORK,
                undone_at=None,
                assignment__state=S.SUBMITTED,
                scores__label=True,
            ).order_by("submitted_at")
            for submission in open_ones[: max(0, ACCEPTED_EARLY - accepted)]:
                work.accept(submission_id=submission.id, by=actor, now=clock.now())
        return f"{ACCEPTED_EARLY} answers accepted by the reviewer"

    def is_settled(self) -> bool:
        with acting(self.stage.system):
            return Settlement.objects.filter(project=self.project).exists()

    def end_week(self) -> str:
        """Past the last review window to the next Monday: silence accepts, then the settlement."""
        with acting(self.stage.system):
            last = Assignment.objects.filter(project=self.project, state=S.SUBMITTED).aggregate(
                m=Max("review_due_at")
            )["m"]
        after = max(last or clock.now(), clock.now())
        monday = (after + dt.timedelta(days=7 - after.weekday())).replace(
            hour=0, minute=1, second=0, microsecond=0
        )
        clock.advance(monday - clock.now())
        wait("the end of the review windows", self._is_swept)
        with acting(self.stage.system) as actor:
            people = work.settle(project_id=self.project.id, by=actor, now=clock.now())
        return f"the demo's clock is at {clock.now():%A %d %B %Y}; {people} people settled"

    def measure(self) -> str:
        """What follows a settlement: runs by the workers of queue gpu, or here."""
        wait("the lift runs", self._is_measured, instead=self._measure_here)
        with acting(self.stage.system):
            run = LiftRun.objects.filter(
                project=self.project, grouping=Grouping.CONTRIBUTOR, state=LiftState.DONE
            ).first()
        groups = (run.result or {})["groups"] if run else []
        above = sum(row["significant"] == "positive" for row in groups)
        return f"{above} of {len(groups)} contributors lie above zero"

    def look_ahead(self) -> str:
        """The manager asks what more answers would gain, and what is in those that are there."""
        with acting(self.stage.system):
            is_asked = LiftRound.objects.filter(project=self.project, reason=Reason.MORE).exists()
        if not is_asked:
            with self.stage.as_("manager") as actor:
                work.ask_more(project_id=self.project.id, further=AHEAD, by=actor, now=clock.now())
        wait("the curves", self._is_measured, instead=self._measure_here)
        with acting(self.stage.system):
            run = LiftRun.objects.filter(
                project=self.project, kind=Measure.CURVE, state=LiftState.DONE
            ).first()
        curves = (run.result or {})["curves"] if run else []
        whole = next((row for row in curves if row["whole"]), None)
        said = whole["says"] if whole else "not reached"
        return f"{AHEAD} more answers: {said}"

    def _is_measured(self) -> bool:
        take_lift_all(now=clock.now())
        with acting(self.stage.system):
            runs = LiftRun.objects.filter(project=self.project)
            failed = runs.filter(state=LiftState.FAILED).first()
            if failed is not None:
                raise CommandError(f"Lift could not be measured: {failed.error}")
            waits = LiftRound.objects.filter(project=self.project, begun_at=None)
            return not waits.exists() and not runs.filter(handled_at=None).exists()

    def _measure_here(self) -> None:
        with acting(self.stage.system):
            states = (LiftState.QUEUED, LiftState.RUNNING)
            waiting = list(
                LiftRun.objects.filter(project=self.project, state__in=states).values_list(
                    "id", flat=True
                )
            )
        for run_id in waiting:
            while scoring.run_lift(run_id=run_id, by=self.stage.system):
                pass

    def _is_swept(self) -> bool:
        now = clock.now()
        sweep_all(now=now)
        with acting(self.stage.system):
            return not Assignment.objects.filter(
                project=self.project, next_due_at__lte=now
            ).exists()

    def pay_out(self) -> str:
        """The contributor with history takes the money out, at the stand-in."""
        user = self.stage.people[HISTORY.key]
        with acting(staging.person(user.id)) as actor:
            payout = Payout.objects.filter(user=user).first()
            payout = payout or payments.request_payout(by=actor, now=clock.now())
        return f"{payout.amount / 100:.2f} USD for {user.name}"

    # ── The second week: one case of each kind is open ──────────────────────────────────────────
    def contest(self) -> str:
        self._reject_and_appeal()
        self._rework()
        self._dispute()
        self._propose_deactivation()
        return "an appeal, a dispute and a deactivation wait for an administrator"

    def _open(self, person: str) -> list[Submission]:
        with acting(self.stage.system):
            return list(
                Submission.objects.select_related("item")
                .filter(
                    project=self.project,
                    kind=Kind.WORK,
                    undone_at=None,
                    contributor_id=self.stage.crowd[person],
                    assignment__state=S.SUBMITTED,
                    assignment__rounds=1,
                )
                .order_by("submitted_at")
            )

    def _has(self, kind: CaseKind) -> bool:
        with self.stage.as_("administrator"):
            return Case.objects.filter(
                kind=kind, contributor_id__in=self.stage.crowd.values()
            ).exists()

    def _reject_and_appeal(self) -> None:
        """The reviewer misreads a picture whose digit is known; the contributor appeals."""
        if self._has(CaseKind.APPEAL):
            return
        right = next(
            row
            for row in self._open(HISTORY.email)
            if row.answer_key == self.digits.truth[row.item.external_id]
        )
        with self.stage.as_("reviewer") as actor:
            work.reject(
                submission_id=right.id,
                criterion="digit",
                note=texts.REJECTION,
                evidence=texts.EVIDENCE,
                by=actor,
                now=clock.now(),
            )
        with acting(staging.person(self.stage.crowd[HISTORY.email])) as actor:
            cases.appeal(
                assignment_id=right.assignment_id,
                reason=texts.APPEAL,
                by=actor,
                now=clock.now(),
            )

    def _rework(self) -> None:
        """A second round is asked for and handed in; it waits for review."""
        with acting(self.stage.system):
            if Verdict.objects.filter(project=self.project, outcome=VerdictOutcome.REWORK).exists():
                return
        member = CROWD[1]
        row = self._open(member.email)[0]
        with self.stage.as_("reviewer") as actor:
            work.ask_rework(
                submission_id=row.id,
                criterion="attention",
                note=texts.REWORK,
                by=actor,
                now=clock.now(),
            )
        later = clock.now() + dt.timedelta(seconds=member.seconds)
        right = {"choice": self.digits.truth[row.item.external_id]}
        with acting(staging.person(row.contributor_id)) as actor:
            work.submit(assignment_id=row.assignment_id, answer=right, by=actor, now=later)
        self._catch_up()

    def _dispute(self) -> None:
        if self._has(CaseKind.DISPUTE):
            return
        user_id = self.stage.crowd[HISTORY.email]
        with acting(staging.person(user_id)) as actor:
            line = EarningLine.objects.filter(
                project=self.project, contributor_id=user_id, kind="base"
            ).order_by("at")[0]
            cases.dispute(
                line_id=line.id, reason=texts.DISPUTE, amount=DISPUTED, by=actor, now=clock.now()
            )

    def _propose_deactivation(self) -> None:
        if self._has(CaseKind.DEACTIVATION):
            return
        with self.stage.as_("administrator") as actor:
            cases.propose_deactivation(
                user_id=self.stage.crowd[HASTY.email],
                reason=texts.DEACTIVATION,
                evidence=texts.DEACTIVATION_EVIDENCE,
                is_immediate=False,
                ground="quality",
                by=actor,
                now=clock.now(),
            )

    # ── The release ─────────────────────────────────────────────────────────────────────────────
    def release(self) -> str:
        with self.stage.as_("manager") as actor:
            release = exports.make_release(project_id=self.project.id, by=actor, now=clock.now())

        def is_built() -> bool:
            with acting(self.stage.system):
                release.refresh_from_db()
            return release.state != "building"

        wait("the release", is_built, instead=lambda: self._build(release))
        if release.state != "ready":
            raise CommandError(f"The release failed: {release.error}")
        return f"release {release.number} with {release.summary['wage_lines']} wage-file lines"

    def _build(self, release: Release) -> None:
        with acting(self.stage.system) as actor:
            exports.build(release_id=release.id, by=actor, now=clock.now())

    def open_items(self) -> int:
        with acting(self.stage.system):
            return Item.objects.filter(
                project=self.project, purpose="work", open_slots__gt=0
            ).count()
