"""When a letter goes out: pure, without rows."""

import datetime as dt
from zoneinfo import ZoneInfo

# The daily summary goes out at this hour of the reader's own day.
DAY_BEGINS = dt.time(8)
FIRST_WAIT = dt.timedelta(minutes=1)
LONGEST_WAIT = dt.timedelta(hours=6)


def wait(tries: int) -> dt.timedelta:
    """How long after the try number `tries` (from 1) the next one is made."""
    return min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT)


def summary_day(now: dt.datetime, zone: str) -> dt.date:
    """The day whose summary is due at `now` in this zone: yesterday's until eight o'clock."""
    local = now.astimezone(ZoneInfo(zone))
    return local.date() if local.time() >= DAY_BEGINS else local.date() - dt.timedelta(days=1)


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name; UTC for a person whose zone is not known."""
    return ZoneInfo(name or "UTC")
