"""What people are told: every kind of notice, who gets it and how. `docs/notices.md` repeats it."""

from dataclasses import dataclass

from django.db import models


class Mail(models.TextChoices):
    """How a notice reaches the mailbox."""

    NOW = "now", "E-mail now"
    DAILY = "daily", "Daily summary"
    NONE = "none", "No e-mail"


class Group(models.TextChoices):
    """What a person chooses channels for. Due process cannot be switched off."""

    DUE_PROCESS = "due_process", "Rejections, cases, deactivation, failed payouts"
    DEADLINES = "deadlines", "Deadlines that come near"
    VERDICTS = "verdicts", "Accepted and reworked answers"
    OFFERS = "offers", "New offers and qualifications"
    PAYOUTS = "payouts", "Payouts"
    FUNDING = "funding", "Wallet and budget"
    PROJECTS = "projects", "Projects, imports, scores and releases"
    PEOPLE = "people", "Invitations, roles and credentials"
    STAFF = "staff", "Queues of the administration"


MANDATORY = frozenset({Group.DUE_PROCESS})
# Of people who administer the platform, and of nobody else.
OF_STAFF = frozenset({Group.STAFF})


class Kind(models.TextChoices):
    """Every kind that `notices.tell` takes; ABOUT says the rest of each."""

    REJECTED = "work.rejected", "Your answer was rejected"
    REJECTION_FINAL = "work.final", "The appeal window ended; the rejection stands"
    APPEAL_NEAR = "appeal.near", "The time for an appeal ends soon"
    CASE_APPEAL = "case.appeal", "An appeal of a rejection: opened, answered, decided, lapsed"
    CASE_DISPUTE = "case.dispute", "A payment dispute: opened, answered, decided, lapsed, paid"
    CASE_DEACTIVATION = "case.deactivation", "A deactivation: proposed, answered, decided, in force"
    CASE_BAD_FAITH = "case.bad_faith", "A bad-faith case: opened, answered, decided, lapsed"
    CASE_GOLD_CONTEST = "case.gold_contest", "A gold contest: opened, answered, decided, lapsed"
    GOLD_OVERTURNED = "gold.overturned", "A rejection is overturned: its known answer was wrong"
    CASE_LIFT_CONTEST = "case.lift_contest", "A contest of a lift figure: opened, repeated, decided"
    CASE_NEAR = "case.near", "A statement in a case is due soon"
    PAYOUT_FAILED = "payout.failed", "A payout failed or was refused"
    PAYOUT_CHANGED = "payout.changed", "Where your payouts go was changed, and waits"
    CHARGEBACK = "chargeback", "A payment is disputed, decided, and the wallet frozen or free"
    PROJECT_FROZEN = "project.frozen", "A project you work on is paused by a chargeback"
    REWORK_NEAR = "rework.near", "Rework is due soon"
    REVIEW_NEAR = "review.near", "Answers are about to be accepted by silence"
    ACCEPTED = "work.accepted", "Answers were accepted, by a person or by silence"
    REWORK = "work.rework", "The buyer asks for a second round"
    ROYALTY = "work.royalty", "A buyer uses your answers again"
    LIFT = "work.lift", "Lift of your answers was measured, with or without a bonus"
    WIND_DOWN = "work.wind_down", "A project closed before its work was done"
    GOLD_DEMOTED = "gold.demoted", "A known answer was taken back; scores change"
    REWORK_LAPSED = "work.rework_lapsed", "The time for a second round ended"
    OFFER = "offer", "A new project that you may work on"
    QUALIFICATION = "qualification.result", "Result of a qualification, with the retake date"
    RETAKE = "qualification.retake", "A qualification can be taken again"
    PAYOUT_SENT = "payout.sent", "A payout is on its way"
    PAYOUT_ARRIVED = "payout.arrived", "A payout is at the bank"
    PAYOUT_WAITING = "payout.waiting", "Money waits because it cannot be paid out yet"
    PAYOUT_ACCOUNT = "payout.account", "Stripe can pay you, or asks for something"
    FUNDING_ARRIVED = "funding.arrived", "A payment is in the wallet"
    FUNDING_FAILED = "funding.failed", "A payment failed or expired"
    INVOICE = "invoice", "An invoice or a credit note is there"
    REFUND = "refund", "A refund: sent, done or returned"
    HOLD_NEAR = "wallet.hold_near", "Unspent money has to go back soon"
    TOP_UP = "wallet.top_up", "Automatic top-up: tried, failed or switched off"
    LOW_FUNDS = "project.low_funds", "A live project runs out of budget"
    PROJECT = "project", "A project is live, has new criteria, closes or is closed"
    REJECTIONS_FROZEN = "project.rejections_frozen", "Rejections of a project are frozen"
    ITEM_BROKEN = "item.broken", "An item was reported as broken"
    IMPORT = "import", "An import is done, or asks what to keep"
    IMPORT_FAILED = "import.failed", "An import failed"
    RUN_FAILED = "run.failed", "A scoring run failed"
    RELEASE = "release.done", "A release is ready"
    RELEASE_FAILED = "release.failed", "A release could not be made"
    INVITATION = "invitation", "You are invited, or your invitation was accepted"
    MEMBERSHIP = "membership", "Your role in an organization changed"
    CREDENTIAL = "credential", "Your credential was verified or refused"
    TICKET = "ticket", "A person of the staff answered your ticket"
    TERMS = "terms", "New terms were announced"
    STAFF_TICKET = "staff.ticket", "A ticket waits for an answer"
    STAFF_CASE = "staff.case", "A case waits for a decision, or got a statement"
    STAFF_CASE_NEAR = "staff.case_near", "A case is about to be decided by silence"
    STAFF_CREDENTIAL = "staff.credential", "A credential waits to be checked"
    STAFF_FROZEN = "staff.rejections_frozen", "Rejections of a project wait to be looked at"
    STAFF_RUN = "staff.run_failed", "A scoring run failed"
    STAFF_OUTBOX = "staff.outbox", "A call to Stripe is refused or stays unanswered"
    STAFF_BOOKS = "staff.books", "The hourly check of the books failed"
    STAFF_CHARGEBACK = "staff.chargeback", "A payment is disputed; its evidence is due"
    STAFF_CORRECTION = "staff.correction", "A correction or refund waits for an administrator"
    STAFF_PAYOUTS_STOPPED = "staff.payouts_stopped", "A change of a payout account is disowned"
    STAFF_RECONCILE = "staff.reconcile", "Stripe's books and the ledger differ"
    STAFF_PAPER = "staff.paper", "A statement or invoice does not equal the ledger"


