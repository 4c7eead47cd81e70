"""The wage file and the answers of a project, streamed; sums straight from the ledger."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Least
from django.urls import reverse

from apps.core.tenancy import Actor
from apps.exports import rules
from apps.exports.models import Release
from apps.projects.enums import Layer
from apps.projects.models import AnnotatorAnswer, CriteriaVersion, Item, ItemImport, Project
from apps.projects.rules import AS_WORK, LineKind, Terms
from apps.tasktypes import registry
from apps.work.enums import PAID_AS_ACCEPTED, AssignmentState, VerdictOutcome
from apps.work.models import Assignment, EarningLine, Enrolment, Settlement, Submission, Verdict

S = AssignmentState
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Totals:
    """Minor units. `as_of` is the number of the last transfer of the project that is counted."""

    as_of: int
    net: int
    fee: int

    @property
    def gross(self) -> int:
        return self.net + self.fee


def ledger_totals(project_id: uuid.UUID) -> Totals:
    """What contributors and the platform got for this project, from the transfers alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM exports_ledger_totals(%s)", [project_id])
        return Totals(*map(int, cursor.fetchone()))


def releases(project_id: uuid.UUID, actor: Actor) -> QuerySet[Release]:
    return Release.objects.visible_to(actor).filter(project_id=project_id)


def header(project: Project, totals: Totals) -> dict:
    """The head of a wage file: what was bought, under which rules, with which rights."""
    body = project.criteria_in_force.body
    return {
        "format": rules.WAGE_FILE_VERSION,
        "project": {"id": str(project.id), "title": project.title},
        "decision_file": body["decision"],
        "layer": body["layer"],
        "band": body["band"],
        "judgement_bought": body["decision"].get("judgement"),
        "risk": body["decision"].get("consequence"),
        "data_rights": body["decision"].get("data_rights"),
        "path_upward": body["decision"].get("internal_path"),
        "consent": body["consent"],
        "floor_per_hour": body["pay"]["floor_per_hour"],
        "currency": body["currency"],
        "criteria": [
            {"version": number, "sha256": digest}
            for number, digest in CriteriaVersion.objects.filter(project=project)
            .order_by("number")
            .values_list("number", "sha256")
        ],
        "crowd_is_simulated": project.is_simulated,
        "as_of": totals.as_of,
        "totals": {"gross": totals.gross, "fee": totals.fee, "net": totals.net},
    }


def _money_by_assignment(project_id: uuid.UUID) -> dict[uuid.UUID, list[tuple]]:
    found: dict[uuid.UUID, list[tuple]] = defaultdict(list)
    rows = EarningLine.objects.filter(
        ~Q(kind=LineKind.LIFT_BONUS),
        project_id=project_id,
        assignment__isnull=False,
        settlement=None,
    ).values_list("assignment_id", "kind", "net", "fee", "gross", "code", "reason")
    for row in rows.iterator(chunk_size=CHUNK):
        found[row[0]].append(row[1:])
    return found


def wage_lines(project: Project, key: bytes) -> Iterator[dict]:
    """A line an assignment, then settlements, then the buyer's own people (paid elsewhere)."""
    money = _money_by_assignment(project.id)
    versions = {
        c.id: c
        for c in CriteriaVersion.objects.filter(project=project).only("id", "number", "body")
    }
    rejections = {
        row[0]: rules.rejection(criterion=row[1], is_bad_faith=row[2])
        for row in Verdict.objects.filter(project=project, outcome=VerdictOutcome.REJECTED)
        .order_by("decided_at", "id")
        .values_list("assignment_id", "criterion", "is_bad_faith")
    }
    public = rules.public_tiers(
        (str(person), tier)
        for person, tier in Enrolment.objects.filter(project=project).values_list(
            "contributor_id", "tier"
        )
    )
    scores = dict(
        Submission.objects.filter(project=project, undone_at=None)
        .order_by("round")
        .values_list("assignment_id", "scores")
    )
    for row in Assignment.objects.filter(project=project).order_by("id").iterator(chunk_size=CHUNK):
        body = versions[row.criteria_id].body
        lines = money.get(row.id, [])
        yield {
            "line": "assignment",
            "who": rules.pseudonym(key, row.contributor_id),
            "worker_status": body["decision"].get("worker_status"),
            "tier": public.get(row.tier, "others"),
            "kind": row.kind,
            "state": row.state,
            "rejection": rejections.get(row.id),
            "floor_per_hour": body["pay"]["floor_per_hour"],
            "active_minutes": rules.whole_minutes(row.paid_seconds),
            "premiums": _premiums(row, body) if row.state in PAID_AS_ACCEPTED else [],
            "gross": sum(line[3] for line in lines),
            "fee": sum(line[2] for line in lines),
            "net": sum(line[1] for line in lines),
            "codes": sorted({line[4] for line in lines}),
            "criteria_version": versions[row.criteria_id].number,
            "consent": body["consent"].get("purpose"),
            "integrity_evidence": rules.evidence_class(scores.get(row.id, {})),
        }
    yield from _settlement_lines(project, key, versions)
    yield from _lift_lines(project, key, versions)
    yield from _own_people_lines(project, key)


