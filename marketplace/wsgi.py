"""WSGI entry point (gunicorn)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = get_wsgi_application()

from marketplace.startup import refuse_unsafe_role  # noqa: E402 -- needs the apps

refuse_unsafe_role()

from django.urls import get_resolver  # noqa: E402

# All views are imported now, and not while the first visitor waits.
get_resolver().url_patterns  # noqa: B018
