"""What the ledger refuses."""

from apps.core.errors import Conflict


class LedgerError(Conflict):
    """PostgreSQL refused the posting."""


class InsufficientFunds(LedgerError):
    """A guarded account would have promised more than it has."""


class IdReused(LedgerError):
    """The same transfer id came again with other content."""


class AlreadyResolved(LedgerError):
    """A pending transfer is posted, voided or expired once."""


class EarnedStays(LedgerError):
    """Earned money would have left towards anything but its owner's bank."""


class PastDeadline(LedgerError):
    """A hold would have been posted after its deadline, or expired before it."""


class NotReversed(LedgerError):
    """A reversal would have taken another way back, or more than is left."""
