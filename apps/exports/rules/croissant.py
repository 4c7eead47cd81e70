"""Croissant metadata of a release: which files, which columns, how it came about.

Croissant 1.1 (http://mlcommons.org/croissant/1.1) with its vocabulary for responsible AI
(http://mlcommons.org/croissant/RAI/1.0), both of MLCommons. Two places follow what loaders read and
the examples of the same group have, where the text of the specification shows another form: the
namespace of schema.org is the one with https, and a reference names its target under `field`.

Everything here follows from the release; the same facts give the same bytes. Nothing is said that
the platform does not know: without an entry there is no property.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from apps.core.money import written

NAME = "croissant.json"
CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
MEDIA_TYPE = f'application/ld+json; profile="{CONFORMS_TO[0]}"'
FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "parquet": "application/x-parquet",
}
_TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field "
    "fileObject fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 "
    "parentField readLines recordSet references regex sdVersion separator source subField "
    "transform unArchive value"
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {term: f"cr:{term}" for term in _TERMS.split()}

# File, or a file without its last ending → what it holds; the page of a release says it, too.
FILES = {
    "answers": "Every answer that may be used, one a row, under pseudonyms",
    "croissant": "This release described for loaders of datasets: files, columns, origin",
    "items": "What was judged: the items that another table of this release names",
    "labels": "One label an item, joined from its answers, with its probability",
    "lift": "Figures of the lift run over these answers, with what repeats it",
    "lift-test": "Known answers that the lift run tested with",
    "lift-train": "Answers that the lift run trained with, under pseudonyms of their own",
    "machine_answers": "Answers of models and labelling functions; no person gave them",
    "wage": "The wage file: who was paid what for it, under which rules",
    "wage.csv": "The lines of the wage file as a table",
}
_SAME = {"jsonl": "csv"}
_LABEL = "cr:Label"
# Column → its data type where no row has a value, and what it holds.
_COLUMNS = {
    "items": {"item_id": ("sc:Text", "The buyer's own id of the item")},
    "answers": {
        "item_id": ("sc:Text", "The item that was answered"),
        "worker_id": ("sc:Text", "Pseudonym of this release; `who` in the wage file"),
        "state": ("sc:Text", "Where the answer stood: submitted, accepted or overturned"),
        "active_seconds": ("sc:Integer", "Active time that counts, measured by the server"),
        "submitted_at": ("sc:DateTime", "When the answer was handed in"),
        "criteria_version": ("sc:Integer", "Number of the criteria that it was bound to"),
        "gold_correct": ("sc:Boolean", "Whether it equals the known answer, where there is one"),
        "agreement": ("sc:Float", "Share of the other answers to the item that are equal"),
    },
    "labels": {
        "item_id": ("sc:Text", "The item"),
        "answer": ("sc:Text", "The label"),
        "probability": ("sc:Float", "That the label is right, by the method that made it"),
        "answers": ("sc:Integer", "Answers that it was made from"),
        "people": ("sc:Integer", "How many of these are people's"),
        "not_human": ("sc:Integer", "How many of these are models' or labelling functions'"),
        "run": ("sc:Text", "Scoring run that made it"),
    },
    "machine_answers": {
        "item_id": ("sc:Text", "The item that was answered"),
        "annotator": ("sc:Text", "Name that the buyer gave the model or function"),
        "kind": ("sc:Text", "Model or labelling function"),
        "is_person": ("sc:Boolean", "Always false"),
    },
    "wage": {
        "line": ("sc:Text", "What the line is for: assignment, settlement, lift, own_people"),
        "who": ("sc:Text", "Pseudonym of this release"),
        "kind": ("sc:Text", "Kind of the work"),
        "state": ("sc:Text", "How the assignment ended"),
        "count": ("sc:Integer", "Pieces of work of the buyer's own people"),
        "tier": ("sc:Text", "Tier; those of fewer than 5 people are merged"),
        "worker_status": ("sc:Text", "Status in which the work was done, as the buyer declares"),
        "pay": ("sc:Text", "Where pay that is not on this line is"),
        "at": ("sc:DateTime", "When it was booked"),
        "floor_per_hour": ("sc:Integer", "Floor in force, minor units of the currency an hour"),
        "active_minutes": ("sc:Integer", "Whole minutes of paid time, upwards"),
        "premiums": ("sc:Text", "Triggers of the premiums that were paid, by semicolons"),
        "gross": ("sc:Integer", "What the buyer paid, minor units of the currency"),
        "fee": ("sc:Integer", "The platform's fee in it, minor units"),
        "net": ("sc:Integer", "The contributor's pay in it, minor units"),
        "quality_bonus": ("sc:Integer", "Quality bonus in a settlement, minor units"),
        "top_up": ("sc:Integer", "Top-up to the floor in a settlement, minor units"),
        "codes": ("sc:Text", "Ledger codes of the line, by semicolons"),
        "criteria_version": ("sc:Integer", "Number of the criteria that it was paid by"),
        "consent": ("sc:Text", "Purpose that the contributor consented to"),
        "integrity_evidence": ("sc:Text", "Kinds of evidence behind the answer"),
        "rejection_ground": ("sc:Text", "Ground of a rejection"),
        "rejection_criterion": ("sc:Text", "Line of the rubric that a rejection cites"),
        "rejection_why": ("sc:Text", "Who rejected, and what that paid"),
        "reason": ("sc:Text", "Value, interval, share and run of a lift bonus"),
    },
}  # fmt: skip
WAGE_COLUMNS = tuple(_COLUMNS["wage"])
_KEYS = {
    "items": ("item_id",),
    "answers": ("item_id", "worker_id"),
    "labels": ("item_id",),
    "machine_answers": ("item_id", "kind", "annotator"),
}
_ORDER = ("items", "answers", "labels", "machine_answers", "wage")


@dataclass(frozen=True, slots=True)
class Gathering:
    """Answers of the release, by count. `fewest` and `most` are of one item; `known` were of items
    with a known answer, `right` of these equal to it.
    """

    answers: int
    items: int
    people: int
    fewest: int
    most: int
    first: dt.datetime
    last: dt.datetime
    known: int
    right: int


@dataclass(frozen=True, slots=True)
class Pay:
    """Of all contributors in the wage file. `seconds` is paid time; `floors` were in force, the
    lowest first; `hourly` is net ÷ time of all together, `median` that of the people. Minor units
    an hour.
    """

    net: int
    seconds: int
    people: int
    floors: Sequence[int]
    hourly: int | None
    median: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a release knows of itself. `tables`: name → column → data type, "" for unknown.

    `bodies` are the criteria that answers are bound to, by number; `machines` names of annotators
    that are no people; `withheld` labels that stay, since an answer in them was rejected later.
    """

    release: int
    project: str
    title: str
    creator: str
    url: str
    at: dt.datetime
    task: str
    layer: str
    bodies: Mapping[int, Mapping]
    currency: str
    is_simulated: bool
    files: Mapping[str, Mapping]
    tables: Mapping[str, Mapping[str, str]]
    as_of: int
    pay: Pay
    gathering: Gathering | None = None
    method: str = ""
    withheld: int = 0
    machines: Collection[str] = field(default=())


