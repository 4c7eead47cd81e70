"""An OCR run as SVG: what was read right after each epoch, and what an epoch took."""

from math import log10

from gpu_jobs import svg
from gpu_jobs.ocr.recipe import Epoch
from gpu_jobs.ocr.results import OcrResult, share


def draw(result: OcrResult) -> str:
    """Accuracy and share of wrong texts with intervals over the validation set, and seconds."""
    epochs, n = result.epochs, result.validation
    labels = [f"epoch {each.epoch}" for each in epochs]
    right = [share(round(each.sequence * n), n) for each in epochs]
    # Half an error stands for none, which has no logarithm.
    least = 0.5 / n
    accuracy = [
        svg.Bar(label, one.value, one.low, one.high)
        for label, one in zip(labels, right, strict=True)
    ]
    wrong = [
        svg.Bar(
            label,
            log10(max(1 - one.value, least)),
            log10(max(1 - one.high, least)),
            log10(max(1 - one.low, least)),
        )
        for label, one in zip(labels, right, strict=True)
    ]
    seconds = [svg.Bar(label, _minutes(each)) for label, each in zip(labels, epochs, strict=True)]
    title = f"{result.samples:,} pictures of {result.task.characters} characters"
    return svg.stacked(
        title,
        [
            svg.line(f"{title}: whole texts read right, {n:,} for validation", labels, accuracy),
            svg.line("Logarithm (base 10) of the share read wrong", labels, wrong, low=-3, high=0),
            svg.line("Minutes an epoch, with its test", labels, seconds),
        ],
    )


def _minutes(epoch: Epoch) -> float:
    return (epoch.train_seconds + epoch.test_seconds) / 60
