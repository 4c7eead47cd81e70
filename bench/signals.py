"""Gold, online scores, planning and pre-labels, measured: on real crowds, with seeds."""

from time import perf_counter, thread_time

import numpy as np

from bench import page, scoring, simulated
from gpu_jobs import tables
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.anomalies.chance import LEAST
from gpu_jobs.anomalies.duplicates import near_duplicates
from gpu_jobs.anomalies.survey import survey
from gpu_jobs.answers import NO_GOLD, Answers, encode
from gpu_jobs.calibration import expected_calibration_error
from gpu_jobs.gold.posterior import gold_scores
from gpu_jobs.gold.rate import gold_rate
from gpu_jobs.gold.suspects import suspect_gold
from gpu_jobs.online.standing import standing
from gpu_jobs.online.state import Online, difference
from gpu_jobs.planning.overlap import Rule, Statement, replay, thinned
from gpu_jobs.prelabel.model import suggest, train

SETS = ("rte", "bluebird", "polarity", "music", "ducks")
TURNED = 0.05
PEOPLE, TASKS, BAR = 2_000, 300, 0.8
GOOD = 0.1
SEEDS = 3
ONLINE = {"items": 100_000, "workers": 1_000, "overlap": 10}
ADDED = 5_000
NEW = 20_000
INSTRUCTION = ("text_instruction", "text_input")
KNOWN_GOLD = 60
"""Gold items that the second stop rule may see."""


def lines() -> list[str]:
    crowds = {
        name: encode(tables.read_crowd(scoring.DATA / f"{name}.csv"), repeats="keep")
        for name in SETS
        if (scoring.DATA / f"{name}.csv").is_file()
    }
    parts = [
        _people(crowds),
        _suspects(crowds),
        _rates(),
        _texts(),
        _online(),
        _planning(crowds),
        _prelabels(),
    ]
    return [line for part in parts for line in (*part, "")][:-1]


def _people(crowds: dict[str, Answers]) -> list[str]:
    rows = []
    for name, answers in crowds.items():
        blind = Answers(**(vars(answers) | {"gold": np.full(len(answers.items), NO_GOLD)}))
        found = survey(blind)
        scores = gold_scores(answers)
        n = np.bincount(answers.worker, minlength=len(answers.workers))
        enough = n >= LEAST
        good = enough & (scores.lower > 1 / len(answers.classes) + GOOD)
        bad = enough & (scores.high < 1 / len(answers.classes) + GOOD)
        speaks = [
            f"{int(signal.speaks[good].sum())} / {int(signal.speaks[bad].sum())}"
            for signal in found.signals.values()
        ]
        flagged = found.flags.flagged
        rows.append(
            [
                name,
                f"{int(good.sum())} / {int(bad.sum())} of {int(enough.sum())}",
                *speaks,
                f"{int(flagged[good].sum())} / {int(flagged[bad].sum())}",
            ]
        )
    return [
        (
            f"**Signals on real people** with at least {LEAST} answers, computed without the gold"
            " and judged by it. Good: the lower 90% bound of their gold accuracy is more than"
            f" {GOOD} above chance; bad: even the upper 95% bound is not. Each cell: good people"
            " for whom the signal speaks / bad ones. No times, order or texts are known: four"
            " signals are absent."
        ),
        "",
        *page.table(["crowd", "good / bad", *found.signals, "flagged"], rows),
    ]


def _suspects(crowds: dict[str, Answers]) -> list[str]:
    made = [simulated.crowd(np.random.default_rng(seed), gold=True).answers for seed in range(5)]
    rows = [["simulated", *_turned(made)]]
    rows += [[name, *_turned([answers] * SEEDS)] for name, answers in crowds.items()]
    return [
        (
            f"**Suspect gold.** {TURNED:.0%} of the gold items, drawn with a seed, are given a"
            " wrong answer. Found: share of those that are called suspect. Called wrongly: share of"
            " the others; on real crowds some of them may in truth be wrong, and all of them are"
            " what"
            " a person would have to look at. ρ: correlation of errors on one item."
        ),
        "",
        *page.table(["crowd", "gold items", "found", "called wrongly", "ρ"], rows),
    ]


def _turned(crowds: list[Answers]) -> list[str]:
    found, false, correlation = [], [], []
    for seed, answers in enumerate(crowds):
        draw = np.random.default_rng(seed)
        known = answers.gold >= 0
        turned = known & (draw.random(len(known)) < TURNED)
        classes = len(answers.classes)
        wrong = (answers.gold + draw.integers(1, classes, len(known))) % classes
        gold = np.where(turned, wrong, answers.gold)
        suspects = suspect_gold(Answers(**(vars(answers) | {"gold": gold})))
        found.append(suspects.suspect[turned[suspects.item]].mean())
        false.append(suspects.suspect[~turned[suspects.item]].mean())
        correlation.append(suspects.correlation)
    items = int((crowds[0].gold >= 0).sum())
    return [
        f"{items:,}",
        f"{np.mean(found):.0%}",
        f"{np.mean(false):.2%}",
        f"{np.mean(correlation):.2f}",
    ]


