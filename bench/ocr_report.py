"""The section on OCR, from the results that `python -m bench.ocr` left in docs/ocr."""

import json
from statistics import mean, median
from typing import Any

from bench import ocr_plan, page

GOAL = 0.999
RANKED = 0.95


def lines() -> list[str]:
    """What has no result yet says so."""
    return [
        (
            "The line above is about the writing of this section, which takes its figures from"
            " logged results (docs/ocr/*.json). `python -m bench.ocr [step …]` measures what is"
            " missing, goes on after a kill, and makes way for other work. The days and loads of"
            " the measurements stand with them. Intervals are Wilson's, 95%. Test pictures are read"
            " once, with the mean weights of the last epoch."
        ),
        "",
        *_digits("digits-60", "Four digits, 4,000 pictures"),
        *_digits(
            "digits",
            "The first run: no squeezing, 38 epochs, smaller pictures in the tail, other seed",
        ),
        *_letters(),
        *_speed(),
        *_lift(),
        *_curve(),
        *_whole(),
        *_distortion(),
    ][:-1]


def _result(name: str) -> dict[str, Any] | None:
    path = ocr_plan.FOLDER / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _missing(title: str, step: str) -> list[str]:
    return [f"### {title}", "", f"Not measured yet (`python -m bench.ocr {step}`).", ""]


def _digits(name: str, title: str) -> list[str]:
    found = _result(name)
    if found is None:
        return _missing(title, name)
    reached = found["test"]["sequence"]["value"] >= GOAL
    return [
        f"### {title}",
        "",
        (
            f"- Goal, at least 99.9% of {found['test']['sequence']['n']:,} fresh texts within 60"
            f" epochs: {'met' if reached else 'missed'}, {_share(found['test']['sequence'])}."
        ),
        f"- Characters: {_share(found['test']['character'])}.",
        (
            "- With chances averaged over the picture and itself a pixel to the left and to the"
            f" right: {_share(found['shifted']['sequence'])}."
        ),
        f"- {_training(found)}",
        f"- Read wrong: {_wrong(found)}.",
        "",
        *_epochs(found),
        "",
        f"![Accuracy and time by epoch](ocr/{name}.svg)",
        "",
    ]


def _letters() -> list[str]:
    title = "The harder set: five characters of digits and capitals, 4,000 pictures"
    found = _result("letters")
    if found is None:
        return _missing(title, "letters")
    confused = ", ".join(
        f"{each['letter']} as {each['read']} {each['count']}" for each in found["confusions"][:8]
    )
    return [
        f"### {title}",
        "",
        f"- Texts: {_share(found['test']['sequence'])}.",
        f"- Characters: {_share(found['test']['character'])}.",
        f"- {_training(found)}",
        f"- Most often: {confused}.",
        "",
        *_epochs(found),
        "",
    ]


def _training(found: dict[str, Any]) -> str:
    epochs = found["epochs"]
    seconds = sum(each["train_seconds"] + each["test_seconds"] for each in epochs)
    cpu = sum(each["cpu_seconds"] for each in epochs)
    return (
        f"{len(epochs)} epochs of {found['samples']:,} pictures took {seconds / 60:.0f} minutes and"
        f" {cpu / 60:.0f} minutes of processor time; the load of the machine was"
        f" {found['load'][0]:.1f} when the step was last begun. {found['cpu_rate']:.0f} pictures a"
        " second of processor time, tests included."
    )


def _wrong(found: dict[str, Any]) -> str:
    told = [f"{each['text']} as {each['read']}" for each in found["mistakes"][:20]]
    more = found["test"]["sequence"]["n"] - found["test"]["sequence"]["right"] - len(told)
    return (", ".join(told) or "none") + (f" and {more} more" if more > 0 else "")


def _epochs(found: dict[str, Any]) -> list[str]:
    """Every epoch up to five, then every fifth, and the last."""
    chosen = [
        each
        for each in found["epochs"]
        if each["epoch"] <= 5 or each["epoch"] % 5 == 0 or each is found["epochs"][-1]
    ]
    return page.table(
        ["epoch", "picture", "loss", "characters", "texts", "seconds", "processor seconds"],
        [
            [
                str(each["epoch"]),
                f"{each['height']} × {each['width']}",
                f"{each['loss']:.3f}",
                f"{each['character']:.4f}",
                f"{each['sequence']:.4f}",
                f"{each['train_seconds'] + each['test_seconds']:.0f}",
                f"{each['cpu_seconds']:.0f}",
            ]
            for each in chosen
        ],
    )


def _speed() -> list[str]:
    title = "Pictures a second"
    found = _result("speed")
    if found is None:
        return _missing(title, "speed")
    base = median(found["kinds"]["float32"]["cpu"])
    return [
        f"### {title}",
        "",
        (
            f"`eca_nfnet_l0` with four heads, batches of {found['batch']}, one thread, the variants"
            " in turns; trained is forward, backward and a step. Pictures a second of processor"
            f" time, as others used the machine (load {found['load'][0]:.1f} before,"
            f" {found['load'][1]:.1f} after)."
        ),
        "",
        *page.table(
            ["variant", "trained", "by float32's", "read", "trained, wall clock"],
            [
                [
                    name,
                    page.number(median(each["cpu"])),
                    page.number(median(each["cpu"]) / base),
                    page.number(median(each["read"])),
                    page.number(median(each["wall"])),
                ]
                for name, each in found["kinds"].items()
            ],
        ),
        "",
    ]


