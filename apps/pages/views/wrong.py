"""Where answers go wrong: by tier and kind of item, and which classes are taken for which."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.enums import AgeBand, Gender, WorldRegion
from apps.core.regions import LANGUAGES
from apps.core.tenancy import Actor
from apps.projects.models import Item, Project
from apps.scoring import queries as scoring
from apps.scoring.models import ErrorRun

PAIRS, EXAMPLES = 6, 3
OTHERS = "*"
ATTRIBUTES = {
    "languages": "Languages of the profile",
    "first_language": "First language",
    "gender": "Gender",
    "age_band": "Age",
    "world_region": "Part of the world",
}
WORDS: dict[str, dict[str, str]] = {
    "languages": {},
    "first_language": LANGUAGES,
    "gender": dict(Gender.choices),
    "age_band": dict(AgeBand.choices),
    "world_region": dict(WorldRegion.choices),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of answers that are wrong, low and high (95%), and what it rests on.

    `difference` from all others in points of a percent, as text; `is_apart`: it is more than luck.
    """

    name: str
    value: float
    low: float
    high: float
    answers: int
    people: int
    difference: str = ""
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """`answer` was given where `truth` is right, `count` times; `items` are ids of the buyer."""

    truth: str
    answer: str
    count: int
    value: float
    low: float
    high: float
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Leaning:
    """On items of a kind `answer` is given more often (or less) than it is right; in points."""

    kind: str
    answer: str
    lean: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Cells:
    """Rates by what people say of themselves under one attribute, and the same on each kind of
    item. Figures are rounded; `people` is the least number.
    """

    title: str
    rows: Sequence[Rate]
    by_kind: Sequence[tuple[str, Sequence[Rate]]]


@dataclass(frozen=True, slots=True)
class Errors:
    """`is_known`: against known answers; else against labels, which is disagreement. `hidden` are
    the attributes of which no cells can be shown.
    """

    id: uuid.UUID
    note: str
    is_known: bool
    whole: Rate | None
    pairs: Sequence[Pair]
    groups: Sequence[tuple[str, str, Sequence[Rate]]]
    leanings: Sequence[Leaning]
    cells: Sequence[Cells]
    hidden: Sequence[str]


def title_of(errors: Errors | None) -> str:
    """Against labels it is disagreement, which is not called wrong."""
    if errors is not None and errors.whole is not None and not errors.is_known:
        return "Where people differ from the labels"
    return "Where answers go wrong"


def errors_of(
    project: Project, actor: Actor, names: Mapping[str, str], *, sees_items: bool
) -> Errors | None:
    """Of the newest analysis. names: answer → its label. sees_items: which items a known answer
    was missed on says which have one.
    """
    run = scoring.latest_errors(project.id, actor)
    if run is None:
        return None
    figures = run.result or {}
    wrong, groups = figures.get("wrong") or {}, figures.get("groups") or {}
    attributes = (figures.get("cells") or {}).get("attributes") or {}
    tiers = {tier["key"]: tier["title"] for tier in project.criteria_in_force.body["tiers"]}
    every = [
        ("tier", "Tier", [rate(row, tiers) for row in groups.get("by_tier", [])]),
        ("kind", "Kind of item", [rate(row, {}) for row in groups.get("by_kind", [])]),
    ]
    return Errors(
        id=run.id,
        note=run.note,
        is_known=wrong.get("truth") == "gold",
        whole=_whole(wrong),
        pairs=_pairs(run, wrong, names, sees_items=sees_items),
        groups=[(key, title, rows) for key, title, rows in every if len(rows) > 1],
        leanings=[
            Leaning(
                row["name"],
                names.get(row["answer"], row["answer"]),
                points(row["lean"]),
                points(row["low"]),
                points(row["high"]),
            )
            for row in groups.get("leaning_by_kind", [])
            if row["apart"]
        ],
        cells=[_cells(name, about) for name, about in attributes.items()],
        hidden=[title for name, title in ATTRIBUTES.items() if name not in attributes],
    )


def _cells(attribute: str, about: Mapping) -> Cells:
    names = WORDS[attribute] | {OTHERS: "Others, or not said"}
    if attribute == "languages":
        names |= {OTHERS: "Others"} | {
            row["name"]: ", ".join(LANGUAGES.get(code, code) for code in row["name"].split(","))
            for row in about["cells"]
            if row["name"] != OTHERS
        }
    of_kind: dict[str, list[Rate]] = {}
    for row in sorted(about.get("cells_by_kind", []), key=_others_last):
        of_kind.setdefault(row["kind"], []).append(rate(row, names))
    return Cells(
        title=ATTRIBUTES[attribute],
        rows=[rate(row, names) for row in sorted(about["cells"], key=_others_last)],
        by_kind=[(kind, rows) for kind, rows in of_kind.items() if len(rows) > 1],
    )


def _others_last(row: Mapping) -> bool:
    return row["name"] == OTHERS


def rate(row: Mapping, names: Mapping[str, str]) -> Rate:
    """A row of a run's groups."""
    return Rate(
        name=names.get(row["name"], row["name"]),
        value=row["error_rate"],
        low=row["low"],
        high=row["high"],
        answers=row["answers"],
        people=row["people"],
        difference="" if row["difference"] is None else points(row["difference"]),
        is_apart=row["apart"],
    )


def points(share: float) -> str:
    """A difference of shares, with its sign: +3 points are 3 of 100 answers more."""
    number = round(share * 100)
    return f"{number:+d}".replace("-", "−") if number else "0"


def _whole(wrong: Mapping) -> Rate | None:
    if wrong.get("error_rate") is None:
        return None
    return Rate(
        "all",
        wrong["error_rate"],
        wrong["low"],
        wrong["high"],
        wrong["judged_answers"],
        wrong["judged_people"],
    )


def _pairs(
    run: ErrorRun, wrong: Mapping, names: Mapping[str, str], *, sees_items: bool
) -> list[Pair]:
    rows = wrong.get("confused_pairs", [])[:PAIRS]
    wanted = {int(item) for row in rows for item in row["items"][:EXAMPLES]} if sees_items else ()
    items = dict(
        Item.objects.filter(project_id=run.project_id, id__in=wanted).values_list(
            "id", "external_id"
        )
    )
    return [
        Pair(
            truth=names.get(row["truth"], row["truth"]),
            answer=names.get(row["answer"], row["answer"]),
            count=row["count"],
            value=row["rate"],
            low=row["low"],
            high=row["high"],
            items=[items[int(item)] for item in row["items"][:EXAMPLES] if int(item) in items],
        )
        for row in rows
    ]
