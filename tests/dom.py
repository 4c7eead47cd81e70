"""Pages as trees, and what htmx does to one: just enough of both to compare pages.

Django's own parser of `assertHTMLEqual`: strict about tags that are not closed, and free of white
space and the order of attributes.
"""

from collections.abc import Iterator

from django.test.html import Element, parse_html

# Differs from answer to answer and says nothing.
TOKENS = ("csrfmiddlewaretoken", "hx-headers:inherited")
SWAPS = ("hx-get", "hx-post", "hx-put", "hx-patch", "hx-delete")


def tree(text: str) -> Element:
    """The page or fragment, without its tokens of forms."""
    found = parse_html(text)
    root = found if isinstance(found, Element) else Element("text", ())
    for element in walk(root):
        names = dict(element.attributes)
        if names.get("name") in TOKENS:
            element.attributes = [pair for pair in element.attributes if pair[0] != "value"]
        element.attributes = [pair for pair in element.attributes if pair[0] not in TOKENS]
    return root


def walk(element: Element) -> Iterator[Element]:
    yield element
    for child in element.children:
        if isinstance(child, Element):
            yield from walk(child)


def value(element: Element, name: str) -> str:
    return dict(element.attributes).get(name) or ""


def by_id(root: Element, name: str) -> Element | None:
    return next((each for each in walk(root) if value(each, "id") == name), None)


def all_of(root: Element, *names: str) -> list[Element]:
    return [each for each in walk(root) if each.name in names]


def words(element: Element | str) -> str:
    if isinstance(element, str):
        return element
    return " ".join(words(child) for child in element.children)


def asks(element: Element) -> tuple[str, str] | None:
    """(method, address) of an element of htmx; an empty address is the page's own."""
    names = dict(element.attributes)
    for name in SWAPS:
        if name in names:
            return name.removeprefix("hx-"), names[name] or ""
    return None


def swap(page: Element, source: Element, answer: Element) -> None:
    """Put the answer into the page as the attributes of `source` (an element of it) say."""
    target = source
    if value(source, "hx-target"):
        target = by_id(page, value(source, "hx-target").removeprefix("#"))
        assert target is not None, f"there is no {value(source, 'hx-target')} on the page"
    new = [answer] if answer.name else answer.children
    if value(source, "hx-select"):
        chosen = by_id(answer, value(source, "hx-select").removeprefix("#"))
        assert chosen is not None, f"the answer has no {value(source, 'hx-select')}"
        new = [chosen]
    way = (value(source, "hx-swap") or "innerHTML").split()[0]
    if way == "innerHTML":
        target.children = list(new)
        return
    assert way == "outerHTML", f"say in tests/dom.py what {way} does"
    parent = next(each for each in walk(page) if any(child is target for child in each.children))
    place = next(at for at, child in enumerate(parent.children) if child is target)
    parent.children[place : place + 1] = new


def fields(form: Element) -> dict[str, str]:
    """What a browser sends of a form that nobody has touched, buttons left out."""
    sent: dict[str, str] = {}
    for each in all_of(form, "input", "select", "textarea"):
        name, kind = value(each, "name"), value(each, "type")
        attributes = dict(each.attributes)
        if not name or "disabled" in attributes or kind in {"submit", "button", "file"}:
            continue
        if kind in {"checkbox", "radio"} and "checked" not in attributes:
            continue
        if each.name == "select":
            options = all_of(each, "option")
            chosen = [option for option in options if "selected" in dict(option.attributes)]
            sent[name] = value((chosen or options)[0], "value") if options else ""
        elif each.name == "textarea":
            sent[name] = words(each).strip()
        else:
            sent[name] = value(each, "value") or ("on" if kind in {"checkbox", "radio"} else "")
    return sent
