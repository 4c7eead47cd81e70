"""Time zones that people live in, by their IANA names."""

from functools import cache
from zoneinfo import available_timezones

# Aliases and zones of no place; a place's own name is clearer to choose.
_NO_PLACES = ("Etc/", "SystemV/", "US/", "posix/", "right/")


@cache
def zones() -> frozenset[str]:
    """Every zone of a place, and UTC: what a person may choose and a browser may tell."""
    places = (name for name in available_timezones() if not name.startswith(_NO_PLACES))
    return frozenset(name for name in places if "/" in name) | {"UTC"}


@cache
def zone_choices() -> list[tuple[str, str]]:
    """For a select: the name, and the name as people read it."""
    return [(name, name.replace("_", " ")) for name in sorted(zones())]
