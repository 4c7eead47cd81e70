"""Transforms of a batch: within bounds, repeatable, and of the picture at hand only."""

from dataclasses import replace

import torch

from gpu_jobs.ocr.augment import APART, OVER, augmented, channels
from gpu_jobs.ocr.recipe import Strength

NONE = Strength().weaker(0.0)


def _batch(learned):
    return torch.from_numpy(learned.ink.amount), torch.from_numpy(learned.ink.typical)


def _source(seed=1):
    return torch.Generator().manual_seed(seed)


def test_ink_stays_between_paper_and_full(learned):
    amount, typical = _batch(learned)
    found, level = augmented(amount, typical, Strength(), _source())
    assert found.shape == amount.shape
    assert torch.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert ((level > 0) & (level <= 1)).all()
    assert torch.isfinite(channels(found, level)).all()


def test_the_same_source_gives_the_same_and_another_another(learned):
    amount, typical = _batch(learned)
    first, again, other = (augmented(amount, typical, Strength(), _source(s))[0] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)


def test_without_strength_nothing_happens(learned):
    amount, typical = _batch(learned)
    found, level = augmented(amount, typical, NONE, _source())
    assert torch.allclose(found, amount.clamp(min=1e-6), atol=2e-3)
    assert torch.equal(level, typical)


def test_a_picture_does_not_depend_on_the_others_of_its_batch(learned):
    """Nothing of one picture goes into another: each may be replaced without a trace."""
    amount, typical = _batch(learned)
    whole, _ = augmented(amount, typical, Strength(), _source())
    changed = amount.clone()
    changed[1:] = amount[1:].flip(0)
    found, _ = augmented(changed, typical, Strength(), _source())
    assert torch.equal(found[0], whole[0])


def test_the_map_moves_text_by_what_it_says():
    """A shift of 3.5% at most moves the centre of a block by at most 3.5% of the width."""
    amount = torch.zeros(40, 60, 160)
    amount[:, 25:35, 70:90] = 1.0
    found, _ = augmented(amount, torch.ones(40), replace(NONE, shift=0.035), _source())
    centre = (found.sum(dim=1) * torch.arange(160)).sum(dim=1) / found.sum(dim=(1, 2))
    moved = (centre - 79.5).abs()
    assert moved.max() <= 0.035 * 160 + 0.01
    assert moved.max() > 4


def test_squeezing_moves_the_right_part_until_it_touches_or_overlaps():
    """Two blocks with 40 columns between them: the left one stays, the right one comes nearer."""
    amount = torch.zeros(60, 60, 160)
    amount[:, 20:40, 30:60] = 0.5
    amount[:, 20:40, 100:130] = 1.0
    found, _ = augmented(amount, torch.ones(60), replace(NONE, squeeze=1.0), _source())
    assert torch.allclose(found[:, :, :52], amount[:, :, :52], atol=2e-3)
    begins = (found.amax(dim=1) > 0.9).float().argmax(dim=1)
    # Squeezed twice: a gap that the first time left may be closed by the second.
    assert begins.min() >= 60 - 2 * OVER - 1
    assert begins.max() <= 60 + APART + 1
    assert len(begins.unique()) > 5


def test_a_picture_without_a_gap_is_not_squeezed():
    amount = torch.zeros(20, 60, 160)
    amount[:, 20:40, 30:130] = 1.0
    found, _ = augmented(amount, torch.ones(20), replace(NONE, squeeze=1.0), _source())
    assert torch.allclose(found, amount, atol=2e-3)
