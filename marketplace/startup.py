"""What web processes and workers check before they serve: that row-level security binds them."""

import logging

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from apps.core.checks import role_faults

log = logging.getLogger(__name__)


def refuse_unsafe_role() -> None:
    """Raise ImproperlyConfigured when the application's role could look past the second wall.

    A database that is not up yet is no reason to refuse; it is asked again at the next start.
    """
    if settings.UPLOADS_ONLY:
        return
    try:
        faults = role_faults()
    except OperationalError as error:
        log.warning("The role could not be checked: %s", error)
        return
    finally:
        # Forked workers must not share this connection.
        connection.close()
    if faults:
        raise ImproperlyConfigured(" ".join(str(fault.msg) for fault in faults))
