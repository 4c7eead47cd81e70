"""Profiles, credentials, and the switches that due process pulls."""

import datetime as dt

import pytest

from apps.accounts import actions as accounts
from apps.accounts import queries
from apps.accounts.enums import CREDENTIAL_TRANSITIONS, CredentialState
from apps.accounts.models import ContributorProfile, Credential, User
from apps.audit.models import AuditEvent
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.tenancy import ANONYMOUS, acting, system
from apps.notices.models import Notice

PROFILE = {"region": "DE", "languages": ["de", "en"], "is_adult": True}


def save(user, as_, now, **changes):
    with acting(as_(user)) as by:
        return accounts.save_profile(by=by, now=now, **{**PROFILE, **changes})


def test_a_profile_keeps_that_and_when_and_no_birth_date(gus, as_, now):
    profile = save(gus, as_, now)
    assert profile.adult_confirmed_at == now
    assert profile.languages == ["de", "en"]
    assert not [f.name for f in ContributorProfile._meta.fields if "birth" in f.name]


def test_adulthood_must_be_confirmed(gus, as_, now):
    with pytest.raises(Invalid) as refused:
        save(gus, as_, now, is_adult=False)
    assert refused.value.field == "is_adult"
    with acting(as_(gus)):
        assert not ContributorProfile.objects.exists()


def test_adulthood_is_confirmed_once(gus, as_, now):
    save(gus, as_, now)
    later = now + dt.timedelta(days=3)
    changed = save(gus, as_, later, is_adult=False, region="FR")
    assert (changed.region, changed.adult_confirmed_at) == ("FR", now)


@pytest.mark.parametrize(
    ("field", "value"), [("region", "XX"), ("languages", []), ("languages", ["en", "klingon"])]
)
def test_region_and_languages_are_of_the_lists(field, value, gus, as_, now):
    with pytest.raises(Invalid) as refused:
        save(gus, as_, now, **{field: value})
    assert refused.value.field == field


def test_neither_staff_nor_nobody_has_a_profile(ada, as_, now):
    with pytest.raises(NotAllowed):
        save(ada, as_, now)
    with pytest.raises(NotAllowed):
        accounts.save_profile(by=ANONYMOUS, now=now, **PROFILE)


def show(user, as_, now, kind="nurse-licence", statement="State register, number 7"):
    with acting(as_(user)) as by:
        return accounts.submit_credential(kind=kind, statement=statement, by=by, now=now)


def decide(credential, by_user, as_, now, *, is_verified=True, note=""):
    with acting(as_(by_user)) as by:
        return accounts.decide_credential(
            credential_id=credential.id, is_verified=is_verified, note=note, by=by, now=now
        )


def test_a_credential_holds_once_staff_has_verified_it(carol, ada, as_, now):
    shown = show(carol, as_, now)
    with acting(as_(carol)):
        assert queries.verified_kinds(carol.id) == frozenset()
    decided = decide(shown, ada, as_, now)
    assert decided.decided_by == ada
    with acting(as_(carol)):
        assert queries.verified_kinds(carol.id) == {"nurse-licence"}
        assert Notice.objects.get().kind == "credential"


def test_a_refusal_says_why_and_can_be_followed_by_another_try(carol, ada, as_, now):
    shown = show(carol, as_, now)
    with pytest.raises(Invalid):
        decide(shown, ada, as_, now, is_verified=False)
    decide(shown, ada, as_, now, is_verified=False, note="The register has no such number.")
    again = show(carol, as_, now, statement="State register, number 8")
    assert again.id == shown.id
    assert (again.state, again.decided_by, again.decision_note) == ("submitted", None, "")


def test_a_verified_credential_is_not_shown_again(carol, ada, as_, now):
    decide(show(carol, as_, now), ada, as_, now)
    with pytest.raises(Conflict):
        show(carol, as_, now)


@pytest.mark.parametrize("who", ["carol", "dave", "alice"])
def test_only_staff_decides(who, request, carol, as_, now):
    shown = show(carol, as_, now)
    with pytest.raises(NotAllowed):
        decide(shown, request.getfixturevalue(who), as_, now)