def _premiums(row: Assignment, body: Mapping) -> list[str]:
    """The triggers of the premiums that accepted work was paid."""
    if row.kind not in AS_WORK:
        return []
    return [premium.trigger for premium in Terms.of(body).premiums_of(frozenset(row.triggers))]


def _settlement_lines(
    project: Project, key: bytes, versions: dict[uuid.UUID, CriteriaVersion]
) -> Iterator[dict]:
    for row in Settlement.objects.filter(project=project).order_by("id").iterator(chunk_size=CHUNK):
        yield {
            "line": "settlement",
            "who": rules.pseudonym(key, row.contributor_id),
            "at": row.at.isoformat(),
            "gross": row.bonus + row.bonus_fee + row.top_up,
            "fee": row.bonus_fee,
            "net": row.bonus + row.top_up,
            "quality_bonus": row.bonus,
            "top_up": row.top_up,
            "codes": ["settlement"],
            "criteria_version": versions[row.criteria_id].number,
        }


def _lift_lines(
    project: Project, key: bytes, versions: dict[uuid.UUID, CriteriaVersion]
) -> Iterator[dict]:
    """A line a bonus, each with the sentence that says value, interval, share and run."""
    rows = EarningLine.objects.filter(project=project, kind=LineKind.LIFT_BONUS).order_by("id")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "line": "lift",
            "who": rules.pseudonym(key, row.contributor_id),
            "at": row.at.isoformat(),
            "gross": row.gross,
            "fee": row.fee,
            "net": row.net,
            "reason": row.reason,
            "codes": [row.code],
            "criteria_version": versions[row.criteria_id].number,
        }


def _own_people_lines(project: Project, key: bytes) -> Iterator[dict]:
    """Reviewers and gold authors of the buyer: their work stands here, their pay elsewhere."""
    reviewed = (
        Verdict.objects.filter(project=project, decided_by__isnull=False)
        .order_by()
        .values_list("decided_by_id")
        .annotate(Count("id"))
    )
    authored = (
        ItemImport.objects.filter(project=project, state="done", annotators="")
        .order_by()
        .values_list("created_by_id")
        .annotate(Count("id"))
    )
    for work, rows in (("review", reviewed), ("items_and_gold", authored)):
        for person, count in rows:
            yield {
                "line": "own_people",
                "who": rules.pseudonym(key, person),
                "kind": work,
                "count": count,
                "pay": "paid elsewhere, declared",
                "gross": 0,
                "fee": 0,
                "net": 0,
            }


