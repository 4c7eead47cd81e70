"""The contributor's pages: read the offer, agree, work, hand in, see the money."""

import csv
import datetime as dt
import io
import re

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import ContributorProfile
from apps.core import blobs
from apps.core.tenancy import Actor, acting
from apps.projects.models import Asset, GoldAnswer, Item, Offer
from apps.projects.queries import pictures
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine, Enrolment, Submission
from apps.work.queries import earnings

NOTE = "The sentence ends with a question mark and asks for the time; the answer says no. " * 2
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def questions(project, acme):
    """A live project whose first tier needs no qualification."""
    return project(acme, gold=0, limits={"newcomer_share_percent": 100})


@pytest.fixture
def at_work(client_of, carol, questions):
    """Carol's browser after she has joined."""
    client = client_of(carol)
    assert join(client, questions).status_code == 302
    return client


def join(client, project, tier="general", **changes):
    data = {"tier": tier, "has_consented": "on", "criteria": str(project.criteria_id)}
    return client.post(reverse("work:enrol", args=[project.id]), {**data, **changes})


def take(client, project):
    """Claim through the page; the assignment's id."""
    response = client.post(reverse("work:claim", args=[project.id]))
    assert response.status_code == 302, response.content.decode()
    return re.search(r"assignments/([0-9a-f-]{36})/", response.url)[1]


def send(client, name, assignment_id, **data):
    return client.post(reverse(f"work:{name}", args=[assignment_id]), data)


def text_of(response, status=200):
    assert response.status_code == status, response.content.decode()[:2000]
    return re.sub(r"\s+", " ", response.content.decode())


def mine(user):
    return Actor(kind="person", user_id=user.id)


def row(user, assignment_id):
    with acting(mine(user)):
        return Assignment.objects.get(id=assignment_id)


# ── Board and offer ─────────────────────────────────────────────────────────────────────────────


def test_the_board_says_what_an_item_pays_before_anybody_signs_in(client_of, questions):
    page = text_of(client_of(None).get(reverse("work:board")))
    for said in ("$0.40", "fee $0.06", "buyer pays $0.46", "nobody yet", "floor $12.00"):
        assert said in page
    assert "Alice owns all of it." in page
    assert "A text classifier." in page


def test_the_board_shows_what_people_before_earned(client_of, carol, questions):
    figures = {
        "hourly_median": 1520, "hourly_p25": 1210, "people_paid": 7, "pass_rate": 0.625,
        "items_left": 1234, "accepted": 90, "rejected": 10, "seconds_to_money": 7200,
    }  # fmt: skip
    Offer.objects.filter(project=questions).update(figures=figures)
    page = text_of(client_of(carol).get(reverse("work:board")))
    for said in ("$15.20", "median of 7", "$12.10", "62%", "1,234", "2 h", "90 accepted", "(10%)"):
        assert said in page
    offer = text_of(client_of(carol).get(reverse("work:offer", args=[questions.id])))
    assert "Floor $12.00, A quarter up to $12.10, Median $15.20" in offer


def test_a_simulated_crowd_is_called_so(client_of, carol, questions, as_, alice):
    with acting(as_(alice)):
        questions.is_simulated = True
        questions.save()
    for name, args in (("board", []), ("offer", [questions.id])):
        assert "Simulated crowd" in text_of(
            client_of(carol).get(reverse(f"work:{name}", args=args))
        )


def test_only_live_listed_projects_are_on_the_board(client_of, carol, questions):
    url = reverse("work:board")
    Offer.objects.filter(project=questions).update(state="paused")
    assert questions.title not in text_of(client_of(carol).get(url))
    Offer.objects.filter(project=questions).update(state="live", is_listed=False)
    assert questions.title not in text_of(client_of(carol).get(url))
    assert client_of(carol).get(reverse("work:offer", args=[questions.id])).status_code == 404


def test_the_offer_says_everything_before_it_asks(client_of, carol, questions):
    page = text_of(client_of(carol).get(reverse("work:offer", args=[questions.id])))
    for said in (
        "Right answer", "Read to the end", "defensible",  # the rubric with its anchors
        "Rejected in good faith", "$0.20",  # the kill fee, worked
        "A slow item", "all 120 seconds that are paid",
        "Agreement with others", "Gold items",  # signals
        "CC BY 4.0", "Until the first release.",  # consent
        "72 hours", "14 days", "60 seconds", "30%", "15% of base",
        questions.criteria.sha256, "Criteria version 1",
    ):  # fmt: skip
        assert said in page, said
    assert "I have read the offer and agree" in page


