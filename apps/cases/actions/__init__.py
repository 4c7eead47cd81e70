"""Every change of a case: `from apps.cases import actions as cases`."""

from apps.cases.actions.appeals import appeal
from apps.cases.actions.bad_faith import open_bad_faith
from apps.cases.actions.deactivations import finish_notices, propose_deactivation
from apps.cases.actions.decisions import answer, decide, lapse
from apps.cases.actions.disputes import dispute, pay

__all__ = [
    "answer",
    "appeal",
    "decide",
    "dispute",
    "finish_notices",
    "lapse",
    "open_bad_faith",
    "pay",
    "propose_deactivation",
]
