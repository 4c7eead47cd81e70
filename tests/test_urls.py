"""Every address × everybody: who comes in, who is refused, who learns that there is nothing.

The table is closed: whoever is not named in a line gets 404, and nobody (anonymous) is sent to the
sign-in. A new address fails until it has a line. Each is asked with GET and with POST; a page that
takes only one of the two answers 405, which is "in".

To add a line: `"namespace:name": Rule(ok=..., forbidden=...)`, with the people as words. The rows
behind the ids are acme's and carol's; the ids come from `ids()` by the name of the parameter.
"""

from dataclasses import dataclass

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from apps.cases import actions as cases
from apps.cases.queries import link_of
from apps.core.ids import uuid7
from apps.core.tenancy import ANONYMOUS, acting
from apps.notices.enums import Group
from apps.notices.gateway import sign_off
from tests.factories import rows
from tests.factories.projects import LIFT

pytestmark = pytest.mark.django_db

NOBODY = "anonymous"
ROLES = "alice mia rob fay vic"
CONTRIBUTORS = "carol dave"
STAFF = "ada adam"
SIGNED_IN = f"gus {ROLES} {CONTRIBUTORS} {STAFF}"
EVERYBODY = f"{NOBODY} {SIGNED_IN}"
PEOPLE = EVERYBODY.split()


@dataclass(frozen=True)
class Rule:
    """`ok` come in (any answer but 403, 404 and 5xx), `forbidden` get 403, all others 404.

    `post_ok` and `post_forbidden` say it for POST (or PUT) where it differs; `body` goes as JSON.
    """

    ok: str = ""
    forbidden: str = ""
    post_ok: str | None = None
    post_forbidden: str | None = None
    body: dict | None = None
    writes: str = "post"

    def wanted(self, method: str, name: str) -> set:
        """The outcomes that are right; a method that a page does not take is refused to all."""
        ok, forbidden = self.ok, self.forbidden
        if method != "get":
            ok = ok if self.post_ok is None else self.post_ok
            forbidden = forbidden if self.post_forbidden is None else self.post_forbidden
        if name in ok.split():
            return {"ok", "elsewhere", 405}
        if name == NOBODY:
            # The API has no page to send anybody to; releases say that there is nothing.
            return {"login", 403, 404, 405}
        return {403, 405} if name in forbidden.split() else {404, 405}


BUYERS = Rule(ok=ROLES, forbidden=STAFF)
MANAGERS = Rule(ok="alice mia", forbidden=f"rob fay vic {STAFF}")
# Reading is for every role, changing for those who manage.
MANAGED = Rule(
    ok=ROLES, forbidden=STAFF, post_ok="alice mia", post_forbidden=f"rob fay vic {STAFF}"
)
PUBLIC = Rule(ok=EVERYBODY)
PEOPLE_ONLY = Rule(ok=f"gus {ROLES} {CONTRIBUTORS}", forbidden=STAFF)
ANYBODY_SIGNED_IN = Rule(ok=SIGNED_IN)
CAROL = Rule(ok="carol")
STAFF_ONLY = Rule(ok=STAFF, forbidden=f"gus {ROLES} {CONTRIBUTORS}")
MONEY_SEEN = Rule(ok=f"alice mia fay {STAFF}", forbidden="rob vic")
MONEY_MOVED = Rule(ok="alice fay", forbidden=f"mia rob vic {STAFF}")
REVIEWERS = Rule(ok="alice mia rob", forbidden=f"fay vic {STAFF}")
NOTHING = Rule()

