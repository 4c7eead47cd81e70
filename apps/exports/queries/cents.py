"""The life of an amount: from the buyer's charge to the bank, as far as the reader may see it.

One page a transfer. What is read here is read as whoever asks; a few narrow functions of
`sql/money.sql` answer the questions that cross the wall between the two sides: from which charge an
amount came, and that evidence of the work exists, without who the other side is.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Q
from django.urls import reverse

from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.exports.rules.layers import INTO_PROJECT, OUT_OF_PROJECT, Layer, Move, carried, pots
from apps.ledger import queries as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.ledger.queries import TransferRow
from apps.payments.models import Funding, OutboxCall, Payout, Refund
from apps.payments.rules import PAYOUT_WORDS
from apps.projects.models import Project
from apps.scoring.models import ScoringRun
from apps.work.enums import Decider
from apps.work.models import Assignment, EarningLine, Settlement, Submission, Verdict

# Sources and payouts of one amount that a page names; the rest is counted.
SHOWN = 5
WHO = {
    Decider.PERSON: "a person of the buyer",
    Decider.SILENCE: "silence: the deadline decided",
    Decider.RULE: "a rule, after the scores",
}
CODES = {
    "funding": "the buyer's charge",
    "fund_project": "budget of a project",
    "top_up_project": "more budget of a project",
    "fund_seats": "qualification seats of a project",
    "fund_lift": "lift pool of a project",
    "fund_compute": "computing of a project's lift",
    "return_lift": "rest of the lift pool back to the wallet",
    "return_compute": "unused computing back to the wallet",
    "lift_bonus": "lift bonus out of the pool",
    "compute": "computing of a lift run",
    "return_unspent": "unspent budget back to the wallet",
    "return_seats": "unused seats back to the wallet",
    "refund": "refund to the buyer",
    "refund_returned": "a refund that the bank returned",
    "payout": "payout",
    "reserve_pay": "pay held at the claim",
    "reserve_fee": "fee held at the claim",
    "reserve_extra": "top-up and bonus held at the claim",
    "acceptance": "pay of an accepted answer",
    "kill_fee": "kill fee of a rejected answer",
    "overturn": "pay after an appeal",
    "settlement": "quality bonus and top-up of a settlement",
    "adjustment": "adjustment after a dispute",
    "fee": "the platform's fee",
    "release": "held money that went back",
}

# What a project's money waits for, by the account that it lies in.
POTS = {
    "held": "Publishing moved it from the wallet to the project's held funds, where it waits for "
    "work.",
    "seats": "It was set apart for qualification seats.",
    "lift": "Publishing set it apart as the project's lift pool: bonuses are paid from it, at the "
    "close, and nothing else.",
    "compute": "Publishing set it apart for the computing of lift runs.",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A word or two, and what it is; with an address it is a link."""

    label: str
    value: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of a step that has a page of its own."""

    label: str
    amount: int
    transfer: uuid.UUID | None = None


@dataclass(slots=True)
class Step:
    """One station. `who` is the side that acted; `hash` the evidence of it in the chain."""

    title: str
    text: str = ""
    at: dt.datetime | None = None
    who: str = ""
    transfer: uuid.UUID | None = None
    hash: str = ""
    amounts: list[Amount] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """Everything of one transfer. `lines` are the reasons that it paid; `side` is who reads."""

    transfer: TransferRow
    words: str
    steps: Sequence[Step]
    lines: Sequence[EarningLine]
    project: Project | None
    assignment: Assignment | None
    side: str

    @property
    def gross(self) -> int:
        return sum(line.gross for line in self.lines)

    @property
    def fee(self) -> int:
        return sum(line.fee for line in self.lines)

    @property
    def net(self) -> int:
        return sum(line.net for line in self.lines)


@dataclass(frozen=True, slots=True)
class _Place:
    """Purposes of the two accounts, and what had left the first one before."""

    debit: str
    credit: str
    before: int


# ── From any amount to its transfer ─────────────────────────────────────────────────────────────


def transfer(transfer_id: uuid.UUID, actor: Actor) -> TransferRow | None:
    return ledger.transfers().visible_to(actor).filter(id=transfer_id).first()


def of_line(line: EarningLine, actor: Actor) -> TransferRow | None:
    """The transfer that moved it; of a settlement that was paid out of many reserves, the first."""
    rows = ledger.transfers().visible_to(actor).settled().filter(at=line.at, code=line.code)
    if line.assignment_id:
        rows = rows.filter(subject_id=line.assignment_id)
    else:
        taken = Assignment.objects.filter(
            project_id=line.project_id, contributor_id=line.contributor_id
        )
        rows = rows.filter(scope_id=line.project_id, subject_id__in=taken.values("id"))
    return rows.order_by("number").first()


def of_payout(payout: Payout, actor: Actor) -> TransferRow | None:
    """Its booking, or while it waits its reserve."""
    return _reserved(payout.id, actor)


def of_refund(refund: Refund, actor: Actor) -> TransferRow | None:
    """As of a payout."""
    return _reserved(refund.id, actor)


def _reserved(base: uuid.UUID, actor: Actor) -> TransferRow | None:
    ids = [derived(base, step) for step in ("post", "void", "reserve")]
    found = ledger.transfers().visible_to(actor).in_bulk(ids)
    return next((found[each] for each in ids if each in found), None)


def of_funding(funding: Funding, actor: Actor) -> TransferRow | None:
    return transfer(derived(funding.id, "paid"), actor)


def of_assignment(assignment: Assignment, actor: Actor) -> list[TransferRow]:
    """Every transfer of one assignment that the reader sees, in the order of the ledger."""
    rows = ledger.transfers().visible_to(actor).filter(subject_id=assignment.id)
    return list(rows.select_related("pending").order_by("number"))


# ── The life ────────────────────────────────────────────────────────────────────────────────────


def life(found: TransferRow, actor: Actor) -> Life:
    """The stations of this transfer, the charge first and the bank last."""
    assignment = (
        Assignment.objects.visible_to(actor)
        .select_related("project", "criteria")
        .filter(id=found.subject_id)
        .first()
    )
    project = assignment.project if assignment else _project(found.scope_id, actor)
    side = _side(actor, project)
    lines = _lines(found, assignment) if assignment else []
    steps: list[Step] = []
    if project:
        steps += _charges(found, project, actor)
    if assignment:
        steps += _work(found, assignment, side)
        if not any(line.assignment_id for line in lines):
            steps += _settlement(lines)
    steps.append(_here(found, actor))
    steps += _onwards(found, actor)
    return Life(
        transfer=found,
        words=CODES.get(found.code, found.code.replace("_", " ")),
        steps=steps,
        lines=lines,
        project=project,
        assignment=assignment,
        side=side,
    )


def _side(actor: Actor, project: Project | None) -> str:
    if actor.is_staff:
        return "staff"
    return "buyer" if project and project.org_id in actor.org_ids else "contributor"


def _project(scope: uuid.UUID | None, actor: Actor) -> Project | None:
    return Project.objects.visible_to(actor).filter(id=scope).first() if scope else None


def _lines(found: TransferRow, assignment: Assignment) -> list[EarningLine]:
    """The reasons for money of this moment: of the decision, or of the settlement."""
    if found.kind in {TransferKind.PENDING, TransferKind.VOID}:
        return []
    rows = EarningLine.objects.filter(at=found.at).select_related("criteria")
    own = rows.filter(assignment=assignment)
    if found.code != "settlement":
        return list(own)
    return list(
        rows.filter(
            project_id=assignment.project_id,
            contributor_id=assignment.contributor_id,
            settlement__isnull=False,
        )
    )


def _place(transfer_id: uuid.UUID) -> _Place | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM exports_paid_from(%s)", [transfer_id])
        row = cursor.fetchone()
    return _Place(*row) if row else None


# ── Where it came from ──────────────────────────────────────────────────────────────────────────


def _charges(found: TransferRow, project: Project, actor: Actor) -> list[Step]:
    """The charges, by first in, first out, and the way into the project's held funds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM exports_wallet(%s)", [project.id])
        rows = cursor.fetchall()
    at = {row[0]: row[2] for row in rows}
    moves = [Move(row[0], row[4], row[3], row[5], row[7]) for row in rows]
    subjects = {row[0]: row[6] for row in rows}
    layers = _layers(found, project, pots(moves))
    if not layers:
        return []
    steps = [_charge(layers, at, subjects, project, actor)]
    if found.code in INTO_PROJECT or found.code in OUT_OF_PROJECT:
        return steps
    pot = _pot(found)
    into = [row for row in rows if row[5] == project.id and INTO_PROJECT.get(row[4]) == pot]
    if not into:
        return steps
    is_open = actor.is_staff or project.org_id in actor.org_ids
    steps.append(
        Step(
            title="Held for the project",
            text=POTS[pot],
            at=into[0][2],
            who="the buyer",
            transfer=into[0][0],
            amounts=[Amount("put in", row[3], row[0]) for row in into] if is_open else [],
        )
    )  # fmt: skip
    return steps


