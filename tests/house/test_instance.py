import os
import subprocess
import sys

import psycopg
import pytest

from marketplace.runtime import instance
from marketplace.runtime.places import CHECKOUT

# Of this checkout, since the command line knows no other; nobody else uses this name.
NAME = f"house-tests-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"


@pytest.fixture(autouse=True)
def no_leftovers():
    instance.stop(NAME)
    yield
    instance.stop(NAME)


def command(*arguments):
    return [sys.executable, "-m", "marketplace.runtime", *arguments]


def run(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, cwd=CHECKOUT
    )


def runs():
    return [server.pid() is not None for server in instance.servers(NAME)]


def test_up_env_status_down():
    up = run("up", NAME, "--fast")
    assert up.returncode == 0, up.stderr
    assert runs() == [True, True]
    found = instance.environment(NAME)
    assert f"export DATABASE_URL='{found.database_url}'" in up.stdout
    assert found.database_url.startswith("postgresql://wagefile_app@/wagefile?host=/")
    assert run("env", NAME).stdout == up.stdout == run("up", NAME, "--fast").stdout
    assert run("status", NAME).stdout.count("runs as process") == 2
    with psycopg.connect(found.database_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("wagefile_app",)
    assert run("down", NAME).returncode == 0
    assert runs() == [False, False]
    assert run("status", NAME).stdout.count("does not run") == 2


def test_the_last_user_stops_the_servers():
    instance.ensure(NAME, fast=True)
    done = run("run", NAME, "--fast", "--", sys.executable, "-c", "import os; os._exit(3)")
    assert done.returncode == 3, done.stderr
    # This process still uses them.
    assert runs() == [True, True]
    assert instance.release(NAME) is True
    assert runs() == [False, False]


def test_up_keeps_the_servers_after_others_have_used_them():
    run("up", NAME, "--fast")
    echo = "import os; print(os.environ['CELERY_BROKER_URL'])"
    done = run("run", NAME, "--", sys.executable, "-c", echo)
    assert done.stdout.strip() == instance.environment(NAME).celery_broker_url
    assert runs() == [True, True]


def test_many_that_start_at_once_start_one():
    program = "import sys; from marketplace import runtime; runtime.ensure(sys.argv[1], fast=True)"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, NAME], cwd=CHECKOUT) for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    log = instance.servers(NAME)[0].log.read_text()
    assert runs() == [True, True]
    assert "already running" not in log


def test_a_name_that_cannot_be_is_a_sentence():
    done = run("up", "../x")
    assert done.returncode == 1
    assert "An instance is named by small letters" in done.stderr
    assert "Traceback" not in done.stderr


def test_runtime_loads_no_django():
    # Without the package above it, whose Celery application does.
    program = (
        "import sys, types; above = types.ModuleType('marketplace');"
        "above.__path__ = ['marketplace']; sys.modules['marketplace'] = above;"
        "import marketplace.runtime.demo, marketplace.runtime.browser;"
        "print('django' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert done.stdout.strip() == "False"
