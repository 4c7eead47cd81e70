"""A whole house of its own for a test: servers, web, uploads, workers, beat, Stripe double."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from marketplace.runtime import instance
from marketplace.runtime.house import OWNER_VARIABLES, running
from marketplace.runtime.places import CHECKOUT, places

# Says that everything is up, then holds the house open until it is told to stop.
HOLD = "import signal; print('everything is up', flush=True); signal.pause()"
# What the suite sets for itself is not for the house, which has settings of its own.
OF_THE_SUITE = ("WAGEFILE_", "DATABASE_", "CELERY_", "STRIPE_", "DJANGO_", "CACHE_URL", "PYTEST_")
SETUP = "import django; django.setup()\n"


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(OF_THE_SUITE)}


@dataclass(kw_only=True)
class Served:
    """A house that is up; `variables` reach it."""

    name: str
    variables: dict[str, str]
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.variables["WAGEFILE_SITE_URL"]

    @property
    def outbox(self) -> Path:
        return Path(self.variables["WAGEFILE_DATA_DIR"]) / "outbox"

    @property
    def env(self) -> dict[str, str]:
        """For a process of the product: it never learns the owner's address."""
        own = {**clean_environment(), **self.variables, "DJANGO_LOG_LEVEL": "WARNING"}
        own["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
        return {key: value for key, value in own.items() if key not in OWNER_VARIABLES}

    def python(self, code: str, *arguments: object) -> str:
        """Run product code beside the house; what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", SETUP + textwrap.dedent(code), *map(str, arguments)],
            cwd=CHECKOUT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def advance(self, *, seconds: int) -> None:
        """Move the demo's clock and the double's clock forward together."""
        self.python(
            """
            import datetime, sys
            from apps.core import clock
            clock.advance(datetime.timedelta(seconds=int(sys.argv[1])))
            """,
            seconds,
        )
        self.double("clock", advance_seconds=seconds)

    def double(self, path: str, **body: object) -> dict:
        """One of the stand-in's own endpoints."""
        request = urllib.request.Request(  # noqa: S310 -- our own address
            f"{self.variables['STRIPE_API_BASE']}/_double/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")

    def restarted(self, name: str) -> None:
        """Wait until the house has said that it started `name` again."""
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.strip().startswith(f"{name} ") and "start" in line:
                return
        raise AssertionError("the house ended:\n" + "\n".join(self.lines))


@contextlib.contextmanager
def served(kind: str, *, port: int) -> Iterator[Served]:
    """Open a house of this process, and take all of it away afterwards.

    With E2E_HOUSE=name in the environment the test goes through that house, which runs already.
    """
    if "E2E_HOUSE" in os.environ:
        name = os.environ["E2E_HOUSE"]
        yield Served(name=name, variables=running(name))
        return
    name = f"{kind}-{os.getpid()}"
    env = {**clean_environment(), "PORT": str(port), "WAGEFILE_SWEEP_SECONDS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "marketplace.runtime", "serve", name, "--",
         sys.executable, "-c", HOLD],
        cwd=CHECKOUT, env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1] == "everything is up":
            break
    try:
        assert lines and lines[-1] == "everything is up", "\n".join(lines)
        yield Served(name=name, variables=running(name), process=process, lines=lines)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            lines.extend(process.communicate(timeout=90)[0].splitlines())
        process.kill()
        process.communicate()
        instance.remove(name)
        assert not (places(name).var).exists()
