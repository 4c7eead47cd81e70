"""Who was told what, read as the mail task reads it: everybody's notices at once."""

from collections.abc import Callable

import pytest

from apps.core.tenancy import acting, system
from apps.notices.models import Letter, Notice
from tests.work.conftest import desk, desk_of

__all__ = ["desk", "desk_of"]


@pytest.fixture
def audience(db: None) -> Callable[[str], list[str]]:
    """`audience(kind)`: who was told of it, one name a notice."""

    def names(kind: str) -> list[str]:
        with acting(system()):
            rows = Notice.objects.filter(kind=kind).select_related("user")
            return sorted(row.user.name for row in rows)

    return names


@pytest.fixture
def notice_of(db: None) -> Callable[..., Notice]:
    """`notice_of(user, kind)`: the one notice of this kind that the person has."""

    def one(user, kind: str) -> Notice:
        with acting(system()):
            return Notice.objects.get(user=user, kind=kind)

    return one


@pytest.fixture
def letters(db: None) -> Callable[[], list[Letter]]:
    def rows() -> list[Letter]:
        with acting(system()):
            return list(Letter.objects.order_by("created_at", "id"))

    return rows
