"""A name that a template of ours uses and nobody passed is an error, not an empty place."""

import inspect
from types import FrameType

from django.conf import settings
from django.template.base import FilterExpression

# A template that says what stands there otherwise knows that the name may be missing.
WITH_A_DEFAULT = {"default", "default_if_none"}


class UndefinedVariable(str):
    """The empty `string_if_invalid`, asked whether it is empty when a name is missing."""

    __slots__ = ()

    def __bool__(self) -> bool:
        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        expression = caller.f_locals.get("self") if caller else None
        if isinstance(expression, FilterExpression) and caller.f_code.co_name == "resolve":
            used = {function.__name__ for function, _ in expression.filters}
            origin = _template(caller)
            # Templates of other people's packages lean on empty places.
            if not used & WITH_A_DEFAULT and _is_ours(origin):
                message = f"The template {origin} uses {expression.var}, which nobody gave it."
                raise AssertionError(message)
        return False


def _is_ours(origin: str) -> bool:
    return origin.startswith(str(settings.BASE_DIR)) and "site-packages" not in origin


def _template(frame: FrameType | None) -> str:
    """The file of the template that is being rendered."""
    while frame is not None:
        origin = getattr(frame.f_locals.get("self"), "origin", None)
        if frame.f_code.co_name in {"render", "render_annotated"} and origin is not None:
            return str(origin)
        frame = frame.f_back
    return ""
