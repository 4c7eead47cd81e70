"""Shapes of what people send about themselves."""

from django import forms
from django.http import HttpRequest

from apps.accounts.models import User
from apps.core.regions import COUNTRIES, LANGUAGES
from apps.core.zones import zone_choices


class SignupForm(forms.Form):
    """Beside e-mail and password: a name. Adulthood is confirmed with the contributor's profile."""

    name = forms.CharField(
        max_length=120,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ["name", "email", "password1", "password2"]

    def signup(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002 -- allauth's shape
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])


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
