"""Bad faith: who may call it and on what, what the clock does meanwhile, where the money goes."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError, ProgrammingError
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.cases import actions as cases
from apps.cases.enums import SIGNAL_SOURCES, CaseState, SignalKind
from apps.cases.errors import AlreadyOpen, Involved, TooLate
from apps.cases.models import Case
from apps.cases.tasks import sweep_all
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere, WagefileError
from apps.core.ids import uuid7
from apps.core.tenancy import acting, system
from apps.exports.queries.releases import wage_lines
from apps.ledger import queries as ledger
from apps.notices.models import Notice
from apps.organizations.models import Membership
from apps.organizations.queries import actor_of
from apps.pages import checks
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine
from tests.cases.conftest import NOTE, REASON
from tests.cases.money import STAFF, held, payable
from tests.factories import accounts

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BASE, FEE = 40, 6
GROUNDS = (
    "Forty answers in a row are the same, each sent after two seconds, whatever the sentence says; "
    "nobody reads a sentence in that time."
)
PLAIN = "Plain to see for anybody who reads forty answers."
STATEMENT = "I know these sentences by heart: the same forty were in the qualification."
CLOCK = {"kind": "answer_time", "evidence": "Two seconds, where others take thirty."}
PATTERN = {"kind": "straight_lining", "evidence": "The same answer forty times in a row."}
COPIED = {"kind": "near_duplicate", "evidence": "Word for word as another account."}
AGREES = {"kind": "agreement", "evidence": "Below what chance would give."}


def do(action, user, *, at, **words):
    """A refusal leaves what the action kept, as the middleware does for a page."""
    person = actor_of(user)
    with acting(person):
        try:
            return action(by=person, now=at, **words)
        except WagefileError as error:
            refusal = error
    raise refusal


def accuse(row, user, *, at, **changes) -> Case:
    words = {"criterion": "accuracy", "signals": [CLOCK, PATTERN], "reason": GROUNDS}
    return do(cases.open_bad_faith, user, at=at, assignment_id=row.id, **words | changes)


def decide(case, user, *, at, is_granted=True, decision=GROUNDS) -> Case:
    words = {"case_id": case.id, "is_granted": is_granted, "decision": decision}
    return do(cases.decide, user, at=at, **words)


def reject(row, user, *, at) -> Assignment:
    with acting(STAFF):
        answer = row.submissions.get()
    return do(
        work.reject, user, at=at, submission_id=answer.id, criterion="accuracy", note=NOTE,
        evidence="The mark at the end.",
    )  # fmt: skip


def accept(row, user, *, at) -> Assignment:
    with acting(STAFF):
        answer = row.submissions.get()
    return do(work.accept, user, at=at, submission_id=answer.id)


def fresh(row) -> Assignment:
    with acting(STAFF):
        return Assignment.objects.get(id=row.id)


def lapse(row, *, at) -> str:
    with acting(system(row.org_id)) as marketplace:
        work.lapse(assignment_ids=[row.id], by=marketplace, now=at)
    return fresh(row).state


def lines(row) -> list[tuple[str, int, int]]:
    with acting(STAFF):
        rows = EarningLine.objects.filter(assignment=row)
        return sorted((line.kind, line.net, line.fee) for line in rows)


def books_hold(at) -> bool:
    with acting(STAFF):
        assert ledger.prove().fault is None
        return [each.fault for each in checks.run(at) if each.fault] == []


@pytest.fixture
def sent(submitted, carol) -> tuple[Assignment, dt.datetime]:
    """Carol's answer, and a moment an hour into its review window."""
    row, at = submitted(carol)
    return row, at + HOUR


@pytest.fixture
def opened(sent, adam) -> Case:
    row, at = sent
    return accuse(row, adam, at=at)


@pytest.fixture
def found(opened, ada) -> Case:
    return decide(opened, ada, at=opened.opened_at + DAY)


@pytest.fixture
def eve(db):
    """A third administrator."""
    return accounts.user("eve", is_staff=True)


