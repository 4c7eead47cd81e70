"""What templates need to write money, time and states. `{% load wagefile %}`."""

import datetime as dt
import json

from django import forms, template
from django.forms.boundfield import BoundField
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.money import written

register = template.Library()

# The tone of a state, whatever table it comes from. What is absent is neutral.
TONES = {
    **dict.fromkeys(
        [
            "accepted", "overturned", "qualified", "verified", "granted", "paid", "ready", "live",
            "done", "succeeded", "finished", "transferred", "not_found",
            "won",
        ],
        "good",
    ),
    **dict.fromkeys(
        [
            "open", "submitted", "claimed", "running", "queued", "building", "pending", "closing",
            "waiting", "qualifying", "created", "processing", "sent",
        ],
        "info",
    ),
    **dict.fromkeys(
        [
            "rework", "asking", "paused", "lapsed", "expired", "uncertain", "reversed", "asked",
            "proposed",
        ],
        "warn",
    ),
    **dict.fromkeys(
        ["rejected", "failed", "refused", "broken", "declined", "disputed", "found", "lost"], "bad"
    ),
}  # fmt: skip


@register.filter
def money(amount: int | None, currency: str) -> str:
    """Minor units as `$1,234.50`; nothing is a dash."""
    return "—" if amount is None else written(int(amount), currency)


@register.filter
def lift(value: float | None) -> str:
    """A figure of lift with its sign: `+0.0123`; none is a dash."""
    return "—" if value is None else f"{value:+.4f}".replace("-", "−")


@register.filter
def difference(amount: int, currency: str) -> str:
    """Minor units with their sign, as `+$0.40` or `−$0.40`; nothing is `no change`."""
    if not amount:
        return "no change"
    return f"{'+' if amount > 0 else ''}{written(int(amount), currency)}"


@register.filter
def minutes(seconds: float | None) -> str:
    """Seconds as `45 s`, `2 min 5 s` or `3 h 20 min`."""
    if seconds is None:
        return "—"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole // 60, "min", whole % 60, "s")
    return _two(whole // 3600, "h", whole % 3600 // 60, "min")


@register.filter
def percent(share: float) -> str:
    """A share of 1 as `65%`; what is not quite all is not written as 100%, nor a little as 0%."""
    whole = 100 * share
    return f"{min(99, max(1, round(whole))) if 0 < whole < 100 else round(whole)}%"


@register.filter
def moment(at: dt.datetime | None) -> str:
    """A point in time where the reader is, with its zone: `3 Mar 2026, 10:00 CET`."""
    if at is None:
        return "—"
    local = timezone.localtime(at)
    name = local.tzname() or ""
    # Zones without a name of their own are told by their distance: `-03` becomes `UTC-03`.
    zone = f"UTC{name}" if name[:1] in {"+", "-"} else name
    return f"{date_format(local, 'j M Y, H:i')} {zone}"


@register.filter
def remaining(moment: dt.datetime | None, now: dt.datetime) -> str:
    """How far away: `in 2 days 3 h`, `5 min ago`, `now`."""
    if moment is None:
        return "—"
    seconds = int((moment - now).total_seconds())
    span = _span(abs(seconds))
    if not span:
        return "now"
    return f"in {span}" if seconds > 0 else f"{span} ago"


@register.filter
def urgency(moment: dt.datetime | None, now: dt.datetime) -> str:
    """A class for a deadline: `soon` on its last day, `over` after it, else nothing."""
    if moment is None or moment - now > dt.timedelta(days=1):
        return ""
    return "soon" if moment > now else "over"


def _span(seconds: int) -> str:
    """At most two units; less than a second is empty."""
    if seconds >= 86_400:
        days = seconds // 86_400
        return _two(days, "day" if days == 1 else "days", seconds % 86_400 // 3600, "h")
    return minutes(seconds) if seconds else ""


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")


@register.filter
def words(value: str) -> str:
    """A value of the code as words: `top_up` is `Top up`."""
    return value.replace("_", " ").capitalize()


@register.filter
def state_badge(state: object) -> SafeString:
    """A state as a badge; the word carries the meaning, the colour only repeats it."""
    value = str(getattr(state, "value", state))
    label = str(getattr(state, "label", value)).replace("_", " ").capitalize()
    return format_html('<span class="badge badge-{}">{}</span>', TONES.get(value, "plain"), label)


@register.filter
def json_pretty(value: object) -> str:
    """JSON for people: indented, in reading order, characters as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label belongs behind the control."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def warning(text: str) -> str:
    """A content warning, or nothing where the buyer wrote that there is none."""
    stripped = text.strip()
    return "" if stripped.lower().rstrip(".") in {"none", "no", "n/a", "-", "—"} else stripped


@register.filter
def get(mapping: dict, key: object) -> object:
    """`mapping[key]`, or nothing: templates cannot look up by a variable."""
    return mapping.get(key)


@register.simple_tag
def amount(value: int, currency: str, of: str, row_id: object) -> SafeString:
    """An amount that leads to its life: `of` says what `row_id` names, a `line`, `transfer`,
    `payout`, `funding` or `item`. Without a row it is plain text.
    """
    text = written(int(value), currency)
    if not row_id:
        return format_html('<span class="amount">{}</span>', text)
    url = reverse(f"money:{of}", args=[row_id])
    return format_html('<a class="amount" href="{}">{}</a>', url, text)
