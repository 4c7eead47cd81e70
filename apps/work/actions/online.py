"""Scores between two full runs: each answer is added once, by a worker, whoever is told twice.

The state of a project is its last full run, whose input is stored, and the answers since then in
the order in which they were added (`OnlineAnswer`). A worker that has the state in memory adds an
answer in milliseconds; another one builds it again from these two first. The lock on the project's
`OnlineState` makes the order, and a row an answer makes it once. No deadline and no money waits
for any of it: the full run is the truth, and their difference is kept.
"""

import datetime as dt
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from apps.core import blobs
from apps.core.errors import NotThere
from apps.core.tenancy import Actor
from apps.projects.permissions import check_is_system
from apps.scoring import queries as scoring
from apps.scoring.models import ScoringRun
from apps.work.actions import inputs
from apps.work.models import OnlineAnswer, OnlineScore, OnlineState
from gpu_jobs.contracts import InputError

if TYPE_CHECKING:
    from gpu_jobs.online.state import Online

BATCH = 500
KEPT = 4
ITEMS_SHOWN = 10


@dataclass(slots=True)
class _Held:
    """A state in memory. `number` answers of the journal are in it; `base` holds the run's
    accuracies, `labels` its labels of the items that were touched since.
    """

    run_id: uuid.UUID
    online: "Online"
    alpha: float | None
    base: Mapping[str, float]
    number: int = 0
    labels: dict[str, str | None] = field(default_factory=dict)
    touched: OrderedDict[str, tuple[str | None, float, int]] = field(default_factory=OrderedDict)

    def add(self, item: str, worker: str, answer: str, gold: str | None) -> Any:
        """None for an answer of a class that the run did not have."""
        self.number += 1
        if gold is not None and gold not in self.online.classes:
            gold = None
        before = self.online.label_of(item)
        try:
            update = self.online.add(item, worker, answer, gold=gold)
        except InputError:
            return None
        self.labels.setdefault(item, before)
        self.touched[item] = (update.label, update.probability, update.item_answers)
        self.touched.move_to_end(item)
        return update

    def accuracy_before(self, worker: str) -> float:
        """The run's; of somebody whom it did not know, that of its crowd."""
        return self.base.get(worker, self.base[""])


# Of this process only; what is not here is built again.
_states: OrderedDict[uuid.UUID, _Held] = OrderedDict()


def count_online(*, project_id: uuid.UUID, by: Actor, now: dt.datetime) -> int:
    """Add what no full run has seen to the state of its project; how many answers were added.

    After a full run the state begins anew from it, and how far it had been off is kept.
    """
    with transaction.atomic():
        run = scoring.latest_taken(project_id)
        if run is None:
            return 0
        check_is_system(by, run.project)
        state, is_new = OnlineState.objects.get_or_create(
            project_id=project_id,
            defaults={"org_id": run.org_id, "run": run, "updated_at": now},
        )
        state = OnlineState.objects.select_for_update(of=("self",), no_key=True).get(
            project_id=project_id
        )
        held = None
        if is_new or state.run_id != run.id:
            held = _begin(state, run, now=now)
        if state.reason:
            return 0
        rows = _waiting(project_id, now)
        if not rows:
            return 0
        held = held or _held(state)
        if held is None:
            return 0
        return _add(state, held, rows, now=now)


def _waiting(project_id: uuid.UUID, now: dt.datetime) -> list[tuple]:
    """Answers that count, of their last round, in no full run and not added yet; the first ones."""
    return list(
        inputs.counting(project_id, now)
        .filter(scored_at=None, online=None, round=F("assignment__rounds"))
        .order_by("undo_until", "id")
        .values_list("id", "item_id", "contributor_id", "answer_key")[:BATCH]
    )


def _begin(state: OnlineState, run: ScoringRun, *, now: dt.datetime) -> _Held | None:
    """Make the run's matrices standing; None, with the reason, where they cannot be kept."""
    before = _held(state) if state.added and not state.reason else None
    state.run, state.added, state.waiting = run, 0, 0
    state.figures, state.reason, state.updated_at = {}, "", now
    held = None
    try:
        held = _started(run)
    except (InputError, NotThere) as error:
        state.reason = str(error)[:300]
    state.difference = _difference(before, held) if held and before else {}
    OnlineAnswer.objects.filter(project_id=state.project_id).delete()
    OnlineScore.objects.filter(project_id=state.project_id).delete()
    if held is not None:
        state.figures = _figures(held)
    state.save()
    return held


