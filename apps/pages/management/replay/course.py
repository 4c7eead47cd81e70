"""The course of a replay after the answers: score, reject and appeal, silence, pay, release."""

import datetime as dt
import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db.models import Max

from apps.cases import actions as cases
from apps.cases.enums import CaseKind
from apps.cases.models import Case
from apps.core import blobs, clock
from apps.core.errors import Conflict, Invalid, NotThere
from apps.core.tasks import pairs
from apps.core.tenancy import Actor, acting
from apps.exports import actions as exports
from apps.exports.models import Release
from apps.exports.queries import releases as export_queries
from apps.ledger.enums import Purpose
from apps.ledger.queries import accounts_of
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.pages.management.replay.crowd import Crowd
from apps.pages.management.replay.reference import accuracies
from apps.pages.management.replay.stage import Stage
from apps.payments import actions as payments
from apps.payments.models import OutboxCall, Payout
from apps.payments.queries import withdrawal_minimums
from apps.projects import actions as projects
from apps.projects.enums import ProjectState
from apps.projects.models import Project
from apps.projects.rules import Kind
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Submission, Verdict
from apps.work.tasks import sweep_all

S = AssignmentState
NOTE = (
    "This answer was picked by the replay's seeded share of rejections; it cites the one line of "
    "the rubric and stands in for a reviewer's reasons."
)
WORKER_SECONDS = 30  # how long a run may lie before this process computes it itself
PAYOUT_BATCH = 500


