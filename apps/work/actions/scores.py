"""Between work and scoring: the answers go out as one file, the scores come back onto the rows."""

import datetime as dt
import io
import json
import uuid
from collections.abc import Sequence
from importlib import import_module

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db import connection, transaction
from django.db.models import F, Q

from apps.core import blobs
from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.projects import rules
from apps.projects.enums import ImportState
from apps.projects.models import GoldAnswer, ItemImport, Project
from apps.projects.rules import MEANINGS, Kind
from apps.scoring import actions as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.work.actions import decide, gold, inputs, money, windows
from apps.work.enums import AssignmentState, Decider, VerdictOutcome
from apps.work.models import Assignment, Score, Submission, Verdict
from apps.work.queries.scores import monday

S = AssignmentState
_SMALLEST_BAR = 0.001
REST_FACTOR, REST_MAX = 5, dt.timedelta(minutes=1)


def request_scores(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> ScoringRun | None:
    """Ask for a run over all answers, if some are unscored and no run is under way."""
    with transaction.atomic():
        project = Project.objects.select_for_update(of=("self",), no_key=True).get(id=project_id)
        runs = ScoringRun.objects.filter(project_id=project_id, kind="quality")
        busy = runs.filter(
            Q(state__in=[RunState.QUEUED, RunState.RUNNING])
            | Q(state=RunState.DONE, handled_at=None)
        )
        last = runs.first()
        if busy.exists() or _is_resting(last, now) or not _has_news(project_id, last, now):
            return None
        body = money.body_of(project.criteria_in_force_id)
        table, params = inputs.write(project, body, now)
        if table.num_rows == 0:
            return None
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        digest = blobs.put(buffer.getvalue())
        if runs.filter(state=RunState.FAILED, input_sha256=digest).exists():
            # The same input fails in the same way.
            return None
        return scoring.request(
            project_id=project_id,
            org_id=project.org_id,
            input_sha256=digest,
            input_rows=table.num_rows,
            params=params,
            by=by,
            now=now,
        )


def _is_resting(last: ScoringRun | None, now: dt.datetime) -> bool:
    """After a run the next one waits five times as long as that one took, at most a minute.

    Each run reads every answer; a busy project would otherwise be scored without a pause.
    """
    if last is None or last.finished_at is None:
        return False
    rest = min(REST_FACTOR * (last.finished_at - last.created_at), REST_MAX)
    return last.finished_at <= now < last.finished_at + rest


def _has_news(project_id: uuid.UUID, last: ScoringRun | None, now: dt.datetime) -> bool:
    """Whether an answer that counts is unscored, or since the last run one went out or came back,
    or a known answer was taken back, or answers of machines came or went.

    Rejected and replaced answers are never scored, so they must not ask for a run for ever.
    """
    fresh = Submission.objects.filter(
        project_id=project_id,
        kind=Kind.WORK,
        scored_at=None,
        undone_at=None,
        undo_until__lte=now,
        round=F("assignment__rounds"),
    ).exclude(assignment__state__in=[S.REJECTED, S.FINAL])
    if fresh.exists():
        return True
    if last is None:
        return False
    decided = Verdict.objects.filter(
        project_id=project_id,
        assignment__kind=Kind.WORK,
        outcome__in=[VerdictOutcome.REJECTED, VerdictOutcome.OVERTURNED],
        decided_at__gt=last.created_at,
    )
    demoted = GoldAnswer.objects.filter(project_id=project_id, demoted_at__gt=last.created_at)
    machines = ItemImport.objects.filter(project_id=project_id).exclude(annotators="").filter(
        Q(state=ImportState.DONE, finished_at__gt=last.created_at)
        | Q(withdrawn_at__gt=last.created_at)
    )  # fmt: skip
    return decided.exists() or demoted.exists() or machines.exists()


_STORE = """
UPDATE work_submission s SET scored_at = %s, scores = r.scores
FROM jsonb_to_recordset(%s::jsonb) AS r(id uuid, scores jsonb) WHERE s.id = r.id
"""
# Enrolments are locked in the order of their ids, here and in `money.count_unaccepted`.
_STANDING = """
WITH found AS MATERIALIZED (
  SELECT e.id, r.gold, r.correct, r.lower, r.unsure FROM work_enrolment e
  JOIN jsonb_to_recordset(%s::jsonb) AS r(person uuid, gold integer, correct integer,
    lower numeric, unsure double precision)
    ON e.contributor_id = r.person
  WHERE e.project_id = %s ORDER BY e.id FOR NO KEY UPDATE OF e)
UPDATE work_enrolment e SET gold_count = f.gold, gold_correct = f.correct, gold_lower = f.lower,
  gold_unsure = f.unsure
FROM found f WHERE e.id = f.id
"""
# Before assignments are locked, in the order of the items: as a demotion locks them.
_GOLD = """
WITH found AS MATERIALIZED (
  SELECT g.item_id, r.answers, r.against, r.wrong, r.suspect FROM projects_goldanswer g
  JOIN jsonb_to_recordset(%s::jsonb) AS r(item bigint, answers integer,
    against double precision, wrong double precision, suspect boolean) ON g.item_id = r.item
  WHERE g.project_id = %s AND g.demoted_at IS NULL ORDER BY g.item_id FOR NO KEY UPDATE OF g)
UPDATE projects_goldanswer g SET answers = f.answers, against = f.against, wrong = f.wrong,
  is_suspect = f.suspect
FROM found f WHERE g.item_id = f.item_id
"""
_BATCH = 5_000


def take_scores(*, run_id: uuid.UUID, by: Actor, now: dt.datetime) -> int:
    """Write a finished run's scores onto the answers; then book what waited for them."""
    with transaction.atomic(), ledger.last():
        run = ScoringRun.objects.select_for_update(of=("self",), no_key=True).get(id=run_id)
        if run.state != RunState.DONE or run.handled_at is not None:
            return 0
        _keep_of_gold(run)
        table = pq.read_table(io.BytesIO(blobs.read(run.scores_sha256)))
        scores = table.to_pylist()
        signals = _signals(run)
        workers_of = _workers(run)
        # Assignments come before enrolments, in everything that locks both.
        waiting = _waiting(run.project_id)
        with connection.cursor() as cursor:
            for start in range(0, len(scores), _BATCH):
                batch = [
                    _score(row, run.id, signals.get(worker))
                    for row, worker in zip(
                        scores[start : start + _BATCH],
                        workers_of[start : start + _BATCH],
                        strict=True,
                    )
                ]
                cursor.execute(_STORE, [now, json.dumps(batch)])
            people = pq.read_table(io.BytesIO(blobs.read(run.workers_sha256)))
            workers = [
                _standing(row, unsure)
                for row, unsure in zip(people.to_pylist(), _unsure(run, people), strict=True)
            ]
            cursor.execute(_STANDING, [json.dumps(workers), run.project_id])
        _keep_of_week(run, people, _agreed(workers_of, table), signals, now=now)
        run.handled_at = now
        run.save(update_fields=["handled_at"])
        _book(waiting, by=by, now=now)
        return len(scores)


def _keep_of_gold(run: ScoringRun) -> None:
    """What the run says of each known answer: how many met it, how likely it is itself wrong."""
    if not run.gold_items_sha256:
        return
    found = pq.read_table(io.BytesIO(blobs.read(run.gold_items_sha256))).to_pylist()
    rows = [
        {
            "item": int(row["item_id"]),
            "answers": row["answers"],
            "against": row.get("against"),
            "wrong": row.get("wrong"),
            "suspect": row["suspect"],
        }
        for row in found
    ]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), _BATCH):
            cursor.execute(_GOLD, [json.dumps(rows[start : start + _BATCH]), run.project_id])


