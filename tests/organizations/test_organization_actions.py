"""What an organization lets happen to itself, and what it refuses."""

import datetime as dt

import pytest
from django.core import mail

from apps.audit.models import AuditEvent
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, NotThere
from apps.core.tenancy import acting, system
from apps.notices.models import Notice
from apps.organizations import actions as organizations
from apps.organizations import permissions, queries, tasks
from apps.organizations.enums import ROLE_PERMISSIONS, InvitationState, Permission, Role
from apps.organizations.models import Invitation, Membership, Organization
from tests.factories import accounts as people

FOUNDED = {"country": "US", "currency": "USD", "owners": "Alice Ltd"}


def membership(org, user):
    with acting(queries.actor_of(user)):
        return Membership.objects.get(org_id=org.id, user=user)


def test_who_founds_an_organization_owns_it(alice, as_, now):
    org = organizations.create(name="Acme Labs", by=as_(alice), now=now, **FOUNDED)
    assert org.slug == "acme-labs"
    assert as_(alice).roles == {org.id: Role.OWNER}


def test_the_same_name_gets_another_slug(alice, gus, as_, now):
    first = organizations.create(name="Acme", by=as_(alice), now=now, **FOUNDED)
    second = organizations.create(name="Acme", by=as_(gus), now=now, **FOUNDED)
    assert first.slug != second.slug
    assert second.slug.startswith("acme-")


@pytest.mark.parametrize("name", ["New", "Roles", "Invitations"])
def test_a_slug_never_hides_a_page(name, alice, as_, now):
    org = organizations.create(name=name, by=as_(alice), now=now, **FOUNDED)
    assert org.slug != name.lower()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "  "), ("country", "XX"), ("currency", "XXX"), ("owners", " ")],
)
def test_an_organization_says_who_it_is(field, value, alice, as_, now):
    sent = {"name": "Acme", **FOUNDED, field: value}
    with pytest.raises(Invalid) as refused:
        organizations.create(by=as_(alice), now=now, **sent)
    assert refused.value.field == field


def test_staff_founds_none(ada, as_, now):
    with pytest.raises(NotAllowed):
        organizations.create(name="Acme", by=as_(ada), now=now, **FOUNDED)


def test_the_last_owner_can_neither_leave_nor_step_down(acme, alice, as_, now):
    with acting(as_(alice)) as by:
        own = membership(acme, alice)
        with pytest.raises(Conflict):
            organizations.remove_member(membership_id=own.id, by=by, now=now)
        with pytest.raises(Conflict):
            organizations.set_role(membership_id=own.id, role=Role.VIEWER, by=by, now=now)
    assert as_(alice).roles == {acme.id: Role.OWNER}


def test_an_owner_leaves_when_there_is_another(acme, alice, mia, as_, now):
    with acting(as_(alice)) as by:
        other = membership(acme, mia)
        organizations.set_role(membership_id=other.id, role=Role.OWNER, by=by, now=now)
        organizations.remove_member(membership_id=membership(acme, alice).id, by=by, now=now)
    assert as_(alice).roles == {}
    assert as_(mia).roles == {acme.id: Role.OWNER}


def test_only_an_owner_makes_and_unmakes_owners(acme, alice, mia, rob, as_, now):
    with acting(as_(mia)) as by:
        with pytest.raises(NotAllowed):
            organizations.set_role(
                membership_id=membership(acme, rob).id, role=Role.OWNER, by=by, now=now
            )
        owner = membership(acme, alice)
        with pytest.raises(NotAllowed):
            organizations.set_role(membership_id=owner.id, role=Role.VIEWER, by=by, now=now)
        with pytest.raises(NotAllowed):
            organizations.remove_member(membership_id=owner.id, by=by, now=now)
        with pytest.raises(NotAllowed):
            organizations.invite(
                org_id=acme.id, email="x@example.org", role=Role.OWNER, by=by, now=now
            )


def test_a_role_is_one_of_the_five(acme, alice, mia, as_, now):
    with acting(as_(alice)) as by, pytest.raises(Invalid):
        organizations.set_role(
            membership_id=membership(acme, mia).id, role="emperor", by=by, now=now
        )