def answers(project: Project, key: bytes) -> Iterator[dict]:
    """Every answer that may be used: last rounds, never a rejected one."""
    body = project.criteria_in_force.body
    task_type = registry.get(body["task"]["type"])
    config = body["task"]["config"]
    versions = dict(CriteriaVersion.objects.filter(project=project).values_list("id", "number"))
    rows = (
        Submission.objects.filter(project=project, undone_at=None, kind="work")
        .exclude(assignment__state__in=[S.REJECTED, S.FINAL, S.REWORK])
        .select_related("item", "assignment")
        .order_by("id")
    )
    for row in rows.iterator(chunk_size=CHUNK):
        if row.round != row.assignment.rounds:
            continue
        yield {
            "item_id": row.item.external_id,
            "worker_id": rules.pseudonym(key, row.contributor_id),
            **task_type.export_row(config, row.item.payload, row.answer),
            "state": row.assignment.state,
            "active_seconds": row.assignment.paid_seconds,
            "submitted_at": row.submitted_at.isoformat(),
            "criteria_version": versions[row.assignment.criteria_id],
            "gold_correct": row.scores.get("gold"),
            "agreement": row.scores.get("agreement"),
        }


def machine_answers(project: Project) -> Iterator[dict]:
    """Answers of models and labelling functions, each marked as no person's."""
    body = project.criteria_in_force.body
    task_type = registry.get(body["task"]["type"])
    config = body["task"]["config"]
    rows = (
        AnnotatorAnswer.objects.filter(project=project)
        .select_related("item")
        .order_by("kind", "annotator", "item_id")
    )
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "item_id": row.item.external_id,
            "annotator": row.annotator,
            "kind": row.kind,
            "is_person": False,
            **task_type.export_row(config, row.item.payload, row.answer),
        }


def items(project: Project, named: Collection[str]) -> Iterator[dict]:
    """The items that answers, labels or machines' answers name, by the buyer's own ids."""
    rows = Item.objects.filter(project=project).order_by("external_id")
    for external, payload in rows.values_list("external_id", "payload").iterator(chunk_size=CHUNK):
        if external in named:
            yield {"item_id": external, **payload}


def paid_seconds(project: Project, key: bytes) -> dict[str, int]:
    """Paid time of each contributor by pseudonym, in seconds."""
    rows = (
        Assignment.objects.filter(project=project, is_time_counted=True)
        .order_by()
        .values_list("contributor_id")
        .annotate(seconds=Sum(Least("active_seconds", "cap_seconds")))
    )
    return {rules.pseudonym(key, person): seconds for person, seconds in rows}


def facts(
    project: Project,
    release: Release,
    *,
    files: Mapping[str, Mapping],
    tables: Mapping[str, Mapping[str, str]],
    answers: rules.AnswerTally,
    pay: rules.Pay,
    method: str,
    withheld: int,
    machines: Collection[str],
) -> rules.Facts:
    """What the metadata of a release says; dated by when it was asked for, not by when built."""
    force = project.criteria_in_force
    bodies = CriteriaVersion.objects.filter(project=project, number__in=answers.versions)
    return rules.Facts(
        release=release.number,
        project=str(project.id),
        title=project.title,
        creator=project.org.name,
        url=settings.SITE_URL + reverse("exports:detail", args=[release.id]),
        at=release.created_at,
        task=registry.get(force.body["task"]["type"]).title,
        layer=Layer(force.body["layer"]).label,
        bodies=dict(bodies.values_list("number", "body")) or {force.number: force.body},
        currency=project.currency,
        is_simulated=project.is_simulated,
        files=files,
        tables=tables,
        as_of=release.as_of or 0,
        pay=pay,
        gathering=answers.told(),
        method=method,
        withheld=withheld,
        machines=machines,
    )


def external_ids(project: Project) -> dict[str, str]:
    """Internal item id → the buyer's own id, for the aggregated labels."""
    return {
        str(pk): external
        for pk, external in Item.objects.filter(project=project).values_list("id", "external_id")
    }


def rejected_answers(project_id: uuid.UUID) -> set[str]:
    """Ids of the submissions of rejected work, overturned ones left out."""
    rows = Submission.objects.filter(
        project_id=project_id, assignment__state__in=[S.REJECTED, S.FINAL]
    )
    return {str(pk) for pk in rows.values_list("id", flat=True)}


def without_consent(project_id: uuid.UUID) -> int:
    """Answers whose author has no consent grant: none may leave."""
    granted = Enrolment.objects.filter(project_id=project_id).values("contributor_id")
    return (
        Submission.objects.filter(project_id=project_id, undone_at=None)
        .exclude(contributor_id__in=granted)
        .count()
    )