def test_staff_never_decides_about_itself(carol, as_, now):
    shown = show(carol, as_, now)
    User.objects.filter(id=carol.id).update(is_staff=True)
    with pytest.raises(NotAllowed):
        decide(shown, User.objects.get(id=carol.id), as_, now)


@pytest.mark.parametrize("state", list(CredentialState))
@pytest.mark.parametrize("is_verified", [True, False])
def test_the_transition_table_holds(state, is_verified, carol, ada, as_, now):
    shown = show(carol, as_, now)
    if state != CredentialState.SUBMITTED:
        decide(shown, ada, as_, now, is_verified=state == CredentialState.VERIFIED, note="x")
    target = CredentialState.VERIFIED if is_verified else CredentialState.REFUSED
    if target in CREDENTIAL_TRANSITIONS[state]:
        assert decide(shown, ada, as_, now, is_verified=is_verified, note="x").state == target
    else:
        with pytest.raises(IllegalTransition):
            decide(shown, ada, as_, now, is_verified=is_verified, note="x")


def test_nobody_reads_the_credentials_of_another(carol, dave, as_, now):
    show(carol, as_, now)
    with acting(as_(dave)) as by:
        assert not Credential.objects.exists()
        assert not queries.own_credentials(by).exists()


def test_opening_a_persons_page_is_written_down(carol, ada, as_, now):
    with acting(as_(ada)) as by:
        assert accounts.look_up(user_id=carol.id, by=by, now=now) == carol
        event = AuditEvent.objects.get(type="person.viewed", aggregate_id=carol.id)
    assert event.actor_id == ada.id
    with acting(as_(carol)) as by, pytest.raises(NotAllowed):
        accounts.look_up(user_id=carol.id, by=by, now=now)


def test_notice_deactivation_and_reinstatement(carol, ada, as_, now):
    until = now + dt.timedelta(days=14)
    with acting(as_(ada)) as by:
        noticed = accounts.give_deactivation_notice(user_id=carol.id, until=until, by=by, now=now)
        assert (noticed.deactivation_notice_until, noticed.deactivated_at) == (until, None)
        closed = accounts.deactivate(user_id=carol.id, by=by, now=until)
        assert (closed.deactivation_notice_until, closed.deactivated_at) == (None, until)
        again = accounts.deactivate(user_id=carol.id, by=by, now=until + dt.timedelta(days=1))
        assert again.deactivated_at == until
        open_again = accounts.reinstate(user_id=carol.id, by=by, now=until)
    assert open_again.deactivated_at is None


def test_silence_reinstates_through_the_platform_alone(carol, ada, acme, as_, now):
    with acting(as_(ada)) as by:
        accounts.deactivate(user_id=carol.id, by=by, now=now)
    with acting(system(acme.id)) as by, pytest.raises(NotAllowed):
        accounts.reinstate(user_id=carol.id, by=by, now=now)
    with acting(system()) as by:
        assert accounts.reinstate(user_id=carol.id, by=by, now=now).deactivated_at is None


@pytest.mark.parametrize("who", ["carol", "alice"])
def test_only_staff_deactivates(who, request, carol, as_, now):
    with acting(as_(request.getfixturevalue(who))) as by, pytest.raises(NotAllowed):
        accounts.deactivate(user_id=carol.id, by=by, now=now)


def test_without_a_profile_there_is_nothing_to_deactivate(gus, ada, as_, now):
    with acting(as_(ada)) as by, pytest.raises(NotThere):
        accounts.deactivate(user_id=gus.id, by=by, now=now)


def test_a_name_is_changed_by_its_owner_and_stands_in_no_event(gus, ada, as_, now):
    with acting(as_(gus)) as by:
        accounts.rename(name="  Gustav  ", by=by, now=now)
        with pytest.raises(Invalid):
            accounts.rename(name="  ", by=by, now=now)
    assert User.objects.get(id=gus.id).name == "Gustav"
    with acting(as_(ada)):
        event = AuditEvent.objects.get(type="person.renamed")
    assert "Gustav" not in str(event.data)
    with pytest.raises(NotThere):
        accounts.rename(name="X", by=ANONYMOUS, now=now)