WALK: dict[str, Rule] = {
    "home": PUBLIC,
    "api-docs": PUBLIC,
    "api-schema": PUBLIC,
    # accounts/ (django-allauth)
    "account_change_password": ANYBODY_SIGNED_IN,
    "account_confirm_login_code": ANYBODY_SIGNED_IN,
    "account_email": ANYBODY_SIGNED_IN,
    "account_email_verification_sent": ANYBODY_SIGNED_IN,
    "account_inactive": PUBLIC,
    "account_login": PUBLIC,
    "account_logout": PUBLIC,
    "account_reauthenticate": ANYBODY_SIGNED_IN,
    "account_reset_password": PUBLIC,
    "account_reset_password_done": PUBLIC,
    "account_reset_password_from_key": PUBLIC,
    "account_reset_password_from_key_done": PUBLIC,
    "account_set_password": ANYBODY_SIGNED_IN,
    "account_signup": PUBLIC,
    "mfa_activate_totp": ANYBODY_SIGNED_IN,
    "mfa_add_webauthn": ANYBODY_SIGNED_IN,
    "mfa_authenticate": ANYBODY_SIGNED_IN,
    # Nobody here has a second factor to take off, nor recovery codes to see.
    "mfa_deactivate_totp": NOTHING,
    "mfa_download_recovery_codes": NOTHING,
    "mfa_view_recovery_codes": NOTHING,
    # Taking a key off or renaming it asks for the password again before it looks for the key.
    "mfa_edit_webauthn": ANYBODY_SIGNED_IN,
    "mfa_generate_recovery_codes": ANYBODY_SIGNED_IN,
    "mfa_index": ANYBODY_SIGNED_IN,
    "mfa_list_webauthn": ANYBODY_SIGNED_IN,
    "mfa_login_webauthn": ANYBODY_SIGNED_IN,
    "mfa_reauthenticate": ANYBODY_SIGNED_IN,
    "mfa_reauthenticate_webauthn": ANYBODY_SIGNED_IN,
    "mfa_remove_webauthn": ANYBODY_SIGNED_IN,
    "usersessions_list": ANYBODY_SIGNED_IN,
    # pages
    "pages:appearance": PUBLIC,
    "pages:books": STAFF_ONLY,
    "pages:cheat": NOTHING,  # for everybody, but in a demo only: test_cheating.py
    "pages:project_live": BUYERS,
    "pages:project-gold": REVIEWERS,
    "pages:project-lift": BUYERS,
    "pages:project-more": BUYERS,
    "pages:project-quality": BUYERS,
    "pages:rules": PUBLIC,
    "pages:accessibility": PUBLIC,
    "pages:fees": PUBLIC,
    "pages:genuine": PUBLIC,
    "pages:operator": PUBLIC,
    "pages:pay": PUBLIC,
    "pages:privacy": PUBLIC,
    "pages:staff": STAFF_ONLY,
    "pages:staff-alphas": STAFF_ONLY,
    "pages:staff-lift": STAFF_ONLY,
    "pages:time-machine": NOTHING,  # for everybody, but in a demo only: test_time_machine.py
    "pages:staff-checks": STAFF_ONLY,
    "pages:staff-gold": STAFF_ONLY,
    "pages:staff-people": STAFF_ONLY,
    "pages:staff-person": STAFF_ONLY,
    "pages:staff-rejections": STAFF_ONLY,
    "pages:styleguide": PUBLIC,
    # people/
    "people:credentials": PEOPLE_ONLY,
    "people:decide-credential": STAFF_ONLY,
    "people:describe": PEOPLE_ONLY,
    "people:profile": PEOPLE_ONLY,
    "people:settings": ANYBODY_SIGNED_IN,
    "people:staff-list": STAFF_ONLY,
    "people:staff-person": STAFF_ONLY,
    "people:undescribe": PEOPLE_ONLY,
    "people:zone": ANYBODY_SIGNED_IN,
    # terms/
    "terms:accept": ANYBODY_SIGNED_IN,
    "terms:current": PUBLIC,
    "terms:publish": STAFF_ONLY,
    "terms:version": PUBLIC,
    "terms:versions": PUBLIC,
    # contact/
    "contact:by-link": PUBLIC,  # with the link that was mailed
    "contact:link": PUBLIC,
    "contact:mine": ANYBODY_SIGNED_IN,
    "contact:staff": STAFF_ONLY,
    "contact:staff-ticket": STAFF_ONLY,
    "contact:ticket": CAROL,
    "contact:write": PUBLIC,
    # notices/
    "notices:count": PUBLIC,
    "notices:follow": CAROL,
    "notices:list": ANYBODY_SIGNED_IN,
    "notices:mark-read": ANYBODY_SIGNED_IN,
    "notices:off": PUBLIC,  # whoever has the letter; its signature says whose it was
    # The outbox is the demo's; here and in production there is none.
    "notices:outbox": NOTHING,
    "notices:outbox-html": NOTHING,
    "notices:outbox-mail": NOTHING,
    "notices:preferences": ANYBODY_SIGNED_IN,
    # o/
    "organizations:change": Rule(ok="alice", forbidden=f"mia rob fay vic {STAFF}"),
    "organizations:invitation": NOTHING,  # it is for an address that none of these people has
    "organizations:list": ANYBODY_SIGNED_IN,
    "organizations:new": ANYBODY_SIGNED_IN,
    "organizations:people": Rule(
        ok=f"{ROLES} {STAFF}", post_ok="alice mia", post_forbidden=f"rob fay vic {STAFF}"
    ),
    # The membership is vic's: a member may always leave.
    "organizations:remove-member": Rule(ok="alice mia vic", forbidden=f"rob fay {STAFF}"),
    "organizations:roles": PUBLIC,
    "organizations:set-role": MANAGERS,
    "organizations:show": Rule(ok=f"{ROLES} {STAFF}"),
    "organizations:withdraw-invitation": MANAGERS,
    # projects/
    "projects:confirm": MANAGERS,
    "projects:create": ANYBODY_SIGNED_IN,
    "projects:criteria": BUYERS,
    "projects:criteria-version": BUYERS,
    "projects:detail": BUYERS,
    "projects:draft": MANAGED,
    "projects:annotators": MANAGED,
    "projects:import": BUYERS,
    "projects:import-discard": MANAGERS,
    "projects:import-keep": MANAGERS,
    "projects:import-withdraw": MANAGERS,
    "projects:import-refused": Rule(forbidden=STAFF),  # nothing was refused in this import
    "projects:items": BUYERS,
    "projects:list": ANYBODY_SIGNED_IN,
    "projects:pictures": MANAGERS,
    "projects:preview": MANAGERS,
    "projects:publish": MANAGERS,
    "projects:review": BUYERS,
    "projects:upload": MANAGERS,
    "projects:version": MANAGERS,
    # work/
    "work:assignment": CAROL,
    "work:beat": CAROL,
    "work:board": PUBLIC,
    "work:claim": ANYBODY_SIGNED_IN,
    "work:desk": ANYBODY_SIGNED_IN,
    "work:draft": CAROL,
    "work:earnings": ANYBODY_SIGNED_IN,
    "work:enrol": ANYBODY_SIGNED_IN,
    "work:give-back": CAROL,
    "work:history": ANYBODY_SIGNED_IN,
    "work:lift": CAROL,
    "work:human-ask": MANAGERS,
    "work:lift-again": STAFF_ONLY,
    "work:lift-ask": MANAGERS,
    "work:lift-cancel": MANAGERS,
    "work:lift-invite": MANAGERS,
    "work:more-ask": MANAGERS,
    "work:more-cancel": MANAGERS,
    "work:offer": PUBLIC,
    "work:qualification": CAROL,
    "work:close": MANAGERS,
    "work:uses": Rule(
        ok="alice mia fay",
        forbidden=f"rob vic {STAFF}",
        post_ok="alice fay",
        post_forbidden=f"mia rob vic {STAFF}",
    ),
    "work:add-seats": Rule(ok="alice mia fay", forbidden=f"rob vic {STAFF}"),
    "work:replay": MANAGERS,
    "work:review": REVIEWERS,
    "work:review-accept": REVIEWERS,
    "work:review-all": ANYBODY_SIGNED_IN,
    "work:review-submission": Rule(ok="alice mia rob", forbidden="fay vic"),
    "work:score": CAROL,
    "work:scores": ANYBODY_SIGNED_IN,
    "work:submit": CAROL,
    "work:undo": CAROL,
    # cases/
    "cases:answer": Rule(
        ok=SIGNED_IN, post_ok=f"alice mia rob carol {STAFF}", post_forbidden="fay vic"
    ),
    "cases:appeal": CAROL,
    "cases:bad-faith": STAFF_ONLY,
    "cases:contest-gold": CAROL,
    "cases:contest-lift": CAROL,
    "cases:decide": STAFF_ONLY,
    "cases:demote-gold": MANAGERS,
    "cases:detail": Rule(ok=f"alice mia rob carol {STAFF}", forbidden="fay vic"),
    "cases:dispute": Rule(ok="alice mia fay carol", forbidden=f"rob vic {STAFF}"),
    "cases:list": ANYBODY_SIGNED_IN,
    "cases:mine": ANYBODY_SIGNED_IN,
    "cases:organization": Rule(ok=ROLES),
    "cases:pay": STAFF_ONLY,
    "cases:propose": STAFF_ONLY,
    "cases:staff": STAFF_ONLY,
    "cases:staff-demote-gold": STAFF_ONLY,
    # payments/
    "payments:connect": PEOPLE_ONLY,
    "payments:correction": STAFF_ONLY,
    "payments:dispute": MONEY_SEEN,
    "payments:fund": MONEY_MOVED,
    "payments:funding": MONEY_SEEN,
    "payments:not_me": Rule(ok=f"gus {ROLES} {CONTRIBUTORS}", forbidden=STAFF),
    "payments:payouts": PEOPLE_ONLY,
    "payments:propose": STAFF_ONLY,
    "payments:release_payouts": STAFF_ONLY,
    "payments:staff_money": STAFF_ONLY,
    "payments:top_up": MONEY_MOVED,
    "payments:top_up_off": MONEY_MOVED,
    "payments:refresh": Rule(ok=CONTRIBUTORS, forbidden=STAFF),
    "payments:refund": MONEY_MOVED,
    "payments:request_payout": PEOPLE_ONLY,
    "payments:wallet": MONEY_SEEN,
    "payments:webhook_connect": PUBLIC,  # unsigned, hence refused with 400
    "payments:webhook_platform": PUBLIC,
    # releases/
    "exports:detail": Rule(ok=f"{ROLES} {STAFF}"),
    "exports:download": Rule(forbidden=f"rob fay vic {STAFF}"),  # it has no file of that name
    "exports:make": MANAGERS,
    "exports:project": Rule(ok=f"{ROLES} {STAFF}"),
    # money/
    "money:billing": MONEY_MOVED,
    "money:choices": PEOPLE_ONLY,
    "money:criteria": Rule(ok=f"{ROLES} carol {STAFF}"),
    "money:funding": MONEY_SEEN,
    "money:invoice": MONEY_SEEN,
    "money:invoice-csv": MONEY_SEEN,
    "money:invoice-pdf": MONEY_SEEN,
    "money:invoices": MONEY_SEEN,
    "money:item": Rule(ok=f"alice mia fay carol {STAFF}", forbidden="rob vic"),
    "money:line": Rule(forbidden="rob vic"),  # this one was never booked: test_cents.py
    "money:payout": NOTHING,  # never booked, too
    "money:project-billing": MONEY_MOVED,
    "money:refund": Rule(forbidden="rob vic"),
    "money:spend": MONEY_SEEN,
    "money:spend-csv": MONEY_SEEN,
    "money:statement": PEOPLE_ONLY,
    "money:statement-csv": PEOPLE_ONLY,
    "money:statement-of": STAFF_ONLY,
    "money:statement-pdf": PEOPLE_ONLY,
    "money:statements": PEOPLE_ONLY,
    "money:transfer": MONEY_SEEN,
    "money:year": PEOPLE_ONLY,
    "money:year-csv": PEOPLE_ONLY,
    # api/v1/
    "api:assignment": CAROL,
    "api:beats": Rule(ok="carol", body={"had_input": True}),
    "api:claims": ANYBODY_SIGNED_IN,
    "api:draft": Rule(ok="carol", body={"draft": {"choice": "yes"}}, writes="put"),
    "api:earnings": ANYBODY_SIGNED_IN,
    "api:enrolments": ANYBODY_SIGNED_IN,
    "api:give-back": Rule(ok="carol", body={"reason": "skip"}),
    "api:offers": ANYBODY_SIGNED_IN,
    "api:results": ANYBODY_SIGNED_IN,
    "api:submission": Rule(ok="carol", body={"answer": {"choice": "yes"}}),
    "api:undo": CAROL,
}


