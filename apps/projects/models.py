"""Projects, their published criteria, items and gold."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.core.errors import Conflict
from apps.core.models import Row
from apps.organizations.models import OfOrganizationQuerySet, Organization
from apps.projects.enums import (
    AnnotatorKind,
    GoldState,
    ImportState,
    ItemPurpose,
    ItemState,
    Layer,
    ProjectState,
    Unit,
    Visibility,
)


class Project(Row):
    """One purchase of work. What contributors are promised stands in its criteria, not here."""

    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="projects")
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=ProjectState, default=ProjectState.DRAFT)
    task_type = models.CharField(max_length=30, blank=True)
    layer = models.CharField(max_length=14, choices=Layer, default=Layer.LABELLING)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PUBLIC)
    unit = models.CharField(max_length=9, choices=Unit, default=Unit.ITEM)
    currency = models.CharField(max_length=3)
    criteria = models.ForeignKey(
        "CriteriaVersion", null=True, on_delete=models.PROTECT, related_name="+"
    )
    is_simulated = models.BooleanField(default=False, help_text="Its crowd is simulated")
    frozen_at = models.DateTimeField(null=True, help_text="Paused by a chargeback of the buyer's")
    rejections_frozen_at = models.DateTimeField(null=True, help_text="Mass-rejection breaker")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # Null for projects published while seats were still paid from the held funds: they stay so.
    seats = models.JSONField(
        null=True, help_text="Funded qualification seats of each tier, by its key"
    )
    published_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="project_published_has_criteria",
                condition=Q(state="draft", criteria=None, published_at=None)
                | ~Q(state="draft") & Q(criteria__isnull=False, published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="project_closed_at",
                condition=Q(state="closed", closed_at__isnull=False)
                | ~Q(state="closed") & Q(closed_at=None),
            ),
        ]
        indexes = [models.Index(fields=["org", "-created_at"], name="project_of_org")]

    def __str__(self) -> str:
        return self.title

    @property
    def criteria_in_force(self) -> "CriteriaVersion":
        """The published criteria; only a draft has none (project_published_has_criteria)."""
        if self.criteria is None:
            raise Conflict("This project is a draft; its criteria are not published yet.")
        return self.criteria

    @property
    def criteria_in_force_id(self) -> uuid.UUID:
        """The same without reading the row."""
        if self.criteria_id is None:
            raise Conflict("This project is a draft; its criteria are not published yet.")
        return self.criteria_id


class ProjectDraft(models.Model):
    """What the buyer is still writing. `body` has one object for each step of the wizard."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="draft"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    body = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()


