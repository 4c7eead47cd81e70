"""What every step of the seed shares: the people, the organization, progress and patience."""

import sys
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from django.core.management.base import CommandError

from apps.accounts.models import User
from apps.core.tenancy import Actor, acting, system
from apps.organizations.models import Organization
from apps.organizations.queries import actor_of
from apps.projects.models import Project

PATIENCE_SECONDS = 20.0  # how long a worker may take before this process does its work
LIMIT_SECONDS = 180.0


@dataclass(slots=True)
class Stage:
    """`people` are users by the key of their sign-in or of the crowd's member."""

    people: dict[str, User]
    org: Organization
    crowd: dict[str, uuid.UUID] = field(default_factory=dict)

    def as_(self, key: str) -> AbstractContextManager[Actor]:
        """Act as one of the people, with the roles that they hold now."""
        return acting(actor_of(self.people[key]))

    @property
    def system(self) -> Actor:
        return system(self.org.id)

    def project(self, title: str) -> Project | None:
        with self.as_("owner") as actor:
            return (
                Project.objects.visible_to(actor)
                .select_related("org", "criteria")
                .filter(org=self.org, title=title)
                .first()
            )


def say(text: str) -> None:
    sys.stderr.write(f"   {text}\n")
    sys.stderr.flush()


def wait(
    what: str, is_done: Callable[[], bool], *, instead: Callable[[], object] | None = None
) -> None:
    """Wait for a worker. After PATIENCE_SECONDS call `instead` once, and say so."""
    began = time.monotonic()
    while not is_done():
        waited = time.monotonic() - began
        if waited >= PATIENCE_SECONDS and instead is not None:
            say(f"no worker took {what}; it is done here")
            instead()
            instead = None
        elif waited > LIMIT_SECONDS:
            message = f"Nothing came of {what}. Run the same command again; it goes on from here."
            raise CommandError(message)
        else:
            time.sleep(0.1)
