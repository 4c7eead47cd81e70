"""Every kind that anybody is told of stands in the registry, and in the table of the docs."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from apps.cases.enums import CaseKind
from apps.notices import actions as notices
from apps.notices.enums import ABOUT, MANDATORY, OF_STAFF, Group, Kind, Mail
from apps.notices.management.commands.notice_kinds import PAGE, written

SOURCES = sorted((settings.BASE_DIR / "apps").rglob("*.py"))


def named_kinds() -> dict[str, Path]:
    """`Notices.X` and `Kind.X` anywhere in the actions of the apps, but for the registry itself."""
    found = {}
    for path in SOURCES:
        if path.parts[-2] == "migrations" or path.name == "enums.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Notices"
            ):
                found[node.attr] = path
    return found


def kinds_told() -> list[tuple[Path, int, ast.expr]]:
    """The `kind=` of every call of `notices.tell` and `notices.count_up`."""
    return [
        (path, node.lineno, keyword.value)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"tell", "count_up"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "notices"
        for keyword in node.keywords
        if keyword.arg == "kind"
    ]


def test_every_kind_that_is_told_is_in_the_registry():
    assert len(kinds_told()) > 20
    loose = [
        f"{path}:{line}"
        for path, line, kind in kinds_told()
        # A string would only fail when somebody is told; a name fails here and in mypy.
        if isinstance(kind, ast.Constant)
    ]
    assert loose == [], "name a member of apps.notices.enums.Kind"
    assert named_kinds().keys() - Kind.__members__.keys() == set()


def test_every_kind_is_told_by_something():
    by_case = {f"CASE_{kind.name}" for kind in CaseKind}
    assert Kind.__members__.keys() - named_kinds().keys() - by_case == set()
    for kind in CaseKind:
        assert Kind(f"case.{kind}") in ABOUT


def test_a_kind_that_nobody_registered_is_refused(carol, now):
    with pytest.raises(ValueError, match=r"no\.such"):
        notices.tell([carol.id], kind="no.such", title="Look", now=now)


def test_the_registry_says_everything_of_every_kind():
    assert ABOUT.keys() == set(Kind)
    assert {about.group for about in ABOUT.values()} == set(Group)
    # Due process is never a summary, and administrators' queues are no due process of theirs.
    assert all(a.mail == Mail.NOW for a in ABOUT.values() if a.is_mandatory)
    assert not MANDATORY & OF_STAFF


@pytest.mark.parametrize(
    "kind",
    ["work.rejected", "case.deactivation", "case.appeal", "case.dispute", "payout.failed"],
)
def test_what_cannot_be_switched_off(kind):
    assert ABOUT[Kind(kind)].is_mandatory


def test_the_table_of_the_docs_is_the_registry():
    assert PAGE.read_text() == written(), "run: manage.py notice_kinds"
