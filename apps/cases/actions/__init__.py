"""Every change of a case: `from apps.cases import actions as cases`."""

from apps.cases.actions.appeals import appeal
from apps.cases.actions.deactivations import finish_notices, propose_deactivation
from apps.cases.actions.decisions import answer, decide, lapse
from apps.cases.actions.disputes import dispute, pay
from apps.cases.actions.reminders import remind

__all__ = [
    "answer",
    "appeal",
    "decide",
    "dispute",
    "finish_notices",
    "lapse",
    "pay",
    "propose_deactivation",
    "remind",
]