def _workers(run: ScoringRun) -> list[str]:
    """Who gave each answer of a person, in the order of the run's scores."""
    path = blobs.path(run.input_sha256)
    names = pq.read_schema(path).names
    columns = [name for name in ("worker_id", "annotator") if name in names]
    table = pq.read_table(path, columns=columns)
    if "annotator" in columns:
        table = table.filter(pc.is_null(table["annotator"]))
    return table["worker_id"].to_pylist()


def _agreed(workers: Sequence[str], scores: pa.Table) -> dict[str, tuple[int, int]]:
    """Worker → (answers to items with a label, those equal to it)."""
    agrees = scores["agrees_with_label"].cast(pa.int64())
    table = pa.table({"worker": pa.array(workers, pa.string()), "agrees": agrees})
    sums = table.group_by("worker").aggregate([("agrees", "count"), ("agrees", "sum")])
    return {
        row["worker"]: (row["agrees_count"], row["agrees_sum"] or 0) for row in sums.to_pylist()
    }


def _signals(run: ScoringRun) -> dict[str, dict[str, bool]]:
    """Person → the signals that had enough answers to judge by, and whether each speaks.

    Empty for runs from before they were stored.
    """
    if not run.signals_sha256:
        return {}
    table = pq.read_table(io.BytesIO(blobs.read(run.signals_sha256)))
    names = [name for name in table.column_names if name in MEANINGS]
    return {
        row["worker_id"]: {
            name: name in row["signals"].split(", ") for name in names if row[name] is not None
        }
        for row in table.to_pylist()
    }


