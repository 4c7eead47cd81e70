"""The two doors of a replay: the actions themselves, or the same actions over HTTP."""

import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

import requests
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.middleware.csrf import _get_new_csrf_string
from django.urls import reverse

from apps.accounts.models import User
from apps.core import clock
from apps.core.tenancy import Actor, acting
from apps.pages.management import staging
from apps.work import actions as work
from apps.work.enums import EnrolmentState
from apps.work.models import Enrolment

# One gap counts at most the idle limit, so longer work needs heartbeats in between.
BEAT = 45
# Answers of one person in one transaction: fewer commits, the same actions.
CHUNK = 20
RETRY_SECONDS = 90


class Door(Protocol):
    """Hands in answers of one person in order; yields after each one that is stored."""

    def answer(
        self, person: uuid.UUID, answers: Sequence[tuple[str | None, dict]], start: dt.datetime
    ) -> Iterator[dt.datetime]: ...


def qualifying(project_id: uuid.UUID, people: Sequence[uuid.UUID], by: Actor) -> set[uuid.UUID]:
    """People who have not yet passed the reading check."""
    with acting(by):
        return set(
            Enrolment.objects.filter(
                project_id=project_id,
                contributor_id__in=people,
                state=EnrolmentState.QUALIFYING,
            ).values_list("contributor_id", flat=True)
        )


@dataclass(slots=True)
class ActionsDoor:
    """Calls the actions in this process, on a clock of its own for each person."""

    project_id: uuid.UUID
    seconds: int

    def answer(
        self, person: uuid.UUID, answers: Sequence[tuple[str | None, dict]], start: dt.datetime
    ) -> Iterator[dt.datetime]:
        now = start
        for first in range(0, len(answers), CHUNK):
            chunk = answers[first : first + CHUNK]
            with acting(staging.person(person)) as actor:
                for item, answer in chunk:
                    row = work.claim(project_id=self.project_id, item=item, by=actor, now=now)
                    left = self.seconds
                    while left > BEAT:
                        now += dt.timedelta(seconds=BEAT)
                        left -= BEAT
                        work.beat(assignment_id=row.id, by=actor, now=now, had_input=True)
                    now += dt.timedelta(seconds=left)
                    work.submit(assignment_id=row.id, answer=answer, by=actor, now=now)
            for _ in chunk:
                yield now


@dataclass(slots=True)
class HttpDoor:
    """Posts to the API of the running site. The demo's clock is moved, as a person's would pass."""

    project_id: uuid.UUID
    seconds: int
    sessions: dict[uuid.UUID, requests.Session] = field(default_factory=dict)

    def answer(
        self, person: uuid.UUID, answers: Sequence[tuple[str | None, dict]], start: dt.datetime
    ) -> Iterator[dt.datetime]:
        del start
        session = self._session(person)
        for item, answer in answers:
            body = {"project": str(self.project_id)} | ({"item": item} if item else {})
            claimed = self._post(session, reverse("api:claims"), body)
            left = self.seconds
            while left > 0:
                step = min(left, BEAT)
                clock.advance(dt.timedelta(seconds=step))
                left -= step
                if left:
                    path = reverse("api:beats", args=[claimed["id"]])
                    self._post(session, path, {"had_input": True})
            self._post(session, reverse("api:submission", args=[claimed["id"]]), {"answer": answer})
            yield clock.now()

    def _session(self, person: uuid.UUID) -> requests.Session:
        """A signed-in browser of this person, without typing a password."""
        if person not in self.sessions:
            user = User.objects.get(id=person)
            staging.accept_terms([person])
            store = import_module(settings.SESSION_ENGINE).SessionStore()
            store[SESSION_KEY] = str(user.pk)
            store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
            store[HASH_SESSION_KEY] = user.get_session_auth_hash()
            store.create()
            session = requests.Session()
            token = _get_new_csrf_string()
            session.cookies.set(settings.SESSION_COOKIE_NAME, store.session_key)
            session.cookies.set(settings.CSRF_COOKIE_NAME, token)
            session.headers["X-CSRFToken"] = token
            self.sessions[person] = session
        return self.sessions[person]

    def _post(self, session: requests.Session, path: str, body: dict) -> dict:
        """POST until it is answered: a killed server comes back, and nothing is done twice."""
        until = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer = session.post(settings.SITE_URL + path, json=body, timeout=30)
                if answer.status_code < 500:
                    break
                fault = f"{answer.status_code}"
            except requests.RequestException as error:
                fault = str(error)
            if time.monotonic() > until:
                message = f"{path} is not answered ({fault}). Run the same command again."
                raise ConnectionError(message)
            time.sleep(0.5)
        if not answer.ok:
            message = f"{path}: {answer.status_code} {answer.text[:300]} for {json.dumps(body)}"
            raise RuntimeError(message)
        return answer.json()
