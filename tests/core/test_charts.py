"""Charts: what is drawn stands in the right place, and the same numbers stand in the table."""

import re

import pytest
from django.template import Context, Template


def drawn(tag: str, **context: object) -> str:
    return Template("{% load charts %}" + tag).render(Context(context))


def test_bars_are_as_long_as_their_values():
    page = drawn("{% bar_chart 'Ends' points %}", points=[("Accepted", 400.0), ("Rejected", 100.0)])

    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', page)]
    assert widths[0] == pytest.approx(4 * widths[1])
    assert 'aria-label="Ends: Accepted 400, Rejected 100"' in page
    assert page.count('<td class="num">') == 2


def test_line_has_its_band_and_a_gap_where_none_is_known():
    points = [("W1", 0.5, 0.4, 0.6), ("W2", 0.75, None, None), ("W3", 1.0, 0.9, 1.0)]
    page = drawn("{% line_chart 'In time' points 'percent' 'Share' %}", points=points)

    band = re.search(r'class="band" d="([^"]+)"', page)[1]
    assert band.count("L") == 3  # two known points, up and back
    assert "75%" in page
    assert "—" in page


def test_money_is_written_in_its_currency():
    page = drawn("{% distribution 'Pay' bins 'USD' marker %}", bins=[("a", 1250)], marker=(0, "m"))

    assert "$12.50" in page


@pytest.mark.parametrize("tag", ["bar_chart", "line_chart", "distribution", "share_bar"])
def test_nothing_to_draw_is_no_error(tag):
    assert "<svg" in drawn("{% " + tag + " 'Nothing' points %}", points=[])


def test_the_parts_of_a_whole_fill_its_bar():
    parts = [("Paid", 7_500), ("Free", 2_500)]
    page = drawn("{% share_bar 'Budget' parts 'USD' %}", parts=parts)

    places = [float(x) for x in re.findall(r'<rect[^>]* x="([\d.]+)"', page)]
    assert places == [0.0, pytest.approx(0.75 * 480)]
    assert 'aria-label="Budget: Paid $75.00, Free $25.00"' in page
    assert page.count("<dd>") == 2


def test_a_figure_lies_inside_its_interval_and_below_zero_at_zero():
    page = drawn("{% scale 'Gold' 0.5 low=0.4 high=0.6 %}")
    left, wide = re.search(r'class="interval" x="([\d.]+)"[^>]* width="([\d.]+)"', page).groups()
    dot = float(re.search(r'cx="([\d.]+)"', page)[1])
    assert float(left) < dot < float(left) + float(wide)
    assert "0.500, interval 0.400 to 0.600" in page

    below = drawn("{% scale 'Alpha' value marks %}", value=-0.2, marks=[(0.8, "reliable")])
    assert 'cx="12.0"' in below
    assert "Alpha: -0.200; reliable from 0.8" in below


def test_coordinates_are_never_grouped_by_thousands():
    page = drawn("{% sparkline values 'up' %}", values=[1_000, 250_000])

    assert 'd="M2.0 21.0L94.0 3.0"' in page


def test_labels_cannot_bring_markup():
    page = drawn("{% bar_chart 'T' points %}", points=[("<script>", 1.0)])

    assert "<script>" not in page


def test_a_map_has_a_square_for_everybody_with_everybody():
    pairs = [(0, 1, 0.85, 0.7, 0.93, 48), (1, 2, -0.1, -0.3, 0.1, 12)]
    page = drawn("{% heat_map 'Kappa' names pairs %}", names=["ann", "bob", "cid"], pairs=pairs)

    squares = re.findall(r'<rect class="heat heat-(\w+)"', page)
    assert squares == ["self", "4", "none", "4", "self", "below", "none", "below", "self"]
    assert 'aria-label="Kappa: 2 pairs, from -0.10 to 0.85"' in page
    # The table has the lowest first, each with its interval and how many items it rests on.
    cells = re.findall(r"<t[hd][^>]*>\s*([^<]*?)\s*</t[hd]>", page)
    assert cells[5:10] == ["bob and cid", "-0.10", "-0.30", "0.10", "12"]


@pytest.mark.parametrize("names", [[], ["ann"]])
def test_a_map_of_nobody_is_no_error(names):
    assert "<svg" in drawn("{% heat_map 'Kappa' names pairs %}", names=names, pairs=[])


def test_a_curve_is_drawn_in_its_own_range_with_what_is_foretold():
    points = [("10", 0.70, 0.65, 0.74), ("20", 0.74, 0.70, 0.78), ("40", 0.76, 0.73, 0.79)]
    page = drawn(
        "{% curve_chart 'Kind' points ahead 'accuracy' %}",
        points=points,
        ahead=("+40", 0.775, 0.76, 0.80),
    )
    heights = [float(y) for y in re.findall(r'<circle[^>]* cy="([\d.]+)"', page)]
    assert len(heights) == 2 and heights[1] < heights[0]
    low, high = (
        float(y) for y in re.search(r'class="error" .*y1="([\d.]+)".*y2="([\d.]+)"', page).groups()
    )
    assert high < heights[1] < low
    # The axis begins near the lowest figure, and every figure is inside the picture.
    assert all(0 <= y <= 220 for y in heights)
    assert ">0.0<" not in page and 'class="marker"' in page
    assert "0.7000 at 10, 0.7750 at +40" in page


@pytest.mark.parametrize(
    "points",
    [[], [("1", -0.7, -0.8, -0.6)], [("1", 0.5, 0.5, 0.5), ("2", 0.5, 0.5, 0.5)]],
)
def test_a_curve_of_nothing_of_losses_or_without_a_bend_is_no_error(points):
    assert "<svg" in drawn("{% curve_chart 'Curve' points %}", points=points)