def _lift() -> list[str]:
    title = "Lift of 20 contributors with 0 to 50% wrong labels"
    found = _result("lift")
    if found is None:
        return _missing(title, "lift")
    best = max(each["spearman"] for each in found["methods"].values())
    names = list(found["wrong"])
    values = {
        method: {one["name"]: one for one in each["contributors"]}
        for method, each in found["methods"].items()
    }
    return [
        f"### {title}",
        "",
        (
            f"- Goal, Spearman of lift and right labels at least {RANKED}:"
            f" {'met' if best >= RANKED else 'missed'}, {best:.3f} by the best method."
        ),
        (
            f"- Each has 200 of the 4,000 pictures; the backbone saw everybody's labels for"
            f" {len(found['epochs'])} epochs, heads are trained for every coalition on its features"
            f" (64 axes), {found['test']:,} fresh pictures test."
        ),
        "",
        *page.table(
            ["method, metric", "Spearman", "seconds"],
            [
                [method, f"{each['spearman']:.3f}", f"{each['seconds']:.0f}"]
                for method, each in found["methods"].items()
            ],
        ),
        "",
        *page.table(
            ["contributor", "wrong labels", *values],
            [
                [
                    name,
                    f"{found['wrong'][name]:.1%}",
                    *(f"{each[name]['value']:+.5f}" for each in values.values()),
                ]
                for name in names
            ],
        ),
        "",
    ]


def _curve() -> list[str]:
    title = "Accuracy by number of pictures"
    rows = []
    for count, epochs in ocr_plan.SIZES.items():
        each = [_result(f"samples-{count}-{seed}") for seed in range(ocr_plan.SEEDS)]
        texts = [one["test"]["sequence"]["value"] for one in each if one]
        characters = [one["test"]["character"]["value"] for one in each if one]
        if texts:
            rows.append(
                [
                    f"{count:,}",
                    str(epochs),
                    str(len(texts)),
                    f"{mean(texts):.4f}",
                    f"{min(texts):.4f} – {max(texts):.4f}",
                    f"{mean(characters):.4f}",
                ]
            )
        else:
            rows.append([f"{count:,}", str(epochs), "0", "not measured yet", "", ""])
    return [
        f"### {title}",
        "",
        (
            f"Four digits at 36 × 96 throughout, {ocr_plan.CURVE_TEST:,} fresh pictures, fewer"
            " epochs than the main run: the figures compare numbers of pictures, they are not"
            " the best that each could do. Seeds draw pictures, weights and order."
        ),
        "",
        *page.table(
            ["pictures", "epochs", "seeds", "texts, mean", "range over seeds", "characters, mean"],
            rows,
        ),
        "",
    ]


def _whole() -> list[str]:
    title = "A head a character against one head over 10,000 strings"
    pairs = [
        (_result(f"samples-4000-{seed}"), _result(f"whole-{seed}"))
        for seed in range(ocr_plan.SEEDS)
    ]
    both = [(one, other) for one, other in pairs if one and other]
    if not both:
        return _missing(title, "samples-4000-0 whole-0")
    return [
        f"### {title}",
        "",
        f"4,000 pictures, {ocr_plan.SIZES[4_000]} epochs, the same pictures, seed by seed.",
        "",
        *page.table(
            ["seed", "texts, a head a character", "texts, whole strings", "characters of these"],
            [
                [
                    str(one["seed"]),
                    _share(one["test"]["sequence"]),
                    _share(other["test"]["sequence"]),
                    _share(other["test"]["character"]),
                ]
                for one, other in both
            ],
        ),
        "",
    ]


def _distortion() -> list[str]:
    title = "Accuracy by distortion"
    found = _result("distortion")
    if found is None:
        return _missing(title, "distortion")
    units = {
        "rotation": "degrees of a character at most (30)",
        "dots": "dots (30)",
        "curves": "curves (1)",
        "blur": "pixels of blur (0)",
        "contrast": "share of the distance from text to paper (1)",
    }
    return [
        f"### {title}",
        "",
        (
            f"The reader of the main run on {ocr_plan.DISTORTED_TEST:,} other pictures for each"
            " level; the generator's own value in brackets, the rest of the picture as it makes it."
        ),
        "",
        *page.table(
            ["distortion", "level: texts right"],
            [
                [
                    units[name],
                    "; ".join(
                        f"{each['level']:g}: {each['sequence']['value']:.3f}" for each in levels
                    ),
                ]
                for name, levels in found.items()
                if name in units
            ],
        ),
        "",
    ]


def _share(found: dict[str, Any]) -> str:
    return (
        f"{found['value']:.2%} ({found['low']:.2%} to {found['high']:.2%};"
        f" {found['n'] - found['right']} of {found['n']:,} wrong)"
    )
