"""States of projects and imports, with their transition tables."""

from django.db import models


class ProjectState(models.TextChoices):
    DRAFT = "draft"
    LIVE = "live"
    PAUSED = "paused"
    CLOSING = "closing"  # no new claims; open windows run out
    CLOSED = "closed"


PROJECT_TRANSITIONS: dict[str, frozenset[str]] = {
    ProjectState.DRAFT: frozenset({ProjectState.LIVE}),
    ProjectState.LIVE: frozenset({ProjectState.PAUSED, ProjectState.CLOSING}),
    ProjectState.PAUSED: frozenset({ProjectState.LIVE, ProjectState.CLOSING}),
    ProjectState.CLOSING: frozenset({ProjectState.CLOSED}),
    ProjectState.CLOSED: frozenset(),
}


class Visibility(models.TextChoices):
    PUBLIC = "public"
    INVITATION = "invitation"
    STAFF = "staff"
    # Every item has named contributors: replays and pilots. Never on the board.
    ASSIGNED = "assigned"


class Unit(models.TextChoices):
    ITEM = "item"
    HOUR = "hour"
    MILESTONE = "milestone"


class Layer(models.TextChoices):
    """The seven work layers of the compensation map."""

    LABELLING = "labelling", "Labelling"
    EVALUATION = "evaluation", "Response evaluation"
    DOMAIN = "domain", "Domain review"
    DATA_QUALITY = "data_quality", "Data-quality operations"
    APPLIED_OPS = "applied_ops", "Applied AI operations"
    PHYSICAL = "physical", "Physical data"
    INTERNAL_LEAD = "internal_lead", "Internal evaluation lead"


class ImportState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    ASKING = "asking"  # some rows were refused: the buyer says whether the good ones are kept
    DONE = "done"
    DISCARDED = "discarded"
    FAILED = "failed"


IMPORT_TRANSITIONS: dict[str, frozenset[str]] = {
    ImportState.QUEUED: frozenset({ImportState.RUNNING, ImportState.FAILED}),
    ImportState.RUNNING: frozenset(
        {ImportState.RUNNING, ImportState.ASKING, ImportState.DONE, ImportState.FAILED}
    ),
    ImportState.ASKING: frozenset({ImportState.DONE, ImportState.DISCARDED}),
    ImportState.DONE: frozenset(),
    ImportState.DISCARDED: frozenset(),
    ImportState.FAILED: frozenset(),
}


class GoldState(models.TextChoices):
    """Computed from a gold answer's row. Suspect (by statistics) and contested (by a contributor)
    still count; demoted never counts again.
    """

    STANDING = "standing"
    SUSPECT = "suspect"
    CONTESTED = "contested"
    DEMOTED = "demoted"


class AnnotatorKind(models.TextChoices):
    """Who answers besides people. Never paid, never in people's agreement, always marked."""

    MODEL = "model", "Model"
    FUNCTION = "function", "Labelling function"


class ItemPurpose(models.TextChoices):
    WORK = "work"
    QUALIFICATION = "qualification"


class ItemState(models.TextChoices):
    ACTIVE = "active"
    BROKEN = "broken"  # reported and taken out
    WITHDRAWN = "withdrawn"


ITEM_TRANSITIONS: dict[str, frozenset[str]] = {
    ItemState.ACTIVE: frozenset({ItemState.BROKEN, ItemState.WITHDRAWN}),
    ItemState.BROKEN: frozenset({ItemState.ACTIVE}),
    ItemState.WITHDRAWN: frozenset({ItemState.ACTIVE}),
}
