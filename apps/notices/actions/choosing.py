"""What a person wants to be told where. Due process stays in the page and in the mailbox."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping

from django.db import transaction

from apps.audit import actions as audit
from apps.core.errors import Invalid, NotAllowed
from apps.core.tenancy import Actor
from apps.notices.enums import MANDATORY, Group, Mail
from apps.notices.models import Preference


def choose(
    *, choices: Mapping[Group, tuple[bool, Mail | str]], by: Actor, now: dt.datetime
) -> None:
    """Set (in the page, e-mail) for each of these groups; an empty e-mail means the default."""
    user_id = by.person_id
    if MANDATORY & set(choices):
        raise Invalid("Notices about due process cannot be switched off.")
    with transaction.atomic():
        for group, (is_in_page, mail) in choices.items():
            Preference.objects.update_or_create(
                user_id=user_id,
                group=Group(group),
                defaults={"is_in_page": is_in_page, "mail": Mail(mail) if mail else ""},
            )
        _record(user_id, choices, by=by, now=now)


def switch_off(*, groups: Iterable[Group], by: Actor, now: dt.datetime) -> None:
    """No more e-mail of these groups; the page goes on as it was."""
    if by.user_id is None:
        raise NotAllowed("Only the reader of an e-mail can switch it off.")
    wanted = [Group(group) for group in groups if group not in MANDATORY]
    with transaction.atomic():
        for group in wanted:
            Preference.objects.update_or_create(
                user_id=by.user_id, group=group, defaults={"mail": Mail.NONE}
            )
        _record(by.user_id, wanted, by=by, now=now)


def _record(user_id: uuid.UUID, groups: Iterable[Group], *, by: Actor, now: dt.datetime) -> None:
    data = {"groups": sorted(str(group) for group in groups)}
    event = audit.Event("person.notices_chosen", ("person", user_id), data=data)
    audit.record(event, by=by, now=now)
