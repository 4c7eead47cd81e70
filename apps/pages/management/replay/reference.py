"""Figures of a replay that its scoring run need not have: those of fixed methods, to compare."""

from importlib import import_module

from apps.core import blobs
from apps.scoring.models import ScoringRun
from gpu_jobs import tables
from gpu_jobs.answers import encode


def accuracies(run: ScoringRun) -> dict[str, float | None]:
    """Of the majority and of Dawid–Skene, over the input of the run; None without gold."""
    table = tables.clean(
        tables.read_parquet(blobs.path(run.input_sha256)),
        required=("item_id", "worker_id", "answer"),
        optional=("gold",),
    )
    answers = encode(table, repeats=run.params["repeats"], classes=run.params.get("classes"))
    # Imported here, so that nothing that the web imports can reach torch.
    methods = import_module("gpu_jobs.aggregation.methods")
    figures = methods.aggregate(answers, method="dawid-skene", fall_back=True).figures
    return {
        "majority_accuracy": figures.get("majority_accuracy", figures["accuracy"]),
        "dawid_skene_accuracy": None if "fallback" in figures else figures["accuracy"],
    }
