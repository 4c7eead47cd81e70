"""Handwritten digits of scikit-learn (UCI, Alpaydin and Kaynak 1998) as pictures and rows."""

import io
import json
import zipfile
from dataclasses import dataclass

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 160  # pixels; the originals have 8
ITEMS = 210
GOLD_EVERY = 7
# Known answers beside them: what models of lift are measured on, and mixed in as all gold is.
KNOWN = 90
# One clear example each, for the qualification. Their explanations say what to look at.
QUALIFICATION = {
    10: "A closed ring without a stroke through it is a 0.",
    12: "An arch that runs out to the right at the foot is a 2.",
    4: "Two uprights joined by a bar, open at the top, are a 4.",
    7: "A bar at the top with one slanted stroke under it is a 7.",
}
FIRST, STEP = 100, 8  # which of the 1,797 are items: spread over all writers


@dataclass(frozen=True, slots=True)
class Digits:
    """`truth` is the right answer by item id, gold or not: what the simulated crowd sees."""

    truth: dict[str, str]
    items: bytes
    check: bytes
    pictures: SimpleUploadedFile


def digits() -> Digits:
    """Items as JSONL, qualification items as JSONL, and all pictures in one zip."""
    data = load_digits()
    chosen = {f"digit-{n:03d}": FIRST + STEP * n for n in range(ITEMS)}
    known = {f"known-{n:03d}": FIRST + 3 + STEP * n for n in range(KNOWN)}
    easy = {f"check-{n + 1}": index for n, index in enumerate(QUALIFICATION)}
    every = {**chosen, **known, **easy}
    truth = {name: str(data.target[index]) for name, index in every.items()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, index in every.items():
            archive.writestr(f"{name}.png", _png(data.images[index]))
    rows = [
        {"item_id": name, "image": f"{name}.png"}
        | ({"gold": truth[name]} if number % GOLD_EVERY == 0 else {})
        for number, name in enumerate(chosen)
    ]
    rows += [{"item_id": name, "image": f"{name}.png", "gold": truth[name]} for name in known]
    check = [
        {
            "item_id": name,
            "image": f"{name}.png",
            "gold": truth[name],
            "explanation": QUALIFICATION[index],
        }
        for name, index in easy.items()
    ]
    upload = SimpleUploadedFile("digits.zip", packed.getvalue(), content_type="application/zip")
    return Digits(truth, jsonl(rows), jsonl(check), upload)


def _png(pixels: np.ndarray) -> bytes:
    """Dark ink on white; the originals count ink from 0 to 16."""
    grey = (255 - pixels / 16 * 255).astype(np.uint8)
    picture = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def jsonl(rows: list[dict]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
