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


class AgeBand(models.TextChoices):
    """What people may say of themselves; so the next three."""

    FROM_18 = "18-24", "18 to 24"
    FROM_25 = "25-34", "25 to 34"
    FROM_35 = "35-44", "35 to 44"
    FROM_45 = "45-54", "45 to 54"
    FROM_55 = "55-64", "55 to 64"
    FROM_65 = "65+", "65 or older"


class Gender(models.TextChoices):
    WOMAN = "woman", "Woman"
    MAN = "man", "Man"
    NON_BINARY = "non-binary", "Non-binary"
    ANOTHER = "another", "Another"


class WorldRegion(models.TextChoices):
    """Of the United Nations' list for statistics (M49), small ones taken together."""

    NORTHERN_AFRICA = "northern-africa", "Northern Africa"
    SUB_SAHARAN_AFRICA = "sub-saharan-africa", "Sub-Saharan Africa"
    LATIN_AMERICA = "latin-america", "Latin America and the Caribbean"
    NORTHERN_AMERICA = "northern-america", "Northern America"
    CENTRAL_ASIA = "central-asia", "Central Asia"
    EASTERN_ASIA = "eastern-asia", "Eastern Asia"
    SOUTH_EASTERN_ASIA = "south-eastern-asia", "South-eastern Asia"
    SOUTHERN_ASIA = "southern-asia", "Southern Asia"
    WESTERN_ASIA = "western-asia", "Western Asia"
    EASTERN_EUROPE = "eastern-europe", "Eastern Europe"
    NORTHERN_EUROPE = "northern-europe", "Northern Europe"
    SOUTHERN_EUROPE = "southern-europe", "Southern Europe"
    WESTERN_EUROPE = "western-europe", "Western Europe"
    OCEANIA = "oceania", "Oceania"
