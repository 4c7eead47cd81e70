"""The pictures that were read wrong, on one sheet to be looked at."""

from importlib import import_module
from pathlib import Path

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.ocr.images import HEIGHT, WIDTH, Pictures
from gpu_jobs.ocr.results import Mistake

_COLUMNS, _CAPTION = 5, 14


def save(wrong: tuple[Mistake, ...], pictures: Pictures, path: Path) -> None:
    """PNG; below each picture stands its number, its text, and what was read.

    Raises InputError for another name than .png, and when the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError("--errors must end in .png")
    image, draw = import_module("PIL.Image"), import_module("PIL.ImageDraw")
    rows = max(-(-len(wrong) // _COLUMNS), 1)
    size = (_COLUMNS * (WIDTH + 4), rows * (HEIGHT + _CAPTION + 4))
    sheet = image.new("RGB", size, "white")
    pen = draw.Draw(sheet)
    for place, one in enumerate(wrong):
        x = place % _COLUMNS * (WIDTH + 4)
        y = place // _COLUMNS * (HEIGHT + _CAPTION + 4)
        sheet.paste(image.fromarray(np.asarray(pictures.pixels[one.index])), (x, y))
        said = f"{one.index}: {one.text} read {one.read}"
        pen.text((x + 2, y + HEIGHT + 1), said, fill="black")
    try:
        sheet.save(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
