"""What a release refuses."""

from apps.core.errors import Conflict


class NotReleasable(Conflict):
    """Something in the project must not leave the building yet."""
