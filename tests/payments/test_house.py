"""What holds for the app as a whole."""

import re
from pathlib import Path

from celery import current_app
from django.conf import settings

from apps.payments import tasks  # noqa: F401 -- registers the tasks
from apps.payments.enums import CallState, FundingState, PayoutState
from apps.payments.rules import (
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
    assert len(wanted) == 6


def test_every_state_has_words():
    assert set(PAYOUT_WORDS) == set(PayoutState)
    assert set(FUNDING_WORDS) == set(FundingState)
    assert set(REFUND_WORDS) == set(CallState)
