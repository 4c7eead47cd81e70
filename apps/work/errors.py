"""What work refuses."""

from apps.core.errors import Conflict, NotAllowed


class NothingToDo(Conflict):
    """There is no item for this person now."""


class TooLate(Conflict):
    """A deadline has decided."""


class MayNotClaim(NotAllowed):
    """This person may not work on this project."""
