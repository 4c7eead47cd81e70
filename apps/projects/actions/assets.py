"""Pictures: decoded, stripped of everything but the pixels, encoded anew, stored by their bytes."""

import datetime as dt
import io
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Protocol

from django.db import transaction
from PIL import Image, ImageOps

from apps.core import blobs
from apps.core.errors import Conflict, Invalid
from apps.core.tenancy import Actor
from apps.projects import permissions
from apps.projects.actions.moves import locked, record
from apps.projects.enums import ProjectState
from apps.projects.models import Asset, Project

PICTURES_MAX = 5_000  # in one upload
BYTES_MAX = 25 * 2**20  # of one picture
TOTAL_MAX = 2 * 2**30  # unpacked
PIXELS_MAX = 40_000_000
NAME_MAX = 200
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


class Upload(Protocol):
    """What Django hands over for an uploaded file."""

    name: str | None

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...


@dataclass(slots=True)
class AssetReport:
    """`refused` is (name, reason) of every file that is no usable picture."""

    added: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Picture:
    data: bytes
    content_type: str
    width: int
    height: int


def add_assets(
    *, project_id: uuid.UUID, files: Iterable[Upload], by: Actor, now: dt.datetime
) -> AssetReport:
    """Take pictures, single or in zip files. One folder round all of a zip is left out of names."""
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.state in {ProjectState.CLOSING, ProjectState.CLOSED}:
            raise Conflict("A project that closes takes no more pictures.")
        report, total = AssetReport(), 0
        for number, (name, read) in enumerate(_entries(files, report)):
            if number >= PICTURES_MAX:
                raise Invalid(f"At most {PICTURES_MAX:,} pictures at a time.", field="files")
            try:
                data = read()
                total += len(data)
                if total > TOTAL_MAX:
                    raise Invalid("The pictures are too large together; send fewer at a time.")
                _add(project, name, data, report, now=now)
            except _Refused as refusal:
                report.refused.append((name, str(refusal)))
        if report.added:
            record(project, "pictures_added", by=by, now=now, pictures=len(report.added))
        return report


class _Refused(Exception):
    """This file is not taken."""


class _Read(Protocol):
    def __call__(self) -> bytes: ...


def _entries(files: Iterable[Upload], report: AssetReport) -> Iterator[tuple[str, _Read]]:
    for file in files:
        name = PurePosixPath(file.name or "").name
        if name.lower().endswith(".zip"):
            yield from _unpacked(name, file, report)
        else:
            yield name, lambda file=file: _bounded(file)


def _unpacked(name: str, file: Upload, report: AssetReport) -> Iterator[tuple[str, _Read]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError):
        report.refused.append((name, "it is not a zip file that can be opened"))
        return
    with archive:
        entries = [entry for entry in archive.infolist() if _is_file(entry)]
        tops = {PurePosixPath(entry.filename).parts[0] for entry in entries}
        is_wrapped = len(tops) == 1 and all("/" in entry.filename for entry in entries)
        for entry in entries:
            path = PurePosixPath(entry.filename)
            inner = PurePosixPath(*path.parts[1:]) if is_wrapped else path
            yield str(inner), lambda entry=entry: _extracted(archive, entry)


def _is_file(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    return (
        not entry.is_dir()
        and bool(parts)
        and not any(
            part.startswith(".") or part == "__MACOSX" for part in parts if part not in {".", ".."}
        )
    )


def _extracted(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    # The size in the directory is only a claim: what comes out is counted.
    try:
        with archive.open(entry) as packed:
            return _bounded(packed)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise _Refused("it cannot be unpacked") from error


def _bounded(file: Upload | IO[bytes]) -> bytes:
    data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise _Refused(f"it is larger than {BYTES_MAX >> 20} MB")
    return data


def _add(
    project: Project, name: str, data: bytes, report: AssetReport, *, now: dt.datetime
) -> None:
    if not name or len(name) > NAME_MAX or ".." in PurePosixPath(name).parts or name[0] == "/":
        raise _Refused(f"its name cannot be used (at most {NAME_MAX} characters)")
    if not name.isprintable():
        raise _Refused("its name holds a character that cannot be stored")
    picture = _decoded(data)
    digest = blobs.put(picture.data)
    known = Asset.objects.filter(project=project, name=name).first()
    if known is not None and known.sha256 != digest:
        raise _Refused("another picture has this name already")
    if known is not None:
        report.unchanged.append(name)
        return
    Asset.objects.create(
        project=project,
        org_id=project.org_id,
        name=name,
        sha256=digest,
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
        created_at=now,
    )
    report.added.append(name)


def _check_size(width: int, height: int) -> None:
    """Before anything is decoded: a small file can stand for a picture that fills the memory."""
    if width * height > PIXELS_MAX:
        raise _Refused(f"it has more than {PIXELS_MAX // 1_000_000} million pixels")


def _decoded(data: bytes) -> _Picture:
    """The pixels in a new file: no metadata, no second image, nothing after the end."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(*opened.size)
            is_jpeg = opened.format == "JPEG"
            upright = ImageOps.exif_transpose(opened)
            has_alpha = "A" in upright.getbands() or "transparency" in upright.info
            mode = "RGBA" if has_alpha and not is_jpeg else "RGB"
            pixels = upright.convert(mode)
            clean = Image.frombytes(mode, pixels.size, pixels.tobytes())
    except _Refused:
        raise
    except Exception as error:
        # Whatever a decoder raises over a hostile or broken file, the answer is the same.
        raise _Refused("it is no picture that can be read") from error
    out = io.BytesIO()
    if is_jpeg:
        clean.save(out, "JPEG", quality=92)
    else:
        clean.save(out, "PNG")
    kind = "image/jpeg" if is_jpeg else "image/png"
    return _Picture(out.getvalue(), kind, *clean.size)
