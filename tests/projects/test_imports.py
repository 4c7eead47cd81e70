"""Items from files: nothing lost, nothing doubled, every refused row with its line and reason."""

import csv
import datetime as dt
import io
import json
import string
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core import blobs
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting, system
from apps.notices.models import Notice
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects import tasks
from apps.projects.actions import importing, imports, readers
from apps.projects.models import GoldAnswer, Item, ItemImport, StagedItem

pytestmark = pytest.mark.django_db


def items(project, owner):
    with acting(owner):
        return {item.external_id: item for item in Item.objects.filter(project=project)}


def test_a_csv_becomes_items_with_gold_and_random_order(draft, load, owner):
    project = draft()
    rows = "".join(f'{n},"Text, {n}",{"yes" if n % 2 else ""},{n % 3 + 1}\n' for n in range(200))
    done = load(project, f"id,Text,gold,overlap\n{rows}".encode())
    made = items(project, owner)

    assert (done.state, done.rows_read, done.rows_total, done.rows_good, done.rows_refused) == (
        "done", 200, 200, 200, 0,
    )  # fmt: skip
    assert made["7"].payload == {"text": "Text, 7"}
    assert (made["7"].overlap, made["7"].open_slots) == (2, 2)
    in_file, by_key = list(made), sorted(made, key=lambda name: made[name].sort_key)
    assert in_file != by_key
    assert any(item.sort_key < 0 for item in made.values())
    assert any(item.sort_key > 0 for item in made.values())
    with acting(owner):
        assert GoldAnswer.objects.filter(project=project).count() == 100
        assert GoldAnswer.objects.get(item=made["7"]).answer == {"choice": "yes"}
        assert not StagedItem.objects.filter(load=done).exists()


def test_refused_rows_are_reported_and_the_buyer_is_asked(draft, load, owner, alice, now):
    project = draft()
    refused = (
        "item_id,text,gold\n"
        "a,one,\n"
        ",no id,\n"
        '"b","two\nlines",maybe\n'
        "a,again,\n"
        "c,too,many,cells\n"
        "d,,\n"
        "\n"
        "e,fine,no\n"
    )
    asking = load(project, refused.encode())
    assert asking.state == "asking"
    assert (asking.rows_read, asking.rows_good, asking.rows_refused) == (7, 2, 5)
    assert asking.refused == [
        [3, "item_id is empty"],
        [4, "the gold answer 'maybe' is none of the choices"],
        [7, "it has 4 cells, the header 3"],
        [8, "text is empty"],
        [6, "the item_id 'a' is in line 2 already"],
    ]
    report = blobs.read(asking.refused_sha256).decode()
    assert [row[0] for row in csv.reader(io.StringIO(report))][1:] == ["3", "4", "7", "8", "6"]
    assert items(project, owner) == {}
    with acting(owner):
        assert Notice.objects.filter(user=alice, kind="import").exists()
        projects.keep_good(import_id=asking.id, by=owner, now=now)
        with pytest.raises(Conflict):
            projects.discard(import_id=asking.id, by=owner, now=now)
    assert set(items(project, owner)) == {"a", "e"}


def test_a_discarded_import_leaves_nothing(draft, load, owner, now):
    project = draft()
    asking = load(project, b"item_id,text\na,one\na,two\n")
    with acting(owner):
        assert projects.discard(import_id=asking.id, by=owner, now=now).state == "discarded"
        assert not StagedItem.objects.filter(load=asking).exists()
    assert items(project, owner) == {}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "The file is empty: its first line must name the columns."),
        ("a.csv", b"item_id,text\n", "The file has no rows."),
        ("a.csv", b"item_id,text\na,fine\nb,caf\xe9\n", "The file is not UTF-8 text after line"),
        (
            "a.csv", b'item_id,text\na,fine\nb,"never closed\nc,d\n',
            "In the row that begins in line 3 a quote is opened and never closed.",
        ),
        ("a.csv", b'item_id,text\na,"closed" too early\n', "In the row that begins in line 2"),
        ("a.csv", b"a,fine\nb,too\n", "The first line names no column item_id"),
        ("a.csv", b"item_id,sentences\na,b\n", "There is no column text (nor sentence)."),
        ("a.csv", b"item_id,text,TEXT\na,b,c\n", "The column 'text' is there twice."),
        ("a.csv", b"item_id,text\na," + b"x" * 200_000, "In the row that begins in line 2"),
        ("a.jsonl", b'{"item_id": "a", "text": "\xff"}\n', "Line 1 is not UTF-8 text."),
        ("a.jsonl", b"", "The file is empty."),
        ("a.jsonl", b"[1]\n{\n", "None of the 2 rows could be used; the report says why."),
        ("a.parquet", b"PAR1 this is not", "This is not a Parquet file that can be read."),
    ],
)  # fmt: skip
def test_a_broken_file_fails_with_one_sentence_and_loses_nothing(
    draft, load, owner, name, content, sentence
):
    project = draft()
    load(project, b"item_id,text\nkept,before\n")
    failed = load(project, content, name)
    assert failed.state == "failed"
    assert failed.error.startswith(sentence)
    assert set(items(project, owner)) == {"kept"}
    with acting(owner):
        assert not StagedItem.objects.filter(load=failed).exists()
    assert blobs.read(failed.sha256) == content


