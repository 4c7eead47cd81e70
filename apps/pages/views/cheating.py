"""Try to cheat us: the page on which anybody runs the grievance cases against a demo."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from apps.core.errors import NotThere, WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.pages.actions import cheating
from apps.pages.actions.evidence import Attempt

GUIDE = "HeroHunt.ai's field guide to AI training work, 2026"


@dataclass(frozen=True, slots=True)
class Words:
    """What the case is, what happens elsewhere today, and who says so."""

    title: str
    today: str
    source: str


WORDS = {
    "free-qualification": Words(
        "Publish a qualification that pays nothing",
        "Before the first paid task platforms ask for hours of tests and training without pay. "
        "A complaint against one of them names $525 of unpaid training.",
        f"The Register, quoted in {GUIDE}",
    ),
    "uncited-rejection": Words(
        "Reject work without citing a line",
        "Fairwork needs a principle for it: not to pay for completed work is no option for "
        "clients. On Toloka a rejection can be contested for seven days, and the answer may take "
        "up to fourteen.",
        "fair.work/en/principles/cw01; Toloka's documentation",
    ),
    "kept-money": Words(
        "Deactivate somebody with money inside, and keep it",
        "Complaints against one platform name $4,100 withheld from a worker after the account was "
        "disabled, and mails that say that no further appeal will be considered.",
        f"The Register, quoted in {GUIDE}",
    ),
    "changed-criteria": Words(
        "Pay less for work that is published already",
        "Contributors report a project that was closed and came back under another name: the same "
        "work for $16 an hour instead of $21.",
        "“Why are wages crashing in AI Training Gig Economy?”, 2026",
    ),
    "foreign-rows": Words(
        "Read and change another organization's work",
        "About four terabytes with interviews and identity data are reported to have left one "
        "vendor's systems.",
        GUIDE,
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    words: Words
    ways: list[str]
    attempts: list[Attempt] | None
    refusal: str

    @property
    def went_through(self) -> bool:
        return any(not attempt.is_stopped for attempt in self.attempts or [])


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """GET: the cases. POST `case`: run it, and show what stopped it. Nothing is kept."""
    if not settings.DEMO:
        raise NotThere("There is no such page.")
    tried, attempts, refusal, status = "", None, "", 200
    if request.method == "POST":
        tried = request.POST.get("case", "")
        try:
            attempts = cheating.attempt(key=tried, by=request.actor, now=request.now)
        except NotThere:
            raise
        except WagefileError as error:
            refusal, status = error.sentence, error.status
    rows = [
        Row(
            key,
            words,
            [way.tried for way in cheating.CASES[key].actions],
            attempts if key == tried else None,
            refusal if key == tried else "",
        )
        for key, words in WORDS.items()
    ]
    if tried and request.headers.get("HX-Request"):
        rows = [row for row in rows if row.key == tried]
    context = {"rows": rows, "role": cheating.database_role(), "limit": cheating.TRIES_AN_HOUR}
    return render(request, "pages/cheating.html", context, partial="cases", status=status)
