"""The demo's content: through the real actions, whole, and only once."""

import json
import stat

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from apps.accounts.models import User
from apps.cases.models import Case
from apps.core import clock
from apps.core.tenancy import Actor, acting
from apps.ledger import queries as ledger
from apps.ledger.models import Transfer
from apps.organizations.models import Membership, Organization
from apps.pages.management.demo import crowd, people, stage, texts
from apps.pages.management.demo.digits import digits
from apps.pages.management.demo.pairs import PAIRS
from apps.payments import gateway
from apps.payments.models import Payout
from apps.projects.models import GoldAnswer, Item, Project
from apps.projects.queries import problems
from apps.tasktypes import registry
from apps.work.models import EarningLine, Enrolment, Submission, Verdict
from stripe_double import Double

STAFF = Actor(kind="staff")


@pytest.fixture
def double(settings):
    with Double.start(now=clock.real_now().isoformat()) as made:
        settings.STRIPE_API_BASE = made.url
        yield made
        gateway._client.cache_clear()


@pytest.fixture
def seeded(transactional_db, double, tmp_path, monkeypatch):
    """A seeded demo without workers: their part is done in this process, at once."""
    monkeypatch.setenv("WAGEFILE_VAR", str(tmp_path))
    monkeypatch.setattr(stage, "PATIENCE_SECONDS", 0.0)
    call_command("demo_seed")
    return tmp_path / "sign-ins.json"


def test_it_fills_a_demo_once(seeded, client):
    with acting(STAFF):
        _check_projects()
        _check_crowd()
        _check_cases()
        assert ledger.prove().fault is None
        counts = [model.objects.count() for model in (Transfer, User, Submission, Case, Item)]
    call_command("check_books")
    _check_sign_ins(seeded, client)

    # A second `make demo` keeps what is there.
    seeded.unlink()
    moment = clock.now()
    call_command("demo_seed")
    assert seeded.exists()
    assert (clock.now() - moment).total_seconds() < 3600
    with acting(STAFF):
        again = [model.objects.count() for model in (Transfer, User, Submission, Case, Item)]
    assert again == counts


def _check_projects() -> None:
    found = {row.title: row for row in Project.objects.select_related("criteria")}
    assert set(found) == {texts.DIGITS, texts.PREFERENCE, texts.DRAFT}
    assert all(row.is_simulated for row in found.values())
    assert [found[name].state for name in (texts.DIGITS, texts.PREFERENCE)] == ["live", "live"]
    assert found[texts.DRAFT].state == "draft"
    assert problems(found[texts.DRAFT])
    shown = found[texts.PREFERENCE].criteria.body
    assert shown["tiers"][0]["qualification"] is None
    assert shown["task"]["config"]["needs_reason"] is True
    assert Item.objects.filter(project=found[texts.PREFERENCE]).count() == len(PAIRS) == 24
    # Enough is left for who signs in, who is no part of the crowd.
    open_items = Item.objects.filter(
        project=found[texts.DIGITS], purpose="work", open_slots__gt=0
    ).count()
    assert open_items >= 40
    assert found[texts.DIGITS].releases.get().state == "ready"


def _check_crowd() -> None:
    states = list(Enrolment.objects.values_list("state", flat=True))
    assert len(states) == len(crowd.CROWD) == 9
    assert states.count("failed") >= 1
    assert states.count("qualified") >= 5
    assert not User.objects.filter(enrolments__isnull=False, is_simulated=False).exists()
    truth = dict(GoldAnswer.objects.values_list("item_id", "answer_key"))
    answers = Submission.objects.filter(kind="work", contributor__email=crowd.HASTY.email)
    known = [a.answer_key == truth[a.item_id] for a in answers if a.item_id in truth]
    assert sum(known) < len(known)
    assert not Submission.objects.filter(kind="work", scored_at=None, round=1).exists()
    deciders = set(Verdict.objects.values_list("decider", flat=True))
    assert {"person", "silence", "rule"} <= deciders
    kinds = set(EarningLine.objects.values_list("kind", flat=True))
    assert {"base", "qualification", "kill_fee", "quality_bonus", "top_up"} <= kinds
    assert Payout.objects.get().user.email == crowd.HISTORY.email


def _check_cases() -> None:
    cases = {case.kind: case for case in Case.objects.select_related("contributor")}
    assert set(cases) == {"appeal", "dispute", "deactivation"}
    assert {case.state for case in cases.values()} == {"open"}
    assert cases["deactivation"].contributor.email == crowd.HASTY.email
    rejected = cases["appeal"].assignment
    assert rejected.state == "rejected"
    assert len(rejected.verdicts.get().note) >= 100
    assert Verdict.objects.filter(outcome="rework").count() == 1


def _check_sign_ins(path, client) -> None:
    rows = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"buyer (owner)", "contributor (new)", "administrator"} <= {row["role"] for row in rows}
    for row in rows:
        sent = {"login": row["email"], "password": row["password"]}
        answer = client.post(reverse("account_login"), sent)
        assert answer.status_code == 302, row["role"]
        assert client.get(reverse("home")).status_code == 200
        client.logout()
    assert EmailAddress.objects.filter(verified=True).count() == len(rows)
    with acting(STAFF):
        org = Organization.objects.get(name=texts.BUYER)
        roles = set(Membership.objects.filter(org=org).values_list("role", flat=True))
    assert roles == {"owner", "manager", "reviewer", "finance", "viewer"}


def test_a_real_marketplace_is_never_seeded(db, settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="demo or a test only"):
        call_command("demo_seed")
    assert not User.objects.exists()


def test_a_replay_is_there_once_and_the_owner_sees_it(
    transactional_db, double, tmp_path, monkeypatch
):
    monkeypatch.setenv("WAGEFILE_VAR", str(tmp_path))
    monkeypatch.setattr("apps.pages.management.replay.course.WORKER_SECONDS", 0)
    data = tmp_path / "tiny.csv"
    rows = [f"i{item},w{worker},{item % 2},{item % 2}" for item in range(3) for worker in range(2)]
    data.write_text("\n".join(["item_id,worker_id,answer,gold", *rows]))
    for _ in range(2):
        call_command("demo_seed", data=data)
    with acting(STAFF):
        title = Project.objects.get().title
    assert title == "Replay of tiny"
    owner = User.objects.get(email=people.SIGN_INS[0].email)
    with acting(STAFF):
        assert Membership.objects.filter(user=owner, role="owner").count() == 2


def test_the_stated_error_rates_are_what_the_crowd_does():
    found = digits().truth
    for member in crowd.CROWD:
        wrong = sum(
            crowd.chosen(member, item, right, is_qualifying=False) != right
            for item, right in found.items()
        )
        assert abs(wrong / len(found) - member.error) < 0.1, member.key


def test_every_text_fits_its_task():
    for sections in (texts.digits(), texts.preference(), texts.half_a_draft()):
        work = sections["work"]
        kind = registry.get(work["task_type"])
        assert kind.check_config(work["config"]) == work["config"]
    config = texts.preference()["work"]["config"]
    for pair in PAIRS:
        assert registry.get("pairwise").check_item(config, pair._asdict()) == pair._asdict()
    assert len({pair.prompt for pair in PAIRS}) == len(PAIRS)