def test_a_slow_item_is_topped_up_in_the_example(client_of, carol, project, acme):
    slow = project(acme, pay={"paid_seconds_max": 300})
    page = text_of(client_of(carol).get(reverse("work:offer", args=[slow.id])))
    assert "$0.60 — Top-up to the floor of $12.00 an hour over 300 seconds" in page
    assert "$1.00" in page


def test_what_is_missing_is_said_before_and_the_closed_tier_cannot_be_chosen(
    client_of, carol, project, acme
):
    base = {"credentials": [], "languages": [], "regions": [], "qualification": None}
    closed = project(
        acme,
        qualification=0,
        tiers=[
            {**base, "key": "de", "title": "Germany", "regions": ["DE"]},
            {**base, "key": "fr", "title": "French", "languages": ["fr"]},
            {**base, "key": "law", "title": "Lawyers", "credentials": ["lawyer"]},
        ],
    )
    client = client_of(carol)
    page = text_of(client.get(reverse("work:offer", args=[closed.id])))
    assert "It is open to people in DE; you are in US." in page
    assert "It needs fr among the languages of your profile." in page
    assert "It needs a verified credential: lawyer." in page
    assert "No tier is open to you now" in page
    assert join(client, closed, tier="de").status_code == 422
    with acting(mine(carol)):
        assert not Enrolment.objects.filter(contributor=carol).exists()


def test_without_consent_nobody_joins(client_of, carol, questions):
    client = client_of(carol)
    text_of(join(client, questions, has_consented=""), 422)
    with acting(mine(carol)):
        assert not Enrolment.objects.filter(contributor=carol).exists()


def test_a_version_published_while_reading_has_to_be_read_again(client_of, carol, questions):
    other = "01999999-0000-7000-8000-000000000000"
    page = text_of(join(client_of(carol), questions, criteria=other), 422)
    assert "published a new version while you read" in page
    assert str(questions.criteria_id) in page
    with acting(mine(carol)):
        assert not Enrolment.objects.filter(contributor=carol).exists()


def test_the_desk_of_a_project_one_has_not_joined_is_its_offer(client_of, carol, questions):
    response = client_of(carol).get(reverse("work:desk", args=[questions.id]))
    assert response.url == reverse("work:offer", args=[questions.id])


# ── The work page ───────────────────────────────────────────────────────────────────────────────


def test_work_from_claim_to_submission_with_plain_forms_alone(at_work, carol, questions):
    assignment_id = take(at_work, questions)
    page = text_of(at_work.get(reverse("work:assignment", args=[assignment_id])))
    assert "Is this sentence a question?" in page
    assert "Sentence number" in page
    assert "$0.40" in page and "$0.20" in page  # accepted, rejected
    assert take(at_work, questions) == assignment_id  # an open claim is given again

    response = send(at_work, "submit", assignment_id, **{"answer.choice": "yes"})
    assert response.url == reverse("work:desk", args=[questions.id])
    desk = text_of(at_work.get(response.url))
    assert "You can take it back until" in desk
    assert "Take the next item" in desk
    with acting(mine(carol)):
        assert Submission.objects.get(assignment_id=assignment_id).answer == {"choice": "yes"}


def test_a_gate_answers_in_the_page_and_loses_nothing(client_of, carol, project, acme):
    config = {"question": "Which is better?", "needs_reason": True, "allows_tie": True}
    pairs = project(
        acme, gold=0, qualification=0, limits={"newcomer_share_percent": 100},
        task={"type": "pairwise", "config": config},
    )  # fmt: skip
    with acting(Actor(kind="staff", user_id=carol.id)):
        payload = {"prompt": "Why <b>blue</b>?", "a": "Air.", "b": "Sea."}
        Item.objects.filter(project=pairs).update(payload=payload)
    client = client_of(carol)
    join(client, pairs)
    assignment_id = take(client, pairs)
    assert "Why &lt;b&gt;blue" in text_of(
        client.get(reverse("work:assignment", args=[assignment_id]))
    )
    sent = {"answer.choice": "b", "answer.reason": "too short"}
    page = text_of(send(client, "submit", assignment_id, **sent), 422)
    assert "Give a reason of at least 20 characters." in page
    assert "too short</textarea>" in page
    assert re.search(r'value="b"[^>]*checked', page)
    assert row(carol, assignment_id).state == "claimed"
    text_of(send(client, "submit", assignment_id, **{"answer.choice": ""}), 422)


