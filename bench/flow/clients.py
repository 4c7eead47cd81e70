"""Clients that take an item and answer it, one after the other, each a process with one connection.

The same clients for every server, so that what they cost is the same for all. They share the
machine's cores with the servers.
"""

import http.client
import json
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from time import perf_counter
from typing import Any

WARM_UP = 5
"""Items of each client before the clock starts: connections, caches and imports are warm then."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A signed-in client: what each of its requests carries."""

    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Way:
    """How to take and to answer at one server. `take` and `answer` give method, path and body."""

    port: int
    take: Callable[[], tuple[str, str, dict | None]]
    answer: Callable[[dict], tuple[str, str, dict]]
    is_over: Callable[[int, bytes], bool]
    """Whether this answer to `take` means that there is no item for this client now."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """One client's round. Seconds; `items` are the ids that `take` gave, warm-up included."""

    items: list[Any]
    counted: int
    seconds: float
    took: list[float]
    answered: list[float]


@dataclass(frozen=True, kw_only=True)
class Round:
    done: list[Done] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Items taken and answered a second, by all clients together."""
        return sum(one.counted / one.seconds for one in self.done)

    @property
    def items(self) -> list[Any]:
        return [item for one in self.done for item in one.items]

    @property
    def took(self) -> list[float]:
        return [value for one in self.done for value in one.took]

    @property
    def answered(self) -> list[float]:
        return [value for one in self.done for value in one.answered]


def measure(way: Way, people: list[Person], *, seconds: float) -> Round:
    """Everybody works until the time is over or no item is left."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(people))
    pipes = [context.Pipe(duplex=False) for _ in people]
    processes = [
        context.Process(target=_client, args=(way, person, seconds, barrier, pipe[1].send))
        for person, pipe in zip(people, pipes, strict=True)
    ]
    for process, (_, writer) in zip(processes, pipes, strict=True):
        process.start()
        writer.close()
    try:
        done = [reader.recv() for reader, _ in pipes]
    except EOFError as error:
        raise RuntimeError("A client ended before its time; its error stands above.") from error
    finally:
        for process in processes:
            process.join()
    return Round(done=done)


def _client(
    way: Way, person: Person, seconds: float, barrier: Barrier, tell: Callable[[Done], None]
) -> None:
    line = http.client.HTTPConnection("127.0.0.1", way.port, timeout=60)
    items: list[Any] = []
    took: list[float] = []
    answered: list[float] = []
    try:
        for _ in range(WARM_UP):
            _one(line, way, person, items)
        barrier.wait(timeout=120)
    except BaseException:
        # The others must not wait for one that failed.
        barrier.abort()
        raise
    start = perf_counter()
    while perf_counter() - start < seconds:
        times = _one(line, way, person, items)
        if times is None:
            break
        took.append(times[0])
        answered.append(times[1])
    spent = perf_counter() - start
    tell(Done(items=items, counted=len(took), seconds=spent, took=took, answered=answered))


def _one(
    line: http.client.HTTPConnection, way: Way, person: Person, items: list[Any]
) -> tuple[float, float] | None:
    """Take one item and answer it; None when there is none."""
    start = perf_counter()
    status, body = ask(line, person, *way.take())
    middle = perf_counter()
    if way.is_over(status, body):
        return None
    if status not in {200, 201}:
        raise RuntimeError(f"Taking an item: {status} {body[:300]!r}")
    taken = json.loads(body)
    items.append(taken["id"])
    status, body = ask(line, person, *way.answer(taken))
    if status not in {200, 201}:
        raise RuntimeError(f"Answering {taken['id']}: {status} {body[:300]!r}")
    return middle - start, perf_counter() - middle


def ask(
    line: http.client.HTTPConnection, person: Person, method: str, path: str, body: dict | None
) -> tuple[int, bytes]:
    sent = None if body is None else json.dumps(body)
    headers = {**person.headers, **({"Content-Type": "application/json"} if sent else {})}
    try:
        line.request(method, path, body=sent, headers=headers)
        answer = line.getresponse()
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        # A server may close an idle connection; asked again on a fresh one.
        line.close()
        line.request(method, path, body=sent, headers=headers)
        answer = line.getresponse()
    return answer.status, answer.read()
