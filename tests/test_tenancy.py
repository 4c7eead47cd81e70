"""The second wall: with every Python filter removed, PostgreSQL still shows nothing foreign.

Each query here is `Model._base_manager`, without `visible_to`. Every model of ours stands in
WALLS; a new model fails until somebody has said which side its rows belong to.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import F
from django.db.utils import DatabaseError
from django.http import HttpResponse
from django.test import RequestFactory
from psycopg import errors

from apps.audit import actions as audit
from apps.audit.models import AuditEvent
from apps.cases.models import Case
from apps.core.tasks import tenant_task
from apps.core.tenancy import acting, system
from apps.organizations.middleware import ActorMiddleware
from tests.factories.rows import Side, own_models

pytestmark = pytest.mark.django_db

TENANT = "rows of an organization"
BOTH = "rows of an organization and of a contributor"
PERSON = "rows of one person"
PLATFORM = "rows of the marketplace: staff reads, tasks without an organization write"
OPEN = "no wall, for the reason beside it"


@dataclass(frozen=True)
class Wall:
    side: str
    # Why anybody may insert a row, or why there is no wall at all.
    reason: str = ""


WALLS = {
    "accounts.ContributorProfile": Wall(PERSON),
    "accounts.Credential": Wall(PERSON),
    "accounts.Description": Wall(PERSON),
    "accounts.Session": Wall(OPEN, "read to find out who somebody is; its key is the secret"),
    "accounts.TermsAcceptance": Wall(PERSON),
    "accounts.TermsVersion": Wall(OPEN, "published to everybody; only staff adds one"),
    "accounts.User": Wall(OPEN, "signing in looks an address up before anybody is known"),
    "audit.AuditEvent": Wall(TENANT),
    "audit.ChainSeal": Wall(OPEN, "hashes only"),
    "cases.Case": Wall(BOTH),
    "cases.Letter": Wall(PERSON),
    "cases.Ticket": Wall(PERSON),
    "core.ClockMove": Wall(OPEN, "the demo's clock; counts of what happened, no rows of anybody"),
    "core.ClockOffset": Wall(OPEN, "the demo's clock"),
    "exports.Invoice": Wall(TENANT),
    "exports.InvoiceLine": Wall(TENANT),
    "exports.ProjectBilling": Wall(TENANT),
    "exports.Release": Wall(TENANT),
    "exports.ReleaseKey": Wall(TENANT),
    "exports.Statement": Wall(PERSON),
    "exports.StatementChoice": Wall(PERSON),
    "ledger.Account": Wall(TENANT),
    "ledger.Transfer": Wall(TENANT),
    "notices.DemoMail": Wall(OPEN, "the demo's outbox, which a real marketplace never writes"),
    "notices.Letter": Wall(PLATFORM),
    "notices.Notice": Wall(PERSON, "any action may tell anybody something"),
    "notices.Preference": Wall(PERSON),
    "organizations.BillingDetails": Wall(TENANT),
    "organizations.Invitation": Wall(TENANT),
    "organizations.Membership": Wall(TENANT),
    "organizations.Organization": Wall(TENANT),
    "pages.BooksCheck": Wall(PLATFORM),
    "payments.BalanceTxn": Wall(PLATFORM),
    "payments.Correction": Wall(TENANT),
    "payments.Dispute": Wall(TENANT),
    "payments.Funding": Wall(TENANT),
    "payments.OutboxCall": Wall(PLATFORM, "who asks for a payout or refund writes its call"),
    "payments.Payout": Wall(PERSON),
    "payments.Reconciliation": Wall(PLATFORM),
    "payments.Refund": Wall(TENANT),
    "payments.Reversal": Wall(PERSON),
    "payments.StripeAccount": Wall(PERSON),
    "payments.StripeBalance": Wall(PLATFORM),
    "payments.StripeEvent": Wall(PLATFORM),
    "payments.TopUpRule": Wall(TENANT),
    "projects.AnnotatorAnswer": Wall(TENANT),
    "projects.Asset": Wall(TENANT),
    "projects.CriteriaVersion": Wall(TENANT),
    "projects.GoldAnswer": Wall(TENANT),
    "projects.Item": Wall(TENANT),
    "projects.ItemImport": Wall(TENANT),
    "projects.Offer": Wall(OPEN, "published summaries, with nothing that is not public"),
    "projects.Project": Wall(TENANT),
    "projects.ProjectDraft": Wall(TENANT),
    "projects.ProjectFigures": Wall(TENANT),
    "projects.StagedAnswer": Wall(TENANT),
    "projects.StagedItem": Wall(TENANT),
    "scoring.AlphaCheck": Wall(TENANT),
    "scoring.ErrorRun": Wall(TENANT),
    "scoring.LiftChunk": Wall(TENANT),
    "scoring.LiftRun": Wall(TENANT),
    "scoring.RepeatRun": Wall(TENANT),
    "scoring.ScoringRun": Wall(TENANT),
    "work.Assignment": Wall(BOTH),
    "work.EarningLine": Wall(BOTH),
    "work.Enrolment": Wall(BOTH),
    "work.Earnings": Wall(BOTH),
    "work.LiftPool": Wall(TENANT),
    "work.LiftRound": Wall(TENANT),
    "work.LiftScore": Wall(BOTH),
    "work.OnlineAnswer": Wall(TENANT),
    "work.OnlineScore": Wall(BOTH),
    "work.OnlineState": Wall(TENANT),
    "work.OverlapPlan": Wall(TENANT),
    "work.RepeatScore": Wall(BOTH),
    "work.Score": Wall(BOTH),
    "work.SeatCount": Wall(TENANT),
    "work.SecondaryUse": Wall(TENANT),
    "work.Settlement": Wall(BOTH),
    "work.Submission": Wall(BOTH),
    "work.Verdict": Wall(BOTH),
}
WALLED = sorted(label for label, wall in WALLS.items() if wall.side != OPEN)
OF_PERSONS = sorted(label for label, wall in WALLS.items() if wall.side in {PERSON, BOTH})
# These also hold rows that the platform writes; the rows here come from the postings of the cast.
WRITTEN_BY_FUNCTIONS = {"audit.AuditEvent", "audit.ChainSeal", "ledger.Account", "ledger.Transfer"}


@pytest.fixture
def world(acme, globex, gus, carol, dave, project, now):
    """Both sides with a row in every table; no offer is listed, so nothing is public."""
    mine = project(acme, how_many=3, gold=1, visibility="invitation")
    theirs = project(globex, how_many=3, gold=1, visibility="invitation")
    made = SimpleNamespace(
        acme=Side(org=acme, project=mine, contributor=carol, now=now),
        globex=Side(org=globex, project=theirs, contributor=dave, now=now),
    )
    for side in (made.acme, made.globex):
        for label in WALLED:
            if label != "audit.AuditEvent":
                side.of(label)
    return made


def labels_with_rows(labels):
    return [label for label in labels if label != "audit.AuditEvent"]


def sees(row) -> bool:
    return type(row)._base_manager.filter(pk=row.pk).exists()


def changes(row) -> bool:
    """Whether an UPDATE or DELETE reached the row."""
    rows = type(row)._base_manager.filter(pk=row.pk)
    column = next(field.name for field in row._meta.concrete_fields if not field.primary_key)
    for change in (lambda: rows.update(**{column: F(column)}), lambda: rows._raw_delete("default")):
        try:
            with transaction.atomic():
                if change():
                    return True
        except DatabaseError as error:
            # Tables of evidence refuse before they look at rows; any other error is a finding.
            allowed = errors.RestrictViolation, errors.InsufficientPrivilege
            if not isinstance(error.__cause__, allowed):
                raise
    return False


def inserts(row) -> bool:
    """Whether PostgreSQL let the row in, or stopped it for another reason than the wall."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except DatabaseError as error:
        return not isinstance(error.__cause__, errors.InsufficientPrivilege)
    return True


