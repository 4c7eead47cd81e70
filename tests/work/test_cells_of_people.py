"""From what people say of themselves to the buyer's page: no figure and no file gives away a cell
of fewer than ten people, whatever is taken from whatever.
"""

import io
import itertools
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from apps.accounts.enums import AgeBand, Gender
from apps.accounts.models import ContributorProfile, Description, User
from apps.core import blobs
from apps.core.tenancy import Actor, acting
from apps.pages.views.wrong import OTHERS
from apps.projects.models import Item
from apps.scoring.models import ErrorRun, ScoringRun
from apps.work import actions as work
from tests.work.conftest import STAFF, Desk

LEAST = 10
KINDS = ("faces", "voices")


@pytest.fixture
def desk(acme, project, now, clock_at):
    made = project(acme, how_many=12)
    with acting(STAFF):
        for place, item in enumerate(Item.objects.filter(project=made).order_by("id")):
            Item.objects.filter(id=item.id).update(kind=KINDS[place % 2])
    return Desk(made, now, clock_at)


def crowd(now, said) -> list[User]:
    """People who say (gender, age, languages); empty is not said."""
    users = User.objects.bulk_create(
        User(email=f"w{which}@example.org", name=f"W {which}", password="!")
        for which in range(len(said))
    )
    with acting(STAFF):
        ContributorProfile.objects.bulk_create(
            ContributorProfile(
                user_id=user.id, region="US", languages=languages, adult_confirmed_at=now
            )
            for user, (_, _, languages) in zip(users, said, strict=True)
        )
    for user, (gender, age, _) in zip(users, said, strict=True):
        if gender or age:
            with acting(Actor(kind="person", user_id=user.id)):
                Description.objects.create(user=user, gender=gender, age_band=age, saved_at=now)
    return users


def taken_run(desk, answers) -> ScoringRun:
    """answers: (person, item, answer, gold)."""
    rows = [
        {
            "submission_id": f"s{place}",
            "item_id": str(item),
            "worker_id": str(user.id),
            "answer": answer,
            "gold": gold,
        }
        for place, (user, item, answer, gold) in enumerate(answers)
    ]
    schema = pa.schema([(name, pa.string()) for name in rows[0]])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    with acting(desk.system):
        return ScoringRun.objects.create(
            org_id=desk.project.org_id,
            project=desk.project,
            state="done",
            input_sha256=blobs.put(buffer.getvalue()),
            input_rows=len(rows),
            params={"level": "nominal", "repeats": "keep"},
            version=2,
            result={},
            created_at=desk.now,
            finished_at=desk.now,
            handled_at=desk.now,
        )


def analysed(desk, run) -> ErrorRun:
    return desk.as_system(work.analyse_errors, run_id=run.id)


def table(found) -> dict[str, np.ndarray]:
    columns = pq.read_table(io.BytesIO(blobs.read(found.input_sha256))).to_pydict()
    return {name: np.array(values, dtype=object) for name, values in columns.items()}


def items(desk) -> list[tuple[int, str]]:
    with acting(STAFF):
        rows = Item.objects.filter(project=desk.project).order_by("id")
        return list(rows.values_list("id", "kind"))


def drawn(seed):
    """Groups of people who say the same, from three to twenty-five of them."""
    draw = random.Random(seed)  # noqa: S311 -- a test
    said = []
    for _ in range(draw.randint(3, 6)):
        one = (
            draw.choice(["", *Gender.values[:2]]),
            draw.choice(["", *AgeBand.values[:2]]),
            draw.choice([["en"], ["de", "en"]]),
        )
        said += [one] * draw.randint(3, 25)
    return said, draw


def published(rows, context):
    """Each sum that the page shows, as a vector over (person, kind) of the file: all, by kind, and
    the cells that stand there, each and on each kind.
    """
    kind = rows["kind"]
    sets = [np.ones(len(kind), dtype=bool), *(kind == one for one in KINDS)]
    names = {"Gender": "gender", "Age": "age_band", "Languages of the profile": "languages"}
    for group in context["errors"].cells:
        column = rows[f"cell_{names[group.title]}"]
        values = sorted(set(column) - {None})
        # What the file knows and what is shown are the same cells.
        assert len(group.rows) == len(values)
        for value in values:
            sets.append(column == value)
            sets += [(column == value) & (kind == one) for one in KINDS]
    unique = {each.tobytes(): each.astype(np.int8) for each in sets if each.any()}
    return np.array(list(unique.values()))


