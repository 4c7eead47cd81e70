"""What people and staff change about people. See `cases` for the due process of deactivation."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from apps.accounts.enums import (
    CREDENTIAL_TRANSITIONS,
    AgeBand,
    CredentialState,
    Gender,
    WorldRegion,
)
from apps.accounts.models import (
    ContributorProfile,
    Credential,
    Description,
    TermsAcceptance,
    TermsVersion,
    User,
)
from apps.accounts.permissions import (
    check_not_oneself,
    check_person,
    check_staff,
    check_staff_or_platform,
)
from apps.accounts.queries import announced, staff_ids, terms_in_force
from apps.accounts.rules import sha256_of
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotThere
from apps.core.regions import COUNTRIES, LANGUAGES
from apps.core.tenancy import Actor
from apps.core.zones import zones
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices


@transaction.atomic
def save_profile(
    *, region: str, languages: Sequence[str], is_adult: bool, by: Actor, now: dt.datetime
) -> ContributorProfile:
    """Make or change the own profile. That the person is 18 is confirmed once; no date is kept."""
    user_id = check_person(by)
    if region not in COUNTRIES:
        raise Invalid("Choose the country in which you work.", field="region")
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages:
        raise Invalid("Choose at least one language of the list.", field="languages")
    profile = (
        ContributorProfile.objects.select_for_update(of=("self",), no_key=True)
        .filter(user_id=user_id)
        .first()
    )
    if profile is None:
        if not is_adult:
            raise Invalid("Contributors must confirm that they are 18 or older.", field="is_adult")
        profile = ContributorProfile(user_id=user_id, adult_confirmed_at=now)
    profile.region = region
    profile.languages = sorted(set(languages))
    profile.save()
    data = {"region": region, "languages": profile.languages}
    audit.record(Event("profile.saved", ("person", user_id), data=data), by=by, now=now)
    return profile


@transaction.atomic
def describe(
    *,
    age_band: str,
    world_region: str,
    first_language: str,
    gender: str,
    by: Actor,
    now: dt.datetime,
) -> Description | None:
    """Say something of oneself, or nothing: empty is not said, and all empty takes it away.

    That it was changed is written down, and not what it says: evidence outlives a removal.
    """
    user_id = check_person(by)
    said = {
        "age_band": (age_band, AgeBand.values),
        "world_region": (world_region, WorldRegion.values),
        "first_language": (first_language, LANGUAGES),
        "gender": (gender, Gender.values),
    }
    for name, (value, allowed) in said.items():
        if value and value not in allowed:
            raise Invalid("Choose one of the list, or nothing.", field=name)
    if not any(value for value, _ in said.values()):
        withdraw_description(by=by, now=now)
        return None
    _hold(user_id)
    values = {name: value for name, (value, _) in said.items()}
    made, _ = Description.objects.update_or_create(
        user_id=user_id, defaults=values | {"saved_at": now}
    )
    audit.record(Event("description.saved", ("person", user_id)), by=by, now=now)
    return made


@transaction.atomic
def withdraw_description(*, by: Actor, now: dt.datetime) -> None:
    """Take back what one has said of oneself; later files are written without it."""
    user_id = check_person(by)
    _hold(user_id)
    count, _ = Description.objects.filter(user_id=user_id).delete()
    if count:
        audit.record(Event("description.removed", ("person", user_id)), by=by, now=now)


def _hold(user_id: uuid.UUID) -> None:
    """Their row is what their chain of evidence hangs on, and keeps a second click waiting."""
    User.objects.select_for_update(of=("self",), no_key=True).get(id=user_id)


@transaction.atomic
def rename(*, name: str, by: Actor, now: dt.datetime) -> User:
    """Change the own name. It stands in no event: names leave when a person leaves."""
    locked = User.objects.select_for_update(of=("self",), no_key=True)
    user = locked.filter(id=by.user_id).first() if by.user_id else None
    if user is None:
        raise NotThere("Sign in to change your name.")
    if not name.strip():
        raise Invalid("A name has at least one letter.", field="name")
    user.name = name.strip()
    user.save(update_fields=["name"])
    audit.record(Event("person.renamed", ("person", user.id)), by=by, now=now)
    return user


@transaction.atomic
def choose_zone(*, name: str, by: Actor, now: dt.datetime) -> User:
    """The zone in which pages and e-mails show times; empty: the one that the browser tells."""
    user = User.objects.select_for_update(of=("self",), no_key=True).get(id=by.person_id)
    if name and name not in zones():
        raise Invalid("Choose a time zone of the list.", field="time_zone")
    user.is_zone_chosen = bool(name)
    user.time_zone = name or user.time_zone
    user.save(update_fields=["time_zone", "is_zone_chosen"])
    data = {"chosen": user.is_zone_chosen}
    audit.record(Event("person.zone_chosen", ("person", user.id), data=data), by=by, now=now)
    return user


def take_zone(*, name: str, by: Actor) -> None:
    """What the browser says of its zone, unless the person chose one. No decision, no evidence."""
    if name in zones():
        User.objects.filter(id=by.person_id, is_zone_chosen=False).update(time_zone=name)


@transaction.atomic
def submit_credential(*, kind: str, statement: str, by: Actor, now: dt.datetime) -> Credential:
    """Show a licence or the like; staff verifies it before it can open a qualification."""
    user_id = check_person(by)
    if not kind or not statement.strip():
        raise Invalid("Say which credential it is and how it can be checked.", field="statement")
    found = (
        Credential.objects.select_for_update(of=("self",), no_key=True)
        .filter(user_id=user_id, kind=kind)
        .first()
    )
    if found is None:
        found = Credential(user_id=user_id, kind=kind)
    elif CredentialState.SUBMITTED not in CREDENTIAL_TRANSITIONS[found.state]:
        raise Conflict("You already showed this credential.", field="kind")
    found.state = CredentialState.SUBMITTED
    found.statement = statement.strip()
    found.created_at = now
    found.decided_at = found.decided_by = None
    found.decision_note = ""
    found.save()
    _record("credential.submitted", found, by=by, now=now)
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_CREDENTIAL,
        title="A credential waits to be checked",
        url=reverse("people:decide-credential", args=[found.id]),
        now=now,
    )
    return found


@transaction.atomic
def decide_credential(
    *, credential_id: uuid.UUID, is_verified: bool, note: str, by: Actor, now: dt.datetime
) -> Credential:
    """A named administrator verifies or refuses; a refusal says why."""
    check_staff(by)
    found = (
        Credential.objects.select_for_update(of=("self",), no_key=True)
        .filter(id=credential_id)
        .first()
    )
    if found is None:
        raise NotThere("There is no such credential.")
    check_not_oneself(by, found.user_id)
    state = CredentialState.VERIFIED if is_verified else CredentialState.REFUSED
    if state not in CREDENTIAL_TRANSITIONS[found.state]:
        raise IllegalTransition("This credential was already decided.")
    if not is_verified and not note.strip():
        raise Invalid("Say why the credential is refused; the person reads it.", field="note")
    found.state = state
    found.decided_at = now
    found.decided_by_id = by.user_id
    found.decision_note = note.strip()
    found.save()
    _record(f"credential.{state}", found, by=by, now=now)
    notices.tell(
        [found.user_id],
        kind=Notices.CREDENTIAL,
        title=f"Your credential “{found.kind}” was {state}",
        body=found.decision_note,
        url=reverse("people:credentials"),
        now=now,
    )
    return found


def _record(event: str, credential: Credential, *, by: Actor, now: dt.datetime) -> None:
    data = {"credential": str(credential.id), "kind": credential.kind}
    audit.record(Event(event, ("person", credential.user_id), data=data), by=by, now=now)


@transaction.atomic
def look_up(*, user_id: uuid.UUID, by: Actor, now: dt.datetime) -> User:
    """Staff opens a person's page; that they did is written down."""
    check_staff(by)
    person = User.objects.filter(id=user_id).first()
    if person is None:
        raise NotThere("There is no such person.")
    audit.record(Event("person.viewed", ("person", user_id)), by=by, now=now)
    return person


