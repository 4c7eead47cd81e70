"""Every change of an organization: who it is, who belongs to it, in which role."""

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from apps.accounts.models import User
from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.money import SIGNS
from apps.core.regions import COUNTRIES
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor, acting
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations import permissions, queries
from apps.organizations.enums import INVITATION_TRANSITIONS, InvitationState, Permission, Role
from apps.organizations.models import BillingDetails, Invitation, Membership, Organization


@transaction.atomic
def create(
    *, name: str, country: str, currency: str, owners: str, by: Actor, now: dt.datetime
) -> Organization:
    """Found an organization; who founds it becomes its owner. Who owns it stands on every offer."""
    if by.kind != "person" or by.user_id is None:
        raise NotAllowed("Only a signed-in person can found an organization.")
    _check_identity(name=name, country=country, owners=owners)
    if currency not in SIGNS:
        raise Invalid("Choose one of the currencies of the list.", field="currency")
    org = Organization(
        name=name.strip(),
        country=country,
        currency=currency,
        owners=owners.strip(),
        created_at=now,
        created_by_id=by.user_id,
    )
    with acting(by.with_role(org.id, Role.OWNER)):
        _save_with_free_slug(org)
        Membership.objects.create(org=org, user_id=by.user_id, role=Role.OWNER, since=now)
        _record("organization.created", org.id, by=by, now=now, currency=currency)
    return org


def _check_identity(*, name: str, country: str, owners: str) -> None:
    if not name.strip():
        raise Invalid("An organization has a name.", field="name")
    if country not in COUNTRIES:
        raise Invalid("Choose the country in which it is registered.", field="country")
    if not owners.strip():
        raise Invalid("Say who owns and controls it; contributors read this.", field="owners")


def _save_with_free_slug(org: Organization) -> None:
    """Slugs are unique over all tenants, whose rows cannot be asked: try, then add letters."""
    base = slugify(org.name)[:50] or "organization"
    # Pages of their own under /o/ are no names of organizations.
    org.slug = base if base not in {"new", "roles", "invitations"} else f"{base}-1"
    for _ in range(5):
        try:
            with transaction.atomic():
                org.save(force_insert=True)
        except IntegrityError:
            org.slug = f"{base}-{get_random_string(5, 'abcdefghjkmnpqrstuvwxyz23456789')}"
        else:
            return
    raise Conflict("This name is taken very often; choose a longer one.", field="name")


