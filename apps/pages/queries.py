"""What the dashboards show, read from all floors. Everything through `visible_to`."""

import uuid
from dataclasses import dataclass

from django.db.models import F, OuterRef, Sum

from apps.accounts import queries as accounts
from apps.accounts.models import ContributorProfile, Credential
from apps.cases.models import Case
from apps.core.tables import number_of
from apps.core.tenancy import Actor
from apps.ledger.enums import Purpose
from apps.ledger.queries import AccountRow
from apps.organizations.models import Organization
from apps.payments.models import OutboxCall, StripeBalance, StripeEvent
from apps.projects.enums import ProjectState
from apps.projects.models import Offer, Project
from apps.work.enums import AssignmentState, EnrolmentState
from apps.work.models import Assignment, Enrolment
from apps.work.queries.review import waiting_in


@dataclass(frozen=True, slots=True)
class ProjectRow:
    project: Project
    to_review: int


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    org: Organization
    role: str
    projects: list[ProjectRow]


def buyer_dashboard(actor: Actor, *, shown: int = 8) -> list[OrganizationRow]:
    """Each own organization with its newest projects and what waits for a verdict."""
    if not actor.org_ids:
        return []
    by_org: dict[uuid.UUID, list[ProjectRow]] = {org_id: [] for org_id in actor.org_ids}
    projects = Project.objects.visible_to(actor).annotate(waiting=waiting_in(OuterRef("id")))
    for org_id, rows in by_org.items():
        own = projects.filter(org_id=org_id).order_by("-created_at")[:shown]
        rows += [ProjectRow(project, project.waiting) for project in own]
    return [
        OrganizationRow(org, actor.roles[org.id], by_org[org.id])
        for org in Organization.objects.visible_to(actor).order_by("name")
    ]


@dataclass(frozen=True, slots=True)
class ContributorDashboard:
    profile: ContributorProfile | None
    open: list[Assignment]
    rework: int | str
    in_review: int | str
    rejected: int | str
    qualifying: int
    cases: list[Case]


def contributor_dashboard(actor: Actor) -> ContributorDashboard:
    """What waits for the person (open, rework, rejections) and for others (verdicts)."""
    mine = Assignment.objects.of_contributor(actor)
    return ContributorDashboard(
        profile=accounts.own_profile(actor),
        open=list(
            mine.filter(state=AssignmentState.CLAIMED)
            .select_related("project")
            .order_by("claimed_at")
        ),
        rework=number_of(mine.filter(state=AssignmentState.REWORK)),
        in_review=number_of(mine.filter(state=AssignmentState.SUBMITTED)),
        rejected=number_of(mine.filter(state=AssignmentState.REJECTED)),
        qualifying=Enrolment.objects.of_contributor(actor)
        .filter(state=EnrolmentState.QUALIFYING)
        .count(),
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
            held=sums.get((currency, Purpose.HELD), 0) + sums.get((currency, Purpose.SEATS), 0),
            wallets=sums.get((currency, Purpose.WALLET), 0),
        )
        for currency in currencies
    ]


def offers_open() -> int:
    """How many projects take contributors now; public."""
    return Offer.objects.filter(is_listed=True, state=ProjectState.LIVE).count()
