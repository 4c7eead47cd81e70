"""Croissant metadata of real releases, held against the specification and the files themselves."""

import csv
import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.core import blobs
from apps.core.tenancy import acting
from apps.exports import actions as exports
from apps.exports import rules
from apps.exports.models import Release
from apps.exports.rules import croissant
from apps.projects.models import CriteriaVersion, Project
from apps.work.models import Assignment, Submission
from tests.exports.conftest import score
from tests.exports.test_releases import release
from tests.work.conftest import STAFF

# Properties that the specification's version 1.1 requires of a dataset.
REQUIRED = {
    "@context", "@type", "conformsTo", "creator", "datePublished", "description", "distribution",
    "license", "name", "url",
}  # fmt: skip
# Those of schema.org that may stand there without a prefix, and classes by what they may have.
SCHEMA_ORG = {
    "sc:Dataset": REQUIRED
    | {"citeAs", "isLiveDataset", "keywords", "recordSet", "usageInfo", "version"},
    "sc:Organization": {"@type", "name"},
    "sc:CreativeWork": {"@type", "name", "text"},
    "cr:FileObject": {
        "@type", "@id", "name", "description", "contentUrl", "contentSize", "encodingFormat",
        "sha256", "sameAs",
    },
    "cr:RecordSet": {"@type", "@id", "name", "description", "key", "field"},
    "cr:Field": {"@type", "@id", "name", "description", "dataType", "source", "references"},
}  # fmt: skip
RAI = {
    "annotationsPerItem", "annotatorDemographics", "dataAnnotationAnalysis",
    "dataAnnotationPlatform", "dataAnnotationProtocol", "dataBiases", "dataCollection",
    "dataCollectionMissingData", "dataCollectionRawData", "dataCollectionTimeframe",
    "dataCollectionType", "dataImputationProtocol", "dataLimitations", "dataManipulationProtocol",
    "dataPreprocessingProtocol", "dataReleaseMaintenancePlan", "dataSocialImpact", "dataUseCases",
    "machineAnnotationTools", "personalSensitiveInformation",
}  # fmt: skip
READ = {
    "sc:Text": str,
    "sc:Integer": int,
    "sc:Float": float,
    "sc:DateTime": dt.datetime.fromisoformat,
    "sc:Boolean": {"True": True, "False": False}.__getitem__,
}


def metadata(made: Release) -> dict:
    assert made.state == "ready", made.error
    return json.loads(content(made, "croissant.json"))


def content(made: Release, name: str) -> bytes:
    return blobs.read(made.files[name]["sha256"])


def table(made: Release, name: str) -> tuple[list[str], list[dict]]:
    reader = csv.DictReader(io.StringIO(content(made, name).decode(), newline=""))
    return list(reader.fieldnames or []), list(reader)


def nodes(value: object) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def check(made: Release) -> dict:
    """The whole document against the specification and against every file of the release."""
    found = metadata(made)
    _check_words(found)
    _check_files(found, made)
    for record_set in found["recordSet"]:
        _check_records(record_set, found, made)
    return found


def _check_words(found: dict) -> None:
    assert found.keys() >= REQUIRED
    assert found["@type"] == "sc:Dataset"
    assert found["conformsTo"] == list(croissant.CONFORMS_TO)
    dt.date.fromisoformat(found["datePublished"])
    context = found["@context"]
    for node in nodes({key: value for key, value in found.items() if key != "@context"}):
        for key in node:
            if key.startswith("rai:"):
                assert key.removeprefix("rai:") in RAI
            elif "@type" in node:
                assert key in SCHEMA_ORG[node["@type"]], (node["@type"], key)
            else:
                assert key in context or key.startswith("@"), key
            assert node[key] not in ("", [], {}, None), key
    own = [node["@id"] for node in nodes(found) if "@type" in node and "@id" in node]
    assert len(own) == len(set(own))
    named = {node["@id"] for node in nodes(found["recordSet"]) if node.keys() == {"@id"}}
    assert named <= set(own)


