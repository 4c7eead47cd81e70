"""Telling people, carrying it to their mailbox, and what they want of it."""

from apps.notices.actions.choosing import choose, switch_off
from apps.notices.actions.mailing import gather, send_due, summarise
from apps.notices.actions.telling import count_up, mark_one_read, mark_read, tell

__all__ = [
    "choose",
    "count_up",
    "gather",
    "mark_one_read",
    "mark_read",
    "send_due",
    "summarise",
    "switch_off",
    "tell",
]
