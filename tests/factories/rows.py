"""One row of any model, made from its fields: for tests that must cover every table."""

import datetime as dt
import itertools
import uuid

from django.apps import apps
from django.db import models

from apps.accounts.models import TermsVersion
from apps.core.ids import uuid7
from apps.core.money import ISO_4217
from apps.core.tenancy import Actor, acting, system
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose

# What a model's constraints ask for beyond its fields.
MORE: dict[str, dict] = {
    "cases.Case": {"reason": "It was right."},
    "cases.Ticket": {"email": ""},
    "exports.Invoice": {
        "pay": 40,
        "fee": 6,
        "tax": 0,
        "total": 46,
        "month": dt.date(2026, 3, 1),
        "facts": {
            "seller": {"name": "Operator", "address": "", "country": "", "vat_number": ""},
            "buyer": {
                "name": "Acme",
                "address": "",
                "country": "US",
                "vat_number": "",
                "po_number": "",
                "cost_centre": "",
            },
            "tax": {"rate": "0", "amount": 0, "sentence": "None.", "is_reverse_charge": False},
        },
    },
    "exports.Statement": {
        "month": dt.date(2026, 2, 1),
        "facts": {
            "payouts": [],
            "active_seconds": 0,
            "set_aside_percent": 25,
            "display": {},
            "sums": [],
        },
    },
    "notices.Notice": {"url": "/"},
    "notices.Preference": {"group": "verdicts"},
    "payments.Correction": {"state": "asked"},
    "projects.ItemImport": {"withdrawn_at": None},
    "projects.Project": {"state": "draft", "criteria": None, "published_at": None},
    "scoring.AlphaCheck": {"alpha": 0.8, "package": 0.8, "answers": 2},
    "scoring.ErrorRun": {"result": {"wrong": {}}, "note": ""},
    "scoring.LiftRun": {"result": None},
    "scoring.RepeatRun": {"result": {"agreement": {}}, "note": ""},
    "work.LiftScore": {
        "reason": "close",
        "value": 0.01,
        "facts": {
            "metric": "accuracy",
            "recipe": "text-linear",
            "method": "shapley",
            "everybody": 0.9,
            "nobody": 0.5,
            "stopped": "complete",
            "assumptions": [],
            "seed": 0,
            "rows": 10,
            "test_rows": 10,
            "groups": 2,
            "input": "0" * 64,
            "params": {"recipe": "text-linear", "metric": "accuracy"},
        },
    },
    "work.Score": {
        "week": dt.date(2026, 2, 23),
        "bar": "0.80",
        **dict.fromkeys(("gold_mean", "gold_low", "gold_high", "gold_lower"), 0.5),
    },
    "work.OnlineScore": {"before": 0.5, "now": 0.5},
    "work.RepeatScore": {"items": 2, "agreement": 0.5, "low": 0.4, "high": 0.6},
    "work.Assignment": {"held_pay": 40, "review_due_at": None},
    "work.Submission": {"answer": {"choice": "yes"}, "answer_key": "yes"},
    "work.Verdict": {"outcome": "accepted", "decider": "silence", "decided_by": None},
    "work.EarningLine": {"kind": "base", "net": 40, "fee": 6, "gross": 46},
    "work.Enrolment": {"tier": "general", "consent_scope": {}},
}
# Rows about one person that only the marketplace itself writes.
OF_PLATFORM = {"notices.Letter", "payments.Reversal"}
# Fields that may be empty one by one, but not all of them.
NEEDED = {
    "work.EarningLine": {"assignment"},
    "cases.Case": {"org"},
    "payments.Correction": {"org"},
    "cases.Letter": {"user"},
    "cases.Ticket": {"user"},
}

CURRENCIES = itertools.cycle(ISO_4217)
NUMBERS = itertools.count(1)


def own_models() -> list[type[models.Model]]:
    """Every concrete model of our apps."""
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


