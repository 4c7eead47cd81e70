"""The steps of the wizard: each one several forms on one page, and the sections that they write."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.conf import settings
from django.forms.formsets import BaseFormSet
from django.http import QueryDict

from apps.projects.forms import sections as s
from apps.projects.queries.lifts import recipes
from apps.tasktypes import registry

LINES_MAX = 100
# What most projects say; a buyer reads it in the fields and changes it there.
USUAL_CONSENT = {
    "licence": "The buyer may use the answers for the purpose above; all else stays yours.",
    "term": "Five years",
    "secondary_use": "none",
    "price_per_use": 0,
    "withdrawal": "By writing to a person here, until a release holds the answer.",
}


class Step:
    """One page. `parts` are its forms and formsets by name, for the template.

    `body` is the draft so far, `data` what was posted. `sections()` is what to save: what was kept
    before, with everything in it that could be read now.
    """

    slug: str
    title: str

    def __init__(self, *, body: Mapping, currency: str, data: QueryDict | None = None) -> None:
        self.body, self.currency, self.data = body, currency, data
        self.parts: dict[str, forms.BaseForm | BaseFormSet] = {}
        self.before: dict[str, list[dict]] = {}
        self.refusals: list[str] = []
        self.build()

    def build(self) -> None:
        raise NotImplementedError

    def sections(self) -> dict[str, dict]:
        raise NotImplementedError

    def is_valid(self) -> bool:
        # A list, so that every part is looked at and shows its own errors.
        found = [part.is_valid() for part in self.parts.values()]
        return all(found) and not self.refusals

    def section(self, name: str) -> dict:
        return dict(self.body.get(name) or {})

    def form(self, name: str, form: type[s.DraftForm], initial: Mapping, **words: object) -> None:
        self.parts[name] = form(
            self.data, prefix=name, initial=dict(initial), currency=self.currency, **words
        )

    def lines(
        self,
        name: str,
        form: Any,
        initial: Sequence[Mapping],
        *,
        at_least: int = 0,
        **words: object,
    ) -> None:
        """A formset: what is there, and one empty line if it would be shorter than `at_least`."""
        made = forms.formset_factory(
            form,
            extra=max(0, at_least - len(initial)),
            can_delete=True,
            max_num=LINES_MAX,
            absolute_max=LINES_MAX,
        )
        self.before[name] = [dict(line) for line in initial]
        self.parts[name] = made(
            self.data,
            prefix=name,
            initial=[form.initial_of(line) for line in initial],
            form_kwargs={"currency": self.currency, **words},
        )

    def read(self, name: str) -> dict:
        return cast("s.DraftForm", self.parts[name]).kept()

    def read_lines(self, name: str) -> list[dict]:
        """The lines that say something and are not marked for removal, each with its own key."""
        formset = cast("BaseFormSet", self.parts[name])
        if not formset.is_valid() and not formset.management_form.is_valid():
            return self.before[name]
        found = [
            form.line()
            for form in formset.forms
            if not form.cleaned_data.get("DELETE") and (form.has_changed() or form.initial)
        ]
        return _with_own_keys(found)


def _with_own_keys(lines: list[dict]) -> list[dict]:
    taken: set[str] = set()
    for line in lines:
        key, number = line["key"] or "line", 1
        while (wanted := key if number == 1 else f"{key[:36]}_{number}") in taken:
            number += 1
        line["key"] = wanted
        taken.add(wanted)
    return lines


class WorkStep(Step):
    slug, title = "work", "Work and price"

    def build(self) -> None:
        work = self.section("work")
        self.form("work", s.WorkForm, s.WorkForm.initial_of(work))
        types = [each.name for each in registry.all_types()]
        saved = work.get("task_type") or types[0]
        self.form("type", s.TypeForm, {"task_type": saved})
        asked = self.read("type").get("task_type") if self.data is not None else saved
        self.task_type = registry.get(asked if asked in types else types[0])
        # The settings on the page belong to one type: when another was just chosen, they are its
        # own, saved or fresh, and nothing posted is read into them.
        shown = self.data.get("config_of") if self.data is not None else None
        posted = self.data if shown == self.task_type.name else None
        self.parts["config"] = self.task_type.config_form(
            posted, prefix="config", initial=self._config_initial(work)
        )
        self.is_config_posted = posted is not None
        self.form("pay", s.PayForm, self.section("pay"))

    def _config_initial(self, work: Mapping) -> dict:
        config = work.get("config") if work.get("task_type") == self.task_type.name else None
        initial = self.task_type.config_form.initial_of(config or {})
        typed = (work.get("config_typed") or {}).get(self.task_type.name)
        return {**initial, **typed} if typed else initial

    def is_valid(self) -> bool:
        return self.is_config_posted and super().is_valid()

    def sections(self) -> dict[str, dict]:
        work = {
            **self.section("work"),
            **cast("s.WorkForm", self.parts["work"]).section(),
            "task_type": self.task_type.name,
        }
        work.update(self._config(self.section("work")))
        return {"work": work, "pay": {**self.section("pay"), **self.read("pay")}}

    def _config(self, before: Mapping) -> dict:
        """The checked config; settings that are not usable yet are kept as they were typed."""
        form = cast("forms.Form", self.parts["config"])
        same = before.get("task_type") == self.task_type.name
        config = dict(before.get("config") or {}) if same else {}
        typed = dict(before.get("config_typed") or {})
        if self.is_config_posted:
            if form.is_valid():
                columns = {"columns": config["columns"]} if "columns" in config else {}
                config = {**columns, **form.cleaned_data["config"]}
                typed.pop(self.task_type.name, None)
            else:
                config = {}
                typed[self.task_type.name] = {
                    bound.name: bound.value() for bound in form if bound.value() is not None
                }
        return {"config": config, "config_typed": typed}


class RubricStep(Step):
    slug, title = "rubric", "Rubric and pay rules"

    def build(self) -> None:
        lines = self.section("rubric").get("lines") or []
        self.lines("rubric", s.RubricLineForm, lines, at_least=1)
        premiums = self.section("pay").get("premiums") or []
        layer = str(self.section("work").get("layer") or "")
        self.lines("premiums", s.PremiumForm, premiums, layer=layer)

    def sections(self) -> dict[str, dict]:
        return {
            "rubric": {"lines": self.read_lines("rubric")},
            "pay": {**self.section("pay"), "premiums": self.read_lines("premiums")},
        }


class TiersStep(Step):
    slug, title = "tiers", "Tiers and qualification"

    def build(self) -> None:
        self.lines("tiers", s.TierForm, self.section("tiers").get("tiers") or [], at_least=1)

    def sections(self) -> dict[str, dict]:
        return {"tiers": {"tiers": self.read_lines("tiers")}}


class ItemsStep(Step):
    slug, title = "items", "Items and gold"

    def build(self) -> None:
        usual = {"overlap": 3, "gold_percent": 15, "gold_percent_min": 5}
        said = self.section("items")
        if not said:
            # Proposed to a new project alone: in an older one an empty field stays empty.
            usual["repeat_percent"] = settings.WAGEFILE["repeat_percent"]
        self.form("items", s.ItemsForm, {**usual, **said})

    def sections(self) -> dict[str, dict]:
        return {"items": {**self.section("items"), **self.read("items")}}


class TermsStep(Step):
    slug, title = "terms", "Consent, disclosure, decision file, lift and budget"

    def build(self) -> None:
        self.form("consent", s.ConsentForm, {**USUAL_CONSENT, **self.section("consent")})
        self.form(
            "disclosure",
            s.DisclosureForm,
            {"content_warnings": "none", **self.section("disclosure")},
        )
        self.form("decision", s.DecisionForm, self.section("decision"))
        self.form("lift", s.LiftForm, self._lift(), recipes=self._recipes())
        self.form("budget", s.BudgetForm, self.section("budget"))

    def _recipes(self) -> dict[str, str]:
        work = self.section("work")
        return recipes(
            {"type": str(work.get("task_type") or ""), "config": work.get("config") or {}}
        )

    def _lift(self) -> dict:
        numbers = settings.WAGEFILE
        usual = {
            key: numbers[f"lift_{key}"] for key in ("pool_percent", "minimum_rows", "seconds_max")
        }
        return {"recipe": next(iter(self._recipes()), ""), "metric": "accuracy", **usual} | {
            key: value for key, value in self.section("lift").items() if value not in {None, ""}
        }

    def sections(self) -> dict[str, dict]:
        return {name: {**self.section(name), **self.read(name)} for name in self.parts}


STEPS: tuple[type[Step], ...] = (WorkStep, RubricStep, TiersStep, ItemsStep, TermsStep)
BY_SLUG = {step.slug: step for step in STEPS}
# Formsets that a submit button `add` may lengthen by one line.
LENGTHENED = frozenset({"rubric", "premiums", "tiers"})


def with_one_more(data: QueryDict, name: str) -> QueryDict:
    """The posted data with one empty line more in the formset `name`."""
    longer = data.copy()
    if name in LENGTHENED:
        total = data.get(f"{name}-TOTAL_FORMS", "0")
        count = int(total) if total.isdecimal() else 0
        longer[f"{name}-TOTAL_FORMS"] = str(min(count + 1, LINES_MAX))
    return longer
