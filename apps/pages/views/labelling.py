"""How the labels of a run were made, in the words of a buyer and in those of a statistician."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.scoring.rules import Z_95, Share, wilson

NAMES = {
    "majority": "counting votes",
    "dawid-skene": "Dawid–Skene",
    "dawid-skene-map": "Dawid–Skene with priors",
    "one-coin": "one accuracy a person",
    "one-coin-map": "one accuracy a person, with priors",
    "glad": "GLAD",
    "mace": "MACE",
    "mace-em": "MACE, plain",
}
GOLD_LEAST = 30


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to make labels. `right` on known answers, `likelihood` mean log-probability of an
    answer that was held out; either may be missing. `why` it was not tried, if it was not.
    """

    name: str
    right: Share | None
    likelihood: float | None
    is_chosen: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """`warning` where people agree with each other against what is known."""

    name: str
    buyer: str
    statistician: str
    warning: str
    candidates: Sequence[Candidate]


def method_of(labels: Mapping) -> Method | None:
    """None for a run without labels."""
    if not labels.get("method"):
        return None
    name = NAMES.get(labels["method"], labels["method"])
    choice = labels.get("choice")
    return Method(
        name=name,
        buyer=" ".join(filter(None, (_why(labels, choice, name), _helps(labels)))),
        statistician=_formal(labels, choice),
        warning=_warning(labels),
        candidates=_candidates(labels, choice) if choice else [],
    )


def _why(labels: Mapping, choice: Mapping | None, name: str) -> str:
    if choice is None:
        return f"Labels are made by {name}, which was fixed and not chosen for these answers."
    n = labels.get("gold_items", 0)
    if choice["by"] == "gold":
        return (
            f"Labels are made by {name}: of all the ways that were tried it was chosen by the "
            f"{n:,} known answers."
        )
    return (
        f"Labels are made by {name}, which tells best what people answer here. With {n:,} known "
        f"answers, fewer than {GOLD_LEAST}, nothing says which way is right most often."
    )


def _helps(labels: Mapping) -> str:
    if labels.get("agrees_against_gold"):
        # What joining answers does is said in the warning, and nothing better is claimed here.
        return ""
    helps = labels.get("helps")
    if labels["method"] == "majority":
        return "It counts each person's answer the same."
    if helps is None:
        return "Whether that is better than counting votes cannot be said without known answers."
    if helps:
        return "It is right more often than counting votes."
    return "That it is right more often than counting votes is not shown."


def _formal(labels: Mapping, choice: Mapping | None) -> str:
    if choice is None:
        return f"Method {labels['method']}, fixed; {labels.get('iterations', 0):,} iterations."
    if choice["by"] == "gold":
        worth = choice.get("accuracy_held_out")
        held = "" if worth is None else f"; accuracy of the choice, leave one item out: {worth:.3f}"
        test = {True: "better", False: "not better", None: "not tested"}[labels.get("helps")]
        return (
            f"Most right labels on {labels['gold_items']:,} gold items, every candidate fitted "
            f"without gold{held}; {test} than the majority by a sign test (one-sided, 5%)."
        )
    likelihood = choice["held_out_log_likelihood"].get(labels["method"])
    mean = "" if likelihood is None else f" ({likelihood:.4f} an answer)"
    return f"Greatest log-likelihood of held-out answers in five folds{mean}; no gold was used."


def _warning(labels: Mapping) -> str:
    if not labels.get("agrees_against_gold"):
        return ""
    return (
        "What explains their answers best is right less often than counting votes, so they share a "
        "belief that the known answers contradict. Joining their answers does not help here, and "
        "no number of them will. Read the rubric and the known answers before you judge anybody."
    )


def _candidates(labels: Mapping, choice: Mapping) -> list[Candidate]:
    right = choice.get("gold_accuracy") or {}
    likelihoods = choice["held_out_log_likelihood"]
    rows = [
        Candidate(
            name=NAMES.get(key, key),
            right=_share(right.get(key), labels["gold_items"]),
            likelihood=likelihoods.get(key),
            is_chosen=key == labels["method"],
        )
        for key in likelihoods
    ]
    order = {True: lambda row: -row.right.value, False: lambda row: -row.likelihood}[bool(right)]
    return sorted(rows, key=order) + [
        Candidate(NAMES.get(key, key), None, None, is_chosen=False, why=why)
        for key, why in sorted(choice.get("unfit", {}).items())
    ]


def _share(value: float | None, n: int) -> Share | None:
    """Ties of a label count in parts, so what was right is rounded for the interval only."""
    if value is None or not n:
        return None
    right = round(value * n)
    return Share(right, n, value, *_around(value, wilson(right, n, Z_95)))


def _around(value: float, ends: tuple[float, float]) -> tuple[float, float]:
    return min(ends[0], value), max(ends[1], value)
