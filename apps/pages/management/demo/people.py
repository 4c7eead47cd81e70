"""The people of the demo, each with a password, and the organization that five of them form."""

import datetime as dt
import json
import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps.accounts import actions as accounts
from apps.accounts.models import User
from apps.core.tenancy import acting
from apps.organizations import actions as organizations
from apps.organizations.enums import InvitationState, Role
from apps.organizations.models import Invitation, Membership, Organization
from apps.organizations.queries import actor_of
from apps.pages.management import staging
from apps.pages.management.demo import texts
from apps.pages.management.demo.crowd import CROWD, HISTORY
from apps.pages.management.demo.stage import Stage

PASSWORD = "demo-wagefile"  # noqa: S105 -- of people who exist on this machine's demo only


@dataclass(frozen=True, slots=True)
class SignIn:
    key: str
    role: str
    email: str
    name: str
    is_staff: bool = False
    is_simulated: bool = False


SIGN_INS = (
    SignIn("owner", "buyer (owner)", "owner@brightline.example", "Maren Holt"),
    SignIn("manager", "buyer (manager)", "manager@brightline.example", "Piotr Vance"),
    SignIn("reviewer", "buyer (reviewer)", "reviewer@brightline.example", "Clio Quill"),
    SignIn("finance", "buyer (finance)", "finance@brightline.example", "Joss Amado"),
    SignIn("viewer", "buyer (viewer)", "viewer@brightline.example", "Lena Marsh"),
    SignIn("contributor", "contributor (new)", "sam@people.example", "Sam Rivers"),
    SignIn(
        HISTORY.key, "contributor (with history)", HISTORY.email, HISTORY.name, is_simulated=True
    ),
    SignIn("administrator", "administrator", "admin@wagefile.example", "Noor Haddow", True),
    SignIn("second", "administrator (second)", "admin2@wagefile.example", "Viktor Lane", True),
)
MEMBERS = ("manager", "reviewer", "finance", "viewer")


def gather(*, now: dt.datetime) -> Stage:
    """Everybody who can sign in, and the organization with its five roles."""
    people = {
        row.key: staging.sign_in(
            row.email,
            row.name,
            password=PASSWORD,
            is_staff=row.is_staff,
            is_simulated=row.is_simulated,
        )
        for row in SIGN_INS
    }
    org = _organization(people["owner"], now=now)
    for role in MEMBERS:
        _join(org, people["owner"], people[role], role, now=now)
    stage = Stage(people=people, org=org)
    _profile(people["contributor"], now=now)
    return stage


def invite_crowd(stage: Stage, *, now: dt.datetime) -> None:
    """The simulated contributors; two of them and the new one are known to the stand-in."""
    stage.crowd = staging.contributors(
        [(member.email, member.name) for member in CROWD],
        staff=stage.people["administrator"],
        now=now,
    )
    verified = [stage.people["contributor"].id, stage.people[HISTORY.key].id]
    staging.verify(verified, now=now)


def _organization(owner: User, *, now: dt.datetime) -> Organization:
    with acting(actor_of(owner)) as actor:
        found = Organization.objects.visible_to(actor).filter(name=texts.BUYER).first()
        return found or organizations.create(
            name=texts.BUYER, country="US", currency="USD", owners=texts.OWNERS, by=actor, now=now
        )


def _join(org: Organization, owner: User, user: User, role: str, *, now: dt.datetime) -> None:
    with acting(actor_of(owner)) as actor:
        if Membership.objects.filter(org=org, user=user).exists():
            return
        waiting = Invitation.objects.filter(org=org, email=user.email, state=InvitationState.OPEN)
        invitation = waiting.first() or organizations.invite(
            org_id=org.id, email=user.email, role=Role(role), by=actor, now=now
        )
    with acting(actor_of(user)) as actor:
        organizations.accept_invitation(invitation_id=invitation.id, by=actor, now=now)


def _profile(user: User, *, now: dt.datetime) -> None:
    with acting(actor_of(user)) as actor:
        if not hasattr(user, "profile"):
            accounts.save_profile(region="US", languages=["en"], is_adult=True, by=actor, now=now)


def write_sign_ins() -> Path:
    """Where `make demo` reads what it prints; only its owner can read it."""
    path = Path(os.environ.get("WAGEFILE_VAR") or settings.DATA_DIR) / "sign-ins.json"
    rows = [{"role": row.role, "email": row.email, "password": PASSWORD} for row in SIGN_INS]
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(rows, indent=2) + "\n")
    fresh.replace(path)
    return path
