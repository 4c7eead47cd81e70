"""The task types: one folder each, found by its `tasktype.py`, which holds one object `TYPE`.

A folder has the checks (tasktype.py), the wizard's form (forms.py), the editor
(templates/tasktypes/<name>/editor.html) and its script (static/). Nothing outside it names a type.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, cast

from django import forms

from apps import tasktypes
from apps.core.errors import NotThere


class ConfigForm(Protocol):
    """A Django form. Valid, it has the checked config in `cleaned_data["config"]`."""

    def __call__(self, *args: Any, **kwargs: Any) -> forms.Form: ...

    def initial_of(self, config: Mapping) -> dict:
        """The form's initial values for a config that was saved before."""


class TaskType(Protocol):
    """What a task type knows. Every check raises `core.errors.Invalid` with one sentence."""

    name: str
    title: str
    distance: str  # how far two answers are apart: a level of `gpu_jobs`
    level: str
    editor_template: str
    lift_skips: frozenset[str]  # answers, as `answer_key` gives them, that teach a model nothing
    config_form: ConfigForm

    def check_config(self, config: Mapping) -> dict:
        """The config as the criteria keep it."""

    def columns(self, config: Mapping) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Field → the alternatives for it, each a tuple of columns that are joined."""

    def check_item(self, config: Mapping, row: Mapping) -> dict:
        """The payload of an imported row; raises with the reason for the import report."""

    def assets(self, payload: Mapping) -> tuple[str, ...]:
        """Names of the pictures that the payload needs."""

    def check_gold(self, config: Mapping, raw: object) -> dict:
        """The answer that a cell of the column `gold` stands for."""

    def check_answer(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:
        """The cleaned answer: schema and completeness gates. Invalid names the field."""

    def answer_key(self, answer: Mapping) -> str:
        """What agreement and gold compare."""

    def describe(self, config: Mapping, answer: Mapping) -> str:
        """The answer in words."""

    def export_row(self, config: Mapping, payload: Mapping, answer: Mapping) -> dict:
        """Flat columns for a release."""

    def lift_recipes(self, config: Mapping) -> dict[str, str]:
        """Recipe of `gpu_jobs.lift` → its name in words, the usual one first; empty: no lift."""

    def lift_input(self, config: Mapping, payload: Mapping) -> dict[str, str]:
        """What a model reads of an item: `text` [and `text_b`], or `image`, a picture's name."""

    def sample(self, config: Mapping) -> dict:
        """A payload to show before there are items."""


@cache
def _types() -> dict[str, TaskType]:
    found = {}
    for module in pkgutil.iter_modules(tasktypes.__path__):
        if module.ispkg and module.name != "migrations":
            folder = f"{tasktypes.__name__}.{module.name}.tasktype"
            found[module.name] = cast("TaskType", importlib.import_module(folder).TYPE)
    return found


def all_types() -> list[TaskType]:
    """In order of their names."""
    return [task_type for _, task_type in sorted(_types().items())]


def get(name: str) -> TaskType:
    """The type of this name. Raises NotThere."""
    try:
        return _types()[name]
    except KeyError:
        raise NotThere(f"There is no task type {name!r}.") from None
