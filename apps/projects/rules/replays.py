"""What the next version would have paid: one set of stored answers under two versions.

Both versions are worked out by the same functions from the same facts, so a version that is
replayed against itself changes nothing. Amounts are minor units of the criteria's currency.

What a version cannot change about the past is taken as it was: which answers were given, how they
were decided by people and by silence, how long they took. An answer that nobody has decided counts
as accepted, since silence accepts. Quality bonus and top-up are worked out over these answers
alone.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from apps.projects.rules.lines import Outcome, earn
from apps.projects.rules.settlements import Account, settle
from apps.projects.rules.terms import (
    AS_WORK,
    BESIDE_THE_CLOCK,
    Facts,
    Kind,
    Line,
    LineKind,
    Stage,
    Terms,
)
from apps.projects.rules.triggers import holding


@dataclass(frozen=True, slots=True)
class Version:
    """Criteria, published or still a draft, with their pay rules."""

    body: Mapping
    terms: Terms

    @classmethod
    def of(cls, body: Mapping, *, number: int) -> "Version":
        """Raises ValueError for an engine that this code never had."""
        return cls(body, Terms.of(body, version=number))

    def passes(self, mark: "Mark") -> bool | None:
        """Whether the rule of the tier passes this result; None where it has no qualification."""
        asked = next(
            (t["qualification"] for t in self.body["tiers"] if t["key"] == mark.tier), None
        )
        return None if asked is None else mark.right * 100 >= mark.of * asked["pass_percent"]


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer as it is stored: nothing here depends on the version that is replayed.

    `named` are the triggers that its item's row names. `seconds` is the active time that counts,
    `spare_seconds` what is paid beyond the time of the item itself, such as the instructions.
    `criterion` is the rubric line that a rejection cites.
    """

    id: uuid.UUID
    person: uuid.UUID
    kind: Kind
    outcome: Outcome
    rounds: int
    tier: str
    named: frozenset[str]
    claimed_at: dt.datetime
    seconds: int
    spare_seconds: int
    criterion: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """The result of one person's last qualification."""

    person: uuid.UUID
    tier: str
    right: int
    of: int


@dataclass(frozen=True, slots=True)
class GoldScore:
    """What the bonus of a person rests on: known answers, and the lower 90% bound."""

    count: int
    lower: Decimal | None


@dataclass(frozen=True, slots=True)
class Amount:
    net: int = 0
    fee: int = 0

    @property
    def gross(self) -> int:
        return self.net + self.fee

    @classmethod
    def of(cls, lines: Iterable[Line]) -> "Amount":
        rows = list(lines)
        return cls(sum(line.net for line in rows), sum(line.fee for line in rows))

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.net + other.net, self.fee + other.fee)


@dataclass(frozen=True, slots=True)
class Change:
    """One amount under both versions; `what` is a kind of line or a person."""

    what: LineKind | uuid.UUID
    before: Amount
    after: Amount
    answers: int = 0

    @property
    def net(self) -> int:
        return self.after.net - self.before.net

    @property
    def gross(self) -> int:
        return self.after.gross - self.before.gross


@dataclass(frozen=True, slots=True)
class Ruled:
    """A verdict that a rule decides, and decides otherwise under the draft."""

    person: uuid.UUID
    what: str  # "qualification" or "bonus"
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """`people` by the size of their difference, the biggest first; `kinds` in order of the words.

    `orphans` are rejections that cite a line which the draft's rubric does not have: they stand,
    and a person who reads the draft cannot find their reason in it.
    """

    answers: int
    undecided: int
    before: Amount
    after: Amount
    kinds: Sequence[Change]
    people: Sequence[Change]
    ruled: Sequence[Ruled]
    orphans: int

    @property
    def up(self) -> int:
        return sum(change.net > 0 for change in self.people)

    @property
    def down(self) -> int:
        return sum(change.net < 0 for change in self.people)

    @property
    def affected(self) -> int:
        return self.up + self.down

    @property
    def is_same(self) -> bool:
        return self.before == self.after and not self.affected and not self.ruled


