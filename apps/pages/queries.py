"""What the dashboards show, read from all floors. Everything through `visible_to`."""

import uuid
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, Sum, Window
from django.db.models.functions import RowNumber

from apps.accounts import queries as accounts
from apps.accounts.models import ContributorProfile, Credential
from apps.cases.models import Case
from apps.core.tables import said
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow, accounts_of
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.permissions import can
from apps.payments.models import OutboxCall, StripeBalance, StripeEvent
from apps.projects.enums import ProjectState
from apps.projects.models import Offer, Project
from apps.work.enums import EnrolmentState
from apps.work.models import Assignment, Enrolment
from apps.work.queries import history
from apps.work.queries.desk import in_hand
from apps.work.queries.earnings import Balance, balances
from apps.work.queries.review import is_waiting_in, waiting_in


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """`to_review` counts as far as a page does: 17, or "1,000+"."""

    project: Project
    to_review: int | str


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """`wallet` is minor units, None for whoever may not see it; counts are over all projects."""

    org: Organization
    role: str
    projects: list[ProjectRow]
    to_review: int | str
    live: int
    wallet: int | None
    can_create: bool


def buyer_dashboard(actor: Actor, *, shown: int = 8) -> list[OrganizationRow]:
    """Each own organization with its newest projects, those that wait for verdicts before them."""
    if not actor.org_ids:
        return []
    projects = (
        Project.objects.visible_to(actor)
        .filter(org_id__in=actor.org_ids)
        .annotate(waiting=waiting_in(OuterRef("id")))
    )
    place = Window(RowNumber(), partition_by="org_id", order_by=["-waits", "-created_at"])
    first = projects.annotate(waits=is_waiting_in(OuterRef("id"))).annotate(place=place)
    by_org: dict[uuid.UUID, list[ProjectRow]] = {org_id: [] for org_id in actor.org_ids}
    for project in first.filter(place__lte=shown).order_by("place"):
        by_org[project.org_id].append(ProjectRow(project, said(project.waiting)))
    sums = {
        org_id: (waiting, live)
        for org_id, waiting, live in projects.values_list("org_id")
        .annotate(total=Sum("waiting"), live=Count("id", filter=Q(state=ProjectState.LIVE)))
        .order_by()
    }
    wallets = {
        (row.holder_id, row.currency): row.available
        for row in accounts_of(Purpose.WALLET, actor.org_ids)
    }
    rows = []
    for org in Organization.objects.visible_to(actor).order_by("name"):
        waiting, live = sums.get(org.id, (0, 0))
        sees_money = can(actor, Permission.SEE_MONEY, org_id=org.id)
        rows.append(
            OrganizationRow(
                org=org,
                role=actor.roles[org.id],
                projects=by_org[org.id],
                to_review=said(waiting),
                live=live,
                wallet=wallets.get((org.id, org.currency), 0) if sees_money else None,
                can_create=can(actor, Permission.MANAGE_PROJECTS, org_id=org.id),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class ContributorDashboard:
    profile: ContributorProfile | None
    in_hand: list[Assignment]
    counts: history.Counts
    balances: list[Balance]
    joined: list[Enrolment]
    cases: list[Case]


def contributor_dashboard(actor: Actor, *, shown: int = 6) -> ContributorDashboard:
    """What waits for the person, what for others, where there is work; nothing without profile."""
    profile = accounts.own_profile(actor)
    if profile is None:
        return ContributorDashboard(None, [], history.Counts(), [], [], [])
    return ContributorDashboard(
        profile=profile,
        in_hand=in_hand(actor),
        counts=history.counts(actor),
        balances=balances(actor),
        joined=list(
            Enrolment.objects.of_contributor(actor)
            .filter(project__state=ProjectState.LIVE)
            .exclude(state=EnrolmentState.FAILED)
            .select_related("project")
            .order_by("-id")[:shown]
        ),
        cases=list(
            Case.objects.visible_to(actor)
            .open()
            .filter(contributor_id=actor.user_id)
            .order_by("due_at")[:10]
        ),
    )


@dataclass(frozen=True, slots=True)
class StaffDashboard:
    cases: list[Case]
    open_cases: int
    credentials: int
    events_unhandled: int
    calls_waiting: int


def staff_dashboard(actor: Actor) -> StaffDashboard:
    cases = Case.objects.visible_to(actor).open()
    return StaffDashboard(
        cases=list(cases.select_related("contributor", "project").order_by("due_at")[:10]),
        open_cases=cases.count(),
        credentials=Credential.objects.visible_to(actor)
        .filter(state=Credential.State.SUBMITTED)
        .count(),
        events_unhandled=StripeEvent.objects.visible_to(actor).filter(handled_at=None).count(),
        calls_waiting=OutboxCall.objects.visible_to(actor).filter(state="waiting").count(),
    )


# Accounts of a project: what was put in for its work, its qualifications and its lift.
_OF_PROJECTS = (Purpose.HELD, Purpose.SEATS, Purpose.LIFT, Purpose.COMPUTE)


@dataclass(frozen=True, slots=True)
class Books:
    """Minor units. Solvent: Stripe holds at least what belongs to others."""

    currency: str
    at_stripe: StripeBalance | None
    contributors: int
    held: int
    wallets: int

    @property
    def owed(self) -> int:
        return self.contributors + self.held + self.wallets

    @property
    def stripe_total(self) -> int | None:
        return self.at_stripe.available + self.at_stripe.pending if self.at_stripe else None

    @property
    def spare(self) -> int | None:
        total = self.stripe_total
        return None if total is None else total - self.owed


def books(actor: Actor) -> list[Books]:
    """Per currency: the last balance that Stripe told beside what the ledger owes others."""
    sums: dict[tuple[str, str], int] = {
        (row["currency"], row["purpose"]): row["owed"]
        for row in AccountRow.objects.visible_to(actor)
        .filter(is_guarded=True)
        .values("currency", "purpose")
        .annotate(owed=Sum(F("credits_posted") - F("debits_posted")))
    }
    told = {row.currency.upper(): row for row in StripeBalance.objects.visible_to(actor)}
    currencies = sorted({currency for currency, _ in sums} | set(told))
    return [
        Books(
            currency=currency,
            at_stripe=told.get(currency),
            contributors=sums.get((currency, Purpose.PAYABLE), 0),
            held=sum(sums.get((currency, purpose), 0) for purpose in _OF_PROJECTS),
            wallets=sums.get((currency, Purpose.WALLET), 0),
        )
        for currency in currencies
    ]


def offers_open() -> int:
    """How many projects take contributors now; public."""
    return Offer.objects.filter(is_listed=True, state=ProjectState.LIVE).count()