@pytest.mark.parametrize("who", ["rob", "fay", "vic"])
def test_who_does_not_manage_people_invites_nobody(who, request, acme, as_, now):
    by = as_(request.getfixturevalue(who))
    with acting(by), pytest.raises(NotAllowed):
        organizations.invite(
            org_id=acme.id, email="x@example.org", role=Role.VIEWER, by=by, now=now
        )


def test_anybody_may_leave(acme, vic, as_, now):
    by = as_(vic)
    with acting(by):
        organizations.remove_member(membership_id=membership(acme, vic).id, by=by, now=now)
    assert as_(vic).roles == {}


def test_a_member_of_another_organization_is_not_there(acme, alice, globex, gus, as_, now):
    theirs = membership(acme, alice)
    with acting(as_(gus)) as by:
        with pytest.raises(NotThere):
            organizations.set_role(membership_id=theirs.id, role=Role.VIEWER, by=by, now=now)
        with pytest.raises(NotThere):
            organizations.invite(
                org_id=acme.id, email="x@example.org", role=Role.VIEWER, by=by, now=now
            )


def invite(org, email, *, by, now, role=Role.REVIEWER):
    with acting(by):
        return organizations.invite(org_id=org.id, email=email, role=role, by=by, now=now)


def test_who_is_invited_and_has_an_account_gets_a_notice(acme, alice, carol, as_, now):
    sent = invite(acme, "CAROL@example.org", by=as_(alice), now=now)
    with acting(as_(carol)):
        notice = Notice.objects.get()
    assert str(sent.id) in notice.url
    assert "acme" in notice.title.lower()


def test_who_has_no_account_gets_an_email_from_the_task(acme, alice, as_, now):
    sent = invite(acme, "new@example.org", by=as_(alice), now=now)
    assert tasks.mail_invitation(id=str(sent.id), org_id=str(acme.id)) == 1
    assert mail.outbox[0].to == ["new@example.org"]
    assert f"/o/invitations/{sent.id}/" in mail.outbox[0].body


def test_the_task_mails_no_invitation_of_another_tenant(acme, globex, alice, as_, now):
    sent = invite(acme, "new@example.org", by=as_(alice), now=now)
    assert tasks.mail_invitation(id=str(sent.id), org_id=str(globex.id)) == 0
    assert mail.outbox == []


def test_the_owner_of_the_address_joins(acme, alice, carol, as_, now):
    sent = invite(acme, "carol@example.org", by=as_(alice), now=now)
    with acting(as_(carol)) as by:
        organizations.accept_invitation(invitation_id=sent.id, by=by, now=now)
    assert as_(carol).roles == {acme.id: Role.REVIEWER}
    with acting(as_(alice)):
        assert Invitation.objects.get(id=sent.id).state == InvitationState.ACCEPTED
        assert Notice.objects.filter(user=alice, kind="invitation").exists()


def test_for_anybody_else_there_is_no_such_invitation(acme, alice, carol, dave, as_, now):
    sent = invite(acme, "carol@example.org", by=as_(alice), now=now)
    for other in (dave, alice):
        with acting(as_(other)) as by, pytest.raises(NotThere):
            organizations.accept_invitation(invitation_id=sent.id, by=by, now=now)
    assert as_(dave).roles == {}


def test_an_invitation_is_taken_once(acme, alice, carol, as_, now):
    sent = invite(acme, "carol@example.org", by=as_(alice), now=now)
    with acting(as_(carol)) as by:
        organizations.accept_invitation(invitation_id=sent.id, by=by, now=now)
    with acting(as_(carol)) as by, pytest.raises(IllegalTransition):
        organizations.accept_invitation(invitation_id=sent.id, by=by, now=now)


def test_a_withdrawn_invitation_is_worth_nothing(acme, alice, carol, as_, now):
    sent = invite(acme, "carol@example.org", by=as_(alice), now=now)
    with acting(as_(alice)) as by:
        organizations.withdraw_invitation(invitation_id=sent.id, by=by, now=now)
    with acting(as_(carol)) as by, pytest.raises(IllegalTransition):
        organizations.accept_invitation(invitation_id=sent.id, by=by, now=now)
    assert as_(carol).roles == {}