def _rates() -> list[str]:
    rows = []
    for name in ("5%", "10%", "15%", "adaptive"):
        share, right, early = _decided(name, BAR)
        rows.append([name, f"{share:.1%}", f"{right:.1%}", f"{early:.0f}"])
    return [
        (
            f"**Gold rate.** {PEOPLE:,} simulated people, accuracy Beta(12, 4), {TASKS} tasks"
            f" each, bar {BAR}. Right: share of the people whose posterior mean stands on the true"
            " side of the bar in the end. Eighth gold: tasks until the median person has met eight."
        ),
        "",
        *page.table(["rate", "gold among tasks", "right", "eighth gold"], rows),
    ]


def _decided(rate: str, bar: float) -> tuple[float, float, float]:
    draw = np.random.default_rng(1)
    people, tasks = PEOPLE, TASKS
    skill = draw.beta(12, 4, people)
    correct, gold = np.zeros(people), np.zeros(people)
    eighth = np.full(people, np.inf)
    for task in range(tasks):
        share = (
            gold_rate(correct, gold, bar=bar)
            if rate == "adaptive"
            else np.full(people, float(rate.rstrip("%")) / 100)
        )
        met = draw.random(people) < share
        gold += met
        correct += met & (draw.random(people) < skill)
        eighth = np.where((gold >= 8) & np.isinf(eighth), task + 1, eighth)
    mean = (0.5 + correct) / (1 + gold)
    right = (mean >= bar) == (skill >= bar)
    return float(gold.mean() / tasks), float(right.mean()), float(np.median(eighth))


