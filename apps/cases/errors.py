"""What cases refuse."""

from apps.core.errors import Conflict, NotAllowed


class TooLate(Conflict):
    """A deadline has decided."""


class AlreadyOpen(Conflict):
    """One open case of a kind at a time."""


class Involved(NotAllowed):
    """Whoever was involved does not decide."""


class NoMoney(Conflict):
    """Neither the project nor the wallet can pay what was decided."""
