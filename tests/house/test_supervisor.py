"""The supervisor as its own process, since signals and dying parents are what it is about."""

import os
import re
import signal
import subprocess
import sys

import pytest

from marketplace.runtime.places import CHECKOUT
from marketplace.runtime.processes import is_process, wait_until

PROGRAM = """
import os
import sys
from pathlib import Path
from marketplace.runtime.places import RuntimeFault
from marketplace.runtime.supervisor import Child, Stopped, Supervisor

folder = Path(sys.argv[1])
house = Supervisor()
try:
    with house.signals():
        for name in ("first", "second"):
            program = sys.argv[2] if name == "second" else "import signal; signal.pause()"
            house.add(Child(name=name, command=[sys.executable, "-c", program, str(folder)],
                            env=os.environ, cwd=folder, log=folder / name))
        for child in house.children:
            print("started", child.name, child.process.pid, flush=True)
        while True:
            house.check()
            for child in house.children:
                if child.restarts:
                    print("again", child.name, child.process.pid, flush=True)
                    child.restarts = 0 if len(sys.argv) < 4 else child.restarts
            house.pause()
except Stopped:
    print("stopped", flush=True)
except RuntimeFault as fault:
    print("fault", str(fault).replace(chr(10), " "), flush=True)
finally:
    house.stop_all()
"""
WAITING = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
FAILING = "import sys; print('no such thing', flush=True); sys.exit(4)"


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(second, *more):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), second, *more],
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def pids(process, word):
    line = ""
    found = []
    while len(found) < (2 if word == "started" else 1):
        line = process.stdout.readline()
        assert line, "the supervisor ended early"
        if match := re.match(rf"{word} (\w+) (\d+)", line):
            found.append(int(match[2]))
    return found


def gone(numbers):
    return lambda: not any(is_process(number) for number in numbers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_child(start, number):
    process = start(WAITING)
    children = pids(process, "started")
    process.send_signal(number)
    assert process.wait(30) == 0
    assert "stopped" in process.stdout.read()
    assert gone(children)()


def test_a_child_that_does_not_listen_is_ended_all_the_same(start, monkeypatch):
    process = start(STUBBORN)
    children = pids(process, "started")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert gone(children)()


def test_a_dead_child_comes_back(start):
    process = start(WAITING)
    children = pids(process, "started")
    os.kill(children[0], signal.SIGKILL)
    (fresh,) = pids(process, "again")
    assert fresh not in children
    assert is_process(fresh)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert gone([*children, fresh])()


def test_a_child_that_keeps_dying_is_reported_with_its_log_and_ends_the_rest(start):
    process = start(FAILING, "count")
    children = pids(process, "started")
    said = process.stdout.read()
    assert process.wait(60) == 0
    assert "restart 5 of 5" in said
    assert "restart 6" not in said
    assert re.search(r"fault second ended again \(4\), for the last time.*no such thing", said)
    assert gone(children)()


def test_children_do_not_outlive_a_killed_supervisor(start):
    process = start(WAITING)
    children = pids(process, "started")
    process.kill()
    process.wait()
    assert wait_until(gone(children), seconds=10)
