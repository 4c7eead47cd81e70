"""Reads about scoring runs."""

import uuid

from apps.core.tenancy import Actor
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun


def latest(project_id: uuid.UUID, actor: Actor) -> ScoringRun | None:
    """The newest run, whatever its state."""
    return ScoringRun.objects.visible_to(actor).filter(project_id=project_id).first()


def latest_done(project_id: uuid.UUID, actor: Actor) -> ScoringRun | None:
    """The newest finished run: the figures to show while a later one computes."""
    return (
        ScoringRun.objects.visible_to(actor)
        .filter(project_id=project_id, state=RunState.DONE)
        .first()
    )
