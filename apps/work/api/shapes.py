"""Shapes of the API: what comes in and what goes out. Amounts are minor units, times seconds."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from apps.work.enums import GiveBackReason
from apps.work.models import EarningLine, Enrolment, Submission, Verdict
from apps.work.queries import history


class RefusalOut(serializers.Serializer):
    """Why something was refused: one sentence, and the field it is about, if it is about one."""

    detail = serializers.CharField()
    field = serializers.CharField(required=False)


REFUSALS = {
    code: OpenApiResponse(RefusalOut, description=meaning)
    for code, meaning in (
        (403, "Not signed in, or not allowed."),
        (404, "No such row for you."),
        (409, "The state or a deadline does not allow it now."),
        (422, "What was sent cannot be used."),
    )
}
READS = {403: REFUSALS[403]}


class MoneyOut(serializers.Serializer):
    """Minor units. gross = net + fee."""

    net = serializers.IntegerField()
    fee = serializers.IntegerField()
    gross = serializers.IntegerField()


class TierOut(serializers.Serializer):
    key = serializers.CharField()
    title = serializers.CharField()
    regions = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    credentials = serializers.ListField(child=serializers.CharField())
    qualification = serializers.JSONField(allow_null=True)
    gaps = serializers.ListField(
        child=serializers.CharField(),
        help_text="What you lack for it; empty when it is open to you",
    )


class FiguresOut(serializers.Serializer):
    """Hourly amounts are net minor units; null means that there is nobody yet."""

    hourly_median = serializers.IntegerField(allow_null=True)
    hourly_p25 = serializers.IntegerField(allow_null=True)
    people_paid = serializers.IntegerField()
    pass_percent = serializers.IntegerField(allow_null=True)
    items_left = serializers.IntegerField(allow_null=True)
    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    seconds_to_money = serializers.IntegerField(allow_null=True)


class OfferOut(serializers.Serializer):
    project = serializers.UUIDField(source="project_id")
    title = serializers.CharField(source="body.title")
    buyer = serializers.CharField()
    owners = serializers.CharField()
    trains = serializers.CharField(source="body.disclosure.trains")
    content_warnings = serializers.CharField(source="body.disclosure.content_warnings")
    is_simulated = serializers.BooleanField()
    task_type = serializers.CharField(source="body.task.type")
    currency = serializers.CharField()
    per_item = MoneyOut(source="price")
    floor_per_hour = serializers.IntegerField(source="body.pay.floor_per_hour")
    review_hours = serializers.IntegerField(source="body.windows.review_hours")
    figures = FiguresOut()
    tiers = TierOut(many=True)
    consent = serializers.JSONField(source="body.consent")
    criteria_version = serializers.IntegerField(source="criteria.number")
    criteria_sha256 = serializers.CharField(source="criteria.sha256")


class EnrolmentIn(serializers.Serializer):
    project = serializers.UUIDField()
    tier = serializers.CharField(max_length=40)
    has_consented = serializers.BooleanField(help_text="To the consent terms of the offer")


class EnrolmentOut(serializers.ModelSerializer):
    project = serializers.UUIDField(source="project_id")

    class Meta:
        model = Enrolment
        fields = ("project", "tier", "state", "attempts", "retake_at", "result", "consented_at")


class ClaimIn(serializers.Serializer):
    project = serializers.UUIDField()
    item = serializers.CharField(
        max_length=200,
        required=False,
        help_text="External id; in projects whose items are assigned by name only",
    )


class ClockOut(serializers.Serializer):
    """Seconds as the server measured them."""

    active_seconds = serializers.IntegerField()
    idle_seconds = serializers.IntegerField()
    cap_seconds = serializers.IntegerField(help_text="Active time that is paid at most")
    is_capped = serializers.BooleanField()
    expires_at = serializers.DateTimeField(help_text="When the hold ends without a heartbeat")


class TaskOut(serializers.Serializer):
    type = serializers.CharField()
    config = serializers.JSONField()
    instructions = serializers.CharField()
    payload = serializers.JSONField(help_text="Pictures are links that end after 10 minutes")


class EarnsOut(serializers.Serializer):
    """Minor units, net except the fee."""

    accepted = serializers.IntegerField()
    fee = serializers.IntegerField()
    rejected = serializers.IntegerField(help_text="If rejected in good faith")
    floor = serializers.IntegerField(help_text="The time so far at the floor")
    bonus_max = serializers.IntegerField()
    currency = serializers.CharField()


class AssignmentOut(serializers.Serializer):
    id = serializers.UUIDField()
    project = serializers.UUIDField()
    kind = serializers.CharField(help_text="work, or qualification; a repeat is told as work")
    state = serializers.CharField()
    round = serializers.IntegerField()
    criteria_version = serializers.IntegerField()
    claimed_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    task = TaskOut()
    answer = serializers.JSONField(help_text="The draft, or the answer given last, or {}")
    clock = ClockOut()
    earns = EarnsOut()


class DraftIn(serializers.Serializer):
    draft = serializers.DictField()


class BeatIn(serializers.Serializer):
    had_input = serializers.BooleanField(help_text="Since the last heartbeat")
    on_instructions = serializers.BooleanField(required=False, default=False)


class SubmissionIn(serializers.Serializer):
    answer = serializers.DictField(help_text="As the task type says")


class SubmissionOut(serializers.ModelSerializer):
    assignment = serializers.UUIDField(source="assignment_id")

    class Meta:
        model = Submission
        fields = ("id", "assignment", "round", "answer", "submitted_at", "undo_until")


class GiveBackIn(serializers.Serializer):
    reason = serializers.ChoiceField(choices=GiveBackReason.choices)
    note = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="Needed when the item is broken",
    )


class VerdictOut(serializers.ModelSerializer):
    scores = serializers.SerializerMethodField()

    class Meta:
        model = Verdict
        fields = (
            "outcome", "decider", "decided_at", "criterion", "note", "evidence", "is_bad_faith",
            "scores",
        )  # fmt: skip

    def get_scores(self, verdict: Verdict) -> dict[str, Any]:
        return dict(history.shown_scores(verdict.scores))


class LineOut(serializers.ModelSerializer):
    project = serializers.UUIDField(source="project_id")
    assignment = serializers.UUIDField(source="assignment_id", allow_null=True)
    criteria_version = serializers.IntegerField(source="criteria.number")

    class Meta:
        model = EarningLine
        fields = (
            "id", "project", "assignment", "kind", "gross", "fee", "net", "currency", "reason",
            "criteria_version", "at",
        )  # fmt: skip


class ResultOut(serializers.ModelSerializer):
    """An own submission, with what was decided about it and what its assignment earned."""

    project = serializers.UUIDField(source="project_id")
    assignment = serializers.UUIDField(source="assignment_id")
    kind = serializers.CharField(source="assignment.told_kind")
    state = serializers.CharField(source="assignment.state")
    appeal_due_at = serializers.DateTimeField(source="assignment.appeal_due_at", allow_null=True)
    verdicts = VerdictOut(many=True)
    lines = LineOut(many=True, source="assignment.lines")

    class Meta:
        model = Submission
        fields = (
            "id", "project", "assignment", "kind", "round", "answer", "submitted_at", "undo_until",
            "state", "appeal_due_at", "verdicts", "lines",
        )  # fmt: skip


class BalanceOut(serializers.Serializer):
    """Minor units, from the ledger."""

    currency = serializers.CharField()
    payable = serializers.IntegerField()
    on_its_way = serializers.IntegerField()
    withdrawn = serializers.IntegerField()
    earned = serializers.IntegerField()


class ProjectEarningsOut(serializers.Serializer):
    project = serializers.UUIDField(source="project_id")
    title = serializers.CharField()
    currency = serializers.CharField()
    gross = serializers.IntegerField()
    fee = serializers.IntegerField()
    net = serializers.IntegerField()
    active_seconds = serializers.IntegerField()
    assignments = serializers.IntegerField()
    per_hour = serializers.IntegerField(allow_null=True, help_text="Net, over all active time")


class EarningsOut(serializers.Serializer):
    balances = BalanceOut(many=True)
    projects = ProjectEarningsOut(many=True)
