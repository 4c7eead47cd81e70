"""Bad faith: called by one administrator on two signals, answered, decided by another one."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.accounts.queries import staff_ids
from apps.cases import queries, rules
from apps.cases.actions import records
from apps.cases.enums import CaseKind, SignalKind
from apps.cases.errors import AlreadyOpen
from apps.cases.models import BAD_FAITH_REASON_MINIMUM, Case
from apps.cases.permissions import check_may_open_bad_faith
from apps.core.errors import Invalid, NotThere
from apps.core.tenancy import Actor
from apps.work import actions as work
from apps.work.actions.verdicts import check_criterion
from apps.work.actions.windows import keeps_deadlines
from apps.work.models import Assignment


@keeps_deadlines
def open_bad_faith(
    *,
    assignment_id: uuid.UUID,
    criterion: str,
    signals: Sequence[Mapping[str, str]],
    reason: str,
    by: Actor,
    now: dt.datetime,
) -> Case:
    """Say that a submitted answer was not given in good faith. Stops its review window, once.

    `signals` are {kind, evidence}: two at least, of different origin (`SIGNAL_SOURCES`). The
    contributor is told at once and sees all of it. Without a decision in time nothing is found.
    """
    with transaction.atomic():
        rows = Assignment.objects.visible_to(by).select_for_update(of=("self",), no_key=True)
        row = rows.select_related("criteria").filter(id=assignment_id).first()
        if row is None:
            raise NotThere("There is no such work.")
        opener = check_may_open_bad_faith(by, row)
        if Case.objects.filter(assignment_id=row.id, kind=CaseKind.BAD_FAITH).exists():
            raise AlreadyOpen("There was a case of bad faith about this work; there is no second.")
        text = records.written(reason, field="reason", minimum=_minimum(), what="The reason")
        check_criterion(row, criterion)
        cited = _cited(signals, queries.measured(row))
        stopped = work.stop_review(assignment_id=row.id, by=by, now=now)
        if stopped.review_stopped_until is None:
            raise NotThere("The review window of this work does not stand still.")
        case = Case(
            kind=CaseKind.BAD_FAITH,
            contributor_id=row.contributor_id,
            org_id=row.org_id,
            project_id=row.project_id,
            assignment_id=row.id,
            opened_by_id=opener,
            opened_at=now,
            reason=text,
            criterion=criterion,
            signals=cited,
            due_at=stopped.review_stopped_until,
        )
        records.opened(case, by=by, now=now)
        _tell(case, by=by, now=now)
        return case


def _minimum() -> int:
    return max(settings.WAGEFILE["rejection_note_minimum"], BAD_FAITH_REASON_MINIMUM)


def _cited(signals: Sequence[Mapping[str, str]], measured: Mapping[str, str]) -> list[dict]:
    """The signals as they are kept, with what the platform's own numbers say of each."""
    kinds = [signal.get("kind", "") for signal in signals]
    for kind in kinds:
        if kind not in SignalKind.values:
            raise Invalid("This is not a published kind of signal.", field="signals")
        if kinds.count(kind) > 1:
            raise Invalid(
                f"The same signal counts once: {SignalKind(kind).label.lower()}.", field="signals"
            )
    for signal in signals:
        if not signal.get("evidence", "").strip():
            raise Invalid("Say for each signal where it can be seen.", field="signals")
    if rules.independent(kinds) < rules.SIGNALS_MINIMUM:
        raise Invalid(
            "No signal alone is enough: cite two at least that come from different measurements. "
            "Agreement and near-duplicates are both read off other people's answers.",
            field="signals",
        )
    return [
        {
            "kind": signal["kind"],
            "evidence": signal["evidence"].strip(),
            "measured": measured.get(signal["kind"], ""),
        }
        for signal in signals
    ]


def _tell(case: Case, *, by: Actor, now: dt.datetime) -> None:
    until = f"{case.due_at:%d %B %Y, %H:%M} UTC"
    body = (
        f"{case.reason}\n\nRead the signals and the evidence, and answer on the page. Another "
        f"administrator decides by {until}; otherwise nothing is found. Until then nobody decides "
        "over this work and nothing is paid or lost."
    )
    title = "An answer of yours is said to be given in bad faith"
    records.tell(case, [case.contributor_id], title, body, now=now)
    title = "A review window stands still: a case of bad faith is open"
    body = f"At the latest on {until} it goes on with the time that was left."
    records.tell(case, records.buyers_of(case), title, body, now=now)
    title = "A case of bad faith waits for a decision"
    body = f"Another administrator decides by {until}."
    records.tell(case, staff_ids(), title, body, now=now, besides=by.user_id)


def check_decision(text: str) -> None:
    """A finding becomes the note of a rejection, so it is as long as one."""
    records.written(
        text, field="decision", minimum=_minimum(), what="The reason of a finding of bad faith"
    )


def carry_out(case: Case, *, is_granted: bool, by: Actor, now: dt.datetime) -> None:
    """Found: rejected without a kill fee. Not found: the window goes on. Silence does nothing:
    the end of the stop was set when it began.
    """
    if case.assignment_id is None:
        raise NotThere("This case is about no work.")
    if not is_granted:
        work.resume_review(assignment_id=case.assignment_id, by=by, now=now)
        return
    check_decision(case.decision)
    work.reject_bad_faith(
        assignment_id=case.assignment_id,
        criterion=case.criterion,
        note=case.decision,
        evidence=evidence(case.signals),
        by=by,
        now=now,
    )


def evidence(signals: Sequence[Mapping[str, Any]]) -> str:
    """The signals as the evidence of a rejection, a line each."""
    lines = []
    for signal in signals:
        said = f" ({signal['measured']})" if signal["measured"] else ""
        lines.append(f"{SignalKind(signal['kind']).label}: {signal['evidence']}{said}")
    return "\n".join(lines)
