"""The build of the style sheet: whole, and nothing while nothing changed."""

from marketplace.runtime import assets


def test_build_makes_sheet_and_font_once():
    assets.build(say=lambda _text: None)
    said: list[str] = []

    again = assets.build(say=said.append)

    assert again is False
    assert said == []
    sheet = (assets.OUTPUT / "css" / "site.css").read_text()
    assert "@layer base" in sheet
    assert 'url("../fonts/figtree-latin-wght-normal.woff2")' in sheet
    assert (assets.OUTPUT / "fonts" / "figtree-latin-wght-normal.woff2").stat().st_size < 40_000
    assert "http:" not in sheet.replace("http://www.w3.org/2000/svg", "")


def test_digest_changes_with_a_source(tmp_path):
    (tmp_path / "a.scss").write_text("a { color: red; }")
    before = assets.digest(tmp_path)

    (tmp_path / "a.scss").write_text("a { color: blue; }")

    assert assets.digest(tmp_path) != before
