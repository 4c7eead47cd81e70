"""What leaves the building refuses."""

from apps.core.errors import Conflict


class NotReleasable(Conflict):
    """Something in the project must not leave the building yet."""


class NotTheLedger(Conflict):
    """A statement or invoice whose sums are not the ledger's is not shown."""