class Side:
    """Rows of one organization, its project and one contributor; `of(label)` is made once."""

    def __init__(self, *, org, project, contributor, now: dt.datetime) -> None:
        self.org, self.project, self.contributor, self.now = org, project, contributor, now
        with acting(system(org.id)):
            criteria = project.criteria
            item = project.items.filter(purpose="work").earliest("id")
            # The owner's: a contributor who was a member would see everything as one.
            membership = org.memberships.get(role="owner")
        self.rows = {
            "organizations.Membership": membership,
            "organizations.Organization": org,
            "projects.Project": project,
            "projects.CriteriaVersion": criteria,
            "projects.Item": item,
            "accounts.User": contributor,
            # Only staff publishes one, and the first is always there.
            "accounts.TermsVersion": TermsVersion.objects.get(number=1),
        }

    @property
    def person(self) -> Actor:
        return Actor(kind="person", user_id=self.contributor.id)

    def of(self, label: str) -> models.Model:
        """The row of this model: found where the cast has it, else written."""
        if label not in self.rows:
            self.rows[label] = self._found(label) or self._written(label)
        return self.rows[label]

    def _found(self, label: str) -> models.Model | None:
        model = apps.get_model(label)
        if label.startswith("ledger."):
            return self._booked(model)
        names = {field.attname for field in model._meta.concrete_fields}
        for actor, wanted in (
            (system(self.org.id), {"project_id": self.project.id, "org_id": self.org.id}),
            (self.person, {"user_id": self.contributor.id}),
        ):
            if set(wanted) <= names:
                with acting(actor):
                    found = model._base_manager.filter(**wanted).order_by("pk").first()
                if found is not None:
                    return found
        return None

    def _booked(self, model: type[models.Model]) -> models.Model:
        with acting(system(self.org.id)):
            held = ledger.account(
                Purpose.HELD,
                currency=self.project.currency,
                holder=self.org.id,
                scope=self.project.id,
            )
            if model._meta.model_name == "account":
                return model._base_manager.get(id=held)
            return model._base_manager.filter(credit_id=held).earliest("number")

    def writer(self, label: str) -> Actor:
        """Who may write such a row of this side."""
        names = {field.attname for field in apps.get_model(label)._meta.concrete_fields}
        if "org_id" in names or label == "organizations.Organization":
            return system(self.org.id)
        return self.person if "user_id" in names and label not in OF_PLATFORM else system()

    def fresh(self, label: str) -> models.Model:
        """An unsaved row of this side that no other row is in the way of."""
        model = apps.get_model(label)
        values = {
            field.name: self._value(field)
            for field in model._meta.concrete_fields
            if not isinstance(field, models.AutoField)
            and (
                field.primary_key
                or field.name in NEEDED.get(label, ())
                or not (field.null or field.has_default())
            )
        }
        return model(**{**values, **MORE.get(label, {})})

    def _written(self, label: str) -> models.Model:
        row = self.fresh(label)
        with acting(self.writer(label)):
            row.save(force_insert=True)
        return row

    def _value(self, field: models.Field) -> object:
        if isinstance(field, models.ForeignKey):
            return self.of(field.related_model._meta.label)
        if isinstance(field, models.UUIDField):
            return uuid7()
        if field.choices:
            return field.choices[0][0]
        if isinstance(field, models.IntegerField) and field.unique:
            return next(NUMBERS)
        for kind, value in (
            (models.DateTimeField, self.now),
            (models.DurationField, dt.timedelta()),
            (models.BooleanField, False),
            (models.JSONField, {}),
            (models.BinaryField, b"k"),
            (models.IntegerField, 1),
            (models.EmailField, f"{uuid.uuid4().hex}@example.org"),
        ):
            if isinstance(field, kind):
                return value
        if field.name == "currency":
            return next(CURRENCIES) if field.primary_key else "USD"
        text = uuid.uuid4().hex
        return text[: field.max_length] if field.max_length else text