def content(facts: Facts) -> bytes:
    """The file, UTF-8."""
    return (json.dumps(croissant(facts), ensure_ascii=False, indent=1) + "\n").encode()


def croissant(facts: Facts) -> dict:
    """The metadata as a JSON-LD document."""
    body = facts.bodies[max(facts.bodies)]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": facts.title,
        "description": _description(facts, body),
        "conformsTo": list(CONFORMS_TO),
        "url": facts.url,
        "version": f"{facts.release}.0.0",
        "datePublished": facts.at.date().isoformat(),
        "creator": {"@type": "sc:Organization", "name": facts.creator},
        "license": _licences(facts.bodies),
        "usageInfo": [_usage(number, body) for number, body in _consents(facts.bodies)],
        "citeAs": _citation(facts),
        "keywords": [facts.layer, facts.task],
        "isLiveDataset": False,
        **_responsible(facts, body),
        "distribution": [_file(name, facts.files) for name in sorted(facts.files)],
        "recordSet": [
            _record_set(name, facts.tables)
            for name in _ORDER
            if facts.tables.get(name) and f"{name}.csv" in facts.files
        ],
    }


def about(name: str) -> str:
    """What a file of a release holds, in words; "" for one that is not known."""
    return FILES.get(name) or FILES.get(name.rsplit(".", 1)[0], "")


def _description(facts: Facts, body: Mapping) -> str:
    parts = [body["decision"].get("judgement", "").strip()]
    if facts.gathering:
        parts.append(
            f"{facts.gathering.answers:,} answers of {_people(facts.gathering.people)} to "
            f"{facts.gathering.items:,} items, with the wage file that says who was paid what for "
            "them."
        )
    if facts.is_simulated:
        parts.append("The crowd is simulated: no person gave these answers.")
    return " ".join(part for part in parts if part) or facts.title


def _people(count: int) -> str:
    return "one contributor" if count == 1 else f"{count:,} contributors"


def _consents(bodies: Mapping[int, Mapping]) -> list[tuple[int, Mapping]]:
    """The terms that answers were given under, each once, with the first version that has them."""
    found: list[tuple[int, Mapping]] = []
    for number in sorted(bodies):
        consent = bodies[number]["consent"]
        if all(consent != other for _, other in found):
            found.append((number, consent))
    return found


