"""`make replay` on tiny crowds: every row becomes an assignment, and the books balance."""

import io
import json
import random

import pytest
import stripe
from django.core.management import CommandError, call_command

from apps.core.tenancy import acting
from apps.pages.management.replay import course
from apps.payments import gateway
from apps.projects.models import Project
from stripe_double import Double
from tests.work.conftest import STAFF


@pytest.fixture
def replay(transactional_db, settings, monkeypatch, tmp_path):
    """`replay(rows, **options)`: its report; a row is item_id, worker_id, answer and maybe gold."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0)
    # No Celery worker computes here; the replay does it itself.
    monkeypatch.setattr(course, "WORKER_SECONDS", 0)
    settings.DATA_DIR = tmp_path

    def run(rows, **options) -> dict:
        data = tmp_path / "crowd.csv"
        has_gold = len(rows[0]) > 3
        head = "item_id,worker_id,answer" + (",gold" if has_gold else "")
        data.write_text("\n".join([head, *(",".join(row) for row in rows)]) + "\n")
        out = io.StringIO()
        call_command("replay", data=data, stdout=out, **options)
        return json.loads(out.getvalue())

    with Double.start() as double:
        settings.STRIPE_API_BASE = double.url
        gateway._client.cache_clear()
        yield run
        gateway.client()._requestor._client.close()
        gateway._client.cache_clear()


def crowd(items=6, workers=4, labels=("a1", "b2"), seed=1):
    draw = random.Random(seed)  # noqa: S311 -- the same crowd in every run
    truth = {f"i{n}": draw.choice(labels) for n in range(items)}
    return [
        (
            item,
            f"w{worker}",
            truth[item] if draw.random() < 0.9 else draw.choice(labels),
            truth[item],
        )
        for item in truth
        for worker in range(workers)
    ]


def test_a_whole_crowd_with_rejections(replay):
    report = replay(crowd(), reject=0.15)
    assert (report["items"], report["contributors"], report["answers"]) == (6, 4, 24)
    assert report["submissions"] == report["with_earning_lines"] == 24
    assert report["ledger_balanced"] and report["wage_file_matches_ledger"]
    assert report["gross"] == report["net"] + report["fees"] > 0
    assert report["rejected"] > 0 and report["appealed"] >= report["overturned"]
    assert report["accepted"] + report["rejected"] == 24
    assert report["qualifications"] == 4
    assert report["dawid_skene_accuracy"] >= 0.8
    assert report["refused_rejections"] == {} and report["unhandled_runs"] == 0
    with acting(STAFF):
        assert {project.state for project in Project.objects.all()} == {"closed"}


def test_repeats_blanks_and_blank_gold(replay):
    rows = [
        ("i1", "w1", "x1", ""), ("i1", "w2", "x1", ""), ("i1", "w1", "y2", ""),
        ("i2", "w1", "", ""), ("i2", "w2", "y2", ""), ("i2", "w1", " ", ""),
    ]  # fmt: skip
    report = replay(rows)
    assert (report["repeats"], report["blank_answers"], report["answers"]) == (1, 2, 3)
    assert report["submissions"] == 3
    assert report["majority_accuracy"] is None and report["dawid_skene_accuracy"] is None
    assert report["ledger_balanced"] and report["wage_file_matches_ledger"]
    kept = replay(rows, repeats="keep")
    # The repeat stands as another person's answer.
    assert (kept["answers"], kept["contributors"], kept["submissions"]) == (4, 3, 4)


def test_ordinal_levels(replay):
    report = replay(crowd(labels=("1", "2", "10")), level="ordinal", reject=0)
    assert report["level"] == "ordinal" and report["submissions"] == 24
    assert 0 < report["alpha"] <= 1
    assert report["rejected"] == 0 and report["accepted"] == 24


def test_one_class_only(replay):
    report = replay([(f"i{n}", f"w{w}", "yes") for n in range(3) for w in range(2)])
    assert report["submissions"] == 6 and report["alpha"] in {None, 1.0}
    assert report["ledger_balanced"] and report["wage_file_matches_ledger"]


BROKEN = {
    "no column": ("item_id,worker_id\ni1,w1\n", "crowd.csv has no column answer."),
    "empty": ("", "crowd.csv has no column item_id, worker_id, answer."),
    "no rows": ("item_id,worker_id,answer\n", "crowd.csv holds no answers."),
    "only blanks": ("item_id,worker_id,answer\ni1,w1,\n", "crowd.csv holds no answers."),
    "too few cells": ("item_id,worker_id,answer\ni1,w1\n", "line 2: too few or too many cells."),
    "no worker": ("item_id,worker_id,answer\ni1,,a\n", "line 2: item_id or worker_id is empty."),
    "two golds": (
        "item_id,worker_id,answer,gold\ni1,w1,a,a\ni1,w2,a,b\n",
        "line 3: item i1 has two gold answers, a and b.",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence(tmp_path, name):
    text, sentence = BROKEN[name]
    path = tmp_path / "crowd.csv"
    path.write_text(text)
    with pytest.raises(CommandError) as refusal:
        call_command("replay", data=path, stdout=io.StringIO())
    assert str(refusal.value).endswith(sentence)
    with acting(STAFF):
        assert not Project.objects.exists()


@pytest.mark.django_db
def test_what_is_no_text_and_what_is_not_there(tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_bytes(b"item_id,worker_id,answer\ni1,w1,\xff\xfe\n")
    with pytest.raises(CommandError, match=r"crowd\.csv, after line"):
        call_command("replay", data=path, stdout=io.StringIO())
    with pytest.raises(CommandError, match="There is no file"):
        call_command("replay", data=tmp_path / "none.csv", stdout=io.StringIO())


@pytest.mark.django_db
def test_repeats_can_be_refused(tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_text("item_id,worker_id,answer\ni1,w1,a\ni1,w1,b\n")
    with pytest.raises(CommandError, match="line 3: w1 answered item i1 twice"):
        call_command("replay", data=path, repeats="reject", stdout=io.StringIO())
