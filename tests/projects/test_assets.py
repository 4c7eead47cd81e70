"""Pictures: only pixels get through, and every broken file is named."""

import io
import struct
import zipfile
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

from apps.core import blobs
from apps.core.errors import Invalid, NotAllowed
from apps.core.tenancy import acting
from apps.organizations.queries import actor_of
from apps.projects import actions as projects
from apps.projects.actions import assets
from apps.projects.models import Asset

pytestmark = pytest.mark.django_db
SECRET = b"taken at home, 52.52 N 13.40 E"


def picture(form="PNG", size=(8, 6), colour=(200, 10, 10), mode="RGB", **save):
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, form, **save)
    return out.getvalue()


def packed(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def add(draft, owner, now):
    project = draft()

    def run(**or_files):
        files = or_files.pop("files", {})
        with acting(owner):
            return projects.add_assets(
                project_id=project.id,
                files=[SimpleUploadedFile(name, data) for name, data in files.items()],
                by=owner,
                now=now,
            )

    run.project = project
    return run


def test_files_and_zips_are_taken_without_the_folder_round_them(add, owner):
    inside = {"set/a/1.png": picture(), "set/2.jpg": picture("JPEG"), "set/.DS_Store": b"x",
              "__MACOSX/set/._2.jpg": b"x"}  # fmt: skip
    report = add(files={"single.webp": picture("WEBP"), "many.zip": packed(inside)})
    assert report.refused == []
    assert report.added == ["single.webp", "a/1.png", "2.jpg"]
    with acting(owner):
        rows = {row.name: row for row in Asset.objects.filter(project=add.project)}
    assert {name: row.content_type for name, row in rows.items()} == {
        "single.webp": "image/png", "a/1.png": "image/png", "2.jpg": "image/jpeg",
    }  # fmt: skip
    assert (rows["2.jpg"].width, rows["2.jpg"].height) == (8, 6)
    with Image.open(io.BytesIO(blobs.read(rows["2.jpg"].sha256))) as stored:
        assert stored.size == (8, 6)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_metadata_and_what_follows_the_picture_are_gone(add, owner, form):
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 6  # turned by a quarter
    extra = {}
    if form == "PNG":
        extra["pnginfo"] = PngImagePlugin.PngInfo()
        extra["pnginfo"].add_text("Comment", SECRET.decode())
    else:
        extra["comment"] = SECRET
    data = picture(form, exif=exif, **extra) + SECRET + b"<script>"
    assert data.count(SECRET) == 3
    add(files={f"a.{form.lower()}": data})
    with acting(owner):
        row = Asset.objects.get(project=add.project)
    stored = blobs.read(row.sha256)
    assert SECRET not in stored
    assert b"<script>" not in stored
    with Image.open(io.BytesIO(stored)) as clean:
        assert not clean.getexif()
        assert clean.size == (6, 8) == (row.width, row.height)


def bomb(width, height):
    """A PNG whose header promises pixels that are not there."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def test_broken_files_are_reported_and_the_others_kept(add, owner):
    whole = picture(size=(64, 64), colour=(1, 2, 3))
    report = add(
        files={
            "good.png": whole,
            "cut.png": whole[: len(whole) // 2],
            "text.png": b"hello",
            "empty.jpg": b"",
            "page.svg": b"<svg onload='alert(1)'/>",
            "wide.png": bomb(8000, 8000),
            "huge.png": bomb(60_000, 60_000),
            "broken.zip": b"PK\x03\x04 no",
            "mixed.zip": packed({"../up.png": whole, "ok.png": whole, "no.png": b"no"}),
        }
    )
    assert report.added == ["good.png", "ok.png"]
    assert [name for name, _ in report.refused] == [
        "cut.png", "text.png", "empty.jpg", "page.svg", "wide.png", "huge.png", "broken.zip",
        "../up.png", "no.png",
    ]  # fmt: skip
    reasons = dict(report.refused)
    assert reasons["wide.png"] == "it has more than 40 million pixels"
    assert reasons["text.png"] == "it is no picture that can be read"
    with acting(owner):
        assert Asset.objects.filter(project=add.project).count() == 2


def test_a_zip_that_grows_is_stopped(add, monkeypatch):
    monkeypatch.setattr(assets, "BYTES_MAX", 1000)
    report = add(files={"bomb.zip": packed({"a.png": b"\0" * 1_000_000})})
    assert report.refused[0][0] == "a.png"
    assert "larger than" in report.refused[0][1]


def test_the_same_picture_again_changes_nothing_another_is_refused(add):
    first, other = picture(), picture(colour=(0, 0, 0))
    assert add(files={"a.png": first}).added == ["a.png"]
    assert add(files={"a.png": first}).unchanged == ["a.png"]
    assert add(files={"a.png": other}).refused == [
        ("a.png", "another picture has this name already")
    ]


def test_too_many_at_once_takes_none(add, owner, monkeypatch):
    monkeypatch.setattr(assets, "PICTURES_MAX", 2)
    with pytest.raises(Invalid):
        add(files={f"{n}.png": picture() for n in range(3)})
    with acting(owner):
        assert not Asset.objects.filter(project=add.project).exists()


def test_uploaded_pictures_make_rows_good(draft, load, owner, now):
    image = {
        "question": "Which digit?",
        "content": "image",
        "choices": [{"key": "0", "label": "zero"}, {"key": "1", "label": "one"}],
    }
    project = draft(work={"config": image})
    with acting(owner):
        projects.add_assets(
            project_id=project.id, files=[SimpleUploadedFile("a.png", picture())], by=owner, now=now
        )
    assert load(project, b"item_id,image\na,a.png\n").state == "done"


def test_a_viewer_adds_no_pictures(draft, vic, now):
    project = draft()
    with acting(actor_of(vic)) as viewer, pytest.raises(NotAllowed):
        projects.add_assets(project_id=project.id, files=[], by=viewer, now=now)
