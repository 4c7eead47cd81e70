"""Every test runs as the application's own database role, in a clone that nobody else uses.

`db` (or `pytest.mark.django_db`) is one transaction, rolled back. `transactional_db` (and
`live_server`, and `django_db(transaction=True)`) is a clone of its own, dropped afterwards. The
people and organizations of the tests are in `tests/factories/cast.py`.
"""

import os

# Before Django reads its settings; a worker of xdist inherits what the first process has set.
from marketplace import runtime

EXTERNAL = "DATABASE_ADMIN_URL" in os.environ and os.environ.get("WAGEFILE_NAME", "test") == "test"
if not EXTERNAL:
    os.environ.update(runtime.environment("test").variables())
os.environ["WAGEFILE_TESTING"] = "True"
os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
URLS = {
    "app_url": os.environ["DATABASE_URL"],
    "owner_url": os.environ["DATABASE_OWNER_URL"],
    "admin_url": os.environ["DATABASE_ADMIN_URL"],
}
# The product's processes hold neither; here only the `databases` fixture does.
# Kept by another name, for the processes that pytest-xdist starts from here.
BROKER_URL = os.environ.setdefault("WAGEFILE_TEST_BROKER", os.environ["CELERY_BROKER_URL"])
os.environ["CELERY_BROKER_URL"] = "memory://"
# Nobody answers there: a test that needs Stripe starts the double.
os.environ["STRIPE_API_BASE"] = "http://127.0.0.1:9"

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.DATABASES.pop("owner", None)
django.setup()

import contextlib  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402

from apps.accounts.queries import announced  # noqa: E402
from stripe_double import Double  # noqa: E402
from tests.databases import Databases, with_name  # noqa: E402
from tests.factories.cast import *  # noqa: E402, F403 -- fixtures
from tests.templates import UndefinedVariable  # noqa: E402

settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = UndefinedVariable()


@pytest.fixture(autouse=True)
def _versions_of_this_test() -> None:
    """What a process keeps of the terms for a minute is of another database here."""
    announced.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _files_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Uploads, blobs and mails go to a folder that pytest removes."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setattr(settings, "DATA_DIR", folder)
        patch.setattr(settings, "EMAIL_FILE_PATH", folder / "outbox")
        yield


@pytest.fixture(autouse=True)
def _valid_at_stripe(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Every request of our code is valid by Stripe's specification, and so is every answer of the
    stand-in. Its own tests send nonsense on purpose; another test that does says so beforehand
    (`/_double/violations/expect`).
    """
    found: list = []
    stop = Double.stop

    def look_and_stop(double: Double) -> None:
        found.extend(double.sim.violations.requests + double.sim.violations.responses)
        stop(double)

    if "stripe_double" not in request.path.parts:
        monkeypatch.setattr(Double, "stop", look_and_stop)
    yield
    assert found == [], "not valid by Stripe's specification"


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The server of the tests: `admin(name)`, `owner(name)` and `clone()`."""
    if not EXTERNAL:
        runtime.ensure("test", fast=True)
    made = Databases(**URLS)
    made.prepare()
    yield made
    if not EXTERNAL:
        runtime.release("test")


@contextlib.contextmanager
def _pointed_at(name: str) -> Iterator[str]:
    """Django's default connection, in this thread and in new ones, goes to database `name`."""
    entry = connections.settings["default"]
    before = entry["NAME"]
    connections.close_all()
    entry["NAME"] = name
    try:
        yield name
    finally:
        connections.close_all()
        entry["NAME"] = before


@pytest.fixture(scope="session")
def django_db_setup(
    databases: Databases, django_test_environment: None, django_db_blocker
) -> Iterator[None]:
    """Instead of pytest-django's own: no test database is created by Django, none is flushed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: None)
        with databases.clone() as name, django_db_blocker.unblock(), _pointed_at(name):
            django_db_blocker.block()
            try:
                yield
            finally:
                django_db_blocker.restore()


@pytest.fixture
def _clone_of_its_own(
    request: pytest.FixtureRequest, django_db_setup: None, databases: Databases, django_db_blocker
) -> Iterator[None]:
    marker = request.node.get_closest_marker("django_db")
    in_transactions = {"transactional_db", "live_server"} & set(request.fixturenames)
    if not (in_transactions or (marker and marker.kwargs.get("transaction"))):
        yield
        return
    with databases.clone() as name, django_db_blocker.unblock(), _pointed_at(name):
        yield


@pytest.fixture
def _django_db_helper(_clone_of_its_own: None, _django_db_helper: None) -> None:
    """pytest-django's, after the clone: `db` and `transactional_db` ask for it by this name."""


@pytest.fixture
def superuser(transactional_db: None, databases: Databases) -> Iterator:
    """A superuser's session in this test's own clone: the one that can break what must hold."""
    with databases.admin(connection.settings_dict["NAME"]) as session:
        yield session


@pytest.fixture
def table_owner(transactional_db: None, databases: Databases) -> Iterator:
    """A session of the role that owns the tables, in this test's own clone."""
    with databases.owner(connection.settings_dict["NAME"]) as session:
        yield session


@pytest.fixture
def process_env(transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """The environment for a process of the product that shall work on this test's database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    broker = BROKER_URL.replace("virtual_host=0", f"virtual_host={2 + int(worker) % 14}")
    hidden = {"DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"}
    return {key: value for key, value in os.environ.items() if key not in hidden} | {
        "DATABASE_URL": with_name(URLS["app_url"], connection.settings_dict["NAME"]),
        "CELERY_BROKER_URL": broker,
        "WAGEFILE_DATA_DIR": str(settings.DATA_DIR),
    }


@pytest.fixture
def together() -> Callable[..., list]:
    """Run functions in threads that start at once; their results, or what they raised.

    Needs `transactional_db`: each thread has a session of its own and sees only what is committed.
    """

    def run(*functions: Callable) -> list:
        results: list = [None] * len(functions)
        barrier = threading.Barrier(len(functions))

        def one(index: int, function: Callable) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(timeout=30)
                results[index] = function()
            except Exception as error:  # noqa: BLE001 -- handed to the test
                results[index] = error
            finally:
                connection.close()

        threads = [
            threading.Thread(target=one, args=(index, function), daemon=True)
            for index, function in enumerate(functions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads), "a thread hangs"
        return results

    return run