# ── Who may open one, and on what ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("rob", Involved), ("mia", Involved), ("alice", Involved), ("carol", Involved),
        ("fay", Involved), ("vic", Involved), ("dave", NotThere), ("gus", NotThere),
        ("ada", None), ("adam", None),
    ],
)  # fmt: skip
def test_who_may_open_it(request, sent, globex, name, refusal):
    row, at = sent
    user = request.getfixturevalue(name)
    if refusal is None:
        assert accuse(row, user, at=at).opened_by_id == user.id
        return
    with pytest.raises(refusal):
        accuse(row, user, at=at)
    assert fresh(row).review_stopped_at is None


def test_a_task_does_not_open_one(sent):
    row, at = sent
    with acting(system(row.org_id)) as marketplace, pytest.raises((Involved, NotThere)):
        cases.open_bad_faith(
            assignment_id=row.id, criterion="accuracy", signals=[CLOCK, PATTERN], reason=GROUNDS,
            by=marketplace, now=at,
        )  # fmt: skip


def test_an_administrator_who_belongs_to_the_buyer_does_not_open_one(sent, adam, acme):
    row, at = sent
    with acting(system(acme.id)):
        Membership.objects.create(org=acme, user=adam, role="reviewer", since=at)
    with pytest.raises(Involved, match="member of the buyer"):
        accuse(row, adam, at=at)


@pytest.mark.parametrize(
    ("signals", "sentence"),
    [
        ([], "No signal alone"),
        ([CLOCK], "No signal alone"),
        ([CLOCK, CLOCK], "counts once"),
        ([CLOCK, {**CLOCK, "evidence": "Said otherwise."}], "counts once"),
        ([COPIED, AGREES], "different measurements"),
        ([CLOCK, {"kind": "a feeling", "evidence": "Looks odd."}], "published kind"),
        ([CLOCK, {"kind": "straight_lining", "evidence": "  "}], "where it can be seen"),
    ],
)
def test_two_independent_signals_with_evidence(sent, adam, signals, sentence):
    row, at = sent
    with pytest.raises(Invalid, match=sentence):
        accuse(row, adam, at=at, signals=signals)
    assert fresh(row).review_stopped_at is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"reason": "x" * 99}, "at least 100"), ({"criterion": "taste"}, "line of the rubric")],
)
def test_a_reason_at_length_and_a_line_of_the_rubric(sent, adam, changes, sentence):
    row, at = sent
    with pytest.raises(Invalid, match=sentence):
        accuse(row, adam, at=at, **changes)


def test_only_an_answer_that_waits_for_its_verdict(sent, rejected, accepted, adam):
    # The three fixtures share carol's one answer only in name; each is refused for its own state.
    for row, at in (rejected, accepted):
        with pytest.raises(Conflict):
            accuse(row, adam, at=at)


def test_not_while_it_can_be_undone(submitted, carol, adam, now):
    row, _ = submitted(carol)
    with pytest.raises(Conflict, match="still undo"):
        accuse(row, adam, at=now + dt.timedelta(seconds=59))


def test_not_when_the_buyer_has_accepted(sent, rob, adam):
    row, at = sent
    accept(row, rob, at=at)
    with pytest.raises(Conflict, match="accepted this work already"):
        accuse(row, adam, at=at)


def test_what_silence_has_accepted_is_never_touched(sent, adam):
    """Nobody swept yet: the deadline has decided all the same, and is kept."""
    row, _ = sent
    with pytest.raises(Conflict, match="accepted and paid"):
        accuse(row, adam, at=row.review_due_at)
    assert fresh(row).state == "accepted"


# ── PostgreSQL's own refusals ───────────────────────────────────────────────────────────────────