def names(resolver=None, namespace="", above=frozenset()):
    """Every named address of the resolver, with the parameters it takes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        takes = above | set(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from names(pattern, inner, takes)
        else:
            yield f"{namespace}{pattern.name}", takes


@pytest.fixture
def side(acme, carol, project, now):
    lifted = project(acme, lift=dict(LIFT))
    made = rows.Side(org=acme, project=lifted, contributor=carol, now=now)
    made.of("work.Enrolment")
    made.of("work.LiftPool")
    made.of("work.LiftScore")
    made.of("work.Assignment")
    # What was submitted is another item's: the assignment above is still open.
    with acting(made.writer("work.Submission")):
        submitted, submission = made.fresh("work.Assignment"), made.fresh("work.Submission")
        submitted.item = project_items(made)[1]
        submitted.state, submitted.review_due_at = "submitted", now
        submitted.save(force_insert=True)
        submission.assignment, submission.item = submitted, submitted.item
        submission.save(force_insert=True)
    made.rows["work.Submission"] = submission
    return made


def project_items(side):
    return side.project.items.filter(purpose="work").order_by("id")


@pytest.fixture
def ids(side, vic):
    """A value for every parameter of an address."""
    with acting(side.writer("projects.Project")):
        membership = side.org.memberships.get(user=vic)
    stranger = {"subject": "A question", "text": "Where is it?", "email": "who@example.org"}
    with acting(ANONYMOUS) as by:
        ticket = cases.open_ticket(topic="other", **stranger, by=by, now=side.now)
        token = link_of(ticket)
    of = {
        "assignment_id": "work.Assignment",
        "case_id": "cases.Case",
        "correction_id": "payments.Correction",
        "credential_id": "accounts.Credential",
        "dispute_id": "payments.Dispute",
        "criteria_id": "projects.CriteriaVersion",
        "funding_id": "payments.Funding",
        "import_id": "projects.ItemImport",
        "invitation_id": "organizations.Invitation",
        "invoice_id": "exports.Invoice",
        "line_id": "work.EarningLine",
        "mail_id": "notices.DemoMail",
        "notice_id": "notices.Notice",
        "org_id": "organizations.Organization",
        "project_id": "projects.Project",
        "payout_id": "payments.Payout",
        "refund_id": "payments.Refund",
        "release_id": "exports.Release",
        "submission_id": "work.Submission",
        "ticket_id": "cases.Ticket",
        "transfer_id": "ledger.Transfer",
        "user_id": "accounts.User",
    }
    return {name: side.of(label).pk for name, label in of.items()} | {
        "membership_id": membership.pk,
        "slug": side.org.slug,
        "step": "rubric",
        "number": 1,
        "month": f"{side.now:%Y-%m}",
        "year": side.now.year,
        "name": "pause",
        "pk": 1,
        "gold": side.of("projects.GoldAnswer").pk,
        "uidb36": "1",
        "key": "set-password",
        "link": token,
        "token": sign_off(side.contributor.id, [Group.OFFERS]),
    }


@pytest.fixture
def cookies(request, ids, globex):
    """The session of each of the people."""
    made = {NOBODY: {}}
    for name in SIGNED_IN.split():
        client = Client()
        client.force_login(request.getfixturevalue(name))
        made[name] = {key: morsel.value for key, morsel in client.cookies.items()}
    return made


def outcome(cookies, method, address, body=None):
    """What a person meets: "ok", "elsewhere", "login", 403, 404, 405 or 5xx. Nothing is kept."""
    client = Client(raise_request_exception=False)
    client.cookies.load(cookies)
    with transaction.atomic():
        if method != "get" and body is not None:
            response = getattr(client, method)(address, body, content_type="application/json")
        else:
            response = getattr(client, method)(address)
        transaction.set_rollback(True)
    status = response.status_code
    if status in (302, 303) and response.url.startswith(reverse("account_login")):
        return "login"
    if status in (302, 303):
        return "elsewhere"
    # Stripe is not there; the page that asked it says so.
    if status == 503:
        return "ok"
    return status if status in (403, 404, 405) or status >= 500 else "ok"


def test_every_address_has_a_line():
    found = {name for name, _ in names()}
    assert found - WALK.keys() == set(), "add these to WALK"
    assert WALK.keys() - found == set(), "these addresses are gone"


def test_everybody_meets_what_the_table_says(ids, cookies):
    wrong = []
    for name, parameters in names():
        rule = WALK.get(name, NOTHING)
        address = reverse(name, kwargs={key: ids[key] for key in parameters})
        came_in = set()
        for method in ("get", rule.writes):
            for person in PEOPLE:
                found = outcome(cookies[person], method, address, rule.body)
                if found not in rule.wanted(method, person):
                    wrong.append(f"{method} {name}: {person} met {found}")
                if found in ("ok", "elsewhere"):
                    came_in.add(person)
        named = set(rule.ok.split()) | set((rule.post_ok or "").split())
        wrong += [f"{name}: {person} never comes in" for person in sorted(named - came_in)]
    assert not wrong, "\n".join(wrong)


def test_ids_that_nobody_has_are_404(ids, cookies):
    """For those whose role would let them in, too."""
    fresh = {key: uuid7() if key.endswith("_id") else value for key, value in ids.items()}
    fresh["slug"] = "nobody-has-this"
    wrong = []
    for name, parameters in names():
        if not parameters & ({"slug"} | {key for key in ids if key.endswith("_id")}):
            continue
        address = reverse(name, kwargs={key: fresh[key] for key in parameters})
        for person in ("alice", "carol", "ada"):
            for method in ("get", WALK[name].writes):
                found = outcome(cookies[person], method, address, WALK[name].body)
                # Sent on to a page that is not there is as good as not there.
                if found == "ok" or (isinstance(found, int) and found >= 500):
                    wrong.append(f"{method} {name}: {person} met {found}")
    assert not wrong, "\n".join(wrong)