@dataclass(frozen=True, slots=True)
class About:
    """`who` gets it, in words; `mail` is the channel until a person chooses another."""

    group: Group
    who: str
    mail: Mail = Mail.NOW

    @property
    def is_mandatory(self) -> bool:
        return self.group in MANDATORY


_WORKER = "the contributor"
_STAFF = "administrators of the platform"
_MANAGERS = "the buyer's owners and managers"
_SIDES = "the contributor, and the buyer's people who may answer"
_MONEY = "the buyer's owners and finance"

ABOUT: dict[Kind, About] = {
    Kind.REJECTED: About(Group.DUE_PROCESS, _WORKER),
    Kind.REJECTION_FINAL: About(Group.DUE_PROCESS, _WORKER),
    Kind.APPEAL_NEAR: About(Group.DUE_PROCESS, _WORKER),
    Kind.CASE_APPEAL: About(Group.DUE_PROCESS, _SIDES),
    Kind.CASE_DISPUTE: About(Group.DUE_PROCESS, _SIDES),
    Kind.CASE_DEACTIVATION: About(Group.DUE_PROCESS, _WORKER),
    Kind.CASE_BAD_FAITH: About(Group.DUE_PROCESS, _SIDES),
    Kind.CASE_GOLD_CONTEST: About(Group.DUE_PROCESS, _SIDES),
    Kind.GOLD_OVERTURNED: About(Group.DUE_PROCESS, _WORKER),
    Kind.CASE_LIFT_CONTEST: About(
        Group.DUE_PROCESS, "the contributor, and the buyer's owners and managers"
    ),
    Kind.CASE_NEAR: About(Group.DUE_PROCESS, "the side that has not made its statement"),
    Kind.PAYOUT_FAILED: About(Group.DUE_PROCESS, _WORKER),
    Kind.PAYOUT_CHANGED: About(Group.DUE_PROCESS, _WORKER),
    Kind.CHARGEBACK: About(Group.DUE_PROCESS, "the buyer's owners, managers and finance"),
    Kind.PROJECT_FROZEN: About(Group.DUE_PROCESS, "contributors with open work in it"),
    Kind.REWORK_NEAR: About(Group.DEADLINES, _WORKER),
    Kind.REVIEW_NEAR: About(Group.DEADLINES, "the buyer's owners, managers and reviewers"),
    Kind.ACCEPTED: About(Group.VERDICTS, _WORKER, Mail.DAILY),
    Kind.REWORK: About(Group.VERDICTS, _WORKER),
    Kind.ROYALTY: About(Group.VERDICTS, "contributors whose answers are used", Mail.DAILY),
    Kind.LIFT: About(Group.VERDICTS, "contributors with accepted work in a project with lift"),
    Kind.WIND_DOWN: About(Group.VERDICTS, "contributors who are paid in place of notice"),
    Kind.GOLD_DEMOTED: About(
        Group.VERDICTS,
        "contributors who answered it, and the buyer's owners and managers",
        Mail.DAILY,
    ),
    Kind.REWORK_LAPSED: About(Group.VERDICTS, _WORKER),
    Kind.OFFER: About(
        Group.OFFERS, "contributors whose profile and credentials fit a tier", Mail.DAILY
    ),
    Kind.QUALIFICATION: About(Group.OFFERS, _WORKER),
    Kind.RETAKE: About(Group.OFFERS, _WORKER),
    Kind.PAYOUT_SENT: About(Group.PAYOUTS, _WORKER),
    Kind.PAYOUT_ARRIVED: About(Group.PAYOUTS, _WORKER),
    Kind.PAYOUT_WAITING: About(Group.PAYOUTS, _WORKER),
    Kind.PAYOUT_ACCOUNT: About(Group.PAYOUTS, _WORKER),
    Kind.FUNDING_ARRIVED: About(Group.FUNDING, _MONEY),
    Kind.FUNDING_FAILED: About(Group.FUNDING, _MONEY),
    Kind.INVOICE: About(Group.FUNDING, _MONEY),
    Kind.REFUND: About(Group.FUNDING, _MONEY),
    Kind.HOLD_NEAR: About(Group.FUNDING, _MONEY),
    Kind.TOP_UP: About(Group.FUNDING, _MONEY),
    Kind.LOW_FUNDS: About(Group.FUNDING, "the buyer's owners, managers and finance"),
    Kind.PROJECT: About(Group.PROJECTS, _MANAGERS),
    Kind.REJECTIONS_FROZEN: About(Group.PROJECTS, _MANAGERS),
    Kind.ITEM_BROKEN: About(Group.PROJECTS, _MANAGERS, Mail.DAILY),
    Kind.IMPORT: About(Group.PROJECTS, "who uploaded it"),
    Kind.IMPORT_FAILED: About(Group.PROJECTS, "who uploaded it, and the buyer's managers"),
    Kind.RUN_FAILED: About(Group.PROJECTS, _MANAGERS),
    Kind.RELEASE: About(Group.PROJECTS, "who asked for it"),
    Kind.RELEASE_FAILED: About(Group.PROJECTS, "who asked for it, and the buyer's managers"),
    Kind.INVITATION: About(Group.PEOPLE, "who is invited; who invited"),
    Kind.MEMBERSHIP: About(Group.PEOPLE, "the member"),
    Kind.CREDENTIAL: About(Group.PEOPLE, _WORKER),
    Kind.TICKET: About(Group.PEOPLE, "who asked"),
    Kind.TERMS: About(Group.PEOPLE, "everybody"),
    Kind.STAFF_TICKET: About(Group.STAFF, _STAFF),
    Kind.STAFF_CASE: About(Group.STAFF, _STAFF),
    Kind.STAFF_CASE_NEAR: About(Group.STAFF, _STAFF),
    Kind.STAFF_CREDENTIAL: About(Group.STAFF, _STAFF, Mail.DAILY),
    Kind.STAFF_FROZEN: About(Group.STAFF, _STAFF),
    Kind.STAFF_RUN: About(Group.STAFF, _STAFF),
    Kind.STAFF_BOOKS: About(Group.STAFF, _STAFF),
    Kind.STAFF_OUTBOX: About(Group.STAFF, _STAFF),
    Kind.STAFF_CHARGEBACK: About(Group.STAFF, _STAFF),
    Kind.STAFF_CORRECTION: About(Group.STAFF, _STAFF),
    Kind.STAFF_PAYOUTS_STOPPED: About(Group.STAFF, _STAFF),
    Kind.STAFF_RECONCILE: About(Group.STAFF, _STAFF),
    Kind.STAFF_PAPER: About(Group.STAFF, _STAFF),
}
