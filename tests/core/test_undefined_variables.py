"""The suite's own trap: a template of ours that uses an unknown name fails its test."""

from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Engine, Origin, Template

from tests.templates import UndefinedVariable


def rendered(source, *, path="templates/core/refused.html", **context):
    engine = Engine(string_if_invalid=UndefinedVariable())
    origin = Origin(str(Path(settings.BASE_DIR) / path))
    return Template(source, origin=origin, engine=engine).render(Context(context))


def test_the_engine_of_the_suite_has_the_trap():
    trap = settings.TEMPLATES[0]["OPTIONS"]["string_if_invalid"]
    assert isinstance(trap, UndefinedVariable)


@pytest.mark.parametrize(
    "source",
    [
        "{{ name }}",
        "{{ thing.name }}",
        "{{ name|lower }}",
        "{% with other=name %}{{ other }}{% endwith %}",
        "{% if thing %}{{ name }}{% endif %}",
        "{% partialdef part inline %}{{ name }}{% endpartialdef part %}",
        "{% partialdef part %}{{ name }}{% endpartialdef part %}{% partial part %}",
    ],
)
def test_an_unknown_name_is_an_error(source):
    with pytest.raises(AssertionError, match="nobody gave it"):
        rendered(source, thing={"title": "x"})


def test_known_names_questions_and_defaults_are_none():
    source = "{{ name }}{% if other %}no{% endif %}{{ other|default:'—' }}"
    assert rendered(source, name="x") == "x—"
    assert rendered("{{ name }}", name="") == ""


def test_templates_of_packages_may_lean_on_empty_places():
    package = "lib/python3.13/site-packages/allauth/templates/account/login.html"
    assert rendered("a{{ name }}b", path=package) == "ab"
