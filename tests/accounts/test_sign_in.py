"""Signing up, in and out through allauth, inside our frame."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from tests.factories.accounts import PASSWORD


def code_in(message) -> str:
    """The code stands alone on a line of its own."""
    return re.search(r"^([A-Z0-9][A-Z0-9-]{4,})$", message.body, re.MULTILINE)[1]


def sign_in(client: Client, user: User, password: str = PASSWORD):
    return client.post(reverse("account_login"), {"login": user.email, "password": password})


def test_signing_up_needs_the_code_that_was_mailed(client, db):
    sent = {
        "name": "Nina",
        "email": "Nina@Example.org",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "terms": 1,
        "has_accepted": "on",
    }
    answer = client.post(reverse("account_signup"), sent)
    assert answer.status_code == 302
    nina = User.objects.get(email="nina@example.org")
    assert nina.name == "Nina"
    assert client.get(reverse("people:settings")).status_code == 302
    page = client.get(answer.url)
    assert page.status_code == 200
    wrong = client.post(answer.url, {"code": "AAAAAA"})
    assert wrong.status_code == 200
    done = client.post(answer.url, {"code": code_in(mail.outbox[0])})
    assert done.status_code == 302
    assert EmailAddress.objects.get(user=nina).verified
    assert client.get(reverse("people:settings")).status_code == 200


def test_what_was_typed_comes_back_with_the_error(client, db):
    sent = {"name": "Nina", "email": "nina@example.org", "password1": "short", "password2": "other"}
    page = client.post(reverse("account_signup"), sent).content.decode()
    assert 'value="Nina"' in page
    assert 'value="nina@example.org"' in page
    assert 'class="field-error"' in page
    assert not User.objects.exists()


def test_an_address_in_use_is_not_told_to_strangers(client, alice):
    sent = {"name": "X", "email": alice.email, "password1": PASSWORD, "password2": PASSWORD}
    sent |= {"terms": 1, "has_accepted": "on"}
    answer = client.post(reverse("account_signup"), sent)
    assert answer.status_code == 302
    assert User.objects.count() == 1


def test_signing_in_and_out(client, alice):
    refused = sign_in(client, alice, "wrong")
    assert refused.status_code == 200
    assert 'class="form-errors"' in refused.content.decode()
    assert sign_in(client, alice).url == reverse("home")
    assert client.get(reverse("people:settings")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("people:settings")).status_code == 302


def test_a_new_address_counts_once_it_is_confirmed(client, alice):
    sign_in(client, alice)
    answer = client.post(
        reverse("account_email"), {"email": "alice@new.example.org", "action_add": ""}
    )
    assert answer.status_code == 302
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    confirm = reverse("account_email_verification_sent")
    client.post(confirm, {"code": code_in(mail.outbox[-1])})
    alice.refresh_from_db()
    assert alice.email == "alice@new.example.org"


def test_a_forgotten_password(client, alice):
    client.post(reverse("account_reset_password"), {"email": alice.email})
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    assert form.status_code == 200
    client.post(
        form.redirect_chain[-1][0], {"password1": PASSWORD + "x", "password2": PASSWORD + "x"}
    )
    assert sign_in(Client(), alice).status_code == 200
    assert sign_in(Client(), alice, PASSWORD + "x").status_code == 302


def totp(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def test_an_authenticator_app_and_the_codes_behind_it(client, alice):
    sign_in(client, alice)
    asked = client.get(reverse("mfa_activate_totp"))
    page = client.post(asked.url, {"password": PASSWORD}, follow=True)
    secret = page.context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": totp(secret)})
    types = set(Authenticator.objects.filter(user=alice).values_list("type", flat=True))
    assert types == {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}
    codes = client.get(reverse("mfa_view_recovery_codes"))
    assert codes.status_code == 200

    other = Client()
    second = sign_in(other, alice)
    assert second.url == reverse("mfa_authenticate")
    assert other.get(second.url).status_code == 200
    assert other.get(reverse("people:settings")).status_code == 302
    unused = codes.context["unused_codes"][0]
    assert other.post(second.url, {"code": unused}).status_code == 302
    assert other.get(reverse("people:settings")).status_code == 200


def test_own_sessions_are_listed_and_ended_everywhere(client, alice):
    there = Client()
    sign_in(there, alice)
    sign_in(client, alice)
    assert UserSession.objects.filter(user=alice).count() == 2
    page = client.get(reverse("usersessions_list"))
    assert len(page.context["sessions"]) == 2
    client.post(reverse("usersessions_list"))
    assert there.get(reverse("people:settings")).status_code == 302
    assert client.get(reverse("people:settings")).status_code == 200


def test_too_many_wrong_passwords_are_stopped(client, alice, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/m/key"}
    for _ in range(3):
        sign_in(client, alice, "wrong")
    stopped = sign_in(client, alice)
    assert stopped.status_code == 200
    assert client.get(reverse("people:settings")).status_code == 302


@pytest.mark.parametrize("name", ["account_login", "account_signup"])
def test_the_door_is_for_those_outside(name, client_of, alice):
    assert client_of(alice).get(reverse(name)).status_code == 302
