"""What the style guide shows: made-up figures, a real form with a real refusal."""

import datetime as dt
import itertools

from django import forms

from apps.core.tables import Page
from apps.scoring.enums import Grouping, LiftState, Measure
from apps.scoring.models import LiftRun
from apps.work.queries.lift import Spent


class SampleForm(forms.Form):
    """One of each control."""

    title = forms.CharField(max_length=60, help_text="What contributors read on the board.")
    price = forms.DecimalField(min_value=0, help_text="Net, per item, in dollars.")
    kind = forms.ChoiceField(choices=[("choice", "One of several"), ("pair", "The better of two")])
    due = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    level = forms.ChoiceField(
        label="How hard it is",
        choices=[("1", "Anyone can do it"), ("2", "Needs practice"), ("3", "Needs a profession")],
        widget=forms.RadioSelect,
        initial="2",
    )
    agrees = forms.BooleanField(label="I have read the criteria")
    file = forms.FileField(required=False)


PALETTE = [
    "ground", "surface", "sunken", "line", "line-strong", "ink", "muted", "accent", "fill",
    "danger-fill", "mark", "head", "good-ground", "warn-ground", "bad-ground", "info-ground",
]  # fmt: skip
STATES = ["accepted", "submitted", "rework", "rejected", "draft"]
WEEKS = [("W38", 14), ("W39", 22), ("W40", 19), ("W41", 31), ("W42", 28), ("W43", 36), ("W44", 41)]


def context(*, now: dt.datetime) -> dict:
    """Everything that the samples name."""
    filled = {"title": "", "price": "-1", "kind": "pair", "level": "2", "note": "Kept as typed."}
    return {
        # Ids are unique on the page: each half has a form of its own.
        "halves": [
            (theme, SampleForm(filled, auto_id=f"id_{theme}_%s")) for theme in ("light", "dark")
        ],
        "palette": PALETTE,
        "states": STATES,
        "soon": now + dt.timedelta(hours=5),
        "later": now + dt.timedelta(days=2, hours=3),
        "past": now - dt.timedelta(hours=2),
        "tabs": [(text, "#tabs", text == "Overview") for text in ("Overview", "Review", "Items")],
        "steps": [
            ("Work", "#steps", "done"), ("Pay", "#steps", "current"), ("People", "", ""),
            ("Publish", "", ""),
        ],
        "bars": [
            ("Accepted by silence", 412.0), ("Accepted by a person", 96.0), ("Rework", 31.0),
            ("Rejected", 9.0),
        ],
        "curve": [("50", 0.62, 0.58, 0.66), ("100", 0.7, 0.67, 0.73), ("200", 0.75, 0.73, 0.77)],
        "ahead": ("+200", 0.78, 0.76, 0.81),
        "line": [(week, value / 50, value / 50 - 0.08, value / 50 + 0.07) for week, value in WEEKS],
        "bins": [(f"${low}", float(count)) for low, count in
                 zip(itertools.count(8, 2), [1, 3, 9, 21, 34, 28, 15, 6, 2], strict=False)],
        "marker": (2.0, "floor $12"),
        "people": ["4F2A-91BC", "A07D-13E2", "77C1-0B9F", "D3E4-55AA"],
        "pairs": [
            (0, 1, 0.82, 0.71, 0.9, 48), (0, 2, 0.55, 0.31, 0.74, 31),
            (0, 3, -0.08, -0.3, 0.16, 26), (1, 2, 0.61, 0.38, 0.78, 33),
            (1, 3, 0.12, -0.12, 0.36, 24),
        ],
        "measured": [
            LiftRun(
                kind=Measure.CURVE, grouping=Grouping.TIER, state=LiftState.RUNNING, done=7,
                total=12, milliseconds=48_300,
            ),
            LiftRun(kind=Measure.LIFT, grouping=Grouping.CONTRIBUTOR, state=LiftState.QUEUED),
        ],
        "spent": Spent(
            seconds=48.3, seconds_max=1800, charged=2, most=60, price_per_hour=120
        ),
        "spark": [value for _, value in WEEKS],
        "page": Page(
            rows=[], heads=[], orders=[], kept=[], first_url="#pages", previous_url="#pages",
            next_url="#pages", words="Page 3 of 10",
        ),
        "rows": [
            ("Ines", "accepted", 4200, 630, 4830), ("Tomas", "submitted", 1850, 278, 2128),
            ("Amara", "rework", 900, 135, 1035),
        ],
    }  # fmt: skip
