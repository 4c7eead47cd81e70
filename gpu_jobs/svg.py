"""Small pictures of results as SVG text: bars with intervals, heat maps, lines with bands.

No style attributes and no scripts, so a page with a strict content policy can show them. Text
takes the colour of the page around it (`currentColor`); each picture has a title that is read
aloud, and every mark carries its figures as a title of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite

import numpy as np

WIDTH = 640
_ROW, _LEFT, _RIGHT, _TOP = 28, 200, 90, 40
_INK, _MARK, _BAND = "currentColor", "#2c6fbb", "#9dc3e6"
_FONT = 'font-family="sans-serif" font-size="13"'


@dataclass(frozen=True)
class Bar:
    """value, low, high: None where there is none; note: what stands in its place."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


def bars(title: str, rows: Sequence[Bar], *, low: float = 0.0, high: float = 1.0) -> str:
    """A dot for each value on a scale from low to high, with its interval as a line."""
    span = WIDTH - _LEFT - _RIGHT
    low, high = _ends(rows, low, high)

    def at(value: float) -> float:
        return _LEFT + span * (value - low) / ((high - low) or 1)

    height = _TOP + _ROW * len(rows) + 30
    parts = _axis(at, low, high, top=_TOP, bottom=height - 24)
    for index, row in enumerate(rows):
        y = _TOP + _ROW * index + _ROW / 2
        parts.append(_text(_LEFT - 8, y + 4, _short(row.label, 26), anchor="end"))
        if row.value is None:
            parts.append(_text(_LEFT + 4, y + 4, row.note or "not defined"))
            continue
        said = _said(row.value, row.low, row.high)
        marks = [f"<title>{escape(f'{row.label}: {said}')}</title>"]
        if row.low is not None and row.high is not None:
            marks.append(
                f'<line x1="{at(row.low):.1f}" x2="{at(row.high):.1f}" y1="{y}" y2="{y}" '
                f'stroke="{_BAND}" stroke-width="8" stroke-linecap="round"/>'
            )
        marks.append(f'<circle cx="{at(row.value):.1f}" cy="{y}" r="5" fill="{_MARK}"/>')
        parts.append(f"<g>{''.join(marks)}</g>")
        parts.append(_text(WIDTH - _RIGHT + 12, y + 4, f"{row.value:.3f}"))
    return _picture(title, parts, height)


def heat_map(
    title: str, labels: Sequence[str], table: np.ndarray, *, low: float = 0.0, high: float = 1.0
) -> str:
    """Cells float64 (n, n), NaN stays blank; labels name rows and columns."""
    return matrix(title, labels, labels, table, low=low, high=high)


def matrix(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    table: np.ndarray,
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> str:
    """Cells float64 (rows, columns) as coloured cells; dark is high, NaN stays blank."""
    left = 120
    side = max(8.0, min(40.0, (WIDTH - left - 10) / max(len(columns), 1)))
    height = int(_TOP + 70 + side * len(rows) + 10)
    top = _TOP + 70
    parts = []
    for index, name in enumerate(rows):
        y = top + side * index + side / 2 + 4
        parts.append(_text(left - 6, y, _short(name, 14), anchor="end"))
    for index, name in enumerate(columns):
        x = left + side * index + side / 2 + 4
        parts.append(
            f'<text transform="translate({x:.1f},{top - 6}) rotate(-60)" fill="{_INK}" {_FONT}>'
            f"{escape(_short(name, 10))}</text>"
        )
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            value = float(table[i, j])
            if not isfinite(value):
                continue
            share = min(max((value - low) / ((high - low) or 1), 0.0), 1.0)
            parts.append(
                f'<rect x="{left + side * j:.1f}" y="{top + side * i:.1f}" '
                f'width="{side - 1:.1f}" height="{side - 1:.1f}" fill="{_shade(share)}">'
                f"<title>{escape(f'{row}, {column}: {value:.3f}')}</title></rect>"
            )
            if side >= 34:
                ink = "#ffffff" if share > 0.55 else "#1a1a1a"
                x, y = left + side * (j + 0.5), top + side * (i + 0.5) + 4
                parts.append(_text(x, y, f"{value:.2f}", anchor="middle", fill=ink))
    return _picture(title, parts, height, width=max(WIDTH, int(left + side * len(columns) + 10)))


def line(
    title: str,
    labels: Sequence[str],
    rows: Sequence[Bar],
    *,
    low: float = 0.0,
    high: float = 1.0,
) -> str:
    """Values in their order, joined by a line inside the band of their intervals.

    labels: below the points, the first and the last are shown. A value that is None breaks it.
    """
    low, high = _ends(rows, low, high)
    left, right, height, bottom = 60, 20, 260, 40
    span, tall = WIDTH - left - right, height - _TOP - bottom

    def x(index: int) -> float:
        return left + span * (index / (len(rows) - 1) if len(rows) > 1 else 0.5)

    def y(value: float) -> float:
        return _TOP + tall * (1 - (value - low) / ((high - low) or 1))

    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(
            f'<line x1="{left}" x2="{WIDTH - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{_INK}" stroke-opacity="0.15"/>'
        )
        parts.append(_text(left - 8, y(value) + 4, f"{value:.2f}", anchor="end"))
    for run in _runs(rows):
        band = [i for i in run if rows[i].low is not None and rows[i].high is not None]
        upper = [f"{x(i):.1f},{y(rows[i].high or 0.0):.1f}" for i in band]
        lower = [f"{x(i):.1f},{y(rows[i].low or 0.0):.1f}" for i in reversed(band)]
        if len(band) > 1:
            corners = " ".join(upper + lower)
            parts.append(f'<polygon points="{corners}" fill="{_BAND}" fill-opacity="0.5"/>')
        points = " ".join(f"{x(i):.1f},{y(rows[i].value or 0.0):.1f}" for i in run)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_MARK}" stroke-width="2"/>')
        for i in run:
            said = _said(rows[i].value or 0.0, rows[i].low, rows[i].high)
            parts.append(
                f'<circle cx="{x(i):.1f}" cy="{y(rows[i].value or 0.0):.1f}" r="4" fill="{_MARK}">'
                f"<title>{escape(f'{rows[i].label}: {said}')}</title></circle>"
            )
    if labels:
        parts.append(_text(left, height - 14, labels[0]))
        if len(labels) > 1:
            parts.append(_text(WIDTH - right, height - 14, labels[-1], anchor="end"))
    return _picture(title, parts, height)


def stacked(title: str, pictures: Sequence[str]) -> str:
    """Pictures of this module below each other as one."""
    parts, top, width = [], 0, WIDTH
    for picture in pictures:
        size = picture.partition('viewBox="0 0 ')[2].partition('"')[0].split()
        placed = picture.replace("<svg ", f'<svg y="{top}" ', 1)
        parts.append(placed)
        top += int(size[1]) + 10
        width = max(width, int(size[0]))
    return _picture(title, parts, top, width=width, heading=False)


def _runs(rows: Sequence[Bar]) -> list[list[int]]:
    """Neighbouring places that have a value."""
    runs: list[list[int]] = [[]]
    for index, row in enumerate(rows):
        if row.value is None:
            runs.append([])
        else:
            runs[-1].append(index)
    return [run for run in runs if run]


def _axis(
    at: Callable[[float], float], low: float, high: float, *, top: float, bottom: float
) -> list[str]:
    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        x = at(value)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" '
            f'stroke="{_INK}" stroke-opacity="0.15"/>'
        )
        parts.append(_text(x, bottom + 16, f"{value:.2f}", anchor="middle"))
    return parts


def _ends(rows: Sequence[Bar], low: float, high: float) -> tuple[float, float]:
    """The scale, made longer by whole quarters where a value lies beyond it."""
    known = [each for row in rows for each in (row.value, row.low, row.high) if each is not None]
    return floor(4 * min([low, *known])) / 4, ceil(4 * max([high, *known])) / 4


def _said(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _shade(share: float) -> str:
    """From pale to dark blue."""
    ends = ((240, 245, 250), (16, 64, 120))
    mixed = (round(a + (b - a) * share) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" {_FONT}>'
        f"{escape(text)}</text>"
    )


def _picture(
    title: str, parts: Sequence[str], height: int, *, width: int = WIDTH, heading: bool = True
) -> str:
    shown = _text(10, 20, title) if heading else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{shown}{''.join(parts)}</svg>\n"
    )
