"""The lines on every aggregator; every sentence about a result follows from it."""

from typing import Any

from bench import page
from bench.scoring_methods import OURS, PEERS, PUBLISHED, Iteration, Methods
from gpu_jobs.aggregation.fits import FITS

NAMES = {
    "majority": "majority",
    "dawid-skene": "Dawid–Skene",
    "dawid-skene-map": "Dawid–Skene with priors",
    "one-coin": "one coin",
    "glad": "GLAD",
    "mace": "MACE, variational",
    "mace-em": "MACE, EM",
    "auto": "auto",
    "average": "average of those alike",
}
GOALS = {"dawid-skene": 40.0, "glad": 100.0, "mace": 15.0}
"""Times crowd-kit, an iteration."""


def lines(found: Methods) -> list[str]:
    crowds = list(dict.fromkeys(name for name, _ in found.fits))
    return [
        "### Labels of every crowd",
        "",
        (
            "Accuracy, ties split evenly: ours (crowd-kit's). `auto` sees the gold only to choose"
            " among methods that have not; the figure in brackets is its worth on gold that had no"
            " say in the choice (leave one out). Published figures are those that the README of"
            " the data quotes."
        ),
        "",
        *page.table(
            ["method", *crowds],
            [
                [NAMES[method], *(_cell(found, crowd, method) for crowd in crowds)]
                for method in OURS
            ],
        ),
        "",
        *_published(crowds),
        *_below(found, crowds),
        *_auto(found, crowds),
        *_others(found.others),
        "",
        "### An iteration",
        "",
        (
            "Seconds an iteration, from the slope between few and many, so that reading, coding"
            " and the start are in neither; one thread each, in turns. An iteration of GLAD is one"
            " E-step and one gradient here, and an E-step with up to 25 conjugate gradients at"
            " crowd-kit's; the next table has what both need in all."
        ),
        "",
        *page.table(
            ["method", "answers", "ours", "crowd-kit", "wall ratio (range)", "CPU ratio", "goal"],
            [_iteration(one) for one in found.iterations],
        ),
        "",
        "### A whole fit, and how good it is",
        "",
        (
            "CPU seconds of a fit from codes, with each side's own defaults, and the objective that"
            " both reach, by our formulas: GLAD the log-posterior, MACE the log-likelihood at the"
            " means of its parameters (higher is better). MACE: 10 starts on both sides; ours stop"
            " when they have converged, crowd-kit's run all 50 iterations."
        ),
        "",
        *page.table(
            ["crowd", "method", "ours, s", "crowd-kit, s", "ratio", "iterations",
             "objective, ours", "crowd-kit's"],
            [
                _whole(found, crowd, method)
                for crowd in crowds
                for method in ("glad", "mace", "mace-em")
                if (crowd, method) in found.reached
            ],
        ),
        "",
        "### Size",
        "",
        (
            "Dawid–Skene, 1,000 workers, 4 classes, ten answers an item; CPU seconds (an iteration:"
            " the median of five slopes between one iteration and four) and the peak"
            " memory of a process of its own, of which the second figure was there before the fit:"
            " the interpreter, its libraries and the codes."
        ),
        "",
        *page.table(
            ["answers", "an iteration, ms", "by answer, ns", "whole fit, s (iterations)",
             "peak, GiB (before)"],
            [
                [
                    f"{one['answers']:,}",
                    f"{one['iteration'] * 1e3:.1f}",
                    f"{one['iteration'] / one['answers'] * 1e9:.1f}",
                    f"{one['fit']:.2f} ({one['iterations']:.0f})",
                    f"{one['peak']:.2f} ({one['before']:.2f})",
                ]
                for one in found.scaling
            ],
        ),
        *_agreement(found),
    ]  # fmt: skip


def _agreement(found: Methods) -> list[str]:
    said = ["", "### Agreement", ""]
    if found.kappas:
        one = found.kappas
        said += [
            (
                f"Cohen's κ of all {one['pairs']:.0f} pairs of workers of bluebird:"
                f" {one['ours'] * 1e3:.1f} ms, scikit-learn called for each pair"
                f" {one['peer'] * 1e3:,.0f} ms; the largest difference is"
                f" {one['difference']:.0e}."
            ),
            "",
        ]
    return [
        *said,
        "Alpha with 1,000 draws of items beside 20 calls of krippendorff, CPU time:",
        "",
        "```",
        *found.intervals,
        "```",
    ]


