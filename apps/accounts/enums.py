"""States of credentials, with their transition table."""

from django.db import models


class CredentialState(models.TextChoices):
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REFUSED = "refused"


CREDENTIAL_TRANSITIONS: dict[str, frozenset[str]] = {
    CredentialState.SUBMITTED: frozenset({CredentialState.VERIFIED, CredentialState.REFUSED}),
    CredentialState.VERIFIED: frozenset(),
    # Shown again with another statement.
    CredentialState.REFUSED: frozenset({CredentialState.SUBMITTED}),
}