def written(row, opener, at, **changes) -> Case:
    return Case(
        **{
            "kind": "bad_faith", "contributor_id": row.contributor_id, "org_id": row.org_id,
            "project_id": row.project_id, "assignment_id": row.id, "opened_by": opener,
            "opened_at": at, "due_at": at + DAY, "reason": GROUNDS, "criterion": "accuracy",
            "signals": [CLOCK, PATTERN], **changes,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"signals": []}, {"signals": {}}, {"signals": [CLOCK]}, {"signals": [CLOCK, CLOCK]},
        {"signals": [COPIED, AGREES]}, {"signals": [CLOCK, PATTERN, CLOCK]},
        {"signals": [CLOCK, {"kind": "a feeling", "evidence": "Looks odd."}]},
        {"signals": [CLOCK, {"kind": "straight_lining", "evidence": " "}]},
        {"reason": "x" * 99}, {"criterion": ""}, {"assignment_id": None},
    ],
)  # fmt: skip
def test_postgresql_refuses_what_the_action_refuses(sent, adam, changes):
    row, at = sent
    with acting(actor_of(adam)):
        with pytest.raises(IntegrityError), transaction.atomic():
            written(row, adam, at, **changes).save(force_insert=True)
        written(row, adam, at).save(force_insert=True)


def test_postgresql_lets_only_an_administrator_open_one_under_the_own_name(sent, rob, adam, ada):
    row, at = sent
    for actor, opener in (
        (actor_of(rob), rob), (actor_of(rob), adam), (system(row.org_id), adam),
        (actor_of(ada), adam),
    ):  # fmt: skip
        with acting(actor), pytest.raises(ProgrammingError, match="row-level security"):
            written(row, opener, at).save(force_insert=True)


def test_the_sources_in_postgresql_are_those_of_the_enum(db):
    with connection.cursor() as cursor:
        for kind in SignalKind:
            cursor.execute("SELECT cases_signal_source(%s)", [kind])
            assert cursor.fetchone()[0] == SIGNAL_SOURCES[kind]


@pytest.mark.parametrize(
    "changes",
    [{"reason": GROUNDS * 2}, {"signals": [CLOCK, COPIED]}, {"criterion": "other"}],
)
def test_the_accusation_does_not_change_while_it_is_answered(opened, adam, changes):
    with acting(STAFF), pytest.raises(DatabaseError, match="do not change"), transaction.atomic():
        Case.objects.filter(id=opened.id).update(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"review_stopped_until": dt.timedelta(days=7, seconds=1)},
        {"review_stopped_at": None},
        {"is_bad_faith": True},
    ],
)
def test_postgresql_bounds_the_stop_and_the_finding(opened, changes):
    until = changes.get("review_stopped_until")
    if until is not None:
        changes = {"review_stopped_until": opened.opened_at + until}
    with acting(STAFF), pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(id=opened.assignment_id).update(**changes)


# ── The window stands still ─────────────────────────────────────────────────────────────────────


def test_opening_it_stops_the_window_and_tells_everybody(carol, rob, ada, sent, opened):
    row, at = sent
    stopped = fresh(row)
    assert (stopped.review_stopped_at, stopped.review_stopped_until) == (at, at + 7 * DAY)
    assert stopped.review_due_at == stopped.next_due_at == row.review_due_at + 7 * DAY
    assert opened.due_at == at + 7 * DAY
    for user, kind, words in (
        (carol, "case.bad_faith", "given in bad faith"),
        (rob, "case.bad_faith", "stands still"),
        (ada, "staff.case", "waits for a decision"),
    ):
        with acting(actor_of(user)):
            notices = Notice.objects.filter(user=user, kind=kind)
            assert words in notices.get().title
    with acting(STAFF):
        event = AuditEvent.objects.get(type="case.opened", aggregate_id=opened.id)
    assert event.data["signals"] == ["answer_time", "straight_lining"]
    assert "Two seconds" not in str(event.data)


def test_while_it_is_open_the_buyer_does_not_decide(sent, opened, rob):
    row, at = sent
    for act in (accept, reject):
        with pytest.raises(Conflict, match="nobody decides over it before"):
            act(row, rob, at=at + DAY)
    assert fresh(row).state == "submitted"


def test_silence_does_not_accept_while_it_is_open(sent, opened):
    row, _ = sent
    last = opened.due_at - dt.timedelta(seconds=1)
    assert row.review_due_at < last
    assert lapse(row, at=last) == "submitted"


