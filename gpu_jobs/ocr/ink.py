"""Pictures as ink on paper: what colour says about text is how far a pixel lies from the paper.

The generator paints text, dots and curve in one colour on even paper, and text of a dark colour
only faintly. So a picture becomes one number a pixel, 0 on the paper and 1 at its darkest, and
one for the whole picture, the ink of a typical inked pixel, which is mostly text.
"""

from dataclasses import dataclass

import numpy as np

FAINTEST = 0.02
"""Less ink than this is paper."""


@dataclass(frozen=True)
class Ink:
    """amount: float32 (n, H, W), 0 to 1. typical: float32 (n,), above 0 and at most 1."""

    amount: np.ndarray
    typical: np.ndarray

    def __len__(self) -> int:
        return len(self.typical)


def of_pixels(pixels: np.ndarray) -> Ink:
    """Ink of pictures uint8 (n, H, W, 3). The paper is each channel's median."""
    amount = np.empty(pixels.shape[:3], dtype=np.float32)
    typical = np.empty(len(pixels), dtype=np.float32)
    for start in range(0, len(pixels), 1000):
        part = slice(start, start + 1000)
        colours = pixels[part].astype(np.float32)
        # Not the lightest value: pictures that the generator squeezes have light seams.
        paper = np.median(colours, axis=(1, 2), keepdims=True)
        away = (paper - colours).mean(axis=3).clip(min=0)
        most = away.max(axis=(1, 2), keepdims=True)
        found = away / np.maximum(most, 1.0)
        amount[part] = found
        inked = np.where(found > FAINTEST, found, np.nan).reshape(len(found), -1)
        inked[np.isnan(inked).all(axis=1), 0] = 1.0
        typical[part] = np.nanmedian(inked, axis=1)
    return Ink(amount, typical)