def test_a_draft_survives_a_closed_browser(at_work, client_of, carol, questions):
    assignment_id = take(at_work, questions)
    url = reverse("work:draft", args=[assignment_id])
    saved = at_work.post(url, {"answer.choice": "unclear"}, headers={"accept": "application/json"})
    assert saved.json()["active_seconds"] == 0
    page = text_of(client_of(carol).get(reverse("work:assignment", args=[assignment_id])))
    assert re.search(r'value="unclear"[^>]*checked', page)
    plain = at_work.post(url, {"answer.choice": "no"})
    assert plain.url == reverse("work:assignment", args=[assignment_id])


def test_undo_brings_the_answer_back_and_ends_after_a_minute(
    at_work, carol, questions, now, clock_at
):
    assignment_id = take(at_work, questions)
    send(at_work, "submit", assignment_id, **{"answer.choice": "no"})
    assert "Undo" in text_of(at_work.get(reverse("work:assignment", args=[assignment_id])))
    assert send(at_work, "undo", assignment_id).status_code == 302
    page = text_of(at_work.get(reverse("work:assignment", args=[assignment_id])))
    assert re.search(r'value="no"[^>]*checked', page)

    send(at_work, "submit", assignment_id, **{"answer.choice": "yes"})
    clock_at(now + dt.timedelta(seconds=61))
    assert "The time for undoing is over" in text_of(send(at_work, "undo", assignment_id), 409)
    assert "Undo" not in text_of(at_work.get(reverse("work:desk", args=[questions.id])))


def test_a_double_click_is_one_submission(at_work, carol, questions):
    assignment_id = take(at_work, questions)
    for _ in range(2):
        assert send(at_work, "submit", assignment_id, **{"answer.choice": "no"}).status_code == 302
    page = text_of(send(at_work, "submit", assignment_id, **{"answer.choice": "yes"}), 409)
    assert "already submitted" in page
    with acting(mine(carol)):
        assert Submission.objects.filter(assignment_id=assignment_id).count() == 1


def test_the_server_measures_what_the_script_reports(at_work, carol, questions, now, clock_at):
    assignment_id = take(at_work, questions)

    def beat(after, **data):
        clock_at(now + dt.timedelta(seconds=after))
        return send(at_work, "beat", assignment_id, **{"is_visible": "1", **data}).json()

    assert beat(15, had_input="1", on_instructions="1")["active_seconds"] == 15
    assert beat(30, had_input="0")["active_seconds"] == 30  # the last input is 15 seconds old
    # In a page that nobody sees nothing is input: a minute after the last one it is idle time.
    hidden = [beat(s, had_input="1", is_visible="0") for s in (60, 90, 120)][-1]
    assert (hidden["active_seconds"], hidden["idle_seconds"]) == (60, 60)
    assert row(carol, assignment_id).instruction_seconds == 15
    assert hidden["cap_seconds"] == 720 and not hidden["is_capped"]
    assert hidden["floor"] == "$0.20"


def test_loading_the_page_is_a_heartbeat(at_work, carol, questions, now, clock_at):
    assignment_id = take(at_work, questions)
    clock_at(now + dt.timedelta(seconds=40))
    text_of(at_work.get(reverse("work:assignment", args=[assignment_id])))
    assert row(carol, assignment_id).active_seconds == 40


def test_an_expired_hold_says_so_and_keeps_what_was_typed(at_work, carol, questions, now, clock_at):
    assignment_id = take(at_work, questions)
    clock_at(now + dt.timedelta(minutes=31))
    page = text_of(send(at_work, "submit", assignment_id, **{"answer.choice": "no"}), 409)
    assert "hold on this item ran out" in page
    assert re.search(r'value="no"[^>]*checked', page)
    assert "detail" in send(at_work, "beat", assignment_id, had_input="1").json()


@pytest.mark.parametrize("reason", ["skip", "given_back", "broken"])
def test_an_item_can_be_given_back(at_work, carol, questions, reason):
    assignment_id = take(at_work, questions)
    response = send(at_work, "give-back", assignment_id, reason=reason, note="Empty text")
    assert response.url == reverse("work:desk", args=[questions.id])
    assert "Your time on it counts" in text_of(at_work.get(response.url))
    given = row(carol, assignment_id)
    assert (given.state, given.give_back_reason) == ("given_back", reason)


