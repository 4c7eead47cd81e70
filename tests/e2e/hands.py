"""What a hand does in a browser: counted with the mouse, and told apart by name on the keyboard."""

import re
from typing import Any

STOPS_MAX = 150
NAMELESS = re.compile(
    r"^\s*- ((?:link|button|textbox|spinbutton|checkbox|radio|combobox)(?: \[[^]]*\])*:?)\s*$",
    re.MULTILINE,
)
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
        """Going from thing to thing is no click."""
        if key != "Tab":
            self._done.append(f"key {key}")
        self._keys.press(key, **named)

    def type(self, text: str, **named: Any) -> None:
        self._done.append(f"type {text}")
        self._keys.type(text, **named)


class Keys:
    """Somebody with a keyboard only, who finds things by the role and name that a reader says."""

    def __init__(self, page: Counted) -> None:
        self.page = page

    def fill(self, **fields: str) -> None:
        """Text fields by the beginning of their label; `_` stands for a space."""
        for label, text in fields.items():
            self.to("textbox", label.replace("_", " "))
            self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        self.to("combobox", label)
        self.page.keyboard.type(option)

    def tick(self, label: str) -> None:
        self.to("checkbox", label)
        self.page.keyboard.press("Space")
        assert self.page.locator(":focus").is_checked(), f"Space does not tick {label!r}"

    def follow(self, name: str) -> None:
        self.press(name, role="link")

    def press(self, name: str, *, role: str = "button") -> None:
        """Enter on a button or link; the page that comes is read for things without a name."""
        self.to(role, name)
        self.key("Enter")

    def key(self, key: str) -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press(key)
        nameless = NAMELESS.findall(self.page.locator("body").aria_snapshot())
        assert not nameless, f"{self.page.url} has without a name: {nameless}"

    def to(self, role: str, name: str) -> None:
        """Tab until the thing of this role, whose name begins so, has the focus."""
        passed: list[str] = []
        wanted = f'- {role} "{name}'
        for _ in range(STOPS_MAX):
            if not self.page.evaluate("document.activeElement === document.body"):
                passed.append(self.page.locator(":focus").aria_snapshot().partition("\n")[0])
                if passed[-1].startswith(wanted):
                    return
            self.page.keyboard.press("Tab")
        raise AssertionError(
            f"No Tab leads to {wanted!r} on {self.page.url}:\n" + "\n".join(passed)
        )
