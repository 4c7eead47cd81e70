"""A fixed-window limit in the cache for requests that cost much. Real time, never the demo's."""

import time

from django.core.cache import cache

from apps.core.errors import TooMany
from apps.core.tenancy import Actor


def check(what: str, *, by: Actor, limit: int, seconds: int = 3600) -> None:
    """Count one request of this person; TooMany above `limit` in a window of `seconds`."""
    window = int(time.time()) // seconds
    key = f"limit:{what}:{by.user_id}:{window}"
    cache.add(key, 0, timeout=seconds)
    if cache.incr(key) > limit:
        raise TooMany("You did this very often just now; please try again later.")