def _texts() -> list[str]:
    path = scoring.DATA / "pandalm.items.csv"
    if not path.is_file():
        return []
    columns = ("item_id", "text_instruction", "response_a", "response_b", "models")
    table = tables.read_columns(path, required=columns, optional=("text_input",))
    asked = [f"{a}\n{b}" for a, b in zip(*(table[c].to_pylist() for c in INSTRUCTION), strict=True)]
    pairs = [name.split("_") for name in table["models"].to_pylist()]
    # A model's response to an instruction stands in several rows, beside those of other models.
    said = {
        (model, task): text
        for side, column in enumerate(("response_a", "response_b"))
        for task, models, text in zip(asked, pairs, table[column].to_pylist(), strict=True)
        for model in (models[side],)
    }
    models, tasks = (sorted({key[i] for key in said}) for i in range(2))
    who, what = ({name: code for code, name in enumerate(names)} for names in (models, tasks))
    author = np.array([who[model] for model, _ in said])
    item = np.array([what[task] for _, task in said])
    start = perf_counter()
    found = near_duplicates(list(said.values()), author, item, workers=len(models))
    seconds = perf_counter() - start
    apart = int((item[found.first] != item[found.second]).sum())
    size = np.bincount(item)
    together = int((size * (size - 1) // 2).sum())
    every = found.compared * (found.compared - 1) // 2
    return [
        (
            f"**Near-duplicate texts.** {len(said):,} responses of {len(models)} language models to"
            f" {len(tasks)} instructions (pandalm), {found.compared:,} of at least 40 characters,"
            f" in {seconds:.1f} s. Between different instructions: {apart} pairs of some {every:,}."
            f" To the same instruction: {len(found.first) - apart} of at most {together} pairs;"
            " models of one training write alike, and some tasks leave little choice, so near-"
            "duplicates on one item alone prove no copying."
        )
    ]


def _online() -> list[str]:
    made = simulated.crowd(np.random.default_rng(7), **ONLINE)
    answers = made.answers
    held = np.zeros(len(answers), dtype=bool)
    held[np.random.default_rng(8).permutation(len(answers))[:ADDED]] = True
    start = perf_counter()
    fit = standing(_kept(answers, ~held))
    state = Online.start(_kept(answers, ~held), fit=fit)
    apart_from_all = Online.start(_kept(answers, ~held), fit=fit)
    ready = perf_counter() - start
    taken, worked = np.empty(ADDED), np.empty(ADDED)
    names = [
        (
            answers.items[answers.item[i]],
            answers.workers[answers.worker[i]],
            answers.classes[answers.value[i]],
        )
        for i in np.flatnonzero(held)
    ]
    for number, name in enumerate(names):
        begun, cpu = perf_counter(), thread_time()
        state.add(*name)
        worked[number] = thread_time() - cpu
        taken[number] = perf_counter() - begun
    fresh = np.empty(NEW)
    for number in range(NEW):
        cpu = thread_time()
        apart_from_all.add(f"new {number}", f"somebody {number}", answers.classes[number % 4])
        fresh[number] = thread_time() - cpu
    ordered = Online.start(_kept(answers, ~held), fit=fit, level="ordinal")
    ranked = np.empty(ADDED)
    for number, name in enumerate(names):
        cpu = thread_time()
        ordered.add(*name)
        ranked[number] = thread_time() - cpu
    start = perf_counter()
    full = Online.start(answers)
    whole = perf_counter() - start
    apart = difference(state, full)
    middle, late, most = np.quantile(taken, [0.5, 0.99, 1]) * 1000
    own, new, by_rank = (each.max() * 1000 for each in (worked, fresh, ranked))
    batch = alpha_of(answers, level="ordinal").alpha
    return [
        (
            f"**Online.** {len(answers):,} answers, {len(answers.items):,} items,"
            f" {len(answers.workers):,} people, 4 classes. One new answer: median {middle:.2f} ms,"
            f" 99% {late:.2f} ms, slowest of {ADDED:,}: {most:.2f} ms;"
            f" by the processor's time, which other work on the machine does not lengthen, the"
            f" slowest took {own:.2f} ms, and of {NEW:,} answers by new people to new items"
            f" {new:.2f} ms (goal: 5). Full run {whole:.1f} s"
            " (first"
            f" one {ready:.1f} s, {fit.iterations} iterations). After {ADDED:,} answers one by one,"
            f" beside the full run over the same answers: mean change of an item's probability"
            f" {apart.mean:.1e}, largest {apart.largest:.2f}, labels that differ {apart.labels},"
            f" largest change of a person's accuracy {apart.accuracy:.4f}, alpha"
            f" {apart.alpha_online:.6f} and {apart.alpha_full:.6f}. With the alpha of ordered"
            f" classes, whose distances all move with each answer: slowest {by_rank:.2f} ms, alpha"
            f" {ordered.alpha.alpha():.6f}, that of all answers at once {batch:.6f}."
        )
    ]


def _kept(answers: Answers, mask: np.ndarray) -> Answers:
    arrays = {name: getattr(answers, name)[mask] for name in ("item", "worker", "value", "row")}
    return Answers(**(vars(answers) | arrays))


def _planning(crowds: dict[str, Answers]) -> list[str]:
    rows = []
    for name, answers in crowds.items():
        most = int(np.bincount(answers.item).max())
        overlaps = [*range(1, min(most, 12) + 1), *range(15, most, 5), *([most] * (most > 12))]
        curve = {overlap: _fixed(answers, overlap) for overlap in overlaps}
        rows += [
            _saved(name, answers, curve, error, known)
            for known in (0, KNOWN_GOLD)
            for error in (0.1, 0.05)
        ]
    return [
        (
            f"**Dynamic overlap.** Answers of finished projects dealt in random order, means of"
            f" {SEEDS} orders. The rule stops an item when its label is wrong with at most the"
            " stated"
            " error; gold: how many gold items it may tune its temperature by. Equal accuracy:"
            " answers an item that a fixed overlap needs"
            " for the same accuracy with the same aggregation, ± one standard error of the accuracy"
            " (√(a(1 − a)/items)); — where no fixed overlap up to all answers reaches it. Error"
            " among the sure: measured on gold that the rule did not see, beside the posterior's;"
            " what the rule says: with 30 gold items or more among the sure, Wilson's 95% interval"
            " of the error by them, and whether the stated error is kept, not kept, or open; else"
            " only"
            " that the posterior's figure holds as far as people disagree."
        ),
        "",
        *page.table(
            [
                "crowd",
                "gold",
                "stated",
                "answers an item, all",
                "used",
                "accuracy, all",
                "accuracy, rule",
                "fixed overlap of equal accuracy",
                "saved",
                "sure items",
                "error among the sure: by the posterior / measured",
                "what the rule says of it",
            ],
            rows,
        ),
    ]


def _saved(
    name: str, answers: Answers, curve: dict[int, float], error: float, gold: int
) -> list[str]:
    available = np.bincount(answers.item, minlength=len(answers.items))
    most = max(curve)
    used, right, sure, said, wrong, ground = [], [], [], [], [], []
    known = answers.gold >= 0
    for seed in range(SEEDS):
        draw = np.random.default_rng(seed)
        seen = np.zeros(len(known), dtype=bool)
        seen[draw.permutation(np.flatnonzero(known))[:gold]] = True
        found = replay(answers, Rule(error=error, most=most), draw, known=seen)
        judged = known & ~seen
        used.append(found.used.mean())
        right.append((found.label == answers.gold)[judged].mean())
        sure.append(found.sure.mean())
        said.append(found.stated if found.stated is not None else np.nan)
        wrong.append((found.label != answers.gold)[judged & found.sure].mean())
        ground.append(found.statement)
    target = float(np.mean(right))
    equal = _crossing(curve, target)
    share = 1 - float(np.mean(used)) / equal if equal else None
    saved = "—" if share is None else f"{share:.0%}" if share > 0 else "none"
    return [
        name,
        str(gold),
        f"{error:.0%}",
        f"{available.mean():.1f}",
        f"{np.mean(used):.2f}",
        f"{curve[most]:.4f}",
        f"{target:.4f} ± {np.sqrt(target * (1 - target) / known.sum()):.4f}",
        f"{equal:.2f}" if equal else "—",
        saved,
        f"{np.mean(sure):.0%}",
        f"{np.mean(said):.1%} / {np.mean(wrong):.1%}",
        _from_gold(ground),
    ]


def _from_gold(said: list[Statement]) -> str:
    """Mean ends of the interval, and what is said of the promise in most of the orders."""
    known = [one for one in said if one.basis == "gold"]
    if not known:
        return "as far as people disagree"
    low, high = (float(np.mean([getattr(one, end) for one in known])) for end in ("low", "high"))
    words = {True: "kept", False: "not kept", None: "open"}
    verdicts = [words[one.kept] for one in known]
    return f"{low:.1%} – {high:.1%}: {max(sorted(set(verdicts)), key=verdicts.count)}"


def _fixed(answers: Answers, overlap: int) -> float:
    known = answers.gold >= 0
    found = []
    for seed in range(SEEDS):
        fit = standing(thinned(answers, overlap, np.random.default_rng(seed)))
        found.append((fit.posterior.argmax(axis=1) == answers.gold)[known].mean())
    return float(np.mean(found))


def _crossing(curve: dict[int, float], target: float) -> float | None:
    """Overlap at which the curve first reaches the target, linearly between measured ones."""
    before: int | None = None
    for overlap, value in curve.items():
        if value >= target:
            if before is None:
                return float(overlap)
            low = curve[before]
            return before + (overlap - before) * (target - low) / (value - low)
        before = overlap
    return None


def _prelabels() -> list[str]:
    path = scoring.DATA / "polarity.items.csv"
    if not path.is_file():
        return []
    table = tables.read_columns(path, required=("item_id", "gold", "text", "split"))
    split = np.array(table["split"].to_pylist())
    gold = np.array([int(value) for value in table["gold"].to_pylist()])
    texts = table["text"].to_pylist()
    crowd = encode(tables.read_crowd(scoring.DATA / "polarity.csv"), repeats="keep")
    place = {name: code for code, name in enumerate(table["item_id"].to_pylist())}
    of_item = np.array([place[name] for name in crowd.items])
    posterior = standing(crowd).posterior
    inputs = {
        "gold": (np.flatnonzero(split == "train"), None),
        "probabilities of the crowd": (of_item, posterior),
    }
    test = np.flatnonzero(split == "test")
    rows = []
    for name, (items, given) in inputs.items():
        truth = np.eye(2)[gold[items]] if given is None else given
        start = perf_counter()
        model = train(
            [texts[i] for i in items], truth, classes=["0", "1"], draw=np.random.default_rng(0)
        )
        seconds = perf_counter() - start
        p = suggest(model, [texts[i] for i in test])
        right = p.argmax(axis=1) == gold[test]
        sure = p.max(axis=1) >= 0.8
        rows.append(
            [
                name,
                f"{right.mean():.3f}",
                f"{model.error_before:.3f} → {model.error_after:.3f}",
                f"{expected_calibration_error(p, gold[test]):.3f}",
                f"{sure.mean():.0%}: {right[sure].mean():.3f}",
                f"{seconds:.0f}",
            ]
        )
    return [
        (
            f"**Pre-labels.** polarity: trained on {int((split == 'train').sum()):,} items, judged"
            " by"
            f" {len(test):,} sentences it has not seen (standard error .006; TF-IDF with"
            " scikit-learn's logistic regression: .757 trained on gold). Calibration error: on the"
            " held-out folds before → after the temperature, then on the unseen sentences by gold."
        ),
        "",
        *page.table(
            ["trained on", "accuracy", "held out", "unseen", "sure (≥ 0.8): accuracy", "seconds"],
            rows,
        ),
    ]
