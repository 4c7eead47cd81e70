"""Shapes of what people send about themselves."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html

from apps.accounts import actions as accounts
from apps.accounts.enums import AgeBand, Gender, WorldRegion
from apps.accounts.models import User
from apps.accounts.queries import terms_in_force
from apps.core import clock
from apps.core.http import HttpRequest
from apps.core.regions import COUNTRIES, LANGUAGES
from apps.core.tenancy import Actor, acting
from apps.core.zones import zone_choices


class SignupForm(forms.Form):
    """Beside e-mail and password: a name, and the terms in force when the page was opened.

    Adulthood is confirmed with the contributor's profile.
    """

    name = forms.CharField(
        max_length=120,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    has_accepted = forms.BooleanField(
        error_messages={"required": "Without the terms there is no account; please accept them."},
    )
    terms = forms.IntegerField(widget=forms.HiddenInput)
    field_order = ["name", "email", "password1", "password2", "has_accepted", "terms"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = terms_in_force(clock.now())
        if current is None:
            del self.fields["has_accepted"], self.fields["terms"]
            return
        self.current = current.number
        self.fields["terms"].initial = current.number
        self.fields["has_accepted"].label = format_html(
            'I accept the <a href="{}">terms, version {}</a>',
            reverse("terms:version", args=[current.number]),
            current.number,
        )

    def clean_terms(self) -> int:
        if self.cleaned_data["terms"] != self.current:
            # The form comes back with the link to the new text, and has to be agreed to anew.
            kept = {name: self.data[name] for name in self.data if name != "has_accepted"}
            self.data = {**kept, "terms": self.current}
            sentence = "New terms took effect while you read; please read and accept them."
            raise forms.ValidationError(sentence)
        return self.cleaned_data["terms"]

    def signup(self, request: HttpRequest, user: User) -> None:
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
        if "terms" in self.cleaned_data:
            # Nobody is signed in yet; the one who signs up is who accepts.
            with acting(Actor(kind="person", user_id=user.id)) as person:
                accounts.accept_terms(number=self.cleaned_data["terms"], by=person, now=request.now)


class AcceptForm(forms.Form):
    """One box for one version."""

    terms = forms.IntegerField(widget=forms.HiddenInput)
    has_accepted = forms.BooleanField(
        error_messages={"required": "Tick the box to accept, or leave this page to decide later."},
    )

    def __init__(self, data: Mapping[str, Any] | None, *, number: int) -> None:
        super().__init__(data, initial={"terms": number})
        self.fields["has_accepted"].label = f"I accept the terms, version {number}"


class PublishTermsForm(forms.Form):
    """The next version, written by an administrator."""

    effective_at = forms.DateTimeField(
        label="Takes effect (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    summary = forms.CharField(
        label="What changes",
        max_length=500,
        help_text="One or two sentences; everybody gets them by notice and e-mail.",
    )
    body = forms.CharField(
        label="The whole text",
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 30}),
        help_text="Paragraphs with an empty line between them; a heading begins with ##.",
    )


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class ZoneForm(forms.Form):
    """Empty is what the browser tells."""

    def __init__(self, *args: object, told: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        usual = f"As the browser says ({told or 'UTC until it tells one'})"
        self.fields["time_zone"] = forms.ChoiceField(
            label="Time zone",
            required=False,
            choices=[("", usual), *zone_choices()],
            help_text="Deadlines in pages and e-mails are shown in it.",
        )


class ProfileForm(forms.Form):
    """What decides which offers are open. The action checks that the person is 18 or older."""

    region = forms.ChoiceField(
        label="Country in which you work",
        choices=[("", "Choose a country"), *COUNTRIES.items()],
        help_text="Some projects are open to some countries only; pay is the same in all of them.",
    )
    languages = forms.MultipleChoiceField(
        label="Languages you work in",
        choices=list(LANGUAGES.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one language of the list."},
    )
    is_adult = forms.BooleanField(
        label="I am 18 or older",
        required=False,
        help_text="We keep that you confirmed it and when, and no birth date.",
    )

    def __init__(self, *args: object, is_confirmed: bool = False, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if is_confirmed:
            del self.fields["is_adult"]


class DescriptionForm(forms.Form):
    """All of it voluntary; not to say is the first choice of each."""

    age_band = forms.ChoiceField(label="Age", required=False)
    gender = forms.ChoiceField(label="Gender", required=False)
    world_region = forms.ChoiceField(
        label="Part of the world you come from",
        required=False,
        help_text="It need not be the one in which you work.",
    )
    first_language = forms.ChoiceField(label="First language", required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        lists = {
            "age_band": AgeBand.choices,
            "gender": Gender.choices,
            "world_region": WorldRegion.choices,
            "first_language": list(LANGUAGES.items()),
        }
        for name, choices in lists.items():
            self.fields[name].choices = [("", "Rather not say"), *choices]  # type: ignore[attr-defined]


class CredentialForm(forms.Form):
    kind = forms.SlugField(
        label="Credential",
        max_length=40,
        help_text="A short name such as nurse-licence, as projects ask for it.",
        error_messages={"invalid": "Use letters, digits and hyphens, such as nurse-licence."},
    )
    statement = forms.CharField(
        label="How it can be checked",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who issued it, its public number, where that can be looked up. No documents.",
    )


class DecisionForm(forms.Form):
    note = forms.CharField(
        label="Reason",
        max_length=300,
        required=False,
        help_text="The person reads it. A refusal needs one.",
    )
