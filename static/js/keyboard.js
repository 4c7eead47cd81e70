// Shortcuts: an element with data-shortcut="1 a" is chosen, pressed or focused by either key.
// Nothing happens while somebody writes, and nothing that the browser or a reader needs is taken.
(() => {
  const WRITING = "textarea, select, input:not([type=radio], [type=checkbox])";
  const PRESSED_BY_ENTER = "a, button, summary, select";

  const bound = (key) =>
    [...document.querySelectorAll("[data-shortcut]")].find(
      (element) =>
        !element.closest(":disabled") &&
        element.dataset.shortcut.split(" ").some((name) => name.toLowerCase() === key.toLowerCase()),
    );

  const use = (element) => {
    if (element.matches(WRITING)) {
      element.focus();
    } else if (element.matches("input")) {
      element.focus();
      element.click();
    } else {
      element.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey || event.metaKey) return;
    const isWriting = event.target.matches(WRITING);
    if (event.key === "Escape" && isWriting) {
      event.target.blur();
      return;
    }
    const isEnter = event.key === "Enter";
    if (event.ctrlKey ? !isEnter : isWriting) return;
    if (isEnter && (event.repeat || event.target.matches(PRESSED_BY_ENTER))) return;
    const element = bound(event.key);
    if (!element) return;
    event.preventDefault();
    use(element);
  });
})();
