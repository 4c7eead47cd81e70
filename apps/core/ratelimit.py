"""A fixed-window limit in the cache for requests that cost much. Real time, never the demo's."""

import hashlib
import time

from django.core.cache import cache

from apps.core.errors import TooMany
from apps.core.tenancy import Actor


def check(what: str, *, by: Actor, limit: int, seconds: int = 3600, who: str = "") -> None:
    """Count one request of this person; TooMany above `limit` in a window of `seconds`.

    `who` counts somebody else instead: a network address, or an address that mail would go to.
    It is hashed, so that the cache holds no addresses.
    """
    window = int(time.time()) // seconds
    counted = hashlib.sha256(who.encode()).hexdigest() if who else by.user_id
    key = f"limit:{what}:{counted}:{window}"
    cache.add(key, 0, timeout=seconds)
    if cache.incr(key) > limit:
        raise TooMany("You did this very often just now; please try again later.")