def _check_files(found: dict, made: Release) -> None:
    files = {file["@id"]: file for file in found["distribution"]}
    assert set(files) == set(made.files) - {"croissant.json"}
    for name, file in files.items():
        held = content(made, name)
        assert file["sha256"] == hashlib.sha256(held).hexdigest()
        assert file["contentSize"] == f"{len(held)} B"
        assert file["contentUrl"] == file["name"] == name
        assert "/" in file["encodingFormat"]
        assert file.get("sameAs", name) in files


def _check_records(record_set: dict, found: dict, made: Release) -> None:
    name = record_set["@id"]
    columns, rows = table(made, f"{name}.csv")
    fields = record_set["field"]
    assert [field["name"] for field in fields] == columns
    for field in fields:
        column = field["name"]
        assert field["@id"] == f"{name}/{column}"
        assert field["source"] == {
            "fileObject": {"@id": f"{name}.csv"},
            "extract": {"column": column},
        }
        kinds = field["dataType"] if isinstance(field["dataType"], list) else [field["dataType"]]
        assert sum(kind in READ for kind in kinds) == 1
        read = next(READ[kind] for kind in kinds if kind in READ)
        for row in rows:
            if row[column]:
                read(row[column])
        if "references" in field:
            other, key = field["references"]["field"]["@id"].split("/")
            allowed = {row[key] for row in table(made, f"{other}.csv")[1]}
            assert {row[column] for row in rows} <= allowed
    if key := record_set.get("key"):
        key = [key] if isinstance(key, dict) else key
        named = [each["@id"].removeprefix(f"{name}/") for each in key]
        values = [tuple(row[column] for column in named) for row in rows]
        assert len(values) == len(set(values)) > 0


@pytest.fixture
def made(desk, story, alice) -> Release:
    return release(desk, alice)


def test_a_release_is_described_down_to_its_columns(desk, made, alice):
    found = check(made)
    assert {each["@id"] for each in found["recordSet"]} == {"items", "answers", "labels", "wage"}
    with acting(STAFF):
        project = Project.objects.select_related("org").get(id=desk.project.id)
    assert (found["name"], found["creator"]["name"]) == (project.title, project.org.name)
    assert found["license"] == [{"@type": "sc:CreativeWork", "name": "CC BY 4.0"}]
    assert "Evaluation of text classifiers." in found["usageInfo"][0]["text"]
    assert found["url"].endswith(reverse("exports:detail", args=[made.id]))
    assert (found["version"], found["datePublished"]) == ("1.0.0", f"{made.created_at:%Y-%m-%d}")
    assert "title={{" in found["citeAs"] and project.title in found["citeAs"]


def test_answers_point_at_items_and_labels_are_marked(made):
    fields = {
        field["@id"]: field for each in metadata(made)["recordSet"] for field in each["field"]
    }
    for name in ("answers", "labels"):
        assert fields[f"{name}/item_id"]["references"] == {"field": {"@id": "items/item_id"}}
    assert fields["answers/choice"]["dataType"] == ["sc:Text", "cr:Label"]
    assert fields["labels/answer"]["dataType"] == ["sc:Text", "cr:Label"]
    assert fields["items/text"]["dataType"] == "sc:Text"
    assert fields["wage/net"]["dataType"] == fields["answers/active_seconds"]["dataType"]
    assert fields["wage/net"]["dataType"] == "sc:Integer"
    assert fields["answers/submitted_at"]["dataType"] == "sc:DateTime"


def test_every_column_has_words(made):
    for each in metadata(made)["recordSet"]:
        assert all(field["description"] for field in each["field"]), each["@id"]
    assert all(croissant.about(name) for name in made.files)


def test_the_same_release_has_the_same_bytes_whenever_it_is_built(desk, made):
    with acting(STAFF):
        Release.objects.filter(id=made.id).update(
            state="building", files={}, ready_at=None, as_of=None
        )
    desk.later(days=1)
    again = desk.as_system(exports.build, release_id=made.id)
    assert again.ready_at != made.ready_at
    assert again.files == made.files


