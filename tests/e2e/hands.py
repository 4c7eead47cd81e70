"""What a hand does in a browser: counted with the mouse, and told apart by name on the keyboard."""

from typing import Any

# One each, however many letters a field gets. An address that is gone to stands for the link there.
DONE = frozenset({"check", "click", "fill", "goto", "select_option", "set_input_files"})
FOUND = frozenset({"filter", "get_by_label", "get_by_role", "get_by_text", "locator", "nth"})
ENDS = frozenset({"first", "last"})


class Counted:
    """A page or a part of one; `done` gets a line for each click, key, field and address."""

    def __init__(self, what: Any, done: list[str]) -> None:
        self._what, self._done = what, done

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if name in ENDS:
            return Counted(found, self._done)
        if name == "keyboard":
            return CountedKeys(found, self._done)
        if name in FOUND:
            return lambda *given, **named: Counted(found(*given, **named), self._done)
        if name not in DONE:
            return found

        def counted(*given: Any, **named: Any) -> Any:
            self._done.append(f"{name} {given[0] if given else self._what}")
            return found(*given, **named)

        return counted


class CountedKeys:
    def __init__(self, keys: Any, done: list[str]) -> None:
        self._keys, self._done = keys, done

    def press(self, key: str, **named: Any) -> None:
        self._done.append(f"key {key}")
        self._keys.press(key, **named)
