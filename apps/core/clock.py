"""Time. `now()` is read once a request or task and passed on; actions never read the clock."""

import datetime as dt

from django.conf import settings
from django.db import transaction

from apps.core.errors import Invalid
from apps.core.models import ClockMove, ClockOffset


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
        row, _ = ClockOffset.objects.select_for_update(no_key=True).get_or_create(
            id=1, defaults={"offset": dt.timedelta()}
        )
        row.offset += by
        row.save(update_fields=["offset"])
    return row.offset


def reach(moment: dt.datetime) -> dt.datetime:
    """Have the demo's clock show at least `moment`; what it shows then. Never backwards."""
    ahead = moment - now()
    if ahead > dt.timedelta():
        advance(ahead)
    return now()


def kept_until() -> dt.datetime | None:
    """Up to which moment of the demo's clock the calendar is kept; None if it never was."""
    return ClockOffset.objects.values_list("kept_until", flat=True).first()


def keep_until(moment: dt.datetime) -> None:
    """Note that everything in the calendar up to `moment` is done."""
    with transaction.atomic():
        row, _ = ClockOffset.objects.select_for_update(no_key=True).get_or_create(
            id=1, defaults={"offset": dt.timedelta()}
        )
        row.kept_until = max(row.kept_until or moment, moment)
        row.save(update_fields=["kept_until"])


def last_move() -> ClockMove | None:
    """The move under way, or the one before."""
    return ClockMove.objects.order_by("-asked_at").first()