@transaction.atomic
def give_deactivation_notice(
    *, user_id: uuid.UUID, until: dt.datetime, by: Actor, now: dt.datetime
) -> ContributorProfile:
    """Deactivation is announced: until then nothing changes for the person."""
    check_staff(by)
    profile = _profile_of(user_id)
    if until < now:
        raise Invalid("A notice ends in the future.", field="until")
    profile.deactivation_notice_until = until
    profile.save(update_fields=["deactivation_notice_until"])
    data = {"until": until.isoformat()}
    audit.record(Event("person.noticed", ("person", user_id), data=data), by=by, now=now)
    return profile


@transaction.atomic
def deactivate(*, user_id: uuid.UUID, by: Actor, now: dt.datetime) -> ContributorProfile:
    """Stop new claims. What was earned stays payable, and signing in goes on."""
    check_staff(by)
    check_not_oneself(by, user_id)
    profile = _profile_of(user_id)
    if profile.deactivated_at is None:
        profile.deactivated_at = now
        profile.deactivation_notice_until = None
        profile.save(update_fields=["deactivated_at", "deactivation_notice_until"])
        audit.record(Event("person.deactivated", ("person", user_id)), by=by, now=now)
    return profile


@transaction.atomic
def reinstate(*, user_id: uuid.UUID, by: Actor, now: dt.datetime) -> ContributorProfile:
    """End a deactivation or its notice, by decision or because a deadline passed in silence."""
    check_staff_or_platform(by)
    profile = _profile_of(user_id)
    profile.deactivated_at = None
    profile.deactivation_notice_until = None
    profile.save(update_fields=["deactivated_at", "deactivation_notice_until"])
    audit.record(Event("person.reinstated", ("person", user_id)), by=by, now=now)
    return profile


