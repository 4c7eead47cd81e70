"""Further uses of a project's answers: what each paid, and recording one after seeing its cost."""

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.organizations.enums import Permission
from apps.organizations.permissions import can, check
from apps.projects import queries as projects
from apps.projects.views.gates import visible
from apps.work import actions as work
from apps.work.models import SecondaryUse


class UseForm(forms.Form):
    """`most` comes back with the amount that the page has shown."""

    use = forms.CharField(
        max_length=160,
        label="What the answers are used for",
        help_text="Each author reads it on their statement.",
    )
    most = forms.IntegerField(min_value=0, max_value=10**15, widget=forms.HiddenInput)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def record(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = visible(request).filter(id=project_id).first()
    if project is None:
        raise Http404("There is no such project.")
    check(request.actor, Permission.SEE_MONEY, org_id=project.org_id)
    if project.criteria is None:
        raise Http404("This project is not published yet.")
    owed = work.uses(project, "")
    form, status = UseForm(request.POST or None, initial={"most": owed.gross}), 200
    if request.method == "POST":
        check(request.actor, Permission.MOVE_MONEY, org_id=project.org_id)
        status = 422
        if form.is_valid():
            try:
                made = work.record_use(
                    project_id=project.id, by=request.actor, now=request.now, **form.cleaned_data
                )
            except WagefileError as refusal:
                form.add_error(
                    refusal.field if refusal.field in form.fields else None, refusal.sentence
                )
                status = refusal.status
            else:
                messages.success(request, f"Recorded; {made.people} people are paid.")
                return redirect("work:uses", project.id)
    context = {
        "project": project,
        "currency": project.currency,
        "consent": project.criteria.body["consent"],
        "owed": owed,
        "people": len(owed.authors),
        "form": form,
        "uses": SecondaryUse.objects.visible_to(request.actor).filter(project=project),
        "wallet": projects.wallet(project.org, project.currency).available,
        "may_pay": can(request.actor, Permission.MOVE_MONEY, org_id=project.org_id),
    }
    return render(request, "work/uses.html", context, status=status)
