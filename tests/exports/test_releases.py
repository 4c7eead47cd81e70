"""A release: answers that may leave, and a wage file that adds up to the ledger."""

import csv
import datetime as dt
import io
import json

import pytest

from apps.core import blobs
from apps.core.errors import Conflict, NotAllowed, NotThere
from apps.core.tenancy import acting
from apps.exports import actions as exports
from apps.exports import rules
from apps.exports.models import Release
from apps.exports.queries import releases as queries
from apps.organizations.queries import actor_of
from apps.work.models import Enrolment, Submission
from tests.factories import projects
from tests.work.conftest import STAFF

DAY = dt.timedelta(days=1)


def ask(desk, user) -> Release:
    with acting(actor_of(user)) as actor:
        return exports.make_release(project_id=desk.project.id, by=actor, now=desk.now)


def release(desk, user) -> Release:
    asked = ask(desk, user)
    return desk.as_system(exports.build, release_id=asked.id)


def read(made: Release, name: str) -> bytes:
    return blobs.read(made.files[name]["sha256"])


def wage(made: Release) -> dict:
    return json.loads(read(made, "wage.json"))


def answers(made: Release) -> list[dict]:
    return [json.loads(line) for line in read(made, "answers.jsonl").splitlines()]


def test_the_wage_file_adds_up_to_the_ledger(desk, story, alice):
    made = release(desk, alice)
    assert (made.state, made.error) == ("ready", "")
    file = wage(made)
    with acting(STAFF):
        totals = queries.ledger_totals(desk.project.id)
    for name in ("gross", "fee", "net"):
        assert sum(line[name] for line in file["lines"]) == file["totals"][name]
        assert file["totals"][name] == getattr(totals, name) == made.summary[name]
    assert made.as_of == file["as_of"] == totals.as_of > 0
    assert file["totals"]["fee"] == 6 + 6
    assert made.summary["matches_ledger"] is True


def test_every_assignment_has_a_line_and_settlements_and_own_people(desk, story, alice, rob):
    lines = wage(release(desk, alice))["lines"]
    mine = {(line["kind"], line["state"]): line for line in lines if line["line"] == "assignment"}
    assert set(mine) == {
        ("work", "accepted"), ("work", "rejected"), ("work", "expired"), ("work", "given_back"),
        ("qualification", "accepted"),
    }  # fmt: skip
    assert (mine["work", "accepted"]["net"], mine["work", "accepted"]["active_minutes"]) == (40, 10)
    assert mine["work", "accepted"]["codes"] == ["acceptance"]
    assert (mine["work", "rejected"]["net"], mine["work", "rejected"]["fee"]) == (20, 6)
    assert mine["work", "rejected"]["codes"] == ["kill_fee"]
    assert (mine["work", "expired"]["gross"], mine["work", "expired"]["active_minutes"]) == (0, 1)
    assert mine["qualification", "accepted"]["gross"] == 40
    settled = [line for line in lines if line["line"] == "settlement" and line["net"]]
    assert [line["top_up"] for line in settled] == [690 * 1200 // 3600 - 60]
    (reviewer,) = [line for line in lines if line["line"] == "own_people"]
    assert (reviewer["kind"], reviewer["count"], reviewer["gross"]) == ("review", 1, 0)
    assert reviewer["pay"] == "paid elsewhere, declared"


def test_no_name_leaves(desk, story, alice, carol, dave, rob):
    made = release(desk, alice)
    everything = b"".join(read(made, name) for name in made.files).decode()
    for user in (carol, dave, rob, alice):
        for secret in (str(user.id), user.id.hex, user.email, user.name):
            assert secret not in everything.replace("Alice owns all of it", "")
    assert str(story["accepted"].id) not in everything


def test_pseudonyms_differ_between_releases_and_agree_within(desk, story, alice):
    first, second = release(desk, alice), release(desk, alice)
    assert (first.number, second.number) == (1, 2)
    people = [{line["who"] for line in wage(made)["lines"]} for made in (first, second)]
    assert len(people[0]) == len(people[1]) == 3
    assert not people[0] & people[1]
    for made, names in zip((first, second), people, strict=True):
        assert {row["worker_id"] for row in answers(made)} <= names


def test_a_rejected_answer_does_not_leave(desk, story, alice):
    made = release(desk, alice)
    (row,) = answers(made)
    with acting(STAFF):
        names = queries.external_ids(desk.project)
    assert row["item_id"] == names[str(story["accepted"].item_id)]
    assert row["state"] == "accepted"
    table = list(csv.DictReader(io.StringIO(read(made, "answers.csv").decode())))
    assert [line["item_id"] for line in table] == [row["item_id"]]
    # The run before the rejection had aggregated it; its label stays here.
    labels = [json.loads(line) for line in read(made, "labels.jsonl").splitlines()]
    assert names[str(story["rejected"].item_id)] not in {label["item_id"] for label in labels}
    assert len(labels) == 1


def test_nothing_leaves_without_consent(desk, story, alice, dave):
    with acting(STAFF):
        Enrolment.objects.filter(project=desk.project, contributor=dave).delete()
    made = release(desk, alice)
    assert made.state == "failed"
    assert made.error == "1 answers have no consent grant; nothing leaves without it."
    assert made.files == {}


def test_sums_that_do_not_match_are_refused(desk, story, alice, monkeypatch):
    real = queries.ledger_totals
    monkeypatch.setattr(
        queries, "ledger_totals",
        lambda project_id: queries.Totals(real(project_id).as_of, real(project_id).net + 1, 12),
    )  # fmt: skip
    made = release(desk, alice)
    assert made.state == "failed" and "does not add up" in made.error
    assert "wage.json" not in made.files


def test_an_unfinished_release_is_given_again_and_built_once(desk, story, alice):
    first = ask(desk, alice)
    assert ask(desk, alice).id == first.id
    built = desk.as_system(exports.build, release_id=first.id)
    again = desk.as_system(exports.build, release_id=first.id)
    assert (built.files, built.ready_at) == (again.files, again.ready_at)
    assert ask(desk, alice).id != first.id


@pytest.mark.parametrize("name", ["fay", "rob", "vic"])
def test_who_may_not_release(desk, story, name, request):
    with pytest.raises(NotAllowed):
        ask(desk, request.getfixturevalue(name))


@pytest.mark.parametrize("name", ["gus", "carol"])
def test_for_others_there_is_no_such_project(desk, story, globex, name, request):
    with pytest.raises(NotThere):
        ask(desk, request.getfixturevalue(name))


def test_a_draft_has_nothing_to_release(desk, acme, alice):
    with acting(actor_of(alice)) as actor:
        draft = projects.draft(acme, by=actor, now=desk.now)
        with pytest.raises(Conflict):
            exports.make_release(project_id=draft.id, by=actor, now=desk.now)


def test_an_undone_answer_does_not_leave(desk, alice, carol):
    row = desk.begin(carol)
    desk.submit(carol, row)
    desk.undo(carol, row)
    assert read(release(desk, alice), "answers.jsonl") == b""
    with acting(STAFF):
        assert Submission.objects.filter(project=desk.project).count() == 1


def test_small_tiers_are_merged():
    people = [(str(n), "big") for n in range(5)] + [(str(n), "small") for n in range(4)]
    assert rules.public_tiers(people) == {"big": "big", "small": "others"}


def test_minutes_are_whole_and_never_too_few():
    assert [rules.whole_minutes(s) for s in (0, 1, 60, 61)] == [0, 1, 1, 2]
