"""What blocks publishing: every sentence at once, so that a buyer mends them in one go."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q

from apps.core import clock
from apps.core.errors import WagefileError
from apps.core.money import written
from apps.core.tables import has_many
from apps.projects import rules
from apps.projects.enums import ImportState, Layer, Unit, Visibility
from apps.projects.models import (
    CriteriaVersion,
    GoldAnswer,
    Item,
    ItemImport,
    Project,
    ProjectFigures,
)
from apps.projects.queries.costs import minimum_budget, seats_of, version_seats
from apps.projects.queries.criteria import (
    DECISION_QUESTIONS,
    draft_body,
    draft_of,
    item_triggers,
    whole,
)
from apps.projects.queries.funds import wallet
from apps.projects.queries.lifts import lift_problems
from apps.tasktypes import registry

RATE_CUT_DAYS = 90
AMOUNT_MAX = 10**9  # minor units for one item: far from what a bigint sum could overflow
SHIPPED = frozenset({Visibility.PUBLIC, Visibility.ASSIGNED})
# What a later version may not change: it would be other work under the name of the old.
_FIXED = ("currency", "unit", "visibility", "layer", "consent", "disclosure", "decision", "overlap")
# What a later version may raise but never lower.
_NEVER_LOWER = (
    "base", "qualification", "floor_per_hour", "kill_fee_percent", "rework_percent",
    "quality_bonus_percent", "paid_seconds_max", "instruction_seconds_max",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """Active items of a project."""

    work: int = 0
    work_gold: int = 0
    qualification: int = 0
    qualification_gold: int = 0


def item_counts(project: Project) -> ItemCounts:
    gold = Q(gold__isnull=False, gold__demoted_at=None)
    work, qualification = Q(purpose="work"), Q(purpose="qualification")
    return ItemCounts(
        **Item.objects.filter(project=project, state="active").aggregate(
            work=Count("id", filter=work),
            work_gold=Count("id", filter=work & gold),
            qualification=Count("id", filter=qualification),
            qualification_gold=Count("id", filter=qualification & gold),
        )
    )


def shown_counts(project: Project) -> ItemCounts:
    """For a page: of very many items, as `projects.publish_figures` has last counted them."""
    if has_many(Item.objects.filter(project=project)):
        figures = ProjectFigures.objects.filter(project=project).first()
        if figures is not None and "item_counts" in figures.body:
            return ItemCounts(**figures.body["item_counts"])
    return item_counts(project)


def problems(project: Project, *, now: dt.datetime | None = None) -> list[str]:
    """The sentences that block publishing the draft; empty when nothing does."""
    body, counts = draft_body(project), item_counts(project)
    budget = whole(_section(project, "budget").get("amount"))
    found = [*_of_body(body), *_of_items(project, body, counts)]
    # Money is worked out only from numbers that can be worked with.
    if not any(True for _ in (*_of_task(body), *_of_pay(body), *_of_tiers(body))):
        found += _of_budget(project, body, budget)
        found += _of_rate(project, body, now or clock.now())
    return [*found, *lift_problems(project, body)]


def version_problems(project: Project, *, now: dt.datetime | None = None) -> list[str]:
    """The sentences that block publishing the draft as a later version of a live project."""
    body, before = draft_body(project), _current(project).body
    if body == before:
        return ["Nothing has changed since the version in force."]
    found = [*_of_body(body), *_of_items(project, body, item_counts(project))]
    found += [
        f"A later version cannot change {key}: that is another project."
        for key in _FIXED
        if body[key] != before[key]
    ]
    if {**body["task"], **_FREE_TASK} != {**before["task"], **_FREE_TASK}:
        found.append("A later version cannot change the task type, question or answers.")
    found += [
        f"A later version cannot lower {key.replace('_', ' ')}: equal work, equal rate."
        for key in _NEVER_LOWER
        if body["pay"][key] < before["pay"][key]
    ]
    for trigger in {premium["trigger"] for premium in before["pay"]["premiums"]}:
        if _premium(body, trigger) < _premium(before, trigger):
            found.append(f"A later version cannot lower the premium for {trigger}.")
    gone = {tier["key"] for tier in before["tiers"]} - {tier["key"] for tier in body["tiers"]}
    found += [
        f"A later version cannot drop the tier {key}: people are in it." for key in sorted(gone)
    ]
    found += [
        f"A later version cannot drop the qualification of {key}: people are in it."
        for key in sorted(set(seats_of(before)) - gone - set(seats_of(body)))
    ]
    if not found:
        found += _of_rate(project, body, now or clock.now())
        found += _of_seats(project, body)
    return found


_FREE_TASK = {"instructions": "", "estimate_seconds": 0}


def _current(project: Project) -> CriteriaVersion:
    if project.criteria is None:
        message = "A project without criteria has no later version."
        raise ValueError(message)
    return project.criteria


def _premium(body: Mapping, trigger: str) -> int:
    return sum(p["amount"] for p in body["pay"]["premiums"] if p["trigger"] == trigger)


def _section(project: Project, name: str) -> Mapping:
    section = draft_of(project).get(name)
    return section if isinstance(section, Mapping) else {}


def _of_body(body: Mapping) -> Iterator[str]:
    yield from _of_work(body)
    yield from _of_task(body)
    yield from _of_pay(body)
    yield from _of_rubric(body)
    yield from _of_tiers(body)
    yield from _of_promises(body)


def _of_work(body: Mapping) -> Iterator[str]:
    if not body["title"].strip() or len(body["title"]) > 120:
        yield "Give the project a title of at most 120 characters."
    if body["layer"] not in Layer.values:
        yield "Choose the work layer."
    if not all(1 <= value <= 5 for value in body["band"].values()):
        yield "Say how complex the task is and what follows from it, each from 1 to 5."
    if body["visibility"] not in SHIPPED:
        yield "Only public projects can be published for now."
    if body["unit"] != Unit.ITEM:
        yield "Only pay per item can be published for now."


def _of_task(body: Mapping) -> Iterator[str]:
    task = body["task"]
    if not task["type"]:
        yield "Choose the task type."
    else:
        try:
            checked = registry.get(task["type"]).check_config(task["config"])
        except WagefileError as refusal:
            yield f"Task: {refusal.sentence}"
        else:
            if checked != task["config"]:
                yield "Task: the settings of the task type are incomplete; save them again."
    if not task["instructions"]:
        yield "Write the instructions."
    if not 1 <= task["estimate_seconds"] <= 8 * 3600:
        yield "Estimate the time of one item, from 1 second to 8 hours."


def _of_pay(body: Mapping) -> Iterator[str]:
    pay, currency, estimate = body["pay"], body["currency"], body["task"]["estimate_seconds"]
    if not pay["floor_per_hour"]:
        yield f"There is no pay floor for {currency} yet, so nothing can be published in it."
    if not 0 < pay["base"] <= AMOUNT_MAX:
        yield "The base pay of an item must be more than zero."
    elif estimate > 0:
        floor = rules.Terms.of(body).floor_for(estimate)
        if pay["base"] < floor:
            hourly = written(pay["base"] * 3600 // estimate, currency)
            yield (
                f"At your estimate of {estimate} seconds the base pays {hourly} an hour; the floor "
                f"of {written(pay['floor_per_hour'], currency)} needs at least "
                f"{written(floor, currency)} an item."
            )
    keys = [premium["key"] for premium in pay["premiums"]]
    if len(set(keys)) < len(keys) or not all(keys):
        yield "Every premium needs a key of its own."
    for premium in pay["premiums"]:
        if not premium["label"] or not 0 < premium["amount"] <= AMOUNT_MAX:
            yield f"The premium {premium['key'] or '?'} needs a label and an amount above zero."
        if premium["trigger"] not in rules.TRIGGERS:
            yield f"The premium {premium['key'] or '?'} has a trigger that nobody here decides."


def _of_rubric(body: Mapping) -> Iterator[str]:
    if not body["rubric"]:
        yield "The rubric needs at least one line: a rejection has to cite one."
    keys = [line["key"] for line in body["rubric"]]
    if len(set(keys)) < len(keys) or not all(keys):
        yield "Every rubric line needs a key of its own."
    for line in body["rubric"]:
        if not line["title"] or not 1 <= line["weight"] <= 100:
            yield f"The rubric line {line['key'] or '?'} needs a title and a weight from 1 to 100."
        if not all(line["anchors"].values()):
            yield f"The rubric line {line['key'] or '?'} must say what a 1, a 3 and a 5 looks like."


def _of_tiers(body: Mapping) -> Iterator[str]:
    if not body["tiers"]:
        yield "Say who may do the work: at least one tier."
    keys = [tier["key"] for tier in body["tiers"]]
    if len(set(keys)) < len(keys) or not all(keys):
        yield "Every tier needs a key of its own."
    for tier in body["tiers"]:
        name = tier["title"] or tier["key"] or "?"
        if not tier["title"] or len(tier["key"]) > 40:
            yield f"The tier {name} needs a title, and a key of at most 40 characters."
        if not all(len(region) == 2 and region.isalpha() for region in tier["regions"]):
            yield f"The regions of the tier {name} must be country codes of two letters."
        wanted = tier["qualification"]
        if wanted is None:
            continue
        if not 0 < body["pay"]["qualification"] <= AMOUNT_MAX:
            yield (
                "A qualification cannot be priced at zero: it is work, and it is paid whether it "
                "is passed or failed."
            )
        if not (1 <= wanted["items"] <= 1000 and 1 <= wanted["pass_percent"] <= 100):
            yield f"The qualification of {name} needs items and a pass mark from 1 to 100 percent."
        if not 1 <= wanted["seats"] <= 100_000:
            yield f"Say how many seats the qualification of {name} has: they are funded now."


def _of_promises(body: Mapping) -> Iterator[str]:
    if not 1 <= body["overlap"] <= 1000:
        yield "The overlap must be from 1 to 1,000 answers an item."
    elif not body["overlap"] <= body["overlap_max"] <= 1000:
        yield "The most answers an item gets are at least those that all items get, at most 1,000."
    elif body["overlap_max"] > body["overlap"] == 1:
        yield "Whether people agree is seen from two answers on: let all items get two."
    if body["gold_percent"] != 0 and not 5 <= body["gold_percent"] <= 15:
        yield "Gold is 5 to 15 percent of the volume, or none."
    elif body["gold_percent"] and not 5 <= body["gold_percent_min"] <= body["gold_percent"]:
        yield (
            "The share of gold for proven people is from 5 percent to the share for those who are "
            "not proven yet."
        )
    if not 0 <= body["repeat_percent"] <= rules.REPEAT_PERCENT_MAX:
        yield (
            f"Repeats are at most {rules.REPEAT_PERCENT_MAX} percent of what somebody takes, or "
            "none: each is paid, and none adds to the data."
        )
    consent, disclosure = body["consent"], body["disclosure"]
    for key in ("purpose", "licence", "term", "secondary_use", "withdrawal"):
        if not consent[key]:
            yield f"Consent: say the {key.replace('_', ' ')}."
    if consent["price_per_use"] < 0:
        yield "Consent: the price of a secondary use cannot be negative."
    if consent["secondary_use"] != "none" and consent["price_per_use"] == 0:
        yield "Consent: a secondary use needs a price."
    for key, words in (("trains", "what the data trains"), ("owners", "who owns the buyer")):
        if not disclosure[key]:
            yield f"Disclosure: say {words}."
    for key, question in DECISION_QUESTIONS.items():
        if not body["decision"][key]:
            yield f"Decision file: {question}"


def _of_items(project: Project, body: Mapping, counts: ItemCounts) -> Iterator[str]:
    if not counts.work:
        yield "Add items: there is nothing to work on yet."
    for tier in body["tiers"]:
        wanted = tier["qualification"]
        if wanted and counts.qualification_gold < wanted["items"]:
            yield (
                f"The qualification of {tier['title'] or tier['key']} has {wanted['items']} items, "
                f"but only {counts.qualification_gold} qualification items carry a known answer."
            )
    open_states = [ImportState.QUEUED, ImportState.RUNNING, ImportState.ASKING]
    if ItemImport.objects.filter(project=project, state__in=open_states).exists():
        yield "An import is still running or waits for your decision."
    if not any(True for _ in _of_task(body)):
        yield from _of_fit(project, body)


def _of_fit(project: Project, body: Mapping) -> Iterator[str]:
    """Items were checked when they came in; the task may have changed since."""
    task_type, config = registry.get(body["task"]["type"]), body["task"]["config"]
    known = sorted(item_triggers(body))
    if Item.objects.filter(project=project).exclude(triggers__contained_by=known).exists():
        yield "Some items name a trigger that no premium pays for any more; import them again."
    fields = list(task_type.columns(config))
    if Item.objects.filter(project=project).exclude(payload__has_keys=fields).exists():
        yield "Some items do not have the fields of this task; import them again."
    keys: dict[str, Mapping] = dict(
        GoldAnswer.objects.filter(project=project, demoted_at=None)
        .order_by("answer_key")
        .distinct("answer_key")
        .values_list("answer_key", "answer")
    )
    for key, answer in keys.items():
        try:
            task_type.check_gold(config, answer)
        except WagefileError:
            yield f"The known answer {key[:60]!r} is none that can be given in this task."


def _of_budget(project: Project, body: Mapping, budget: int) -> Iterator[str]:
    currency, least = project.currency, minimum_budget(body)
    if budget <= 0:
        yield "Set the budget."
        return
    if budget < least:
        yield (
            f"The budget of {written(budget, currency)} is too small: all qualification seats"
            f"{', lift' if body.get('lift') else ''} and a first claim of a newcomer need "
            f"{written(least, currency)}."
        )
    available = wallet(project.org, currency).available
    if budget > available:
        yield (
            f"The wallet has {written(available, currency)}, the budget is "
            f"{written(budget, currency)}: fund the wallet first."
        )


def _of_seats(project: Project, body: Mapping) -> Iterator[str]:
    _, amount = version_seats(project, body)
    available = wallet(project.org, project.currency).available
    if amount > available:
        yield (
            f"The qualification seats of this version need {written(amount, project.currency)} "
            f"more, the wallet has {written(available, project.currency)}: fund it first."
        )


def _of_rate(project: Project, body: Mapping, now: dt.datetime) -> Iterator[str]:
    """Equal work, equal rate: the same work for less than lately is refused.

    A cut with notice, reason and the consent of the cohort is not offered yet, so there is no way
    round this.
    """
    paid = [
        (version.body["pay"]["base"], version)
        for version in CriteriaVersion.objects.filter(
            org_id=project.org_id,
            published_at__gte=now - dt.timedelta(days=RATE_CUT_DAYS),
            body__task__type=body["task"]["type"],
            body__layer=body["layer"],
            body__currency=body["currency"],
        ).exclude(project=project)
    ]
    if not paid:
        return
    highest, version = max(paid, key=lambda pair: pair[0])
    if body["pay"]["base"] < highest:
        yield (
            f"On {version.published_at:%d %B %Y} you published the same kind of work for "
            f"{written(highest, body['currency'])} an item; paying less needs notice, a reason and "
            f"the consent of those who did it, which cannot be asked for yet. Pay at least that."
        )
