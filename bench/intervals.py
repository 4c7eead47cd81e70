"""Alpha with 1,000 draws of items beside 20 calls of `krippendorff`: `python -m bench.intervals`.

The package gets its fastest form, counts of (unit, value) made beforehand, and, where it fits,
the usual one, a table of workers × items; ours starts from codes.
Each figure is the least of three CPU times, which load by others disturbs least.
`--coverage` asks instead how often the intervals hold the truth.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import krippendorff
import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.agreement import alpha
from gpu_jobs.agreement.alpha import Alpha, alpha_of, alpha_of_counts
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.answers import Answers, cells, encode, positions

DATA = Path(
    os.environ.get("WAGEFILE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
)
SETS = (
    ("rte", "nominal"),
    ("bluebird", "nominal"),
    ("polarity", "nominal"),
    ("music", "nominal"),
    ("ducks", "nominal"),
    ("pandalm", "nominal"),
    ("affect", "interval"),
    ("anesthesia", "ordinal"),
)
ITEMS, OVERLAP, WORKERS, CLASSES, SEED = 200_000, 5, 2_000, 4, 20
CALLS = 20


def generated() -> Answers:
    draw = np.random.default_rng(SEED)
    truth = draw.integers(0, CLASSES, ITEMS)
    item = np.repeat(np.arange(ITEMS), OVERLAP)
    wrong = draw.random(ITEMS * OVERLAP) < 0.3
    answer = np.where(wrong, draw.integers(0, CLASSES, len(item)), truth[item])
    worker = draw.integers(0, WORKERS, len(item))
    columns = {"item_id": item, "worker_id": worker, "answer": answer}
    return encode(
        pa.table({name: pa.array(codes.astype(str)) for name, codes in columns.items()}),
        repeats="keep",
    )


def least(call: Callable[[], object]) -> float:
    found = []
    for _ in range(3):
        start = process_time()
        call()
        found.append(process_time() - start)
    return min(found)


def compare(name: str, answers: Answers, level: str) -> None:
    scale, same = np.unique(positions(answers, level), return_inverse=True)
    counts = cells(answers.item, same[answers.value], len(scale))
    dense = np.zeros((len(answers.items), len(scale)), dtype=np.int64)
    dense[counts.item, counts.value] = counts.count

    def package() -> None:
        for _ in range(CALLS):
            krippendorff.alpha(value_counts=dense, value_domain=scale, level_of_measurement=level)

    table = None
    if len(answers.workers) * len(answers.items) <= 10_000_000 and not answers.repeats:
        table = np.full((len(answers.workers), len(answers.items)), np.nan)
        table[answers.worker, answers.item] = scale[same[answers.value]]

    def package_of_table() -> None:
        for _ in range(CALLS):
            krippendorff.alpha(reliability_data=table, level_of_measurement=level)

    found = alpha_of(answers, level=level, resamples=RESAMPLES)
    ours = least(lambda: alpha_of(answers, level=level, resamples=RESAMPLES))
    once = least(lambda: alpha_of(answers, level=level))
    theirs = least(package)
    of_table = "" if table is None else f"; of a table {least(package_of_table):7.4f} s"
    print(
        f"{name:12} {level:9} α {found.alpha:.3f} [{found.low:.3f}, {found.high:.3f}] "
        f"ours {ours:7.4f} s (without draws {once:.4f}), {CALLS} calls {theirs:7.4f} s, "
        f"ratio {theirs / ours:.1f}{of_table}"
    )


def coverage(items: int, raters: int = 3, crowds: int = 400) -> None:
    """How often the interval of a crowd holds the α that very many items have."""
    draw = np.random.default_rng(SEED)

    def answers(count: int) -> np.ndarray:
        truth = draw.integers(0, CLASSES, (count, 1))
        wrong = draw.random((count, raters)) < 0.3
        return np.where(wrong, draw.integers(0, CLASSES, (count, raters)), truth)

    def of_table(table: np.ndarray, resamples: int) -> Alpha:
        item = np.repeat(np.arange(len(table)), raters)
        counts = cells(item, table.ravel(), CLASSES)
        scale = np.arange(CLASSES, dtype=np.float64)
        return alpha_of_counts(counts, scale=scale, level="nominal", resamples=resamples)

    true = of_table(answers(500_000), 0).alpha
    found = [of_table(answers(items), RESAMPLES) for _ in range(crowds)]
    inside = np.mean([each.low <= true <= each.high for each in found])
    width = np.mean([each.high - each.low for each in found])
    print(
        f"{items:4} items, {raters} raters, true α {true:.3f}: 95% intervals hold it in "
        f"{inside:.1%} of {crowds} crowds (± {1.96 * (0.95 * 0.05 / crowds) ** 0.5:.1%}), "
        f"mean width {width:.3f}"
    )


def main() -> int:
    # The package is the peer here, and must not run as our second opinion inside our time.
    alpha.PACKAGE_CELLS = 0
    if "--coverage" in sys.argv[1:]:
        for items in (10, 20, 30, 100, 300):
            coverage(items)
        return 0
    for name, level in SETS:
        path = DATA / f"{name}.csv"
        if path.is_file():
            compare(name, encode(tables.read_crowd(path), repeats="keep"), level)
        else:
            print(f"{name:12} absent")
    crowd = generated()
    for level in ("nominal", "ordinal", "interval", "ratio"):
        compare("generated 1M", crowd, level)
    return 0


if __name__ == "__main__":
    sys.exit(main())