def test_the_wage_table_has_the_lines_of_the_wage_file(made):
    lines = json.loads(content(made, "wage.json"))["lines"]
    columns, rows = table(made, "wage.csv")
    assert tuple(columns) == rules.WAGE_COLUMNS
    assert len(rows) == len(lines)
    for line, row in zip(lines, rows, strict=True):
        flat = dict(line)
        rejection = flat.pop("rejection", None) or {}
        flat |= {f"rejection_{name}": value for name, value in rejection.items()}
        assert set(flat) <= set(columns), "a line of the wage file has what its table leaves out"
        for name, value in flat.items():
            words = ";".join(value) if isinstance(value, list) else value
            assert row[name] == ("" if words is None else str(words))
    for name in ("gross", "fee", "net"):
        assert sum(int(row[name]) for row in rows) == made.summary[name]


def test_pay_is_told_as_the_wage_file_has_it(made):
    lines = json.loads(content(made, "wage.json"))["lines"]
    own = [line for line in lines if line["line"] != "own_people"]
    net = sum(line["net"] for line in own)
    with acting(STAFF):
        seconds = sum(row.paid_seconds for row in Assignment.objects.filter(project=made.project))
    told = metadata(made)["rai:dataSocialImpact"]
    assert f"got ${net / 100:.2f} net." in told
    assert f"{seconds:,} seconds of active time" in told
    assert f"${36 * net / seconds:.2f} an hour of all together" in told
    assert "The floor was $12.00 an hour" in told
    assert f"ledger transfer {made.as_of};" in told
    assert "2 contributors" in told


def test_what_came_about_is_told_from_the_answers(made):
    found = metadata(made)
    rows = [json.loads(line) for line in content(made, "answers.jsonl").splitlines()]
    times = [row["submitted_at"] for row in rows]
    assert found["rai:dataCollectionTimeframe"] == [min(times), max(times)]
    assert found["rai:annotationsPerItem"] == "1 of people on every item that has one"
    told = " ".join(found["rai:dataAnnotationAnalysis"])
    # The answer that was rejected after the run took its label with it.
    assert "1 labels are withheld" in told
    assert "Labels were joined from the answers by the method" in told
    assert "rai:machineAnnotationTools" not in found


def test_a_simulated_crowd_is_never_told_as_people(desk, story, alice):
    with acting(STAFF):
        Project.objects.filter(id=desk.project.id).update(is_simulated=True)
    found = check(release(desk, alice))
    assert "The crowd is simulated" in found["description"]
    assert "simulated" in found["rai:dataCollection"]
    assert any("simulated" in each for each in found["rai:dataLimitations"])


def test_a_release_without_answers_is_described_too(desk, alice, carol):
    row = desk.begin(carol)
    desk.submit(carol, row)
    desk.undo(carol, row)
    found = check(release(desk, alice))
    assert [each["@id"] for each in found["recordSet"]] == ["wage"]
    assert "rai:dataCollectionTimeframe" not in found


def test_all_answers_of_several_people(desk, alice, carol, dave):
    for user in (carol, dave):
        desk.enrol(user)
        for choice in ("yes", "no", "yes"):
            desk.hand_in(user, choice)
    score(desk)
    made = release(desk, alice)
    found = check(made)
    assert "6 answers of 2 contributors" in found["description"]
    with acting(STAFF):
        ids = {
            str(item) for item in Submission.objects.filter(
                project=desk.project, kind="work"
            ).values_list("item__external_id", flat=True)
        }  # fmt: skip
    assert [row["item_id"] for row in table(made, "items.csv")[1]] == sorted(ids)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("croissant.json", 'application/ld+json; profile="http://mlcommons.org/croissant/1.1"'),
        ("wage.csv", "text/csv"),
        ("items.jsonl", "application/x-ndjson"),
    ],
)
def test_it_is_downloaded_as_what_it_is(made, alice, client_of, name, kind):
    answer = client_of(alice).get(reverse("exports:download", args=[made.id, name]))
    assert answer["Content-Type"] == kind
    assert answer.getvalue() == content(made, name)


