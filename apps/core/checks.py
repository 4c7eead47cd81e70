"""What must hold before anything is served: the wall in PostgreSQL, and no demo in production."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks as django_checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

from apps.core.models import ClockOffset

STRIPE = "https://api.stripe.com"
_ROLE = """
SELECT current_user, r.rolsuper, r.rolbypassrls,
  (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p')),
  EXISTS (SELECT 1 FROM pg_roles o WHERE NOT o.oid = r.oid AND pg_has_role(r.oid, o.oid, 'SET')
    AND (o.rolsuper OR o.rolbypassrls
      OR EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = o.oid AND c.relkind IN ('r', 'p'))))
FROM pg_roles r WHERE r.rolname = current_user
"""


@register(Tags.database, Tags.security)
def database_role(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The role of DATABASE_URL is bound by row-level security (asked for by `check --database`)."""
    if "default" not in (databases or ()):
        return []
    return role_faults()


def role_faults() -> list[CheckMessage]:
    """Why row-level security would not bind the application's own role."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_ROLE)
        name, is_super, bypasses, tables, may_become = cursor.fetchone()
    faults = (
        ("core.E001", is_super, "is a superuser"),
        ("core.E002", bypasses, "bypasses row-level security"),
        ("core.E003", tables, f"owns {tables} tables, whose row-level security does not bind it"),
        ("core.E004", may_become and not is_super, "may become a role that owns tables"),
    )
    return [
        Error(
            f"The role {name} of DATABASE_URL {fault}.",
            hint="Use the role that roles.sql makes for the application.",
            id=number,
        )
        for number, is_so, fault in faults
        if is_so
    ]


@register(Tags.security)
def stripe_address(**_: Any) -> list[CheckMessage]:
    """In production, money goes to Stripe itself."""
    if settings.PRODUCTION and settings.STRIPE_API_BASE.rstrip("/") != STRIPE:
        return [
            Error(
                f"STRIPE_API_BASE is {settings.STRIPE_API_BASE}; in production it is {STRIPE}.",
                id="core.E005",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def operator_named(**_: Any) -> list[CheckMessage]:
    """In production, people can read who runs the place they are asked to trust."""
    if settings.PRODUCTION and not (settings.OPERATOR["name"] and settings.OPERATOR["owners"]):
        return [
            django_checks.Warning(
                "Nobody is named as the operator of this installation.",
                hint="Set OPERATOR_NAME and OPERATOR_OWNERS, and the others of docs/operations.md.",
                id="core.W007",
            )
        ]
    return []


@register(Tags.security)
def demo_speaks_to_a_stand_in(**_: Any) -> list[CheckMessage]:
    """A demo's clock is moved by anybody; real money must not follow it."""
    if settings.DEMO and settings.STRIPE_API_BASE.rstrip("/") == STRIPE:
        return [
            Error(
                "WAGEFILE_DEMO is on and STRIPE_API_BASE is Stripe itself.",
                hint="A demo speaks to the stand-in for Stripe only.",
                id="core.E007",
            )
        ]
    return []


@register(Tags.database)
def clock_offset(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A production database has never had the demo's clock moved."""
    if not settings.PRODUCTION or "default" not in (databases or ()):
        return []
    try:
        is_moved = ClockOffset.objects.exists()
    except DatabaseError:
        # Not migrated yet: nothing can have been moved.
        return []
    if is_moved:
        return [
            Error(
                "The clock of this database was moved: it belongs to a demo.",
                hint="Start production on a database of its own.",
                id="core.E006",
            )
        ]
    return []
