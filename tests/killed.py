"""A process that dies in the middle of a call: kill -9, as an operator or the kernel does it."""

import os
import signal
from collections.abc import Callable

from django.db import connection


def kill_in(call: Callable[[], object], *, patch: Callable[[], object]) -> None:
    """Run `call` in a child with its own session of PostgreSQL; it has to be killed on the way.

    `patch` is called first, in the child only: it puts the kill where the test wants it. For tests
    whose database is really committed to (`django_db(transaction=True)`).
    """
    child = os.fork()
    if child == 0:
        try:
            # The parent's session. Closed here, it would end there; so it is kept, unused.
            parents, connection.connection = connection.connection, None
            patch()
            call()
            assert parents is not None
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    assert os.WTERMSIG(status) == signal.SIGKILL


def kill_after(function: Callable, *, calls: int) -> Callable:
    """`function`, whose call number `calls` is its process's last: done, and not committed."""
    done = 0

    def run(*args: object, **words: object) -> object:
        nonlocal done
        found = function(*args, **words)
        done += 1
        if done == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return run
