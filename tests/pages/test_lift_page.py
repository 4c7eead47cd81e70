"""The buyer's page of lift: what was found stands first, unless something is being measured."""

import uuid

import pytest
from django.urls import reverse

from apps.core.tenancy import acting
from apps.scoring.models import LiftRun
from tests import dom
from tests.work.conftest import STAFF
from tests.work.test_lift_invitations import measured as measured  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import closed as closed  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import desk as desk  # noqa: PLC0414 -- a fixture
from tests.work.test_lift_money import people as people  # noqa: PLC0414 -- a fixture

pytestmark = pytest.mark.django_db


def again(run: LiftRun, **fields) -> LiftRun:
    """The run once more, with other fields."""
    with acting(STAFF):
        made = LiftRun.objects.get(id=run.id)
        made.pk = uuid.uuid4()
        for name, value in fields.items():
            setattr(made, name, value)
        made.save(force_insert=True)
    return made


def page(measured, alice, client_of) -> str:
    url = reverse("pages:project-lift", args=[measured.project.id])
    return client_of(alice).get(url).text


def done() -> LiftRun:
    with acting(STAFF):
        return LiftRun.objects.get(state="done", grouping="contributor")


def test_the_first_grouping_is_shown_and_the_others_are_folded(measured, alice, client_of):
    again(done(), grouping="tier", reason="asked")
    with acting(STAFF):
        assert LiftRun.objects.filter(state="queued").update(state="cancelled")
    text = page(measured, alice, client_of)
    tree = dom.tree(text)
    assert dom.by_id(tree, "first") is not None
    assert text.index('id="first"') < text.index('id="moving"') < text.index("By tier")
    folded = [dom.words(each) for each in dom.all_of(tree, "summary")]
    assert any(words.startswith("By tier") for words in folded)
    assert not any(words.startswith("By contributor") for words in folded)
    assert "Lift, with its 95% interval" in text


def test_while_something_is_measured_that_stands_first(measured, alice, client_of):
    """The close has more groupings than the one that is done."""
    text = page(measured, alice, client_of)
    assert text.index('id="moving"') < text.index('id="first"')
    assert 'hx-trigger="every 2s"' in text