def _cell(found: Methods, crowd: str, method: str) -> str:
    both = found.fits[crowd, method]
    ours = f"{both['ours']['accuracy']:.4f}"
    if method == "auto":
        kept = both["ours"]["choice"]["accuracy_held_out"]
        return f"{ours} [{kept:.4f}], {NAMES[both['ours']['method']]}"
    if "peer" not in both:
        return ours
    peer = both["peer"].get("accuracy")
    return f"{ours} ({'cannot run' if peer is None else f'{peer:.4f}'})"


def _published(crowds: list[str]) -> list[str]:
    named = [
        f"{crowd}: {', '.join(PUBLISHED[crowd].values())}" for crowd in crowds if crowd in PUBLISHED
    ]
    return [f"Published: {'; '.join(named)}.", ""] if named else []


def _below(found: Methods, crowds: list[str]) -> list[str]:
    worse = []
    for crowd in crowds:
        for method in PEERS:
            both = found.fits[crowd, method]
            peer = both["peer"].get("accuracy")
            if peer is None:
                continue
            items = both["ours"].get("gold_items") or 1
            lost = (peer - both["ours"]["accuracy"]) * items
            if lost > 1 + 1e-9:
                worse.append(f"{NAMES[method]} on {crowd} by {lost:.1f} items")
    return [f"Below crowd-kit by more than one item: {'; '.join(worse) or 'nowhere'}.", ""]


def _auto(found: Methods, crowds: list[str]) -> list[str]:
    def mean(method: str) -> float:
        return sum(found.fits[crowd, method]["ours"]["accuracy"] for crowd in crowds) / len(crowds)

    held_out = sum(
        found.fits[crowd, "auto"]["ours"]["choice"]["accuracy_held_out"] for crowd in crowds
    ) / len(crowds)
    explained = [found.fits[crowd, "auto"]["ours"]["choice"] for crowd in crowds]
    without = sum(one["gold_accuracy"][one["explains_best"]] for one in explained) / len(crowds)
    fixed = {method: mean(method) for method in FITS if method in OURS}
    best = max(fixed, key=lambda name: fixed[name])
    against = [
        crowd for crowd in crowds if found.fits[crowd, "auto"]["ours"]["agrees_against_gold"]
    ]
    return [
        (
            f"Mean over the crowds: auto {mean('auto'):.4f}, {held_out:.4f} on gold that had no"
            f" say; without any gold, by held-out answers, {without:.4f}; the best fixed method,"
            f" {NAMES[best]}, {fixed[best]:.4f}."
        ),
        "",
        (
            f"People agree with each other against the gold: {', '.join(against) or 'nowhere'}."
            " There the model that explains the answers best is right less often than the vote"
            " (sign test, 5%), and no help of aggregation is claimed."
        ),
        "",
    ]


def _others(others: dict[str, dict[str, Any]]) -> list[str]:
    said = []
    if "affect" in others:
        one, base = others["affect"], others["affect"]["baseline"]
        said.append(
            f"affect (numbers): MAE {one['mae']:.2f}, RMSE {one['rmse']:.2f}; the mean"
            f" {base['mae']:.2f} and {base['rmse']:.2f}, as published."
        )
    if "anesthesia" in others:
        priors = ", ".join(f"{value:.3f}" for value in others["anesthesia"]["priors"].values())
        said.append(f"anesthesia: priors {priors}; published .40, .42, .11, .07.")
    if "pandalm" in others:
        ranked = ", ".join(
            f"{one['name']} {one['strength']:+.2f} ± {one['deviation']:.2f}"
            for one in others["pandalm"]["competitors"]
        )
        said.append(f"pandalm (Bradley–Terry with ties and reliabilities): {ranked}.")
    return [line for each in said for line in (f"- {each}",)]


def _iteration(one: Iteration) -> list[str]:
    goal = GOALS[one.method]
    verdict = "met" if one.ratio["median"] >= goal else "missed"
    return [
        NAMES[one.method],
        f"{one.answers:,}",
        f"{one.ours * 1e3:.1f} ms",
        f"{one.peer * 1e3:,.0f} ms",
        page.ratio(one.ratio),
        page.ratio(one.cpu_ratio),
        f"{goal:g} times: {verdict}",
    ]


def _whole(found: Methods, crowd: str, method: str) -> list[str]:
    both = found.fits[crowd, method]
    ours, peer = both["ours"], both["peer"]
    mine = ours["log_posterior"] if method == "glad" else ours["log_likelihood"]
    count = ours.get("all_iterations", ours["iterations"])
    return [
        crowd,
        NAMES[method],
        f"{ours['cpu']:.3f}",
        f"{peer['cpu']:.2f}",
        page.number(peer["cpu"] / ours["cpu"]),
        f"{count}, {peer['iterations']}",
        f"{mine:,.1f}",
        f"{found.reached[crowd, method]:,.1f}",
    ]
