"""A list of 100,000 rows is read as one of a hundred: by an index, a page at a time.

Every query of a page is explained as it runs: no part of it may look at more rows than a page
counts one by one, let alone go through a table. Nothing here is timed.
"""

import json
from urllib.parse import urljoin

import pytest
from django.db import connection

from apps.core.tables import EXACT
from apps.core.tenancy import acting, system
from apps.organizations.queries import actor_of
from apps.projects.tasks import publish_figures_of
from apps.work import actions as work
from apps.work.models import Earnings
from apps.work.queries import progress, replays
from tests import dom
from tests.factories import large

SCANS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan"}
MOST_QUERIES = 60
# A count that stops there looks one further.
MOST_ROWS = EXACT + 1

PAGES = {
    "alice": [
        "/",
        "/projects/",
        "/projects/{project}/live/",
        "/projects/{project}/live/?part=progress",
        "/projects/{project}/live/?part=scores",
        "/projects/{project}/quality/",
        "/projects/{project}/items/",
        "/projects/{project}/items/?sort=item",
        "/projects/{project}/items/?sort=-item",
        "/work/review/",
        "/work/review/projects/{project}/",
        "/work/review/projects/{project}/?sort=-when",
        "/work/review/projects/{project}/?state=decided",
        "/notices/",
    ],
    "carol": [
        "/",
        "/work/",
        "/work/mine/",
        "/work/mine/?sort=claimed",
        "/work/mine/?state=submitted",
        "/work/scores/",
        "/work/scores/{project}/",
        "/work/scores/{project}/?show=all",
        "/work/earnings/",
        "/work/earnings/?sort=net",
        "/notices/",
        "/notices/?show=new",
    ],
}


@pytest.fixture
def world(transactional_db, superuser, acme, alice, carol, project, now, as_):
    made = project(acme, gold=0)
    with acting(as_(carol)) as by:
        work.enrol(project_id=made.id, tier="general", has_consented=True, by=by, now=now)
    large.grow(
        superuser, project=made.id, contributor=carol.id, now=now, readers=[alice.id, carol.id]
    )
    with acting(system(acme.id)) as by:
        work.refresh_figures(project_id=made.id, by=by, now=now)
    publish_figures_of(id=str(made.id), org_id=str(acme.id))
    return made


class Plans:
    """Explains each SELECT in the place where it runs: with its parameters, and its actor."""

    def __init__(self) -> None:
        self.count, self.found = 0, []

    def __call__(self, execute, sql, params, many, context):
        self.count += 1
        if sql.lstrip().upper().startswith("SELECT"):
            cursor = context["cursor"].cursor
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            (plan,) = cursor.fetchone()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            self.found.append((sql, plan[0]["Plan"]))
        return execute(sql, params, many, context)

    def problems(self):
        for sql, plan in self.found:
            for node in nodes(plan):
                if node["Node Type"] in SCANS and rows_read(node) > MOST_ROWS:
                    kind, table = node["Node Type"], node.get("Relation Name", "an index")
                    yield f"reads {rows_read(node):,.0f} rows ({kind}, {table}): {sql[:400]}"


def nodes(plan):
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def rows_read(node):
    rows = sum(
        node.get(name, 0)
        for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    )
    return rows * node["Actual Loops"]


def test_a_page_of_100_000_rows_reads_a_page(world, client_of, alice, carol):
    """One test, since the rows take longer to write than the pages to read."""
    with acting(system(world.org_id)):
        row = Earnings.objects.get(project=world, contributor=carol)
        assert row.assignments == large.ROWS
        assert row.net == sum(world.earninglines.values_list("net", flat=True))
        assert progress.of_project(world)["waiting"] == large.ROWS // 3
    assert "100,000" in client_of(carol).get("/work/earnings/").content.decode()
    wrong = []
    for person, addresses in PAGES.items():
        client = client_of({"alice": alice, "carol": carol}[person])
        for address in addresses:
            wrong += leafed(client, address.format(project=world.id))
    wrong += replayed(world, alice)
    assert not wrong, "\n\n".join(wrong)


def replayed(world, alice):
    """Problems of reading the last answers for a draft. Its page counts items besides, once."""
    plans = Plans()
    with acting(actor_of(alice)) as actor, connection.execute_wrapper(plans):
        assert len(replays.answers(world, actor)) == replays.LAST
    return list(plans.problems())


def leafed(client, address):
    """Problems of the page, of the one after it, and of that one's way back."""
    text, wrong = looked(client, address)
    if further := dom.by_id(dom.tree(text), "page-next"):
        text, more = looked(client, urljoin(address, dom.value(further, "href")))
        back = dom.by_id(dom.tree(text), "page-previous")
        wrong += more + looked(client, urljoin(address, dom.value(back, "href")))[1]
    return wrong


def looked(client, address):
    """The text of a page, and what is wrong with its queries."""
    plans = Plans()
    with connection.execute_wrapper(plans):
        answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    wrong = [f"{address} {problem}" for problem in plans.problems()]
    if plans.count > MOST_QUERIES:
        wrong.append(f"{address} asks {plans.count} queries")
    assert plans.found
    return answer.content.decode(), wrong