def test_a_file_of_every_kind_can_be_downloaded(made, alice, client_of):
    """A release with lift has Parquet files."""
    with acting(STAFF):
        files = {"lift-train.parquet": made.files["wage.csv"]} | made.files
        Release.objects.filter(id=made.id).update(files=files)
    answer = client_of(alice).get(reverse("exports:download", args=[made.id, "lift-train.parquet"]))
    assert answer.getvalue() == content(made, "wage.csv")


def test_the_page_says_what_each_file_is(made, alice, client_of):
    page = client_of(alice).get(reverse("exports:detail", args=[made.id])).text
    assert "Croissant 1.1" in page
    for name in made.files:
        assert reverse("exports:download", args=[made.id, name]) in page
        assert croissant.about(name) in page


# ── Rules ───────────────────────────────────────────────────────────────────────────────────────

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(),
    st.lists(st.text()),
)  # fmt: skip


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), min_size=1))
def test_a_column_has_the_type_of_its_values(rows):
    columns = rules.Columns()
    for row in rows:
        columns.add(row)
    for name, kind in columns.types().items():
        values = [row[name] for row in rows if row[name] is not None]
        assert (kind == "") == (not values)
        if kind and kind != "sc:Text":
            for value in values:
                assert READ[kind](str(value)) == value


def test_columns_are_those_of_the_first_row():
    columns = rules.Columns()
    columns.add({"a": 1})
    columns.add({"a": 2.5, "b": "x"})
    assert columns.types() == {"a": "sc:Float"}


def line(who: str, net: int) -> dict:
    return {"line": "assignment", "who": who, "net": net, "floor_per_hour": 1200}


@given(
    st.lists(st.builds(line, st.sampled_from("abc"), st.integers(0, 10_000)), max_size=20),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 30_000)),
)
def test_hourly_pay_is_net_by_time(lines, seconds):
    tally = rules.WageTally()
    for each in lines:
        tally.add(each)
    pay = tally.told(seconds)
    assert pay.net == sum(each["net"] for each in lines)
    assert pay.seconds == sum(seconds.values())
    assert (pay.hourly is None) == (pay.seconds == 0)
    if pay.hourly is not None:
        assert abs(pay.hourly * pay.seconds - 3600 * pay.net) * 2 <= pay.seconds


def test_the_buyers_own_people_are_no_contributors():
    tally = rules.WageTally()
    tally.add({"line": "own_people", "who": "r", "net": 0})
    pay = tally.told({})
    assert (pay.people, pay.hourly) == (0, None)


def test_terms_that_changed_are_both_there_and_equal_ones_once(desk, made):
    with acting(STAFF):
        body = CriteriaVersion.objects.get(project=desk.project).body
    other = {**body, "consent": {**body["consent"], "licence": "Own use"}}
    found = croissant.croissant(
        rules.Facts(
            release=2, project=str(desk.project.id), title="A {title}", creator="Acme",
            url="https://example.org/", at=made.created_at, task="Choice", layer="Labelling",
            bodies={1: body, 2: other, 3: body}, currency="USD", is_simulated=False, files={},
            tables={}, as_of=1, pay=rules.WageTally().told({}),
        )
    )  # fmt: skip
    assert [each["name"] for each in found["license"]] == ["CC BY 4.0", "Own use"]
    assert len(found["usageInfo"]) == 2
    assert "title={{A (title)}}" in found["citeAs"]


def test_who_may_not_release_reads_no_metadata(made, client_of, request):
    for name in ("fay", "rob", "vic"):
        client = client_of(request.getfixturevalue(name))
        url = reverse("exports:download", args=[made.id, "croissant.json"])
        assert client.get(url).status_code == 403
