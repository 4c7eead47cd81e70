"""Shapes of what people write in a case. What is missing is said by the actions."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django import forms

from apps.cases.enums import SIGNAL_SOURCES, SignalKind, Topic
from apps.cases.models import BAD_FAITH_REASON_MINIMUM
from apps.cases.rules import DECISION_MINIMUM, GROUND_LABELS, REASON_MINIMUM
from apps.core.money import decimals

_LONGEST = 5000


def _text(label: str, help_text: str, *, rows: int = 6) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


class AppealForm(forms.Form):
    reason = _text(
        "Why the rejection is wrong",
        f"At least {REASON_MINIMUM} characters. The buyer and whoever decides read it.",
    )


class ContestForm(forms.Form):
    reason = _text(
        "Why the known answer is wrong or arguable",
        f"At least {REASON_MINIMUM} characters. The buyer and whoever decides read it.",
    )
    evidence = _text(
        "Evidence",
        "What shows it: the words of the item, of the instructions or of the rubric, or a source. "
        f"At least {REASON_MINIMUM} characters.",
        rows=4,
    )


class DemoteForm(forms.Form):
    reason = _text(
        "Why it is wrong or arguable",
        f"At least {DECISION_MINIMUM} characters. Everybody whose score it changes reads it.",
    )


class ContestLiftForm(forms.Form):
    reason = _text(
        "What is wrong with this figure",
        f"At least {REASON_MINIMUM} characters, such as answers that were accepted after an appeal "
        "and are missing. The buyer and whoever decides read it.",
    )


class DisputeForm(forms.Form):
    """`amount` is written in the currency's major unit and cleaned to minor units."""

    amount = forms.DecimalField(label="Amount", max_digits=12)
    reason = _text(
        "What is wrong with this payment",
        f"At least {REASON_MINIMUM} characters. Both sides and whoever decides read it.",
    )

    def __init__(self, *args: object, currency: str, most: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.places = decimals(currency)
        field = self.fields["amount"]
        field.label = f"Amount in {currency}"
        field.help_text = most
        field.widget.attrs.update({"step": str(Decimal(1).scaleb(-self.places)), "min": "0"})

    def clean_amount(self) -> int:
        minor = self.cleaned_data["amount"].scaleb(self.places)
        if minor != minor.to_integral_value():
            raise forms.ValidationError(f"At most {self.places} decimals.")
        return int(minor)


class AnswerForm(forms.Form):
    text = _text(
        "Your statement",
        f"One statement, at least {REASON_MINIMUM} characters. It cannot be changed afterwards.",
    )


class DecideForm(forms.Form):
    is_granted = forms.TypedChoiceField(
        label="Decision",
        coerce=lambda value: value == "granted",
        widget=forms.RadioSelect,
    )
    decision = _text(
        "Written reason",
        f"At least {DECISION_MINIMUM} characters. Both sides read it, under your name.",
    )

    def __init__(
        self, *args: object, answers: tuple[str, str], minimum_if_granted: int = 0, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if minimum_if_granted:
            self.fields["decision"].help_text = (
                f"At least {DECISION_MINIMUM} characters, for a finding of bad faith "
                f"{minimum_if_granted}: it becomes the note of the rejection. Both sides read it, "
                "under your name."
            )
        self.fields["is_granted"].choices = list(  # type: ignore[attr-defined]
            zip(("granted", "upheld"), answers, strict=True)
        )


class BadFaithForm(forms.Form):
    """One field a kind of signal; what is left empty is not cited."""

    criterion = forms.ChoiceField(
        label="Cited line of the rubric",
        help_text="The line that a rejection would cite.",
    )

    def __init__(
        self,
        *args: object,
        rubric: Sequence[Mapping],
        measured: Mapping[str, str],
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        lines = [(line["key"], line["title"]) for line in rubric]
        self.fields["criterion"].choices = lines  # type: ignore[attr-defined]
        for kind in SignalKind:
            said = f" Stored: {measured[kind]}." if kind in measured else ""
            field = _text(
                kind.label,
                f"Leave it empty unless you cite it. From {SIGNAL_SOURCES[kind]}.{said}",
                rows=2,
            )
            field.required = False
            self.fields[self.field_of(kind)] = field
        self.fields["reason"] = _text(
            "Reason",
            f"At least {BAD_FAITH_REASON_MINIMUM} characters. The contributor reads it with the "
            "evidence; so do the buyer's people who see answers: name nobody else in it.",
        )

    @staticmethod
    def field_of(kind: str) -> str:
        return f"signal_{kind}"

    def clean(self) -> dict:
        cleaned = super().clean() or self.cleaned_data
        cleaned["signals"] = [
            {"kind": kind.value, "evidence": cleaned.pop(name)}
            for kind in SignalKind
            if (name := self.field_of(kind)) in cleaned and cleaned[name]
        ]
        wanted = ("criterion", "signals", "reason")
        return {name: cleaned[name] for name in wanted if name in cleaned}


class ProposeForm(forms.Form):
    ground = forms.ChoiceField(
        label="Ground", choices=[(ground.value, text) for ground, text in GROUND_LABELS.items()]
    )
    reason = _text(
        "Reason", f"At least {DECISION_MINIMUM} characters. The person reads it.", rows=4
    )
    evidence = _text(
        "Evidence",
        "Two independent signals at least, and where each can be seen. The person reads it.",
        rows=4,
    )
    is_immediate = forms.BooleanField(
        label="Stop the account at once",
        required=False,
    )

    def __init__(self, *args: object, hours: int, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["is_immediate"].help_text = (
            "For fraud or safety only. A second administrator has to confirm it within "
            f"{hours} hours, else the account is active again."
        )


class ContactForm(forms.Form):
    """Without an account (`is_known` False) with an address for the answer."""

    email = forms.EmailField(
        label="Your e-mail address",
        help_text="The link to the answer goes there. We use it for nothing else.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    topic = forms.ChoiceField(label="About", choices=[("", "Choose one"), *Topic.choices])
    subject = forms.CharField(label="Subject", max_length=150)
    text = _text("Your message", "A person reads it. Send no passwords and no identity documents.")

    def __init__(self, *args: object, is_known: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if is_known:
            del self.fields["email"]


class LetterForm(forms.Form):
    text = _text("Your message", "Send no passwords and no identity documents.")


class LinkForm(forms.Form):
    number = forms.IntegerField(label="Number of the ticket", min_value=1, max_value=2**31 - 1)
    email = forms.EmailField(
        label="The e-mail address you gave",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
