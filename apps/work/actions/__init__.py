"""Every change of state in the work app: `from apps.work import actions as work`."""

from apps.work.actions.bad_faith import reject_bad_faith, resume_review, stop_review
from apps.work.actions.claim import claim, enrol
from apps.work.actions.clock import Clock, beat, clock_of, save_draft
from apps.work.actions.closing import Owed, begin_close, owed_at_close
from apps.work.actions.errors import analyse_errors
from apps.work.actions.figures import refresh_figures
from apps.work.actions.frozen import tell_frozen
from apps.work.actions.gold import (
    REOPENED,
    Demotion,
    contest_gold,
    demote_gold,
    pay_contest_time,
    pay_missing,
)
from apps.work.actions.human import ask_human
from apps.work.actions.lift import (
    ask_again,
    ask_lift,
    begin_lift,
    cancel_lift,
    hold_pool,
    sweep_pool,
    take_lift,
)
from apps.work.actions.lift_contests import (
    has_lift_difference,
    is_repeated,
    pay_lift_difference,
    repeat_for_contest,
    repeated,
)
from apps.work.actions.lift_invitations import invite_by_lift
from apps.work.actions.more import ask_more
from apps.work.actions.online import count_online
from apps.work.actions.overlap import plan_overlap
from apps.work.actions.reminders import due_reminders, next_reminder, remind
from apps.work.actions.repeats import keep_from_repeats, measure_repeats
from apps.work.actions.royalties import Uses, record_use, uses
from apps.work.actions.scores import request_scores, take_scores
from apps.work.actions.seats import add as add_seats
from apps.work.actions.settlement import (
    PEOPLE_AT_ONCE,
    close_when_done,
    settle,
    settle_part,
)
from apps.work.actions.submit import give_back, submit, undo
from apps.work.actions.verdicts import (
    accept,
    adjust,
    ask_rework,
    hold_until,
    overturn,
    reject,
    unfreeze_rejections,
    uphold,
)
from apps.work.actions.windows import lapse

__all__ = [
    "PEOPLE_AT_ONCE",
    "REOPENED",
    "Clock",
    "Demotion",
    "Owed",
    "Uses",
    "accept",
    "add_seats",
    "adjust",
    "analyse_errors",
    "ask_again",
    "ask_human",
    "ask_lift",
    "ask_more",
    "ask_rework",
    "beat",
    "begin_close",
    "begin_lift",
    "cancel_lift",
    "claim",
    "clock_of",
    "close_when_done",
    "contest_gold",
    "count_online",
    "demote_gold",
    "due_reminders",
    "enrol",
    "give_back",
    "has_lift_difference",
    "hold_pool",
    "hold_until",
    "invite_by_lift",
    "is_repeated",
    "keep_from_repeats",
    "lapse",
    "measure_repeats",
    "next_reminder",
    "overturn",
    "owed_at_close",
    "pay_contest_time",
    "pay_lift_difference",
    "pay_missing",
    "plan_overlap",
    "record_use",
    "refresh_figures",
    "reject",
    "reject_bad_faith",
    "remind",
    "repeat_for_contest",
    "repeated",
    "request_scores",
    "resume_review",
    "save_draft",
    "settle",
    "settle_part",
    "stop_review",
    "submit",
    "sweep_pool",
    "take_lift",
    "take_scores",
    "tell_frozen",
    "undo",
    "unfreeze_rejections",
    "uphold",
    "uses",
]