def test_a_broken_item_needs_a_word_and_a_reason_has_to_be_one(at_work, carol, questions):
    assignment_id = take(at_work, questions)
    page = text_of(send(at_work, "give-back", assignment_id, reason="broken"), 422)
    assert "Say in a few words what is broken." in page
    text_of(send(at_work, "give-back", assignment_id, reason="bored", note="kept words"), 422)
    assert row(carol, assignment_id).state == "claimed"


def test_with_no_item_left_the_desk_says_so(client_of, carol, project, acme):
    small = project(
        acme, how_many=1, gold=0, qualification=0, limits={"newcomer_share_percent": 100}
    )
    client = client_of(carol)
    join(client, small)
    send(client, "submit", take(client, small), **{"answer.choice": "no"})
    page = text_of(client.post(reverse("work:claim", args=[small.id])), 409)
    assert "There is no item for you now" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_reaches_the_work_of_somebody_else(at_work, client_of, dave, questions, method):
    assignment_id = take(at_work, questions)
    other = client_of(dave)
    names = {"get": ["assignment"], "post": ["beat", "draft", "submit", "undo", "give-back"]}[
        method
    ]
    for name in names:
        url = reverse(f"work:{name}", args=[assignment_id])
        data = {"reason": "skip", "answer.choice": "no"} if method == "post" else {}
        assert getattr(other, method)(url, data).status_code == 404, name


def test_gold_and_ordinary_items_look_alike(client_of, carol, project, acme):
    """The page of an item with a known answer differs from another's in text and ids alone."""
    mixed = project(
        acme, how_many=4, gold=2, gold_percent=50, limits={"newcomer_share_percent": 100}
    )
    client = client_of(carol)
    join(client, mixed)
    pages, kinds = set(), set()
    # The first assignment has the time for the instructions on top, whatever its item is.
    send(client, "submit", take(client, mixed), **{"answer.choice": "yes"})
    for _ in range(3):
        assignment_id = take(client, mixed)
        with acting(Actor(kind="staff", user_id=carol.id)):
            kinds.add(GoldAnswer.objects.filter(item__assignments=assignment_id).exists())
        page = text_of(client.get(reverse("work:assignment", args=[assignment_id])))
        page = page.replace(assignment_id, "ID")
        pages.add(
            re.sub(r'Sentence number \d|value="[A-Za-z0-9]{64}"|"X-CSRFToken": "\w+"', "", page)
        )
        send(client, "submit", assignment_id, **{"answer.choice": "yes"})
        text_of(client.get(reverse("work:desk", args=[mixed.id])))
    assert kinds == {True, False}
    assert len(pages) == 1


# ── Qualification ───────────────────────────────────────────────────────────────────────────────


def qualify(client, project, carol, *, right):
    """Five items, this many of them right."""
    assert join(client, project, tier="tested").status_code == 302
    for number in range(5):
        assignment_id = take(client, project)
        with acting(Actor(kind="staff", user_id=carol.id)):
            gold = Assignment.objects.get(id=assignment_id).item.gold.answer["choice"]
        choice = gold if number < right else "unclear"
        response = send(client, "submit", assignment_id, **{"answer.choice": choice})
    return response


def test_a_failed_qualification_pays_says_why_and_when_again(
    client_of, carol, questions, now, clock_at
):
    client = client_of(carol)
    response = qualify(client, questions, carol, right=2)
    assert response.url == reverse("work:qualification", args=[questions.id])
    page = text_of(client.get(response.url))
    assert "Not passed: 2 of 5 right" in page
    assert page.count("Not right") == 3
    assert "It is known." in page
    assert "9 Mar 2026" in page  # seven days later
    assert "paid $2.00" in page
    assert "You can try again from" in text_of(
        client.get(reverse("work:offer", args=[questions.id]))
    )

    clock_at(now + dt.timedelta(days=7, seconds=1))
    assert "Agree and try again" in text_of(client.get(reverse("work:offer", args=[questions.id])))


def test_a_passed_qualification_opens_the_work(client_of, carol, questions):
    client = client_of(carol)
    response = qualify(client, questions, carol, right=5)
    assert "Passed: 5 of 5 right" in text_of(client.get(response.url))
    assert row(carol, take(client, questions)).kind == "work"


def test_the_result_page_before_the_first_item_and_for_others(client_of, carol, dave, questions):
    client = client_of(carol)
    join(client, questions, tier="tested")
    url = reverse("work:qualification", args=[questions.id])
    assert "No item is marked yet" in text_of(client.get(url))
    assert client_of(dave).get(url).status_code == 404


