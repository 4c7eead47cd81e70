"""Write docs/notices.md from the registry of kinds."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.notices.enums import ABOUT, Group, Kind

PAGE = settings.BASE_DIR / "docs" / "notices.md"
HEAD = """# Notices

What people are told, who is told it, and how it reaches them. The table is written from
`apps/notices/enums.py` by `manage.py notice_kinds`; a test compares.

**To tell of something new:** add a member to `Kind` and its line to `ABOUT` (group, who gets
it, usual e-mail), name it where the action tells (`from apps.notices.enums import Kind as
Notices`, then `notices.tell(people, kind=Notices.…, title=…, url=reverse(…), due_at=…,
now=now)`), and write this page anew. No migration. A kind of the group "due process" cannot be
switched off: its readers get it in the page and by e-mail at once, whatever they chose. A new
kind of case needs a `case.<kind>`.

- `due_at` is the deadline. Pages and e-mails show it in the reader's zone with the time that is
  left, so titles and texts do not repeat it.
- `key` tells each person at most once, whoever calls and however often: reminders use it. It
  names the row, not the moment, so a deadline that moves reminds nobody twice.
- `count_up` adds equal news of a day to one notice until that is read or mailed.
- What a person chose holds for what they are told afterwards. The daily summary goes out at
  eight in the morning of the reader's zone.
- A letter is a row until a mail server has taken it: tried again after 1, 2, 4, … minutes, at
  most six hours apart, always under the same Message-ID.
- Holds that expire are shown on the page of the work alone.

Reminders come `remind_rework_hours`, `remind_review_hours`, `remind_appeal_hours` and
`remind_case_hours` before their deadline (settings). The reviewers' reminder is one a project
and day.

"""


def written() -> str:
    """The whole page."""
    lines = [HEAD]
    for group in Group:
        lines.append(f"## {group.label}\n")
        lines.append("| kind | what | who | e-mail | can be switched off |")
        lines.append("|---|---|---|---|---|")
        for kind in Kind:
            about = ABOUT[kind]
            if about.group == group:
                off = "no" if about.is_mandatory else "yes"
                lines.append(
                    f"| `{kind}` | {kind.label} | {about.who} | {about.mail.label} | {off} |"
                )
        lines.append("")
    return "\n".join(lines)


class Command(BaseCommand):
    help = "Write docs/notices.md from the registry of kinds."

    def handle(self, *_args: Any, **_options: Any) -> None:
        PAGE.write_text(written())