def test_jsonl_rows_are_refused_one_by_one(draft, load, owner):
    lines = [
        b'\xef\xbb\xbf{"item_id": 1, "text": "one", "gold": {"choice": "yes"}}',
        b"not json",
        b'{"item_id": 2, "text": "half \\ud800"}',
        b'{"item_id": 3, "text": "nul \\u0000"}',
        b'{"item_id": 4, "text": ["a"]}',
        b'{"item_id": 5, "text": NaN}',
        b"[" * 100_000,
        b'{"item_id": 6.0, "text": "six", "overlap": 1001}',
        b'{"item_id": 7.0, "text": "a literal \\\\u0000 is fine", "kind": null}',
    ]
    project = draft()
    asking = load(project, b"\n".join(lines), "items.jsonl")
    assert (asking.state, asking.rows_good, asking.rows_read) == ("asking", 2, 9)
    assert [line for line, _ in asking.refused] == [2, 3, 4, 5, 6, 7, 8]
    with acting(owner):
        staged = StagedItem.objects.filter(load=asking).order_by("line")
        assert [row.external_id for row in staged] == ["1", "7"]


def test_parquet_with_numbers_nulls_and_columns_nobody_asked_for(draft, load, owner):
    table = pa.table(
        {
            "ID": pa.array([1, 2, 3], pa.int64()),
            "text": ["one", None, "three"],
            "gold": pa.array(["yes", "no", None]),
            "noise": [b"\x00" * 10] * 3,
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    project = draft()
    asking = load(project, sink.getvalue(), "items.parquet")
    assert (asking.rows_total, asking.rows_good) == (3, 2)
    assert asking.refused == [[2, "text is empty"]]


def test_the_shapes_of_pair_data(draft, load, owner):
    pair = {
        "question": "Does it follow?",
        "content": "pair",
        "choices": [{"key": "0", "label": "no"}, {"key": "1", "label": "yes"}],
    }
    project = draft(work={"config": pair})
    load(project, b"item_id,gold,text,text_hypothesis,rte_task\n25,0,A.,B.,IR\n")
    assert items(project, owner)["25"].payload == {"text": "A.", "second": "B."}


def test_a_picture_that_was_never_uploaded_is_refused(draft, load):
    image = {
        "question": "Which digit?",
        "content": "image",
        "choices": [{"key": "0", "label": "zero"}, {"key": "1", "label": "one"}],
    }
    failed = load(draft(work={"config": image}), b"item_id,image\na,a.png\n")
    assert failed.refused == [[2, "no picture 'a.png' was uploaded"]]


def test_ids_of_earlier_imports_are_refused(draft, load, owner, now):
    project = draft()
    load(project, b"item_id,text\na,one\n")
    asking = load(project, b"item_id,text\na,two\nb,three\n")
    assert asking.refused == [[2, "the item_id 'a' is an item of this project already"]]
    # While the buyer thinks, a third import brings b.
    load(project, b"item_id,text\nb,elsewhere\n")
    with acting(owner):
        kept = projects.keep_good(import_id=asking.id, by=owner, now=now)
    assert (kept.rows_good, kept.rows_refused) == (0, 2)
    assert items(project, owner)["b"].payload == {"text": "elsewhere"}


def test_a_qualification_item_needs_its_answer(draft, load):
    failed = load(draft(), b"item_id,text,gold\na,one,\n", purpose="qualification")
    assert failed.state == "failed"
    assert failed.refused == [[2, "a qualification item needs its right answer in the column gold"]]


class _Killed(BaseException):
    """What a worker sees of SIGKILL: nothing runs after it."""


def test_a_killed_import_starts_again_without_doubles(draft, owner, acme, now, monkeypatch):
    project = draft()
    monkeypatch.setattr(importing, "BATCH_ROWS", 10)
    content = "item_id,text\n" + "".join(f"{n},t{n}\n" for n in range(35))
    with acting(owner):
        made = projects.start_import(
            project_id=project.id, name="a.csv", content=content.encode(), by=owner, now=now
        )
    seen = []

    def killed(read, total):
        seen.append((read, total))
        if read == 20:
            raise _Killed

    worker = system(acme.id)
    with pytest.raises(_Killed):
        projects.run_import(import_id=made.id, by=worker, now=now, report=killed)
    with acting(owner):
        half = ItemImport.objects.get(id=made.id)
        assert (half.state, half.rows_read, half.rows_good) == ("running", 20, 20)
        assert StagedItem.objects.filter(load=made).count() == 20
    # Its claim is fresh: another worker leaves it alone, and takes it over when it is stale.
    soon, later = now + dt.timedelta(minutes=1), now + dt.timedelta(minutes=3)
    assert projects.run_import(import_id=made.id, by=worker, now=soon) is None
    assert projects.run_import(import_id=made.id, by=worker, now=later).state == "done"
    assert projects.run_import(import_id=made.id, by=worker, now=later) is None
    assert len(items(project, owner)) == 35
    assert seen == [(10, 36), (20, 36)]


def test_a_worker_that_lost_its_claim_writes_nothing_more(draft, owner, acme, now, monkeypatch):
    project = draft()
    monkeypatch.setattr(importing, "BATCH_ROWS", 10)
    content = "item_id,text\n" + "".join(f"{n},t{n}\n" for n in range(30))
    with acting(owner):
        made = projects.start_import(
            project_id=project.id, name="a.csv", content=content.encode(), by=owner, now=now
        )
    worker = system(acme.id)

    def overtaken(read, total):
        if read == 10:
            later = now + dt.timedelta(minutes=5)
            assert projects.run_import(import_id=made.id, by=worker, now=later).state == "done"

    slow = projects.run_import(import_id=made.id, by=worker, now=now, report=overtaken)
    assert slow is None
    assert len(items(project, owner)) == 30


def test_the_sweep_finds_what_no_worker_took(draft, owner, acme, now, monkeypatch):
    project = draft()
    sent = []
    monkeypatch.setattr(tasks, "enqueue", lambda name, **ids: sent.append((name, ids)))
    with acting(owner):
        made = projects.start_import(
            project_id=project.id, name="a.csv", content=b"item_id,text\na,b\n", by=owner, now=now
        )
    assert tasks.resume_imports() == 1
    assert sent == [("projects.run_import", {"id": made.id, "org_id": acme.id})]
    tasks.run_import(id=str(made.id), org_id=str(acme.id))
    assert set(items(project, owner)) == {"a"}
    assert tasks.resume_imports() == 0


def test_only_who_manages_imports_and_nobody_into_a_foreign_project(
    draft, acme, vic, gus, globex, now
):
    project = draft()
    for user, refusal in ((vic, NotAllowed), (gus, NotThere)):
        actor = actor_of(user)
        with acting(actor), pytest.raises(refusal):
            projects.start_import(
                project_id=project.id, name="a.csv", content=b"", by=actor, now=now
            )
    with acting(actor_of(acme.created_by)) as owner, pytest.raises(Invalid):
        projects.start_import(project_id=project.id, name="a.xls", content=b"", by=owner, now=now)


def test_a_worker_of_another_tenant_finds_no_import(draft, owner, globex, now):
    project = draft()
    with acting(owner):
        made = projects.start_import(
            project_id=project.id, name="a.csv", content=b"item_id,text\na,b\n", by=owner, now=now
        )
    with pytest.raises(NotThere):
        projects.run_import(import_id=made.id, by=system(globex.id), now=now)


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LINE_MAX", 1000)
    path = tmp_path / "a.csv"
    path.write_text("item_id,text\n" + "x," * 1000)
    with pytest.raises(readers.BrokenFile, match="Line 2 is longer than 1,000 characters"):
        list(readers.read(path, "csv", wanted=["item_id"], header=lambda _: None))


WORDS = st.text(string.ascii_letters + 'é",\n;ß ', min_size=1, max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "item_id": st.sampled_from(["", " ", *"abcdefgh", "x" * 201]),
            "text": st.one_of(WORDS, st.just("")),
            "gold": st.sampled_from(["", "yes", "no", "perhaps"]),
            "overlap": st.sampled_from(["", "1", "3", "0", "-1", "1e3", "²"]),
        }
    ),
    min_size=1,
    max_size=30,
)


