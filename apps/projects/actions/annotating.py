"""Taking answers of models and labelling functions out of a project again."""

import datetime as dt
import uuid

from django.db import transaction

from apps.core.errors import Conflict, NotThere
from apps.core.tenancy import Actor
from apps.projects import permissions
from apps.projects.actions.imports import locked_load
from apps.projects.actions.moves import locked, record
from apps.projects.enums import ImportState, ProjectState
from apps.projects.models import AnnotatorAnswer, ItemImport


def withdraw_answers(*, import_id: uuid.UUID, by: Actor, now: dt.datetime) -> ItemImport:
    """Take all answers of a file out again; the next run is made without them."""
    with transaction.atomic():
        load = locked_load(import_id, by=by)
        project = locked(load.project_id, by=by)
        permissions.check_can_manage(by, project)
        if not load.annotators or load.state != ImportState.DONE:
            raise NotThere("There are no answers of this file.")
        if load.withdrawn_at is not None:
            raise Conflict("The answers of this file were taken out already.")
        if project.state == ProjectState.CLOSED:
            raise Conflict("The project is closed; its answers stay as they are.")
        count, _ = AnnotatorAnswer.objects.filter(load=load).delete()
        load.withdrawn_at = now
        load.save(update_fields=["withdrawn_at"])
        record(project, "answers_withdrawn", by=by, now=now, load=str(load.id), answers=count)
        return load
