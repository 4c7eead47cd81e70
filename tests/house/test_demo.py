"""The demo's start, supervision and end, on a site of five lines in a checkout of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from marketplace.runtime.house import kept_secrets
from marketplace.runtime.places import CHECKOUT, places
from marketplace.runtime.processes import wait_until

SITE = {
    "marketplace/__init__.py": "from marketplace.celery import app as celery_app",
    "marketplace/celery.py": """
import os
from celery import Celery
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
app = Celery("marketplace", broker=os.environ.get("CELERY_BROKER_URL"))
""",
    "marketplace/settings.py": """
import os
SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "marketplace.urls"
INSTALLED_APPS = ["django.contrib.staticfiles", "site_of_the_test"]
DATABASES = {}
STATIC_URL = "/static/"
STATIC_ROOT = os.environ["WAGEFILE_STATIC_ROOT"]
USE_TZ = True
""",
    "marketplace/urls.py": """
import os
from django.http import HttpResponse
from django.urls import path
shown = ("UPLOADS_ONLY", "DATABASE_OWNER_URL", "WAGEFILE_DEMO")
urlpatterns = [path("", lambda request: HttpResponse(repr([os.environ.get(n) for n in shown])))]
""",
    "marketplace/wsgi.py": """
import marketplace.celery
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
""",
    "site_of_the_test/__init__.py": "",
    "site_of_the_test/management/__init__.py": "",
    "site_of_the_test/management/commands/__init__.py": "",
    "site_of_the_test/management/commands/migrate.py": """
import os, pathlib, signal
from django.core.management.commands import migrate
class Command(migrate.Command):
    def handle(self, *args, **options):
        assert "wagefile_owner" in os.environ["DATABASE_OWNER_URL"]
        if pathlib.Path("hang").exists():
            signal.pause()
        if pathlib.Path("break").exists():
            raise SystemExit("this table is broken")
""",
    "site_of_the_test/management/commands/demo_seed.py": """
import json, os, pathlib, urllib.request
from django.core.management.base import BaseCommand
class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--data")
    def handle(self, *args, **options):
        urllib.request.urlopen(os.environ["WAGEFILE_SITE_URL"]).close()
        people = [{"role": "buyer", "email": "b@example.org", "password": "p", "code": None},
                  {"role": "data", "email": options["data"] or "none", "password": "q"}]
        (pathlib.Path(os.environ["WAGEFILE_VAR"]) / "sign-ins.json").write_text(json.dumps(people))
""",
}


@pytest.fixture
def checkout(tmp_path):
    for name, text in SITE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copytree(CHECKOUT / "marketplace/runtime", tmp_path / "marketplace/runtime")
    shutil.copytree(CHECKOUT / "stripe_double", tmp_path / "stripe_double")
    # The style sheet as this checkout has it: building it is not what is tested here.
    shutil.copytree(CHECKOUT / "assets", tmp_path / "assets")
    shutil.copy(CHECKOUT / "package-lock.json", tmp_path)
    shutil.copytree(CHECKOUT / ".var/assets", tmp_path / ".var/assets")
    shutil.copy(CHECKOUT / ".var/assets.sha256", tmp_path / ".var")
    shutil.copy(CHECKOUT / "manage.py", tmp_path)
    yield tmp_path
    shutil.rmtree(places("demo", checkout=tmp_path).shared, ignore_errors=True)


class Demo:
    """The running demo and the lines it has printed."""

    def __init__(self, checkout, *arguments):
        hidden = {"CELERY_BROKER_URL", "DJANGO_SETTINGS_MODULE", "WAGEFILE_TESTING"}
        env = {key: value for key, value in os.environ.items() if key not in hidden}
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "marketplace.runtime.demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=checkout,
            env={**env, "PORT": str(18000 + 100 * int(worker))},
        )
        self.text = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.text += line

    def says(self, text, *, seconds=90):
        wait_until(lambda: text in self.text or not self.reader.is_alive(), seconds=seconds)
        assert text in self.text, self.text

    def ends(self):
        code = self.process.wait(90)
        self.reader.join(10)
        return code


@pytest.fixture
def start(checkout):
    started = []

    def begin(*arguments):
        started.append(Demo(checkout, *arguments))
        return started[-1]

    yield begin
    for demo in started:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.wait(90)


def processes_of(checkout):
    """Command lines of everything that runs in or with this checkout."""
    found = {}
    own = {str(os.getpid()), str(os.getppid())}
    data = places("demo", checkout=checkout).shared
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            inside = (folder / "cwd").resolve()
        except OSError:
            continue
        here = inside.is_relative_to(checkout) or inside.is_relative_to(data)
        if command and folder.name not in own and (here or str(data) in command):
            found[int(folder.name)] = command
    return found


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own address
        return answer.read().decode()


def test_it_starts_mends_itself_and_leaves_nothing_behind(checkout, start):
    (checkout / "crowd.csv").touch()
    demo = start("--data", "crowd.csv")
    demo.says("Ctrl-C stops everything.")
    url = re.search(r"runs at (http://127\.0\.0\.1:\d+)", demo.text)[1]
    assert re.search(r"role +email +password\n +buyer +b@example.org +p\n", demo.text)
    assert str(checkout / "crowd.csv") in demo.text
    # The web process never learns how to reach the database as its owner.
    assert get(url) == "[None, None, 'True']"
    uploads = re.search(r"uploads on port (\d+)", demo.text)[1]
    assert get(f"http://127.0.0.1:{uploads}/") == "['1', None, 'True']"

    again = start()
    assert again.ends() == 0
    assert "The demo runs already" in again.text
    assert url in again.text

    for needle, name in (
        ("celery -A marketplace worker", "worker"),
        ("valkey-server", "Valkey"),
        ("/postgres -D", "Postgres"),
    ):
        victim = min(pid for pid, line in processes_of(checkout).items() if needle in line)
        os.kill(victim, signal.SIGKILL)
        demo.says(f"{name} ", seconds=60)
        demo.says("restart 1 of 5" if name == "worker" else f"{name} had ended", seconds=60)
    assert wait_until(lambda: get(url) == "[None, None, 'True']", seconds=10)

    demo.process.send_signal(signal.SIGINT)
    assert demo.ends() == 0
    assert demo.text.endswith("Stopped.\n")
    assert wait_until(lambda: not processes_of(checkout), seconds=10), processes_of(checkout)


def test_stopped_while_it_starts_it_leaves_nothing_behind(checkout, start):
    (checkout / "hang").touch()
    demo = start()
    demo.says("Tables (migrate)")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.ends() == 0
    assert "Stopped." in demo.text
    assert wait_until(lambda: not processes_of(checkout), seconds=10), processes_of(checkout)


def test_a_step_that_fails_shows_the_end_of_its_log_and_stops_the_rest(checkout, start):
    (checkout / "break").touch()
    demo = start()
    assert demo.ends() == 1
    assert "migrate failed (1)" in demo.text
    assert "this table is broken" in demo.text
    assert wait_until(lambda: not processes_of(checkout), seconds=10), processes_of(checkout)


def test_a_crowd_that_is_not_there_is_a_sentence(start):
    demo = start("--data", "nowhere.csv")
    assert demo.ends() == 1
    assert demo.text == "There is no file nowhere.csv.\n"


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    path = tmp_path / "secrets.json"
    first = kept_secrets(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secrets(path) == first
    assert kept_secrets(tmp_path / "other.json") != first
