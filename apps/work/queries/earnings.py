"""What a contributor earned: line by line, in sum from the ledger, and per hour and project."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone
from django.utils.formats import date_format

from apps.core.money import half_even
from apps.core.tables import has_many
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.work.models import Assignment, EarningLine, Earnings

STATEMENT_COLUMNS = (
    "at", "project", "project_title", "assignment", "kind", "reason", "criteria_version",
    "criteria_sha256", "currency", "gross", "fee", "net", "ledger_code", "line",
)  # fmt: skip

WEEKS, WEEKS_AT_LEAST = 8, 4


@dataclass(frozen=True, slots=True)
class Weeks:
    """Net minor units of the last weeks, the oldest first: (first day in words, net)."""

    currency: str
    points: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units, from the ledger account: `payable` can be withdrawn, `withdrawn` was sent."""

    currency: str
    payable: int
    on_its_way: int
    withdrawn: int

    @property
    def earned(self) -> int:
        return self.payable + self.on_its_way + self.withdrawn


@dataclass(frozen=True, slots=True)
class ProjectEarnings:
    """One project. `per_hour` is net minor units an hour over all active time, or None."""

    project_id: uuid.UUID
    title: str
    currency: str
    gross: int
    fee: int
    net: int
    active_seconds: int
    assignments: int

    @property
    def per_hour(self) -> int | None:
        return half_even(self.net * 3600, self.active_seconds) if self.active_seconds else None


def lines(actor: Actor) -> QuerySet[EarningLine]:
    """Own earning lines, the latest first, with what a statement names of them."""
    return (
        EarningLine.objects.of_contributor(actor)
        .select_related("project", "criteria")
        .order_by("-at", "-id")
    )


def balances(actor: Actor) -> list[Balance]:
    """One for each currency in which something was earned."""
    known = [_balance(currency, actor) for currency in settings.WAGEFILE["floor_per_hour"]]
    return sorted((each for each in known if each.earned), key=lambda each: each.currency)


def _balance(currency: str, actor: Actor) -> Balance:
    account = find_account(Purpose.PAYABLE, currency=currency, holder=actor.user_id)
    return Balance(
        currency=currency,
        payable=account.available,
        on_its_way=account.debits_pending,
        withdrawn=account.debits_posted,
    )


def by_week(actor: Actor, now: dt.datetime) -> list[Weeks]:
    """The last weeks with earnings and those after, per currency; from Monday in one's zone."""
    today = timezone.localtime(now).date()
    monday = today - dt.timedelta(days=today.weekday())
    starts = [monday - dt.timedelta(weeks=back) for back in reversed(range(WEEKS))]
    since = dt.datetime.combine(starts[0], dt.time(), tzinfo=timezone.get_current_timezone())
    sums = (
        EarningLine.objects.of_contributor(actor)
        .filter(at__gte=since)
        .annotate(week=TruncWeek("at"))
        .order_by("currency", "week")
        .values_list("currency", "week")
        .annotate(net_sum=Sum("net"))
    )
    found: dict[str, dict[dt.date, int]] = {}
    for currency, week, net in sums:
        found.setdefault(currency, {})[timezone.localtime(week).date()] = net
    return [
        Weeks(
            currency,
            [
                (date_format(start, "j M"), max(nets.get(start, 0), 0))
                for start in starts
                if start >= min(*nets, starts[-WEEKS_AT_LEAST])
            ],
        )
        for currency, nets in found.items()
    ]


def by_project(actor: Actor, *, only: uuid.UUID | None = None) -> list[ProjectEarnings]:
    """Everything earned and all active time, per project; the latest project first.

    Of somebody who has done very much, as `work.figures` has last added it up.
    """
    chosen = {} if only is None else {"project_id": only}
    if has_many(Assignment.objects.of_contributor(actor).filter(**chosen)):
        known = Earnings.objects.of_contributor(actor).filter(**chosen).select_related("project")
        return [
            ProjectEarnings(
                project_id=row.project_id,
                title=row.project.title,
                currency=row.currency,
                gross=row.gross,
                fee=row.fee,
                net=row.net,
                active_seconds=row.active_seconds,
                assignments=row.assignments,
            )
            for row in known.order_by("-project_id")
        ]
    times = {
        row["project_id"]: row
        for row in Assignment.objects.of_contributor(actor)
        .filter(**chosen)
        .order_by()
        .values("project_id")
        .annotate(seconds=Sum("active_seconds"), count=Count("id"))
    }
    sums = (
        EarningLine.objects.of_contributor(actor)
        .filter(**chosen)
        .order_by("-project_id")
        .values("project_id", "currency", title=F("project__title"))
        .annotate(gross_sum=Sum("gross"), fee_sum=Sum("fee"), net_sum=Sum("net"))
    )
    return [
        ProjectEarnings(
            project_id=row["project_id"],
            title=row["title"],
            currency=row["currency"],
            gross=row["gross_sum"],
            fee=row["fee_sum"],
            net=row["net_sum"],
            active_seconds=times.get(row["project_id"], {"seconds": 0})["seconds"] or 0,
            assignments=times.get(row["project_id"], {"count": 0})["count"],
        )
        for row in sums
    ]


def of_project(project_id: uuid.UUID, actor: Actor) -> ProjectEarnings | None:
    return next(iter(by_project(actor, only=project_id)), None)


def statement(rows: Iterable[EarningLine]) -> Iterable[Sequence[object]]:
    """Rows of the CSV statement: a head, then a row a line. Amounts are minor units."""
    yield STATEMENT_COLUMNS
    for line in rows:
        yield (
            line.at.isoformat(),
            line.project_id,
            _plain(line.project.title),
            line.assignment_id or "",
            line.kind,
            _plain(line.reason),
            line.criteria.number,
            line.criteria.sha256,
            line.currency,
            line.gross,
            line.fee,
            line.net,
            line.code,
            line.id,
        )


def _plain(text: str) -> str:
    """A title that begins like a formula stays text in a spreadsheet."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