def is_good(row: dict) -> bool:
    return (
        bool(row["item_id"].strip())
        and len(row["item_id"]) <= 200
        and bool(row["text"].strip())
        and row["gold"] != "perhaps"
        and row["overlap"] in {"", "1", "3"}
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, form=st.sampled_from(["csv", "jsonl"]), batch=st.sampled_from([1, 7, 5000]))
def test_good_and_refused_rows_are_all_rows(draft, load, owner, now, rows, form, batch):
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        content = out.getvalue()
    else:
        content = "\n".join(json.dumps(row) for row in rows)
    expected = {}
    for row in rows:
        if is_good(row):
            expected.setdefault(row["item_id"].strip(), row)
    project = draft()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "BATCH_ROWS", batch)
        load_ = load(project, content.encode(), f"items.{form}")
        with acting(owner):
            if load_.state == "asking":
                projects.keep_good(import_id=load_.id, by=owner, now=now)

    assert load_.rows_read == len(rows)
    assert len(load_.refused) == load_.rows_refused == len(rows) - len(expected)
    assert len({line for line, _ in load_.refused}) == load_.rows_refused
    if expected:
        assert load_.rows_good + load_.rows_refused == len(rows)
    made = items(project, owner)
    assert {name: item.payload["text"] for name, item in made.items()} == {
        name: row["text"].strip() for name, row in expected.items()
    }
    assert {name: item.overlap for name, item in made.items()} == {
        name: int(row["overlap"] or 2) for name, row in expected.items()
    }


