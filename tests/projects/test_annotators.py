"""Answers of models and labelling functions: refused by line, resumed, marked, never people's."""

import csv
import datetime as dt
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apps.core import blobs
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting, system
from apps.exports import actions as exports
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.actions import answer_rows, importing
from apps.projects.models import AnnotatorAnswer, ItemImport, StagedAnswer
from apps.scoring import actions as scoring
from apps.scoring.models import ScoringRun
from apps.work import actions as work
from apps.work.models import Assignment, EarningLine, Enrolment, Score
from tests.work.conftest import STAFF, Desk

pytestmark = pytest.mark.django_db
HEADER = "item_id,annotator,answer\n"


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(
        acme, how_many=12, gold=12, gold_percent=0, limits={"newcomer_share_percent": 100}
    )
    return Desk(made, now, clock_at)


@pytest.fixture
def ids(desk):
    """The buyer's own ids of the items, in their order."""
    with acting(STAFF):
        return list(
            desk.project.items.filter(purpose="work")
            .order_by("id")
            .values_list("external_id", flat=True)
        )


@pytest.fixture
def take(desk, alice):
    """Upload a file of answers and let a worker read it."""

    def taken(content, name="answers.csv", kind="model", **words):
        with acting(actor_of(alice)) as by:
            load = projects.start_import(
                project_id=desk.project.id,
                name=name,
                content=content.encode(),
                annotators=kind,
                by=by,
                now=desk.now,
            )
        projects.run_import(import_id=load.id, by=desk.system, now=desk.now, **words)
        return fresh(load)

    return taken


def fresh(load) -> ItemImport:
    with acting(STAFF):
        return ItemImport.objects.get(id=load.id)


def answers(desk):
    with acting(STAFF):
        return {
            (row.kind, row.annotator, row.item.external_id): row.answer_key
            for row in AnnotatorAnswer.objects.filter(project=desk.project).select_related("item")
        }


def test_a_file_becomes_answers_of_machines(desk, ids, take):
    lines = [f"{name},large-3,{'yes' if n % 2 else 'No'}\n" for n, name in enumerate(ids)]
    done = take(HEADER + "".join(lines))
    assert (done.state, done.rows_good, done.rows_refused) == ("done", 12, 0)
    found = answers(desk)
    # A label of a choice stands for its key, as in the column gold.
    assert found[("model", "large-3", ids[0])] == "no"
    assert found[("model", "large-3", ids[1])] == "yes"
    with acting(STAFF):
        assert not StagedAnswer.objects.filter(load=done).exists()
        assert not Assignment.objects.filter(project=desk.project).exists()


def test_refused_rows_say_their_line_and_the_buyer_is_asked(desk, ids, take, alice):
    asking = take(
        HEADER + f"{ids[0]},m,yes\n"
        f"nowhere,m,yes\n"
        f"{ids[1]},m,perhaps\n"
        f"{ids[1]},,yes\n"
        f"{ids[1]},m,\n"
        f"{ids[0]},m,no\n"
        f"{ids[2]},{'m' * 81},no\n"
    )
    assert (asking.state, asking.rows_good, asking.rows_refused) == ("asking", 1, 6)
    whole = blobs.read(asking.refused_sha256).decode()
    report = dict(csv.reader(io.StringIO(whole)))
    assert report["3"] == "no item for work has the item_id 'nowhere'"
    assert report["4"] == "the answer 'perhaps' is none of the choices"
    assert report["5"] == "annotator is empty: name the model or the function"
    assert report["6"] == "answer is empty: leave the row out where there is none"
    assert report["7"] == f"'m' has answered '{ids[0]}' in line 2 already"
    assert report["8"] == "annotator is longer than 80 characters"
    assert answers(desk) == {}
    with acting(actor_of(alice)) as by:
        projects.keep_good(import_id=asking.id, by=by, now=desk.now)
    assert answers(desk) == {("model", "m", ids[0]): "yes"}


def test_a_second_file_cannot_change_what_a_machine_said(desk, ids, take):
    take(HEADER + f"{ids[0]},m,yes\n")
    again = take(HEADER + f"{ids[0]},m,no\n{ids[1]},m,no\n")
    assert again.refused == [[2, f"'m' has answered '{ids[0]}' in an earlier file"]]
    # A function of the same name is another annotator.
    assert take(HEADER + f"{ids[0]},m,no\n", kind="function").state == "done"
    assert len(answers(desk)) == 2