def _pot(found: TransferRow) -> str:
    place = _place(found.id)
    return place.debit if place else Purpose.HELD


def _layers(found: TransferRow, project: Project, known: dict) -> list[Layer]:
    if (found.id, "wallet") in known:
        return known[found.id, "wallet"]
    place = _place(found.id)
    if place is None:
        return []
    if found.code in INTO_PROJECT:
        # Its own part of what the project was filled with.
        purpose = INTO_PROJECT[found.code]
        return carried(known.get((project.id, purpose), []), _filled_before(found), found.amount)
    before = place.before
    if found.kind == TransferKind.PENDING:
        # What is only held takes the place that it would have if it were paid now.
        before = _paid(found.debit_id)
    return carried(known.get((project.id, place.debit), []), before, found.amount)


def _filled_before(found: TransferRow) -> int:
    rows = (
        ledger.transfers()
        .settled()
        .filter(credit_id=found.credit_id, number__lt=found.number, code=found.code)
    )
    return sum(rows.values_list("amount", flat=True))


def _paid(account_id: int) -> int:
    account = ledger.accounts().filter(id=account_id).first()
    return account.debits_posted if account else 0


def _charge(
    layers: Sequence[Layer],
    at: dict[uuid.UUID, dt.datetime],
    subjects: dict[uuid.UUID, uuid.UUID | None],
    project: Project,
    actor: Actor,
) -> Step:
    shown = layers[:SHOWN]
    more = len(layers) - len(shown)
    is_open = actor.is_staff or project.org_id in actor.org_ids
    text = (
        "The buyer paid into its wallet through Stripe. Money in a wallet is pooled; by the rule "
        "first in, first out this amount came from "
        + ("this charge." if len(layers) == 1 else f"these {len(layers)} charges.")
    )
    if more:
        text += f" The {more} later ones are left out here."
    step = Step(
        title="The buyer's charge",
        text=text,
        at=at.get(shown[0].source),
        who="the buyer",
        transfer=shown[0].source,
    )
    if not is_open:
        return step
    step.amounts = [Amount("of this charge", layer.amount, layer.source) for layer in shown]
    ids = [subjects.get(layer.source) for layer in shown]
    for funding in Funding.objects.visible_to(actor).filter(id__in=[i for i in ids if i]):
        step.facts.append(
            Fact("Charge", f"{funding.payment_intent_id or funding.session_id}",
                 reverse("payments:funding", args=[funding.id]))
        )  # fmt: skip
    return step


