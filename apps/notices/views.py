"""A person's notices."""

import uuid

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.notices import actions as notices
from apps.notices.models import Notice


@login_required
@require_safe
def show_all(request: HttpRequest) -> HttpResponse:
    rows = Notice.objects.visible_to(request.actor)
    page = Paginator(rows, 30).get_page(request.GET.get("page"))
    return render(request, "notices/list.html", {"page": page})


@login_required
@require_POST
def mark_read(request: HttpRequest) -> HttpResponse:
    notices.mark_read(by=request.actor, now=request.now)
    return redirect("notices:list")


@login_required
@require_POST
def follow(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Read it, and go where it points; only ever within this site."""
    notice = get_object_or_404(Notice.objects.visible_to(request.actor), id=notice_id)
    notices.mark_one_read(notice.id, by=request.actor, now=request.now)
    inside = url_has_allowed_host_and_scheme(notice.url, allowed_hosts=None)
    return redirect(notice.url if notice.url and inside else "notices:list")