class CriteriaVersion(Row):
    """Published, immutable, numbered, hashed (SHA-256 over RFC 8785 JSON of `body`)."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="versions")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    body = models.JSONField()
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="criteria_number"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


class Item(models.Model):
    """A unit of data. `sort_key` is random: the order of work tells nothing about the upload."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="items")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(max_length=200)
    purpose = models.CharField(max_length=13, choices=ItemPurpose, default=ItemPurpose.WORK)
    state = models.CharField(max_length=9, choices=ItemState, default=ItemState.ACTIVE)
    payload = models.JSONField()
    kind = models.CharField(max_length=40, blank=True, help_text="The buyer's group, for reports")
    triggers = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Triggers of premiums that the buyer's row names",
    )
    overlap = models.PositiveIntegerField(default=1)
    open_slots = models.IntegerField(default=1)
    sort_key = models.BigIntegerField()
    broken_reports = models.PositiveIntegerField(default=0)
    asked = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Thousandths of a bit that another answer is expected to teach; 0: not asked for",
    )
    exposed = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How often it was given as one with a known answer"
    )

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id"], name="item_external_id"),
            models.CheckConstraint(
                name="item_slots",
                condition=Q(open_slots__gte=0, open_slots__lte=F("overlap"), overlap__gte=1),
            ),
        ]
        indexes = [
            # The claim walks this in order; finished items are not in it.
            models.Index(
                fields=["project", "sort_key", "id"],
                name="item_open",
                condition=Q(open_slots__gt=0, state="active", purpose="work"),
            ),
            # What the last plan asks for comes before the walk, the most telling first.
            models.Index(
                fields=["project", "-asked", "sort_key"],
                name="item_asked",
                condition=Q(open_slots__gt=0, state="active", purpose="work", asked__gt=0),
            ),
            models.Index(fields=["project", "id"], name="item_of_project"),
            models.Index(
                fields=["project"],
                name="item_qualification",
                condition=Q(purpose="qualification"),
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class GoldAnswer(models.Model):
    """The known right answer of an item. No contributor can read this table."""

    item = models.OneToOneField(
        Item, on_delete=models.CASCADE, primary_key=True, related_name="gold"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="gold")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    answer = models.JSONField()
    answer_key = models.CharField(max_length=200)
    explanation = models.TextField(blank=True, help_text="Feedback after a qualification")
    authored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who uploaded it; never decides a contest of it",
    )
    contested_until = models.DateTimeField(
        null=True, help_text="While a contest is open: when silence decides it"
    )
    # Taken back for good, by a person or by the silence on a contest.
    demoted_at = models.DateTimeField(null=True)
    demoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    demoted_case = models.UUIDField(null=True, help_text="The contest that it was demoted in")
    demoted_reason = models.TextField(blank=True, db_default="")
    # What the last run says of it; rests nothing on it but a look by a person.
    answers = models.PositiveIntegerField(default=0, db_default=0)
    against = models.FloatField(null=True, help_text="Share of them that differs")
    wrong = models.FloatField(null=True, help_text="Probability that the gold is wrong")
    is_suspect = models.BooleanField(default=False, db_default=False)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            # That it is never undone is said in sql/demotion.sql.
            models.CheckConstraint(
                name="gold_demoted_by_somebody",
                condition=Q(demoted_at=None, demoted_by=None, demoted_case=None, demoted_reason="")
                | Q(demoted_at__isnull=False)
                & (Q(demoted_by__isnull=False) | Q(demoted_case__isnull=False))
                & ~Q(demoted_reason=""),
            ),
        ]
        indexes = [
            # A claim that is given a known answer walks a few of these from a random place.
            models.Index(
                fields=["project", "item"], name="gold_in_use", condition=Q(demoted_at=None)
            ),
            # Scores are computed anew after a demotion.
            models.Index(
                fields=["project", "demoted_at"],
                name="gold_demoted",
                condition=Q(demoted_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"gold of {self.item_id}"

    @property
    def standing(self) -> GoldState:
        """A person's decision comes before a contributor's doubt, and that before statistics."""
        if self.demoted_at is not None:
            return GoldState.DEMOTED
        if self.contested_until is not None:
            return GoldState.CONTESTED
        return GoldState.SUSPECT if self.is_suspect else GoldState.STANDING


class Asset(Row):
    """A picture of the project, re-encoded at upload, served from the uploads origin only."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="assets")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    content_type = models.CharField(max_length=30)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="asset_name"),
        ]


class ItemImport(Row):
    """One uploaded file, streamed in by a worker; resumed when the worker dies.

    Of items, or of answers that models or labelling functions gave to them: then `annotators` says
    which, and withdrawing takes all of its answers out again.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="imports")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=13, choices=ItemPurpose, default=ItemPurpose.WORK)
    annotators = models.CharField(
        max_length=8, choices=AnnotatorKind, blank=True, db_default="", help_text="Empty: items"
    )
    tokens_per_answer = models.PositiveIntegerField(null=True, help_text="Of a model, on average")
    price_per_million = models.PositiveBigIntegerField(
        null=True, help_text="Minor units for a million tokens"
    )
    state = models.CharField(max_length=9, choices=ImportState, default=ImportState.QUEUED)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    format = models.CharField(max_length=8)
    rows_total = models.PositiveIntegerField(null=True)
    rows_read = models.PositiveIntegerField(default=0)
    rows_good = models.PositiveIntegerField(default=0)
    rows_refused = models.PositiveIntegerField(default=0)
    refused = models.JSONField(default=list, help_text="[line, reason] of the first 1,000")
    refused_sha256 = models.CharField(max_length=64, blank=True, help_text="The whole report")
    error = models.CharField(max_length=300, blank=True)
    claimed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    finished_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="import_withdrawn_of_answers",
                condition=Q(withdrawn_at=None) | ~Q(annotators="") & Q(state="done"),
            ),
            models.CheckConstraint(
                name="import_price_of_model",
                condition=Q(tokens_per_answer=None, price_per_million=None)
                | Q(
                    annotators="model",
                    tokens_per_answer__gt=0,
                    tokens_per_answer__isnull=False,
                    price_per_million__isnull=False,
                ),
            ),
        ]

    @property
    def answer_micros(self) -> int | None:
        """What one answer costs, in millionths of a minor unit; None where nobody said."""
        if self.tokens_per_answer is None or self.price_per_million is None:
            return None
        return self.tokens_per_answer * self.price_per_million


class StagedItem(models.Model):
    """Good rows of an import that is not finished; they become items all at once."""

    load = models.ForeignKey(ItemImport, on_delete=models.CASCADE, related_name="staged")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    line = models.PositiveIntegerField()
    external_id = models.CharField(max_length=200)
    payload = models.JSONField()
    kind = models.CharField(max_length=40, blank=True)
    triggers = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    overlap = models.PositiveIntegerField()
    gold = models.JSONField(null=True)
    gold_key = models.CharField(max_length=200, blank=True)
    explanation = models.TextField(blank=True)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["load", "external_id"], name="staged_external_id"),
        ]


class StagedAnswer(models.Model):
    """Good rows of an import of answers that is not finished."""

    load = models.ForeignKey(ItemImport, on_delete=models.CASCADE, related_name="staged_answers")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    line = models.PositiveIntegerField()
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    annotator = models.CharField(max_length=80)
    answer = models.JSONField()
    answer_key = models.CharField(max_length=200)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["load", "item", "annotator"], name="staged_answer_once"
            ),
        ]


class AnnotatorAnswer(Row):
    """An answer that no person gave: a model's or a labelling function's, as the buyer sent it."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="annotator_answers")
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    load = models.ForeignKey(ItemImport, on_delete=models.PROTECT, related_name="answers")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="annotator_answers")
    kind = models.CharField(max_length=8, choices=AnnotatorKind)
    annotator = models.CharField(max_length=80)
    answer = models.JSONField()
    answer_key = models.CharField(max_length=200)

    objects = OfOrganizationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "kind", "annotator"], name="annotator_answer_once"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="annotator_answer_of_project"),
        ]


class Offer(models.Model):
    """A published summary of a listed project: the board, and figures across tenants.

    Written by tasks, readable by everybody, hence without row-level security and with nothing in
    it that is not meant to be public. `body` is the offer page, `figures` what happened so far.
    """

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="offer"
    )
    org_id = models.UUIDField()
    state = models.CharField(max_length=8, choices=ProjectState)
    is_listed = models.BooleanField(default=True)
    body = models.JSONField()
    figures = models.JSONField(default=dict)
    updated_at = models.DateTimeField()


class ProjectFigures(models.Model):
    """Counters of a project for the buyer's page, recomputed by a task, never added up in place."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="figures"
    )
    org = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="+")
    body = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    objects = OfOrganizationQuerySet.as_manager()