# ── What came of it ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def rejected(at_work, carol, questions, rob, as_, now, clock_at):
    """Carol's answer, rejected by rob two minutes later."""
    assignment_id = take(at_work, questions)
    clock_at(now + dt.timedelta(seconds=30))
    send(at_work, "submit", assignment_id, **{"answer.choice": "no"})
    later = clock_at(now + dt.timedelta(hours=2))
    with acting(as_(rob)) as by:
        submission = Submission.objects.get(assignment_id=assignment_id)
        work.reject(
            submission_id=submission.id, criterion="accuracy", note=NOTE,
            evidence="It ends with a question mark.", by=by, now=later,
        )  # fmt: skip
    return assignment_id


def test_my_work_cites_the_verdict_and_leads_to_appeal_and_dispute(at_work, carol, rejected):
    with acting(mine(carol)):
        line = EarningLine.objects.get(assignment=rejected)
    for page in (
        text_of(at_work.get(reverse("work:history"))),
        text_of(at_work.get(reverse("work:assignment", args=[rejected]))),
    ):
        assert "Your answer: <strong>No</strong>" in page
        assert "Right answer" in page
        assert "asks for the time" in page
        assert "It ends with a question mark." in page
        assert "keeps 50% of the base" in page
        assert "16 Mar 2026" in page and "in 14 days" in page
        assert "gold" not in page
        assert reverse("cases:appeal", args=[rejected]) in page
        assert reverse("cases:dispute", args=[line.id]) in page


def test_rework_shows_what_is_asked_and_takes_a_second_answer(
    at_work, carol, questions, rob, as_, now, clock_at
):
    assignment_id = take(at_work, questions)
    send(at_work, "submit", assignment_id, **{"answer.choice": "no"})
    later = clock_at(now + dt.timedelta(hours=2))
    with acting(as_(rob)) as by:
        submission = Submission.objects.get(assignment_id=assignment_id)
        work.ask_rework(
            submission_id=submission.id, criterion="care", note="Read the end again.",
            by=by, now=later,
        )  # fmt: skip
    assert "Rework asked" in text_of(at_work.get(reverse("work:history")))
    page = text_of(at_work.get(reverse("work:assignment", args=[assignment_id])))
    assert "Read to the end" in page and "Read the end again." in page
    assert "5 Mar 2026, 11:00" in page
    assert "$0.60" in page  # the base and the round on top
    assert re.search(r'value="no"[^>]*checked', page)
    assert "Give it back" not in page
    assert send(at_work, "submit", assignment_id, **{"answer.choice": "yes"}).status_code == 302
    assert row(carol, assignment_id).state == "submitted"
    assert "Undo" not in text_of(at_work.get(reverse("work:desk", args=[questions.id])))


def statement_lines(client):
    """The lines of the CSV of this month's statement."""
    response = client.get(reverse("money:statement-csv", args=["2026-03"]))
    assert response["Content-Disposition"].startswith("attachment")
    text = b"".join(response.streaming_content).decode()
    return [row for row in csv.DictReader(io.StringIO(text)) if row["row"] == "line"]


def test_earnings_add_up_line_by_line_and_as_csv(at_work, carol, rejected):
    page = text_of(at_work.get(reverse("work:earnings")))
    assert "$0.20" in page and "$0.06" in page and "$0.26" in page
    assert "$24.00" not in page and "not yet" in page  # 30 seconds give no rate an hour
    rows = statement_lines(at_work)
    with acting(mine(carol)):
        lines = list(EarningLine.objects.filter(contributor=carol))
    assert [row["line"] for row in rows] == [str(line.id) for line in lines]
    assert {int(row["gross"]) - int(row["fee"]) for row in rows} == {20}
    assert rows[0]["criteria_version"] == "1"


def test_the_weeks_of_earnings_begin_on_monday_and_show_what_was_earned(at_work, carol, rejected):
    with acting(mine(carol)):
        net = sum(line.net for line in EarningLine.objects.filter(contributor=carol))
        at = EarningLine.objects.filter(contributor=carol).latest("at").at
        (weeks,) = earnings.by_week(mine(carol), at + dt.timedelta(weeks=1))
        assert earnings.by_week(mine(carol), at + dt.timedelta(weeks=9)) == []
    monday = at.date() - dt.timedelta(days=at.weekday())
    first = [monday + dt.timedelta(weeks=week) for week in (-2, -1, 0, 1)]
    assert [label for label, _ in weeks.points] == [f"{day.day} {day:%b}" for day in first]
    assert [amount for _, amount in weeks.points] == [0, 0, net, 0]