def _licences(bodies: Mapping[int, Mapping]) -> list[dict]:
    """In the words of the consent; the platform gives no licence of its own."""
    words = dict.fromkeys(str(consent.get("licence", "")) for _, consent in _consents(bodies))
    return [
        {"@type": "sc:CreativeWork", "name": each or "The consent terms name no licence."}
        for each in words
    ]


def _usage(number: int, consent: Mapping) -> dict:
    asked = {
        "Purpose": consent.get("purpose"),
        "Term": consent.get("term"),
        "Secondary use": consent.get("secondary_use"),
        "Withdrawal": consent.get("withdrawal"),
    }
    text = " ".join(f"{name}: {_closed(str(words))}" for name, words in asked.items() if words)
    name = f"What contributors consented to, from criteria version {number} on"
    return {"@type": "sc:CreativeWork", "name": name, "text": text}


def _closed(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _citation(facts: Facts) -> str:
    """BibTeX; braces and backslashes of names would be its own."""
    plain = str.maketrans({"{": "(", "}": ")", "\\": "/"})
    return (
        f"@misc{{wagefile-{facts.project[:8]}-{facts.release}, "
        f"author={{{{{facts.creator.translate(plain)}}}}}, "
        f"title={{{{{facts.title.translate(plain)}}}}}, "
        f"year={{{facts.at:%Y}}}, version={{{facts.release}.0.0}}, url={{{facts.url}}}}}"
    )


def _responsible(facts: Facts, body: Mapping) -> dict:
    """Properties of the vocabulary for responsible AI; those without content are left out."""
    consents = [consent for _, consent in _consents(facts.bodies)]
    made = {
        "dataCollection": _collection(facts),
        "dataCollectionType": "" if facts.is_simulated else "Manual Human Curator",
        "dataCollectionTimeframe": _timeframe(facts.gathering),
        "dataAnnotationProtocol": _protocol(facts, body),
        "dataAnnotationPlatform": "Wagefile",
        "dataAnnotationAnalysis": _analysis(facts),
        "annotationsPerItem": _per_item(facts.gathering),
        "annotatorDemographics": [
            "No release has demographics of contributors.",
            *(_tier(tier) for tier in body["tiers"]),
        ],
        "machineAnnotationTools": sorted(facts.machines),
        "dataUseCases": list(dict.fromkeys(filter(None, (c.get("purpose") for c in consents)))),
        "dataLimitations": _limitations(facts),
        "dataSocialImpact": _pay(facts, body),
        "personalSensitiveInformation": (
            "Contributors stand under pseudonyms (HMAC-SHA-256) by a key of this release alone "
            "that never leaves: they cannot be linked with other releases. No names, addresses or "
            "accounts. Items are the buyer's and are not searched for personal data."
        ),
        "dataReleaseMaintenancePlan": (
            "A release is never changed. A later one has the next number, other pseudonyms, and "
            "the answers and amounts as they stand then."
        ),
    }
    return {f"rai:{name}": value for name, value in made.items() if value}


def _collection(facts: Facts) -> str:
    if facts.is_simulated:
        return "Answers of a simulated crowd, run through the platform as people's are."
    return (
        "Contributors answered one item at a time on the platform, each without seeing the answers "
        "of others, under criteria that were published before the work began. Rejected answers are "
        "left out; the wage file has their lines."
    )


def _timeframe(found: Gathering | None) -> list[str]:
    return [found.first.isoformat(), found.last.isoformat()] if found else []


def _protocol(facts: Facts, body: Mapping) -> str:
    lines = "; ".join(line["title"] for line in body["rubric"] if line.get("title"))
    parts = [f"Task: {facts.task}."]
    if lines:
        parts.append(f"Criteria: {lines}.")
    numbers = sorted(facts.bodies)
    if len(numbers) > 1:
        parts.append(f"Versions {numbers[0]} to {numbers[-1]} of the criteria were in force.")
    return " ".join(parts)


def _analysis(facts: Facts) -> list[str]:
    parts = []
    if "labels.csv" in facts.files and facts.method:
        parts.append(f"Labels were joined from the answers by the method {facts.method}.")
    if facts.withheld:
        parts.append(
            f"{facts.withheld:,} labels are withheld: an answer in them was rejected after they "
            "were made."
        )
    found = facts.gathering
    if found and found.known:
        parts.append(
            f"Checked against known answers: {found.right:,} of {found.known:,} answers to such "
            "items equal them."
        )
    elif found:
        parts.append("No answer of this release was checked against a known answer.")
    return parts


def _per_item(found: Gathering | None) -> str:
    if found is None:
        return ""
    if found.fewest == found.most:
        return f"{found.most} of people on every item that has one"
    mean = found.answers / found.items
    return (
        f"{found.fewest} to {found.most} of people on an item that has one, {mean:.2f} on average"
    )


def _tier(tier: Mapping) -> str:
    asked = [
        ("regions", "all regions"),
        ("languages", "no language asked for"),
        ("credentials", "no credential asked for"),
    ]
    words = [", ".join(tier.get(key) or ()) or without for key, without in asked]
    test = "a paid qualification" if tier.get("qualification") else "no qualification"
    return f"Open to tier {tier['title'] or tier['key']}: {'; '.join(words)}; {test}."


def _limitations(facts: Facts) -> list[str]:
    parts = []
    if facts.is_simulated:
        parts.append("The crowd is simulated; nothing follows from these answers about people.")
    if facts.machines:
        parts.append("Some answers are of models or labelling functions; they stand apart.")
    return parts


def _pay(facts: Facts, body: Mapping) -> str:
    """How those who worked were paid."""
    pay, currency = facts.pay, facts.currency
    floors = pay.floors or (body["pay"]["floor_per_hour"],)
    floor = " to ".join(written(each, currency) for each in dict.fromkeys((floors[0], floors[-1])))
    parts = [f"The floor was {floor} an hour of active time, net, for each contributor."]
    if pay.hourly is not None and pay.median is not None:
        parts.append(
            f"By the wage file {_people(pay.people)} got {written(pay.net, currency)} net. The "
            f"server measured {pay.seconds:,} seconds of active time that count (the wage file has "
            "whole minutes, upwards for each line): "
            f"{written(pay.hourly, currency)} an hour of all together, "
            f"{written(pay.median, currency)} an hour for the median contributor."
        )
    parts.append(
        f"Counted up to ledger transfer {facts.as_of}; top-ups and bonuses that are settled later "
        "come on top."
    )
    if status := body["decision"].get("worker_status"):
        parts.append(f"Worker status as the buyer declares it: {_closed(status)}")
    return " ".join(parts)


def _file(name: str, files: Mapping[str, Mapping]) -> dict:
    stem, ending = name.rsplit(".", 1)
    found = {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": about(name),
        "contentUrl": name,
        "contentSize": f"{files[name]['bytes']} B",
        "encodingFormat": FORMATS[ending],
        "sha256": files[name]["sha256"],
    }
    twin = f"{stem}.{_SAME.get(ending, '')}"
    return {**found, "sameAs": twin} if twin in files else found


def _record_set(name: str, tables: Mapping[str, Mapping[str, str]]) -> dict:
    key = [{"@id": f"{name}/{column}"} for column in _KEYS.get(name, ())]
    found = {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about(f"{name}.csv"),
        "key": key[0] if len(key) == 1 else key,
        "field": [_field(name, column, tables) for column in tables[name]],
    }
    return found if key else {k: v for k, v in found.items() if k != "key"}


def _field(table: str, column: str, tables: Mapping[str, Mapping[str, str]]) -> dict:
    known, words = _COLUMNS[table].get(column, ("sc:Text", ""))
    kind = tables[table][column] or known
    if known == "sc:DateTime":
        kind = known
    types: str | Sequence[str] = kind
    if (table, column) == ("labels", "answer") or _is_answers(table, column, tables):
        types = [kind, _LABEL]
    found = {
        "@type": "cr:Field",
        "@id": f"{table}/{column}",
        "name": column,
        "description": words or _other(table, column, tables),
        "dataType": types,
        "source": {"fileObject": {"@id": f"{table}.csv"}, "extract": {"column": column}},
    }
    if column == "item_id" and table != "items" and "item_id" in tables.get("items", {}):
        found["references"] = {"field": {"@id": "items/item_id"}}
    return found


def _is_answers(table: str, column: str, tables: Mapping[str, Mapping[str, str]]) -> bool:
    """Of what the task type writes for an answer, the part that the item does not have."""
    if table not in {"answers", "machine_answers"}:
        return False
    return column not in _COLUMNS[table] and column not in tables.get("items", {})


def _other(table: str, column: str, tables: Mapping[str, Mapping[str, str]]) -> str:
    return "Part of the answer" if _is_answers(table, column, tables) else "Part of the item"


def wage_row(line: Mapping) -> dict[str, object]:
    """A line of the wage file as a row of its table: every column, lists by semicolons."""
    flat = {name: ";".join(v) if isinstance(v, list) else v for name, v in line.items()}
    rejection: Mapping = line.get("rejection") or {}
    flat |= {f"rejection_{name}": words for name, words in rejection.items()}
    return {name: flat.get(name) for name in WAGE_COLUMNS}