def _keep_of_week(
    run: ScoringRun,
    people: pa.Table,
    agreed: dict[str, tuple[int, int]],
    signals: dict[str, dict[str, bool]],
    *,
    now: dt.datetime,
) -> None:
    """One row a person and week: each run of the week writes it anew."""
    terms = _terms(run)
    counts = [people[name].to_numpy() for name in ("correct", "gold")]
    # Asked for here, so that the web, which imports the actions, never loads scipy.
    more_right = import_module("gpu_jobs.gold.bar").more_right
    needed = more_right(*counts, bar=float(terms.bonus_bar), minimum=terms.gold_minimum)
    week = monday(now)
    rows = []
    for person, more in zip(people.to_pylist(), needed.tolist(), strict=True):
        labelled, equal = agreed.get(person["worker_id"], (0, 0))
        rows.append(
            Score(
                id=derived(run.project_id, "score", person["worker_id"], week.isoformat()),
                org_id=run.org_id,
                project_id=run.project_id,
                contributor_id=uuid.UUID(person["worker_id"]),
                run_id=run.id,
                week=week,
                at=now,
                answers=person["answers"],
                labelled=labelled,
                agreed=equal,
                gold_count=person["gold"],
                gold_correct=person["correct"],
                gold_mean=person["q"],
                gold_low=person["low"],
                gold_high=person["high"],
                gold_lower=person["lower"],
                bar=terms.bonus_bar,
                gold_minimum=terms.gold_minimum,
                more_right=None if more < 0 else more,
                signals=signals.get(person["worker_id"], {}),
            )
        )
    Score.objects.bulk_create(
        rows,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["contributor", "project", "week"],
        update_fields=[
            "run", "at", "answers", "labelled", "agreed", "gold_count", "gold_correct",
            "gold_mean", "gold_low", "gold_high", "gold_lower", "bar", "gold_minimum",
            "more_right", "signals",
        ],
    )  # fmt: skip


def _score(row: dict, run_id: uuid.UUID, signals: dict[str, bool] | None) -> dict:
    """The words on a verdict: gold, agreement, anomaly; `not available` where there is none.

    signals: those about the person, where some were judged.
    """
    of_person = {}
    if signals:
        speaking = [MEANINGS[name] for name, speaks in signals.items() if speaks]
        of_person = {"signals": "; ".join(speaking) or "none"}
    return {
        "id": row["submission_id"],
        "scores": {
            **of_person,
            "gold": "not available" if row["gold_correct"] is None else row["gold_correct"],
            "agreement": "not available"
            if row["item_agreement"] is None
            else round(row["item_agreement"], 4),
            "label": row["agrees_with_label"],
            "label_probability": None
            if row["label_probability"] is None
            else round(row["label_probability"], 4),
            "anomaly": row["anomaly"] or "none",
            "run": str(run_id),
        },
    }


def _unsure(run: ScoringRun, people: pa.Table) -> list[float]:
    """How unsure the run is on which side of the bar each of these people is, from 0 to 1."""
    terms = _terms(run)
    counts = [people[name].to_numpy() for name in ("correct", "gold")]
    # A bar of 0 or 1 leaves nothing to find out by gold; the rate needs one between.
    bar = min(max(float(terms.bonus_bar), _SMALLEST_BAR), 1 - _SMALLEST_BAR)
    gold_rate = import_module("gpu_jobs.gold.rate").gold_rate
    return gold_rate(*counts, bar=bar, low=0, high=1, decisive=terms.gold_minimum).tolist()


def _terms(run: ScoringRun) -> rules.Terms:
    return money.terms_of(
        Project.objects.values_list("criteria_id", flat=True).get(id=run.project_id)
    )


def _standing(row: dict, unsure: float) -> dict:
    lower = row["lower"] if row["gold"] else None
    return {
        "person": row["worker_id"],
        "gold": row["gold"],
        "correct": row["correct"],
        "unsure": unsure,
        "lower": None if lower is None else str(gold.floored(lower)),
    }


def _waiting(project_id: uuid.UUID) -> list[Assignment]:
    """Locked: what a person has accepted, and the scores are still to come."""
    return list(
        Assignment.objects.select_for_update(of=("self",), no_key=True)
        .filter(project_id=project_id, state=S.SUBMITTED, accept_requested_at__isnull=False)
        .order_by("id")
    )


def _book(rows: Sequence[Assignment], *, by: Actor, now: dt.datetime) -> None:
    # An hour that was over before the scores came has decided at its own end.
    windows.settle_overdue(rows, now=now)
    submissions = decide.latest_submissions(rows)
    ready = [
        row
        for row in rows
        if row.state == S.SUBMITTED and submissions[row.id].scored_at is not None
    ]
    decide.accept_all(ready, decider=Decider.RULE, by=by, now=now)
