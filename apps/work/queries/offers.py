"""What is on offer: the board and the whole offer, to read before anything is accepted."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from apps.accounts.models import ContributorProfile, Credential
from apps.core.errors import NotThere
from apps.core.money import half_even
from apps.core.tenancy import Actor
from apps.projects import rules
from apps.projects.enums import Layer, ProjectState
from apps.projects.models import CriteriaVersion, Offer
from apps.projects.rules import Facts, Kind, Outcome, Stage, Terms
from apps.tasktypes import registry
from apps.work.models import Enrolment

DEACTIVATED = "Your account is deactivated; your earnings stay payable."


@dataclass(frozen=True, slots=True)
class Price:
    """Net to the contributor, fee to the platform, gross from the buyer. Minor units."""

    net: int
    fee: int

    @property
    def gross(self) -> int:
        return self.net + self.fee


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened so far. Hourly amounts are net minor units; None means nobody yet."""

    hourly_median: int | None
    hourly_p25: int | None
    people_paid: int
    pass_percent: int | None
    items_left: int | None
    accepted: int
    rejected: int
    seconds_to_money: int | None

    @classmethod
    def of(cls, figures: dict) -> "Figures":
        pass_rate = figures.get("pass_rate")
        return cls(
            hourly_median=figures.get("hourly_median"),
            hourly_p25=figures.get("hourly_p25"),
            people_paid=figures.get("people_paid") or 0,
            pass_percent=None if pass_rate is None else round(pass_rate * 100),
            items_left=figures.get("items_left"),
            accepted=figures.get("accepted") or 0,
            rejected=figures.get("rejected") or 0,
            seconds_to_money=figures.get("seconds_to_money"),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A buyer over all its published projects."""

    projects: int = 0
    accepted: int = 0
    rejected: int = 0

    @property
    def rejected_percent(self) -> int | None:
        decided = self.accepted + self.rejected
        return half_even(self.rejected * 100, decided) if decided else None


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier with what this reader lacks for it; said before anything is begun."""

    key: str
    title: str
    regions: Sequence[str]
    languages: Sequence[str]
    credentials: Sequence[str]
    qualification: dict | None
    gaps: Sequence[str]


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer as its reader sees it."""

    project_id: uuid.UUID
    state: str
    body: dict
    criteria: CriteriaVersion
    buyer: str
    owners: str
    record: Record
    is_simulated: bool
    price: Price
    figures: Figures
    tiers: Sequence[Tier]
    enrolment: Enrolment | None

    @property
    def currency(self) -> str:
        return self.body["currency"]

    @property
    def is_open(self) -> bool:
        return self.state == ProjectState.LIVE

    @property
    def hourly_points(self) -> Sequence[tuple[str, int]]:
        """Bars of what an hour came to, net minor units; empty while nobody was paid."""
        found = self.figures
        if found.hourly_median is None or found.hourly_p25 is None:
            return []
        return [
            ("Floor", self.body["pay"]["floor_per_hour"]),
            ("A quarter up to", found.hourly_p25),
            ("Median", found.hourly_median),
        ]

    @property
    def layer_name(self) -> str:
        return Layer(self.body["layer"]).label

    @property
    def task_title(self) -> str:
        return registry.get(self.body["task"]["type"]).title

    @property
    def open_tiers(self) -> Sequence[Tier]:
        return [tier for tier in self.tiers if not tier.gaps]


class Person:
    """What decides which tiers are open to somebody; None is a visitor. Two queries in all."""

    def __init__(self, user_id: uuid.UUID | None) -> None:
        self.profile = ContributorProfile.objects.filter(user=user_id).first()
        self.credentials = frozenset(
            Credential.objects.filter(user=user_id, state=Credential.State.VERIFIED).values_list(
                "kind", flat=True
            )
        )

    def gaps(self, tier: dict) -> list[str]:
        """Sentences that say what is missing; empty when the tier is open to this person."""
        if self.profile is None:
            return ["Fill in your contributor profile first: region, languages, 18 or older."]
        found = []
        if self.profile.deactivated_at is not None:
            found.append(DEACTIVATED)
        if tier["regions"] and self.profile.region not in tier["regions"]:
            regions = ", ".join(tier["regions"])
            found.append(f"It is open to people in {regions}; you are in {self.profile.region}.")
        languages = [name for name in tier["languages"] if name not in self.profile.languages]
        if languages:
            found.append(f"It needs {', '.join(languages)} among the languages of your profile.")
        lacking = [kind for kind in tier["credentials"] if kind not in self.credentials]
        if lacking:
            found.append(f"It needs a verified credential: {', '.join(lacking)}.")
        return found


class Reader(Person):
    """Somebody who looks at offers, with what they have joined; three queries in all."""

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor.user_id)
        self.enrolments = {
            enrolment.project_id: enrolment
            for enrolment in Enrolment.objects.of_contributor(actor).order_by("id")
        }


def listed() -> QuerySet[Offer]:
    """Offers on the board: listed and live, newest first. Public rows, the same for everybody."""
    return (
        Offer.objects.filter(is_listed=True, state=ProjectState.LIVE)
        .select_related("project__criteria")
        .order_by("-project_id")
    )


def views(rows: Sequence[Offer], reader: Reader) -> list[OfferView]:
    records = records_of({offer.org_id for offer in rows})
    return [view(offer, reader, records[offer.org_id]) for offer in rows]


def records_of(org_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Record]:
    """The record of these buyers, from the public rows of all their projects; one query."""
    records = dict.fromkeys(org_ids, Record())
    rows = Offer.objects.filter(org_id__in=org_ids).order_by("project_id")
    for org_id, figures in rows.values_list("org_id", "figures"):
        before, new = records[org_id], Figures.of(figures)
        records[org_id] = Record(
            projects=before.projects + 1,
            accepted=before.accepted + new.accepted,
            rejected=before.rejected + new.rejected,
        )
    return records


def view(offer: Offer, reader: Reader, record: Record) -> OfferView:
    criteria = offer.project.criteria_in_force
    body = criteria.body
    terms = Terms.of(body, version=criteria.number)
    return OfferView(
        project_id=offer.project_id,
        state=offer.state,
        body=body,
        criteria=criteria,
        buyer=offer.body.get("organization", {}).get("name", ""),
        owners=body["disclosure"]["owners"],
        record=record,
        is_simulated=offer.project.is_simulated,
        price=price(terms),
        # Until the first figures are written, all that was published is left.
        figures=Figures.of({"items_left": _published_volume(offer, body), **offer.figures}),
        tiers=[
            Tier(
                key=tier["key"],
                title=tier["title"],
                regions=tier["regions"],
                languages=tier["languages"],
                credentials=tier["credentials"],
                qualification=tier["qualification"],
                gaps=reader.gaps(tier),
            )
            for tier in body["tiers"]
        ],
        enrolment=reader.enrolments.get(offer.project_id),
    )


def _published_volume(offer: Offer, body: dict) -> int | None:
    items = offer.body.get("items")
    return None if items is None else items * body["overlap"]


def offer_of(project_id: uuid.UUID, actor: Actor) -> OfferView:
    """The offer of a listed project or of one that the reader has joined; else NotThere."""
    joined = Enrolment.objects.of_contributor(actor).filter(project_id=project_id)
    offer = (
        Offer.objects.filter(Q(is_listed=True) | Q(project_id__in=joined.values("project_id")))
        .filter(project_id=project_id)
        .select_related("project__criteria")
        .first()
    )
    if offer is None:
        raise NotThere("There is no such offer, or it is not open to you.")
    return views([offer], Reader(actor))[0]


def price(terms: Terms) -> Price:
    """What an accepted item pays, with the premiums that always apply."""
    facts = Facts(kind=Kind.WORK, stage=Stage.OPEN, cap_seconds=terms.paid_seconds_max)
    lines = rules.earn(terms, facts, Outcome.ACCEPTED)
    return Price(net=sum(line.net for line in lines), fee=sum(line.fee for line in lines))
