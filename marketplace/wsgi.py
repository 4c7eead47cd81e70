"""WSGI entry point (gunicorn)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = get_wsgi_application()

from marketplace.startup import refuse_unsafe_role  # noqa: E402 -- needs the apps

refuse_unsafe_role()
