"""Hosted pages: checkout and onboarding. Plain HTML, no script, fit for a phone and for the dark.

No number, name or document is ever asked for: a person picks one of Stripe's test cards or test
bank accounts.
"""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlsplit

from stripe_double import accounts, checkout, links
from stripe_double.core import Sim
from stripe_double.errors import ApiError
from stripe_double.means import CARD, Means, choices
from stripe_double.store import Record

BANNER = "Simulated Stripe: no money moves"
STATES = {
    "new": "not onboarded yet",
    "bank": "a bank account is missing",
    "review": "being checked",
    "active": "transfers active",
    "due": "transfers active; an identity document is wanted",
    "past_due": "an identity document is overdue",
    "refused": "refused",
    "unsupported": "not available",
}
ZERO_DECIMAL = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd"}
ZERO_DECIMAL |= {"vuv", "xaf", "xof", "xpf"}
STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #4f566b; --line: #d5dbe5;
  --paper: #ffffff; --back: #f4f6fa; --accent: #4338ca; --on: #ffffff; --bad: #b3093c; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef1f8; --soft: #b6bfd2; --line: #3c4459;
  --paper: #1b2133; --back: #10141f; --accent: #a5b0ff; --on: #10141f; --bad: #ff9db5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: #fde68a; color: #422006; text-align: center;
  font-weight: 600; }
main { max-width: 30rem; margin: 1.5rem auto; padding: 1.5rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: .75rem; }
@media (max-width: 32rem) { main { margin: 0; border-width: 0 0 1px; border-radius: 0; } }
h1 { margin: 0 0 .25rem; font-size: 1.35rem; }
.total { font-size: 1.9rem; font-weight: 650; margin: 0 0 1rem;
  font-variant-numeric: tabular-nums; }
.soft { color: var(--soft); }
table { width: 100%; border-collapse: collapse; margin-bottom: 1rem; }
th, td { text-align: left; padding: .4rem 0; border-bottom: 1px solid var(--line);
  font-weight: 400; overflow-wrap: anywhere; }
td { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
  padding-left: 1rem; }
fieldset { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem;
  margin: 1rem 0; }
legend { padding: 0 .4rem; font-weight: 600; }
.choice { display: flex; gap: .75rem; align-items: flex-start; min-height: 2.75rem;
  padding: .4rem 0; }
.choice input { flex: none; margin-top: .3rem; width: 1.1rem; height: 1.1rem;
  accent-color: var(--accent); }
label .soft { display: block; }
.field { display: block; font-weight: 600; margin-bottom: .25rem; }
input[type=email] { width: 100%; padding: .6rem; font: inherit; color: inherit;
  background: var(--back); border: 1px solid var(--soft); border-radius: .5rem; }
button { width: 100%; min-height: 2.9rem; font: inherit; font-weight: 650; border-radius: .5rem;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on); cursor: pointer; }
button.second { margin-top: .75rem; background: transparent; color: var(--accent); }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.error { border-left: 4px solid var(--bad); padding: .5rem .75rem; color: var(--bad); }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@dataclass(slots=True)
class Page:
    """One page, or a redirect when `to` is set; `forms` are origins that a form may lead to."""

    status: int
    html: str = ""
    to: str = ""
    forms: str = ""

    def headers(self) -> dict[str, str]:
        if self.to:
            return {"Location": self.to, "Cache-Control": "no-store"}
        policy = (
            f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none';"
            f" frame-ancestors 'none'; form-action 'self' {self.forms}".rstrip()
        )
        return {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }


def answer(sim: Sim, method: str, path: str, body: bytes) -> Page:
    """The page for a path under /c/pay/ or /setup/."""
    form = {key: values[-1] for key, values in parse_qs(body.decode(errors="replace")).items()}
    try:
        with sim.store.transaction():
            sim.begin()
            return _route(sim, method, path.strip("/").split("/"), form)
    except ApiError as error:
        return Page(error.status, _plain("This page is not available", error.message))
    finally:
        sim.wake()


def _route(sim: Sim, method: str, parts: list[str], form: dict[str, str]) -> Page:
    match (method, *parts):
        case ("GET", "c", "pay", ident):
            return _checkout(sim, ident)
        case ("POST", "c", "pay", ident):
            return _pay(sim, ident, form)
        case ("GET", "setup", "e", ident):
            return _onboarding(sim, ident)
        case ("POST", "setup", "e", ident):
            link = links.finish_link(sim, ident, form.get("form", ""), form.get("action", ""))
            return Page(303, to=link["return_url"])
    raise ApiError("There is no such page.", status=404)


def money(amount: int, currency: str) -> str:
    """`1234 usd` as `12.34 USD`."""
    if currency in ZERO_DECIMAL:
        return f"{amount:,} {currency.upper()}"
    return f"{amount // 100:,}.{amount % 100:02d} {currency.upper()}"


def _origin(url: str | None) -> str:
    """Browsers hold redirects after a form to form-action, so the way back is allowed there."""
    parts = urlsplit(url or "")
    host = "".join(c for c in parts.netloc if c.isalnum() or c in ".-:[]")
    return f"{parts.scheme}://{host}" if parts.scheme in ("http", "https") and host else ""


def _html(title: str, main: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - {BANNER}</title><style>{STYLE}</style></head>"
        f'<body><header><p class="banner">{BANNER}</p></header><main>{main}</main></body></html>'
    )


