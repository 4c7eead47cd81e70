"""A name that a template of ours uses and nobody passed is an error, not an empty place."""

import inspect
from typing import Self

from django.conf import settings


class UndefinedVariable(str):
    """Django asks `"%s" in string_if_invalid` and then formats it with the name."""

    __slots__ = ()

    def __new__(cls) -> Self:
        return super().__new__(cls, "%s")

    def __mod__(self, variable: object) -> str:
        origin = _template()
        # Templates of other people's packages lean on empty places.
        if origin.startswith(str(settings.BASE_DIR)) and "site-packages" not in origin:
            message = f"The template {origin} uses {variable}, which nobody gave it."
            raise AssertionError(message)
        return ""


def _template() -> str:
    """The file of the template that is being rendered."""
    frame = inspect.currentframe()
    while frame is not None:
        origin = getattr(frame.f_locals.get("self"), "origin", None)
        if frame.f_code.co_name in {"render", "render_annotated"} and origin is not None:
            return str(origin)
        frame = frame.f_back
    return ""
