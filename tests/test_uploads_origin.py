"""The second origin as a process of its own: it answers without session, cookie or database."""

import os
import subprocess
import sys

PROGRAM = """
import uuid
import django
django.setup()
from django.conf import settings
from django.test import Client
from PIL import Image
from io import BytesIO
from apps.core import blobs
from apps.projects.queries import pictures

file = BytesIO()
Image.new("RGB", (2, 2)).save(file, "PNG")
link = pictures.link(sha256=blobs.put(file.getvalue()), subject=uuid.uuid4())
client = Client()
client.cookies["wagefile_session"] = "somebody"
for path in (link.removeprefix(settings.UPLOADS_URL), "/", "/accounts/login/", "/pictures/x"):
    answer = client.get(path)
    print(answer.status_code, answer["Content-Type"], answer.headers.get("Set-Cookie"))
print(*(name.rsplit(".", 1)[1] for name in settings.MIDDLEWARE))
"""


def test_it_serves_signed_pictures_with_no_database_at_hand(tmp_path):
    env = os.environ | {
        "UPLOADS_ONLY": "1",
        "WAGEFILE_TESTING": "True",
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "WAGEFILE_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # The last one makes allauth start; it does nothing where its addresses are not routed.
    assert done.stdout.splitlines() == [
        "200 image/png None",
        *["404 text/plain None"] * 3,
        "SecurityMiddleware ContentSecurityPolicyMiddleware AccountMiddleware",
    ]