def _plain(title: str, text: str, link: str = "") -> str:
    return _html(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{link}")


def _checkout(
    sim: Sim,
    ident: str,
    *,
    error: str = "",
    status: int = 200,
    form: dict[str, str] | None = None,
) -> Page:
    """`form` is what was typed and chosen before an error."""
    session = sim.store.get("checkout.session", ident)
    if session is None:
        raise ApiError("There is no such checkout.", status=404)
    if session["status"] == "complete":
        link = f'<p><a href="{escape(checkout.success_url(session))}">Back to the site</a></p>'
        return Page(200, _plain(*_ending(sim, session), link))
    if session["status"] == "expired":
        return Page(410, _plain("Checkout expired", "Go back to the site and start again."))
    origins = _origin(session["success_url"])
    return Page(status, _checkout_form(session, error, form or {}), forms=origins)


def _ending(sim: Sim, session: Record) -> tuple[str, str]:
    """What a complete checkout says: a debit takes days, and may come back."""
    if session["payment_status"] == "paid":
        return "Already paid", "This checkout is complete."
    intent = sim.find("payment_intent", session["payment_intent"], session["_account"])
    if intent["status"] == "processing":
        return "Payment under way", "The bank has been asked for the money. That takes days."
    return "Not paid", "The bank did not pay. Start again from the site."


def _checkout_form(session: Record, error: str, form: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(line["description"])} <span class="soft">x'
        f" {line['quantity']}</span></th>"
        f"<td>{money(line['amount_total'], line['currency'])}</td></tr>"
        for line in session["_lines"]
    )
    offered = choices(session["currency"], session["payment_method_types"])
    cards = {key: means for key, means in offered.items() if means.kind == CARD}
    debits = {key: means for key, means in offered.items() if means.is_debit}
    chosen = form.get("means", "paid")
    means = _choices("Test card", cards, chosen) + _choices("Test bank account", debits, chosen)
    notice = ""
    if session["_intent_data"].get("setup_future_usage"):
        notice = (
            '<p class="soft">What you choose is kept, to be charged again when you are away.</p>'
        )
    alert = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    cancel = ""
    if session["cancel_url"]:
        cancel = f'<p><a href="{escape(session["cancel_url"])}">Back without paying</a></p>'
    total = money(session["amount_total"], session["currency"])
    return _html(
        "Pay",
        f'<h1>Pay</h1><p class="total">{total}</p>{alert}<table>{rows}</table>'
        '<form method="post"><label class="field" for="email">E-mail for the receipt'
        ' (optional)</label><input type="email" id="email" name="email" autocomplete="off"'
        f' value="{escape(form.get("email") or session["customer_email"] or "")}">{means}{notice}'
        f'<button type="submit">Pay {total}</button></form>{cancel}'
        '<p class="soft">There is no field for a real card or account, on purpose.</p>',
    )


def _choices(legend: str, offered: dict[str, Means], chosen: str) -> str:
    """A group of the one choice."""
    if not offered:
        return ""
    rows = "".join(
        f'<div class="choice"><input type="radio" name="means" id="means-{key}" value="{key}"'
        f'{" checked" if key == chosen else ""}><label for="means-{key}">{_spaced(means.number)}'
        f'<span class="soft">{escape(means.label)}</span></label></div>'
        for key, means in offered.items()
    )
    return f"<fieldset><legend>{legend}</legend>{rows}</fieldset>"


def _spaced(number: str) -> str:
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _pay(sim: Sim, ident: str, form: dict[str, str]) -> Page:
    session = sim.store.get("checkout.session", ident)
    means = form.get("means", "")
    if session is None or session["status"] != "open":
        return _checkout(sim, ident)
    if means not in choices(session["currency"], session["payment_method_types"]):
        return _checkout(sim, ident, error="Choose one of the test means.", status=400, form=form)
    session = checkout.pay_session(sim, ident, means, email=form.get("email") or None)
    if session["status"] == "complete":
        return Page(303, to=checkout.success_url(session))
    intent = sim.find("payment_intent", session["payment_intent"], session["_account"])
    message = f"{intent['last_payment_error']['message']} Choose another one."
    return _checkout(sim, ident, error=message, form=form)


def _onboarding(sim: Sim, ident: str) -> Page:
    link = sim.store.get("account_link", ident)
    if link is None:
        raise ApiError("There is no such link.", status=404)
    try:
        link = links.open_link(sim, ident)
    except ApiError:
        return Page(303, to=link["refresh_url"])
    account = accounts.find_account(sim, link["_account"])
    country = escape(account["identity"]["country"].upper())
    state = STATES[account["_stage"]]
    if account["_stage"] == "unsupported":
        text = f"Stripe does not pay to {country} from this platform."
        link_back = f'<p><a href="{escape(link["return_url"])}">Back to the site</a></p>'
        return Page(200, _plain("Not available in this country", text, link_back))
    return Page(200, _onboarding_form(link, country, state), forms=_origin(link["return_url"]))


def _onboarding_form(link: Record, country: str, state: str) -> str:
    return _html(
        "Set up payouts",
        "<h1>Set up payouts</h1><p>On the real page Stripe asks here for your identity and your"
        " bank account. This stand-in asks for nothing and stores nothing.</p><table>"
        f'<tr><th scope="row">Account</th><td>{escape(link["_account"])}</td></tr>'
        f'<tr><th scope="row">Country</th><td>{country}</td></tr>'
        f'<tr><th scope="row">State</th><td>{state}</td></tr></table>'
        f'<form method="post"><input type="hidden" name="form" value="{escape(link["form"])}">'
        '<button type="submit" name="action" value="complete">Finish with test data</button>'
        '<button type="submit" name="action" value="review" class="second">Finish, but let the'
        " identity be checked first</button>"
        '<button type="submit" name="action" value="later" class="second">Leave for later</button>'
        "</form>",
    )
