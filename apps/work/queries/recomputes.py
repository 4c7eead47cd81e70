"""From an id that a page quotes to the scoring run behind it, and to the row that it names."""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from apps.core.errors import NotThere
from apps.core.tenancy import Actor
from apps.scoring.enums import RunState
from apps.scoring.models import ErrorRun, LiftRun, RepeatRun, Run, ScoringRun
from apps.work.models import EarningLine, RepeatScore, Score, Settlement, Submission


@dataclass(frozen=True, slots=True)
class Quoted:
    """What an id stands for: a run, and in it perhaps one person's row or one answer's."""

    what: str
    run: Run
    worker: uuid.UUID | None = None
    submission: uuid.UUID | None = None


def find(score_id: uuid.UUID, actor: Actor) -> Quoted:
    """A run, its analysis of errors, one over repeats, a person's score, a settlement, one of its
    earning lines, or a scored answer.

    Raises NotThere with a sentence.
    """
    run = ScoringRun.objects.visible_to(actor).filter(id=score_id).first()
    if run is not None:
        return Quoted("scoring run", _done(run))
    errors = ErrorRun.objects.visible_to(actor).filter(id=score_id).first()
    if errors is not None:
        if errors.note:
            raise NotThere(f"This analysis of errors has no figures: {errors.note}.")
        return Quoted("analysis of errors", errors)
    repeats = _repeats(score_id, actor)
    if repeats is not None:
        if repeats.note:
            raise NotThere(f"This run over repeats has no figures: {repeats.note}.")
        return Quoted("agreement with oneself", repeats)
    chunked = LiftRun.objects.visible_to(actor).filter(id=score_id).first()
    if chunked is not None:
        return Quoted(f"run of kind {chunked.kind}", _done(chunked))
    score = Score.objects.visible_to(actor).filter(id=score_id).select_related("run").first()
    if score is not None:
        return Quoted("score of a contributor", _done(score.run), worker=score.contributor_id)
    settlement = _settlement(score_id, actor)
    if settlement is not None:
        run = _run(settlement.facts.get("run"), actor)
        return Quoted("settlement", run, worker=settlement.contributor_id)
    answer = Submission.objects.visible_to(actor).filter(id=score_id).first()
    if answer is not None:
        return Quoted("answer", _run(answer.scores.get("run"), actor), submission=answer.id)
    raise NotThere("No run, score, settlement, earning line or answer has this id.")


def _repeats(score_id: uuid.UUID, actor: Actor) -> RepeatRun | None:
    """By its own id, or by that of what it says of one person."""
    of_person = RepeatScore.objects.visible_to(actor).filter(id=score_id).values("run_id")
    runs = RepeatRun.objects.visible_to(actor)
    return runs.filter(Q(id=score_id) | Q(id__in=of_person)).first()


def _settlement(score_id: uuid.UUID, actor: Actor) -> Settlement | None:
    found = Settlement.objects.visible_to(actor).filter(id=score_id).first()
    if found is None:
        line = EarningLine.objects.visible_to(actor).filter(id=score_id).first()
        found = line.settlement if line else None
    return found


def _run(run_id: str | None, actor: Actor) -> ScoringRun:
    run = ScoringRun.objects.visible_to(actor).filter(id=run_id).first() if run_id else None
    if run is None:
        raise NotThere("No scoring run stands behind this: it rests on no score, or was made "
                       "before runs were written down with it.")  # fmt: skip
    return _done(run)


def _done[Stated: (ScoringRun, LiftRun)](run: Stated) -> Stated:
    if run.state != RunState.DONE:
        raise NotThere(f"This run is {run.state}; only a finished one has figures to compare.")
    return run
