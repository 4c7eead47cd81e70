"""All of Wagefile on one machine: servers, Stripe double, web, uploads, worker and beat.

For the demo and for replays. In production each of these is started by the operator's own means;
the commands below are the same.
"""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.runtime import assets, instance
from marketplace.runtime.instance import Server
from marketplace.runtime.places import CHECKOUT, RuntimeFault, places, private
from marketplace.runtime.supervisor import Child, Supervisor

WEB_PORT = 8000
DOUBLE_PORT = 12111
PORTS_TRIED = 50
WEBHOOK_PATH = "/payments/webhooks/platform/"
CONNECT_WEBHOOK_PATH = "/payments/webhooks/connect/"
# The application may hold neither: it runs as a role that owns nothing.
OWNER_VARIABLES = ("DATABASE_OWNER_URL", "DATABASE_ADMIN_URL")
SECRETS = {
    "DJANGO_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "STRIPE_SECRET_KEY": lambda: f"sk_test_{secrets.token_hex(16)}",
    "STRIPE_WEBHOOK_SECRET": lambda: f"whsec_{secrets.token_hex(24)}",
    "STRIPE_CONNECT_WEBHOOK_SECRET": lambda: f"whsec_{secrets.token_hex(24)}",
}


def kept_secrets(path: Path) -> dict[str, str]:
    """The instance's secrets, made once and kept in a file that only its owner reads."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({name: make() for name, make in SECRETS.items()}))
        fresh.rename(path)
    found: dict[str, str] = json.loads(path.read_text())
    return found


def reserve(first: int) -> socket.socket:
    """Take the first port from `first` on that nobody listens on; close it to hand it on.

    Listening keeps it from another house that is starting now: an address that is only bound could
    be bound twice.
    """
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", port))
            taken.listen()
        except OSError:
            taken.close()
        else:
            return taken
    message = f"No free port from {first} to {first + PORTS_TRIED - 1}; name another with PORT=."
    raise RuntimeFault(message)


def first_port() -> int:
    """Where the search for the web's port begins: PORT, or 8000."""
    text = os.environ.get("PORT") or str(WEB_PORT)
    if not text.isdigit() or not 0 < int(text) < 65536:
        message = f"PORT must be a port number, not {text!r}."
        raise RuntimeFault(message)
    return int(text)


def answers(url: str) -> bool:
    """Whether a server answers there; an error page of our own is an answer too, but not a 5xx."""
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - our own http address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


