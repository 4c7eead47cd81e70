"""Ink: the colour goes, the picture stays."""

import numpy as np
import pytest

from gpu_jobs.ocr import ink


def _painted(paper, colour, *, level=1.0):
    """A block of text at `level` of the ink and one dot at all of it."""
    pixels = np.empty((1, 20, 30, 3))
    pixels[:] = paper
    text = np.array(paper) + (np.array(colour) - paper) * level
    pixels[0, 5:15, 8:16] = text
    pixels[0, 2, 2] = colour
    return pixels.round().astype(np.uint8)


def test_paper_is_zero_and_the_darkest_pixel_one():
    found = ink.of_pixels(_painted((240, 250, 245), (20, 90, 160), level=0.5))
    assert found.amount[0, 0, 0] == 0
    assert found.amount[0, 2, 2] == 1
    assert found.typical[0] == pytest.approx(0.5, abs=0.02)
    assert found.amount[0, 10, 10] == pytest.approx(0.5, abs=0.02)


def test_colours_do_not_matter():
    red = ink.of_pixels(_painted((240, 240, 240), (200, 40, 40)))
    blue = ink.of_pixels(_painted((255, 238, 250), (10, 20, 190)))
    assert np.allclose(red.amount, blue.amount, atol=0.02)


def test_a_lighter_seam_is_no_ink():
    pixels = _painted((240, 240, 240), (40, 40, 40))
    pixels[0, 4, 8:16] = 255
    found = ink.of_pixels(pixels)
    assert found.amount[0, 4, 10] == 0
    assert found.amount[0, 0, 0] == 0


def test_an_empty_sheet_has_no_ink_and_no_fault():
    found = ink.of_pixels(np.full((2, 10, 10, 3), 250, dtype=np.uint8))
    assert not found.amount.any()
    assert found.typical.tolist() == [1.0, 1.0]
