"""From the name of a kind to the code that runs it; imported only when it is asked for.

A process that merely knows the names (the web) never loads numpy, let alone torch.
"""

from importlib import import_module
from pathlib import Path

from gpu_jobs.contracts import InputError, Report, Result, Spec

KINDS: dict[str, str] = {
    "curve": "gpu_jobs.lift.curve_job.run",
    "diversity": "gpu_jobs.diversity.job.run",
    "errors": "gpu_jobs.errors.job.run",
    "human": "gpu_jobs.lift.human_job.run",
    "lift": "gpu_jobs.lift.job.run",
    "quality": "gpu_jobs.quality.run",
    "repeats": "gpu_jobs.agreement.job.run",
}
VERSIONS: dict[str, int] = {
    "curve": 1,
    "diversity": 1,
    "errors": 1,
    "human": 1,
    "lift": 1,
    "quality": 3,
    "repeats": 1,
}
# What stored runs of an older version asked for is still computed, so that they can be repeated.
OLDER: dict[str, frozenset[int]] = {"quality": frozenset({1, 2})}
_SINCE_3 = {
    f"{name}.{end}": "items are drawn otherwise since version 3"
    for name in (
        "agreement",
        "agreement.coefficients.percent_agreement",
        "agreement.coefficients.fleiss_kappa",
        "agreement.coefficients.gwet_ac1",
    )
    for end in ("low", "high", "resamples")
} | {
    "agreement.kappa.highest": "which of equal pairs is told is decided otherwise since version 3",
    "agreement.kappa.lowest": "which of equal pairs is told is decided otherwise since version 3",
    "matrices.confusion": "which of equal classes is told is decided otherwise since version 3",
}
# Figures of an older version that this code computes by other rules, and why: (kind, version) → the
# beginning of their names → a sentence. All other figures of it come out as they were.
CHANGED: dict[tuple[str, int], dict[str, str]] = {
    ("quality", 2): _SINCE_3,
    ("quality", 1): {
        **_SINCE_3,
        "anomalies.signals": "the rules of the signals were revised with version 2",
        "anomalies.flagged_workers": "it rests on the signals, whose rules were revised",
        "matrices.people": "who of equally busy people stands in the map is told apart otherwise",
        "gold.suspect_gold": "the rule for doubted gold is revised whenever it finds more",
    },
}


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """Make the run, or finish it: stages whose completion file lies in `workdir` are not redone.

    workdir belongs to this one run and is created if need be; files of the result lie there.
    `report(done, total, message)` is called after each stage; what it raises stops the run
    without loss. Two processes may not share a workdir. Raises InputError when kind, version,
    parameters or input are wrong; a second try would fail in the same way.
    """
    if spec.kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, not {spec.kind!r}")
    known = {VERSIONS[spec.kind], *OLDER.get(spec.kind, ())}
    if spec.version not in known:
        raise InputError(
            f"this code computes {spec.kind}/{', '.join(map(str, sorted(known)))}, "
            f"not {spec.kind}/{spec.version}"
        )
    module, _, name = KINDS[spec.kind].rpartition(".")
    workdir.mkdir(parents=True, exist_ok=True)
    return getattr(import_module(module), name)(spec, workdir=workdir, report=report)
