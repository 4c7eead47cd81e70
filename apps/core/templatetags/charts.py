"""Charts as SVG from the server: `{% load charts %}`. Colours and fonts are the style sheet's.

Each takes a title, its points and how a number is written (`number`, `percent` of a share, `signed`
with four digits, or a currency's code for minor units). It draws a picture with an accessible name
and the same numbers as a table below it. Points may come from any query; nothing here knows what
they mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.money import written

register = template.Library()

WIDTH = 480  # small enough that its words can be read on a phone
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 28
ROW = 30
LABELS = 140  # the column of a bar chart's labels
TICKS = 4


@dataclass(frozen=True, slots=True)
class Rule:
    kind: str
    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class Path:
    kind: str
    d: str


@dataclass(frozen=True, slots=True)
class Box:
    kind: str
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Text:
    kind: str
    x: str
    y: str
    anchor: str
    text: str


@dataclass(slots=True)
class Drawing:
    """What stands in the SVG. Coordinates are written out: templates would group thousands."""

    width: int
    height: int
    rules: list[Rule] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)

    def rule(self, kind: str, *ends: float) -> None:
        self.rules.append(Rule(kind, *map(_at, ends)))

    def text(self, text: str, x: float, y: float, *, anchor: str = "start", kind: str = "") -> None:
        self.texts.append(Text(kind, _at(x), _at(y), anchor, text))


def _at(number: float) -> str:
    return f"{number:.1f}"


def _written(form: str, value: float) -> str:
    if form == "number":
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    if form == "signed":
        return f"{value:+.4f}".replace("-", "−")
    return f"{value:.0%}" if form == "percent" else written(round(value), form)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_at(x)} {_at(y)}" for x, y in points)


def _top(highest: float) -> float:
    """The end of an axis from 0: the next of 1, 2, 2.5, 4, 5, 8 × a power of ten."""
    if highest <= 0:
        return 1.0
    power = 1.0
    while power > highest:
        power /= 10
    while power * 10 < highest:
        power *= 10
    return next(step * power for step in (1, 2, 2.5, 4, 5, 8, 10) if step * power >= highest)


def _axis(drawing: Drawing, top: float, form: str) -> Callable[[float], float]:
    """Rules and numbers from 0 to `top`; where a value stands."""
    low, high = drawing.height - BOTTOM, TOP

    def y(value: float) -> float:
        return low - (low - high) * min(value, top) / top

    for step in range(TICKS + 1):
        value = top * step / TICKS
        drawing.rule("axis" if step == 0 else "rule", LEFT, y(value), WIDTH - RIGHT, y(value))
        drawing.text(_written(form, value), LEFT - 8, y(value) + 4, anchor="end")
    return y


@register.inclusion_tag("components/chart.html")
def bar_chart(
    title: str, points: Sequence[tuple[str, float]], form: str = "number", unit: str = "Value"
) -> dict:
    """Horizontal bars: points are (label, value of 0 or more)."""
    drawing = Drawing(WIDTH, max(len(points), 1) * ROW + 4)
    top = max((value for _, value in points), default=0) or 1
    room = WIDTH - LABELS - 80
    for index, (label, value) in enumerate(points):
        middle = index * ROW + ROW / 2 + 2
        long = max(room * value / top, 2)
        box = Box("bar", _at(LABELS), _at(middle - 9), _at(long), _at(18))
        drawing.boxes.append(box)
        drawing.text(label, LABELS - 10, middle + 4, anchor="end")
        drawing.text(_written(form, value), LABELS + long + 8, middle + 4, kind="value")
    rows = [(label, _written(form, value)) for label, value in points]
    summary = f"{title}: " + ", ".join(f"{label} {value}" for label, value in rows)
    columns = ("", unit)
    return {
        "title": title, "drawing": drawing, "summary": summary, "columns": columns, "rows": rows
    }  # fmt: skip


@register.inclusion_tag("components/chart.html")
def line_chart(
    title: str,
    points: Sequence[tuple[str, float, float | None, float | None]],
    form: str = "number",
    unit: str = "Value",
) -> dict:
    """A line with its band: points are (label, value, low, high); low and high may be None."""
    drawing = Drawing(WIDTH, 220)
    highest = max((max(value, high or 0) for _, value, _, high in points), default=0)
    y = _axis(drawing, _top(highest), form)
    step = (WIDTH - LEFT - RIGHT - 24) / max(len(points) - 1, 1)
    places = [LEFT + 12 + step * index for index in range(len(points))]
    known = [
        (x, low, high)
        for x, (_, _, low, high) in zip(places, points, strict=True)
        if low is not None and high is not None
    ]
    if known:
        upper = [(x, y(high)) for x, _, high in known]
        lower = [(x, y(low)) for x, low, _ in reversed(known)]
        drawing.paths.append(Path("band", _path([*upper, *lower]) + "Z"))
    line = [(x, y(point[1])) for x, point in zip(places, points, strict=True)]
    if line:
        drawing.paths.append(Path("line", _path(line)))
        drawing.dots.append(Dot(_at(line[-1][0]), _at(line[-1][1])))
    every = max(1, -(-len(points) // 6))
    for index, (x, point) in enumerate(zip(places, points, strict=True)):
        if index % every == 0:
            drawing.text(point[0], x, drawing.height - 8, anchor="middle")
    rows = [
        (
            label,
            _written(form, value),
            "—" if low is None else _written(form, low),
            "—" if high is None else _written(form, high),
        )
        for label, value, low, high in points
    ]
    ends = f"from {rows[0][1]} ({rows[0][0]}) to {rows[-1][1]} ({rows[-1][0]})" if rows else "empty"
    columns = ("", unit, "Low", "High")
    return {
        "title": title, "drawing": drawing, "summary": f"{title}: {ends}", "columns": columns,
        "rows": rows,
    }  # fmt: skip


@register.inclusion_tag("components/chart.html")
def curve_chart(
    title: str,
    points: Sequence[tuple[str, float, float, float]],
    ahead: tuple[str, float, float, float] | None = None,
    unit: str = "Value",
) -> dict:
    """A measured curve with its band, and behind a dashed line what is foretold, with an error bar.

    Points are (label, value, low, high), as is `ahead`. The axis begins near the lowest of them: a
    curve is read by its bend, and its numbers stand below. Values may be negative.
    """
    drawing = Drawing(WIDTH, 220)
    every = [*points, *([ahead] if ahead else [])]
    ends = [end for point in every for end in point[1:]]
    start, step, digits = _span(min(ends, default=0.0), max(ends, default=1.0))
    foot = drawing.height - BOTTOM

    def y(value: float) -> float:
        return foot - (foot - TOP) * (value - start) / (TICKS * step)

    for tick in range(TICKS + 1):
        value = start + tick * step
        drawing.rule("axis" if tick == 0 else "rule", LEFT, y(value), WIDTH - RIGHT, y(value))
        drawing.text(_signless(value, digits), LEFT - 8, y(value) + 4, anchor="end")
    wide = (WIDTH - LEFT - RIGHT - 44) / max(len(every) - 1, 1)
    places = [LEFT + 16 + wide * index for index in range(len(every))]
    seen = list(zip(places, points, strict=False))
    if seen:
        upper = [(x, y(high)) for x, (_, _, _, high) in seen]
        lower = [(x, y(low)) for x, (_, _, low, _) in reversed(seen)]
        drawing.paths.append(Path("band", _path([*upper, *lower]) + "Z"))
        drawing.paths.append(Path("line", _path([(x, y(value)) for x, (_, value, _, _) in seen])))
        drawing.dots.append(Dot(_at(seen[-1][0]), _at(y(seen[-1][1][1]))))
    if seen and ahead:
        x, (_, value, low, high) = places[-1], ahead
        drawing.rule("marker", seen[-1][0] + 5, y(seen[-1][1][1]), x, y(value))
        drawing.rule("error", x, y(low), x, y(high))
        for end in (low, high):
            drawing.rule("error", x - 5, y(end), x + 5, y(end))
        drawing.dots.append(Dot(_at(x), _at(y(value))))
    for x, point in zip(places, every, strict=True):
        drawing.text(point[0], x, drawing.height - 8, anchor="middle")
    rows = [(label, *(f"{number:.4f}" for number in numbers)) for label, *numbers in every]
    summary = f"{title}: "
    summary += f"{rows[0][1]} at {rows[0][0]}, {rows[-1][1]} at {rows[-1][0]}" if rows else "empty"
    return {
        "title": title, "drawing": drawing, "summary": summary, "rows": rows,
        "columns": ("Answers", unit, "Low", "High"),
    }  # fmt: skip


def _span(low: float, high: float) -> tuple[float, float, int]:
    """Start and step of an axis that holds both, and the digits that its numbers need."""
    room = max(high - low, 1e-6) / TICKS
    digits = 0
    while room * 10**digits < 1:
        digits += 1
    for more in range(3):
        for factor in (1, 2, 2.5, 5, 10):
            step = factor * 10 ** (more - digits)
            start = step * (low // step)
            if start + TICKS * step >= high:
                return start, step, digits + (factor == 2.5)
    return low, room, digits + 1


def _signless(value: float, digits: int) -> str:
    return f"{value + 0.0:.{digits}f}".replace("-", "−")


BARS = 92  # the column of an interval chart's figures


@register.inclusion_tag("components/chart.html")
def interval_chart(
    title: str,
    points: Sequence[tuple[str, float, float | None, float | None]],
    form: str = "signed",
    unit: str = "Value",
) -> dict:
    """Values with error bars around a line at zero: points are (label, value, low, high).

    Low and high may be None. What lies above zero with its whole bar is drawn as `above`, what lies
    below as `below`; the words of the table say it, too.
    """
    drawing = Drawing(WIDTH, max(len(points), 1) * ROW + 30)
    ends = [0.0]
    for _, value, low, high in points:
        ends += [each for each in (value, low, high) if each is not None]
    start, room = min(ends), (max(ends) - min(ends)) or 1.0
    wide = WIDTH - LABELS - BARS - 16

    def x(value: float) -> float:
        return LABELS + 8 + wide * (value - start) / room

    foot = drawing.height - 26
    drawing.rule("axis", x(0), 2, x(0), foot)
    drawing.text("0", x(0), foot + 16, anchor="middle")
    rows = []
    for index, (label, value, low, high) in enumerate(points):
        middle = index * ROW + ROW / 2 + 2
        side = _side(low, high)
        if low is not None and high is not None:
            drawing.rule(f"error {side}", x(low), middle, x(high), middle)
            for end in (low, high):
                drawing.rule(f"error {side}", x(end), middle - 5, x(end), middle + 5)
        drawing.dots.append(Dot(_at(x(value)), _at(middle)))
        drawing.text(label, LABELS - 10, middle + 4, anchor="end")
        drawing.text(_written(form, value), WIDTH, middle + 4, anchor="end", kind="value")
        bounds = ["—" if end is None else _written(form, end) for end in (low, high)]
        rows.append((label, _written(form, value), *bounds, _SIDES[side]))
    above = sum(_side(low, high) == "above" for _, _, low, high in points)
    return {
        "title": title, "drawing": drawing, "rows": rows,
        "summary": f"{title}: {len(points)} values, {above} of them above zero with their interval",
        "columns": ("", unit, "Low", "High", "Its interval"),
    }  # fmt: skip


_SIDES = {"above": "above zero", "below": "below zero", "around": "holds zero"}


def _side(low: float | None, high: float | None) -> str:
    if low is not None and low > 0:
        return "above"
    return "below" if high is not None and high < 0 else "around"


@register.inclusion_tag("components/chart.html")
def distribution(
    title: str,
    bins: Sequence[tuple[str, float]],
    form: str = "number",
    marker: tuple[float, str] | None = None,
) -> dict:
    """A histogram: bins are (label, count). `marker` is (place in bins from 0, words)."""
    drawing = Drawing(WIDTH, 220)
    y = _axis(drawing, _top(max((count for _, count in bins), default=0)), form)
    step = (WIDTH - LEFT - RIGHT) / max(len(bins), 1)
    every = max(1, -(-len(bins) // 8))
    for index, (label, count) in enumerate(bins):
        x = LEFT + step * index
        high = y(0) - y(count)
        box = Box("bar", _at(x + 2), _at(y(count)), _at(max(step - 4, 1)), _at(high))
        drawing.boxes.append(box)
        if index % every == 0:
            drawing.text(label, x + step / 2, drawing.height - 8, anchor="middle")
    words = ""
    if marker is not None:
        x = LEFT + step * marker[0]
        drawing.rule("marker", x, TOP, x, y(0))
        is_right = marker[0] > len(bins) * 2 / 3
        drawing.text(
            marker[1], x - 6 if is_right else x + 6, TOP + 10,
            anchor="end" if is_right else "start", kind="marker-text",
        )  # fmt: skip
        words = f"; {marker[1]}"
    rows = [(label, _written(form, count)) for label, count in bins]
    most = max(bins, key=lambda bin_: bin_[1])[0] if bins else "none"
    return {
        "title": title, "drawing": drawing, "summary": f"{title}: most at {most}{words}",
        "columns": ("", "Count"), "rows": rows,
    }  # fmt: skip


@register.simple_tag
def sparkline(values: Sequence[float], label: str) -> SafeString:
    """A line of a word's height; `label` says in words what it shows."""
    if not values:
        return format_html('<span class="muted">{}</span>', "—")
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = 92 / max(len(values) - 1, 1)
    points = [(2 + step * at, 21 - 18 * (value - low) / span) for at, value in enumerate(values)]
    return format_html(
        '<svg class="sparkline" viewBox="0 0 96 24" role="img" aria-label="{}">'
        '<path class="line" d="{}"></path><circle class="end" cx="{}" cy="{}" r="3"></circle>'
        "</svg>",
        label, _path(points), _at(points[-1][0]), _at(points[-1][1]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole: `number` picks its colour, counted from 1."""

    number: int
    label: str
    written: str
    box: Box


@register.inclusion_tag("components/shares.html")
def share_bar(title: str, parts: Sequence[tuple[str, float]], form: str = "number") -> dict:
    """One bar that is cut into the parts of a whole, and its key: parts are (label, value).

    The numbers stand in the key, so there is no table below; at most six parts have a colour.
    """
    total = sum(value for _, value in parts)
    left, shares = 0.0, []
    for number, (label, value) in enumerate(parts, 1):
        long = WIDTH * value / total if total else 0.0
        box = Box(f"part-{number}", _at(left), "0", _at(max(long - 1.5, 0)), "18")
        shares.append(Share(number, label, _written(form, value), box))
        left += long
    summary = f"{title}: " + ", ".join(f"{row.label} {row.written}" for row in shares)
    return {"title": title, "shares": shares, "summary": summary, "width": WIDTH}


@register.inclusion_tag("components/scale.html")
def scale(
    title: str,
    value: float,
    marks: Sequence[tuple[float, str]] = (),
    low: float | None = None,
    high: float | None = None,
) -> dict:
    """A figure from 0 to 1 on its scale, with its interval and the bounds that it is judged by.

    `marks` are (place, words); a value below 0 stands at 0, its own words say it.
    """
    drawing = Drawing(WIDTH, 78)
    start, room, middle = 12, WIDTH - 24, 34

    def x(share: float) -> float:
        return start + room * min(max(share, 0.0), 1.0)

    drawing.rule("rule track", x(0), middle, x(1), middle)
    if low is not None and high is not None:
        wide = max(x(high) - x(low), 1)
        drawing.boxes.append(
            Box("interval", _at(x(low)), _at(middle - 7), _at(wide), "14"),
        )
    for number, (place, words) in enumerate(marks):
        drawing.rule("marker", x(place), middle - 14, x(place), middle + 14)
        # The words of the first bound stand before it, all others behind: they may lie close.
        drawing.text(words, x(place), middle + 32, anchor="start" if number else "end")
    drawing.text("0", x(0), middle + 32)
    drawing.text("1", x(1), middle + 32, anchor="end")
    drawing.dots.append(Dot(_at(x(value)), _at(middle)))
    side = "end" if value > 0.9 else "start" if value < 0.1 else "middle"
    drawing.text(f"{value:.3f}", x(value), middle - 16, anchor=side, kind="value")
    span = "" if low is None or high is None else f", interval {low:.3f} to {high:.3f}"
    bounds = "".join(f"; {words} from {place:g}" for place, words in marks)
    return {"title": title, "drawing": drawing, "summary": f"{title}: {value:.3f}{span}{bounds}"}


# From this kappa on a square has the next colour; below the first it has that of disagreement.
HEAT = (0.0, 0.2, 0.4, 0.6, 0.8)
NAMES = 112  # the column of a map's names
SQUARE = 36


@register.inclusion_tag("components/heat_map.html")
def heat_map(
    title: str,
    names: Sequence[str],
    pairs: Sequence[tuple[int, int, float, float, float, int]],
    unit: str = "Kappa",
) -> dict:
    """Everybody with everybody: pairs are (place, place, value, low, high, n), values up to 1.

    Names are places in `names`; a pair that is not there has an empty square.
    """
    count = max(len(names), 1)
    side = min(SQUARE, (WIDTH - NAMES) / count)
    drawing = Drawing(WIDTH, round(side * count) + 24)
    known = {(a, b): value for a, b, value, *_ in pairs}
    known |= {(b, a): value for (a, b), value in known.items()}
    for row, name in enumerate(names):
        middle = 20 + side * row + side / 2 + 4
        drawing.text(f"{row + 1}  {name}", 0, middle)
        drawing.text(str(row + 1), NAMES + side * row + side / 2, 12, anchor="middle")
        for column in range(len(names)):
            value = known.get((row, column))
            kind = "heat heat-self" if row == column else f"heat heat-{_heat(value)}"
            drawing.boxes.append(
                Box(
                    kind,
                    _at(NAMES + side * column + 1),
                    _at(20 + side * row + 1),
                    _at(side - 2),
                    _at(side - 2),
                )
            )
    values = sorted(known.values())
    rows = [
        (f"{names[a]} and {names[b]}", f"{value:.2f}", f"{low:.2f}", f"{high:.2f}", f"{n:,}")
        for a, b, value, low, high, n in sorted(pairs, key=lambda pair: (pair[2], pair[:2]))
    ]
    span = f"from {values[0]:.2f} to {values[-1]:.2f}" if values else "no pair known"
    keys = [("none", "too few shared"), ("below", "below 0")]
    keys += [(str(place), f"from {start:g}") for place, start in enumerate(HEAT)]
    return {
        "title": title, "drawing": drawing, "summary": f"{title}: {len(pairs)} pairs, {span}",
        "columns": ("Two people", unit, "Low", "High", "Shared items"), "rows": rows, "keys": keys,
    }  # fmt: skip


def _heat(value: float | None) -> str:
    if value is None:
        return "none"
    return "below" if value < HEAT[0] else str(sum(value >= start for start in HEAT) - 1)