def test_one_open_invitation_for_an_address_and_none_for_members(acme, alice, mia, as_, now):
    invite(acme, "new@example.org", by=as_(alice), now=now)
    with pytest.raises(Conflict) as twice:
        invite(acme, "New@example.org", by=as_(alice), now=now)
    assert twice.value.field == "email"
    with pytest.raises(Conflict):
        invite(acme, mia.email, by=as_(alice), now=now)


def test_who_invites_is_read_by_who_is_invited_alone(acme, alice, carol, dave, as_, now):
    sent = invite(acme, "carol@example.org", by=as_(alice), now=now)
    with acting(as_(carol)) as by:
        (shown,) = queries.open_invitations_to(by)
        assert shown.id == sent.id
        assert shown.org.name == acme.name
        assert not Organization.objects.filter(id=acme.id).exists()
    with acting(as_(dave)) as by:
        assert queries.open_invitations_to(by) == []


def test_changing_the_organization_is_the_owners(acme, alice, mia, as_, now):
    sent = {"name": "Acme II", "country": "DE", "owners": "Bob"}
    with acting(as_(mia)) as by, pytest.raises(NotAllowed):
        organizations.change(org_id=acme.id, by=by, now=now, **sent)
    with acting(as_(alice)) as by:
        changed = organizations.change(org_id=acme.id, by=by, now=now, **sent)
    assert (changed.name, changed.owners) == ("Acme II", "Bob")


def test_every_change_leaves_evidence_without_names(acme, alice, as_, now):
    invite(acme, "new@example.org", by=as_(alice), now=now + dt.timedelta(minutes=1))
    with acting(as_(alice)):
        event = AuditEvent.objects.filter(type="invitation.sent").get()
    assert event.aggregate_id == acme.id
    assert "new@example.org" not in str(event.data)


# The table of decisions.md, written out a second time.
ALLOWED = {
    Role.OWNER: set(Permission),
    Role.MANAGER: {
        Permission.VIEW,
        Permission.MANAGE_PROJECTS,
        Permission.MANAGE_PEOPLE,
        Permission.DECIDE_VERDICTS,
        Permission.SEE_ANSWERS,
        Permission.SEE_MONEY,
        Permission.RELEASE,
    },
    Role.REVIEWER: {Permission.VIEW, Permission.DECIDE_VERDICTS, Permission.SEE_ANSWERS},
    Role.FINANCE: {Permission.VIEW, Permission.MOVE_MONEY, Permission.SEE_MONEY},
    Role.VIEWER: {Permission.VIEW},
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_the_role_table(role, permission, acme, gus, as_):
    actor = as_(gus).with_role(acme.id, role)
    assert permissions.can(actor, permission, org_id=acme.id) == (permission in ALLOWED[role])


def test_only_owner_and_finance_move_money():
    assert {role for role, held in ROLE_PERMISSIONS.items() if Permission.MOVE_MONEY in held} == {
        Role.OWNER,
        Role.FINANCE,
    }


def test_the_system_has_the_organization_it_acts_for_and_no_other(acme, globex):
    assert permissions.can(system(acme.id), Permission.VIEW, org_id=acme.id)
    assert not permissions.can(system(acme.id), Permission.VIEW, org_id=globex.id)


def test_two_owners_cannot_leave_at_once(transactional_db, together, now):
    alice, bob = people.user("alice"), people.user("bob")
    org = organizations.create(name="Acme", by=queries.actor_of(alice), now=now, **FOUNDED)
    with acting(queries.actor_of(alice)):
        Membership.objects.create(org=org, user=bob, role=Role.OWNER, since=now)

    def leave(user):
        by = queries.actor_of(user)
        with acting(by):
            own = Membership.objects.get(org=org, user=user)
            organizations.remove_member(membership_id=own.id, by=by, now=now)

    outcomes = together(lambda: leave(alice), lambda: leave(bob))
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [Conflict]
    with acting(system(org.id)):
        assert Membership.objects.filter(org=org, role=Role.OWNER).count() == 1
