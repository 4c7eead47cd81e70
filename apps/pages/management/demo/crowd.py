"""The simulated crowd: who it is, how often each is wrong, how long each takes.

Everything a member does is drawn from a hash of their name and the item, so that every demo has
the same crowd, whatever the order of the items.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from apps.core.errors import Conflict
from apps.core.tenancy import acting
from apps.pages.management import staging
from apps.projects.models import Item
from apps.projects.rules import Kind
from apps.work import actions as work
from apps.work.enums import EnrolmentState
from apps.work.errors import NothingToDo
from apps.work.models import Enrolment, Submission

BEAT = 45  # seconds; a longer gap would count as idle
# What a digit is most easily taken for.
CONFUSED = dict(zip("0123456789", "6778960134", strict=True))


@dataclass(frozen=True, slots=True)
class Member:
    """`error` and `error_qualifying` are the stated shares of wrong answers."""

    key: str
    name: str
    error: float
    error_qualifying: float
    seconds: int
    first_week: int = 54
    second_week: int = 8

    @property
    def email(self) -> str:
        return f"{self.key}@people.example"


CROWD = (
    Member("ines", "Ines Duarte", 0.03, 0.02, 14, first_week=60, second_week=10),
    Member("tomasz", "Tomasz Wren", 0.02, 0.02, 16),
    Member("akua", "Akua Mensing", 0.05, 0.03, 12),
    Member("leif", "Leif Sandvoll", 0.08, 0.05, 19),
    Member("mirela", "Mirela Kosh", 0.04, 0.03, 41, first_week=40, second_week=4),
    Member("bao", "Bao Trinh", 0.15, 0.05, 11),
    # Takes care in the qualification and none afterwards.
    Member("rufus", "Rufus Oke", 0.45, 0.02, 3),
    Member("oskar", "Oskar Lindt", 0.55, 0.75, 9),
    Member("nadia", "Nadia Perrow", 0.60, 0.80, 8),
)
HISTORY = CROWD[0]
HASTY = CROWD[6]


def drawn(*words: str) -> float:
    """A number from 0 to 1 that follows from the words."""
    digest = hashlib.sha256(":".join(words).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def chosen(member: Member, item: str, right: str, *, is_qualifying: bool) -> str:
    error = member.error_qualifying if is_qualifying else member.error
    is_wrong = drawn("answer", member.key, item) < error
    return CONFUSED[right] if is_wrong else right


def taken(member: Member, item: str) -> int:
    """Seconds of active time, from two thirds to four thirds of the member's own."""
    return max(2, round(member.seconds * (2 + 2 * drawn("time", member.key, item)) / 3))


@dataclass(slots=True)
class Worker:
    """One member at work on one project, with a clock of their own that only runs forward."""

    member: Member
    user_id: uuid.UUID
    project_id: uuid.UUID
    truth: Mapping[str, str]
    now: dt.datetime

    def qualify(self, tier: str) -> bool:
        """Join and do the qualification; whether it is passed."""
        while True:
            with acting(staging.person(self.user_id)) as actor:
                enrolment = Enrolment.objects.filter(
                    project_id=self.project_id, contributor_id=self.user_id
                ).first()
                enrolment = enrolment or work.enrol(
                    project_id=self.project_id,
                    tier=tier,
                    has_consented=True,
                    by=actor,
                    now=self.now,
                )
            if enrolment.state != EnrolmentState.QUALIFYING:
                return enrolment.state == EnrolmentState.QUALIFIED
            self.answer_one(is_qualifying=True)

    def work_until(self, answers: int) -> None:
        """Answer items until so many are handed in altogether, or nothing is left."""
        with acting(staging.person(self.user_id)):
            mine = Submission.objects.filter(
                project_id=self.project_id,
                contributor_id=self.user_id,
                kind=Kind.WORK,
                undone_at=None,
                round=1,
            )
            done = mine.count()
            last = mine.order_by("-submitted_at").values_list("submitted_at", flat=True).first()
        self.now = max(self.now, last or self.now)
        try:
            while done < answers:
                self.answer_one(is_qualifying=False)
                done += 1
        except (NothingToDo, Conflict):
            # The rules of the marketplace hold for a simulated crowd, too.
            return

    def answer_one(self, *, is_qualifying: bool) -> None:
        with acting(staging.person(self.user_id)) as actor:
            row = work.claim(project_id=self.project_id, by=actor, now=self.now)
            item = Item.objects.values_list("external_id", flat=True).get(id=row.item_id)
            left = taken(self.member, item)
            while left > BEAT:
                self.now += dt.timedelta(seconds=BEAT)
                left -= BEAT
                work.beat(assignment_id=row.id, by=actor, now=self.now, had_input=True)
            self.now += dt.timedelta(seconds=left)
            choice = chosen(self.member, item, self.truth[item], is_qualifying=is_qualifying)
            work.submit(assignment_id=row.id, answer={"choice": choice}, by=actor, now=self.now)
            # Reading on to the next picture is not on anybody's clock.
            self.now += dt.timedelta(seconds=2)
