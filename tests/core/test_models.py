"""What no table of ours may hold, and what no process of the web may load."""

import re
import subprocess
import sys

from django.conf import settings

from tests.factories.rows import own_models

# Identity, tax, bank and birth data live at Stripe only (domain.md, invariant 13).
FORBIDDEN = re.compile(
    r"birth|(^|_)dob($|_)|(^|_)age($|_)|passport|ssn|social_security|national_id|identity|"
    r"id_(number|document|card)|driving|licen[cs]e_number|(^|_)tax|(^|_)tin($|_)|(^|_)vat($|_)|"
    r"iban|(^|_)bic($|_)|swift|routing|sort_code|bank_(account|name|code|number)|account_number|"
    r"card_number|(^|_)cvc|(^|_)pan($|_)|phone|street|postal|postcode|zip_?code|gender|nationality|"
    r"selfie|biometric|fingerprint|keystroke|screenshot|ip_address"
)


def test_no_model_has_a_field_for_identity_tax_bank_or_birth_data():
    found = [
        f"{model._meta.label}.{field.name}"
        for model in own_models()
        for field in model._meta.get_fields()
        if not field.auto_created and FORBIDDEN.search(field.name)
    ]
    assert len(own_models()) > 30
    # A buying organization's, as its invoices name it; no contributor has any of them.
    of_companies = {"organizations.BillingDetails.vat_number", "exports.Invoice.tax"}
    # Said of their own free will, in bands and short lists; used for 10 people together or more.
    voluntary = {"accounts.Description.age_band", "accounts.Description.gender"}
    assert set(found) == of_companies | voluntary


def test_the_pattern_would_find_them():
    for name in (
        *("birth_date", "date_of_birth", "dob", "tax_number", "vat_id", "iban", "passport_scan"),
        *("bank_account", "account_number", "routing_number", "ssn", "national_id", "age"),
    ):
        assert FORBIDDEN.search(name), name
    for name in (
        "language",
        "stage",
        "account_id",
        "message",
        "adult_confirmed_at",
        "wage",
        "page",
    ):
        assert not FORBIDDEN.search(name), name


def test_the_web_process_loads_no_torch():
    program = (
        "import sys, importlib, django; django.setup(); import marketplace.wsgi, marketplace.urls; "
        "from pathlib import Path\n"
        "for path in sorted(Path('apps').rglob('*.py')):\n"
        "    parts = path.with_suffix('').parts\n"
        "    if 'migrations' not in parts and 'management' not in parts:\n"
        "        importlib.import_module('.'.join(parts).removesuffix('.__init__'))\n"
        "print(sorted({'torch', 'torchvision', 'timm'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr
