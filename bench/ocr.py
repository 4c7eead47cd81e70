"""`python -m bench.ocr [step …]`: the OCR recipe measured, each step once, results as small JSON.

A step whose result lies in docs/ocr is skipped; one that was killed goes on from the checkpoint
of its last epoch. Trainings take hours and make way for other work (`nice`). `make bench ARGS=ocr`
writes the section of docs/benchmarks.md from what is there, and measures nothing itself.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch.nn import functional

from bench import ocr_plan
from gpu_jobs import tables
from gpu_jobs.lift.methods import Settings
from gpu_jobs.ocr import contributors, engine, images, ink, plot, results, sheet
from gpu_jobs.ocr.model import Reader
from gpu_jobs.ocr.recipe import Epoch, Recipe, Strength

DIGITS = images.Task()
LETTERS = images.Task(images.DIGITS_AND_CAPITALS, 5)
FIRST = replace(
    Recipe(),
    epochs=38,
    tail=12,
    tail_size=(48, 128),
    fade=0.5,
    dropout=0.2,
    augment=Strength(squeeze=0.0),
)
"""What was measured first; its errors led to the recipe as it is now."""
ALONE = replace(Recipe(), shards=1)
"""The recipe on one thread, which leaves the other core to others and takes less work in all."""
SMALL = replace(ALONE, tail_size=Recipe().level_size)
"""The same at one size of pictures throughout, for comparisons with fewer epochs."""

type Found = dict[str, Any]


def digits() -> Found:
    """The first run, its curve as SVG, and its errors as a sheet outside of the repository."""
    return _main("digits", FIRST, seed=0)


def digits_60() -> Found:
    """All 60 epochs that the goal allows, the tail at full size, characters squeezed over each
    other, on other pictures throughout: it was planned after the errors of `digits` were seen.
    """
    return _main("digits-60", ALONE, seed=1)


def _main(name: str, recipe: Recipe, *, seed: int) -> Found:
    made = engine.run(
        DIGITS,
        samples=4_000,
        recipe=recipe,
        seed=seed,
        test=ocr_plan.TEST,
        shifted=True,
        workdir=ocr_plan.WORK / name,
        resume=True,
        report=partial(_say, name),
    )
    tables.write_text(plot.draw(made.result), ocr_plan.FOLDER / f"{name}.svg")
    fresh = images.make(DIGITS, ocr_plan.TEST, seed=seed, part="test")
    sheet.save(made.result.mistakes, fresh, ocr_plan.WORK / f"{name}-errors.png")
    return asdict(made.result)


def letters() -> Found:
    """Five characters of digits and capitals."""
    recipe = replace(ALONE, epochs=18, tail=7, tail_size=(48, 128))
    return _trained("letters", LETTERS, samples=4_000, recipe=recipe, test=ocr_plan.TEST)


def samples(count: int, seed: int) -> Found:
    return _trained(
        f"samples-{count}-{seed}",
        DIGITS,
        samples=count,
        recipe=_short(ocr_plan.SIZES[count]),
        seed=seed,
        validation=ocr_plan.CURVE_VALIDATION,
        test=ocr_plan.CURVE_TEST,
    )


def whole(seed: int) -> Found:
    """As `samples` of 4,000, with one head over 10,000 strings."""
    return _trained(
        f"whole-{seed}",
        DIGITS,
        samples=4_000,
        recipe=_short(ocr_plan.SIZES[4_000]),
        seed=seed,
        validation=ocr_plan.CURVE_VALIDATION,
        test=ocr_plan.CURVE_TEST,
        whole_strings=True,
    )


def lift() -> Found:
    """Contributors of 200 pictures each, of whom the last has half of the texts wrong."""
    shares = np.linspace(0, ocr_plan.WRONGEST, ocr_plan.CONTRIBUTORS)
    names = [f"c{number:02d}" for number in range(ocr_plan.CONTRIBUTORS)]
    learned = images.make(DIGITS, 4_000, seed=0, part="train")
    labelled = contributors.with_wrong_labels(learned.codes, shares.tolist(), letters=10, seed=0)
    trained = engine.fit(
        DIGITS,
        samples=4_000,
        recipe=_short(ocr_plan.LIFT_EPOCHS),
        labels=labelled.codes,
        workdir=ocr_plan.WORK / "lift",
        resume=True,
        report=partial(_say, "lift"),
    )
    fresh = images.make(DIGITS, ocr_plan.LIFT_TEST, seed=0, part="test")
    seen = engine.features(trained, ink.of_pixels(learned.pixels))
    new = engine.features(trained, ink.of_pixels(fresh.pixels))
    found = {}
    for method, metric in ocr_plan.METHODS:
        start = perf_counter()
        asked = contributors.problems(seen, labelled, new, fresh.codes, names=names, metric=metric)
        lifts = contributors.lift(asked, Settings(method=method, rounds=ocr_plan.ROUNDS))
        value = {one.name: one.value for one in lifts}
        found[f"{method}, {metric}"] = {
            "spearman": float(spearmanr([value[name] for name in names], -shares).statistic),
            "seconds": perf_counter() - start,
            "contributors": [asdict(one) for one in lifts],
        }
        spearman = found[f"{method}, {metric}"]["spearman"]
        print(f"-> lift: {method}, {metric}: Spearman {spearman:.3f}", flush=True)
    return {
        "wrong": dict(zip(names, shares.tolist(), strict=True)),
        "epochs": [asdict(each) for each in trained.epochs],
        "test": ocr_plan.LIFT_TEST,
        "methods": found,
    }


def distortion() -> Found:
    """The reader of `digits-60` on pictures that the generator was told to make worse."""
    trained = engine.fit(
        DIGITS,
        samples=4_000,
        recipe=ALONE,
        seed=1,
        workdir=ocr_plan.WORK / "digits-60",
        resume=True,
    )
    found: Found = {}
    for name, levels in ocr_plan.LEVELS.items():
        found[name] = []
        for level in levels:
            made = images.make(
                DIGITS,
                ocr_plan.DISTORTED_TEST,
                seed=2,
                part="test",
                distortion=images.Distortion(**{name: level}),  # type: ignore[arg-type]
            )
            read = engine.reading(trained, ink.of_pixels(made.pixels))
            score = results.score(read, made.codes)
            found[name].append({"level": level} | asdict(score))
            print(f"-> distortion: {name} {level}: {score.sequence.value:.4f}", flush=True)
    return found


def speed() -> Found:
    """Pictures a second of one thread, forward and backward and a step, in turns."""
    torch.set_num_threads(1)
    kinds = {
        "float32": (False, False, (60, 160)),
        "float32, channels last": (False, True, (60, 160)),
        "bfloat16": (True, False, (60, 160)),
        "bfloat16, channels last": (True, True, (60, 160)),
        "bfloat16, channels last, 48 × 128": (True, True, (48, 128)),
        "bfloat16, channels last, 36 × 96": (True, True, (36, 96)),
    }
    found: dict[str, dict[str, list[float]]] = {
        name: {"wall": [], "cpu": [], "read": []} for name in kinds
    }
    for turn in range(4):
        for name, (bf16, last, size) in kinds.items():
            wall, cpu, read = _step_rate(bf16=bf16, last=last, size=size)
            # The first turn warms up.
            if turn:
                for key, value in (("wall", wall), ("cpu", cpu), ("read", read)):
                    found[name][key].append(value)
    return {"batch": 64, "kinds": found}


def _step_rate(*, bf16: bool, last: bool, size: tuple[int, int]) -> tuple[float, float, float]:
    """Pictures a second: trained by the wall clock and by processor time, and read."""
    batch = 64
    torch.manual_seed(0)
    layout = torch.channels_last if last else torch.contiguous_format
    reader = Reader(4, 10).to(memory_format=layout)
    pictures = torch.randn(batch, 3, *size).to(memory_format=layout)
    right = torch.randint(0, 10, (batch * 4,))
    optimizer = torch.optim.AdamW(reader.parameters(), fused=True)
    took = []
    for _ in range(2):
        start, cpu = perf_counter(), process_time()
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            seen = reader.features(pictures)
        functional.cross_entropy(reader.read_features(seen).flatten(0, 1), right).backward()
        optimizer.step()
        took.append((perf_counter() - start, process_time() - cpu))
    wall, cpu = min(took)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        cpu_start = process_time()
        reader(pictures)
        reading = process_time() - cpu_start
    return batch / wall, batch / cpu, batch / reading


def _short(epochs: int) -> Recipe:
    return replace(SMALL, epochs=epochs, tail=max(epochs * 2 // 5, 1))


def _trained(name: str, task: images.Task, **more: Any) -> Found:
    made = engine.run(
        task, workdir=ocr_plan.WORK / name, resume=True, report=partial(_say, name), **more
    )
    return asdict(made.result)


def _say(name: str, epoch: Epoch) -> None:
    print(
        f"-> {name}: epoch {epoch.epoch}: texts {epoch.sequence:.4f}, loss {epoch.loss:.4f},"
        f" {epoch.train_seconds + epoch.test_seconds:.0f} s",
        flush=True,
    )


def steps() -> Iterator[tuple[str, Callable[[], Found]]]:
    yield "digits", digits
    yield "speed", speed
    yield "lift", lift
    for count in ocr_plan.SIZES:
        for seed in range(ocr_plan.SEEDS):
            yield f"samples-{count}-{seed}", partial(samples, count, seed)
    for seed in range(ocr_plan.SEEDS):
        yield f"whole-{seed}", partial(whole, seed)
    yield "letters", letters
    yield "digits-60", digits_60
    yield "distortion", distortion


def main() -> int:
    known = dict(steps())
    wanted = sys.argv[1:] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"No such step: {', '.join(unknown)}. There are: {', '.join(known)}.")
        return 2
    ocr_plan.FOLDER.mkdir(exist_ok=True)
    ocr_plan.WORK.mkdir(parents=True, exist_ok=True)
    os.nice(10)
    for name in wanted:
        path = ocr_plan.FOLDER / f"{name}.json"
        if path.exists():
            print(f"-> {name}: done before", flush=True)
            continue
        print(f"-> {name}", flush=True)
        before = os.getloadavg()[0]
        found = known[name]()
        told = {
            "day": datetime.now(UTC).date().isoformat(),
            "load": [round(before, 1), round(os.getloadavg()[0], 1)],
        }
        tables.write_text(json.dumps(told | found, ensure_ascii=False, indent=1) + "\n", path)
        # Weights of that run serve `distortion`; the others' are a third of a gigabyte each.
        if name != "digits-60":
            shutil.rmtree(ocr_plan.WORK / name, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