def _started(run: ScoringRun) -> _Held:
    # Asked for here, so that the web, which imports the actions, never loads numpy.
    module = import_module("gpu_jobs.online.project")
    online, base = module.start(blobs.path(run.input_sha256), run.params)
    return _Held(run_id=run.id, online=online, alpha=module.alpha(online, run.params), base=base)


def _held(state: OnlineState) -> _Held | None:
    """The state as it stands: from memory where it is, else built again; None where it cannot."""
    number = state.added + state.waiting
    found = _states.pop(state.project_id, None)
    if found is not None and found.run_id == state.run_id and found.number == number:
        return found
    try:
        held = _started(state.run)
    except (InputError, NotThere):
        return None
    journal = (
        OnlineAnswer.objects.filter(project_id=state.project_id)
        .order_by("number")
        .values_list("submission__item_id", "submission__contributor_id", "submission__answer_key")
    )
    gold = inputs.known_answers(state.project_id)
    for item, worker, answer in journal:
        held.add(str(item), str(worker), answer, gold.get(item))
    return held


def _add(state: OnlineState, held: _Held, rows: Iterable[tuple], *, now: dt.datetime) -> int:
    gold = inputs.known_answers(state.project_id)
    journal: list[OnlineAnswer] = []
    people: dict[uuid.UUID, tuple[int, float]] = {}
    for pk, item, person, answer in rows:
        update = held.add(str(item), str(person), answer, gold.get(item))
        journal.append(
            OnlineAnswer(
                submission_id=pk,
                org_id=state.org_id,
                project_id=state.project_id,
                number=held.number,
                is_counted=update is not None,
            )
        )
        if update is not None:
            people[person] = (people.get(person, (0, 0.0))[0] + 1, update.accuracy)
    OnlineAnswer.objects.bulk_create(journal)
    _keep_scores(state, held, people, now=now)
    counted = sum(row.is_counted for row in journal)
    state.added += counted
    state.waiting += len(journal) - counted
    state.figures, state.updated_at = _figures(held), now
    state.save()
    transaction.on_commit(partial(_remember, state.project_id, held))
    return counted


def _remember(project_id: uuid.UUID, held: _Held) -> None:
    """Only what is committed: a state that was rolled back must not be taken for the row's."""
    _states[project_id] = held
    while len(_states) > KEPT:
        _states.popitem(last=False)


def _keep_scores(
    state: OnlineState,
    held: _Held,
    people: dict[uuid.UUID, tuple[int, float]],
    *,
    now: dt.datetime,
) -> None:
    known = dict(
        OnlineScore.objects.filter(
            project_id=state.project_id, contributor_id__in=people
        ).values_list("contributor_id", "answers")
    )
    OnlineScore.objects.bulk_create(
        [
            OnlineScore(
                org_id=state.org_id,
                project_id=state.project_id,
                contributor_id=person,
                run_id=state.run_id,
                answers=known.get(person, 0) + answers,
                before=held.accuracy_before(str(person)),
                now=accuracy,
                at=now,
            )
            for person, (answers, accuracy) in people.items()
        ],
        update_conflicts=True,
        unique_fields=["contributor", "project"],
        update_fields=["run", "answers", "before", "now", "at"],
    )


def _figures(held: _Held) -> dict:
    last = list(held.touched.items())[-ITEMS_SHOWN:][::-1]
    return {
        "alpha_before": held.alpha,
        "alpha": None if held.alpha is None else held.online.alpha.alpha(),
        "items": len(held.touched),
        "labels_changed": sum(
            held.labels[item] != label for item, (label, _, _) in held.touched.items()
        ),
        "last": [
            {
                "item": item,
                "before": held.labels[item],
                "label": label,
                "probability": probability,
                "answers": answers,
            }
            for item, (label, probability, answers) in last
        ],
    }


def _difference(before: _Held, after: _Held) -> dict:
    """Of the state before the run from the run; empty where their classes are others."""
    try:
        found = import_module("gpu_jobs.online.state").difference(before.online, after.online)
    except InputError:
        return {}
    return {"answers": before.number, **asdict(found)}
