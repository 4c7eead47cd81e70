"""What a person is told, what they chose, and the e-mails that carry it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import Row
from apps.core.tables import number_of
from apps.core.tenancy import Actor
from apps.notices.enums import Group, Mail

MOST_COUNTED = 99


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, actor: Actor) -> "NoticeQuerySet":
        return self.filter(user_id=actor.user_id) if actor.user_id else self.none()

    def in_page(self) -> "NoticeQuerySet":
        return self.filter(is_in_page=True)

    def unread(self) -> "NoticeQuerySet":
        return self.in_page().filter(read_at=None)

    def number_unread(self) -> int | str:
        """For every page's header, so it is counted to MOST_COUNTED and no further: "99+"."""
        return number_of(self.unread(), most=MOST_COUNTED)


class Letter(Row):
    """One e-mail to be sent, and how far that is. Its id is its Message-ID, whatever the tries.

    A letter of one notice, or the summary of a day (`day` in the reader's zone). It stays due until
    a mail server has taken it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField(null=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "day"], name="letter_day_once", condition=Q(day__isnull=False)
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="letter_due", condition=Q(sent_at__isnull=True)
            ),
        ]


class Notice(Row):
    """One sentence for one person, with the page to go to and the deadline, if there is one."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # A `Kind`; new ones need no migration.
    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    due_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    # What the person had chosen when they were told.
    is_in_page = models.BooleanField(default=True)
    mail = models.CharField(max_length=5, choices=Mail, default=Mail.NONE)
    letter = models.ForeignKey(Letter, null=True, on_delete=models.SET_NULL, related_name="notices")
    # At most one notice a person and key, whoever tells it and however often.
    key = models.CharField(max_length=160, null=True)  # noqa: DJ001 -- unique, where there is one
    # Equal news of a day is counted up in one notice until it is read or mailed.
    tally = models.CharField(max_length=160, blank=True)
    count = models.PositiveIntegerField(default=1)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="notice_once_per_key"),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notice_of_user"),
            models.Index(
                fields=["user"],
                name="notice_unread",
                condition=Q(read_at__isnull=True, is_in_page=True),
            ),
            models.Index(
                fields=["mail", "user"],
                name="notice_to_mail",
                condition=Q(letter__isnull=True) & ~Q(mail="none"),
            ),
            models.Index(
                fields=["user", "tally"],
                name="notice_tally",
                condition=~Q(tally="") & Q(read_at__isnull=True, letter__isnull=True),
            ),
            models.Index(fields=["key"], name="notice_key", condition=Q(key__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.headline

    @property
    def headline(self) -> str:
        """The sentence on one line, with how often it holds."""
        text = " ".join(self.title.split())
        return f"{text} ({self.count:,})" if self.tally else text


class PreferenceQuerySet(models.QuerySet["Preference"]):
    def visible_to(self, actor: Actor) -> "PreferenceQuerySet":
        return self.filter(user_id=actor.user_id) if actor.user_id else self.none()


class Preference(Row):
    """Where a person wants one group of notices; without a row the kind's default holds."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    group = models.CharField(max_length=12, choices=Group)
    is_in_page = models.BooleanField(default=True)
    # Empty: as each kind of the group has it.
    mail = models.CharField(max_length=5, choices=Mail, blank=True)

    objects = PreferenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "group"], name="preference_once"),
            # Due process is never a choice, whatever a form lets through.
            models.CheckConstraint(
                name="preference_not_of_due_process", condition=~Q(group="due_process")
            ),
        ]


class DemoMail(Row):
    """An e-mail that the demo would have sent. Only the demo's mail backend writes here."""

    to = models.CharField(max_length=300)
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at", "-id"], name="demo_mail_newest")]
