"""What the quality of a project asks of its buyer: sentences with figures, each with a link."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from apps.core.templatetags.wagefile import percent
from apps.pages.views.labelling import Method
from apps.pages.views.watched import Person
from apps.pages.views.wrong import Errors, Rate
from apps.projects.enums import GoldState, ProjectState
from apps.projects.models import Project
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun
from apps.scoring.rules import Share
from apps.work.models import OverlapPlan
from apps.work.queries.cited import CitedLine
from apps.work.queries.gold import Standing

TONES = {"bad": "act", "warn": "check", "info": "note"}
GROUPS = {"tier": ("tier", "tiers"), "kind": ("kind of item", "kinds of item")}
NAMED = 3  # groups that a sentence names; the section has all


@dataclass(frozen=True, slots=True)
class Point:
    """`tone` is that of a badge: what is bad comes first. `url` is where it is read or mended."""

    tone: str
    title: str
    text: str
    url: str
    action: str

    @property
    def word(self) -> str:
        return TONES[self.tone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the page has read. `alpha` is (value, low, high, items), `met` the share of known
    answers met, `bar` the probability from which on a label counts as reliable and `right` how
    many of those are right; None where there is none. `standing` is None for who may not see it.
    """

    project: Project
    newest: ScoringRun | None
    method: Method | None
    alpha: tuple[float, float, float, int] | None
    met: Share | None
    bar: float | None
    right: Share | None
    plan: OverlapPlan | None
    cited: Sequence[CitedLine]
    errors: Errors | None
    flagged: Sequence[Person]
    complete: Mapping[str, Share]
    standing: Standing | None
    can_manage: bool


def points_of(read: Read) -> list[Point]:
    """The worst first, those of one tone in the order in which they are acted on."""
    rules = (
        _failed, _against_gold, _claims, _golds, _lines, _agreement, _groups, _people, _plan,
        _valid, _unknown,
    )  # fmt: skip
    found = [point for rule in rules for point in rule(read)]
    return sorted(found, key=lambda point: list(TONES).index(point.tone))


def _failed(read: Read) -> Iterator[Point]:
    if read.newest is not None and read.newest.state == RunState.FAILED:
        yield Point(
            "bad",
            "The last run failed.",
            f"{read.newest.error} The figures here are those of the run before it.",
            "#run",
            "Which run",
        )


def _against_gold(read: Read) -> Iterator[Point]:
    if read.method is not None and read.method.warning:
        url, action = _url(read, "projects:criteria"), "Read the rubric"
        if read.standing is not None:
            url, action = _url(read, "pages:project-gold"), "Read the known answers"
        yield Point("bad", "People agree against what is known.", read.method.warning, url, action)


def _claims(read: Read) -> Iterator[Point]:
    """A method's own probabilities, held against what is known."""
    if read.right is None or read.bar is None or read.right.high >= read.bar:
        return
    yield Point(
        "bad",
        "Labels are right less often than they claim.",
        f"{_share(read.right)} of those are right that are said to be at least {percent(read.bar)} "
        "probable and have a known answer.",
        "#labels",
        "How labels are made",
    )


def _golds(read: Read) -> Iterator[Point]:
    if read.standing is None:
        return
    page = _url(read, "pages:project-gold")
    suspect, contested, worn = read.standing.suspect, read.standing.contested, read.standing.worn
    if suspect:
        yield Point(
            "warn",
            f"{_many(suspect, 'known answer is', 'known answers are')} suspect.",
            "People who are right elsewhere agree on another answer. While it stands, it costs "
            "those who met it part of their score.",
            f"{page}?{urlencode({'state': GoldState.SUSPECT})}",
            "Check them",
        )
    if contested:
        yield Point(
            "warn",
            f"{_many(contested, 'known answer is', 'known answers are')} contested.",
            "A contributor takes another answer for right; silence decides for the contributor.",
            f"{page}?{urlencode({'state': GoldState.CONTESTED})}",
            "Look at them",
        )
    if worn:
        yield Point(
            "warn",
            f"{_many(worn, 'known answer is', 'known answers are')} worn and rest"
            f"{'s' if worn == 1 else ''}.",
            "What everybody has seen measures memory.",
            _url(read, "projects:items"),
            "Add new ones",
        )


def _lines(read: Read) -> Iterator[Point]:
    for line in read.cited:
        if line.is_questioned:
            yield Point(
                "warn",
                f"Nearly everybody gets “{line.title}” cited.",
                f"{_share(line.people)} of people with decided work. Question the line and its "
                "examples before the people.",
                _url(read, "projects:criteria"),
                "Read the rubric",
            )


