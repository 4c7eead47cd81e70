"""`make replay`: one real crowd through the real doors, with the books checked at the end."""

import datetime as dt
import hashlib
import json
import sys
import time
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from apps.core import clock
from apps.core.errors import WagefileError
from apps.core.tenancy import acting
from apps.ledger import queries as ledger
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.pages.management.replay import crowd as crowds
from apps.pages.management.replay import stage as stages
from apps.pages.management.replay.course import Course
from apps.pages.management.replay.crowd import Crowd
from apps.pages.management.replay.doors import ActionsDoor, Door, HttpDoor, qualifying
from apps.pages.management.replay.stage import Stage
from apps.projects.rules import Kind
from apps.work.models import Submission


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        message = "a share is between 0 and 1"
        raise ArgumentTypeError(message)
    return value


class Progress:
    """One line on a terminal, a line every few seconds in a log."""

    def __init__(self) -> None:
        self.last = 0.0
        self.is_terminal = sys.stderr.isatty()

    def __call__(self, text: str, *, is_last: bool = False) -> None:
        now = time.monotonic()
        if not is_last and now - self.last < (0.2 if self.is_terminal else 5):
            return
        self.last = now
        end = "\n" if is_last or not self.is_terminal else ""
        sys.stderr.write(("\r\x1b[K" if self.is_terminal else "") + text + end)
        sys.stderr.flush()

    def bar(self, done: int, total: int, started: float) -> None:
        rate = done / max(time.monotonic() - started, 1e-9)
        width = 24
        filled = width * done // max(total, 1)
        self(
            f"answers [{'#' * filled:.<{width}}] {done:,} of {total:,}, {rate:,.0f}/s",
            is_last=done == total,
        )


