"""What holds for the app as a whole."""

import re
from pathlib import Path

import pytest
import stripe
from celery import current_app
from django.apps import apps
from django.conf import settings

from apps.payments import (
    gateway,
    tasks,  # noqa: F401 -- registers the tasks
)
from apps.payments.enums import (
    CallState,
    CorrectionState,
    DisputeState,
    FundingState,
    PayoutState,
)
from apps.payments.models import StripeAccount
from apps.payments.rules import (
    CORRECTION_WORDS,
    DISPUTE_ENDS,
    DISPUTE_WORDS,
    FUNDING_WORDS,
    PAYOUT_WORDS,
    REFUND_WORDS,
)

ROOT = Path(__file__).resolve().parents[2]


def test_stripe_is_imported_in_one_module():
    found = [
        str(path.relative_to(ROOT))
        for folder in ("apps", "marketplace")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(import|from) stripe\b", path.read_text(), re.MULTILINE)
    ]
    assert found == ["apps/payments/gateway.py"]


def test_the_double_is_imported_by_no_product_code():
    for folder in ("apps", "marketplace"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not re.search(
                r"^\s*(import|from) stripe_double\b", path.read_text(), re.MULTILINE
            ), path


def test_every_scheduled_task_of_payments_exists():
    wanted = {
        entry["task"]
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"].startswith("payments.")
    }
    assert wanted == {name for name in current_app.tasks if name.startswith("payments.")}
    assert len(wanted) == 7


def test_every_state_has_words():
    assert set(PAYOUT_WORDS) == set(PayoutState)
    assert set(FUNDING_WORDS) == set(FundingState)
    assert set(REFUND_WORDS) == set(CallState)
    assert set(DISPUTE_WORDS) == set(DisputeState) >= set(DISPUTE_ENDS.values())
    assert set(CORRECTION_WORDS) == set(CorrectionState)


# ── Identity, tax and bank details live at Stripe only ──────────────────────────────────────────

FORBIDDEN = re.compile(
    r"ssn|social|tax|vat\b|tin\b|(^|_)ein|passport|licen[cs]e_number|id_?number|national|birth|"
    r"(^|_)dob|iban|bic\b|swift|routing|sort_code|account_number|bank|card|cvc|document|selfie|"
    r"address|street|post_?code|zip|phone|first_name|last_name|surname|maiden",
    re.IGNORECASE,
)
# Names that sound like it, and what they are.
HARMLESS = {
    "account.EmailConfirmation.email_address": "the e-mail address that is confirmed",
    "exports.Invoice.facts": "what the invoice of a buying organization says of both companies",
    "exports.Invoice.tax": "an amount: the tax on the platform's fee",
    "organizations.BillingDetails.address": "of a buying organization, as its invoices name it",
    "payments.Payout.bank_payout_id": "Stripe's id of the payout to the bank",
}


def fields():
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if field.concrete:
                yield f"{model._meta.label}.{field.name}", field


def test_no_model_has_a_field_for_identity_tax_or_bank():
    """Reads every model, of ours and of others; a new field of such a name says what it is."""
    seen = dict(fields())
    assert len(seen) > 300, "the models are all there"
    found = {
        name
        for name, field in seen.items()
        if FORBIDDEN.search(f"{field.name} {getattr(field, 'help_text', '')}")
    }
    assert found - HARMLESS.keys() == set()


def test_what_is_kept_of_a_connected_account():
    """Its id, whether it can be paid, what Stripe asks for, the country: and when it changed."""
    assert {field.name for field in StripeAccount._meta.concrete_fields} == {
        "user", "account_id", "country", "transfers_status", "requirements", "created_at",
        "checked_at", "destination_key", "wait_until", "stopped_at",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["tax_id", "bank_account", "iban", "date_of_birth", "ssn_last4", "id_number", "postcode"],
)
def test_the_reading_finds_such_names(name):
    assert FORBIDDEN.search(name)


def test_an_invalid_request_would_be_seen(double):
    """The check of the specification in tests/conftest.py can fail."""
    with pytest.raises(stripe.InvalidRequestError):
        gateway.client().v1.refunds.create({"amount": "a lot", "colour": "red"})
    assert double.sim.violations.requests
    double.sim.violations.requests.clear()
