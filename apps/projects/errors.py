"""What projects refuse, beyond the plain refusals of core."""

from apps.core.errors import Invalid


class NotReady(Invalid):
    """Publishing is blocked. `problems` are all the reasons, `sentence` the first of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems[0])
        self.problems = problems


class BrokenFile(Invalid):
    """A file of items that cannot be read to its end: nothing of it is kept."""