# ── What it was paid for ────────────────────────────────────────────────────────────────────────


def _evidence(assignment_id: uuid.UUID) -> list[tuple[str, dt.datetime, str]]:
    """(type, when, hash) of the assignment's chain."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT type, at, hash FROM exports_evidence(%s) ORDER BY number", [assignment_id]
        )
        return cursor.fetchall()


def _hash(evidence: Sequence[tuple[str, dt.datetime, str]], *types: str) -> str:
    """The last event of one of these types."""
    return next((found for kind, _, found in reversed(evidence) if kind in types), "")


def _work(found: TransferRow, assignment: Assignment, side: str) -> list[Step]:
    evidence = _evidence(assignment.id)
    who = "you" if side == "contributor" else "the contributor"
    steps = [_claim(found, assignment, evidence, who)]
    submission = (
        Submission.objects.filter(assignment=assignment, undone_at=None)
        .filter(submitted_at__lte=found.at)
        .order_by("round")
        .last()
    )
    if submission is None:
        return steps
    steps.append(
        Step(
            title="Handed in",
            text=f"Round {submission.round}, after {assignment.active_seconds // 60} min "
            f"{assignment.active_seconds % 60} s of active time.",
            at=submission.submitted_at,
            who=who,
            hash=_hash(evidence, "assignment.submitted"),
            facts=[Fact("Answer", str(submission.id)[:8], _answer(assignment, submission, side))],
        )
    )
    if submission.scores and submission.scored_at and submission.scored_at <= found.at:
        steps.append(_scores(submission, side))
    steps += [
        _verdict(verdict, assignment, evidence)
        for verdict in Verdict.objects.filter(
            assignment=assignment, decided_at__lte=found.at
        ).order_by("decided_at", "id")
    ]
    return steps


def _claim(found: TransferRow, assignment: Assignment, evidence: Sequence[tuple], who: str) -> Step:
    reserves = list(
        ledger.transfers()
        .filter(subject_id=assignment.id, kind=TransferKind.PENDING, number__lte=found.number)
        .order_by("number")
    )
    at_claim = [row for row in reserves if row.at == assignment.claimed_at] or reserves[:3]
    criteria = assignment.criteria
    return Step(
        title="Held at the claim",
        text="Before work began, the most that it could cost was set aside for it.",
        at=assignment.claimed_at,
        who=who,
        transfer=at_claim[0].id if at_claim else None,
        hash=_hash(evidence, "assignment.claimed"),
        amounts=[Amount(CODES[row.code], row.amount, row.id) for row in at_claim],
        facts=[
            Fact(
                "Item of work", str(assignment.id)[:8], reverse("money:item", args=[assignment.id])
            ),
            Fact(
                "Criteria",
                f"v{criteria.number} · {criteria.sha256[:12]}",
                reverse("money:criteria", args=[criteria.id]),
            ),
        ],
    )


def _answer(assignment: Assignment, submission: Submission, side: str) -> str:
    if side == "contributor":
        return reverse("work:assignment", args=[assignment.id])
    return reverse("work:review-submission", args=[submission.id])


def _scores(submission: Submission, side: str) -> Step:
    words = {"agreement": "Agreement on the item", "anomaly": "Time"}
    if side != "contributor":
        # Which items have a known answer is never told to those who answer them.
        words["gold"] = "Known answer"
    facts = [
        Fact(label, str(submission.scores[name]))
        for name, label in words.items()
        if name in submission.scores
    ]
    run = ScoringRun.objects.filter(
        project_id=submission.project_id, kind="quality", handled_at=submission.scored_at
    ).first()
    if run:
        facts.append(Fact("Run", f"{str(run.id)[:8]} over {run.input_rows} answers"))
    return Step(
        title="Scored",
        text="Scores pay and reject nothing by themselves; they stand beside the decision.",
        at=submission.scored_at,
        who="the marketplace",
        facts=facts,
    )


def _verdict(verdict: Verdict, assignment: Assignment, evidence: Sequence[tuple]) -> Step:
    titles = {line["key"]: line["title"] for line in assignment.criteria.body["rubric"]}
    version = reverse("money:criteria", args=[assignment.criteria_id])
    facts = [Fact("Criteria", f"v{assignment.criteria.number}", version)]
    if verdict.criterion:
        facts.append(Fact("Rubric line", titles.get(verdict.criterion, verdict.criterion)))
    return Step(
        title=verdict.get_outcome_display(),
        text=verdict.note,
        at=verdict.decided_at,
        who=WHO[Decider(verdict.decider)],
        hash=_hash(evidence, f"assignment.{verdict.outcome}"),
        facts=facts,
    )


def _settlement(lines: Sequence[EarningLine]) -> list[Step]:
    row = Settlement.objects.filter(id__in=[line.settlement_id for line in lines]).first()
    if row is None:
        return []
    return [
        Step(
            title="Settled",
            text=f"Everything decided on the project so far: {row.assignments} item(s) still held "
            "money for it. Bonus and top-up were paid out of these reserves; this is one of them.",
            at=row.at,
            who="the marketplace, by its calendar",
            amounts=[
                Amount(label, amount)
                for label, amount in (("quality bonus", row.bonus), ("top-up", row.top_up))
                if amount
            ],
            facts=_rests_on(row),
        )
    ]


def _rests_on(row: Settlement) -> list[Fact]:
    """What the bonus was decided by, and the id by which it can be computed again."""
    count, lower = row.facts.get("gold_count"), row.facts.get("gold_lower")
    if not count or lower is None:
        return []
    return [
        Fact("Known answers", f"{count}, lower 90% bound of the accuracy {lower}"),
        *([Fact("To recompute it", str(row.id))] if row.facts.get("run") else []),
    ]


# ── The booking itself, and where it went ───────────────────────────────────────────────────────

PLACES = {
    "stripe": "Stripe",
    "wallet": "the buyer's wallet",
    "held": "the project's held funds",
    "seats": "the project's qualification seats",
    "lift": "the project's lift pool",
    "compute": "the project's money for computing lift",
    "payable": "the contributor's account",
    "fees": "the platform's fees",
    "metered": "the platform, for computing",
    "capital": "the operator's own money",
    "receivable": "what the buyer owes",
}
KINDS = {
    TransferKind.POSTED: "Booked at once.",
    TransferKind.PENDING: "Held: it moves when it is decided, and not before.",
    TransferKind.POST: "Booked out of what was held.",
    TransferKind.VOID: "The hold ended and nothing moved: the money stayed where it was.",
}


def _here(found: TransferRow, actor: Actor) -> Step:
    place = _place(found.id)
    way = f"From {PLACES[place.debit]} to {PLACES[place.credit]}. " if place else ""
    step = Step(
        title=CODES.get(found.code, found.code.replace("_", " ")).capitalize(),
        text=way + KINDS[TransferKind(found.kind)],
        at=found.at,
        who="the ledger",
        transfer=found.id,
        amounts=[Amount("this amount", found.amount)],
        is_here=True,
    )
    if found.pending_id:
        step.facts.append(
            Fact("Held by", str(found.pending_id)[:8],
                 reverse("money:transfer", args=[found.pending_id]))
        )  # fmt: skip
    elif found.kind == TransferKind.PENDING:
        end = ledger.transfers().visible_to(actor).filter(pending=found).first()
        if end:
            step.facts.append(
                Fact("Ended by", str(end.id)[:8], reverse("money:transfer", args=[end.id]))
            )
    step.facts.append(Fact("Number in the ledger", f"{found.number}"))
    return step


def _onwards(found: TransferRow, actor: Actor) -> list[Step]:
    if found.kind in {TransferKind.PENDING, TransferKind.VOID}:
        return []
    place = _place(found.id)
    if found.code == "payout":
        payout = Payout.objects.visible_to(actor).filter(id=found.subject_id).first()
        return [*_carries(found), *(_bank(payout, found, actor) if payout else [])]
    if place and place.credit == Purpose.PAYABLE:
        return _paid_out(found, actor)
    if place and place.credit == Purpose.FEES:
        return [
            Step(
                title="The platform's",
                text="The fee stays with the platform. It pays Stripe's fees, for payouts too.",
            )
        ]
    if place and place.credit == Purpose.METERED:
        return [
            Step(
                title="The platform's",
                text="It pays for the machines that trained models with and without each "
                "contributor's answers. No contributor bears any of it.",
            )
        ]
    if found.code == "funding" or found.code in INTO_PROJECT:
        return _spent(found, actor)
    return []


def _paid_out(found: TransferRow, actor: Actor) -> list[Step]:
    """The payouts that carried it: the oldest earnings leave first."""
    account = ledger.accounts().visible_to(actor).filter(id=found.credit_id).first()
    if account is None:
        return [
            Step(
                title="The contributor's",
                text="From here on it belongs to the contributor, and so does the way to the bank.",
            )
        ]
    before = _before(found.credit_id, "credit_id", found.number)
    outs = list(ledger.transfers().settled().filter(debit_id=found.credit_id).order_by("number"))
    steps, at = [], 0
    for out in outs:
        begin, at = at, at + out.amount
        part = min(at, before + found.amount) - max(begin, before)
        if part > 0:
            payout = Payout.objects.visible_to(actor).filter(id=out.subject_id).first()
            steps += _bank(payout, out, actor, part=part) if payout else []
    if at < before + found.amount:
        rest = min(found.amount, before + found.amount - at)
        steps.append(
            Step(
                title="Payable",
                text="This part has not been paid out yet. It stays payable, whatever happens.",
                amounts=[Amount("payable", rest)],
            )
        )
    return steps


def _before(account_id: int, side: str, number: int) -> int:
    """What came to (credit_id) or left (debit_id) an account before a transfer."""
    rows = ledger.transfers().settled().filter(**{side: account_id}, number__lt=number)
    return sum(rows.values_list("amount", flat=True))


def _carries(found: TransferRow) -> list[Step]:
    """The earnings that a payout took along."""
    before = _before(found.debit_id, "debit_id", found.number)
    amounts: list[Amount] = []
    at, count = 0, 0
    rows = ledger.transfers().settled().filter(credit_id=found.debit_id).order_by("number")
    for row in rows.iterator(chunk_size=2_000):
        begin, at = at, at + row.amount
        part = min(at, before + found.amount) - max(begin, before)
        if part > 0:
            count += 1
            if len(amounts) < SHOWN * 10:
                amounts.append(Amount(CODES.get(row.code, row.code), part, row.id))
        elif begin >= before + found.amount:
            break
    return [
        Step(
            title="What it carried",
            text=f"{count} amount(s), the oldest first; each has its own page."
            + (f" The first {len(amounts)} are listed." if count > len(amounts) else ""),
            amounts=amounts,
        )
    ]


def _bank(payout: Payout, out: TransferRow, actor: Actor, *, part: int | None = None) -> list[Step]:
    call = (
        OutboxCall.objects.visible_to(actor)
        .filter(subject_id=payout.id)
        .order_by("-created_at")
        .first()
    )
    whole = Amount("the whole payout", payout.amount, out.id)
    mine = [Amount("of this payout", part, out.id), whole] if part is not None else [whole]
    facts = [Fact("Stripe transfer", payout.transfer_id)] if payout.transfer_id else []
    if call:
        facts.append(Fact("Outbox", f"{call.state} after {call.tries} tries"))
    steps = [
        Step(
            title="Payout through Stripe",
            text="All that was payable went together, through the outbox, once.",
            at=payout.transferred_at or payout.created_at,
            who="the marketplace",
            transfer=out.id,
            amounts=mine,
            facts=facts,
        )
    ]
    bank = [Fact("Bank payout", payout.bank_payout_id)] if payout.bank_payout_id else []
    steps.append(
        Step(
            title="At the bank" if payout.state == "paid" else "On the way to the bank",
            text=PAYOUT_WORDS[payout.state] + ".",
            at=payout.paid_at,
            who="Stripe",
            facts=bank,
        )
    )
    return steps


def _spent(found: TransferRow, actor: Actor) -> list[Step]:
    """Where a charge went: the projects, by first in, first out. Of a budget: its project."""
    if found.code != "funding":
        return [
            Step(
                title="For work",
                text="From here it is held at each claim and paid when the work is decided; what "
                "is not spent goes back to the wallet.",
                facts=[
                    Fact("Project", "its money and progress",
                         reverse("pages:project_live", args=[found.scope_id]))
                ] if found.scope_id and not actor.is_staff else [],
            )
        ]  # fmt: skip
    rows = list(
        ledger.transfers()
        .visible_to(actor)
        .settled()
        .filter(Q(debit_id=found.credit_id) | Q(credit_id=found.credit_id))
        .order_by("number")
    )
    moves = [
        Move(row.id, row.code, row.amount, row.scope_id, row.credit_id == found.credit_id)
        for row in rows
    ]
    names = dict(
        Project.objects.visible_to(actor)
        .filter(id__in={row.scope_id for row in rows})
        .values_list("id", "title")
    )
    into = {
        (row.scope_id, INTO_PROJECT[row.code]): row.id
        for row in rows
        if row.code in INTO_PROJECT and row.credit_id != found.credit_id
    }
    amounts, left = [], found.amount
    for (scope, purpose), layers in pots(moves).items():
        part = sum(layer.amount for layer in layers if layer.source == found.id)
        if not part:
            continue
        left -= part
        name = names.get(scope, "left the wallet otherwise")
        amounts.append(Amount(name, part, into.get((scope, purpose), scope)))
    if left:
        amounts.append(Amount("still in the wallet", left))
    return [
        Step(
            title="Where it went",
            text="Money in a wallet is pooled; by the rule first in, first out this charge went:",
            amounts=amounts,
        )
    ]
