"""The ceiling: Django views that take and store with one SQL statement each. No sign-in, no rules.

A WSGI application of its own (`bench.flow.bare:application`), with the server's address in
BENCH_DATABASE_URL; `opened` runs it as gunicorn runs ours.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path
from psycopg.conninfo import conninfo_to_dict

from bench.flow import ours
from bench.flow.clients import Person, Round, Way, measure
from bench.flow.texts import texts
from marketplace.runtime.house import House, answers, reserve

TABLES = """
CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload jsonb NOT NULL,
  is_open boolean NOT NULL DEFAULT true);
CREATE INDEX item_open ON item (id) WHERE is_open;
CREATE TABLE answer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id bigint NOT NULL REFERENCES item, answer jsonb NOT NULL);
"""
TAKE = """
UPDATE item SET is_open = false WHERE id = (SELECT id FROM item WHERE is_open ORDER BY id LIMIT 1
  FOR UPDATE SKIP LOCKED) RETURNING id, payload
"""
PORT = 8300


def take(_request: HttpRequest) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute(TAKE)
        row = cursor.fetchone()
    if row is None:
        return JsonResponse({}, status=404)
    return JsonResponse({"id": row[0], "payload": json.loads(row[1])}, status=201)


def answer(request: HttpRequest, item_id: int) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO answer (item_id, answer) VALUES (%s, %s)",
            [item_id, json.dumps(json.loads(request.body)["answer"])],
        )
    return JsonResponse({"id": item_id}, status=201)


urlpatterns = [path("take", take), path("items/<int:item_id>/answer", answer)]


def _application() -> WSGIHandler:
    import django  # noqa: PLC0415 -- only where this module is the application

    address = conninfo_to_dict(os.environ["BENCH_DATABASE_URL"])
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="bare",  # noqa: S106 -- signs nothing
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": address["dbname"],
                "USER": address["user"],
                "HOST": address["host"],
                "CONN_MAX_AGE": 60,
            }
        },
    )
    django.setup()
    return WSGIHandler()


if "BENCH_DATABASE_URL" in os.environ:
    application = _application()


@dataclass(frozen=True, kw_only=True)
class Bare:
    port: int
    database: str
    items: int

    def round(self, clients: int, seconds: float) -> Round:
        # It is quicker than everything else; a larger table lasts for the whole round.
        with psycopg.connect(self.database) as session, session.cursor() as cursor:
            cursor.execute("TRUNCATE item, answer")
            rows = [(json.dumps({"text": text}),) for text in texts(self.items)]
            cursor.executemany("INSERT INTO item (payload) VALUES (%s)", rows)
            cursor.execute(
                "INSERT INTO item (payload) SELECT payload FROM item, generate_series(1, 9)"
            )
        way = Way(
            port=self.port,
            take=lambda: ("POST", "/take", {}),
            answer=lambda taken: ("POST", f"/items/{taken['id']}/answer", _SENT),
            is_over=lambda status, _body: status == 404,
        )
        return measure(way, [Person(headers={})] * clients, seconds=seconds)


_SENT: dict[str, Any] = {"answer": {"choice": "neutral"}}


@contextmanager
def opened(site: House, *, items: int) -> Iterator[Bare]:
    """Beside our site, in a database of its own on the same server."""
    database = ours.database("bare")
    with psycopg.connect(database) as session:
        session.execute(TABLES)
    with reserve(PORT) as port:
        number = port.getsockname()[1]
    web = site.child(
        *("bare", "-m", "gunicorn", "bench.flow.bare", "--bind", f"127.0.0.1:{number}"),
        *("--workers", "2", "--threads", "4", "--no-control-socket", "--access-logfile", "-"),
        env={"BENCH_DATABASE_URL": database, "PYTHONPATH": os.pathsep.join(sys.path[:1])},
    )
    site.supervisor.add(web)
    site.supervisor.wait_for(web, lambda: answers(f"http://127.0.0.1:{number}/"))
    yield Bare(port=number, database=database, items=items)
    web.stop()
    site.supervisor.children.remove(web)