def test_the_whole_report_is_kept_when_the_row_shows_its_beginning(draft, load, monkeypatch):
    monkeypatch.setattr("apps.projects.actions.rowchecks.REFUSED_SHOWN", 3)
    asking = load(draft(), b"item_id,text\ngood,one\n" + b"bad,\n" * 10)
    assert (len(asking.refused), asking.rows_refused) == (3, 10)
    assert blobs.read(asking.refused_sha256).count(b"text is empty") == 10


def test_an_upload_without_bounds_is_refused(draft, owner, now, monkeypatch):
    monkeypatch.setattr(imports, "BYTES_MAX", 10)
    with acting(owner), pytest.raises(Invalid):
        projects.start_import(
            project_id=draft().id, name="a.csv", content=[b"12345"] * 3, by=owner, now=now
        )


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_is_read_row_by_row(tmp_path, form):
    """What is held at once does not grow with the file."""
    path, text = tmp_path / f"items.{form}", "word " * 40

    def rows(how_many):
        if form == "parquet":
            names = [str(n) for n in range(how_many)]
            table = pa.table({"item_id": names, "text": [f"{n}{text}" for n in range(how_many)]})
            pq.write_table(table, path, row_group_size=1000, compression="none")
        else:
            with path.open("w") as file:
                file.write("item_id,text\n" if form == "csv" else "")
                for n in range(how_many):
                    row = f"{n},{n}{text}\n"
                    file.write(row if form == "csv" else json.dumps({"id": n, "text": text}) + "\n")
        tracemalloc.start()
        seen = sum(
            1 for _ in readers.read(path, form, wanted=["item_id", "text"], header=lambda _: None)
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert seen == how_many
        return peak

    small, large = rows(2_000), rows(20_000)
    assert path.stat().st_size > 4_000_000
    assert large < small * 1.5 + 200_000