def test_earnings_and_history_stay_open_to_a_deactivated_account(at_work, carol, rejected, now):
    with acting(mine(carol)):
        ContributorProfile.objects.filter(user=carol).update(deactivated_at=now)
    for name in ("work:earnings", "money:statements", "work:history"):
        assert at_work.get(reverse(name)).status_code == 200


def test_nobody_sees_the_lines_of_somebody_else(client_of, dave, rejected):
    client = client_of(dave)
    assert "No earning lines yet" in text_of(client.get(reverse("work:earnings")))
    assert statement_lines(client) == []
    assert "not done anything" in text_of(client.get(reverse("work:history")))


def test_a_title_that_begins_like_a_formula_stays_text(
    client_of, carol, project, acme, now, clock_at
):
    named = project(acme, title="=1+1", gold=0, limits={"newcomer_share_percent": 100})
    client = client_of(carol)
    qualify(client, named, carol, right=5)
    rows = statement_lines(client)
    assert {row["project_title"] for row in rows} == {"'=1+1"}


@pytest.mark.parametrize("name", ["history", "earnings", "board"])
def test_pages_ask_the_database_as_often_for_three_rows_as_for_one(
    client_of, carol, project, acme, name
):
    client = client_of(carol)
    counts = []
    for how_many in (1, 2):
        for _ in range(how_many):
            made = project(acme, gold=0, limits={"newcomer_share_percent": 100})
            qualify(client, made, carol, right=5)
        with CaptureQueriesContext(connection) as asked:
            text_of(client.get(reverse(f"work:{name}")))
        counts.append(len(asked))
    assert counts[0] == counts[1]


# ── The second origin ───────────────────────────────────────────────────────────────────────────


def picture(url):
    """What the uploads server answers, without session or cookie: the response, its bytes."""
    with override_settings(ROOT_URLCONF="marketplace.uploads_urls"):
        response = Client().get("/" + url.split("/", 3)[3])
        return response, response.getvalue()


def test_a_picture_comes_by_a_link_of_the_second_origin(
    client_of, carol, project, acme, alice, as_, now
):
    choices = [{"key": "1", "label": "One"}, {"key": "2", "label": "Two"}]
    config = {"question": "Which digit?", "content": "image", "choices": choices}
    digits = project(
        acme, gold=0, qualification=0, limits={"newcomer_share_percent": 100},
        task={"type": "choice", "config": config},
    )  # fmt: skip
    sha256 = blobs.put(PNG)
    with acting(as_(alice)):
        Item.objects.filter(project=digits).update(payload={"image": "secret-seven.png"})
        Asset.objects.create(
            project=digits, org_id=digits.org_id, name="secret-seven.png", sha256=sha256,
            content_type="image/png", width=8, height=8, created_at=now,
        )  # fmt: skip
    client = client_of(carol)
    join(client, digits)
    page = text_of(client.get(reverse("work:assignment", args=[take(client, digits)])))
    assert "secret-seven" not in page
    url = re.search(r'<img src="([^"]+)"', page)[1]
    response, sent = picture(url)
    assert sent == PNG
    assert response["Content-Type"] == "image/png"
    assert response["Content-Security-Policy"] == "sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, max-age=600, immutable"


def test_a_link_is_bound_ends_and_cannot_be_forged(db, carol, monkeypatch, now):
    sha256, other = blobs.put(PNG), blobs.put(b"<script>alert(1)</script>")
    good = pictures.link(sha256=sha256, subject=carol.id)
    assert picture(good)[0].status_code == 200
    head, tail = good.rsplit(":", 1)
    for bad in (
        f"{head}:{tail[:-2]}xx",  # another signature
        f"{head}A:{tail}",  # another picture under the same signature
        pictures.link(sha256=other, subject=carol.id),  # stored, and no picture
        pictures.link(sha256="0" * 64, subject=carol.id),  # not stored
    ):
        response, sent = picture(bad)
        assert response.status_code == 404
        assert sent == b"There is no such picture."
    real = pictures.time.time()
    monkeypatch.setattr(pictures.time, "time", lambda: real + pictures.LINK_SECONDS)
    assert picture(good)[0].status_code == 404


def test_the_uploads_server_has_no_other_page(db):
    with override_settings(ROOT_URLCONF="marketplace.uploads_urls"):
        for path in ("/", "/work/", "/accounts/login/", "/api/v1/offers"):
            assert Client().get(path).status_code == 404
