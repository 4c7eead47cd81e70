"""What every page knows. Reads are lazy: a page that shows no header asks nothing."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from apps.accounts.queries import is_contributor
from apps.core.tenancy import ANONYMOUS, Actor
from apps.notices.models import Notice
from apps.organizations.models import Organization
from apps.pages.views.time_machine import banner

THEME_COOKIE = "wagefile_theme"
THEMES = {"light", "dark"}


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    links: list[Link]


@dataclass(frozen=True, slots=True)
class BottomLink:
    label: str
    icon: str
    url: str
    is_current: bool


# What each kind of person finds in the header: label, then (label, name of the address).
BUY = (
    "Buy",
    [
        ("Organizations", "organizations:list"),
        ("Projects", "projects:list"),
        ("Review", "work:review-all"),
    ],
)
WORK = (
    "Work",
    [
        ("Board", "work:board"),
        ("My work", "work:history"),
        ("Scores", "work:scores"),
        ("Earnings", "work:earnings"),
        ("Payouts", "payments:payouts"),
        ("Cases", "cases:mine"),
    ],
)
STAFF = (
    "Staff",
    [
        ("Administration", "pages:staff"),
        ("Cases", "cases:staff"),
        ("Tickets", "contact:staff"),
        ("People", "people:staff-list"),
        ("Books", "pages:books"),
    ],
)
# A contributor's places on a phone: label, name of the address, picture.
BOTTOM = [
    ("Home", "home", "home"),
    ("Board", "work:board", "board"),
    ("My work", "work:history", "work"),
    ("Earnings", "work:earnings", "earnings"),
    ("Payouts", "payments:payouts", "payouts"),
]
PUBLIC = (
    "",
    [
        ("Board", "work:board"),
        ("How pay works", "pages:pay"),
        ("Pay and due process", "pages:rules"),
    ],
)


def site(request: HttpRequest) -> dict:
    """The actor, the time and its zone, the appearance, the header's links and counts."""
    actor = getattr(request, "actor", ANONYMOUS)
    works = SimpleLazyObject(lambda: is_contributor(actor))
    return {
        "actor": actor,
        "works": works,
        "now": getattr(request, "now", None),
        "zone": timezone.get_current_timezone_name(),
        "theme": theme(request),
        "site_url": settings.SITE_URL,
        "is_demo": settings.DEMO,
        "time_machine": SimpleLazyObject(lambda: banner(actor)) if settings.DEMO else None,
        "navigation": SimpleLazyObject(lambda: navigation(actor, works, request.path)),
        "bottom_links": SimpleLazyObject(lambda: bottom_links(actor, works, request.path)),
        "own_organizations": SimpleLazyObject(lambda: own_organizations(actor)),
        "unread_notices": SimpleLazyObject(lambda: unread_notices(actor)),
    }


def navigation(actor: Actor, works: object, path: str) -> list[Group]:
    """The header's groups: what somebody is decides them, `works` that they have a profile.

    Of all links that lead here the longest is the current one.
    """
    groups = [STAFF] if actor.is_staff else [BUY] * bool(actor.org_ids) + [WORK] * bool(works)
    groups = groups or [PUBLIC]
    urls = {name: reverse(name) for _, links in groups for _, name in links}
    here = [url for url in urls.values() if path.startswith(url)]
    current = max(here, key=len, default=None)
    return [
        Group(
            # One group alone needs no name.
            label if len(groups) > 1 else "",
            [Link(text, urls[name], urls[name] == current) for text, name in links],
        )
        for label, links in groups
    ]


def bottom_links(actor: Actor, works: object, path: str) -> list[BottomLink]:
    """A contributor's; who buys as well has them on the contributor's pages only."""
    if not works:
        return []
    places = [(label, icon, reverse(name)) for label, name, icon in BOTTOM]
    # Scores have no place of their own there; they are of the answers under My work.
    path = reverse("work:history") if path.startswith(reverse("work:scores")) else path
    here = [url for _, _, url in places if path.startswith(url)]
    current = max(here, key=len, default="")
    if actor.org_ids and current in {"", reverse("home")}:
        return []
    is_home = path == reverse("home")
    return [
        BottomLink(label, icon, url, url == current and (is_home or icon != "home"))
        for label, icon, url in places
    ]


def theme(request: HttpRequest) -> str:
    """`light`, `dark`, or nothing: what the reader's system says."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def own_organizations(actor: Actor) -> list[Organization]:
    if actor.is_staff or not actor.org_ids:
        return []
    return list(Organization.objects.visible_to(actor).order_by("name"))


def unread_notices(actor: Actor) -> int | str:
    return Notice.objects.visible_to(actor).number_unread() if actor.user_id else 0
