"""What every page of ours keeps to, found in the pages themselves: nothing here is listed by hand.

Each address of `tests/test_urls.py` is opened for one person of each side. Whatever in its page
asks with htmx is asked, swapped in and compared with the page as it is fresh; whatever can be sent
is sent empty and with nonsense. So a new page, list or form is covered by being there.
"""

import re

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests import dom
from tests.test_urls import WALK, ids, names, side  # noqa: F401 -- fixtures

pytestmark = pytest.mark.django_db

SIDES = ("anonymous", "alice", "carol", "ada")
HTMX = {"HX-Request": "true"}
# A page whose moving part is only there after something: what it is opened with.
QUERIES = {"payments:funding": "?returned=1"}
# Texts that no form of ours takes, by the type of the input.
NONSENSE = {"email": "nonsense", "number": "-7", "url": "nonsense", "date": "1726-31-31"}
TYPED = "Typed, and kept."


@pytest.fixture
def client(request, ids, side, now, settings):  # noqa: F811 -- the fixtures of the import
    settings.DEMO = True
    made = Client(raise_request_exception=False)
    if request.param != "anonymous":
        made.force_login(request.getfixturevalue(request.param))
    return made


every_side = pytest.mark.parametrize("client", SIDES, indirect=True)


def pages(client, ids):  # noqa: F811
    """(address, text) of every whole page that this person can open."""
    for name, parameters in names():
        if name not in WALK or name.startswith("api"):
            continue
        address = reverse(name, kwargs={key: ids[key] for key in parameters})
        address += QUERIES.get(name, "")
        text = opened(client, address)
        if text is not None:
            yield address, text


def opened(client, address, **headers):
    """The text of a page; None where there is none, and nothing that the visit did is kept."""
    with transaction.atomic():
        answer = client.get(address, headers=headers)
        transaction.set_rollback(True)
    if answer.status_code != 200 or "text/html" not in answer.headers.get("Content-Type", ""):
        return None
    return answer.content.decode()


def joined(page, address):
    """An address as a link of this page means it."""
    path = page.split("?")[0]
    return path + address if address.startswith("?") else address or page


# ── htmx ────────────────────────────────────────────────────────────────────────────────────────


