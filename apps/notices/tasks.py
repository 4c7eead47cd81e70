"""E-mail for notices."""

import logging

from celery import shared_task
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from apps.core import clock
from apps.notices import actions as notices

log = logging.getLogger(__name__)


@shared_task(name="notices.send")
def send() -> int:
    """Mail what has not been mailed. A mail server that refuses puts the batch back."""
    with transaction.atomic():
        rows = notices.take(now=clock.now())
        addresses = dict(
            get_user_model()
            .objects.filter(id__in={row[1] for row in rows})
            .values_list("id", "email")
        )
        messages = [
            EmailMessage(
                f"[Wagefile] {title}",
                f"{body}\n\n{settings.SITE_URL}{url}\n",
                settings.DEFAULT_FROM_EMAIL,
                [addresses[user_id]],
            )
            for _, user_id, title, body, url in rows
            # Simulated people have addresses that no server will ever take.
            if user_id in addresses and not addresses[user_id].endswith(".invalid")
        ]
        if messages:
            get_connection().send_messages(messages)
    return len(rows)