def leaks(side: Side, labels) -> list[str]:
    """What the present actor can do to rows of `side`."""
    found = []
    for label in labels_with_rows(labels):
        row = side.of(label)
        if sees(row):
            found.append(f"{label} is read")
        if changes(row):
            found.append(f"{label} is changed")
        wall = WALLS[label]
        if not wall.reason and inserts(side.fresh(label)):
            found.append(f"{label} is inserted")
    return found


def in_request(user, look):
    """Run `look` where a view would run: inside the middleware, as this person."""
    answers = []

    def view(request):
        answers.append(look())
        return HttpResponse()

    request = RequestFactory().get("/")
    # As a request reads them.
    request.user = type(user).objects.get(id=user.id)
    ActorMiddleware(view)(request)
    return answers[0]


def test_every_model_says_to_which_side_its_rows_belong():
    ours = {model._meta.label for model in own_models()}
    assert ours - WALLS.keys() == set(), "add these models to WALLS"
    assert WALLS.keys() - ours == set(), "these models are gone"


def test_every_walled_table_has_row_level_security():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace"
        )
        secured = {row[0] for row in cursor.fetchall()}
    tables = {apps.get_model(label)._meta.db_table for label in WALLED}
    assert tables - secured == set()


def test_an_open_table_says_why_and_names_nobody():
    for label, wall in WALLS.items():
        if wall.side == OPEN:
            assert wall.reason
            names = {field.attname for field in apps.get_model(label)._meta.concrete_fields}
            # A session has to say whose it is before anybody is known.
            if label != "accounts.Session":
                assert not {"contributor_id", "user_id"} & names, label