@dataclass(kw_only=True)
class House:
    """One instance with everything on. Use it through `opened`."""

    name: str
    supervisor: Supervisor = field(default_factory=Supervisor)
    variables: dict[str, str] = field(default_factory=dict)
    reserved: dict[str, socket.socket] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return places(self.name).var

    @property
    def url(self) -> str:
        return self.variables["WAGEFILE_SITE_URL"]

    def step(self, text: str) -> None:
        self.supervisor.say(f"-> {text}")
        self.supervisor.pause(0)

    def child(self, name: str, *command: str, env: Mapping[str, str] | None = None) -> Child:
        """A process of the application: it never learns the owner's address."""
        own = {**os.environ, **self.variables, "PYTHONUNBUFFERED": "1"}
        own = {key: value for key, value in own.items() if key not in OWNER_VARIABLES}
        return Child(
            name=name,
            command=[sys.executable, *command],
            env={**own, **(env or {})},
            cwd=CHECKOUT,
            log=self.var / "log" / f"{name}.log",
        )

    def manage(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Run a management command to its end. Raises RuntimeFault with the end of its log."""
        self.supervisor.finish(self.child(arguments[0], "manage.py", *arguments, env=env))

    def servers(self) -> None:
        self.step("PostgreSQL and Valkey")
        environment = instance.ensure(self.name)
        private(self.var / "log", mode=0o755)
        for server in instance.servers(self.name):
            self.supervisor.servers[type(server).__name__] = self._again(server)
        self._choose_ports()
        web, uploads, double = (
            f"http://127.0.0.1:{self.ports[name]}" for name in ("web", "uploads", "double")
        )
        self.variables = {
            **environment.variables(),
            **kept_secrets(self.var / "secrets.json"),
            "WAGEFILE_DEMO": "True",
            "WAGEFILE_SITE_URL": web,
            "WAGEFILE_UPLOADS_URL": uploads,
            "WAGEFILE_STATIC_ROOT": str(self.var / "static"),
            "WAGEFILE_FORM_ACTIONS": double,
            "STRIPE_API_BASE": double,
        }

    def _again(self, server: Server) -> Callable[[], bool]:
        return lambda: server.pid() is None and bool(instance.ensure(self.name))

    def _choose_ports(self) -> None:
        first = first_port()
        for name, start in (("web", first), ("uploads", first + 1), ("double", DOUBLE_PORT)):
            self.reserved[name] = reserve(start)
            self.ports[name] = self.reserved[name].getsockname()[1]

    def migrate(self) -> None:
        self.step("Tables (migrate)")
        owner = instance.environment(self.name).database_owner_url
        self.manage("migrate", "--no-input", env={"DATABASE_OWNER_URL": owner})
        assets.build(say=self.step)
        self.step("Static files (collectstatic)")
        self.manage("collectstatic", "--no-input", "--clear")

    def services(self) -> None:
        """Start what serves: the double first, so that nothing meets a closed door."""
        self.step(f"Stripe double on port {self.ports['double']} (no money moves)")
        self.double()
        self.step(f"Web on port {self.ports['web']}, uploads on port {self.ports['uploads']}")
        self.web("web", workers=2)
        self.web("uploads", workers=1, env={"UPLOADS_ONLY": "1"})
        self.step("Worker and beat")
        queues = ("-Q", "default,money,gpu", "-c", "2", "-n", f"{self.name}@%h", "-l", "INFO")
        worker = self.child("worker", "-m", "celery", "-A", "marketplace", "worker", *queues)
        self.supervisor.add(worker)
        self.supervisor.wait_for(worker, lambda: worker.said(" ready."))
        schedule = private(self.var / "beat") / "schedule"
        beat = ("celery", "-A", "marketplace", "beat", "--pidfile=", "-s", str(schedule))
        self.supervisor.add(self.child("beat", "-m", *beat))
        self._publish()

    def double(self) -> None:
        """Start the stand-in for Stripe."""
        site, keys = self.variables["WAGEFILE_SITE_URL"], self.variables
        double = self.child(
            *("stripe-double", "-m", "stripe_double", "--host", "127.0.0.1"),
            *("--port", str(self.ports["double"])),
            *("--webhook", f"{site}{WEBHOOK_PATH}", "--secret", keys["STRIPE_WEBHOOK_SECRET"]),
            *("--connect-webhook", f"{site}{CONNECT_WEBHOOK_PATH}"),
            *("--connect-secret", keys["STRIPE_CONNECT_WEBHOOK_SECRET"]),
            *("--state", str(self.var / "stripe-double.sqlite3")),
            env={"WAGEFILE_DOUBLE": "1"},
        )
        self.reserved.pop("double").close()
        self.supervisor.add(double)
        self.supervisor.wait_for(double, lambda: listens(self.ports["double"]))

    def web(self, name: str, *, workers: int, env: Mapping[str, str] | None = None) -> None:
        """Start a web server on the port of this name and wait until it answers."""
        port = self.ports[name]
        web = self.child(
            *(name, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"127.0.0.1:{port}"),
            *("--workers", str(workers), "--threads", "4", "--no-control-socket"),
            *("--access-logfile", "-"),
            env=env,
        )
        self.reserved.pop(name).close()
        self.supervisor.add(web)
        self.supervisor.wait_for(web, lambda: answers(f"http://127.0.0.1:{port}/"))

    def _publish(self) -> None:
        """Tell other commands of this machine how to reach what runs now."""
        fresh = self.var / "services.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(self.variables))
        fresh.rename(self.var / "services.json")

    def close(self) -> None:
        """Stop all of it, in order, and the servers if nobody else uses them."""
        (self.var / "services.json").unlink(missing_ok=True)
        self.supervisor.servers.clear()
        for taken in self.reserved.values():
            taken.close()
        self.supervisor.stop_all()
        instance.release(self.name)


class Open(Exception):
    """Another process has this house open; `variables` say how to reach it."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.variables = variables


@contextlib.contextmanager
def opened(name: str) -> Iterator[House]:
    """A house that nobody else has open, closed at the end, however that comes.

    Raises Open when somebody else has it open.
    """
    house = House(name=name)
    private(house.var, mode=0o755)
    with (house.var / "house.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Open(running(name)) from None
        with house.supervisor.signals():
            try:
                yield house
            finally:
                house.close()


def running(name: str) -> dict[str, str]:
    """The variables of a house that is open. Raises RuntimeFault while it is still starting."""
    try:
        found: dict[str, str] = json.loads((places(name).var / "services.json").read_text())
    except (OSError, ValueError):
        message = f"'{name}' is starting in another process; try again when it is up."
        raise RuntimeFault(message) from None
    return found
