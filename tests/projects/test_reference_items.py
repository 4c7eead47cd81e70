"""Real files of items, read in place: ../shared/data."""

import os
from pathlib import Path

import pytest

from apps.core.tenancy import acting
from apps.projects.models import GoldAnswer, Item

pytestmark = [pytest.mark.django_db, pytest.mark.data]
FOLDER = Path(
    os.environ.get("WAGEFILE_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
BINARY = [{"key": "0", "label": "no"}, {"key": "1", "label": "yes"}]


@pytest.fixture(autouse=True)
def _present() -> None:
    if not FOLDER.is_dir():
        pytest.skip("reference data absent: ../shared/data (or WAGEFILE_DATA) is no folder")


@pytest.mark.parametrize(
    ("name", "task_type", "config", "items", "gold"),
    [
        ("rte", "choice", {"content": "pair", "choices": BINARY}, 800, 800),
        ("polarity", "choice", {"content": "text", "choices": BINARY}, 10_662, 10_662),
        ("pandalm", "pairwise", {"allows_tie": True, "needs_reason": False}, 999, 0),
    ],
)
def test_reference_items_come_in_whole(draft, load, owner, name, task_type, config, items, gold):
    project = draft(work={"task_type": task_type, "config": {"question": "Which?", **config}})
    done = load(project, (FOLDER / f"{name}.items.csv").read_bytes(), f"{name}.items.csv")
    assert (done.state, done.refused, done.rows_good) == ("done", [], items)
    with acting(owner):
        assert Item.objects.filter(project=project).count() == items
        assert GoldAnswer.objects.filter(project=project).count() == gold