@pytest.mark.parametrize("is_swept", [True, False])
def test_without_a_decision_the_window_goes_on_by_itself(sent, opened, rob, is_swept):
    """The deadline decides, not the sweep: with or without it, the time left is the same."""
    row, at = sent
    if is_swept:
        sweep_all(now=opened.due_at)
        with acting(STAFF):
            opened.refresh_from_db()
        assert opened.state == CaseState.LAPSED
    left = row.review_due_at - at
    ends = opened.due_at + left
    assert lapse(row, at=ends - dt.timedelta(seconds=1)) == "submitted"
    assert lapse(row, at=ends + 30 * DAY) == "accepted"
    assert fresh(row).ended_at == ends
    assert lines(row) == [("base", BASE, FEE)]


def test_after_it_lapsed_the_buyer_decides_again(sent, opened, rob, carol):
    row, _ = sent
    reject(row, rob, at=opened.due_at)
    assert fresh(row).state == "rejected"
    assert lines(row) == [("kill_fee", 20, FEE)]


def test_nobody_decides_the_case_after_its_deadline(sent, opened, ada, carol):
    with pytest.raises(TooLate, match="the review window goes on"):
        decide(opened, ada, at=opened.due_at)
    with acting(STAFF):
        opened.refresh_from_db()
    assert (opened.state, opened.decided_at) == (CaseState.LAPSED, opened.due_at)
    with pytest.raises(Conflict):
        do(cases.answer, carol, at=opened.due_at + HOUR, case_id=opened.id, text=STATEMENT)


def test_the_window_stops_once(sent, opened, ada, adam):
    row, _ = sent
    decide(opened, ada, at=opened.opened_at + HOUR, is_granted=False)
    for at in (opened.opened_at + 2 * HOUR, opened.opened_at + 3 * HOUR):
        with pytest.raises(AlreadyOpen, match="no second"):
            accuse(row, ada, at=at)
    with pytest.raises(Conflict, match="stopped once"):
        do(work.stop_review, ada, at=opened.opened_at + 2 * HOUR, assignment_id=row.id)


# ── The contributor's side, and who decides ─────────────────────────────────────────────────────


def test_the_contributor_reads_everything_and_answers_once(opened, carol, client_of, clock_at):
    clock_at(opened.opened_at + HOUR)
    page = client_of(carol).get(reverse("cases:detail", args=[opened.id]))
    for words in (CLOCK["evidence"], PATTERN["evidence"], GROUNDS, "s of active time"):
        assert words in page.text
    posted = client_of(carol).post(
        reverse("cases:answer", args=[opened.id]), {"text": STATEMENT}, follow=True
    )
    assert STATEMENT in posted.text
    with pytest.raises(Conflict, match="made its statement already"):
        do(cases.answer, carol, at=opened.opened_at + DAY, case_id=opened.id, text=STATEMENT)


@pytest.mark.parametrize("name", ["dave", "rob", "alice", "ada", "adam", "gus"])
def test_nobody_answers_for_the_contributor(request, opened, globex, name):
    with pytest.raises((NotAllowed, NotThere)):
        do(
            cases.answer, request.getfixturevalue(name), at=opened.opened_at + HOUR,
            case_id=opened.id, text=STATEMENT,
        )  # fmt: skip


@pytest.mark.parametrize("name", ["adam", "rob", "alice", "carol"])
def test_whoever_opened_it_or_is_a_side_does_not_decide(request, opened, name):
    with pytest.raises(Involved):
        decide(opened, request.getfixturevalue(name), at=opened.opened_at + HOUR)


def test_a_finding_is_reasoned_like_a_rejection(opened, ada):
    with pytest.raises(Invalid, match="at least 100 characters"):
        decide(opened, ada, at=opened.opened_at + HOUR, decision="It is plain to see. " * 4)
    decide(
        opened, ada, at=opened.opened_at + HOUR, is_granted=False,
        decision="Forty known sentences explain the seconds.",
    )  # fmt: skip


# ── The money ───────────────────────────────────────────────────────────────────────────────────


