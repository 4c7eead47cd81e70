"""Random transforms of a batch of pictures, drawn on the batch; no picture is made anew.

Geometry: one affine and one perspective map of the whole picture and a smooth displacement
(P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
visual document analysis", ICDAR 2003), composed into one resampling. Squeezing: the picture is
cut in a column that holds hardly any ink, and what stands right of it moves left, until the two
parts touch or overlap as characters of the generator do. Ink: a power curve, dots and an arc on
top as the generator's own noise has them, blur, noise, and blank rectangles (T. DeVries,
G. Taylor, "Improved regularization of convolutional neural networks with cutout", 2017). Parts of
one picture never go into another, so the texts are those of the training set.
"""

import torch
from torch.nn import functional

from gpu_jobs.ocr.recipe import Strength

# Lengths in pixels of the generator's pictures, so that one strength serves every size.
_HEIGHT, _WIDTH = 60, 160
_EMPTY = 0.08
"""Share of a column's height in ink up to which it counts as a gap: the curve and a few dots."""
APART, OVER = 3.0, 8.0
"""Squeezed parts end up at most so far apart, and overlap at most so much."""


def channels(amount: torch.Tensor, typical: torch.Tensor) -> torch.Tensor:
    """What the backbone sees, float32 (n, 3, H, W) around 0: ink, its root, and ink by the
    typical ink, in which text is dark however faint it was painted.

    amount: (n, H, W). typical: (n,).
    """
    level = (amount / typical[:, None, None]).clamp(max=1.25)
    return torch.stack([amount, amount.sqrt(), level], dim=1) * 2 - 0.6


