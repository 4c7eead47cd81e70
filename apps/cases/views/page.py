"""The page of one case, as each side sees it."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse

from apps.cases import permissions, queries
from apps.cases.enums import CaseKind
from apps.cases.forms import AnswerForm, DecideForm
from apps.cases.models import Case
from apps.cases.queries import CaseView
from apps.cases.rules import question
from apps.core.htmx import render
from apps.core.http import HttpRequest

_WRITTEN = frozenset({"text", "decision"})


def case_page(
    request: HttpRequest,
    case: Case,
    *,
    answer_form: AnswerForm | None = None,
    decide_form: DecideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = request.actor
    is_contributor = case.contributor_id == actor.user_id
    view = queries.view(case, has_all_scores=not is_contributor)
    may_answer = view.is_open and not case.answer and permissions.can_answer(actor, case)
    hindrance = permissions.why_not_decide(actor, case) if actor.is_staff else None
    may_decide = actor.is_staff and view.is_open and hindrance is None
    # A form that is no longer there: its refusal and what was typed into it are shown all the same.
    gone = [
        form
        for form, is_there in ((answer_form, may_answer), (decide_form, may_decide))
        if form is not None and not is_there
    ]
    context = {
        "view": view,
        "refusals": [line for form in gone for lines in form.errors.values() for line in lines],
        "typed": [field.value() for form in gone for field in form if field.name in _WRITTEN],
        "case": case,
        "side": "staff" if actor.is_staff else "contributor" if is_contributor else "buyer",
        "answer_form": (answer_form or AnswerForm()) if may_answer else None,
        "decide_form": (decide_form or blank_decision(view)) if may_decide else None,
        "hindrance": hindrance or "",
    }
    return render(request, "cases/case.html", context, status=status)


def blank_decision(view: CaseView) -> DecideForm:
    return DecideForm(**_asked(view.case))


def bound_decision(request: HttpRequest, case: Case) -> DecideForm:
    return DecideForm(request.POST, **_asked(case))


def _asked(case: Case) -> dict[str, Any]:
    """What the decider is asked, and how long a finding of bad faith has to be."""
    answers = question(case.kind, is_by_contributor=permissions.is_by_contributor(case))
    is_bad_faith = case.kind == CaseKind.BAD_FAITH
    return {
        "answers": answers,
        "minimum_if_granted": settings.WAGEFILE["rejection_note_minimum"] if is_bad_faith else 0,
    }