def test_two_files_at_once_are_settled_when_the_second_is_kept(desk, ids, take, alice):
    waiting = take(HEADER + f"{ids[0]},m,yes\n{ids[1]},m,yes\nnowhere,m,yes\n")
    take(HEADER + f"{ids[0]},m,no\n")
    with acting(actor_of(alice)) as by:
        projects.keep_good(import_id=waiting.id, by=by, now=desk.now)
    assert answers(desk) == {("model", "m", ids[0]): "no", ("model", "m", ids[1]): "yes"}
    assert (fresh(waiting).rows_good, fresh(waiting).rows_refused) == (1, 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("item_id,answer\na,yes\n", "There is no column annotator."),
        ("annotator,answer\na,yes\n", "There is no column item_id."),
        ("item_id,annotator\na,yes\n", "There is no column answer."),
        ("", "The file is empty: its first line must name the columns."),
        (HEADER, "The file has no rows."),
    ],
)
def test_a_broken_file_fails_with_one_sentence(desk, take, content, sentence):
    failed = take(content)
    assert (failed.state, failed.error) == ("failed", sentence)


def test_a_file_names_so_many_annotators_and_no_more(desk, ids, take, monkeypatch):
    monkeypatch.setattr(answer_rows, "ANNOTATORS_MAX", 2)
    failed = take(HEADER + "".join(f"{ids[n]},m{n},yes\n" for n in range(3)))
    assert (failed.state, failed.error) == (
        "failed", "The file names more than 2 annotators: split it.",
    )  # fmt: skip
    assert answers(desk) == {}


def test_jsonl_gives_answers_as_values(desk, ids, take):
    rows = [{"item_id": ids[0], "annotator": "f", "answer": {"choice": "no"}}]
    done = take("".join(json.dumps(row) + "\n" for row in rows), name="a.jsonl", kind="function")
    assert done.state == "done"
    assert answers(desk) == {("function", "f", ids[0]): "no"}


class _Killed(BaseException):
    """What a worker sees of SIGKILL: nothing runs after it."""


def test_a_killed_import_starts_again_without_doubles(desk, ids, take, monkeypatch):
    monkeypatch.setattr(importing, "BATCH_ROWS", 5)

    def killed(read, total):
        if read == 10:
            raise _Killed

    with pytest.raises(_Killed):
        take(HEADER + "".join(f"{name},m,yes\n" for name in ids), report=killed)
    with acting(STAFF):
        half = ItemImport.objects.exclude(annotators="").get(project=desk.project)
        assert (half.state, half.rows_read) == ("running", 10)
        assert StagedAnswer.objects.filter(load=half).count() == 10
    assert answers(desk) == {}
    later = desk.now + dt.timedelta(minutes=3)
    projects.run_import(import_id=half.id, by=desk.system, now=later)
    assert fresh(half).state == "done"
    assert len(answers(desk)) == 12


def test_who_may_and_what_is_refused(desk, ids, take, alice, rob, vic, carol, gus):
    load = take(HEADER + f"{ids[0]},m,yes\n")
    words = {"project_id": desk.project.id, "name": "a.csv", "content": b"", "now": desk.now}
    for user in (rob, vic):
        with acting(actor_of(user)) as by, pytest.raises(NotAllowed):
            projects.start_import(annotators="model", by=by, **words)
        with acting(actor_of(user)) as by, pytest.raises(NotAllowed):
            projects.withdraw_answers(import_id=load.id, by=by, now=desk.now)
    for user in (carol, gus):
        with acting(actor_of(user)) as by, pytest.raises(NotThere):
            projects.withdraw_answers(import_id=load.id, by=by, now=desk.now)
    with acting(actor_of(alice)) as by, pytest.raises(Invalid, match="a labelling function"):
        projects.start_import(annotators="person", by=by, **words)
    assert len(answers(desk)) == 1


# ── In runs ─────────────────────────────────────────────────────────────────────────────────────


def score(desk) -> ScoringRun | None:
    desk.later(minutes=2)
    run = desk.as_system(work.request_scores, project_id=desk.project.id)
    if run is None:
        return None
    scoring.run(run_id=run.id, by=system(run.org_id))
    desk.as_system(work.take_scores, run_id=run.id)
    with acting(STAFF):
        return ScoringRun.objects.get(id=run.id)


@pytest.fixture
def answered(desk, carol, dave):
    for user, odd in ((carol, 99), (dave, 4)):
        desk.enrol(user)
        for place in range(12):
            desk.hand_in(user, "unclear" if (place + 1) % odd == 0 else ["yes", "no"][place % 2])


def test_machines_alone_are_not_scored(desk, ids, take):
    take(HEADER + f"{ids[0]},m,yes\n")
    assert score(desk) is None