@every_side
def test_a_page_after_a_swap_is_the_fresh_page(client, ids):  # noqa: F811
    wrong, asked = [], set()
    for address, text in pages(client, ids):
        for number, source in enumerate(sources(dom.tree(text))):
            method, where = dom.asks(source)
            # The same part of the frame is on every page.
            part = (joined(address, where), dom.value(source, "id"), dom.value(source, "hx-target"))
            if part in asked:
                continue
            asked.add(part)
            check = _got if method == "get" else _sent
            problem = check(client, address, text, number, joined(address, where))
            if problem:
                wrong.append(f"{address}: {method} {where or '(itself)'}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert asked


def sources(page):
    return [each for each in dom.walk(page) if dom.asks(each)]


def _got(client, address, text, number, where):
    page = dom.tree(text)
    source = sources(page)[number]
    if source.name == "form":
        query = "&".join(f"{name}={given}" for name, given in dom.fields(source).items() if given)
        where = f"{where.split('?')[0]}?{query}"
    part, plain = opened(client, where, **HTMX), opened(client, where)
    if part is None or plain is None or "<html" not in plain:
        return "asked plainly it is no whole page"
    moves = dom.value(source, "hx-push-url") or dom.value(source, "hx-replace-url")
    fresh = plain if moves else opened(client, address)
    dom.swap(page, source, dom.tree(part))
    return difference(page, dom.tree(fresh)) or _is_in(part, plain, source)


def _sent(client, address, text, number, where):
    """Sent with htmx and without, from the same state: the same change, on the same page."""
    page = dom.tree(text)
    source = sources(page)[number]
    buttons = [each for each in dom.all_of(source, "button") if dom.value(each, "name")]
    sent = dom.fields(source)
    if buttons:
        sent |= {dom.value(buttons[0], "name"): dom.value(buttons[0], "value")}
    with transaction.atomic():
        part = client.post(where, sent, headers={**HTMX, "Referer": address})
        fresh_after_part = client.get(address).content.decode()
        transaction.set_rollback(True)
    with transaction.atomic():
        plain = client.post(where, sent, follow=True)
        fresh = client.get(address).content.decode()
        transaction.set_rollback(True)
    if part.status_code >= 500 or "<html" not in plain.content.decode():
        return f"{part.status_code}, and plainly no whole page"
    dom.swap(page, source, dom.tree(part.content.decode()))
    target = dom.value(source, "hx-target").removeprefix("#")
    # What is said once (a result, a message) is on the page that the plain form ends on; what
    # stays is on the page as it is from now on.
    shown = unnamed(dom.by_id(page, target))
    if shown not in {
        unnamed(dom.by_id(dom.tree(each), target)) for each in (fresh, plain.content.decode())
    }:
        return f"#{target} is not what the plain form shows"
    return difference(dom.tree(fresh_after_part), dom.tree(fresh))


def unnamed(element):
    """Its text without ids, hashes and numbers: what is sent twice makes its own each time."""
    return re.sub(r"[0-9a-f-]{6,}|\d+", "(id)", str(element))


def _is_in(part, plain, source):
    """What came for htmx stands in the whole page, too."""
    chosen = dom.value(source, "hx-select").removeprefix("#")
    root = dom.tree(part)
    bit = dom.by_id(root, chosen) if chosen else root
    return "" if str(bit) in str(dom.tree(plain)) else "the whole page does not hold it"


def difference(one, other):
    """Empty, or the first lines in which two pages differ."""
    pairs = zip(str(one).splitlines(), str(other).splitlines(), strict=False)
    if one == other:
        return ""
    differing = (f"{a.strip()!r} is not {b.strip()!r}" for a, b in pairs if a != b)
    return next(differing, "one is longer")


# ── Forms ───────────────────────────────────────────────────────────────────────────────────────


@every_side
def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(client, ids):  # noqa: F811
    wrong, done = [], set()
    for address, text in pages(client, ids):
        for form in dom.all_of(dom.tree(text), "form"):
            where = joined(address, dom.value(form, "action"))
            if dom.value(form, "method").lower() != "post" or where in done:
                continue
            done.add(where)
            for sent in (emptied(form), typed(form)):
                problems = _problems(client, where, sent)
                wrong += [f"{address} → {where}: {problem}" for problem in problems]
    assert not wrong, "\n".join(wrong)


def controls(form):
    return [
        each
        for each in dom.all_of(form, "input", "textarea", "select")
        if dom.value(each, "type") not in {"hidden", "submit", "button"}
    ]


def emptied(form):
    """Only what the page itself had put in."""
    ours = {dom.value(each, "name") for each in controls(form)}
    return {name: each for name, each in dom.fields(form).items() if name not in ours}


def typed(form):
    """Nonsense in every field that one types in."""
    sent = dom.fields(form)
    for each in controls(form):
        if each.name == "select":
            continue
        kind = dom.value(each, "type") or "text"
        if each.name == "textarea" or kind in {"text", "search", "tel"}:
            sent[dom.value(each, "name")] = TYPED
        elif kind in NONSENSE:
            sent[dom.value(each, "name")] = NONSENSE[kind]
    return sent


def _problems(client, where, sent):
    with transaction.atomic():
        answer = client.post(where, sent)
        transaction.set_rollback(True)
    status, text = answer.status_code, answer.content.decode()
    if status in {301, 302, 303} or "text/html" not in answer.headers.get("Content-Type", ""):
        return [f"{status}"] if status >= 500 else []
    if status >= 500 and status != 503:
        return [f"{status}"]
    if status == 200:
        return []
    page = dom.tree(text)
    said = [each for each in dom.walk(page) if is_sentence(each)]
    if not said:
        return [f"{status}, and no sentence says why"]
    described = " ".join(dom.value(each, "aria-describedby") for each in dom.walk(page)).split()
    found = [
        f"{dom.value(each, 'id')!r} is described by nothing: {dom.words(each)}"
        for each in said
        if "field-error" in dom.value(each, "class") and dom.value(each, "id") not in described
    ]
    shown = {dom.value(each, "name"): each for each in dom.all_of(page, "input", "textarea")}
    for name, given in sent.items():
        if given not in {TYPED, *NONSENSE.values()}:
            continue
        control = shown.get(name)
        if control is None:
            found.append(f"{status}, and the field {name} is gone with what was typed")
            continue
        kept = dom.words(control) if control.name == "textarea" else dom.value(control, "value")
        if kept.strip() != given:
            found.append(f"{status}, and {name} lost {given!r}")
    return found


def is_sentence(element):
    """Something that says what is wrong, in at least three words."""
    marked = "field-error" in dom.value(element, "class") or dom.value(element, "role") == "alert"
    return (marked or element.name == "main") and len(re.findall(r"\w+", dom.words(element))) > 2