def test_there_is_something_that_could_leak(world):
    for side in (world.acme, world.globex):
        unseen = []
        for label in labels_with_rows(WALLED):
            with acting(side.writer(label) if "ledger" not in label else _buyer(side)):
                if not sees(side.of(label)):
                    unseen.append(label)
        assert unseen == []


def _buyer(side):
    return side.writer("projects.Project")


def test_a_request_of_the_outsider_reaches_nothing(world, gus):
    assert in_request(gus, lambda: leaks(world.acme, WALLED)) == []


def test_a_task_for_another_organization_reaches_nothing(world):
    @tenant_task("tests.leaks")
    def look(*, id, by, now):  # noqa: A002 -- the words of a message
        return leaks(world.acme, WALLED), list(by.org_ids)

    org_id = world.globex.org.id
    found, orgs = look(id=str(world.acme.project.id), org_id=str(org_id))
    assert orgs == [org_id]
    # Rows of the platform belong to no organization: a task of one does not see them either.
    assert found == []


def test_a_pair_that_does_not_belong_together_finds_no_row(world):
    @tenant_task("tests.pair")
    def look(*, id, by, now):  # noqa: A002 -- the words of a message
        return type(world.acme.project)._base_manager.filter(id=id).count()

    project = world.acme.project
    assert look(id=str(project.id), org_id=str(world.acme.org.id)) == 1
    assert look(id=str(project.id), org_id=str(world.globex.org.id)) == 0


def test_a_contributor_reaches_nothing_of_another_one(world, dave, carol):
    assert in_request(dave, lambda: leaks(world.acme, OF_PERSONS)) == []
    assert in_request(carol, lambda: leaks(world.globex, OF_PERSONS)) == []


def test_a_contributor_reaches_what_is_theirs(world, carol):
    mine = labels_with_rows(OF_PERSONS)
    seen = in_request(carol, lambda: [label for label in mine if sees(world.acme.of(label))])
    assert seen == mine


def test_a_contributor_reads_no_gold_no_draft_and_no_key(world, carol):
    """Carol works on the project; what only the buyer knows stays there."""
    hidden = [
        "projects.GoldAnswer",
        "projects.ItemImport",
        "projects.ProjectDraft",
        "projects.ProjectFigures",
        "projects.StagedItem",
        "exports.Release",
        "exports.ReleaseKey",
        "scoring.ErrorRun",
        "scoring.RepeatRun",
        "scoring.ScoringRun",
        "work.OverlapPlan",
    ]

    def look():
        assert sees(world.acme.of("projects.Item")), "an item of an own assignment"
        assert sees(world.acme.of("projects.CriteriaVersion")), "the criteria one is bound to"
        return leaks(world.acme, hidden)

    assert in_request(carol, look) == []


def test_a_task_of_an_organization_reaches_no_deactivation(carol, globex, now):
    case = Case(
        kind="deactivation",
        contributor=carol,
        opened_by=carol,
        opened_at=now,
        reason="Two signals.",
        due_at=now,
    )
    with acting(system()):
        case.save(force_insert=True)
        assert sees(case)
    with acting(system(globex.id)):
        assert not sees(case)


def test_nobody_sees_anything(world):
    def look():
        return [label for label in labels_with_rows(WALLED) if sees(world.acme.of(label))]

    # Outside of `acting`: no actor was ever told to the database.
    assert look() == []


def test_an_own_row_cannot_be_handed_to_another_organization(world, gus):
    def look():
        handed = []
        for label in labels_with_rows(WALLED):
            row = world.globex.of(label)
            if label in WRITTEN_BY_FUNCTIONS or "org_id" not in {
                field.attname for field in row._meta.concrete_fields
            }:
                continue
            rows = type(row)._base_manager.filter(pk=row.pk)
            try:
                with transaction.atomic():
                    rows.update(org_id=world.acme.org.id)
                handed.append(label)
            except DatabaseError as error:
                refusals = errors.InsufficientPrivilege, errors.RestrictViolation
                if not isinstance(error.__cause__, refusals):
                    raise
        return handed

    assert in_request(gus, look) == []


def test_evidence_of_another_organization_is_not_read(acme, globex, alice, gus, as_, now):
    with acting(as_(alice)) as by:
        event = audit.Event("test.step", ("organization", acme.id), org_id=acme.id)
        audit.record(event, by=by, now=now)
        assert AuditEvent.objects.filter(org_id=acme.id).exists()
    assert not in_request(gus, AuditEvent._base_manager.filter(org_id=acme.id).exists)


def test_a_listed_project_is_read_by_everybody_and_changed_by_nobody_else(
    acme, gus, globex, project
):
    listed = project(acme, how_many=1, gold=0, qualification=0)

    def look():
        return (sees(listed), sees(listed.criteria), changes(listed), changes(listed.criteria))

    assert in_request(gus, look) == (True, True, False, False)
