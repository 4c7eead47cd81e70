"""The one caller of Typst: a paper's data in, PDF bytes out.

A template is a file of `templates/exports/` and gets its data as JSON; nothing of a person is ever
put into its code. The same data gives the same bytes: fonts come from a wheel, none of the machine,
and the document's date is the paper's own. PDF/UA-1, so that a screen reader finds title, language,
headings and table heads. A title in a script that no font here knows shows boxes; such a paper is
tagged all the same, but does not claim the standard.
"""

import datetime as dt
import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import typst
from django.conf import settings

NO_GLYPH = "could not be displayed with font"
_TEMPLATES = Path(settings.BASE_DIR) / "templates" / "exports"


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,
        font_paths=[str(files("fontpkg_figtree") / "files")],
    )


def pdf(template: str, data: dict, *, at: dt.datetime) -> bytes:
    """The template with this data, dated `at`."""
    source = (_TEMPLATES / "paper.typ").read_bytes() + (_TEMPLATES / template).read_bytes()
    try:
        return _compiled(source, data, at, standards=["ua-1"])
    except typst.TypstError as error:
        if NO_GLYPH not in error.message:
            raise
        return _compiled(source, data, at, standards=[])


def _compiled(source: bytes, data: dict, at: dt.datetime, *, standards: list) -> bytes:
    return typst.compile(
        source,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
        format="pdf",
        pdf_standards=standards,
        timestamp=int(at.timestamp()),
    )