@dataclass(slots=True)
class Course:
    crowd: Crowd
    stage: Stage
    reject: float
    say: Callable[[str], None]
    names: dict[uuid.UUID, str] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    payouts: int = 0

    # ── Scores ──────────────────────────────────────────────────────────────────────────────────
    def score(self) -> ScoringRun:
        """A run over all answers, by the Celery worker of queue gpu where there is one."""
        project = self.stage.project
        deadline = time.monotonic() + WORKER_SECONDS
        while True:
            now = clock.now()
            with acting(self.stage.system) as actor:
                work.request_scores(project_id=project.id, by=actor, now=now)
                run = ScoringRun.objects.filter(project=project).first()
                unscored = Submission.objects.filter(
                    project=project, kind=Kind.WORK, scored_at=None, undone_at=None
                ).exists()
            if run is None:
                message = "There is nothing to score."
                raise RuntimeError(message)
            if run.state == RunState.DONE:
                with acting(self.stage.system) as actor:
                    work.take_scores(run_id=run.id, by=actor, now=now)
                if not unscored:
                    return run
                continue
            if run.state == RunState.FAILED:
                raise RuntimeError(run.error)
            self.say(f"scoring: {run.message or run.state}")
            if run.state == RunState.QUEUED and time.monotonic() > deadline:
                scoring.run(run_id=run.id, by=self.stage.system)
            time.sleep(0.2)

    def scored(self, run_id: str | None) -> ScoringRun | None:
        """The run that an earlier start of this replay made."""
        with acting(self.stage.system):
            return ScoringRun.objects.filter(id=run_id).first() if run_id else None

    # ── Verdicts and due process ────────────────────────────────────────────────────────────────
    def _picked(self, item: str, worker: uuid.UUID, salt: str) -> float:
        digest = hashlib.sha256(f"{salt}:{item}:{self._name(worker)}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64

    def _name(self, worker: uuid.UUID) -> str:
        if not self.names:
            self.names.update({v: k for k, v in self.stage.people.items()})
        return self.names[worker]

    def reject_share(self) -> None:
        """Reject a seeded share, at most ten of a person a day, while the windows are open."""
        with acting(self.stage.system):
            rows = list(
                Submission.objects.filter(
                    project=self.stage.project, kind=Kind.WORK, undone_at=None
                ).values_list("id", "item__external_id", "contributor_id", "assignment__state")
            )
        chosen = [row for row in rows if self._picked(row[1], row[2], "reject") < self.reject]
        by_day: dict[int, list[uuid.UUID]] = {}
        counted: dict[uuid.UUID, int] = {}
        for submission_id, _, worker, state in sorted(chosen, key=lambda row: str(row[0])):
            day = counted.get(worker, 0) // 10
            counted[worker] = counted.get(worker, 0) + 1
            if state == S.SUBMITTED:
                by_day.setdefault(day, []).append(submission_id)
        for day in sorted(by_day):
            if day:
                self._to_next_day()
            with acting(actor_of(self.stage.reviewer)) as actor:
                for submission_id in by_day[day]:
                    self._reject(submission_id, actor)

    def _to_next_day(self) -> None:
        now = clock.now()
        midnight = (now + dt.timedelta(days=1)).replace(hour=0, minute=1, second=0, microsecond=0)
        clock.advance(midnight - now)

    def _reject(self, submission_id: uuid.UUID, actor: Actor) -> None:
        try:
            work.reject(
                submission_id=submission_id,
                criterion="accuracy",
                note=NOTE,
                evidence="The seeded share of the replay.",
                by=actor,
                now=clock.now(),
            )
        except Conflict as refusal:
            # A window that closed, or the breaker: both are rules that the replay keeps.
            self.refusals[refusal.sentence] += 1

    def appeal_and_decide(self) -> None:
        """Half of the rejected appeal; staff decides by gold, else for the contributor."""
        with acting(self.stage.system):
            rows = list(
                Assignment.objects.filter(project=self.stage.project, state=S.REJECTED).values_list(
                    "id", "item__external_id", "contributor_id", "held_until"
                )
            )
        for assignment_id, item, worker, held_until in rows:
            if held_until is None and self._picked(item, worker, "appeal") < 0.5:
                with acting(staging.person(worker)) as actor:
                    cases.appeal(
                        assignment_id=assignment_id,
                        reason="The answer is right; please look at it again.",
                        by=actor,
                        now=clock.now(),
                    )
        staff = actor_of(self.stage.staff)
        with acting(staff):
            open_cases = list(
                Case.objects.open()
                .filter(project=self.stage.project, kind=CaseKind.APPEAL)
                .select_related("assignment__item")
            )
        for case in open_cases:
            self._decide(case, staff)

    def _decide(self, case: Case, staff: Actor) -> None:
        if case.assignment is None:
            raise NotThere("An appeal is about an assignment; this one names none.")
        item = case.assignment.item.external_id
        gold = self.crowd.keys.get(self.crowd.gold.get(item, ""))
        with acting(staff) as actor:
            given = (
                Submission.objects.filter(assignment=case.assignment, undone_at=None)
                .values_list("answer_key", flat=True)
                .last()
            )
            right = gold is None or given == gold
            cases.decide(
                case_id=case.id,
                is_granted=right,
                decision="Compared with the known answer of the data set."
                if gold is not None
                else "No answer is known for this item: decided for the contributor.",
                by=actor,
                now=clock.now(),
            )

    # ── Silence, settlement, money ──────────────────────────────────────────────────────────────
    def _sweep(self, field_name: str, what: str) -> None:
        """Move the clock past the last deadline of this kind and let silence decide."""
        with acting(self.stage.system):
            last = Assignment.objects.filter(
                project=self.stage.project, next_due_at__isnull=False
            ).aggregate(last=Max(field_name))["last"]
        if last is not None and last > clock.now():
            clock.advance(last - clock.now() + dt.timedelta(minutes=1))
        while True:
            now = clock.now()
            if not self._due(now):
                return
            sweep_all(now=now)
            self.say(f"{what}: {self._due(now)} left")

    def _due(self, now: dt.datetime) -> int:
        with acting(self.stage.system):
            return Assignment.objects.filter(
                project=self.stage.project, next_due_at__lte=now
            ).count()

    def let_silence_accept(self) -> None:
        self._sweep("review_due_at", "silence accepts")

    def close(self) -> None:
        """Close the project; when the last window is over it is settled and the rest goes back."""
        with acting(actor_of(self.stage.owner)) as actor:
            project = Project.objects.get(id=self.stage.project.id)
            if project.state in {ProjectState.LIVE, ProjectState.PAUSED}:
                projects.begin_close(project_id=project.id, by=actor, now=clock.now())
        self._sweep("appeal_due_at", "appeal windows end")
        while True:
            with acting(self.stage.system) as actor:
                work.close_when_done(project_id=self.stage.project.id, by=actor, now=clock.now())
                if Project.objects.get(id=self.stage.project.id).state == ProjectState.CLOSED:
                    return
            time.sleep(0.2)

    def pay(self) -> None:
        """Verify everybody who has earned the minimum, and pay them out."""
        minimum = withdrawal_minimums()["USD"]
        with acting(actor_of(self.stage.staff)):
            payable = accounts_of(Purpose.PAYABLE, self.stage.people.values(), minimum=minimum)
            asked = set(
                Payout.objects.filter(user_id__in=[a.holder_id for a in payable]).values_list(
                    "user_id", flat=True
                )
            )
        todo = [
            a.holder_id
            for a in payable
            if a.holder_id and a.available >= minimum and a.holder_id not in asked
        ]
        for number, user_id in enumerate(todo, start=1):
            staging.verify([user_id], now=clock.now())
            with acting(staging.person(user_id)) as actor:
                try:
                    payments.request_payout(by=actor, now=clock.now())
                except (Invalid, Conflict):
                    # The worker's weekly payout was quicker, and took it all.
                    if not Payout.objects.filter(user_id=user_id).exists():
                        raise
            if number % PAYOUT_BATCH == 0 or number == len(todo):
                self.say(f"payouts: {number} of {len(todo)}")
        self._push()
        self.payouts = len(asked) + len(todo)

    def _push(self) -> None:
        for _ in range(1_000):
            payments.push_outbox(now=clock.now())
            with acting(actor_of(self.stage.staff)):
                waiting = OutboxCall.objects.filter(
                    state="waiting", next_try_at__lte=clock.now()
                ).count()
            if not waiting:
                return

    # ── Release and report ──────────────────────────────────────────────────────────────────────
    def release(self) -> Release:
        with acting(actor_of(self.stage.owner)) as actor:
            release = exports.make_release(
                project_id=self.stage.project.id, by=actor, now=clock.now()
            )
        with acting(self.stage.system) as actor:
            release = exports.build(release_id=release.id, by=actor, now=clock.now())
        if release.state != "ready":
            raise RuntimeError(release.error)
        return release

    def report(self, run: ScoringRun, release: Release, *, seconds: float) -> dict:
        """The keys of the design, and what else a reader would ask."""
        if run.result is None:
            message = "The scoring run has no result."
            raise RuntimeError(message)
        with acting(actor_of(self.stage.staff)):
            project = self.stage.project
            states = Assignment.objects.filter(project=project, kind=Kind.WORK)
            outcome = Verdict.objects.filter(project=project)
            totals = export_queries.ledger_totals(project.id)
            top_ups = sum(
                line.net for line in project.earninglines.filter(kind="top_up").only("net")
            )
            submissions = Submission.objects.filter(
                project=project, kind=Kind.WORK, undone_at=None
            ).count()
            appealed = Case.objects.filter(project=project, kind=CaseKind.APPEAL).count()
            wage = json.loads(blobs.read(release.files["wage.json"]["sha256"]))
            lines_net = sum(line["net"] for line in wage["lines"])
            lines_gross = sum(line["gross"] for line in wage["lines"])
            return {
                "data": self.crowd.name,
                "items": len(self.crowd.overlap),
                "contributors": len(self.stage.people),
                "answers": len(self.crowd.answers),
                "submissions": submissions,
                "with_earning_lines": states.filter(lines__isnull=False).distinct().count(),
                "accepted": states.filter(state=S.ACCEPTED).count(),
                "rejected": outcome.filter(outcome="rejected").count(),
                "appealed": appealed,
                "overturned": states.filter(state=S.OVERTURNED).count(),
                "alpha": run.result["agreement"].get("alpha"),
                "level": self.crowd.level,
                **accuracies(run),
                "method": run.result["labels"]["method"],
                "accuracy": run.result["labels"].get("accuracy"),
                "gross": totals.gross,
                "fees": totals.fee,
                "net": totals.net,
                "top_ups": top_ups,
                "wage_file_matches_ledger": (lines_net, lines_gross) == (totals.net, totals.gross),
                "seconds": round(seconds, 3),
                "submissions_per_second": round(submissions / seconds, 1) if seconds else None,
                "repeats": self.crowd.repeats,
                "blank_answers": self.crowd.blanks,
                "qualifications": project.assignments.filter(kind=Kind.QUALIFICATION).count(),
                "payouts": self.payouts,
                "refused_rejections": dict(self.refusals),
                "unhandled_runs": len(pairs("scoring_unhandled")),
            }