def test_they_enter_labels_and_nothing_of_people(desk, ids, take, answered, carol):
    before = score(desk)
    take(HEADER + "".join(f"{name},m,yes\n" for name in ids))
    after = score(desk)
    for stage in ("agreement", "gold", "scores"):
        assert after.result[stage] == before.result[stage], stage
    assert after.result["anomalies"]["signals"] == before.result["anomalies"]["signals"]
    assert after.result["labels"]["non_human"]["answers"] == 12
    assert set(after.result["machines"]) == {"model:m"}
    assert after.result["machines"]["model:m"]["gold"] == 12
    with acting(STAFF):
        assert Score.objects.filter(run=after).count() == 2
        assert Enrolment.objects.filter(project=desk.project).count() == 2
        assert EarningLine.objects.filter(project=desk.project).count() == 0


def test_taking_them_out_makes_a_run_without(desk, ids, take, answered, alice):
    load = take(HEADER + "".join(f"{name},m,yes\n" for name in ids))
    assert score(desk).result["machines"]
    desk.later(minutes=2)
    with acting(actor_of(alice)) as by:
        projects.withdraw_answers(import_id=load.id, by=by, now=desk.now)
        with pytest.raises(Conflict, match="taken out already"):
            projects.withdraw_answers(import_id=load.id, by=by, now=desk.now)
    assert answers(desk) == {}
    assert score(desk).result["machines"] == {}
    assert score(desk) is None, "no news, no run"


def test_the_published_alpha_is_of_people(desk, ids, take, answered):
    take(HEADER + "".join(f"{name},m,yes\n" for name in ids))
    run = score(desk)
    check = scoring.check_alpha(run_id=run.id, by=desk.system, now=desk.now)
    assert check.package is not None and check.is_equal


def test_a_release_marks_them_and_the_wage_file_knows_none(desk, ids, take, answered, alice):
    take(HEADER + "".join(f"{name},large-3,yes\n" for name in ids))
    score(desk)
    with acting(STAFF):
        rows = list(desk.project.assignments.all())
    desk.at(max(row.review_due_at for row in rows))
    desk.lapse(*rows)
    with acting(actor_of(alice)) as by:
        release = exports.make_release(project_id=desk.project.id, by=by, now=desk.now)
    release = desk.as_system(exports.build, release_id=release.id)
    assert release.state == "ready", release.error

    def read(name):
        return [json.loads(line) for line in blobs.read(release.files[name]["sha256"]).splitlines()]

    for label in read("labels.jsonl"):
        assert (label["answers"], label["people"], label["not_human"]) == (3, 2, 1)
    machines = read("machine_answers.jsonl")
    assert len(machines) == 12
    assert {(row["annotator"], row["kind"], row["is_person"]) for row in machines} == {
        ("large-3", "model", False)
    }
    assert len(read("answers.jsonl")) == 24
    wage = json.loads(blobs.read(release.files["wage.json"]["sha256"]))
    assert "large-3" not in json.dumps(wage)
    assert sum(line["line"] == "assignment" for line in wage["lines"]) == 24


# ── Pages ───────────────────────────────────────────────────────────────────────────────────────


def test_the_page_takes_a_file_and_shows_what_is_there(desk, ids, alice, client_of):
    url = reverse("projects:annotators", args=[desk.project.id])
    client = client_of(alice)
    assert "Only people have answered here" in client.get(url).text
    file = SimpleUploadedFile("a.csv", (HEADER + f"{ids[0]},large-3,yes\n").encode())
    answer = client.post(url, {"file": file, "kind": "model"})
    with acting(STAFF):
        load = ItemImport.objects.exclude(annotators="").get(project=desk.project)
    assert answer.url == reverse("projects:import", args=[desk.project.id, load.id])
    projects.run_import(import_id=load.id, by=desk.system, now=desk.now)
    assert "1 answer of models counts" in client.get(answer.url).text
    text = client.get(url).text
    assert "large-3" in text and "no person" in text
    withdraw = reverse("projects:import-withdraw", args=[desk.project.id, load.id])
    assert withdraw in text
    page = client.post(withdraw, follow=True).text
    assert "no longer count" in page and "taken out" in page
    assert answers(desk) == {}


def test_a_file_that_is_none_is_said_at_its_field(desk, alice, client_of):
    url = reverse("projects:annotators", args=[desk.project.id])
    file = SimpleUploadedFile("a.docx", b"x")
    answer = client_of(alice).post(url, {"file": file, "kind": "model"})
    assert answer.status_code == 422
    assert "come as a .csv, .jsonl or .parquet file" in answer.text


def test_a_viewer_reads_and_presses_nothing(desk, ids, take, vic, client_of):
    take(HEADER + f"{ids[0]},m,yes\n")
    url = reverse("projects:annotators", args=[desk.project.id])
    text = client_of(vic).get(url).text
    assert "m</th>" in text and "Take out" not in text and "Upload answers" not in text