@transaction.atomic
def accept_terms(*, number: int, by: Actor, now: dt.datetime) -> TermsAcceptance:
    """Accept the version in force; again is the same row. Conflict when another has come since."""
    user_id = check_person(by)
    current = terms_in_force(now)
    if current is None or current.number != number:
        raise Conflict("Another version of the terms is in force now; please read that one.")
    _hold(user_id)
    found = TermsAcceptance.objects.filter(user_id=user_id, version=current).first()
    if found is not None:
        return found
    made = TermsAcceptance.objects.create(user_id=user_id, version=current, accepted_at=now)
    data = {"version": current.number, "hash": current.body_hash}
    audit.record(Event("terms.accepted", ("person", user_id), data=data), by=by, now=now)
    return made


@transaction.atomic
def publish_terms(
    *, body: str, summary: str, effective_at: dt.datetime, by: Actor, now: dt.datetime
) -> TermsVersion:
    """The next version; everybody who can accept it is told now, and it counts from its date."""
    check_staff(by)
    days = settings.WAGEFILE["terms_notice_days"]
    if effective_at < now + dt.timedelta(days=days):
        sentence = f"A new version takes effect at least {days} days after it is announced."
        raise Invalid(sentence, field="effective_at")
    # Two administrators at once: the second waits here and gets the number after the first's.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('terms.publish', 0))")
    last = TermsVersion.objects.order_by("-number").first()
    body = body.replace("\r\n", "\n").strip() + "\n"
    if last is not None and last.body_hash == sha256_of(body):
        raise Invalid("This is the text of the version before it.", field="body")
    if last is not None and last.effective_at >= effective_at:
        raise Invalid(f"Version {last.number} takes effect later than this.", field="effective_at")
    made = TermsVersion.objects.create(
        number=last.number + 1 if last else 1,
        body=body,
        body_hash=sha256_of(body),
        summary=summary.strip(),
        published_at=now,
        effective_at=effective_at,
        published_by_id=by.user_id,
    )
    announced.cache_clear()
    data = {"version": made.number, "hash": made.body_hash, "effective": effective_at.isoformat()}
    audit.record(Event("terms.published", ("terms", made.id), data=data), by=by, now=now)
    people = User.objects.filter(is_active=True, is_staff=False, is_simulated=False)
    notices.tell(
        people.values_list("id", flat=True),
        kind=Notices.TERMS,
        title=f"New terms take effect on {effective_at:%-d %B %Y}",
        body=made.summary,
        url=reverse("terms:versions"),
        now=now,
    )
    return made


def _profile_of(user_id: uuid.UUID) -> ContributorProfile:
    profile = (
        ContributorProfile.objects.select_for_update(of=("self",), no_key=True)
        .filter(user_id=user_id)
        .first()
    )
    if profile is None:
        raise NotThere("This person has no contributor profile.")
    return profile