@transaction.atomic
def freeze(*, org_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """Its money stays where it is until `thaw`; whether that is new.

    Commit it before the projects are paused: whoever publishes at the same moment holds the row.
    """
    return _set_frozen(org_id, now, "organization.frozen", by=by, now=now)


@transaction.atomic
def thaw(*, org_id: uuid.UUID, by: Actor, now: dt.datetime) -> bool:
    """The opposite of `freeze`; whether it was frozen."""
    return _set_frozen(org_id, None, "organization.thawed", by=by, now=now)


def _set_frozen(
    org_id: uuid.UUID, at: dt.datetime | None, event: str, *, by: Actor, now: dt.datetime
) -> bool:
    if not by.is_system:
        raise NotAllowed("Only the marketplace itself does this.")
    org = Organization.objects.visible_to(by).filter(id=org_id, frozen_at__isnull=at is not None)
    if not org.update(frozen_at=at):
        return False
    _record(event, org_id, by=by, now=now)
    return True


@transaction.atomic
def change(
    *, org_id: uuid.UUID, name: str, country: str, owners: str, by: Actor, now: dt.datetime
) -> Organization:
    """Change what offers published from now on say about the organization."""
    org = _locked(org_id)
    permissions.check(by, Permission.MANAGE_ORGANIZATION, org_id=org_id)
    _check_identity(name=name, country=country, owners=owners)
    org.name = name.strip()
    org.country = country
    org.owners = owners.strip()
    org.save(update_fields=["name", "country", "owners"])
    _record("organization.changed", org_id, by=by, now=now)
    return org


@transaction.atomic
def set_billing(
    *,
    org_id: uuid.UUID,
    legal_name: str,
    address: str,
    vat_number: str,
    po_number: str,
    cost_centre: str,
    by: Actor,
    now: dt.datetime,
) -> BillingDetails:
    """What stands on invoices issued from now on; issued ones keep what they say."""
    org = _locked(org_id)
    permissions.check(by, Permission.MOVE_MONEY, org_id=org_id)
    details, _ = BillingDetails.objects.update_or_create(
        org=org,
        defaults={
            "legal_name": legal_name.strip(),
            "address": address.strip(),
            "vat_number": vat_number,
            "po_number": po_number.strip(),
            "cost_centre": cost_centre.strip(),
        },
    )
    _record("organization.billing_changed", org_id, by=by, now=now)
    return details


@transaction.atomic
def invite(*, org_id: uuid.UUID, email: str, role: str, by: Actor, now: dt.datetime) -> Invitation:
    """Offer a role to an address. A person with an account gets a notice, others an e-mail."""
    org = _locked(org_id)
    permissions.check(by, Permission.MANAGE_PEOPLE, org_id=org_id)
    _check_may_give(by, role, org_id=org_id)
    address = email.strip().lower()
    if Membership.objects.filter(org_id=org_id, user__email=address).exists():
        raise Conflict("This person is already a member.", field="email")
    try:
        with transaction.atomic():
            invitation = Invitation.objects.create(
                org=org, email=address, role=role, created_at=now, created_by_id=by.person_id
            )
    except IntegrityError as error:
        sentence = "There is an open invitation for this address; withdraw it to send another."
        raise Conflict(sentence, field="email") from error
    _record("invitation.sent", org_id, by=by, now=now, invitation=invitation.id, role=role)
    known = User.objects.filter(email=address, is_active=True).values_list("id", flat=True)
    if known:
        notices.tell(
            known,
            kind=Notices.INVITATION,
            title=f"{org.name} invites you as {role}",
            body="Open the invitation to see what the role may do, and to accept it.",
            url=reverse("organizations:invitation", args=[invitation.id]),
            now=now,
        )
    else:
        enqueue("organizations.mail_invitation", id=invitation.id, org_id=org_id)
    return invitation


@transaction.atomic
def accept_invitation(*, invitation_id: uuid.UUID, by: Actor, now: dt.datetime) -> Membership:
    """Only the person who owns the address may accept; PostgreSQL shows the row to nobody else."""
    if by.kind != "person":
        raise NotAllowed("Administrators of the platform belong to no organization.")
    found = queries.invitation_to(by, invitation_id)
    if found is None:
        raise NotThere("There is no such invitation for your address.")
    with acting(by.with_role(found.org_id, found.role)):
        _locked(found.org_id)
        invitation = Invitation.objects.select_for_update(of=("self",), no_key=True).get(
            id=invitation_id
        )
        _move(invitation, InvitationState.ACCEPTED, now=now)
        if Membership.objects.filter(org_id=invitation.org_id, user_id=by.person_id).exists():
            raise Conflict("You are already a member of this organization.")
        membership = Membership.objects.create(
            org_id=invitation.org_id, user_id=by.person_id, role=invitation.role, since=now
        )
        data = {"invitation": invitation.id, "role": invitation.role}
        _record("invitation.accepted", invitation.org_id, by=by, now=now, **data)
    notices.tell(
        [invitation.created_by_id],
        kind=Notices.INVITATION,
        title="Your invitation was accepted",
        body=f"{invitation.email} joined as {invitation.role}.",
        url=reverse("organizations:list"),
        now=now,
    )
    return membership


@transaction.atomic
def withdraw_invitation(*, invitation_id: uuid.UUID, by: Actor, now: dt.datetime) -> Invitation:
    rows = Invitation.objects.visible_to(by).select_for_update(of=("self",), no_key=True)
    invitation = rows.filter(id=invitation_id).first()
    if invitation is None:
        raise NotThere("There is no such invitation.")
    permissions.check(by, Permission.MANAGE_PEOPLE, org_id=invitation.org_id)
    _move(invitation, InvitationState.WITHDRAWN, now=now)
    _record("invitation.withdrawn", invitation.org_id, by=by, now=now, invitation=invitation.id)
    return invitation


def _move(invitation: Invitation, state: InvitationState, *, now: dt.datetime) -> None:
    if state not in INVITATION_TRANSITIONS[invitation.state]:
        raise IllegalTransition(f"This invitation is already {invitation.state}.")
    invitation.state = state
    invitation.decided_at = now
    invitation.save(update_fields=["state", "decided_at"])


@transaction.atomic
def set_role(*, membership_id: uuid.UUID, role: str, by: Actor, now: dt.datetime) -> Membership:
    """Give a member another role. Only an owner makes or unmakes owners; one always stays."""
    membership = _locked_membership(membership_id, by=by)
    permissions.check(by, Permission.MANAGE_PEOPLE, org_id=membership.org_id)
    _check_may_give(by, role, org_id=membership.org_id)
    _check_may_give(by, membership.role, org_id=membership.org_id)
    if membership.role == role:
        return membership
    if membership.role == Role.OWNER:
        _check_another_owner(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    data = {"user": membership.user_id, "before": before, "role": role}
    _record("membership.role_set", membership.org_id, by=by, now=now, **data)
    notices.tell(
        [membership.user_id],
        kind=Notices.MEMBERSHIP,
        title=f"Your role is now {role}",
        body=f"It was {before}.",
        url=reverse("organizations:list"),
        now=now,
    )
    return membership


@transaction.atomic
def remove_member(*, membership_id: uuid.UUID, by: Actor, now: dt.datetime) -> None:
    """Take a member out, or leave oneself. The last owner stays until somebody else is one."""
    membership = _locked_membership(membership_id, by=by)
    is_leaving = membership.user_id == by.user_id
    if not is_leaving:
        permissions.check(by, Permission.MANAGE_PEOPLE, org_id=membership.org_id)
        _check_may_give(by, membership.role, org_id=membership.org_id)
    if membership.role == Role.OWNER:
        _check_another_owner(membership)
    org_id, user_id = membership.org_id, membership.user_id
    membership.delete()
    event = "membership.left" if is_leaving else "membership.removed"
    _record(event, org_id, by=by, now=now, user=user_id)
    if not is_leaving:
        notices.tell(
            [user_id],
            kind=Notices.MEMBERSHIP,
            title="You are no longer a member of an organization",
            body="Somebody who may manage its people took you out of it.",
            url=reverse("organizations:list"),
            now=now,
        )


def _check_may_give(by: Actor, role: str, *, org_id: uuid.UUID) -> None:
    if role not in Role.values:
        raise Invalid("Choose one of the five roles.", field="role")
    if role == Role.OWNER and by.roles.get(org_id) != Role.OWNER:
        raise NotAllowed("Only an owner decides who is an owner.", field="role")


def _check_another_owner(membership: Membership) -> None:
    """Under the organization's lock, so that two owners cannot leave at once."""
    others = Membership.objects.filter(org_id=membership.org_id, role=Role.OWNER)
    if not others.exclude(id=membership.id).exists():
        raise Conflict("An organization keeps at least one owner; make somebody else owner first.")


def _locked(org_id: uuid.UUID) -> Organization:
    org = (
        Organization.objects.select_for_update(of=("self",), no_key=True).filter(id=org_id).first()
    )
    if org is None:
        raise NotThere("There is no such organization.")
    return org


def _locked_membership(membership_id: uuid.UUID, *, by: Actor) -> Membership:
    """The organization is locked first: it is the aggregate."""
    rows = Membership.objects.visible_to(by)
    found = rows.filter(id=membership_id).first()
    if found is None:
        raise NotThere("There is no such member.")
    _locked(found.org_id)
    locked = rows.select_for_update(of=("self",), no_key=True).filter(id=membership_id).first()
    if locked is None:
        raise NotThere("There is no such member.")
    return locked


def _record(event: str, org_id: uuid.UUID, *, by: Actor, now: dt.datetime, **data: object) -> None:
    kept = {key: str(value) for key, value in data.items()}
    audit.record(Event(event, ("organization", org_id), org_id, kept), by=by, now=now)
