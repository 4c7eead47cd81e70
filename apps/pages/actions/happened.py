"""What happened while the demo's clock was moved, counted from the rows themselves."""

import datetime as dt
from collections.abc import Iterator

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Count, Sum

from apps.cases.enums import CaseKind, CaseState
from apps.cases.models import Case
from apps.core.money import written
from apps.core.tenancy import Actor, acting
from apps.payments.enums import FundingState, PayoutState
from apps.payments.models import Funding, Payout
from apps.work.enums import AssignmentState, Decider, VerdictOutcome
from apps.work.models import Assignment, EarningLine, Settlement, Verdict

# (what, how many, text); `what` says which page has more of it.
Found = tuple[str, int, str]

LAPSED = {
    CaseKind.APPEAL: "{} appeal{} found for the contributor",
    CaseKind.DISPUTE: "{} dispute{} found for the contributor",
    CaseKind.DEACTIVATION: "{} deactivation{} dropped, since nobody decided",
    CaseKind.GOLD_CONTEST: "{} contest{} of a known answer found for the contributor",
    CaseKind.LIFT_CONTEST: "{} contest{} of lift decided by the repeated run",
    CaseKind.BAD_FAITH: "{} finding{} of bad faith dropped, since nobody decided",
}


def happened(*, after: dt.datetime, until: dt.datetime) -> list[Found]:
    """Everything with a moment after `after` and until `until`, over all tenants, as counts."""
    with acting(Actor(kind="staff")):
        return [row for row in _all((after, until)) if row[1]]


def _all(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Found]:
    yield from _work(span)
    yield from _cases(span)
    yield from _settlements(span)
    yield from _money(span)


def _work(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Found]:
    silent = Verdict.objects.filter(
        decider=Decider.SILENCE, outcome=VerdictOutcome.ACCEPTED, decided_at__range=span
    ).count()
    yield "silence", silent, _counted("{} answer{} accepted by silence", silent)
    expired = Assignment.objects.filter(state=AssignmentState.EXPIRED, ended_at__range=span).count()
    yield "expired", expired, _counted("{} claim{} expired", expired)
    stands = Assignment.objects.filter(
        state=AssignmentState.FINAL, appeal_due_at__range=span
    ).count()
    yield "final", stands, _counted("{} rejection{} no longer open to appeal", stands)


def _cases(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Found]:
    lapsed = Case.objects.filter(state=CaseState.LAPSED, decided_at__range=span)
    for kind, count in lapsed.order_by("kind").values_list("kind").annotate(Count("id")):
        yield "case", count, _counted(LAPSED[CaseKind(kind)], count)


def _settlements(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Found]:
    rows = Settlement.objects.filter(at__range=span).order_by("at", "project_id", "contributor_id")
    days: dict[dt.date, int] = {}
    for moment in rows.values_list("at", flat=True):
        days[moment.date()] = days.get(moment.date(), 0) + 1
    for day, people in days.items():
        text = _counted("{} contributor{}", people)
        yield "settlement", people, f"settlement of {day:%A} {day.day} {day:%B} for {text}"


def _money(span: tuple[dt.datetime, dt.datetime]) -> Iterator[Found]:
    earned = EarningLine.objects.filter(at__range=span).order_by("currency").values("currency")
    for row in earned.annotate(lines=Count("id"), net_sum=Sum("net"), fee_sum=Sum("fee")):
        net, fee = (written(row[key], row["currency"]) for key in ("net_sum", "fee_sum"))
        yield "earned", row["lines"], f"{net} earned by contributors, and {fee} fee on it"
    paid = Payout.objects.filter(state=PayoutState.PAID, paid_at__range=span).count()
    begun = Payout.objects.filter(
        created_at__range=span, state__in=[PayoutState.REQUESTED, PayoutState.TRANSFERRED]
    ).count()
    yield "payout", begun, _counted("{} payout{} on the way", begun)
    yield "payout", paid, _counted("{} payout{} arrived at the bank", paid)
    funded = Funding.objects.filter(state=FundingState.PAID, paid_at__range=span).count()
    yield "funding", funded, _counted("{} payment{} of buyers arrived", funded)


def _counted(text: str, count: int) -> str:
    return text.format(intcomma(count), "" if count == 1 else "s")
