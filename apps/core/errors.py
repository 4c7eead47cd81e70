"""The errors that people read: one clear sentence and the HTTP status that goes with it."""

from django.db import DatabaseError
from psycopg import Error as PostgresError


class WagefileError(Exception):
    """Base of every refusal. `sentence` is shown as it is."""

    status = 422

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class Invalid(WagefileError):
    """What was sent cannot be used."""

    status = 422


class NotAllowed(WagefileError):
    """This person may not do this."""

    status = 403


class NotThere(WagefileError):
    """No such row for this person."""

    status = 404


class Conflict(WagefileError):
    """The row is no longer in a state in which this can be done."""

    status = 409


class IllegalTransition(Conflict):
    """A move that the transition table does not hold."""


class TooMany(WagefileError):
    """A rate limit."""

    status = 429


def broken_by(error: DatabaseError) -> str:
    """The constraint that PostgreSQL names as broken; empty where it names none."""
    cause = error.__cause__
    return cause.diag.constraint_name or "" if isinstance(cause, PostgresError) else ""