def _agreement(read: Read) -> Iterator[Point]:
    if read.alpha is None:
        return
    value, low, high, n = read.alpha
    least = settings.WAGEFILE["alpha_tentative"]
    if Decimal(str(value)) < Decimal(str(least)):
        yield Point(
            "warn",
            "People agree little.",
            f"Alpha is {value:.3f} ({low:.3f} to {high:.3f}, {n:,} items), below {least}. "
            "Question the rubric and the instructions before the people.",
            "#agreement",
            "Who agrees with whom",
        )


def _groups(read: Read) -> Iterator[Point]:
    """Of the items only: what people say of themselves is no reason to act on anybody."""
    if read.errors is None:
        return
    verb = "go wrong" if read.errors.is_known else "differ from the labels"
    for key, _, rows in read.errors.groups:
        apart = [row for row in rows if row.is_apart and row.difference.startswith("+")]
        if not apart:
            continue
        apart = sorted(apart, key=lambda row: -row.value)
        rest = len(apart) - NAMED
        named = "; ".join(_rate(row) for row in apart[:NAMED])
        yield Point(
            "warn",
            f"Answers of {_many(len(apart), *GROUPS[key])} {verb} more often than others.",
            f"{named}{f'; and {rest} more' if rest > 0 else ''}.",
            "#wrong",
            "Read examples",
        )


def _people(read: Read) -> Iterator[Point]:
    if read.flagged:
        yield Point(
            "warn",
            f"Signals of two families speak about {_many(len(read.flagged), 'person', 'people')}.",
            "A reason to read their answers, and no verdict.",
            "#signals",
            "Who, and why",
        )


def _plan(read: Read) -> Iterator[Point]:
    plan = read.plan
    if plan is None:
        return
    checked = f"{plan.wrong:,} of {plan.checked:,} labels that are taken for sure are wrong"
    if plan.low is not None and plan.high is not None:
        checked += f", {percent(plan.low)} to {percent(plan.high)}"
    if plan.is_broken and plan.promised is not None:
        yield Point(
            "bad",
            "By the known answers more labels are wrong than promised.",
            f"{checked}; at most {percent(plan.promised)} are promised.",
            "#need",
            "Answers by need",
        )
    elif plan.is_too_sure and plan.error is not None:
        yield Point(
            "warn",
            "The plan of answers is surer than it is right.",
            f"{checked}; the model expects {percent(plan.error)}.",
            "#need",
            "Answers by need",
        )
    if plan.unfunded:
        can_top_up = read.can_manage and read.project.state in {
            ProjectState.LIVE, ProjectState.PAUSED,
        }  # fmt: skip
        yield Point(
            "warn",
            f"{_many(plan.unfunded, 'further answer', 'further answers')} would help and "
            f"{'is' if plan.unfunded == 1 else 'are'} not asked for.",
            "The free budget does not cover what unsure labels need.",
            reverse("projects:confirm", args=[read.project.id, "top-up"])
            if can_top_up
            else "#need",
            "Top up" if can_top_up else "Answers by need",
        )


def _valid(read: Read) -> Iterator[Point]:
    valid = read.complete.get("valid")
    if valid is not None and valid.right < valid.n:
        yield Point(
            "info",
            f"{_many(valid.n - valid.right, 'answer is', 'answers are')} invalid under the "
            "criteria in force.",
            f"{_share(valid)} are valid; the others were taken under an earlier schema.",
            "#complete",
            "Complete and valid",
        )


def _unknown(read: Read) -> Iterator[Point]:
    if read.met is None:
        yield Point(
            "info",
            "No known answer was met yet.",
            "Agreement says how alike answers are, not how right: items with a known answer do.",
            _url(read, "projects:items"),
            "Add some",
        )


def _url(read: Read, name: str) -> str:
    return reverse(name, args=[read.project.id])


def _many(n: int, one: str, more: str) -> str:
    return f"{n:,} {one if n == 1 else more}"


def _share(share: Share) -> str:
    """With its 95% interval."""
    return (
        f"{share.right:,} of {share.n:,} ({percent(share.value)}, "
        f"{percent(share.low)} to {percent(share.high)})"
    )


def _rate(row: Rate) -> str:
    return (
        f"{row.name}: {percent(row.value)} ({percent(row.low)} to {percent(row.high)}, "
        f"{row.answers:,} answers), {row.difference} points"
    )
