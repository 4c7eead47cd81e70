"""Every change of a case: `from apps.cases import actions as cases`."""

from apps.cases.actions.appeals import appeal
from apps.cases.actions.bad_faith import open_bad_faith
from apps.cases.actions.deactivations import finish_notices, propose_deactivation
from apps.cases.actions.decisions import answer, decide, lapse
from apps.cases.actions.disputes import dispute, pay
from apps.cases.actions.gold import contest_gold, demote_gold
from apps.cases.actions.lift import contest_lift, repeat_lift
from apps.cases.actions.reminders import next_reminder, remind
from apps.cases.actions.tickets import (
    answer_ticket,
    ask_for_link,
    forget,
    mail_out,
    open_ticket,
    write_again,
    write_again_by_link,
)

__all__ = [
    "answer",
    "answer_ticket",
    "appeal",
    "ask_for_link",
    "contest_gold",
    "contest_lift",
    "decide",
    "demote_gold",
    "dispute",
    "finish_notices",
    "forget",
    "lapse",
    "mail_out",
    "next_reminder",
    "open_bad_faith",
    "open_ticket",
    "pay",
    "propose_deactivation",
    "remind",
    "repeat_lift",
    "write_again",
    "write_again_by_link",
]