def pay_of(version: Version, answer: Answered) -> list[Line]:
    """The earning lines of one answer under a version; triggers are decided anew."""
    terms = version.terms
    triggers: frozenset[str] = frozenset()
    if answer.kind in AS_WORK and terms.premiums:
        triggers = holding(
            terms.premiums,
            body=version.body,
            tier=answer.tier,
            item=answer.named,
            at=answer.claimed_at,
        )
    facts = Facts(
        kind=answer.kind,
        stage=Stage.OPEN,
        cap_seconds=_cap(terms, answer),
        triggers=triggers,
        rounds=answer.rounds,
    )
    return earn(terms, facts, answer.outcome)


def replay(
    before: Version,
    after: Version,
    answers: Sequence[Answered],
    *,
    marks: Sequence[Mark] = (),
    gold: Mapping[uuid.UUID, GoldScore] | None = None,
    undecided: int = 0,
) -> Replay:
    """The same answers under both versions. Total: any answers give a result, none give zeros."""
    by_person: dict[uuid.UUID, list[Answered]] = defaultdict(list)
    for answer in answers:
        by_person[answer.person].append(answer)
    known = gold or {}
    kinds: dict[LineKind, list[Amount]] = defaultdict(lambda: [Amount(), Amount()])
    people, ruled = [], []
    for person, own in by_person.items():
        both = [_of_person(version, own, known.get(person)) for version in (before, after)]
        for place, lines in enumerate(both):
            for line in lines:
                kinds[line.kind][place] += Amount(line.net, line.fee)
        people.append(Change(person, Amount.of(both[0]), Amount.of(both[1]), len(own)))
        pays = [any(line.kind == LineKind.QUALITY_BONUS for line in lines) for lines in both]
        if pays[0] != pays[1]:
            ruled.append(Ruled(person, "bonus", *pays))
    for mark in marks:
        passed = (before.passes(mark), after.passes(mark))
        if passed[0] is not None and passed[1] is not None and passed[0] != passed[1]:
            ruled.append(Ruled(mark.person, "qualification", passed[0], passed[1]))
    people.sort(key=lambda change: (-abs(change.net), -abs(change.gross), str(change.what)))
    rubric = {line["key"] for line in after.body["rubric"]}
    return Replay(
        answers=len(answers),
        undecided=undecided,
        before=sum((change.before for change in people), Amount()),
        after=sum((change.after for change in people), Amount()),
        kinds=[Change(kind, kinds[kind][0], kinds[kind][1]) for kind in LineKind if kind in kinds],
        people=people,
        ruled=sorted(ruled, key=lambda row: (row.what, str(row.person))),
        orphans=sum(bool(a.criterion) and a.criterion not in rubric for a in answers),
    )


def _cap(terms: Terms, answer: Answered) -> int:
    return terms.paid_seconds_max * answer.rounds + answer.spare_seconds


def _of_person(version: Version, answers: Sequence[Answered], gold: GoldScore | None) -> list[Line]:
    """Every line of one person: of the answers, then bonus and top-up over all of them."""
    terms = version.terms
    lines = [line for answer in answers for line in pay_of(version, answer)]
    accepted = sum(
        answer.kind in AS_WORK and answer.outcome in {Outcome.ACCEPTED, Outcome.OVERTURNED}
        for answer in answers
    )
    account = Account(
        earned=sum(line.net for line in lines if line.kind not in BESIDE_THE_CLOCK),
        accepted_base=terms.base * accepted,
        paid_seconds=sum(min(a.seconds, _cap(terms, a)) for a in answers),
        gold_count=gold.count if gold else 0,
        gold_lower_bound=gold.lower if gold else None,
    )
    return [*lines, *settle(terms, account)]