def test_found_it_is_rejected_without_a_kill_fee_and_everything_stays_held(
    sent, found, carol, acme, ada
):
    row, _ = sent
    before = (row.held_pay, row.held_fee)
    now = fresh(row)
    assert (now.state, now.is_bad_faith) == ("rejected", True)
    assert now.appeal_due_at == now.next_due_at == found.decided_at + 14 * DAY
    assert (now.held_pay, now.held_fee) == before
    assert payable(carol.id) == 0
    assert held(acme.id, row.project_id)[1] == now.held
    assert lines(row) == [("kill_fee", 0, 0)]
    with acting(STAFF):
        verdict = now.verdicts.get()
        reason = EarningLine.objects.get(assignment=row).reason
    assert (verdict.outcome, verdict.is_bad_faith) == ("rejected", True)
    assert (verdict.criterion, verdict.decided_by_id) == ("accuracy", ada.id)
    assert len(verdict.note) >= 100
    assert CLOCK["evidence"] in verdict.evidence
    assert "not done in good faith" in reason
    assert books_hold(found.decided_at)


def test_found_and_not_appealed_the_money_goes_back_but_for_the_floor_on_the_time(
    sent, found, carol, acme
):
    row, _ = sent
    assert lapse(row, at=found.decided_at + 14 * DAY) == "final"
    now = fresh(row)
    assert (now.held_pay, now.held_fee) == (0, 0)
    assert payable(carol.id) == 0
    assert books_hold(found.decided_at + 14 * DAY)


def appeal(row, user, *, at) -> Case:
    return do(cases.appeal, user, at=at, assignment_id=row.id, reason=REASON)


def test_found_and_upheld_on_appeal(sent, found, carol, eve):
    row, _ = sent
    filed = appeal(row, carol, at=found.decided_at + DAY)
    decide(filed, eve, at=found.decided_at + 2 * DAY, is_granted=False)
    assert fresh(row).state == "final"
    assert fresh(row).is_bad_faith
    assert payable(carol.id) == 0
    assert books_hold(found.decided_at + 2 * DAY)


def test_found_and_overturned_on_appeal_pays_in_full_at_once(sent, found, carol, eve):
    row, _ = sent
    filed = appeal(row, carol, at=found.decided_at + DAY)
    decide(filed, eve, at=found.decided_at + 2 * DAY)
    now = fresh(row)
    assert (now.state, now.is_bad_faith, now.held_pay) == ("overturned", False, 0)
    assert payable(carol.id) == BASE
    assert lines(row) == [("base", BASE, FEE), ("kill_fee", 0, 0)]
    assert books_hold(found.decided_at + 2 * DAY)


def test_an_appeal_that_nobody_decides_pays_in_full(sent, found, carol):
    row, _ = sent
    filed = appeal(row, carol, at=found.decided_at + DAY)
    sweep_all(now=filed.due_at)
    assert fresh(row).state == "overturned"
    assert payable(carol.id) == BASE
    assert books_hold(filed.due_at)


@pytest.mark.parametrize("name", ["ada", "adam"])
def test_who_decided_or_opened_it_does_not_decide_the_appeal(request, sent, found, carol, name):
    row, _ = sent
    filed = appeal(row, carol, at=found.decided_at + DAY)
    with pytest.raises(Involved):
        decide(filed, request.getfixturevalue(name), at=filed.opened_at + HOUR)


def test_not_found_the_window_goes_on_and_silence_accepts_at_the_right_moment(
    sent, opened, ada, carol
):
    row, at = sent
    decided = at + DAY
    decide(opened, ada, at=decided, is_granted=False)
    ends = decided + (row.review_due_at - at)
    assert fresh(row).review_due_at == fresh(row).next_due_at == ends
    assert lapse(row, at=ends - dt.timedelta(seconds=1)) == "submitted"
    assert lapse(row, at=ends) == "accepted"
    assert payable(carol.id) == BASE
    with acting(actor_of(carol)):
        told = Notice.objects.filter(user=carol, kind="case.bad_faith")
        assert any("was not found" in notice.body for notice in told)
    assert books_hold(ends)


