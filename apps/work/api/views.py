"""The API of contributors: clock, drafts, claims, submissions, results. Sessions as on the pages.

An item leaves only as its payload and what its editor needs. Nothing here says, by a field, an
order or another path through the code, whether an item's right answer is known.
"""

import uuid
from functools import cache
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request as RestRequest
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.errors import Invalid
from apps.core.http import ApiRequest as Request
from apps.core.tenancy import Actor
from apps.projects.models import Offer
from apps.work import actions as work
from apps.work.api.shapes import (
    READS,
    REFUSALS,
    AssignmentOut,
    BeatIn,
    ClaimIn,
    ClockOut,
    DraftIn,
    EarningsOut,
    EnrolmentIn,
    EnrolmentOut,
    GiveBackIn,
    OfferOut,
    ResultOut,
    SubmissionIn,
    SubmissionOut,
)
from apps.work.enums import GiveBackReason
from apps.work.models import Assignment, Submission
from apps.work.queries import desk, earnings, history, offers


def _sent(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """What was sent, checked for shape. Invalid names the first field that is wrong."""
    made = serializer(data=request.data)
    if not made.is_valid():
        field, errors = next(iter(made.errors.items()))
        first = errors[0] if isinstance(errors, list) else errors
        is_named = field in made.fields
        sentence = f"{field}: {first}" if is_named else str(first)
        raise Invalid(sentence, field=field if is_named else None)
    return made.validated_data


@cache
def _shape(serializer: type[serializers.Serializer]) -> serializers.Serializer:
    return serializer()


def _out(serializer: type[serializers.Serializer], row: object) -> dict[str, Any]:
    """A row in its shape. The shape's fields are made once, not copied for every answer."""
    return _shape(serializer).to_representation(row)


def _assignment(assignment_id: uuid.UUID, by: Actor) -> dict[str, Any]:
    return _shown(desk.assignment_of(assignment_id, by))


def _shown(row: Assignment) -> dict[str, Any]:
    editor = desk.editor(row)
    shown = {
        "id": row.id,
        "project": row.project_id,
        "kind": row.told_kind,
        "state": row.state,
        "round": row.rounds,
        "criteria_version": row.criteria.number,
        "claimed_at": row.claimed_at,
        "submitted_at": row.submitted_at,
        "task": {
            "type": editor.task_type,
            "config": editor.config,
            "instructions": row.criteria.body["task"]["instructions"],
            "payload": editor.payload,
        },
        "answer": editor.answer,
        "clock": desk.clock(row),
        "earns": desk.earns_now(row),
    }
    return _out(AssignmentOut, shown)


class NewestOffers(CursorPagination):
    page_size = 20
    ordering = ("-project_id",)


class Offers(ListAPIView):
    """Listed, live offers, the newest first."""

    request: Request
    pagination_class = NewestOffers
    serializer_class = OfferOut
    queryset = Offer.objects.none()

    def get_queryset(self) -> Any:
        return offers.listed()

    @extend_schema(operation_id="offers", responses={200: OfferOut(many=True), **READS})
    def get(self, request: RestRequest, *_args: Any, **_kwargs: Any) -> Response:  # noqa: ARG002 -- named above
        rows = self.paginate_queryset(self.get_queryset()) or []
        views = offers.views(rows, offers.Reader(self.request.actor))
        return self.get_paginated_response(OfferOut(views, many=True).data)


class Enrolments(APIView):
    """Join a project under its criteria in force, or begin the next attempt."""

    @extend_schema(
        operation_id="enrol", request=EnrolmentIn, responses={201: EnrolmentOut, **REFUSALS}
    )
    def post(self, request: Request) -> Response:
        sent = _sent(EnrolmentIn, request)
        enrolment = work.enrol(
            project_id=sent["project"],
            tier=sent["tier"],
            has_consented=sent["has_consented"],
            by=request.actor,
            now=request.now,
        )
        return Response(EnrolmentOut(enrolment).data, status=status.HTTP_201_CREATED)


class Claims(APIView):
    """Take the next item; an open claim is given again, never a second one."""

    @extend_schema(
        operation_id="claim", request=ClaimIn, responses={201: AssignmentOut, **REFUSALS}
    )
    def post(self, request: Request) -> Response:
        sent = _sent(ClaimIn, request)
        claimed = work.claim(
            project_id=sent["project"], item=sent.get("item"), by=request.actor, now=request.now
        )
        return Response(_shown(desk.handed_out(claimed)), status=status.HTTP_201_CREATED)


class AssignmentView(APIView):
    """An own assignment with its task, clock and answer so far."""

    @extend_schema(
        operation_id="assignment", responses={200: AssignmentOut, **READS, 404: REFUSALS[404]}
    )
    def get(self, request: Request, assignment_id: uuid.UUID) -> Response:
        return Response(_assignment(assignment_id, request.actor))


class Draft(APIView):
    """Keep an unfinished answer."""

    @extend_schema(operation_id="draft", request=DraftIn, responses={200: ClockOut, **REFUSALS})
    def put(self, request: Request, assignment_id: uuid.UUID) -> Response:
        clock = work.save_draft(
            assignment_id=assignment_id,
            draft=_sent(DraftIn, request)["draft"],
            by=request.actor,
            now=request.now,
        )
        return Response(_out(ClockOut, clock))


class Beats(APIView):
    """A heartbeat, every 15 seconds; the time between two is measured by the server."""

    @extend_schema(operation_id="beat", request=BeatIn, responses={200: ClockOut, **REFUSALS})
    def post(self, request: Request, assignment_id: uuid.UUID) -> Response:
        clock = work.beat(
            assignment_id=assignment_id, **_sent(BeatIn, request), by=request.actor, now=request.now
        )
        return Response(_out(ClockOut, clock))


class SubmissionView(APIView):
    """Hand in. The same answer twice is one submission."""

    @extend_schema(
        operation_id="submit", request=SubmissionIn, responses={201: SubmissionOut, **REFUSALS}
    )
    def post(self, request: Request, assignment_id: uuid.UUID) -> Response:
        submission = work.submit(
            assignment_id=assignment_id,
            answer=_sent(SubmissionIn, request)["answer"],
            by=request.actor,
            now=request.now,
        )
        return Response(_out(SubmissionOut, submission), status=status.HTTP_201_CREATED)


class Undo(APIView):
    """Take an answer back within the first seconds; it is the draft again."""

    @extend_schema(operation_id="undo", request=None, responses={200: AssignmentOut, **REFUSALS})
    def post(self, request: Request, assignment_id: uuid.UUID) -> Response:
        work.undo(assignment_id=assignment_id, by=request.actor, now=request.now)
        return Response(_assignment(assignment_id, request.actor))


class GiveBack(APIView):
    """Skip, give back, or report a broken item."""

    @extend_schema(
        operation_id="give_back", request=GiveBackIn, responses={200: AssignmentOut, **REFUSALS}
    )
    def post(self, request: Request, assignment_id: uuid.UUID) -> Response:
        sent = _sent(GiveBackIn, request)
        work.give_back(
            assignment_id=assignment_id,
            reason=GiveBackReason(sent["reason"]),
            note=sent["note"],
            by=request.actor,
            now=request.now,
        )
        return Response(_assignment(assignment_id, request.actor))


class LatestResults(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = ("-submitted_at", "-id")


class Results(ListAPIView):
    """Own submissions with their verdicts and earning lines, the latest first."""

    request: Request
    pagination_class = LatestResults
    serializer_class = ResultOut
    queryset = Submission.objects.none()

    def get_queryset(self) -> Any:
        return history.submissions(self.request.actor)

    @extend_schema(operation_id="results", responses={200: ResultOut(many=True), **READS})
    def get(self, request: RestRequest, *_args: Any, **_kwargs: Any) -> Response:
        return self.list(request)


class Earnings(APIView):
    """Balances of the ledger, and what each project came to, per hour, too."""

    @extend_schema(operation_id="earnings", responses={200: EarningsOut, **READS})
    def get(self, request: Request) -> Response:
        found = {
            "balances": earnings.balances(request.actor),
            "projects": earnings.by_project(request.actor),
        }
        return Response(EarningsOut(found).data)
