"""`python -m marketplace.runtime up|down|env|status|run|serve NAME`: the servers by hand."""

import argparse
import os
import shlex
import signal
import subprocess
import sys

from marketplace.runtime import house, instance
from marketplace.runtime.places import RuntimeFault
from marketplace.runtime.supervisor import Stopped


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m marketplace.runtime", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start the servers and print their variables for the shell"),
        ("down", "stop the servers"),
        ("env", "print the variables, whether the servers run or not"),
        ("status", "say what runs"),
        ("serve", "start everything (web, worker, Stripe double), run a command, stop it all"),
        ("run", "start the servers, run a command with the variables, stop them if unused"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("name")
        if name in {"up", "run"}:
            command.add_argument("--fast", action="store_true", help="unsafe and quick, for tests")
        if name in {"run", "serve"}:
            command.epilog = "The command to run stands after '--'."
    commands.add_parser("clean", help="stop every instance of this checkout, delete its data")
    given = sys.argv[1:] if arguments is None else arguments
    # By hand: argparse would hand `--fast` after the name to the command that follows.
    end = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:end])
    options.program = given[end + 1 :]
    try:
        return _do(options)
    except RuntimeFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1


def _do(options: argparse.Namespace) -> int:
    if options.command == "up":
        _print(instance.ensure(options.name, fast=options.fast, keep=True))
    elif options.command == "clean":
        instance.remove_all()
    elif options.command == "env":
        _print(instance.environment(options.name))
    elif options.command == "down":
        instance.stop(options.name)
    elif options.command == "run":
        return _run(options.name, _command(options), fast=options.fast)
    elif options.command == "serve":
        return _serve(options.name, _command(options))
    else:
        for server in instance.servers(options.name):
            pid = server.pid()
            state = "does not run" if pid is None else f"runs as process {pid}"
            sys.stdout.write(f"{type(server).__name__} {state}\n")
    return 0


def _print(environment: instance.Environment) -> None:
    for key, value in environment.variables().items():
        sys.stdout.write(f"export {key}={shlex.quote(value)}\n")


def _command(options: argparse.Namespace) -> list[str]:
    program: list[str] = options.program
    if not program:
        message = f"A command is missing: {options.command} NAME -- COMMAND."
        raise RuntimeFault(message)
    return program


def _foreground(command: list[str], variables: dict[str, str]) -> int:
    """Run a command in this terminal, hand it our signals, and return its exit code."""
    with subprocess.Popen(command, env={**os.environ, **variables}) as child:  # noqa: S603
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {
            number: signal.signal(number, lambda got, _frame: child.send_signal(got))
            for number in numbers
        }
        code = child.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _run(name: str, command: list[str], *, fast: bool) -> int:
    variables = instance.ensure(name, fast=fast).variables()
    try:
        return _foreground(command, variables)
    finally:
        instance.release(name)


def _serve(name: str, command: list[str]) -> int:
    """Run a command beside a whole house: the one that runs already, else one of our own."""
    try:
        with house.opened(name) as own:
            own.servers()
            own.migrate()
            own.services()
            child = own.child("command")
            child.command, child.inherit = command, True
            return own.supervisor.watch(child)
    except house.Open as already:
        return _foreground(command, already.variables)
    except Stopped:
        return 130


if __name__ == "__main__":
    sys.exit(main())
