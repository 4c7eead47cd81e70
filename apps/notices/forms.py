"""What people send about their notices."""

from collections.abc import Mapping
from typing import Any

from django import forms

from apps.notices.enums import ABOUT, MANDATORY, OF_STAFF, Group, Kind, Mail
from apps.notices.models import Preference


def groups_of(*, is_staff: bool) -> list[Group]:
    """The groups that a person can choose for."""
    return [
        group for group in Group if group not in MANDATORY and (is_staff or group not in OF_STAFF)
    ]


def kinds_of(group: Group) -> list[Kind]:
    return [kind for kind in Kind if ABOUT[kind].group == group]


class PreferencesForm(forms.Form):
    """A tick for the page and a choice of e-mail for each group, named after the group."""

    def __init__(
        self,
        *args: Any,
        groups: list[Group],
        chosen: Mapping[str, Preference],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.groups = groups
        for group in groups:
            has = chosen.get(group)
            self.fields[f"{group}-page"] = forms.BooleanField(
                label="In the page", required=False, initial=has.is_in_page if has else True
            )
            self.fields[f"{group}-mail"] = forms.ChoiceField(
                label="E-mail",
                required=False,
                choices=[("", f"As usual: {_usual(group)}"), *Mail.choices],
                initial=has.mail if has else "",
            )

    def rows(self) -> list[dict]:
        """Each group with what is in it and its two fields."""
        return [
            {
                "group": group,
                "kinds": [kind.label for kind in kinds_of(group)],
                "page": self[f"{group}-page"],
                "mail": self[f"{group}-mail"],
            }
            for group in self.groups
        ]

    def choices(self) -> dict[Group, tuple[bool, str]]:
        sent = self.cleaned_data
        return {group: (sent[f"{group}-page"], sent[f"{group}-mail"]) for group in self.groups}


def _usual(group: Group) -> str:
    mails = {ABOUT[kind].mail for kind in kinds_of(group)}
    if len(mails) == 1:
        return mails.pop().label.lower()
    return "now what waits for you, the rest in a daily summary"