def test_a_settlement_waits_for_the_appeal_of_a_finding(sent, found, carol):
    row, _ = sent
    with acting(STAFF):
        # Two minutes of work: the floor on them is the whole base.
        Assignment.objects.filter(id=row.id).update(active_seconds=120)
    before = fresh(row)
    with acting(system(row.org_id)) as marketplace:
        work.settle(project_id=row.project_id, by=marketplace, now=found.decided_at + DAY)
    after = fresh(row)
    assert (after.held, after.is_topped_up) == (before.held, False)
    end = found.decided_at + 14 * DAY
    assert lapse(row, at=end) == "final"
    with acting(system(row.org_id)) as marketplace:
        work.settle(project_id=row.project_id, by=marketplace, now=end)
    # The kill fee is gone; the floor on the time that was counted is not.
    assert payable(carol.id) == BASE
    assert books_hold(end)


def test_the_wage_file_says_so_and_why(sent, found, published):
    row, _ = sent
    with acting(system(row.org_id)):
        (line,) = [each for each in wage_lines(published, b"k") if each["line"] == "assignment"]
    assert line["rejection"]["ground"] == "bad faith"
    assert "no kill fee" in line["rejection"]["why"]
    assert (line["net"], line["fee"], line["codes"]) == (0, 0, ["bad_faith"])


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


def test_staff_opens_it_from_the_persons_page_and_finds_it_on_the_home(
    sent, adam, ada, carol, client_of, clock_at
):
    row, at = sent
    clock_at(at)
    client = client_of(adam)
    url = reverse("cases:bad-faith", args=[row.id])
    assert url in client.get(reverse("pages:staff-person", args=[carol.id])).text
    assert "Answer time far outside" in client.get(url).text

    form = {"criterion": "accuracy", "reason": GROUNDS, "signal_answer_time": CLOCK["evidence"]}
    refused = client.post(url, form)
    assert refused.status_code == 422
    assert "No signal alone is enough" in refused.text
    assert CLOCK["evidence"] in refused.text

    form["signal_straight_lining"] = PATTERN["evidence"]
    page = client.post(url, form, follow=True)
    assert page.status_code == 200
    assert "does not decide it; another administrator does" in page.text
    with acting(STAFF):
        case = Case.objects.get(kind="bad_faith")
        assert AuditEvent.objects.filter(
            type="staff.viewed", org_id=row.org_id, actor_id=adam.id
        ).exists()
    address = reverse("cases:detail", args=[case.id])
    assert address in client_of(ada).get(reverse("pages:staff")).text

    short = {
        "is_granted": "granted",
        "decision": PLAIN,
    }
    refused = client_of(ada).post(reverse("cases:decide", args=[case.id]), short)
    assert refused.status_code == 422
    assert "at least 100 characters" in refused.text
    done = client_of(ada).post(
        reverse("cases:decide", args=[case.id]), {**short, "decision": GROUNDS}, follow=True
    )
    assert "Bad faith was found" in done.text
    seen = client_of(carol).get(address)
    assert reverse("cases:appeal", args=[row.id]) in seen.text
    assert "not done in good faith" in client_of(carol).get(reverse("work:history")).text


def test_the_buyer_sees_why_there_is_no_verdict_now(sent, opened, rob, client_of, clock_at):
    row, at = sent
    clock_at(at + HOUR)
    with acting(STAFF):
        answer = row.submissions.get()
    client, url = client_of(rob), reverse("work:review-submission", args=[answer.id])
    page = client.get(url)
    assert "case of bad faith about this answer" in page.text
    assert "Decide</button>" not in page.text
    refused = client.post(url, {"outcome": "accept"})
    assert refused.status_code == 409
    assert "nobody decides over it before" in refused.text


def test_the_rules_page_says_it(client_of, db):
    page = client_of(None).get(reverse("pages:rules")).text
    assert "Only administrators of the platform find it" in page
    assert "near-duplicate of other people" in page


def test_an_id_of_nothing(db, adam, client_of):
    assert client_of(adam).get(reverse("cases:bad-faith", args=[uuid7()])).status_code == 404
