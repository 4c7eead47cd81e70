"""E-mail for people who are invited and have no account yet."""

import datetime as dt
import uuid

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse

from apps.core.tasks import tenant_task
from apps.core.tenancy import Actor
from apps.organizations.enums import InvitationState
from apps.organizations.models import Invitation


@tenant_task("organizations.mail_invitation")
def mail_invitation(*, id: uuid.UUID, by: Actor, now: dt.datetime) -> int:  # noqa: A002, ARG001
    """Mail an open invitation once; a withdrawn one is not mailed."""
    rows = Invitation.objects.visible_to(by).select_related("org")
    invitation = rows.filter(id=id, state=InvitationState.OPEN).first()
    if invitation is None:
        return 0
    url = settings.SITE_URL + reverse("organizations:invitation", args=[invitation.id])
    return send_mail(
        f"[Wagefile] {invitation.org.name} invites you as {invitation.role}",
        f"Sign up or sign in with {invitation.email}, then open\n\n{url}\n",
        settings.DEFAULT_FROM_EMAIL,
        [invitation.email],
    )
