"""`python -m gpu_jobs ocr`."""

import argparse
import sys
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu_jobs import crowd_files, tables
from gpu_jobs.contracts import InputError, canonical
from gpu_jobs.device import need
from gpu_jobs.ocr import images, plot, sheet
from gpu_jobs.ocr.recipe import Epoch, Recipe


def add(commands: "argparse._SubParsersAction[Any]", _common: argparse.ArgumentParser) -> None:
    ocr = commands.add_parser("ocr", help="train a reader of short texts on generated pictures")
    known = Recipe()
    ocr.add_argument("--samples", type=int, default=4_000, help="training pictures")
    ocr.add_argument("--test", type=int, default=10_000, help="fresh pictures, read once")
    ocr.add_argument("--validation", type=int, default=1_000, help="pictures read every epoch")
    ocr.add_argument("--characters", type=int, default=4)
    ocr.add_argument(
        "--alphabet",
        default=images.DIGITS,
        metavar="LETTERS",
        help="digits, or alphanumeric for digits and capitals, or the letters themselves",
    )
    ocr.add_argument("--epochs", type=int, default=known.epochs)
    ocr.add_argument("--tail", type=int, default=known.tail, help="epochs of falling rate, at most")
    ocr.add_argument("--batch", type=int, default=known.batch)
    ocr.add_argument("--backbone", default=known.backbone, help="any name that timm knows")
    ocr.add_argument("--plain", action="store_true", help="without transforms of the pictures")
    ocr.add_argument("--whole-strings", action="store_true", help="one head over all texts")
    ocr.add_argument("--shifted", action="store_true", help="read the test moved by pixels, too")
    ocr.add_argument("--seed", type=int, default=0)
    ocr.add_argument("--device", default="auto", help="auto, cpu or cuda")
    ocr.add_argument("--workdir", type=Path, help="keeps log and checkpoint of every epoch")
    ocr.add_argument("--resume", action="store_true", help="go on where the workdir's run stands")
    ocr.add_argument("--out", type=Path, metavar="OCR.json")
    ocr.add_argument("--plot", type=Path, metavar="OCR.svg")
    ocr.add_argument("--errors", type=Path, metavar="ERRORS.png", help="what was read wrong")
    ocr.set_defaults(command=run, json=True)


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.seed < 0:
        raise InputError("--seed must not be below zero")
    task = images.Task(_alphabet(options.alphabet), options.characters)
    recipe = replace(
        Recipe(),
        epochs=options.epochs,
        tail=options.tail,
        batch=options.batch,
        backbone=options.backbone,
    )
    if options.plain:
        recipe = replace(recipe, augment=None)
    made = _engine().run(
        task,
        samples=options.samples,
        recipe=recipe,
        seed=options.seed,
        test=options.test,
        validation=options.validation,
        whole_strings=options.whole_strings,
        shifted=options.shifted,
        workdir=options.workdir,
        resume=options.resume,
        device=options.device,
        report=_say,
    )
    result = made.result
    found = asdict(result)
    if options.out is not None:
        crowd_files.save(
            lambda: tables.write_text(canonical(found) + "\n", options.out), options.out
        )
    crowd_files.save_plot(options.plot, lambda: plot.draw(result))
    if options.errors is not None:
        pictures = images.make(task, options.test, seed=options.seed, part="test")
        sheet.save(result.mistakes, pictures, options.errors)
    return found


def _alphabet(said: str) -> str:
    named = {"digits": images.DIGITS, "alphanumeric": images.DIGITS_AND_CAPITALS}
    return named.get(said, said)


def _engine() -> Any:
    """The part that needs torch, loaded when a run begins. Raises InputError without it."""
    for name in ("torch", "timm", "captcha"):
        need(name)
    return import_module("gpu_jobs.ocr.engine")


def _say(epoch: Epoch) -> None:
    print(  # noqa: T201
        f"gpu_jobs: epoch {epoch.epoch}: loss {epoch.loss:.4f}, characters {epoch.character:.4f},"
        f" texts {epoch.sequence:.4f}, {epoch.train_seconds + epoch.test_seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )
