"""A lift result as SVG: a dot and its interval for each group, the line of zero, no scripts.

Text takes the colour of the page around it; each mark carries its figures as a title that is
read aloud. Sign is shown by the dot's form as well: filled where the interval leaves out zero.
"""

from collections.abc import Callable
from html import escape

from gpu_jobs.lift.results import GroupLift, LiftResult

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 720, 26, 190, 90, 44
_MOST = 60
_FONT = 'font-family="sans-serif" font-size="13" fill="currentColor"'
_COLOURS = {"positive": "#1b7837", "negative": "#b2182b", None: "#777777"}


def svg(result: LiftResult) -> str:
    """At most 60 groups, those farthest from zero, in the order of the result."""
    known = [one for one in (*result.groups, *result.controls) if one.value is not None]
    shown = known
    if len(known) > _MOST:
        far = sorted(known, key=lambda one: -abs(one.value or 0.0))[:_MOST]
        names = {one.name for one in far}
        shown = [one for one in known if one.name in names]
    ends = [0.0, *(each for one in shown for each in _ends(one))]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / span

    title = f"Lift by group: {result.metric}, {result.method}"
    height = _TOP + _ROW * max(len(shown), 1) + 28
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="20" {_FONT} font-weight="bold">{escape(title)}</text>',
        (
            f'<line x1="{at(0):.1f}" x2="{at(0):.1f}" y1="{_TOP - 8}" y2="{height - 24}" '
            'stroke="currentColor" stroke-dasharray="3 3"/>'
        ),
        f'<text x="{at(0):.1f}" y="{height - 8}" text-anchor="middle" {_FONT}>0</text>',
    ]
    parts += [_mark(one, _TOP + _ROW * place + _ROW / 2, at) for place, one in enumerate(shown)]
    if len(shown) < len(known):
        parts.append(
            f'<text x="{_WIDTH - 8}" y="20" text-anchor="end" {_FONT}>'
            f"{len(shown)} of {len(known)}, the farthest from 0</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ends(one: GroupLift) -> list[float]:
    return [each for each in (one.value, one.low, one.high) if each is not None]


def _mark(one: GroupLift, y: float, at: Callable[[float], float]) -> str:
    value = one.value or 0.0
    said = f"{one.name}: {value:+.4f}"
    if one.low is not None and one.high is not None:
        said += f", 95% interval {one.low:+.4f} to {one.high:+.4f}"
    colour = _COLOURS[one.significant]
    name = one.name if len(one.name) <= 24 else one.name[:23] + "…"
    line = ""
    if one.low is not None and one.high is not None:
        line = (
            f'<line x1="{at(one.low):.1f}" x2="{at(one.high):.1f}" y1="{y}" y2="{y}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    fill = colour if one.significant else "none"
    return (
        f'<g><title>{escape(said)}</title><text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end" '
        f"{_FONT}>{escape(name)}</text>{line}"
        f'<circle cx="{at(value):.1f}" cy="{y}" r="5" fill="{fill}" stroke="{colour}" '
        f'stroke-width="2"/><text x="{_WIDTH - _RIGHT + 12}" y="{y + 4}" {_FONT}>'
        f"{value:+.4f}</text></g>"
    )
