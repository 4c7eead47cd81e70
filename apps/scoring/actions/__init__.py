"""Runs of `gpu_jobs`, asked for by `work`: `from apps.scoring import actions as scoring`."""

from apps.scoring.actions.errors import analyse
from apps.scoring.actions.lift import budget_of, cancel_lift, request_lift, run_lift
from apps.scoring.actions.quality import ATTEMPTS, STALE, check_alpha, claim, request, run
from apps.scoring.actions.repeats import measure

__all__ = [
    "ATTEMPTS",
    "STALE",
    "analyse",
    "budget_of",
    "cancel_lift",
    "check_alpha",
    "claim",
    "measure",
    "request",
    "request_lift",
    "run",
    "run_lift",
]
