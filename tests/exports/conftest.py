"""The desk of the work tests, with a project whose every kind of line comes up."""

from tests.work.conftest import desk, desk_of

__all__ = ["desk", "desk_of"]