def augmented(
    amount: torch.Tensor, typical: torch.Tensor, strength: Strength, source: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Transformed ink (n, H, W) and typical ink (n,) of a batch."""
    count, height, width = amount.shape
    draw = _Draw(source, count)
    for _ in range(2):
        amount = _squeezed(amount, draw, strength)
    grid = _grid(draw, strength, height, width)
    moved = functional.grid_sample(
        amount[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )[:, 0].clamp(0, 1)
    power = (draw.even(-1, 1) * strength.power).exp()
    moved = moved.clamp(min=1e-6) ** power[:, None, None]
    typical = typical**power
    moved = _cut(moved, draw, strength)
    moved = torch.maximum(moved, _dots(draw, strength, height, width))
    moved = torch.maximum(moved, _arc(draw, strength, height, width))
    blurred = functional.avg_pool2d(moved[:, None], 3, 1, 1)[:, 0]
    mixed = (draw.even(0, 1) * (draw.even(0, 1) < strength.blur))[:, None, None]
    moved = moved + mixed * (blurred - moved)
    grain = torch.randn(moved.shape, generator=source) * (draw.even(0, 1) ** 3)[:, None, None]
    return (moved + strength.noise * grain).clamp(0, 1), typical


class _Draw:
    def __init__(self, source: torch.Generator, count: int) -> None:
        self.source, self.count = source, count

    def even(self, low: float, high: float, *shape: int) -> torch.Tensor:
        found = torch.rand((self.count, *shape), generator=self.source)
        return low + (high - low) * found


def _squeezed(amount: torch.Tensor, draw: _Draw, strength: Strength) -> torch.Tensor:
    """Pictures whose right part moved over a gap; those without a gap between ink stay."""
    _, _, width = amount.shape
    column = torch.arange(width).expand(len(amount), width)
    inked = amount.sum(dim=1)
    before = inked.cumsum(dim=1) / inked.sum(dim=1, keepdim=True).clamp(min=1e-6)
    full = inked > _EMPTY * amount.shape[1]
    gap = ~full & (before > 0.08) & (before < 0.92)
    drawn = draw.even(0, 1, width) * gap
    cut = drawn.argmax(dim=1, keepdim=True)
    # The gap's edges: the next full columns to the left and to the right of the cut.
    left = torch.where(full, column, -1).cummax(dim=1).values.gather(1, cut)
    after = torch.where(full, column, width).flip(1).cummin(dim=1).values.flip(1).gather(1, cut)
    over = draw.even(-APART, OVER)[:, None] * width / _WIDTH
    moved = ((after - left - 1) + over).round().clamp(min=0).long()
    applied = (draw.even(0, 1) < strength.squeeze)[:, None] & gap.any(dim=1, keepdim=True)
    moved = torch.where(applied, moved, 0)
    kept = amount * (column <= cut)[:, None]
    source = column + moved
    inside = (source < width) & (source > cut)
    right = amount.gather(2, source.clamp(max=width - 1)[:, None].expand_as(amount))
    return torch.maximum(kept, right * inside[:, None])


def _grid(draw: _Draw, strength: Strength, height: int, width: int) -> torch.Tensor:
    """Where each pixel of the result comes from, (n, H, W, 2) in -1 … 1, x first."""
    y = (torch.arange(height) + 0.5) / height * 2 - 1
    x = (torch.arange(width) + 0.5) / width * 2 - 1
    # Angles are those of the original's pixels, whose sides are 60 and 160.
    y, x = torch.meshgrid(y * _HEIGHT / 2, x * _WIDTH / 2, indexing="ij")
    angle = torch.deg2rad(draw.even(-1, 1) * strength.rotation)
    shear = draw.even(-1, 1) * strength.shear
    low, high = strength.scale
    wide, tall = 1 / draw.even(low, high), 1 / draw.even(low, high)
    cosine, sine = angle.cos(), angle.sin()

    def each(values: torch.Tensor) -> torch.Tensor:
        return values[:, None, None]

    tilt = 1 + strength.perspective * (
        each(draw.even(-1, 1)) * x / (_WIDTH / 2) + each(draw.even(-1, 1)) * y / (_HEIGHT / 2)
    )
    across = (each(wide * cosine) * x + each(wide * (shear - sine)) * y) * tilt
    down = (each(tall * sine) * x + each(tall * cosine) * y) * tilt
    bend = draw.even(-1, 1, 2, 4, 9) * strength.elastic * draw.even(0, 1)[:, None, None, None]
    bend = functional.interpolate(bend, (height, width), mode="bicubic", align_corners=True)
    across = across + bend[:, 0] + each(draw.even(-1, 1)) * strength.shift * _WIDTH
    down = down + bend[:, 1] + each(draw.even(-1, 1)) * strength.shift * 2 * _HEIGHT
    return torch.stack([across / (_WIDTH / 2), down / (_HEIGHT / 2)], dim=-1)


def _dots(draw: _Draw, strength: Strength, height: int, width: int) -> torch.Tensor:
    """Squares as wide as the generator's dots, at full ink."""
    share = draw.even(0, strength.dots) / (height * width)
    where = draw.even(0, 1, height, width) < share[:, None, None]
    side = 3 if width > 120 else 2
    spread = functional.max_pool2d(where[:, None].float(), side, 1, side // 2)
    return spread[:, 0, :height, :width]


def _arc(draw: _Draw, strength: Strength, height: int, width: int) -> torch.Tensor:
    """A part of an ellipse, a pixel wide, in some of the pictures."""
    y = torch.arange(height)[None, :, None] / height
    x = torch.arange(width)[None, None, :] / width
    middle_x, middle_y = draw.even(0.2, 0.8), draw.even(0.2, 0.8)
    half_x, half_y = draw.even(0.15, 0.5), draw.even(0.08, 0.4)
    away_x = (x - middle_x[:, None, None]) / half_x[:, None, None]
    away_y = (y - middle_y[:, None, None]) / half_y[:, None, None]
    radius = (away_x**2 + away_y**2).sqrt() + 1e-6
    # The gradient of the radius turns its distance from 1 into pixels.
    slope = ((away_x / half_x[:, None, None] / width) ** 2).add(
        (away_y / half_y[:, None, None] / height) ** 2
    ).sqrt() / radius
    ink = (1.1 - (radius - 1).abs() / (slope + 1e-9)).clamp(0, 1)
    turn = torch.where(draw.even(0, 1) < 0.8, 1.0, -1.0)[:, None, None]
    side = away_y * turn > draw.even(-0.4, 0.2)[:, None, None]
    level = draw.even(0.4, 1) * (draw.even(0, 1) < strength.arc)
    return ink * side * level[:, None, None]


def _cut(moved: torch.Tensor, draw: _Draw, strength: Strength) -> torch.Tensor:
    """A rectangle of paper over some pictures, too small to hide a character."""
    _, height, width = moved.shape
    y, x = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    top, left = draw.even(0, height), draw.even(0, width)
    tall, wide = draw.even(0.05, 0.16) * height, draw.even(0.02, 0.06) * width
    inside = (y >= top[:, None, None]) & (y < (top + tall)[:, None, None])
    inside = inside & (x >= left[:, None, None]) & (x < (left + wide)[:, None, None])
    return moved.masked_fill(inside & (draw.even(0, 1) < strength.cutout)[:, None, None], 0.0)