class Command(BaseCommand):
    help = "Replay a published crowd through the marketplace."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--items", type=Path)
        parser.add_argument("--gold", type=Path)
        parser.add_argument("--type", choices=["choice", "pairwise"])
        parser.add_argument("--level", choices=["nominal", "ordinal"], default="nominal")
        parser.add_argument("--repeats", choices=["keep", "reject", "last"], default="last")
        parser.add_argument("--seconds", type=int, default=30)
        parser.add_argument("--reject", type=share, default=0.02)
        parser.add_argument("--via", choices=["actions", "http"], default="actions")
        parser.add_argument("--limit", type=int, help="Only the first so many rows")
        parser.add_argument("--out", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        staging.check_is_simulated()
        if options["seconds"] < 1:
            raise CommandError("SECONDS is at least 1.")
        try:
            report = self.replay(options)
        except WagefileError as error:
            raise CommandError(error.sentence) from error
        except (DatabaseError, ConnectionError) as error:
            message = f"Interrupted: {error}. Run the same command again; it goes on where it was."
            raise CommandError(message) from error
        text = json.dumps(report, indent=2)
        if options["out"]:
            options["out"].write_text(text + "\n")
        self.stdout.write(text)
        if not (report["ledger_balanced"] and report["wage_file_matches_ledger"]):
            raise CommandError("The books do not balance.")

    def replay(self, options: dict[str, Any]) -> dict:
        say = Progress()
        crowd = crowds.read(
            options["data"],
            items=options["items"],
            gold=options["gold"],
            type_=options["type"],
            level=options["level"],
            repeats=options["repeats"],
            limit=options["limit"],
        )
        state = self._state(crowd, options)
        stage = self._stage(crowd, options, state, say)
        seconds = self._answers(crowd, stage, options, state, say)
        course = Course(crowd, stage, options["reject"], say)
        run = self._course(course, state, say)
        release = course.release()
        report = course.report(run, release, seconds=seconds)
        with acting(actor_of(stage.staff)):
            report["ledger_balanced"] = ledger.prove().fault is None
        self._file(state).unlink(missing_ok=True)
        return report

    # ── What makes an interrupted replay go on ──────────────────────────────────────────────────
    def _file(self, state: dict) -> Path:
        return Path(settings.DATA_DIR) / "replays" / f"{state['options']}.json"

    def _state(self, crowd: Crowd, options: dict[str, Any]) -> dict:
        named = {
            name: str(options[name])
            for name in ("type", "level", "repeats", "seconds", "reject", "via", "limit")
        }
        digest = hashlib.sha256((crowd.digest + json.dumps(named)).encode()).hexdigest()[:16]
        state: dict = {"options": digest}
        path = self._file(state)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            state = json.loads(path.read_text())
        return state

    def _keep(self, state: dict) -> None:
        path = self._file(state)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(path)

    def _stage(self, crowd: Crowd, options: dict[str, Any], state: dict, say: Progress) -> Stage:
        stage = stages.find(state, crowd) if "project" in state else None
        if stage is None:
            key = hashlib.sha256(f"{state['options']}{time.time_ns()}".encode()).hexdigest()[:12]
            now = clock.now()
            stage = stages.build(crowd, key=key, seconds=options["seconds"], now=now, say=say)
            state |= {
                "key": key,
                "project": str(stage.project.id),
                "owner": str(stage.owner.id),
                "reviewer": str(stage.reviewer.id),
                "staff": str(stage.staff.id),
                "start": now.isoformat(),
                "seconds": 0.0,
                "done": [],
            }
            self._keep(state)
        else:
            say("an unfinished replay goes on", is_last=True)
        stages.enrol(stage, now=clock.now())
        return stage

    # ── Answers ─────────────────────────────────────────────────────────────────────────────────
    def _answers(
        self, crowd: Crowd, stage: Stage, options: dict[str, Any], state: dict, say: Progress
    ) -> float:
        door: Door = {"actions": ActionsDoor, "http": HttpDoor}[options["via"]](
            project_id=stage.project.id, seconds=options["seconds"]
        )
        with acting(stage.system):
            stored = set(
                Submission.objects.filter(
                    project=stage.project, kind=Kind.WORK, undone_at=None
                ).values_list("item__external_id", "contributor_id")
            )
        start = dt.datetime.fromtimestamp(max(state.get("end", 0), clock.now().timestamp()), dt.UTC)
        if options["via"] == "actions":
            # Ahead of the demo's clock, so that its beat does not score a crowd that still works.
            start += dt.timedelta(days=1)
        latest = start
        total, done = len(crowd.answers), len(stored)
        began = time.monotonic()
        before = state["seconds"]
        try:
            check = [(None, stages.check_answer(crowd))]
            for person in qualifying(stage.project.id, list(stage.people.values()), stage.system):
                for moment in door.answer(person, check, start):
                    latest = max(latest, moment)
            began = time.monotonic()
            for worker, answers in self._by_worker(crowd, stage, stored).items():
                for moment in door.answer(stage.people[worker], answers, latest):
                    done += 1
                    say.bar(done, total, began)
                    end = max(state.get("end", 0), moment.timestamp())
                    state["end"] = end
        finally:
            state["seconds"] = before + time.monotonic() - began
            self._keep(state)
        end = dt.datetime.fromtimestamp(state.get("end", latest.timestamp()), dt.UTC)
        # The people's clocks ran ahead of the demo's; now it follows, past the seconds of undo.
        ahead = end - clock.now() + dt.timedelta(minutes=2)
        if ahead > dt.timedelta():
            clock.advance(ahead)
        return state["seconds"]

    def _by_worker(self, crowd: Crowd, stage: Stage, stored: set) -> dict[str, list]:
        todo: dict[str, list] = {}
        extra = {"reason": ""} if crowd.type == "pairwise" else {}
        for row in crowd.answers:
            if (row.item, stage.people[row.worker]) not in stored:
                answer = {"choice": crowd.keys[row.answer], **extra}
                todo.setdefault(row.worker, []).append((row.item, answer))
        return todo

    # ── The rest, step by step; each step is done once, and doing it again changes nothing ──────
    def _course(self, course: Course, state: dict, say: Progress) -> Any:
        # Of a replay that was stopped: the run over all answers, not a later one that lacks some.
        run = course.scored(state.get("run")) or course.score()
        state["run"] = str(run.id)
        self._keep(state)
        for name in ("reject_share", "appeal_and_decide", "let_silence_accept", "close", "pay"):
            if name not in state["done"]:
                say(name.replace("_", " "), is_last=True)
                getattr(course, name)()
                state["done"].append(name)
                self._keep(state)
        return run
