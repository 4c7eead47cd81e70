"""Time. `now()` is read once a request or task and passed on; actions never read the clock."""

import datetime as dt

from django.conf import settings
from django.db import transaction

from apps.core.errors import Invalid
from apps.core.models import ClockOffset


def real_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def now() -> dt.datetime:
    """Real time, plus the demo's offset. Production never reads the offset."""
    if settings.PRODUCTION:
        return real_now()
    offset = ClockOffset.objects.values_list("offset", flat=True).first()
    return real_now() + (offset or dt.timedelta())


def advance(by: dt.timedelta) -> dt.timedelta:
    """Move the demo's clock forward; the new offset."""
    if settings.PRODUCTION:
        raise Invalid("The clock of a real marketplace cannot be moved.")
    if by <= dt.timedelta():
        raise Invalid("The clock only moves forward.")
    with transaction.atomic():
        row, _ = ClockOffset.objects.select_for_update().get_or_create(
            id=1, defaults={"offset": dt.timedelta()}
        )
        row.offset += by
        row.save(update_fields=["offset"])
    return row.offset
