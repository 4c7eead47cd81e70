"""The tables of states, and the page that shows them."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from apps.core.management.commands.states import rendered, tables
from tests.factories.rows import own_models

TABLES = {(app, name): table for app, name, table in tables()}


def test_the_page_is_what_the_tables_say():
    out = io.StringIO()
    call_command("states", "--check", stdout=out)
    assert f"all {len(TABLES)} tables" in out.getvalue()


def test_a_page_that_differs_is_refused_with_a_sentence(tmp_path, settings):
    settings.BASE_DIR = tmp_path
    call_command("states")
    call_command("states", "--check", stdout=io.StringIO())
    page = tmp_path / "docs" / "states.md"
    page.write_text(page.read_text().replace("draft --> live", "draft --> closed"))
    with pytest.raises(CommandError, match="run `make states`"):
        call_command("states", "--check")


@pytest.mark.parametrize("key", TABLES, ids=str)
def test_every_state_is_in_its_table_and_can_be_reached(key):
    table = TABLES[key]
    states = set(table)
    assert all(following <= states for following in table.values())
    reached, todo = set(), [next(iter(table))]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += table[state]
    assert reached == states


def test_every_field_of_states_has_a_table_that_holds_all_of_them():
    covered = {frozenset(map(str, table)) for table in TABLES.values()}
    missing = []
    for model in own_models():
        for field in model._meta.concrete_fields:
            if field.name == "state" and isinstance(field, models.CharField) and field.choices:
                states = frozenset(value for value, _ in field.choices)
                if states not in covered:
                    missing.append(model._meta.label)
    assert missing == []


def test_the_diagrams_hold_every_move():
    moves = {tuple(move) for move in re.findall(r"^ +(\w+) --> (\w+)$", rendered(), re.MULTILINE)}
    for table in TABLES.values():
        for state, following in table.items():
            assert {(str(state), str(target)) for target in following} <= moves