@pytest.mark.parametrize("seed", range(8))
def test_no_cell_below_ten_is_in_the_file_or_can_be_had_from_the_page(
    desk, now, alice, client_of, seed
):
    said, draw = drawn(seed)
    users = crowd(now, said)
    every = items(desk)
    answers = [
        (user, item, draw.choice("xxy"), "x" if draw.random() < 0.9 else None)
        for user in users
        for item, _ in draw.sample(every, draw.choice([1, 2, 6]))
    ]
    answers[0] = (*answers[0][:3], "x")
    found = analysed(desk, taken_run(desk, answers))
    assert found.note == ""
    rows = table(found)
    judged = np.array([gold is not None for gold in rows["gold"]])
    rows = {name: column[judged] for name, column in rows.items()}
    cells = sorted(name for name in rows if name.startswith("cell_"))
    people: dict[tuple, set] = {}
    for place in range(len(rows["kind"])):
        part = tuple(rows[name][place] for name in cells)
        if None not in part:
            people.setdefault((rows["kind"][place], *part), set()).add(rows["worker_id"][place])
    assert all(len(group) >= LEAST for part, group in people.items() if len(part) > 1)

    context = client_of(alice).get(
        reverse("pages:project-quality", args=[desk.project.id])
    ).context  # fmt: skip
    for group in context["errors"].cells:
        shown = [*group.rows, *(row for _, of_kind in group.by_kind for row in of_kind)]
        assert all(row.people >= LEAST and row.people % 5 == 0 for row in shown)
    vectors = published(rows, context)
    sizes = {one: int((rows["kind"] == one).sum()) for one in KINDS}
    for many in (1, 2, 3):
        chosen = np.array(list(itertools.combinations(range(len(vectors)), many)))
        for signs in itertools.product((1, -1), repeat=many - 1):
            sums = np.einsum("s,nsv->nv", np.array((1, *signs)), vectors[chosen])
            for one in np.unique(np.concatenate([sums, -sums]), axis=0):
                if one.min() < 0 or one.max() > 1 or not one.any():
                    continue
                inside = one.astype(bool)
                whole = all(
                    int((rows["kind"][inside] == kind).sum()) in {0, size}
                    for kind, size in sizes.items()
                )
                assert whole or len(set(rows["worker_id"][inside])) >= LEAST


def test_who_labelled_against_what_the_items_show(desk, now, alice, client_of):
    """Twelve women and thirteen men; the men are wrong on every face."""
    said = [("woman", "", ["en"])] * 12 + [("man", "", ["en"])] * 13
    users = crowd(now, said)
    answers = [
        (user, item, "y" if kind == "faces" and place >= 12 else "x", "x")
        for place, user in enumerate(users)
        for item, kind in items(desk)
    ]
    found = analysed(desk, taken_run(desk, answers))
    # Everybody has the same languages: that is no cell, it would say it of each of them.
    assert set(found.result["cells"]["attributes"]) == {"gender"}
    answer = client_of(alice).get(reverse("pages:project-quality", args=[desk.project.id]))
    (group,) = answer.context["errors"].cells
    faces = [kind for _, kind in items(desk)].count("faces")
    assert {row.name: (row.people, row.value) for row in group.rows} == {
        "Man": (10, round(faces / len(items(desk)), 2)),
        "Woman": (10, 0),
    }
    on_faces = dict(group.by_kind)["faces"]
    assert {row.name: row.value for row in on_faces} == {"Man": 1, "Woman": 0}
    assert "who labelled, against what the items show" in answer.text
    assert "languages of the profile, first language, age, part of the world" in answer.text


def test_nine_are_not_shown_and_not_written(desk, now, alice, client_of):
    said = [("woman", "", ["en"])] * 9 + [("man", "", ["en"])] * 30
    users = crowd(now, said)
    every = items(desk)
    answers = [(user, item, "x", "x") for user in users for item, _ in every]
    found = analysed(desk, taken_run(desk, answers))
    rows = table(found)
    assert not [name for name in rows if name.startswith("cell_")]
    answer = client_of(alice).get(reverse("pages:project-quality", args=[desk.project.id]))
    assert answer.context["errors"].cells == []
    assert "or a group of fewer than 10 could be worked out" in answer.text


def test_what_was_taken_back_is_in_no_later_file(desk, now, as_):
    said = [("woman", "", ["en"])] * 12 + [("man", "", ["en"])] * 12
    users = crowd(now, said)
    answers = [(user, item, "x", "x") for user in users for item, _ in items(desk)]
    first = table(analysed(desk, taken_run(desk, answers)))
    assert set(first["cell_gender"]) == {"woman", "man"}
    for user in users[:3]:
        with acting(Actor(kind="person", user_id=user.id)):
            Description.objects.all().delete()
    desk.later(minutes=5)
    second = table(analysed(desk, taken_run(desk, answers)))
    # Nine are left: they stand among the others now.
    assert set(second["cell_gender"]) == {OTHERS, "man"}
    assert not set(first["worker_id"]) & set(second["worker_id"]), "other pseudonyms each time"


def test_others_stand_together(desk, now):
    said = [("woman", "", ["en"])] * 14 + [("man", "", ["en"])] * 6 + [("", "", ["en"])] * 6
    users = crowd(now, said)
    answers = [(user, item, "x", "x") for user in users for item, _ in items(desk)]
    rows = table(analysed(desk, taken_run(desk, answers)))
    assert set(rows["cell_gender"]) == {"woman", OTHERS}
